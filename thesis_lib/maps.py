"""What a trained network looks at: gates, attention and class activation, read off without changing it."""

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from .augment import Pictures
from .blocks.slots import BLOCKS
from .data import Dataset, Split
from .experiment import Experiment
from .networks import observed
from .records import Record


def network_of(record: Record) -> nn.Module:
    """The trained network of a record, in evaluation mode. Raises ThesisError without its own weights."""
    weights = load_tensors(record.file("weights.safetensors"))
    model = Experiment.of(record.data["experiment"]).build(len(record.data["classes"]))
    model.load_state_dict(weights)
    return model.eval()


def inputs_of(split: Split, data: Dataset) -> Tensor:
    """A split's pictures as the network sees them, (N, 3, H, W)."""
    return Pictures(split, data, torch.device("cpu")).plain(slice(None))[0]


@torch.no_grad()
def asked(model: nn.Module, pictures: Tensor, question: str) -> dict[str, np.ndarray]:
    """The answers of all blocks that have the method `question`, each asked with the input that it was given."""
    found: dict[str, np.ndarray] = {}
    able = [p for p, m in model.named_modules() if type(m) in BLOCKS.values() and hasattr(type(m), question)]
    hooks = {p: lambda b, given, _, p=p: found.update({p: getattr(b, question)(given[0]).numpy()}) for p in able}
    with observed(model, hooks):
        model(pictures)
    return found


def attention_of(model: nn.Module, pictures: Tensor) -> dict[str, np.ndarray]:
    """Attention weights of every block that has them: {place: (B, heads, N, N)}; row i says where i looks."""
    return asked(model, pictures, "attention")


def gates_of(model: nn.Module, pictures: Tensor) -> dict[str, np.ndarray]:
    """The excitation of every block that has one: {place: (B, C)}, without a squeeze (B, H, W, C)."""
    return asked(model, pictures, "gate")


def stage_ends(model: nn.Module) -> dict[int, str]:
    """Where each stage ends: the unit that holds its last slot, {stage: place}."""
    return {m.in_stage: place.rpartition(".")[0] for place, m in model.named_modules() if hasattr(m, "in_stage")}


def unit_ends(model: nn.Module) -> list[str]:
    """Every unit that has slots, in order."""
    return list(dict.fromkeys(p.rpartition(".")[0] for p, m in model.named_modules() if hasattr(m, "in_stage")))
