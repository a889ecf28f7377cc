"""What a trained teacher adds to the loss: soft labels, or where it attends (in the sense of activations)."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .errors import ThesisError
from .experiment import Experiment
from .maps import network_of, stage_ends, unit_ends
from .records import find_record


def soft_label_loss(logits: Tensor, taught: Tensor, hard: Tensor, temperature: float, alpha: float) -> Tensor:
    """alpha T^2 KL(p_T || p_S) + (1 - alpha) `hard`, p = softmax(logits / T), the mean over the batch. Hinton et al.
    2015, in the weighting of Zagoruyko and Komodakis' code. logits, taught: (B, classes)."""
    student, teacher = (F.log_softmax(scores / temperature, dim=1) for scores in (logits, taught))
    divergence = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return alpha * temperature**2 * divergence + (1 - alpha) * hard


def attention_map(activation: Tensor) -> Tensor:
    """Q / ||Q||_2 with Q = mean over channels of A^2: (B, C, H, W) -> (B, H W) (Zagoruyko and Komodakis 2017)."""
    return F.normalize(activation.square().mean(1).flatten(1), dim=1)


def attention_transfer_loss(student: list[Tensor], teacher: list[Tensor], hard: Tensor, beta: float) -> Tensor:
    """`hard` + beta sum over places of the mean square of Q_S / ||Q_S|| - Q_T / ||Q_T||. As the authors' code has it;
    the paper writes beta / 2 times the norm of the difference."""
    gaps = [(attention_map(s) - attention_map(t)).square().mean() for s, t in zip(student, teacher, strict=True)]
    return hard + beta * torch.stack(gaps).sum()


class Teacher:
    """A trained network beside the one that learns; `loss` takes the place of cross entropy."""

    def __init__(self, experiment: Experiment, results: str | Path, student: nn.Module, data, device: torch.device):
        self.given: dict[str, Any] = experiment.distillation
        if (record := find_record(results, str(self.given["teacher"]))) is None:
            raise ThesisError(f"교사의 기록이 없다: {results}/runs/{self.given['teacher']}. 교사를 먼저 학습하라.")
        theirs = (record.data["data"]["checksum"], record.data["experiment"]["image_size"])
        if theirs != (data.checksum, experiment.image_size):  # it sees the student's pictures
            raise ThesisError(f"교사 {record.id}와 학생의 자료나 image_size가 다르다. 다른 교사를 쓰라.")
        self.network = network_of(record).to(device).to(memory_format=torch.channels_last)
        self.maps: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})  # the last batch's: student, teacher
        if self.given["method"] == "attention_transfer":
            at, both = self.given["at"], (student, self.network)
            ends = [unit_ends(model) if at == "units" else [*stage_ends(model).values()] for model in both]
            if (counts := [len(places) for places in ends])[0] != counts[1]:
                raise ThesisError(f"학생과 교사의 {at} 수가 다르다({counts}). 다른 at이나 다른 교사를 쓰라.")
            for model, places, kept in zip(both, ends, self.maps, strict=True):
                for place in places:
                    keep = lambda _, __, output, kept=kept, place=place: kept.update({place: output})  # noqa: E731
                    model.get_submodule(place).register_forward_hook(keep)

    def loss(self, pictures: Tensor, logits: Tensor, hard: Tensor) -> Tensor:
        """The loss of a batch that the student has just seen; hard: its cross entropy."""
        with torch.no_grad():
            taught = self.network(pictures)
        if self.given["method"] == "soft_labels":
            return soft_label_loss(logits, taught, hard, self.given["temperature"], self.given["alpha"])
        student, teacher = (list(kept.values()) for kept in self.maps)
        if any(s.shape[2:] != t.shape[2:] for s, t in zip(student, teacher, strict=True)):
            raise ThesisError("학생과 교사의 맵 크기가 같은 자리에서 다르다. 다른 교사나 soft_labels를 쓰라.")
        return attention_transfer_loss(student, teacher, hard, self.given["beta"])
