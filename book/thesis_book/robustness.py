"""Accuracy under corruptions made on the fly, the same pixels for every arm."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from thesis_lib.checkpoint import write_atomically
from thesis_lib.data import Dataset
from thesis_lib.maps import network_of
from thesis_lib.progress import progress
from thesis_lib.randomness import generator
from thesis_lib.records import Record

from .trained import data_of, kept

BATCH = 500
PICTURES = 2000  # the first of the test split; in hash order that is a random part, the same for all arms
FILE = "robustness.json"


def noise(x: Tensor, deviation: float) -> Tensor:
    """Gaussian noise; one draw for all arms."""
    return x + deviation * torch.randn(x.shape, generator=generator("noise", deviation))


def blur(x: Tensor, deviation: float) -> Tensor:
    from torchvision.transforms.v2.functional import gaussian_blur  # slow to import, and pages need the names alone

    return gaussian_blur(x, kernel_size=[7, 7], sigma=[deviation, deviation])


def brightness(x: Tensor, shift: float) -> Tensor:
    return x + shift


def contrast(x: Tensor, factor: float) -> Tensor:
    """Distances to the picture's own mean, shrunk."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + factor * (x - mean)


def pixelate(x: Tensor, factor: float) -> Tensor:
    """Smoothly down to `factor` of its size, and back in squares, nothing moved to a side."""
    sides = [round(factor * side) for side in x.shape[2:]]
    small = F.interpolate(x, size=sides, mode="bilinear", antialias=True)
    return F.interpolate(small, size=x.shape[2:], mode="nearest-exact")


def jpeg(x: Tensor, quality: int) -> Tensor:
    pixels = (255 * x).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    decoded = []
    for picture in pixels:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).float() / 255


# five strengths each, from weak to strong; pictures are in [0, 1]. Kinds: Hendrycks and Dietterich 2019
CORRUPTIONS: dict[str, tuple[str, Callable[..., Tensor], tuple[float, ...]]] = {
    "noise": ("가우스 잡음", noise, (0.04, 0.06, 0.08, 0.10, 0.14)),
    "blur": ("흐림", blur, (0.4, 0.6, 0.8, 1.0, 1.4)),
    "brightness": ("밝기", brightness, (0.1, 0.15, 0.2, 0.3, 0.4)),
    "contrast": ("대비", contrast, (0.7, 0.5, 0.4, 0.3, 0.2)),
    "pixelate": ("화소 뭉침", pixelate, (0.9, 0.75, 0.65, 0.5, 0.35)),
    "jpeg": ("JPEG 압축", jpeg, (80, 60, 45, 30, 20)),
}


def corrupted(images: Tensor, kind: str, strength: int) -> Tensor:
    """Pictures (N, H, W, 3) uint8 under a corruption of strength 1 to 5: (N, 3, H, W) in [0, 1], 8 bits deep."""
    _, change, levels = CORRUPTIONS[kind]
    x = images.permute(0, 3, 1, 2).float() / 255
    return (255 * change(x, levels[strength - 1]).clamp(0, 1)).round() / 255


@torch.no_grad()
def accuracies(record: Record, data: Dataset, show: bool = True) -> dict[str, list[float]]:
    """Accuracy in percent of a record's network on `PICTURES` test pictures, for every corruption and strength."""
    model = network_of(record).to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(values)[:, None, None] for values in (data.mean, data.std))
    images, labels = data.test.images[:PICTURES], data.test.labels[:PICTURES]
    bar = progress(description=record.id, unit="묶음", total=5 * len(CORRUPTIONS), show=show)
    found: dict[str, list[float]] = {}
    for kind in CORRUPTIONS:
        found[kind] = []
        for strength in range(1, 6):
            right = 0
            for start in range(0, len(labels), BATCH):
                part = slice(start, start + BATCH)
                x = (corrupted(images[part], kind, strength) - mean) / std
                x = x.contiguous(memory_format=torch.channels_last)
                right += int((model(x).argmax(1) == labels[part]).sum())
            found[kind].append(100 * right / len(labels))
            bar.update()
    bar.close()
    return found


def measure(record: Record, root: str | Path = "data", show: bool = True) -> None:
    """Measure a record that has weights and write the figures beside it; what is measured is left alone."""
    if kept(record, FILE):
        return
    data = data_of(record, root)
    found = {"weights_sha256": record.data["weights_sha256"], "accuracy": accuracies(record, data, show)}
    write_atomically(record.folder / FILE, json.dumps(found, indent=1).encode())


def measured(records: list[Record]) -> pd.DataFrame:
    """A row a run, corruption and strength: arm, seed, kind, strength, accuracy, and `clean`, without corruption."""
    rows = []
    for record in records:
        if (found := kept(record, FILE)) is None:
            continue
        experiment, clean = record.data["experiment"], 100 * float(record.right[:PICTURES].mean())
        for kind, values in found["accuracy"].items():
            for strength, value in enumerate(values, start=1):
                row = {"id": record.id, "arm": experiment["arm"], "seed": experiment["seed"], "kind": kind}
                rows.append(row | {"strength": strength, "accuracy": value, "clean": clean})
    return pd.DataFrame(rows, columns=["id", "arm", "seed", "kind", "strength", "accuracy", "clean"])
