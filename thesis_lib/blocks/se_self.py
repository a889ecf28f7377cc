"""SENet_self: multi-head self-attention after the excitation of an SE block (this thesis)."""

import torch
from torch import Tensor, nn

from ..errors import ThesisError, choose
from .se import SE
from .self_attention import MultiHeadSelfAttention, SelfAttention, map_of, tokens_of
from .slots import block

READINGS = ("map", "plain", "gate")
MIXINGS = ("attention", "identity", "uniform")


class FixedMixing(nn.Module):
    """MSA with its attention weights held fixed: control arms with the same value and output projections.

    identity: every position sees itself alone, W_o W_v x_i. uniform: every position sees all alike, and since the mean
    of W_v x_i is W_v of the mean, one token is projected. Start as in MSA for one seed. (B, N, C) -> (B, N, C)."""

    def __init__(self, channels: int, num_heads: int, mixing: str):
        super().__init__()
        twin = MultiHeadSelfAttention(channels, num_heads)
        self.num_heads, self.mixing = num_heads, mixing
        self.value, self.out = nn.Linear(channels, channels), twin.out
        self.value.load_state_dict({key: part[-channels:] for key, part in twin.qkv.state_dict().items()})

    def forward(self, x: Tensor) -> Tensor:
        mixed = x.mean(1, keepdim=True) if self.mixing == "uniform" else x
        return self.out(self.value(mixed)).expand_as(x)

    def attention(self, x: Tensor) -> Tensor:
        """The weights that `forward` uses, (B, h, N, N)."""
        count = x.shape[1]
        weights = x.new_full((count, count), 1 / count) if self.mixing == "uniform" else torch.eye(count).to(x)
        return weights.expand(len(x), self.num_heads, count, count)


@block
class SESelf(SE):
    """The SE block, and self-attention on what its excitation gives. Three readings of that sentence:

    map (default): x_se + MSA(LN(x_se)), tokens are the H W positions of the recalibrated map x_se. MSA's
        output projection starts at zero, so the block starts exactly as SE.
    plain: MSA(x_se), the draft's own lines with the batch axis put right.
    gate: x MSA(s), the excitation s as one token: softmax over one token is 1, so MSA is linear in s.
    Options: `reduction` and `bias` of SE; `num_heads`. To map alone belong `residual`, `zero_start`, `position` (see
    `MultiHeadSelfAttention`) and `mixing`, which puts fixed weights in the place of attention's (see `FixedMixing`).
    Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for options out of range."""

    def __init__(
        self, channels: int, *, reduction: int = 16, bias: bool = True, num_heads: int = 4, reading: str = "map",
        residual: bool = True, zero_start: bool = True, mixing: str = "attention", position: str = "none", size=None,
    ):  # fmt: skip
        super().__init__(channels, reduction=reduction, bias=bias)
        choose("reading", reading, READINGS)
        choose("mixing", mixing, MIXINGS)
        if reading != "map" and not (residual and zero_start and mixing == "attention" and position == "none"):
            raise ThesisError("residual, zero_start, mixing, position은 reading='map'에서만 바꿀 수 있다.")
        if mixing != "attention" and position != "none":
            raise ThesisError("position은 mixing='attention'에서만 바꿀 수 있다.")
        self.reading, self.residual = reading, residual
        self.msa: MultiHeadSelfAttention | FixedMixing
        if mixing == "attention":
            self.msa = MultiHeadSelfAttention(channels, num_heads, position, size)
        else:
            self.msa = FixedMixing(channels, num_heads, mixing)
        if reading == "map":
            self.norm = nn.LayerNorm(channels)
            if zero_start:
                nn.init.zeros_(self.msa.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        if self.reading == "gate":
            attended = self.msa.written_out(self.gate(x)[:, None, :])  # type: ignore[operator]
            return x * attended.transpose(1, 2)[..., None]
        x = super().forward(x)
        attended = map_of(self.msa(self.tokens(x)), x)
        return x + attended if self.reading == "map" and self.residual else attended

    def tokens(self, x: Tensor) -> Tensor:
        """What the readings `map` and `plain` give to MSA of a recalibrated map, (B, HW, C)."""
        tokens = tokens_of(x, getattr(self.msa, "size", None))
        return self.norm(tokens) if self.reading == "map" else tokens

    @torch.no_grad()
    def attention(self, x: Tensor) -> Tensor:
        """The attention weights for an input x, (B, heads, N, N); N = HW, or 1 in the reading `gate`."""
        if self.reading == "gate":
            return self.msa.attention(self.gate(x)[:, None, :])
        return self.msa.attention(self.tokens(super().forward(x)))

    @staticmethod
    def macs(  # type: ignore[override]
        channels, height, width, *, reduction=16, reading="map", mixing="attention", position="none", **_
    ) -> int:
        size = (1, 1) if reading == "gate" else (height, width)
        own = {
            "attention": SelfAttention.macs(channels, *size, position=position),
            "identity": 2 * height * width * channels**2,
            "uniform": 2 * channels**2,
        }
        return SE.macs(channels, height, width, reduction=reduction) + own[mixing]
