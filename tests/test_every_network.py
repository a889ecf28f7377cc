"""Every network of the registry: published counts, torchvision's and timm's logits, slots, learning."""

import pytest
import timm
import torch
import torchvision
from helpers import draw, redraw
from torch import nn
from torch.nn import functional as F

from thesis_lib import NETWORKS, ThesisError, build, plug
from thesis_lib.cost import cost
from thesis_lib.data import load
from thesis_lib.maps import inputs_of
from thesis_lib.networks import Slot, make, observed, stages
from thesis_lib.networks.adapted import densenet
from thesis_lib.networks.nasnet import NASNet
from thesis_lib.networks.residual_attention import AttentionModule
from thesis_lib.networks.spatial_transformer import sampled

LARGE = {name: int(name[-3:]) for name in NETWORKS if name.endswith(("_224", "_299"))}
SMALL = sorted(set(NETWORKS) - set(LARGE) - {"resnet44", "resnet56", "resnet110", "resnet101", "resnet152"})


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def side(name: str, usual: int = 24) -> int:
    """The usual side (24 makes an odd map somewhere), where the network can take it."""
    return 32 if name.startswith(("vgg", "inception")) else usual


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


@pytest.mark.parametrize("name", SMALL)
def test_macs_in_closed_form_are_those_that_torch_counts(name):
    from torch.utils.flop_counter import FlopCounterMode

    model = make(name, image_size=32).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 32, 32))
    assert cost(model).macs == counter.get_total_flops() // 2
    assert cost(model).exact


@pytest.mark.parametrize("arm", ["senet", "senet_self"])
@pytest.mark.parametrize("name", SMALL)
def test_every_network_takes_the_arms_and_keeps_its_own_weights(name, arm):
    plain = build("resnet", name, image_size=side(name), seed=2)
    ours = build(arm, name, image_size=side(name), seed=2)
    own = ours.state_dict()
    assert len(own) > len(plain.state_dict())
    assert all(torch.equal(own[key], value) for key, value in plain.state_dict().items())
    assert ours.eval()(draw(2, 3, side(name), side(name))).isfinite().all()
    assert parameters(ours) - parameters(plain) == sum(added_by(arm, slot, plain) for slot in ends(plain))


def ends(model: nn.Module) -> list[Slot]:
    return [module for module in model.modules() if isinstance(module, Slot) and module.position == "standard"]


def added_by(arm: str, slot: Slot, model: nn.Module) -> int:
    """Weights of a block in closed form: two layers with biases, and in the last stage four more and a norm."""
    narrow = min(module.channels for module in model.modules() if isinstance(module, Slot)) == 16
    c, small = slot.channels, slot.channels // (8 if narrow else 16)
    attends = arm == "senet_self" and slot.stage == max(stages(model))
    return 2 * c * small + small + c + (4 * c * c + 4 * c + 2 * c if attends else 0)


@pytest.mark.parametrize("name", SMALL)
def test_every_network_learns(name):
    """A handful of pictures by heart."""
    data = load("digits", image_size=side(name, 8))
    x, labels = inputs_of(data.train, data)[:16], data.train.labels[:16]
    model = plug(make(name, image_size=side(name, 8)), "se", reduction=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    losses = []
    for _ in range(10):
        loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


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
