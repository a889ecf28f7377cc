"""BoTNet's self-attention (Srinivas et al. 2021, CVPR; arXiv 2101.11605)."""

import torch
from torch import Tensor, nn

from .self_attention import MultiHeadSelfAttention, map_of, tokens_of
from .slots import block


@block
class BotMHSA(MultiHeadSelfAttention):
    """softmax((q k^T + q r^T) / sqrt(d)) v per head, r the 2-D relative positions, and no output projection.

    Figure 4 of the paper, which leaves out the scale, here of both terms (timm's default scales q k^T alone). There it
    replaces the 3 x 3 convolution of the last stage's bottleneck units, with average pooling behind it where the unit
    halves the map; here it follows the unit's own convolutions in a slot, so the map's size stays. num_heads: 4 in the
    paper. size: (H, W), by `plug`. (B, C, H, W) -> (B, C, H, W). Raises ThesisError for heads that do not divide C."""

    def __init__(self, channels: int, *, num_heads: int = 4, size=None):
        super().__init__(channels, num_heads, "relative", size)
        self.qkv, self.out = nn.Linear(channels, 3 * channels, bias=False), nn.Identity()  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        return map_of(super().forward(tokens_of(x, self.size)), x)

    @torch.no_grad()
    def attention(self, x: Tensor) -> Tensor:
        """The weights that `forward` uses, (B, h, N, N)."""
        return super().attention(tokens_of(x, self.size))

    @staticmethod
    def macs(channels: int, height: int, width: int, **_: object) -> int:
        seen = height * width
        return 3 * seen * channels**2 + 2 * seen**2 * channels + seen * (height + width) * channels
