"""What a data set is once it is decoded, and how its splits are made."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

VALIDATION_SHARE = 10  # one training image in ten chooses, the other nine train


@dataclass(frozen=True)
class Split:
    """images: (N, H, W, 3) uint8. labels: (N,) int64. masks: (N, H, W) bool, the target, where known."""

    images: Tensor
    labels: Tensor
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """Three splits of one data set. mean, std: per channel over the training pixels, in [0, 1]. flip: whether a
    mirrored picture keeps its label (not so for digits). checksum: SHA-256 over all pictures and labels."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip: bool
    checksum: str


def hash_order(images: np.ndarray) -> np.ndarray:
    """An order that depends on the pictures alone, not on the file system or the archive they came in."""
    digests = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]
    return np.array(sorted(range(len(images)), key=digests.__getitem__), dtype=np.int64)


def validation_rows(labels: np.ndarray) -> np.ndarray:
    """The first tenth of every class, in hash order: stratified, and fixed for good. (N,) bool."""
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen[rows[: max(1, len(rows) // VALIDATION_SHARE)]] = True
    return chosen


def pixel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all pixels, exact; 1 for a channel of one value."""
    levels = np.arange(256) / 255
    mean, std = [], []
    for channel in range(3):
        counts = np.bincount(images[..., channel].ravel(), minlength=256)
        mean.append(float(counts @ levels / counts.sum()))
        std.append(float((counts @ (levels - mean[-1]) ** 2 / counts.sum()) ** 0.5) or 1.0)
    return tuple(mean), tuple(std)


def assemble(name: str, classes, train: Split, test: Split, flip: bool) -> Dataset:
    """Split off the validation part and measure; both splits must be in hash order."""
    labels = train.labels.numpy()
    held = torch.from_numpy(validation_rows(labels))
    digest = hashlib.sha256()
    for split in (train, test):
        digest.update(split.images.numpy().tobytes())
        digest.update(split.labels.numpy().tobytes())
    mean, std = pixel_statistics(train.images.numpy())

    def rows(keep: Tensor) -> Split:
        masks = None if train.masks is None else train.masks[keep]
        return Split(train.images[keep], train.labels[keep], masks)

    return Dataset(name, tuple(classes), rows(~held), rows(held), test, mean, std, flip, digest.hexdigest())
