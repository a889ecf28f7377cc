"""The trainer's rate on a GPU: the main networks, and what deterministic algorithms cost."""

from contextlib import contextmanager
from functools import partial

import torch

from thesis_lib import Experiment

from .loop import random_pictures, rate, training_run
from .timing import Comparison, Limit, interleaved

BATCH, STEPS = 512, 40


@contextmanager
def deterministic(on: bool):
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(on)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def measure(repeats: int) -> dict[str, object]:
    data = random_pictures((STEPS + 1) * (2 * repeats + 4) * BATCH)

    def experiment(arm: str) -> Experiment:
        options = {"attention_stages": [3, 4]} if arm == "senet_self" else {}
        return Experiment("random", "resnet18", arm, epochs=1, batch_size=BATCH, precision="bf16", options=options)

    with (
        training_run(experiment("resnet"), data, "cuda") as plain,
        training_run(experiment("senet_self"), data, "cuda") as attentive,
    ):

        def free() -> float:
            with deterministic(False):
                return rate(plain, STEPS)

        measures = partial(rate, plain, STEPS), partial(rate, attentive, STEPS), free
        resnet, senet_self, undetermined = interleaved(*measures, repeats=repeats)
    return {
        "comparisons": [
            Comparison("senet_self(마지막 두 단계)", "resnet", "영상/초", senet_self, resnet, 0.75).row(),
            Comparison("결정론적 알고리즘", "비결정론적 알고리즘", "영상/초", resnet, undetermined, 0.0).row(),
        ],
        "limits": [Limit("영상 한 장의 학습, resnet18", "초", [1 / r for r in resnet], 1 / 30_000).row()],
    }
