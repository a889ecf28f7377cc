"""The trainer's own loop, timed step by step on random pictures."""

import tempfile
import time
from contextlib import contextmanager

import torch

from thesis_lib import Experiment
from thesis_lib.data import Dataset, Split
from thesis_lib.errors import Stopped
from thesis_lib.trainer import Run


def random_pictures(count: int) -> Dataset:
    """Random pictures of CIFAR's size: pixels do not matter to speed."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=draw)
    split = Split(images, torch.randint(0, 10, (count,), generator=draw))
    few = Split(images[:500], split.labels[:500])
    return Dataset("random", tuple("abcdefghij"), split, few, few, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), True, "")


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


class StopAfter:
    """Stands where the trainer asks whether to stop: lets some steps pass and times them."""

    def __init__(self, steps: int, device: torch.device):
        self.steps, self.device, self.asked = steps, device, 0

    def reason(self) -> Stopped | None:
        if self.asked in (0, self.steps):
            synchronize(self.device)
        if self.asked == 0:
            self.began = time.perf_counter()
        if self.asked == self.steps:
            self.seconds = time.perf_counter() - self.began
            return Stopped("", 0)
        self.asked += 1
        return None


@contextmanager
def training_run(experiment: Experiment, data: Dataset, device: str = "cpu"):
    with tempfile.TemporaryDirectory() as folder:
        yield Run(experiment, data, torch.device(device), folder)


def rate(run: Run, steps: int) -> float:
    """Pictures a second of the trainer's loop over its next `steps` steps."""
    stop = StopAfter(steps, run.device)
    try:
        run.fit(stop, show=False)
    except Stopped:
        return steps * run.experiment.batch_size / stop.seconds
    raise RuntimeError("the run ended before the measure")
