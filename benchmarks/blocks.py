"""What every block costs in time: a training step of a network that has it in all stages, beside the bare network's."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from thesis_lib import BLOCKS, build
from thesis_lib.environment import pages_kept

from .timing import interleaved

NETWORK, BATCH = "resnet8", 64


def step(model: nn.Module) -> Callable[[], float]:
    """Forward and backward of one batch; returns the seconds it took."""
    model = model.to(memory_format=torch.channels_last)
    x = torch.randn(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH) % 10

    def both_ways() -> float:
        began = time.perf_counter()
        F.cross_entropy(model(x), labels).backward()
        return time.perf_counter() - began

    return both_ways


@pages_kept()  # as in training
def measure(repeats: int, names=None) -> dict[str, object]:
    bare, rows = step(build("resnet", NETWORK)), []
    for name in sorted(BLOCKS) if names is None else names:
        with_block, without = interleaved(step(build(name, NETWORK)), bare, repeats=repeats)
        factors = [a / b for a, b in zip(with_block, without, strict=True)]
        rows.append({"name": name, "factor": statistics.median(factors), "low": min(factors), "high": max(factors)})
    return {"network": NETWORK, "relative": rows}
