"""A step of training, and augmentation alone, against the loop that people copy."""

import time
from collections.abc import Callable
from functools import partial
from itertools import islice

import torch
from torch import nn

from thesis_lib import Experiment
from thesis_lib.augment import PAD, Pictures
from thesis_lib.cost import cost

from .loop import random_pictures, rate, training_run
from .peers import copied_loop, loader, network
from .timing import Comparison, interleaved

BATCH = 128
CPU = torch.device("cpu")
PEER = "DataLoader(작업자 2) + torchvision 변환, NCHW"


def peer_rate(model: nn.Module, batches, optimizer, steps: int) -> float:
    """Pictures a second of the copied loop; its workers have started and filled their queue before."""
    iterator = iter(batches)
    next(iterator)
    began = time.perf_counter()
    copied_loop(model, islice(iterator, steps), optimizer, CPU)
    return steps * BATCH / (time.perf_counter() - began)


def whole_step(name: str, arm: str, goal: float, steps: int, repeats: int, *more: Callable[[], float]):
    """Whole training steps of both, and the figures of further measures taken in the same turns."""
    data = random_pictures((steps + 1) * (repeats + 2) * BATCH)
    peer = network(arm, name)
    optimizer = torch.optim.SGD(peer.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    with training_run(Experiment("random", name, arm, epochs=1), data) as run:
        measures = partial(rate, run, steps), partial(peer_rate, peer, loader(data, BATCH), optimizer, steps)
        ours, theirs, *others = interleaved(*measures, *more, repeats=repeats)
    return Comparison(f"학습 걸음, {name} {arm}", PEER, "영상/초", ours, theirs, goal), others


def matmul_rate(size: int = 2048, repeats: int = 4) -> float:
    """Billions of multiply-accumulates a second of a large matrix product."""
    a, b = torch.randn(2, size, size).unbind(0)
    began = time.perf_counter()
    for _ in range(repeats):
        a @ b
    return repeats * size**3 / 1e9 / (time.perf_counter() - began)


def augmentation_rate(pictures: Pictures) -> float:
    began = time.perf_counter()
    for rows in pictures.order.split(BATCH):
        pictures.batch(rows)
    return len(pictures.order) / (time.perf_counter() - began)


def loader_rate(batches) -> float:
    iterator = iter(batches)
    next(iterator)
    began = time.perf_counter()
    count = sum(len(labels) for _, labels in iterator)
    return count / (time.perf_counter() - began)


def measure(repeats: int) -> dict[str, object]:
    small = [whole_step("resnet20", arm, 1.8, 4, repeats)[0] for arm in ("resnet", "senet", "senet_self")]
    large, [peak] = whole_step("resnet18", "resnet", 1.4, 1, repeats, matmul_rate)
    macs = 3 * cost(Experiment("random", "resnet18", "resnet").build(10), 32).macs / 1e9  # once forward, twice backward
    used = Comparison(
        "곱셈-누산, resnet18의 걸음과 2048차 행렬 곱",
        "2048차 행렬 곱",
        "GMAC/초",
        [r * macs for r in large.ours],
        peak,
        0.7,
    )
    data = random_pictures(40 * BATCH)
    pictures = Pictures(data.train, data, CPU, PAD)
    pictures.epoch(0, 0)
    measures = partial(augmentation_rate, pictures), partial(loader_rate, loader(data, BATCH))
    ours, theirs = interleaved(*measures, repeats=repeats)
    seconds, step = [1 / figure for figure in ours], [1 / figure for figure in small[0].ours]
    share = Comparison(
        "시간, 증강과 resnet20 resnet의 걸음", "resnet20 resnet의 걸음", "초/영상", seconds, step, 0.03, at_least=False
    )
    found = [*small, large, used, Comparison("증강", PEER, "영상/초", ours, theirs, 12), share]
    return {"comparisons": [comparison.row() for comparison in found]}
