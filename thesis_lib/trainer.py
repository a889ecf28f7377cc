"""Training: one loop that reads like the algorithm; it resumes to the bit, and a kill loses nothing."""

import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import checkpoint
from .augment import PAD, Pictures
from .cost import cost
from .data import Dataset, load, may_change
from .distillation import Teacher
from .environment import StopRequest, describe, forget_peak, pages_kept, peak_memory_mib, pick_device, torch_explained
from .errors import CannotGoOn, ThesisError
from .experiment import NUMERICS, Experiment
from .metrics import measure, predictions_of
from .progress import progress
from .randomness import seeded
from .recipe import learning_rate, make_optimizer
from .records import DIVERGED, Record, find_record, run_folder, write_record

CHECKPOINT_SECONDS = 60
EVALUATION_BATCH = 500
ADVICE = "learning_rate를 낮추라. 그 앞의 체크포인트는 그대로 있다."


@dataclass
class State:
    """Where a run stands. loss, right: per step of this epoch, on the device; seconds: per epoch."""

    loss: Tensor
    right: Tensor
    epoch: int = 0
    step: int = 0
    history: list[dict] = field(default_factory=list)
    seconds: list[float] = field(default_factory=lambda: [0.0])


@torch.no_grad()
def logits_of(model: nn.Module, pictures: Pictures, autocast) -> Tensor:
    """Logits of a whole split in evaluation mode, (N, classes) float32."""
    model.eval()
    parts = []
    for start in range(0, len(pictures.labels), EVALUATION_BATCH):
        with autocast():
            parts.append(model(pictures.plain(slice(start, start + EVALUATION_BATCH))[0]).float())
    model.train()
    return torch.cat(parts)


class Run:
    """One experiment on one device: network, optimizer, data, and the state between them."""

    def __init__(self, experiment: Experiment, data: Dataset, device: torch.device, results: str | Path):
        self.experiment, self.data, self.device = experiment, data, device
        self.folder = Path(results) / "checkpoints" / experiment.id
        forget_peak(device)
        self.cost = cost(experiment.build(len(data.classes)), experiment.image_size)  # refuses a block that misfits
        self.model = experiment.build(len(data.classes)).to(device, memory_format=torch.channels_last)
        taught = experiment.distillation
        self.teacher = Teacher(experiment, results, self.model, data, device) if taught else None
        self.optimizer = make_optimizer(self.model, experiment)
        self.train = Pictures(data.train, data, device, PAD)
        self.validation = Pictures(data.validation, data, device)
        self.steps = len(data.train) // experiment.batch_size
        if self.steps == 0:
            raise ThesisError(f"batch_size가 학습 영상의 수({len(data.train)})보다 크다. 더 작게 하라.")
        self.total = self.steps * experiment.epochs
        self.warmup = round(self.steps * experiment.warmup_epochs)
        self.state = State(torch.zeros(self.steps, device=device), torch.zeros(self.steps, device=device))
        self.saved, self.environment = time.monotonic(), describe(device)

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.experiment.precision == "bf16")

    def fit(self, stop: StopRequest, show: bool) -> None:
        """The algorithm: for every batch of every epoch, predict, compare, differentiate, step."""
        state, experiment, model = self.state, self.experiment, self.model
        done = state.epoch * self.steps + state.step
        bar = progress(description=experiment.id, unit="걸음", total=self.total, initial=done, show=show)
        while state.epoch < experiment.epochs:
            self.train.epoch(experiment.seed, state.epoch)
            while state.step < self.steps:
                if reason := stop.reason():
                    self.save()
                    raise reason
                began = time.monotonic()
                first = state.step * experiment.batch_size
                pictures, labels = self.train.batch(self.train.order[first : first + experiment.batch_size])
                with self.autocast(), seeded(experiment.seed, "noise", state.epoch, state.step):  # for dropout
                    logits = model(pictures)
                    loss = F.cross_entropy(logits, labels, label_smoothing=experiment.label_smoothing)
                    if self.teacher:
                        loss = self.teacher.loss(pictures, logits, loss)
                self.optimizer.zero_grad()
                loss.backward()
                now = state.epoch * self.steps + state.step
                for group in self.optimizer.param_groups:
                    group["lr"] = learning_rate(now, self.total, self.warmup, experiment.learning_rate)
                self.optimizer.step()
                state.loss[state.step] = loss.detach()
                state.right[state.step] = (logits.argmax(1) == labels).sum()
                state.step += 1
                state.seconds[-1] += time.monotonic() - began
                bar.update()
                if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
                    self.save()
            self.close_epoch()
            bar.set_postfix_str(f"검증 {state.history[-1]['val_accuracy']:.1f} %")
        self.save()  # so that nothing is trained twice if the test split cannot be read now
        bar.close()
        if stop.signal and (reason := stop.reason()):
            raise reason

    def close_epoch(self) -> None:
        """Validate, and move on to the next epoch."""
        began, state = time.monotonic(), self.state
        self.refuse_infinite()
        logits = logits_of(self.model, self.validation, self.autocast)
        loss = F.cross_entropy(logits, self.validation.labels).item()
        if not math.isfinite(loss):
            raise CannotGoOn(f"검증 손실이 유한하지 않다: {state.epoch + 1}번째 에폭의 끝. {ADVICE}")
        state.history.append({
            "epoch": state.epoch + 1, "train_loss": state.loss.double().mean().item(),
            "train_accuracy": 100 * state.right.double().sum().item() / (self.steps * self.experiment.batch_size),
            "val_loss": loss, "val_accuracy": 100 * (logits.argmax(1) == self.validation.labels).double().mean().item(),
        })  # fmt: skip
        state.epoch, state.step = state.epoch + 1, 0
        state.seconds[-1] += time.monotonic() - began
        state.seconds.append(0.0)

    def refuse_infinite(self) -> None:
        state = self.state
        if len(bad := (~state.loss[: state.step].isfinite()).nonzero()):
            raise CannotGoOn(f"손실이 유한하지 않다: {state.epoch + 1}번째 에폭의 {int(bad[0]) + 1}번째 걸음. {ADVICE}")

    def save(self) -> None:
        self.refuse_infinite()
        state = self.state
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {"state.loss": state.loss, "state.right": state.right}
        for name, parameter in self.model.named_parameters():
            if buffer := self.optimizer.state.get(parameter):
                tensors[f"momentum.{name}"] = buffer["momentum_buffer"]
        place = {"epoch": state.epoch, "step": state.step, "history": state.history, "seconds": state.seconds}
        place |= {"data": self.data.checksum, "environment": self.environment}
        checkpoint.save(self.folder, state.epoch * self.steps + state.step, tensors, place)
        self.saved = time.monotonic()

    def resume(self) -> None:
        """Go on from the newest whole checkpoint, if there is one. Raises CannotGoOn where the data are others now."""
        if (found := checkpoint.latest(self.folder)) is None:
            return
        tensors, place = found
        if place.pop("data", self.data.checksum) != self.data.checksum:
            raise CannotGoOn(f"체크포인트를 만든 뒤에 자료가 바뀌었다: {self.folder}. --restart로 처음부터 하라.")
        then = place.pop("environment", {})
        for name, now in self.environment.items():  # a run that moved names every place
            places = dict.fromkeys([*str(then.get(name, now)).split(", "), str(now)])
            self.environment[name] = ", ".join(places) if len(places) > 1 else now
        part: dict[str, dict[str, Tensor]] = {kind: {} for kind in ("model", "momentum", "state")}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition(".")
            part[kind][rest] = tensor.to(self.device)
        self.model.load_state_dict(part["model"])
        for name, parameter in self.model.named_parameters():
            if name in part["momentum"]:
                buffer = torch.empty_like(parameter).copy_(part["momentum"][name])
                self.optimizer.state[parameter] = {"momentum_buffer": buffer}
        self.state = State(part["state"]["loss"], part["state"]["right"], **place)

    def record(self) -> tuple[dict, dict[str, np.ndarray]]:
        """What is kept of the finished run. The test split is read here, once."""
        data, experiment, state = self.data, self.experiment, self.state
        test = Pictures(data.test, data, self.device)
        logits = logits_of(self.model, test, self.autocast).cpu()
        labels, classes = data.test.labels, len(data.classes)
        predictions = predictions_of(logits, labels)
        seconds = state.seconds[: experiment.epochs]
        splits = {s: len(getattr(data, s)) for s in ("train", "validation", "test")}
        result = measure(predictions, classes) | {"test_loss": F.cross_entropy(logits, labels).item()}
        last = {key: value for key, value in state.history[-1].items() if key != "epoch"}
        clock = {
            "seconds": sum(seconds), "seconds_per_epoch": sum(seconds) / len(seconds),
            "peak_memory_mib": peak_memory_mib(self.device),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "epoch_seconds": seconds,
        }  # fmt: skip
        return {
            "id": experiment.id, "numerics": NUMERICS, "experiment": experiment.config(),
            "result": result | last, "history": state.history, "classes": list(data.classes), "cost": asdict(self.cost),
            "data": {"checksum": data.checksum, "mean": data.mean, "std": data.std, **splits},
            "environment": self.environment, "time": clock,
        }, predictions  # fmt: skip


@torch_explained()
@pages_kept()
def train(
    experiment: Experiment, results: str | Path = "results", resume: bool = True, *, root: str | Path = "data",
    device: str | None = None, deadline: float | None = None, show: bool = True,
) -> Record:  # fmt: skip
    """Run an experiment to its record; return the record that is there if it has been run.

    results: records go to `results/runs/<id>`, checkpoints to `results/checkpoints/<id>`. resume: go on from a
    checkpoint. root: folder of the data. device: "cpu" or "cuda" (default: a GPU if there is one). deadline:
    `time.monotonic()` value before which to stop. Raises Stopped when stopped by it or by a signal (state kept), Busy
    where another process has the run, ThesisError for a user's mistake."""
    if resume and (record := find_record(results, experiment.id)):
        if may_change(experiment.dataset, root):
            record.refuse_other(load(experiment.dataset, root, experiment.image_size).checksum)
        return record
    data = load(experiment.dataset, root, experiment.image_size)  # a mistake shows before anything is written
    run = Run(experiment, data, pick_device(device), results)
    checkpoint.refuse_unwritable(Path(results) / "runs")
    with checkpoint.only_one(run.folder):
        if resume and (record := find_record(results, experiment.id)):  # another process may just have ended it
            return record
        if not resume:
            checkpoint.remove(run.folder)
            for name in ("record.json", DIVERGED):
                (run_folder(results, experiment.id) / name).unlink(missing_ok=True)
        run.resume()
        with StopRequest(deadline) as stop:
            try:
                run.fit(stop, show)
            except CannotGoOn as error:
                told = {"id": experiment.id, "experiment": experiment.config(), "reason": str(error)}
                checkpoint.write_atomically(run_folder(results, experiment.id) / DIVERGED, checkpoint.sealed(told))
                raise
        content, predictions = run.record()
        record = write_record(results, content, predictions, checkpoint.packed(run.model.state_dict()))
        checkpoint.remove(run.folder)
        return record
