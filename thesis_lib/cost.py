"""What a network costs: parameters and multiply-accumulates, in closed form."""

from dataclasses import dataclass
from numbers import Integral

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .blocks import BLOCKS
from .blocks.slots import macs_of
from .errors import ThesisError
from .networks import observed


@dataclass(frozen=True)
class Cost:
    """parameters: count. macs: multiply-accumulates for one picture. exact: no part had to be counted."""

    parameters: int
    macs: int
    exact: bool


def counted_macs(module: nn.Module, shape) -> int:
    """What torch's counter sees in one forward pass of a block without a `macs` of its own."""
    with FlopCounterMode(display=False) as counter, torch.enable_grad():  # without gradients it misses attention
        module.forward(torch.zeros(1, *shape))  # not module(...), which would call the hook that called this
    return counter.get_total_flops() // 2


def cost(model: nn.Module, image_size: int = 32) -> Cost:
    """Parameters and MACs of one forward pass (convolutions, linear layers and attention products). Norms, activations,
    pooling and the gate's multiplication are not counted, as is usual."""
    total, exact = 0, True
    blocks = tuple(BLOCKS.values())
    inner = {id(m) for b in model.modules() if isinstance(b, blocks) for m in b.modules() if m is not b}

    def count(module, inputs, output):
        nonlocal total, exact
        shapes = [tuple(getattr(x, "shape", [type(x).__name__])) for x in (inputs[0], output)]
        if isinstance(module, blocks) and shapes[0] != shapes[1]:
            told = f"블록 {type(module).__name__}이(가) 맵의 모양을 바꾼다"
            raise ThesisError(f"{told}({shapes[0]} → {shapes[1]}). 같은 모양을 내야 한다.")
        _, channels, height, width = inputs[0].shape if inputs[0].ndim == 4 else (1, inputs[0].shape[1], 1, 1)
        if isinstance(module, nn.Conv2d):
            total += module.weight.numel() * output.shape[2] * output.shape[3]
        elif isinstance(module, nn.Linear):
            total += module.weight.numel()
        elif macs := macs_of(type(module)):
            try:
                said = macs(channels, height, width, **module.plugged_with)
            except TypeError as error:
                said = error
            if not isinstance(said, Integral) or not 0 <= said < 2**63:
                told = "@staticmethod macs(channels, height, width, **선택 사항) 꼴이고 0 이상의 정수를 내야 한다"
                raise ThesisError(f"블록 {type(module).__name__}의 macs는 {told}({said!r}).")
            total += int(said)
        else:
            exact = False
            total += counted_macs(module, inputs[0].shape[1:])

    counted = (nn.Conv2d, nn.Linear, *blocks)
    places = [p for p, m in model.named_modules() if isinstance(m, counted) and id(m) not in inner]
    with observed(model, dict.fromkeys(places, count)), torch.no_grad():
        model(torch.zeros(1, 3, image_size, image_size))
    return Cost(sum(p.numel() for p in model.parameters()), total, exact)
