"""What many tests need: weights drawn anew, sentences in Korean, small experiments and pictures."""

import re

import numpy as np
import torch
from PIL import Image
from torch import nn

from thesis_lib import Experiment

EXACT = {"rtol": 0, "atol": 0}
PATIENCE = 120_000  # milliseconds that a page of the book may take where other tests run too


@torch.no_grad()
def redraw(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and every running statistic anew, so that no zero, one or equal start hides a fault."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 4
        drawn = torch.randn(parameter.shape, generator=generator) / fan_in**0.5
        parameter.copy_(drawn if parameter.ndim > 1 else drawn + 0.5)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator))
        elif name.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return model


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def draw(*shape: int, seed: int = 0, dtype=torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def korean_sentence(error: object) -> str:
    """The message, after a check that it is one line of Korean that ends as a sentence does."""
    text = str(error).strip()
    assert len(text.splitlines()) == 1, text
    assert re.search("[가-힣]", text), text
    assert re.search(r"[.)]$|--help$", text), text
    return text


def tiny(**changes) -> Experiment:
    """36 pictures of 8 x 8 (see the fixture `pictures`), two epochs of four steps: under a second."""
    values = {"dataset": "tiny", "network": "resnet8", "arm": "senet_self", "epochs": 2, "batch_size": 8}
    return Experiment.of(values | {"image_size": 8, "learning_rate": 0.05} | changes)


def write_pictures(folder, classes=("가지", "나비"), train=20, test=10, size=8, suffix="png", seed=0):
    """A folder of pictures that can be learnt: each class has a colour of its own, under noise."""
    random = np.random.default_rng(seed)
    for split, count in (("train", train), ("test", test)):
        for number, name in enumerate(classes):
            place = folder / split / name
            place.mkdir(parents=True)
            for index in range(count):
                pixels = random.integers(0, 160, (size, size, 3), dtype=np.uint8)
                pixels[..., number % 3] += 90
                Image.fromarray(pixels).save(place / f"{index:03d}.{suffix}")
    return folder


def train_command(root, results, experiment: Experiment | None = None) -> list[str]:
    """The arguments of `python -m thesis_lib` that train `tiny()`, or another experiment, on one thread."""
    arguments = ["train", "--root", str(root), "--results", str(results), "--device", "cpu", "--threads", "1"]
    for name, value in (experiment or tiny()).config().items():
        if name != "options":
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    return arguments


def allocate(mib: int):
    """Work that needs so many MiB; here because a new process imports the file that it comes from."""
    return lambda: bytearray(mib * 2**20)
