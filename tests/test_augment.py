"""Batched augmentation against one picture at a time, and the draws it depends on."""

import numpy as np
import pytest
import torch
from helpers import EXACT, tiny

from thesis_lib.augment import PAD, Pictures
from thesis_lib.data import Dataset, Split, load
from thesis_lib.trainer import Run

CPU = torch.device("cpu")


def some(count: int = 200, size: int = 9, flip: bool = True) -> Dataset:
    random = np.random.default_rng(4)
    images = torch.from_numpy(random.integers(0, 256, (count, size, size, 3), dtype=np.uint8))
    split = Split(images, torch.arange(count) % 7)
    return Dataset("some", tuple("abcdefg"), split, split, split, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), flip, "")


def augmenter(data: Dataset, seed: int, epoch: int) -> Pictures:
    pictures = Pictures(data.train, data, CPU, PAD)
    pictures.epoch(seed, epoch)
    return pictures


def one_by_one(data: Dataset, index: int, top: int, left: int, flip: bool) -> np.ndarray:
    """Zero padding by 4, crop at (top, left), mirror, scale to [0, 1], normalise: a single picture."""
    image = data.train.images[index].numpy()
    height, width, _ = image.shape
    padded = np.zeros((height + 8, width + 8, 3))
    padded[4 : 4 + height, 4 : 4 + width] = image
    cropped = padded[top : top + height, left : left + width]
    if flip:
        cropped = cropped[:, ::-1]
    return ((cropped / 255 - np.array(data.mean)) / np.array(data.std)).transpose(2, 0, 1)


def test_every_pixel_equals_the_slow_way():
    data = some()
    pictures = augmenter(data, seed=1, epoch=2)
    rows = pictures.order[:150]
    batch, labels = pictures.batch(rows)
    assert torch.equal(labels, data.train.labels[rows])
    for place, index in enumerate(rows.tolist()):
        top, left = divmod(int(pictures.start[index]), 9 + 2 * PAD)
        expected = one_by_one(data, index, top, left, bool(pictures.flip[index]))
        torch.testing.assert_close(batch[place].double(), torch.from_numpy(expected), rtol=1e-5, atol=1e-5)


def test_every_crop_and_flip_occurs_about_equally_often():
    pictures = augmenter(some(4000, 8), seed=0, epoch=0)
    tops, lefts = pictures.start // 16, pictures.start % 16
    for corner in (tops, lefts):
        counts = torch.bincount(corner, minlength=9)
        assert len(counts) == 9 and counts.min() > 350 and counts.max() < 550
    assert 0.46 < pictures.flip.double().mean() < 0.54
    together = torch.stack([tops, lefts]).double()
    assert abs(torch.corrcoef(together)[0, 1]) < 0.1


def test_evaluation_pictures_are_normalised_and_nothing_else():
    data = some()
    plain, labels = Pictures(data.test, data, CPU).plain(slice(10, 30))
    expected = np.stack([one_by_one(data, i, 4, 4, False) for i in range(10, 30)])
    torch.testing.assert_close(plain.double(), torch.from_numpy(expected), rtol=1e-5, atol=1e-5)
    assert torch.equal(labels, data.test.labels[10:30])


def test_batches_are_channels_last_float32():
    pictures = augmenter(some(), 0, 0)
    batch, _ = pictures.batch(pictures.order[:8])
    assert batch.dtype == torch.float32 and batch.is_contiguous(memory_format=torch.channels_last)


def draws(pictures: Pictures) -> tuple[torch.Tensor, ...]:
    return pictures.order, pictures.start, pictures.flip


def test_draws_depend_on_seed_and_epoch_alone():
    data = some()
    torch.manual_seed(1)
    first = augmenter(data, seed=3, epoch=5)
    torch.manual_seed(2)
    second = Pictures(data.train, data, CPU, PAD)
    for epoch in (0, 9, 5):  # whatever came before
        second.epoch(3, epoch)
    for one, other in zip(draws(first), draws(second), strict=True):
        assert torch.equal(one, other)
    for seed, epoch in ((4, 5), (3, 6), (5, 3)):
        for one, other in zip(draws(first), draws(augmenter(data, seed, epoch)), strict=True):
            assert not torch.equal(one, other)


def test_an_epoch_sees_every_picture_once():
    order = augmenter(some(), 0, 0).order
    assert torch.equal(order.sort().values, torch.arange(200)) and not torch.equal(order, torch.arange(200))


@pytest.mark.parametrize("arm", ["senet", "senet_self", "senet_self_gate"])
def test_all_arms_see_the_same_pictures(arm, pictures, tmp_path):
    data, seen = load("tiny", pictures, 8), []
    for name in ("resnet", arm):
        run = Run(tiny(arm=name, seed=6), data, CPU, tmp_path)
        run.train.epoch(6, 1)
        seen.append(run.train.batch(run.train.order[:8])[0])
    torch.testing.assert_close(*seen, **EXACT)


def test_digits_are_never_mirrored():
    digits = load("digits", image_size=8)
    assert not digits.flip
    assert not any(augmenter(digits, seed, seed).flip.any() for seed in range(3))
    assert not augmenter(some(flip=False), 0, 0).flip.any()
