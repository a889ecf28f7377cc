"""The control arms: the same start and the same weights as SENet_self, and another way of mixing."""

import pytest
import torch
from helpers import draw, redraw

from thesis_lib import build
from thesis_lib.blocks.se_channel import SEChannel
from thesis_lib.blocks.se_self import FixedMixing, SESelf
from thesis_lib.blocks.self_attention import MultiHeadSelfAttention


@pytest.mark.parametrize("arm", ["senet_linear", "senet_uniform", "senet_channel"])
def test_starts_exactly_as_senet_and_leaves_the_start(arm):
    x = draw(4, 3, 16, 16)
    ours, theirs = (build(name, "resnet8", seed=3, image_size=16) for name in (arm, "senet"))
    for mode in (True, False):
        assert torch.equal(ours.train(mode)(x), theirs.train(mode)(x))
    ours.train()(x).square().sum().backward()
    own = set(dict(ours.named_parameters())) - set(dict(theirs.named_parameters()))
    assert own and any(p.grad.any() for name, p in ours.named_parameters() if name in own)


@pytest.mark.parametrize("arm", ["senet_linear", "senet_uniform"])
def test_value_and_output_start_as_in_senet_self(arm):
    ours, theirs = (build(name, "resnet20", seed=4).state_dict() for name in (arm, "senet_self"))
    values = [key for key in ours if "msa.value" in key]
    assert len(values) == 6
    for key in values:
        stacked = theirs[key.replace("value", "qkv")]
        assert torch.equal(ours[key], stacked[2 * len(stacked) // 3 :])
    assert all(torch.equal(ours[key], theirs[key]) for key in ours if "msa.value" not in key)


@pytest.mark.parametrize("mixing", ["identity", "uniform"])
def test_fixed_mixing_is_attention_with_the_weights_that_it_names(mixing):
    fixed, twin = FixedMixing(8, 2, mixing).double(), redraw(MultiHeadSelfAttention(8, 2)).double()
    fixed.out = twin.out
    fixed.value.weight, fixed.value.bias = (torch.nn.Parameter(p[16:]) for p in (twin.qkv.weight, twin.qkv.bias))
    x = draw(3, 5, 8, dtype=torch.float64)
    weights = fixed.attention(x)
    row = torch.full((5,), 0.2).double() if mixing == "uniform" else torch.eye(5).double()[1]
    assert weights.shape == (3, 2, 5, 5) and torch.allclose(weights[2, 1, 1], row)
    value = twin.heads(x)[2]
    torch.testing.assert_close(fixed(x), twin.out((weights @ value).transpose(1, 2).flatten(2)))


def test_uniform_is_what_attention_is_without_query_and_key():
    block = redraw(SESelf(8, reduction=2, num_heads=2)).double()
    with torch.no_grad():
        block.msa.qkv.weight[:16] = 0
    fixed = SESelf(8, reduction=2, num_heads=2, mixing="uniform").double()
    state = block.state_dict()
    for part in ("weight", "bias"):
        state[f"msa.value.{part}"] = state.pop(f"msa.qkv.{part}")[16:]
    fixed.load_state_dict(state)
    x = draw(2, 8, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(fixed(x), block(x))
    torch.testing.assert_close(fixed.attention(x), block.attention(x))


def test_channel_attention_equals_its_equation_channel_by_channel():
    block, x = redraw(SEChannel(6, reduction=2)).double(), draw(2, 6, 3, 4, dtype=torch.float64)
    scaled = x * block.gate(x)[:, :, None, None]
    expected = scaled.clone()
    for b in range(2):
        for j in range(6):
            energy = torch.stack([(scaled[b, i] * scaled[b, j]).sum() for i in range(6)]).exp()
            expected[b, j] += block.beta * sum(energy[i] / energy.sum() * scaled[b, i] for i in range(6))
    torch.testing.assert_close(block(x), expected)
    assert torch.allclose(block.weights(scaled).sum(2), torch.ones(2, 6).double())


def test_channel_attention_knows_no_positions_but_follows_them():
    block, x = redraw(SEChannel(6, reduction=2)).double(), draw(1, 6, 3, 4, dtype=torch.float64)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3))

    def permuted(maps):
        return maps.flatten(2)[:, :, order].unflatten(2, (3, 4))

    torch.testing.assert_close(block(permuted(x)), permuted(block(x)))
    torch.testing.assert_close(block.weights(permuted(x)), block.weights(x))


@pytest.mark.parametrize("block", [SESelf, SEChannel])
def test_biases_of_the_excitation_can_be_left_out(block):
    assert block(8, reduction=2, bias=False).fc1.bias is None and block(8, reduction=2).fc1.bias is not None
