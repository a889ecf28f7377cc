"""GSoP: a gate from the covariance of channels (Gao et al. 2019, CVPR; arXiv 1811.12006)."""

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ThesisError
from .slots import block


@block
class GSOP(nn.Module):
    """x~_c = s_c x_c with s = sigma(W g(Sigma)): Sigma is the covariance of d channels over positions.

    Sigma = X I^ X^T, I^ = (I - 11^T / M) / M, X the map through 1 x 1 convolution, norm and ReLU to d
    channels, M = H W. g convolves each row of Sigma by itself (d -> 4 d), W is 1 x 1 to C. This is the paper's
    channel branch, less its code's opening ReLU and its stride at 64 channels or fewer; the position branch
    centres by a matrix of the wrong size unless d = M, and is left out. dim: d; None: C, at most 128.
    Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for a dim below 1."""

    def __init__(self, channels: int, *, dim: int | None = None):
        super().__init__()
        if dim is not None and not (type(dim) is int and dim >= 1):
            raise ThesisError(f"dim은 1 이상의 정수여야 한다(받은 값: {dim!r}).")
        d = min(channels, 128) if dim is None else dim
        self.reduce, self.norm = nn.Conv2d(channels, d, 1, bias=False), nn.BatchNorm2d(d)
        self.row_norm = nn.BatchNorm2d(d)
        self.rows = nn.Conv2d(d, 4 * d, (d, 1), groups=d)
        self.expand = nn.Conv2d(4 * d, channels, 1)

    def covariance(self, x: Tensor) -> Tensor:
        """(B, d, H, W) -> (B, d, d)."""
        centred = x.flatten(2) - x.mean((2, 3))[:, :, None]
        return centred @ centred.transpose(1, 2) / centred.shape[2]

    def gate(self, x: Tensor) -> Tensor:
        """s, (B, C), each in (0, 1)."""
        rows = self.row_norm(self.covariance(F.relu(self.norm(self.reduce(x))))[..., None])
        return self.expand(self.rows(rows)).flatten(1).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)[:, :, None, None]

    @staticmethod
    def macs(channels: int, height: int, width: int, *, dim: int | None = None) -> int:
        d = min(channels, 128) if dim is None else dim
        return height * width * (channels * d + d**2) + 4 * d**2 + 4 * d * channels
