"""Squeeze-and-Excitation (Hu, Shen and Sun 2018, CVPR; arXiv 1709.01507) and the variants of its ablations."""

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ThesisError, choose
from .slots import block

SQUEEZES = ("average", "max", "none")
EXCITATIONS = ("sigmoid", "tanh", "relu")


def refuse_reduction(reduction: object, channels: int, least: int = 1) -> None:
    """Refuse what leaves fewer than `least` of the channels."""
    if not (type(reduction) is int and 1 <= reduction <= channels // least):
        allowed = f"1 이상 {channels // least} 이하의 정수(채널 수 {channels})"
        raise ThesisError(f"reduction은 {allowed}여야 한다(받은 값: {reduction!r}).")


@block
class SE(nn.Module):
    """x~_c = s_c x_c, with s = sigma(W_2 delta(W_1 z)) and z_c the mean of x_c over positions.

    Equations 2 to 4 of the paper; delta is ReLU, sigma the sigmoid, W_1 is (C / r, C), W_2 (C, C / r). channels: C.
    reduction: r, used exactly as given (1 <= r <= C). bias: biases in both layers, as published implementations have
    them; the paper's equation 5 counts none. squeeze: "average", "max" (table 11), or "none": no pooling, a gate at
    every position (NoSqueeze, section 7.1). excitation: "sigmoid", "tanh" or "relu" in the place of sigma (table 12).
    Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for options out of range."""

    def __init__(
        self, channels: int, *, reduction: int = 16, bias: bool = True, squeeze="average", excitation="sigmoid"
    ):
        super().__init__()
        refuse_reduction(reduction, channels)
        choose("squeeze", squeeze, SQUEEZES)
        choose("excitation", excitation, EXCITATIONS)
        self.squeeze, self.excitation = squeeze, excitation
        self.fc1 = nn.Linear(channels, channels // reduction, bias)
        self.fc2 = nn.Linear(channels // reduction, channels, bias)

    def gate(self, x: Tensor) -> Tensor:
        """The excitation s, (B, C), each in (0, 1) for the sigmoid; (B, H, W, C) without a squeeze."""
        if self.squeeze == "none":
            z = x.permute(0, 2, 3, 1)
        else:
            z = x.mean((2, 3)) if self.squeeze == "average" else x.amax((2, 3))
        return getattr(self.fc2(F.relu(self.fc1(z))), self.excitation)()

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x)
        return x * (gate.permute(0, 3, 1, 2) if self.squeeze == "none" else gate[:, :, None, None])

    @staticmethod
    def macs(
        channels: int, height: int, width: int, *, reduction: int = 16, squeeze: str = "average", **_: object
    ) -> int:
        return 2 * channels * (channels // reduction) * (height * width if squeeze == "none" else 1)
