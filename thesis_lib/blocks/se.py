"""Squeeze-and-Excitation (Hu, Shen and Sun 2018, CVPR; arXiv 1709.01507)."""

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ThesisError
from .slots import block


@block
class SE(nn.Module):
    """x~_c = s_c x_c, with s = sigma(W_2 delta(W_1 z)) and z_c the mean of x_c over positions.

    Equations 2 to 4 of the paper; delta is ReLU, sigma the sigmoid, W_1 is (C / r, C), W_2 (C, C / r).
    channels: C. reduction: r, used exactly as given (1 <= r <= C). bias: biases in both layers, as
    published implementations have them; the paper's equation 5 counts none.
    Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for a reduction out of range.
    """

    def __init__(self, channels: int, *, reduction: int = 16, bias: bool = True):
        super().__init__()
        if not (isinstance(reduction, int) and 1 <= reduction <= channels):
            raise ThesisError(f"reduction은 1 이상 채널 수({channels}) 이하의 정수여야 한다(받은 값: {reduction!r}).")
        self.fc1 = nn.Linear(channels, channels // reduction, bias)
        self.fc2 = nn.Linear(channels // reduction, channels, bias)

    def gate(self, x: Tensor) -> Tensor:
        """The excitation s, (B, C), each in (0, 1)."""
        z = x.mean((2, 3))
        return self.fc2(F.relu(self.fc1(z))).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)[:, :, None, None]

    @staticmethod
    def macs(channels: int, height: int, width: int, *, reduction: int = 16, bias: bool = True) -> int:
        return 2 * channels * (channels // reduction)
