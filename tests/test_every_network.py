"""Every network of the registry: slots, arms, gradients, learning; and what single networks alone do."""

import math

import pytest
import torch
from helpers import draw, parameters, redraw
from torch import nn
from torch.nn import functional as F

from thesis_lib import NETWORKS, ThesisError, build, plug
from thesis_lib.data import load
from thesis_lib.maps import inputs_of
from thesis_lib.networks import Slot, make, observed, stages
from thesis_lib.networks.residual_attention import AttentionModule
from thesis_lib.networks.spatial_transformer import sampled

LARGE = {name for name in NETWORKS if name.endswith(("_224", "_299"))}
SMALL = sorted(set(NETWORKS) - LARGE - {"resnet44", "resnet56", "resnet110", "resnet101", "resnet152"})


def side(name: str, usual: int = 24) -> int:
    """The usual side (24 makes an odd map somewhere), where the network can take it."""
    return 32 if name.startswith(("vgg", "inception")) else usual


@pytest.mark.parametrize("name", SMALL)
def test_slots_tell_the_shapes_that_pass_and_every_one_is_reached(name):
    model = make(name, image_size=side(name))
    slots = {place: m for place, m in model.named_modules() if isinstance(m, Slot)}
    passed: dict[str, tuple] = {}
    hooks = {p: lambda _, __, output, p=p: passed.update({p: tuple(output.shape[1:])}) for p in slots}
    with observed(model, hooks), torch.no_grad():
        logits = model(draw(2, 3, side(name), side(name)))
    assert logits.shape == (2, 10) and logits.isfinite().all()
    assert passed == {place: (s.channels, s.height, s.width) for place, s in slots.items()}
    assert stages(model) == list(range(1, max(stages(model)) + 1))


@pytest.mark.parametrize("arm", ["senet", "senet_self"])
@pytest.mark.parametrize("name", SMALL)
def test_every_network_takes_the_arms_and_keeps_its_own_weights(name, arm):
    plain = build("resnet", name, image_size=side(name), seed=2)
    ours = build(arm, name, image_size=side(name), seed=2)
    own = ours.state_dict()
    assert len(own) > len(plain.state_dict())
    assert all(torch.equal(own[key], value) for key, value in plain.state_dict().items())
    assert ours.eval()(draw(2, 3, side(name), side(name))).isfinite().all()
    assert parameters(ours) - parameters(plain) == sum(added_by(name, arm, slot, plain) for slot in ends(plain))


def ends(model: nn.Module) -> list[Slot]:
    return [module for module in model.modules() if isinstance(module, Slot) and module.position == "standard"]


NARROW = {"resnet8", "resnet11", "resnet14", "resnet20", "resnet32", "preresnet8", "preresnet20", "preresnet164"}
NARROW |= {"wrn16_4", "wrn28_10", "residual_attention", "residual_attention_add", "stn_resnet8"}  # 16 channels at first


def added_by(name: str, arm: str, slot: Slot, model: nn.Module) -> int:
    """Weights of a block in closed form: two layers with biases, and in the last stage four more and a norm."""
    c, small = slot.channels, slot.channels // (8 if name in NARROW else 16)
    attends = arm == "senet_self" and slot.in_stage == max(stages(model))
    return 2 * c * small + small + c + (4 * c * c + 4 * c + 2 * c if attends else 0)


@pytest.mark.parametrize("name", SMALL)
def test_every_network_learns(name):
    """A handful of pictures by heart."""
    data = load("digits", image_size=side(name, 8))
    x, labels = inputs_of(data.train, data)[:16], data.train.labels[:16]
    model = plug(make(name, image_size=side(name, 8)), "se", reduction=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    first, steps = F.cross_entropy(model(x), labels).item(), 0
    while (loss := F.cross_entropy(model(x), labels)) >= 0.8 * first:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
        assert steps < 10


@pytest.mark.parametrize("name", SMALL)
def test_gradient_along_one_direction(name):
    size = side(name, 8)
    model = redraw(make(name, image_size=size)).double().eval()
    x = draw(2, 3, size, size, dtype=torch.float64).requires_grad_()
    weights = draw(2, 10, seed=1, dtype=torch.float64)
    direction, step = draw(2, 3, size, size, seed=2, dtype=torch.float64), 1e-6
    (gradient,) = torch.autograd.grad((model(x) * weights).sum(), x)
    with torch.no_grad():
        ahead, behind = ((model(x + sign * step * direction) * weights).sum() for sign in (1, -1))
    assert (gradient * direction).sum().item() == pytest.approx(((ahead - behind) / (2 * step)).item(), rel=5e-4)


def test_sampling_equals_grid_sample():
    pictures, theta = draw(3, 4, 7, 9, dtype=torch.float64), draw(3, 2, 3, seed=1, dtype=torch.float64)
    grid = F.affine_grid(theta, [3, 4, 7, 9], align_corners=False).requires_grad_()
    ours, theirs = sampled(pictures, grid), F.grid_sample(pictures, grid, align_corners=False)
    torch.testing.assert_close(ours, theirs)
    weights = draw(3, 4, 7, 9, seed=2, dtype=torch.float64)
    gradients = [torch.autograd.grad((v * weights).sum(), grid, retain_graph=True)[0] for v in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_a_transformation_that_is_not_finite_shows_in_the_picture():
    pictures, grid = draw(1, 2, 4, 4), torch.zeros(1, 4, 4, 2)
    assert sampled(pictures, grid * math.nan).isnan().all()
    torch.testing.assert_close(sampled(pictures, grid + math.inf), torch.zeros_like(pictures))


def test_the_transformer_starts_with_the_picture_as_it_is():
    model, x = make("stn_resnet8", image_size=16).eval(), draw(2, 3, 16, 16)
    torch.testing.assert_close(model.straightened(x), x)
    torch.testing.assert_close(model(x), model.backbone(x))


def test_the_transformer_samples_in_single_precision_under_autocast():
    model, x = redraw(make("stn_resnet8")).eval(), draw(2, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        seen = model.straightened(x)
        assert model(x).isfinite().all()
    assert seen.dtype == torch.float32
    torch.testing.assert_close(seen, model.straightened(x), rtol=0.2, atol=0.2)


def test_the_transformers_first_steps_leave_the_picture_in_the_frame():
    data = load("digits_moved")
    x, labels = inputs_of(data.train, data)[:64], data.train.labels[:64]
    model = make("stn_resnet8").train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for _ in range(10):
        optimiser.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimiser.step()
    moved = (model.localiser(x) - torch.eye(2, 3)).abs()
    assert 0.001 < moved.max() < 0.5


def test_attention_multiplies_as_in_the_paper_and_adds_as_in_the_notes():
    x = draw(2, 8, 9, 9)
    for mix in ("multiply", "add"):
        module = redraw(AttentionModule(8, 2, mix=mix, stage=1, size=9)).eval()
        opened = module.opening(x)
        found, mask = module.trunk(opened), module.mask(opened)
        mixed = (1 + 1 / (1 + torch.exp(-mask))) * found if mix == "multiply" else found + mask
        torch.testing.assert_close(module(x), module.closing(mixed))
    with pytest.raises(ThesisError, match="multiply, add"):
        AttentionModule(8, 2, mix="average", stage=1, size=9)


def test_pre_activation_is_norm_then_relu_then_convolution():
    unit = redraw(make("preresnet20", image_size=8)).stages[1][0].eval()
    x = draw(2, 16, 8, 8)
    first = unit.norm1(x).relu()
    expected = unit.conv2(unit.norm2(unit.conv1(first)).relu()) + unit.shortcut(first)
    torch.testing.assert_close(unit(x), expected)
    assert x.shape[1] == 16 and expected.shape == (2, 32, 4, 4)


def test_only_a_pre_activated_networks_first_unit_passes_its_input_on_activated():
    units = redraw(make("preresnet20", image_size=8)).stages[0].eval()
    x = draw(2, 16, 8, 8)
    for unit, kept in ((units[0], units[0].norm1(x).relu()), (units[1], x)):
        branch = unit.conv2(unit.norm2(unit.conv1(unit.norm1(x).relu())).relu())
        torch.testing.assert_close(unit(x), branch + kept)


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(ThesisError, match="image_size 16"):
        build("senet", "vgg16", image_size=16)
