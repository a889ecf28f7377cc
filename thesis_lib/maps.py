"""What a trained network looks at: gates, attention and class activation, read off without changing it."""

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from .augment import Pictures
from .blocks.slots import BLOCKS
from .data import Dataset, Split
from .errors import ThesisError, choose
from .experiment import Experiment
from .networks import Slot, observed
from .records import Record


def network_of(record: Record) -> nn.Module:
    """The trained network of a record, in evaluation mode. Raises ThesisError without its weights."""
    path = record.folder / "weights.safetensors"
    if not path.exists():
        raise ThesisError(f"가중치가 없다: {path}. 시드 0의 기록을 쓰거나 train --restart로 다시 학습하라.")
    model = Experiment.of(record.data["experiment"]).build(len(record.data["classes"]))
    model.load_state_dict(load_file(path))
    return model.eval()


def inputs_of(split: Split, data: Dataset) -> Tensor:
    """A split's pictures as the network sees them, (N, 3, H, W)."""
    return Pictures(split, data, torch.device("cpu")).plain(slice(None))[0]


@torch.no_grad()
def asked(model: nn.Module, pictures: Tensor, question: str) -> dict[str, np.ndarray]:
    """The answers of all blocks that have the method `question`, each asked with the input that it was given."""
    found: dict[str, np.ndarray] = {}
    able = [p for p, m in model.named_modules() if type(m) in BLOCKS.values() and hasattr(m, question)]
    hooks = {
        p: lambda block, given, _, p=p: found.update({p: getattr(block, question)(given[0]).numpy()}) for p in able
    }
    with observed(model, hooks):
        model(pictures)
    return found


def attention_of(model: nn.Module, pictures: Tensor) -> dict[str, np.ndarray]:
    """Attention weights of every block that has them: {place: (B, heads, N, N)}; row i says where i looks."""
    return asked(model, pictures, "attention")


def gates_of(model: nn.Module, pictures: Tensor) -> dict[str, np.ndarray]:
    """The excitation of every block that has one: {place: (B, C)}."""
    return asked(model, pictures, "gate")


def stage_ends(model: nn.Module) -> dict[int, str]:
    """Where each stage ends: the unit that holds its last slot, {stage: place}."""
    return {m.stage: place.rpartition(".")[0] for place, m in model.named_modules() if isinstance(m, Slot)}


def unit_ends(model: nn.Module) -> list[str]:
    """Every unit that has slots, in order."""
    return list(dict.fromkeys(p.rpartition(".")[0] for p, m in model.named_modules() if isinstance(m, Slot)))


def grad_cam(model: nn.Module, pictures: Tensor, place: str = "", classes: Tensor | None = None) -> Tensor:
    """ReLU(sum_k a_k A^k), (B, h, w): a_k is the mean over positions of the class score's gradient at A^k.

    Selvaraju et al. 2017, equations 1 and 2. place: the module whose output is A (default: where the last
    stage ends). classes: (B,), default: those that are predicted. Raises ThesisError for an unknown place.
    """
    maps, gradient = map_and_gradient(model, pictures, place, classes)
    return (gradient.mean((2, 3), keepdim=True) * maps).sum(1).relu()


def map_and_gradient(model: nn.Module, pictures: Tensor, place: str, classes: Tensor | None) -> tuple[Tensor, Tensor]:
    """A module's output and the gradient of the classes' scores there, both (B, K, h, w)."""
    place = place or list(stage_ends(model).values())[-1]
    choose("자리", place, [name for name, _ in model.named_modules()])
    kept: list[Tensor] = []

    def keep(module, inputs, output):
        kept.append(output)
        return output.clone()  # what follows may write into it

    with observed(model, {place: keep}), torch.enable_grad():
        scores = model(pictures.detach().requires_grad_())
        chosen = scores.argmax(1) if classes is None else classes
        (gradient,) = torch.autograd.grad(scores.gather(1, chosen[:, None]).sum(), kept[0])
    return kept[0].detach(), gradient
