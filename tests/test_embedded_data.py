"""The embedded sets: the same for everyone, balanced, and with masks that are true."""

import hashlib

import numpy as np
import pytest
import torch

from thesis_lib.data import load, shapes

COLOURED, GREY = 30, 17  # spread over the channels: a colour's is at least 46, noise makes at most 16 of grey


def spread(images: np.ndarray) -> np.ndarray:
    return images.max(axis=-1).astype(int) - images.min(axis=-1)


@pytest.fixture(scope="module")
def whole():
    return load("shapes")


def test_generated_pictures_are_the_same_for_everyone():
    digest = hashlib.sha256()
    for part in shapes.draw(40, seed=3):
        digest.update(np.ascontiguousarray(part))
    assert digest.hexdigest() == "9df5499f2ab104189fd0e64fd1a27f7d2ce557e63d6a448c5cfbc5b415618054"


def test_golden_checksums(whole):
    assert whole.checksum == "90367019454b73e0fff41850f8f4d4407230fd38180c1a5c9911a887a31c89b0"
    digits = load("digits", image_size=8)
    assert digits.checksum == "8f4805f119310d061d39df54760fe01f35f3f02c4f4e6dd4aff5240f57b755db"


def test_other_seeds_give_other_pictures():
    first, second = shapes.draw(8, seed=1)[0], shapes.draw(8, seed=2)[0]
    assert not any(np.array_equal(a, b) for a in first for b in second)


def test_shapes_are_complete_and_balanced(whole):
    assert whole.classes == shapes.SHAPES and len(whole.classes) == 8
    assert len(whole.train) + len(whole.validation) == 4000 and len(whole.test) == 2000
    for split in (whole.train, whole.test):
        counts = torch.bincount(split.labels, minlength=8) / len(split)
        assert counts.min() > 0.8 / 8 and counts.max() < 1.2 / 8


def test_no_picture_is_in_two_splits(whole):
    parts = (whole.train, whole.validation, whole.test)
    seen = [{image.numpy().tobytes() for image in split.images} for split in parts]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 6000


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_masks_show_the_coloured_target(whole, split):
    part = getattr(whole, split)
    colour, masks = spread(part.images.numpy()), part.masks.numpy()
    assert masks.shape == part.images.shape[:3] and masks.dtype == bool
    assert masks.any(axis=(1, 2)).all() and masks.mean() < 0.25
    assert colour[masks].min() > COLOURED and colour[~masks].max() <= GREY


def test_each_kind_has_a_form_of_its_own():
    """The eight shapes, drawn large, differ pairwise in many points; the label says which one is coloured."""
    v, u = np.mgrid[-1:1:41j, -1:1:41j]
    forms = [inside(u, v) for inside in shapes.INSIDE]
    for kind, form in enumerate(forms):
        assert 0.1 < form.mean() < 0.9
        assert all((form != other).mean() > 0.03 for other in forms[:kind])


def test_digits_are_complete():
    digits = load("digits", image_size=8)
    assert len(digits.train) + len(digits.validation) + len(digits.test) == 1797
    assert digits.classes == tuple("0123456789") and not digits.flip
    shares = torch.bincount(digits.test.labels) / torch.bincount(
        torch.cat([s.labels for s in (digits.train, digits.validation, digits.test)])
    )
    assert shares.min() > 0.19 and shares.max() < 0.22
    seen = [{i.numpy().tobytes() for i in s.images} for s in (digits.train, digits.validation, digits.test)]
    assert sum(map(len, seen)) == len(set.union(*seen))


def test_moved_digits_are_the_digits_of_the_same_parts_made_small_turned_and_shifted():
    """A fixed content, and mass that lies where the drawn shift puts it: in the mean in the middle, but not in each."""
    plain, other = load("digits"), load("digits_moved")
    assert other.checksum == "3271fb767a86cdef01277c866a36083b9080b0b2841818aa34ac04b88ab95726"
    assert not other.flip and len(other.test) == len(plain.test)
    for split in ("train", "test"):
        assert torch.equal(*(torch.bincount(getattr(d, split).labels) for d in (plain, other)))
    grey = other.test.images[..., 0].double()
    area = grey.sum((1, 2)) / plain.test.images[..., 0].double().sum((1, 2)).mean()
    assert area.mean() == pytest.approx(0.25, abs=0.02)
    rows = (grey.sum(2) @ torch.arange(32.0).double()) / grey.sum((1, 2)) - 15.5
    assert rows.mean().abs() < 0.5 and rows.abs().max() < 8 + 2.5 and rows.std() == pytest.approx(8 / 3**0.5, abs=0.5)


def test_mean_and_std_are_those_of_the_training_pixels():
    digits = load("digits", image_size=8)
    pixels = torch.cat([digits.train.images, digits.validation.images]).double().flatten(0, 2) / 255
    torch.testing.assert_close(torch.tensor(digits.mean, dtype=torch.float64), pixels.mean(0))
    torch.testing.assert_close(torch.tensor(digits.std, dtype=torch.float64), pixels.std(0, correction=0))
