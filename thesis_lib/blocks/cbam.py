"""CBAM: channel attention, then spatial attention (Woo et al. 2018, ECCV; arXiv 1807.06521)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .se import refuse_reduction
from .slots import block, refuse_even


@block
class CBAM(nn.Module):
    """F' = M_c(F) F, F'' = M_s(F') F': M_c from both poolings of positions, M_s from both of channels.

    M_c = sigma(W_1 ReLU(W_0 F_avg) + W_1 ReLU(W_0 F_max)), M_s = sigma(f^{k x k}([F'_avg; F'_max])). As the paper has
    them: the official code adds biases to the MLP and a batch norm after the convolution, and puts the maximum first.
    reduction: r. kernel: k, odd. Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for options out of range."""

    def __init__(self, channels: int, *, reduction: int = 16, kernel: int = 7):
        super().__init__()
        refuse_reduction(reduction, channels)
        refuse_even(kernel)
        self.fc1 = nn.Linear(channels, channels // reduction, bias=False)
        self.fc2 = nn.Linear(channels // reduction, channels, bias=False)
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def gate(self, x: Tensor) -> Tensor:
        """M_c, (B, C)."""
        return sum(self.fc2(F.relu(self.fc1(z))) for z in (x.mean((2, 3)), x.amax((2, 3)))).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.gate(x)[:, :, None, None]
        pooled = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * self.conv(pooled).sigmoid()

    @staticmethod
    def macs(channels: int, height: int, width: int, *, reduction: int = 16, kernel: int = 7) -> int:
        return 4 * channels * (channels // reduction) + 2 * kernel**2 * height * width
