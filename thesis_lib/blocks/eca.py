"""ECA: a gate from each channel's neighbours (Wang et al. 2020, CVPR; arXiv 1910.03151)."""

import math

from torch import Tensor, nn

from .slots import block, refuse_even


def kernel_for(channels: int) -> int:
    """k = |log2(C) / 2 + 1 / 2|_odd, equation 12; an even value goes up, as in the paper's code."""
    whole = int((math.log2(channels) + 1) / 2)
    return whole if whole % 2 else whole + 1


@block
class ECA(nn.Module):
    """x~_c = s_c x_c, s = sigma(C1D_k(z)), z_c the mean of x_c: a convolution along the channels.

    Equation 9 (the paper's printed code leaves the sigmoid out). kernel: k, odd; None: by `kernel_for`.
    Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for an even kernel."""

    def __init__(self, channels: int, *, kernel: int | None = None):
        super().__init__()
        kernel = kernel_for(channels) if kernel is None else kernel
        refuse_even(kernel)
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def gate(self, x: Tensor) -> Tensor:
        """s, (B, C), each in (0, 1)."""
        return self.conv(x.mean((2, 3))[:, None])[:, 0].sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)[:, :, None, None]

    @staticmethod
    def macs(channels: int, height: int, width: int, *, kernel: int | None = None) -> int:
        return channels * (kernel or kernel_for(channels))
