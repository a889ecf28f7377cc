"""CIFAR-10 as unpacked into `data/`: complete, and with the pixel statistics it is known for."""

from pathlib import Path

import pytest
import torch

from thesis_lib.data import load

ROOT = Path(__file__).resolve().parents[1] / "data"

pytestmark = pytest.mark.skipif(not (ROOT / "cifar10" / "train").is_dir(), reason=f"CIFAR-10 is not unpacked in {ROOT}")


@pytest.fixture(scope="module")
def cifar():
    return load("cifar10", ROOT)


def test_counts(cifar):
    assert (len(cifar.train), len(cifar.validation), len(cifar.test)) == (45_000, 5_000, 10_000)
    for split, each in ((cifar.train, 4500), (cifar.validation, 500), (cifar.test, 1000)):
        assert torch.bincount(split.labels).tolist() == [each] * 10
    assert cifar.classes[:3] == ("airplane", "automobile", "bird") and cifar.flip


def test_pixel_statistics_not_the_mean_of_image_statistics(cifar):
    assert [round(m, 4) for m in cifar.mean] == [0.4914, 0.4822, 0.4465]
    assert [round(s, 4) for s in cifar.std] == [0.2470, 0.2435, 0.2616]
    per_image = (cifar.train.images[:2000].double() / 255).std((1, 2)).mean(0)
    assert (torch.tensor(cifar.std) - per_image > 0.03).all()  # 0.2023, 0.1994, 0.2010: widely copied, and not this
