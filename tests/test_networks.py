"""Backbones against torchvision's residual networks, and their slots against what really passes there."""

import re

import pytest
import torch
import torchvision
from helpers import draw, redraw
from torch import nn
from torch.nn import functional as F

from thesis_lib import NETWORKS, ThesisError, build
from thesis_lib.networks import POSITIONS, Slot, make, stages
from thesis_lib.networks.resnet import ResidualUnit

BASIC = {"shortcut": "downsample"}
BOTTLENECK = BASIC | {"reduce": "conv1", "norm0": "bn1", "conv1": "conv2", "norm1": "bn2"}
BOTTLENECK |= {"conv2": "conv3", "norm2": "bn3"}


def torchvision_name(key: str, units: dict[str, str]) -> str:
    """Our name of a weight as torchvision calls it."""
    for ours, theirs in (("stem.", "conv1."), ("norm.", "bn1."), ("classifier.", "fc.")):
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    stage, unit, part, rest = re.fullmatch(r"stages\.(\d+)\.(\d+)\.(\w+)\.(.+)", key).groups()
    part = units.get(part, part.replace("norm", "bn"))
    return f"layer{int(stage) + 1}.{unit}.{part}.{rest}"


@pytest.mark.parametrize(("name", "units"), [("resnet18", BASIC), ("resnet34", BASIC), ("resnet50", BOTTLENECK)])
def test_equals_torchvision(name, units):
    ours = redraw(make(name, num_classes=10))
    theirs = getattr(torchvision.models, name)(num_classes=10)
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    theirs.load_state_dict({torchvision_name(k, units): v for k, v in ours.state_dict().items()})
    x = draw(2, 3, 16, 16)
    for mode in (False, True):  # evaluation, then training with the statistics of the batch
        with torch.no_grad():
            torch.testing.assert_close(ours.train(mode)(x), theirs.train(mode)(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(n for n in NETWORKS if re.fullmatch(r"resnet\d+", n)))
def test_depth_is_in_the_name(name):
    model = make(name, image_size=8)
    weighted = [p for p, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear)) and "shortcut" not in p]
    assert len(weighted) == int(name.removeprefix("resnet"))


def test_golden_parameter_counts():
    counts = {n: sum(p.numel() for p in make(n).parameters()) for n in ("resnet20", "resnet18")}
    assert counts == {"resnet20": 272_474, "resnet18": 11_173_962}


@pytest.mark.parametrize("name", ["resnet8", "resnet20", "resnet18", "resnet50"])
def test_five_slots_in_every_unit(name):
    units = [m for m in make(name).modules() if isinstance(m, ResidualUnit)]
    assert units
    for unit in units:
        assert {m.position for m in unit.children() if isinstance(m, Slot)} == set(POSITIONS)


@pytest.mark.parametrize("size", [32, 13])
@pytest.mark.parametrize("name", ["resnet8", "resnet18", "resnet50"])
def test_slots_tell_the_truth_about_their_place(name, size):
    model, seen = make(name, image_size=size).eval(), {}
    for path, module in model.named_modules():
        if isinstance(module, Slot):
            module.register_forward_hook(lambda m, i, o, path=path: seen.update({path: i[0].shape[1:]}))
            assert module.in_stage == int(path.split(".")[1]) + 1
    with torch.no_grad():
        model(draw(1, 3, size, size))
    told = {p: (m.channels, m.height, m.width) for p, m in model.named_modules() if isinstance(m, Slot)}
    assert seen == told and len(told) % len(POSITIONS) == 0
    assert stages(model) == ([1, 2, 3] if name == "resnet8" else [1, 2, 3, 4])


class Halve(nn.Module):
    """Something that is seen wherever it stands."""

    def forward(self, x):
        return 0.5 * x - 1


def by_hand(unit: ResidualUnit, x: torch.Tensor, at: str) -> torch.Tensor:
    """The unit's equation, with `Halve` at one position (Hu et al., Fig. 5; inside: after the 3 x 3)."""
    put = {position: Halve() if position == at else nn.Identity() for position in POSITIONS}
    y = put["pre"](x)
    if unit.bottleneck:
        y = F.relu(unit.norm0(unit.reduce(y)))
    y = put["inside"](F.relu(unit.norm1(unit.conv1(y))))
    y = put["standard"](unit.norm2(unit.conv2(y)))
    return put["post"](F.relu(put["identity"](unit.shortcut(x)) + y))


@pytest.mark.parametrize("expansion", [1, 4], ids=["basic", "bottleneck"])
@pytest.mark.parametrize("at", POSITIONS)
def test_a_block_acts_where_its_position_says(at, expansion):
    unit = redraw(ResidualUnit(8, 6, 2, expansion=expansion, stage=1, size=7)).eval()
    x, empty = draw(2, 8, 7, 7), unit(draw(2, 8, 7, 7))
    setattr(unit, at, Halve())
    torch.testing.assert_close(unit(x), by_hand(unit, x, at))
    assert not torch.allclose(unit(x), empty)


@pytest.mark.parametrize("name", ["resnet19", "", "ResNet18", "vgg"])
def test_unknown_network_is_refused(name):
    with pytest.raises(ThesisError, match=r"알 수 없는 망.*resnet20"):
        build("resnet", name)


@pytest.mark.parametrize(("classes", "size"), [(2, 8), (100, 33)])
def test_classes_and_odd_sizes(classes, size):
    assert build("senet", "resnet8", classes, image_size=size).eval()(draw(1, 3, size, size)).shape == (1, classes)


def test_start_is_that_of_he_et_al():
    model = make("resnet18", seed=2)
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 10_000:
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05), path
            assert abs(module.weight.mean().item()) < 0.05 * (2 / fan_out) ** 0.5, path
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and not module.bias.any()
    assert model.classifier.weight.abs().max() <= 512**-0.5 and not model.classifier.bias.any()
