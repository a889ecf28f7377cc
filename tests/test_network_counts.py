"""Parameters and multiply-accumulates of the networks against published and other libraries' counts."""

import pytest
import timm
from helpers import parameters
from torch import nn

from thesis_lib import build
from thesis_lib.cost import cost
from thesis_lib.networks import make
from thesis_lib.networks.adapted import densenet
from thesis_lib.networks.nasnet import NASNet
from thesis_lib.networks.residual_attention import AttentionModule
from thesis_lib.networks.resnet import PreactivatedUnit


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("resnet50_224", 25_557_032),  # torchvision
        ("resnet152_224", 60_192_808),
        ("resnext50_224", 25_028_904),
        ("xception_299", 22_855_952),  # keras
    ],
)
def test_full_size_counts(name, count):
    assert parameters(make(name, num_classes=1000, image_size=64)) == count


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("wrn28_10", 36.5),  # Zagoruyko and Komodakis 2016, table 4
        ("wrn16_4", 2.7),  # the same paper's table 9
        ("resnext29", 34.4),  # Xie et al. 2017, table 7 (8 x 64d)
        ("preresnet164", 1.7),  # He et al. 2016 (ECCV), table 2
        ("vgg16", 14.7),
    ],
)
def test_published_counts_to_their_last_digit(name, millions):
    assert round(parameters(make(name)) / 1e6, 1) == millions


def test_nasnet_has_the_papers_count():
    assert round(parameters(NASNet(6, 32)) / 1e6, 1) == 3.3  # Zoph et al. 2018, table 1 (6 @ 768)


def test_densenet_has_the_papers_count():
    assert round(parameters(densenet(16, 12)) / 1e6, 1) == 0.8  # Huang et al. 2017, table 2 (BC, L = 100, k = 12)


@pytest.mark.parametrize(("modules", "count"), [((1, 1, 1), 31_810_728), ((1, 2, 3), 52_466_344)])
def test_residual_attention_has_the_counts_of_attention_56_and_92(modules, count):
    """Its parts in the paper's full-size form count as imgclsmob's resattnet56 and resattnet92 do."""
    parts: list[nn.Module] = [nn.Conv2d(3, 64, 7, bias=False), nn.BatchNorm2d(64)]
    channels, size = 64, 56
    for stage, (width, repeats) in enumerate(zip((64, 128, 256, 512), (*modules, 2), strict=True), start=1):
        size = size // 2 if stage > 1 else size
        parts.append(PreactivatedUnit(channels, width, 2 if stage > 1 else 1, expansion=4, stage=stage, size=size))
        channels = 4 * width
        for _ in range(repeats):
            parts.append(
                AttentionModule(channels, 4 - stage, mix="multiply", stage=stage, size=size)
                if stage < 4
                else PreactivatedUnit(channels, width, 1, expansion=4, stage=stage, size=size)
            )
    parts += [nn.BatchNorm2d(channels), nn.Linear(channels, 1000)]
    assert sum(map(parameters, parts)) == count


def test_multiply_accumulates_by_the_papers_way_and_by_torchs():
    """The SENet paper counts 3.86 GFLOPs for ResNet-50; all convolutions and the classifier make 4.09."""
    macs = cost(make("resnet50_224", num_classes=1000, image_size=224), 224).macs
    assert macs == 4_089_184_256
    downsampling = sum(  # the paper's unit halves the map in the first 1 x 1, torchvision's in the 3 x 3
        (side**2 - (side // 2) ** 2) * inputs * outputs
        for side, inputs, outputs in ((56, 256, 128), (28, 512, 256), (14, 1024, 512))
    )
    assert (macs - downsampling) / 1e9 == pytest.approx(3.86, abs=0.01)


def test_senet_forms_have_the_papers_parameters():
    assert parameters(build("senet", "resnet50_224", 1000, image_size=64)) / 1e6 == pytest.approx(28.1, abs=0.05)
    ours = parameters(build("senet", "senet154_224", 1000, image_size=64))
    assert ours == parameters(timm.create_model("legacy_senet154", num_classes=1000))
