"""Attention-augmented convolution (Bello et al. 2019, ICCV; arXiv 1904.09925)."""

import torch
from torch import Tensor, nn

from ..errors import ThesisError
from .self_attention import RelativePosition, map_of, mixed, refuse_heads, tokens_of, weights_of
from .slots import block


def rounded(share: float, channels: int, num_heads: int) -> int:
    """A share of the channels, up to the next multiple of the heads, at least one each."""
    return max(1, -(-round(share * channels) // num_heads)) * num_heads


@block
class AugmentedConv(nn.Module):
    """Concat[Conv(X), MHA(X)]: d_v of the C output channels come from attention, the others from a 3 x 3.

    Attention: (q k^T + q r^T) / sqrt(d) with 2-D relative positions r, softmax, v, and a projection W_o (equations 2 to
    5). In the paper this is a unit's convolution itself; here it follows the unit's own in a slot, at the same width.
    keys, values: the shares d_k / C and d_v / C (kappa and upsilon, 0.2 and 0.1 in the paper), rounded up to the heads.
    num_heads: 8 in the paper, whose layers are wider (it asks for 20 key channels a head); 4 here. size: (H, W), by
    `plug`. (B, C, H, W) -> (B, C, H, W). Raises ThesisError for what is out of range."""

    def __init__(self, channels: int, *, num_heads: int = 4, keys: float = 0.2, values: float = 0.1, size=None):
        super().__init__()
        refuse_heads(num_heads, channels)
        if size is None:
            raise ThesisError("상대 위치에는 맵의 크기가 있어야 한다. size=(높이, 너비)를 주라.")
        for name, share in (("keys", keys), ("values", values)):
            if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
                raise ThesisError(f"{name}는 0보다 크고 1 이하인 수여야 한다(받은 값: {share!r}).")
        self.num_heads = num_heads
        self.dk, self.dv = rounded(keys, channels, num_heads), rounded(values, channels, num_heads)
        self.conv = nn.Conv2d(channels, channels - self.dv, 3, padding=1, bias=False) if self.dv < channels else None
        self.qkv = nn.Conv2d(channels, 2 * self.dk + self.dv, 1)
        self.out = nn.Conv2d(self.dv, self.dv, 1)
        self.relative = RelativePosition(self.dk // num_heads, size)

    def heads(self, x: Tensor) -> tuple[Tensor, ...]:
        """Query, key, value, (B, h, N, d)."""
        parts = tokens_of(self.qkv(x), self.relative.size).split([self.dk, self.dk, self.dv], dim=2)
        return tuple(part.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in parts)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        attended = self.out(map_of(mixed(query, key, value, self.relative), x))
        return attended if self.conv is None else torch.cat([self.conv(x), attended], 1)

    @torch.no_grad()
    def attention(self, x: Tensor) -> Tensor:
        """The weights that `forward` uses, (B, h, N, N)."""
        query, key, _ = self.heads(x)
        return weights_of(query, key, self.relative)

    @staticmethod
    def macs(channels: int, height: int, width: int, *, num_heads=4, keys=0.2, values=0.1) -> int:
        seen, dk, dv = height * width, rounded(keys, channels, num_heads), rounded(values, channels, num_heads)
        projections = 9 * channels * (channels - dv) + channels * (2 * dk + dv) + dv**2
        return seen * projections + seen**2 * (dk + dv) + seen * (height + width) * dk
