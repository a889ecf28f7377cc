"""SE against timm, against a slow loop from the paper's equations, and against its published costs."""

import math

import pytest
import torch
from helpers import draw, parameters, redraw
from timm.layers import SEModule, SqueezeExcite
from torch.nn import functional as F

from thesis_lib import ThesisError, build
from thesis_lib.blocks.se import SE


def slow_se(block: SE, x: torch.Tensor) -> torch.Tensor:
    """Equations 2 to 4, one number at a time: squeeze, excitation, scale."""
    w1, b1, w2, b2 = (p.tolist() for p in (block.fc1.weight, block.fc1.bias, block.fc2.weight, block.fc2.bias))
    batch, channels, height, width = x.shape
    out = torch.empty_like(x)
    for n in range(batch):
        z = []
        for c in range(channels):
            z.append(sum(x[n, c, i, j].item() for i in range(height) for j in range(width)) / (height * width))
        hidden = [max(0.0, sum(w * v for w, v in zip(row, z, strict=True)) + b) for row, b in zip(w1, b1, strict=True)]
        for c in range(channels):
            before = sum(w * h for w, h in zip(w2[c], hidden, strict=True)) + b2[c]
            s = 1 / (1 + math.exp(-before))
            for i in range(height):
                for j in range(width):
                    out[n, c, i, j] = s * x[n, c, i, j].item()
    return out


def check_equations(kind: type[SE]) -> None:
    for seed in range(3):
        block = redraw(kind(6, reduction=2).double(), seed)
        x = draw(2, 6, 3, 5, seed=seed, dtype=torch.float64) + 0.3
        torch.testing.assert_close(block(x), slow_se(block, x))


def check_timm(kind: type[SE], oracle) -> None:
    block = redraw(kind(32, reduction=4))
    other = oracle(32, rd_channels=8)
    with torch.no_grad():
        for ours, theirs in ((block.fc1, other.fc1), (block.fc2, other.fc2)):
            theirs.weight.copy_(ours.weight[:, :, None, None])
            theirs.bias.copy_(ours.bias)
    x = draw(3, 32, 5, 7)
    torch.testing.assert_close(block(x), other(x))


class Tanh(SE):
    def gate(self, x):
        return self.fc2(F.relu(self.fc1(x.mean((2, 3))))).tanh()


class Maximum(SE):
    def gate(self, x):
        return self.fc2(F.relu(self.fc1(x.amax((2, 3))))).sigmoid()


class NoReLU(SE):
    def gate(self, x):
        return self.fc2(self.fc1(x.mean((2, 3)))).sigmoid()


class NoScale(SE):
    def forward(self, x):
        return self.gate(x)[:, :, None, None].expand_as(x)


class NoGate(SE):
    def forward(self, x):
        return x


def test_equals_the_papers_equations():
    check_equations(SE)


@pytest.mark.parametrize("oracle", [SqueezeExcite, SEModule])
def test_equals_timm(oracle):
    check_timm(SE, oracle)


@pytest.mark.parametrize("fault", [Tanh, Maximum, NoReLU, NoScale, NoGate])
def test_each_planted_fault_is_seen(fault):
    with pytest.raises(AssertionError):
        check_equations(fault)
    with pytest.raises(AssertionError):
        check_timm(fault, SqueezeExcite)


def test_gate_lies_between_zero_and_one_and_depends_on_the_mean_alone():
    block, x = redraw(SE(8, reduction=2)), draw(4, 8, 4, 4)
    gate = block.gate(x)
    assert gate.shape == (4, 8) and (gate > 0).all() and (gate < 1).all()
    torch.testing.assert_close(block.gate(x.flip(2, 3)), gate)
    assert not torch.allclose(block.gate(x + 1), gate)


@pytest.mark.parametrize(("reduction", "hidden"), [(1, 64), (8, 8), (16, 4), (32, 2), (48, 1), (64, 1)])
def test_reduction_is_used_exactly_as_asked(reduction, hidden):
    block = SE(64, reduction=reduction)
    assert (block.fc1.out_features, block.fc2.in_features) == (hidden, hidden)


@pytest.mark.parametrize("reduction", [17, 0, -1, 4.0, "4", None, True])
def test_reduction_out_of_range_is_refused(reduction):
    with pytest.raises(ThesisError, match=r"채널 수 16"):
        SE(16, reduction=reduction)


@pytest.mark.parametrize("squeeze", ["max", "none"])
def test_other_squeezes_of_se(squeeze):
    ours, x = redraw(SE(8, reduction=2, squeeze=squeeze)), draw(2, 8, 3, 4)
    expected = torch.zeros_like(x)
    for b in range(2):
        for i in range(3):
            for j in range(4):
                z = x[b].amax((1, 2)) if squeeze == "max" else x[b, :, i, j]
                expected[b, :, i, j] = x[b, :, i, j] * ours.fc2(ours.fc1(z).relu()).sigmoid()
    torch.testing.assert_close(ours(x), expected)


@pytest.mark.parametrize("excitation", ["tanh", "relu"])
def test_other_excitations_of_se(excitation):
    ours, x = redraw(SE(8, reduction=2, excitation=excitation)), draw(2, 8, 3, 4)
    raw = ours.fc2(ours.fc1(x.mean((2, 3))).relu())
    torch.testing.assert_close(ours(x), x * getattr(torch, excitation)(raw)[:, :, None, None])


def test_se_resnet18_has_the_published_extra_parameters():
    base = parameters(build("resnet", "resnet18"))
    assert base == 11_173_962
    assert parameters(build("senet", "resnet18")) - base == 89_080
    assert parameters(build("senet", "resnet18", bias=False)) - base == 87_040
    assert parameters(build("senet", "resnet18", reduction=8, bias=False)) - base == 2 * 87_040
