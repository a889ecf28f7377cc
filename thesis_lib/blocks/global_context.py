"""GC: one context for all positions, added (Cao et al. 2019, ICCV workshops; arXiv 1904.11492)."""

from torch import Tensor, nn
from torch.nn import functional as F

from .se import refuse_reduction
from .slots import block


@block
class GlobalContext(nn.Module):
    """z_i = x_i + W_v2 ReLU(LN(W_v1 sum_j a_j x_j)), a = softmax over positions of W_k x_j.

    Equation 5 of the paper, which adds; timm's default multiplies by a sigmoid instead. reduction: the
    bottleneck ratio, at most C / 2. Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError beyond it."""

    def __init__(self, channels: int, *, reduction: int = 16):
        super().__init__()
        refuse_reduction(reduction, channels, least=2)  # LN of a single value is 0 whatever the picture
        small = channels // reduction
        self.key = nn.Conv2d(channels, 1, 1)
        self.fc1, self.norm, self.fc2 = nn.Linear(channels, small), nn.LayerNorm(small), nn.Linear(small, channels)

    def forward(self, x: Tensor) -> Tensor:
        shares = self.key(x).flatten(2).softmax(2)
        context = (x.flatten(2) @ shares.transpose(1, 2))[..., 0]
        return x + self.fc2(F.relu(self.norm(self.fc1(context))))[:, :, None, None]

    @staticmethod
    def macs(channels: int, height: int, width: int, *, reduction: int = 16) -> int:
        return 2 * height * width * channels + 2 * channels * (channels // reduction)
