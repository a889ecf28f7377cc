"""SENet_self's block against the draft's own lines, and how its cost grows."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from thesis_lib.blocks.se_self import SESelf

from .peers import DraftSESelf
from .timing import Comparison, interleaved, peak_memory

CHANNELS, HEADS, REDUCTION = 64, 4, 16
CASES = [("N", 32, 64), ("N", 32, 256), ("N", 32, 1024), ("B", 8, 256), ("B", 32, 256), ("B", 128, 256)]
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


def speed(repeats: int, batch: int, tokens: int) -> Comparison:
    both = interleaved(*(work(kind, batch, tokens) for kind in KINDS), repeats=repeats)
    ours, draft = ([1 / seconds for seconds in figures] for figures in both)
    return Comparison(f"SENet_self 블록, N = {tokens}, B = {batch}: 속도", PEER, "번/초", ours, draft, 3.5)


def held(repeats: int, batch: int, tokens: int) -> Comparison:
    ours, draft = ([memory(kind, batch, tokens) / 2**20 for _ in range(repeats)] for kind in KINDS)
    what = f"SENet_self 블록, N = {tokens}, B = {batch}: 메모리"
    return Comparison(what, PEER, "MiB", ours, draft, 1 / 6, at_least=False)


def kernel_share(batch: int, tokens: int) -> float:
    """The part of our block's time that is spent inside torch's fused attention."""
    both_ways = work("ours", batch, tokens)
    both_ways()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        both_ways()
    times = {event.key: event.self_cpu_time_total for event in seen.key_averages()}
    return sum(time for key, time in times.items() if "scaled_dot_product" in key) / sum(times.values())


def factor_with_kept_pages(repeats: int, batch: int, tokens: int) -> float:
    """Our speed over the draft's where memory once got from the system is kept (glibc), not given back."""
    keep = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_TOP_PAD_": str(2**31)}
    command = f"from benchmarks.attention import speed; print(speed({repeats}, {batch}, {tokens}).row()['factor'])"
    done = subprocess.run(
        [sys.executable, "-c", command], env=os.environ | keep, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def growth(repeats: int, cases) -> list[dict[str, object]]:
    """Seconds and MiB against the number of tokens N and against the batch B."""
    rows = []
    for along, batch, tokens in cases:
        both = interleaved(*(work(kind, batch, tokens) for kind in KINDS), repeats=repeats)
        for kind, seconds in zip(KINDS, both, strict=True):
            case = {"along": along, "at": {"N": tokens, "B": batch}[along], "of": kind}
            mib = memory(kind, batch, tokens) / 2**20
            rows.append(case | {"seconds": statistics.median(seconds), "mib": mib})
    return rows


def measure(repeats: int, batch: int = 32, tokens: int = 1024, cases=CASES) -> dict[str, object]:
    return {
        "comparisons": [speed(repeats, batch, tokens).row(), held(min(repeats, 3), batch, tokens).row()],
        "cause": {
            "kernel_share": kernel_share(batch, tokens),
            "factor_with_kept_pages": factor_with_kept_pages(repeats, batch, tokens),
        },
        "growth": growth(repeats, cases),
    }
