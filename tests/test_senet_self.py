"""SENet_self: starts as SENet, keeps images apart, follows its positions; and its gate reading is no attention."""

import pytest
import torch
from helpers import EXACT, draw, redraw

from thesis_lib import build
from thesis_lib.blocks import se_self
from thesis_lib.blocks.se_self import SESelf
from thesis_lib.blocks.self_attention import MultiHeadSelfAttention, map_of, tokens_of

MAP_READINGS = ("senet_self", "senet_self_plain")


def check_images_stay_apart(arm: str) -> None:
    model = redraw(build(arm, "resnet8", 5, image_size=8, attention_stages=[1, 2, 3])).eval()
    x = draw(2, 3, 8, 8)
    other = torch.stack([x[0], draw(3, 8, 8, seed=1)])
    before, after = model(x), model(other)
    torch.testing.assert_close(after[0], before[0], **EXACT)
    assert not torch.allclose(after[1], before[1])


def check_positions_are_followed(reading: str) -> None:
    block = redraw(SESelf(8, reduction=2, num_heads=2, reading=reading)).double()
    x = draw(2, 8, 3, 4, dtype=torch.float64)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3))

    def permuted(maps):
        return maps.flatten(2)[:, :, order].unflatten(2, (3, 4))

    torch.testing.assert_close(block(permuted(x)), permuted(block(x)))


@pytest.mark.parametrize("network", ["resnet8", "resnet18"])
@pytest.mark.parametrize("stages", [None, [2, 3]], ids=["last", "two"])
def test_starts_exactly_as_senet(network, stages):
    x = draw(4, 3, 16, 16)
    ours = build("senet_self", network, 10, seed=3, image_size=16, attention_stages=stages)
    theirs = build("senet", network, 10, seed=3, image_size=16)
    for mode in (True, False, True):  # training moves the running statistics, evaluation reads them
        assert torch.equal(ours.train(mode)(x), theirs.train(mode)(x))
    shared = ours.state_dict()
    for key, value in theirs.state_dict().items():
        assert torch.equal(shared[key], value), key
    assert any("msa" in key for key in shared.keys() - theirs.state_dict().keys())


def test_start_is_left_after_one_step():
    ours, x = build("senet_self", "resnet8", 10, image_size=8), draw(4, 3, 8, 8)
    before = ours(x)
    before.square().sum().backward()
    outs = [m.out.weight for m in ours.modules() if isinstance(m, MultiHeadSelfAttention)]
    assert outs and all(w.grad.abs().sum() > 0 for w in outs)


@pytest.mark.parametrize("arm", [*MAP_READINGS, "senet_self_gate"])
def test_images_stay_apart(arm):
    check_images_stay_apart(arm)


@pytest.mark.parametrize("reading", ["map", "plain"])
def test_positions_are_followed(reading):
    check_positions_are_followed(reading)


def test_tokens_are_positions():
    x = draw(2, 3, 4, 5)
    tokens = tokens_of(x)
    assert tokens.shape == (2, 20, 3)
    for row in range(4):
        for column in range(5):
            assert torch.equal(tokens[:, 5 * row + column], x[:, :, row, column])
    assert torch.equal(map_of(tokens, x), x)


def batch_for_sequence(monkeypatch):
    right = MultiHeadSelfAttention.forward
    monkeypatch.setattr(
        MultiHeadSelfAttention, "forward", lambda self, x: right(self, x.transpose(0, 1)).transpose(0, 1)
    )


def bare_reshape_back(monkeypatch):
    monkeypatch.setattr(se_self, "map_of", lambda tokens, like: tokens.reshape(like.shape))


def bare_reshape_there(monkeypatch):
    monkeypatch.setattr(se_self, "tokens_of", lambda x, size=None: x.reshape(x.shape[0], -1, x.shape[1]))


def bare_reshape_both_ways(monkeypatch):
    bare_reshape_back(monkeypatch)
    bare_reshape_there(monkeypatch)


@pytest.mark.parametrize("arm", MAP_READINGS)
def test_the_check_of_images_sees_batch_for_sequence(arm, monkeypatch):
    batch_for_sequence(monkeypatch)
    with pytest.raises(AssertionError):
        check_images_stay_apart(arm)


@pytest.mark.parametrize("plant", [bare_reshape_back, bare_reshape_there, bare_reshape_both_ways])
@pytest.mark.parametrize("reading", ["map", "plain"])
def test_the_check_of_positions_sees_a_bare_reshape(plant, reading, monkeypatch):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check_positions_are_followed(reading)


def test_readings_are_what_they_say():
    x = draw(2, 8, 3, 3, dtype=torch.float64)
    for reading, residual in (("map", True), ("map", False), ("plain", True), ("gate", True)):
        block = redraw(SESelf(8, reduction=2, num_heads=2, reading=reading, residual=residual)).double()
        s = block.gate(x)
        scaled = x * s[:, :, None, None]
        tokens = scaled.flatten(2).transpose(1, 2)
        if reading == "gate":
            expected = x * block.msa(s[:, None]).squeeze(1)[:, :, None, None]
        else:
            mixed = block.msa(block.norm(tokens) if reading == "map" else tokens)
            expected = mixed.transpose(1, 2).reshape(x.shape)
            expected = scaled + expected if reading == "map" and residual else expected
        torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("reading", ["map", "plain"])
def test_attention_of_the_block_is_over_its_positions(reading):
    block, x = redraw(SESelf(8, reduction=2, num_heads=2, reading=reading)), draw(2, 8, 3, 4)
    weights = block.attention(x)
    assert weights.shape == (2, 2, 12, 12)
    torch.testing.assert_close(weights.sum(3), torch.ones(2, 2, 12))
    assert weights.std() > 0.01


def test_gate_reading_has_one_token_and_no_gradient_on_query_and_key():
    block = redraw(SESelf(8, reduction=2, num_heads=2, reading="gate")).double()
    x = draw(4, 8, 3, 3, dtype=torch.float64)
    assert torch.equal(block.attention(x), torch.ones(4, 2, 1, 1, dtype=torch.float64))
    block(x).square().sum().backward()
    query, key, value = block.msa.qkv.weight.grad.chunk(3)
    size = value.abs().max().item()
    assert query.abs().max() <= 1e-14 * size and key.abs().max() <= 1e-14 * size
    assert value.abs().sum() > 0 and block.msa.out.weight.grad.abs().sum() > 0
    linear = block.gate(x) @ block.msa.qkv.weight[16:].T + block.msa.qkv.bias[16:]
    linear = linear @ block.msa.out.weight.T + block.msa.out.bias
    torch.testing.assert_close(block(x), x * linear[:, :, None, None])


def test_map_reading_has_gradient_on_query_and_key():
    block = redraw(SESelf(8, reduction=2, num_heads=2)).double()
    block(draw(4, 8, 3, 3, dtype=torch.float64)).square().sum().backward()
    assert all(part.abs().sum() > 1e-6 for part in block.msa.qkv.weight.grad.chunk(3))
