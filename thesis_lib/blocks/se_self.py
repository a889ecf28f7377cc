"""SENet_self: multi-head self-attention after the excitation of an SE block (this thesis)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ThesisError, choose
from .se import SE
from .slots import block

READINGS = ("map", "plain", "gate")
MIXINGS = ("attention", "identity", "uniform")


class MultiHeadSelfAttention(nn.Module):
    """MSA(X) = Concat(head_1 ... head_h) W_o, head_i = softmax(Q_i K_i^T / sqrt(d)) V_i, d = C / h.

    Vaswani et al. 2017, equation 1 and section 3.2.2, with Q, K and V all from X. Start and parameter
    layout (W_q, W_k, W_v stacked) are those of `torch.nn.MultiheadAttention`.
    Shapes: (B, N, C) -> (B, N, C); the batch comes first and images never mix.
    """

    def __init__(self, channels: int, num_heads: int):
        super().__init__()
        if not (isinstance(num_heads, int) and num_heads >= 1 and channels % num_heads == 0):
            raise ThesisError(f"num_heads는 채널 수({channels})를 나누는 양의 정수여야 한다(받은 값: {num_heads!r}).")
        self.num_heads = num_heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value, each (B, h, N, d)."""
        return self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)

    def forward(self, x: Tensor) -> Tensor:
        mixed = F.scaled_dot_product_attention(*self.heads(x))
        return self.out(mixed.transpose(1, 2).flatten(2))

    def attention(self, x: Tensor) -> Tensor:
        """The weights that `forward` uses, (B, h, N, N): row i says where position i looks."""
        query, key, _ = self.heads(x)
        return (query @ key.transpose(2, 3) / query.shape[3] ** 0.5).softmax(dim=3)

    def written_out(self, x: Tensor) -> Tensor:
        """`forward` by its equation, slow and obvious; exact where the fused kernel rounds."""
        _, _, value = self.heads(x)
        return self.out((self.attention(x) @ value).transpose(1, 2).flatten(2))


class FixedMixing(nn.Module):
    """MSA with its attention weights held fixed: control arms with the same value and output projections.

    identity: every position sees itself alone, W_o W_v x_i. uniform: every position sees all alike, and
    since the mean of W_v x_i is W_v of the mean, one token is projected. Start as in MSA for one seed.
    Shapes: (B, N, C) -> (B, N, C).
    """

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


def tokens_of(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, HW, C), a view where x is channels_last."""
    return x.flatten(2).transpose(1, 2)


def map_of(tokens: Tensor, like: Tensor) -> Tensor:
    """(B, HW, C) -> the shape of `like`; the inverse of `tokens_of`."""
    return tokens.transpose(1, 2).unflatten(2, like.shape[2:])


@block
class SESelf(SE):
    """The SE block, and self-attention on what its excitation gives. Three readings of that sentence:

    map (default): x_se + MSA(LN(x_se)), tokens are the H W positions of the recalibrated map x_se. MSA's
        output projection starts at zero, so the block starts exactly as SE.
    plain: MSA(x_se), the draft's own lines with the batch axis put right.
    gate: x MSA(s), the excitation s as one token: softmax over one token is 1, so MSA is linear in s.
    Options: `reduction` and `bias` of SE; `num_heads`. To map alone belong `residual`, `zero_start` and
    `mixing`, which puts fixed weights in the place of attention's (see `FixedMixing`).
    Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for options out of range.
    """

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 16,
        bias: bool = True,
        num_heads: int = 4,
        reading: str = "map",
        residual: bool = True,
        zero_start: bool = True,
        mixing: str = "attention",
    ):
        super().__init__(channels, reduction=reduction, bias=bias)
        choose("reading", reading, READINGS)
        choose("mixing", mixing, MIXINGS)
        if reading != "map" and not (residual and zero_start and mixing == "attention"):
            raise ThesisError("residual, zero_start, mixing은 reading='map'에서만 바꿀 수 있다.")
        self.reading, self.residual = reading, residual
        attends = mixing == "attention"
        self.msa = MultiHeadSelfAttention(channels, num_heads) if attends else FixedMixing(channels, num_heads, mixing)
        if reading == "map":
            self.norm = nn.LayerNorm(channels)
            if zero_start:
                nn.init.zeros_(self.msa.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        if self.reading == "gate":
            attended = self.msa.written_out(self.gate(x)[:, None, :])  # type: ignore[operator]
            return x * attended.transpose(1, 2)[..., None]
        x = super().forward(x)
        if self.reading == "plain":
            return map_of(self.msa(tokens_of(x)), x)
        attended = map_of(self.msa(self.norm(tokens_of(x))), x)
        return x + attended if self.residual else attended

    @torch.no_grad()
    def attention(self, x: Tensor) -> Tensor:
        """The attention weights for an input x, (B, heads, N, N); N = HW, or 1 in the reading `gate`."""
        if self.reading == "gate":
            return self.msa.attention(self.gate(x)[:, None, :])
        tokens = tokens_of(super().forward(x))
        return self.msa.attention(self.norm(tokens) if self.reading == "map" else tokens)

    @staticmethod
    def macs(
        channels: int,
        height: int,
        width: int,
        *,
        reduction: int = 16,
        reading: str = "map",
        mixing: str = "attention",
        **_: object,
    ) -> int:
        tokens = 1 if reading == "gate" else height * width
        own = {
            "attention": 4 * tokens * channels**2 + 2 * tokens**2 * channels,
            "identity": 2 * tokens * channels**2,
            "uniform": 2 * channels**2,
        }
        return SE.macs(channels, height, width, reduction=reduction) + own[mixing]
