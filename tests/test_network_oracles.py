"""Networks that torchvision or timm also has: the same logits from the same weights."""

import pytest
import timm
import torch
import torchvision
from helpers import draw, redraw
from torch import nn

from thesis_lib.networks import make


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("resnet50_224", lambda: torchvision.models.resnet50(num_classes=10)),
        ("resnext50_224", lambda: torchvision.models.resnext50_32x4d(num_classes=10)),
    ],
)
def test_full_size_networks_equal_torchvision(name, theirs):
    ours, theirs = redraw(make(name, image_size=64)).eval(), theirs().eval()
    own, units = ours.state_dict(), {}
    for key in own:
        units.setdefault(".".join(key.split(".")[:3]) if key.startswith("stages") else key, []).append(key)
    order = [key for keys in units.values() for key in sorted(keys, key=lambda key: "shortcut" in key)]
    theirs.load_state_dict(dict(zip(theirs.state_dict(), (own[key] for key in order), strict=True)))
    x = draw(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-3)


def small_vgg():
    theirs = torchvision.models.vgg16_bn(init_weights=False)
    theirs.avgpool, theirs.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, 10)
    return theirs


def small_googlenet():
    theirs = torchvision.models.GoogLeNet(10, aux_logits=False, init_weights=False)
    theirs.conv1.conv = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    return theirs


def small_inception():
    theirs = torchvision.models.Inception3(10, aux_logits=False, init_weights=False)
    theirs.Conv2d_1a_3x3.conv = nn.Conv2d(3, 32, 3, 1, 1, bias=False)
    theirs.Conv2d_2a_3x3.conv = nn.Conv2d(32, 32, 3, 1, 1, bias=False)
    theirs.maxpool2 = nn.Identity()
    return theirs


def small_shufflenet():
    theirs = torchvision.models.shufflenet_v2_x1_0(num_classes=10)
    theirs.conv1[0], theirs.maxpool = nn.Conv2d(3, 24, 3, 1, 1, bias=False), nn.Identity()
    return theirs


def small_densenet():
    theirs = torchvision.models.DenseNet(12, (6, 6, 6), 24, num_classes=10)
    theirs.features.conv0, theirs.features.pool0 = nn.Conv2d(3, 24, 3, 1, 1, bias=False), nn.Identity()
    return theirs


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("vgg16", small_vgg),
        ("googlenet", small_googlenet),
        ("inception_v3", small_inception),
        ("shufflenet", small_shufflenet),
        ("densenet40", small_densenet),
    ],
)
def test_adapted_bodies_compute_what_torchvisions_do(name, theirs):
    """torchvision's own forward pass, its stem made small, on our weights in their order."""
    ours, theirs = redraw(make(name, image_size=32)).eval(), theirs().eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = draw(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_xception_equals_timms():
    ours, theirs = (
        redraw(make("xception_299", image_size=71)).eval(),
        timm.create_model("legacy_xception", num_classes=10),
    )
    own, kinds = ours.state_dict(), {}
    convolutions = [k for k, v in own.items() if v.ndim == 4 and "shortcut" not in k]
    shortcuts = [k for k, v in own.items() if v.ndim == 4 and "shortcut" in k]
    target = theirs.state_dict()
    for ours_, theirs_ in (
        (convolutions, [k for k, v in target.items() if v.ndim == 4 and ".skip." not in k]),
        (shortcuts, [k for k, v in target.items() if v.ndim == 4 and ".skip." in k]),
    ):
        kinds |= dict(zip(theirs_, ours_, strict=True))
    for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        for marks in (("shortcut", ".skip"), (None, None)):
            mine = [
                k for k, v in own.items() if k.endswith(part) and v.ndim < 2 and ("shortcut" in k) == bool(marks[0])
            ]
            other = [
                k for k, v in target.items() if k.endswith(part) and v.ndim < 2 and (".skip" in k) == bool(marks[0])
            ]
            kinds |= dict(zip(other, mine, strict=True))
    kinds["fc.weight"] = "classifier.weight"
    theirs.load_state_dict({key: own[kinds[key]] for key in target})
    x = draw(1, 3, 71, 71)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs.eval()(x), rtol=1e-3, atol=1e-3)
