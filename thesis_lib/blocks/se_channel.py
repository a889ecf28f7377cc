"""Attention over channels after the excitation: DANet's (Fu et al. 2019, CVPR; arXiv 1809.02983) behind an SE block."""

import torch
from torch import Tensor, nn

from .se import SE
from .slots import block


@block
class SEChannel(SE):
    """x_se + beta E with E_j = sum_i a_ji X_i and a_ji = exp(X_i . X_j) / sum_i exp(X_i . X_j).

    X_i is channel i of the recalibrated map x_se over all positions; beta starts at zero, so the block
    starts exactly as SE. Fu et al. 2019 (CVPR), equations 3 and 4; their published code subtracts each
    row from its maximum first, which turns the order of the weights round, and is not followed here.
    Options: `reduction` and `bias` of SE. Shapes: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, *, reduction: int = 16, bias: bool = True):
        super().__init__(channels, reduction=reduction, bias=bias)
        self.beta = nn.Parameter(torch.zeros(()))

    def weights(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, C): row j says which channels channel j looks at."""
        channels = x.flatten(2)
        return (channels @ channels.transpose(1, 2)).softmax(dim=2)

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        return x + self.beta * (self.weights(x) @ x.flatten(2)).view_as(x)

    @staticmethod
    def macs(channels: int, height: int, width: int, *, reduction: int = 16, bias: bool = True) -> int:  # type: ignore[override]
        return SE.macs(channels, height, width, reduction=reduction) + 2 * height * width * channels**2
