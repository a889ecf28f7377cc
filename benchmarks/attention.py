"""SENet_self's block against the draft's own lines, and how its cost grows."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from thesis_lib.blocks.se_self import SESelf

from .peers import DraftSESelf
from .timing import Comparison, interleaved, peak_memory

CHANNELS, HEADS, REDUCTION = 64, 4, 16
KINDS = ("ours", "draft")
PEER = "timm SE + nn.MultiheadAttention(x, x, x)[0]"


def make(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "ours":
        return SESelf(CHANNELS, reduction=REDUCTION, num_heads=HEADS, zero_start=False)
    return DraftSESelf(CHANNELS, REDUCTION, HEADS)


def work(kind: str, batch: int, tokens: int) -> Callable[[], float]:
    """Forward and backward of one block over square maps; returns the seconds it took."""
    block, side = make(kind), round(tokens**0.5)
    layout = torch.channels_last if kind == "ours" else torch.contiguous_format
    x = torch.randn(batch, CHANNELS, side, side).to(memory_format=layout).requires_grad_()

    def both_ways() -> float:
        began = time.perf_counter()
        block(x).backward(x.detach())
        return time.perf_counter() - began

    return both_ways


def memory(kind: str, batch: int, tokens: int) -> int:
    return peak_memory(work, kind, batch, tokens)


def compare(repeats: int, batch: int = 32, tokens: int = 1024) -> list[Comparison]:
    what = f"SENet_self 블록, N = {tokens}, B = {batch}"
    ours, peer = interleaved(work("ours", batch, tokens), work("draft", batch, tokens), repeats=repeats)
    faster = [[1 / seconds for seconds in figures] for figures in (ours, peer)]
    held = [[memory(kind, batch, tokens) / 2**20 for _ in range(min(repeats, 3))] for kind in KINDS]
    return [
        Comparison(f"{what}: 속도", PEER, "번/초", *faster, 3.5),
        Comparison(f"{what}: 메모리", PEER, "MiB", *held, 1 / 6, at_least=False),
    ]


def growth(repeats: int) -> list[dict[str, object]]:
    """Seconds and MiB against the number of tokens N and against the batch B."""
    rows = []
    for along, cases in (("N", [(32, 64), (32, 256), (32, 1024)]), ("B", [(8, 256), (32, 256), (128, 256)])):
        for batch, tokens in cases:
            both = interleaved(*(work(kind, batch, tokens) for kind in KINDS), repeats=repeats)
            for kind, seconds in zip(KINDS, both, strict=True):
                mib = memory(kind, batch, tokens) / 2**20
                case = {"along": along, "at": {"N": tokens, "B": batch}[along], "of": kind}
                rows.append(case | {"seconds": statistics.median(seconds), "mib": mib})
    return rows
