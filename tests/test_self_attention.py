"""Multi-head self-attention against torch's own, against a slow loop, and against the prior notes' errors."""

import math

import pytest
import torch
from helpers import EXACT, draw, korean_sentence, redraw
from torch import nn

from thesis_lib import BLOCKS, ThesisError
from thesis_lib.blocks.self_attention import MultiHeadSelfAttention, RelativePosition


def attention_of(channels: int, heads: int, seed: int = 0) -> MultiHeadSelfAttention:
    return redraw(MultiHeadSelfAttention(channels, heads), seed).double().eval()


def torch_twin(ours: MultiHeadSelfAttention) -> nn.MultiheadAttention:
    channels = ours.out.in_features
    twin = nn.MultiheadAttention(channels, ours.num_heads, batch_first=True).double().eval()
    twin.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    return twin


def slow_attention(ours: MultiHeadSelfAttention, x: torch.Tensor) -> torch.Tensor:
    """Softmax(Q K^T / sqrt(d)) V for each image, head and position by itself; then W_o."""
    batch, length, channels = x.shape
    d = channels // ours.num_heads
    weight, bias = ours.qkv.weight.reshape(3, channels, channels), ours.qkv.bias.reshape(3, channels)
    out = torch.zeros_like(x)
    for n in range(batch):
        query, key, value = (x[n] @ w.T + b for w, b in zip(weight, bias, strict=True))
        for head in range(ours.num_heads):
            own = slice(head * d, (head + 1) * d)
            for i in range(length):
                scores = [float(query[i, own] @ key[j, own]) / math.sqrt(d) for j in range(length)]
                total = sum(math.exp(s) for s in scores)
                for j in range(length):
                    out[n, i, own] += math.exp(scores[j]) / total * value[j, own]
    return out @ ours.out.weight.T + ours.out.bias


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_equals_torch_multihead_attention(heads):
    ours, x = attention_of(16, heads), draw(3, 10, 16, dtype=torch.float64)
    expected, weights = torch_twin(ours)(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(ours(x), expected)
    torch.testing.assert_close(ours.attention(x), weights)


@pytest.mark.parametrize("heads", [1, 3])
def test_equals_a_slow_loop(heads):
    ours, x = attention_of(6, heads), draw(2, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), slow_attention(ours, x))


@pytest.mark.parametrize("heads", [1, 4])
def test_attention_is_what_forward_uses(heads):
    ours, x = attention_of(8, heads), draw(2, 7, 8, dtype=torch.float64)
    weights = ours.attention(x)
    assert weights.shape == (2, heads, 7, 7) and (weights >= 0).all()
    torch.testing.assert_close(weights.sum(3), torch.ones(2, heads, 7, dtype=torch.float64))
    mixed = (weights @ ours.heads(x)[2]).transpose(1, 2).reshape(2, 7, 8)
    torch.testing.assert_close(ours.out(mixed), ours(x))


def test_the_block_is_torchs_attention_over_positions_behind_a_norm():
    ours, x = redraw(BLOCKS["self_attention"](8, num_heads=2)).double(), draw(2, 8, 3, 4, dtype=torch.float64)
    tokens = ours.norm(x.flatten(2).transpose(1, 2))
    attended, weights = torch_twin(ours.msa)(tokens, tokens, tokens, average_attn_weights=False)
    torch.testing.assert_close(ours(x), x + attended.transpose(1, 2).reshape(x.shape))
    torch.testing.assert_close(ours.attention(x), weights)
    fresh = BLOCKS["self_attention"](8).double()
    torch.testing.assert_close(fresh(x), x, **EXACT)


def test_start_is_that_of_torch():
    fresh = MultiHeadSelfAttention(64, 4)
    bound = math.sqrt(6 / (64 + 3 * 64))
    assert 0.98 * bound < fresh.qkv.weight.abs().max() <= bound
    assert not fresh.qkv.bias.any() and not fresh.out.bias.any() and fresh.out.weight.any()
    assert not MultiHeadSelfAttention(8, 2, "learned", (2, 3)).learned.any()
    assert RelativePosition(64, (32, 32)).rows.std().item() == pytest.approx(64**-0.5, rel=0.1)
    assert BLOCKS["self_attention"](64).msa.num_heads == BLOCKS["se_self"](64).msa.num_heads == 4


@pytest.mark.parametrize("heads", [3, 0, -2, 2.0, "2", 16])
def test_heads_that_do_not_divide_are_refused(heads):
    with pytest.raises(ThesisError, match=r"num_heads는 채널 수\(8\)를 나누는"):
        MultiHeadSelfAttention(8, heads)


class NotesAttention(nn.Module):
    """The prior notes' multi-head attention: split into heads by a view alone, the heads never moved forward."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads, self.size = heads, channels // heads
        self.query, self.key, self.value = (nn.Linear(self.size, self.size) for _ in range(3))

    def forward(self, x):
        batch, length, _ = x.shape
        split = x.view(batch, length, self.heads, self.size)
        energy = self.query(split) @ self.key(split).transpose(-2, -1)
        self.weights = (energy / self.size**0.5).softmax(dim=-1)
        return (self.weights @ self.value(split)).reshape(x.shape)


def test_notes_attention_looks_across_heads_and_never_across_positions():
    notes, x = redraw(NotesAttention(8, 2)), draw(1, 5, 8)
    moved = x.clone()
    moved[:, 3] += 1
    torch.testing.assert_close(notes(moved)[:, :3], notes(x)[:, :3], **EXACT)
    assert notes.weights.shape == (1, 5, 2, 2)  # heads x heads at every position
    ours = attention_of(8, 2).float()
    assert not torch.allclose(ours(moved)[:, :3], ours(x)[:, :3])


def test_notes_projection_of_the_whole_embedding_works_for_one_head_only():
    x = draw(1, 5, 8)
    assert nn.Linear(8 // 1, 8 // 1)(x).shape == x.shape
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        nn.Linear(8 // 2, 8 // 2)(x)


def test_torch_default_takes_the_batch_for_the_sequence():
    ours, x = attention_of(8, 2).float(), draw(2, 5, 8)
    as_in_the_draft = nn.MultiheadAttention(8, 2).eval()
    as_in_the_draft.load_state_dict(torch_twin(ours).state_dict())
    moved = x.clone()
    moved[1] += draw(5, 8, seed=1)
    assert not torch.allclose(as_in_the_draft(moved, moved, moved)[0][0], as_in_the_draft(x, x, x)[0][0])
    torch.testing.assert_close(ours(moved)[0], ours(x)[0], **EXACT)
    per_position = as_in_the_draft(x, x, x)[1]
    assert per_position.shape == (5, 2, 2)  # image x image, once for every position


def test_relative_positions_one_pair_at_a_time():
    relative, query, key = redraw(RelativePosition(3, (2, 4))), draw(1, 2, 8, 3), draw(1, 2, 8, 3, seed=1)
    expected = torch.zeros(1, 2, 8, 8)
    for i in range(8):
        for j in range(8):
            r = relative.rows[j // 4 - i // 4 + 1] + relative.columns[j % 4 - i % 4 + 3]
            expected[..., i, j] = (query[:, :, i] * (key[:, :, j] + r)).sum(2)
    lengthened = relative(query, key)
    torch.testing.assert_close(lengthened[0] @ lengthened[1].transpose(2, 3), expected)


@pytest.mark.parametrize("position", ["learned", "relative"])
def test_self_attention_with_positions_equals_its_equation(position):
    ours, x = redraw(MultiHeadSelfAttention(6, 2, position, (2, 3))), draw(2, 6, 6)
    torch.testing.assert_close(ours(x), ours.written_out(x))
    shown = ours.attention(x) @ ours.heads(x)[2]
    torch.testing.assert_close(ours(x), ours.out(shown.transpose(1, 2).flatten(2)))
    told = x + ours.learned if position == "learned" else x
    query, key, value = (told @ ours.qkv.weight.T + ours.qkv.bias).split(6, dim=2)
    for picture in range(2):
        mixed = torch.zeros(6, 6)
        for own in (slice(0, 3), slice(3, 6)):
            for i in range(6):
                scores = torch.stack([query[picture, i, own] @ key[picture, j, own] for j in range(6)])
                if position == "relative":
                    steps = [(j // 3 - i // 3 + 1, j % 3 - i % 3 + 2) for j in range(6)]
                    towards = torch.stack([ours.relative.rows[y] + ours.relative.columns[x_] for y, x_ in steps])
                    scores = scores + towards @ query[picture, i, own]
                mixed[i, own] = (scores / 3**0.5).softmax(0) @ value[picture, :, own]
        torch.testing.assert_close(ours(x)[picture], mixed @ ours.out.weight.T + ours.out.bias)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    assert not torch.allclose(ours(x[:, order]), ours(x)[:, order])  # it knows where tokens lie
    with pytest.raises(ThesisError) as caught:
        MultiHeadSelfAttention(6, 2, position)
    assert "size" in korean_sentence(caught.value)
