"""BAM: channel and spatial attention side by side (Park et al. 2018, BMVC; arXiv 1807.06514)."""

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ThesisError
from .se import refuse_reduction
from .slots import block


@block
class BAM(nn.Module):
    """F' = F + F M(F), M = sigma(M_c(F) + M_s(F)).

    M_c: mean over positions, MLP C -> C/r -> C, batch norm. M_s: 1 x 1 to C/r, two 3 x 3 of dilation d,
    1 x 1 to one channel, batch norm, with the official code's ReLUs between. The paper adds the branches,
    and so do we; the code multiplies them. It puts one BAM between two stages, a slot one in every unit.
    reduction: r. dilation: d. A batch of one cannot train through the norm of M_c.
    Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for options out of range."""

    def __init__(self, channels: int, *, reduction: int = 16, dilation: int = 4):
        super().__init__()
        refuse_reduction(reduction, channels)
        if not (type(dilation) is int and dilation >= 1):
            raise ThesisError(f"dilation은 1 이상의 정수여야 한다(받은 값: {dilation!r}).")
        small = channels // reduction
        mlp = nn.Linear(channels, small), nn.ReLU(), nn.Linear(small, channels)
        self.channel = nn.Sequential(*mlp, nn.BatchNorm1d(channels))
        first = nn.Conv2d(channels, small, 1)
        wide = (nn.Conv2d(small, small, 3, padding=dilation, dilation=dilation) for _ in range(2))
        self.spatial = nn.Sequential(first, *wide, nn.Conv2d(small, 1, 1), nn.BatchNorm2d(1))

    def forward(self, x: Tensor) -> Tensor:
        spatial = x
        for conv in self.spatial[:3]:
            spatial = F.relu(conv(spatial))
        weights = (self.channel(x.mean((2, 3)))[:, :, None, None] + self.spatial[3:](spatial)).sigmoid()
        return x + x * weights

    @staticmethod
    def macs(channels: int, height: int, width: int, *, reduction: int = 16, **_: object) -> int:
        small = channels // reduction
        return 2 * channels * small + height * width * (channels * small + 18 * small**2 + small)
