"""What a trained network looks at: weights of a record, and what its blocks attend to."""

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from .augment import Pictures
from .blocks.slots import BLOCKS
from .data import Dataset, Split
from .errors import ThesisError
from .experiment import Experiment
from .records import Record


def network_of(record: Record) -> nn.Module:
    """The trained network of a record, in evaluation mode. Raises ThesisError without its weights."""
    path = record.folder / "weights.safetensors"
    if not path.exists():
        raise ThesisError(f"가중치가 없다: {path}. 시드 0의 기록을 쓰거나 다시 학습하라.")
    model = Experiment.of(record.data["experiment"]).build(len(record.data["classes"]))
    model.load_state_dict(load_file(path))
    return model.eval()


def inputs_of(split: Split, data: Dataset) -> Tensor:
    """A split's pictures as the network sees them, (N, 3, H, W)."""
    return Pictures(split, data, torch.device("cpu")).plain(slice(None))[0]


@torch.no_grad()
def attention_of(model: nn.Module, pictures: Tensor) -> dict[str, np.ndarray]:
    """Attention weights of every block that has them: {place: (B, heads, N, N)}.

    The network is not changed: each block is asked again with the input that it was given.
    """
    found: dict[str, np.ndarray] = {}
    hooks = [
        module.register_forward_hook(
            lambda block, inputs, _, name=name: found.update({name: block.attention(inputs[0]).numpy()})
        )
        for name, module in model.named_modules()
        if type(module) in BLOCKS.values() and hasattr(module, "attention")
    ]
    try:
        model(pictures)
    finally:
        for hook in hooks:
            hook.remove()
    return found
