"""Lightweight and dynamic convolution (Wu et al. 2019, ICLR; arXiv 1901.10430), over the rows of a map."""

from torch import Tensor, nn
from torch.nn import functional as F

from .self_attention import refuse_heads
from .slots import block, refuse_even


@block
class LightConv(nn.Module):
    """x + W_o LightConv(GLU(W_i x)): depth-wise along each row, with softmax-normalised weights shared by head.

    LightConv(X, w, i, c) = sum_j softmax(w_h)_j X_{i + j - (k + 1) / 2, c}, h the head of channel c (section 3). The
    paper's sequences are sentences; of a map each row is one. Flattened positions would make the end of a row a
    neighbour of the next one's beginning. The residual path is that of the Transformer's sublayer; the paper's
    DropConnect is left out. num_heads: H (16 in the paper, whose layers are wider). kernel: k, odd.
    Raises ThesisError for an even k and heads that do not divide C. Shapes: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, *, num_heads: int = 4, kernel: int = 3):
        super().__init__()
        refuse_heads(num_heads, channels)
        refuse_even(kernel)
        self.num_heads, self.kernel = num_heads, kernel
        self.open, self.close = nn.Linear(channels, 2 * channels), nn.Linear(channels, channels)
        self.make_weights(channels)

    def make_weights(self, channels: int) -> None:
        self.weight = nn.Parameter(nn.init.xavier_uniform_(self.close.weight.new_empty(self.num_heads, self.kernel)))

    def weights(self, x: Tensor) -> Tensor:
        """Before the softmax, (..., heads, kernel), for rows x (B, H, W, C)."""
        return self.weight

    def forward(self, x: Tensor) -> Tensor:
        rows = F.glu(self.open(x.permute(0, 2, 3, 1)))
        around = F.pad(rows, (0, 0, self.kernel // 2, self.kernel // 2)).unfold(2, self.kernel, 1)
        by_head = around.unflatten(3, (self.num_heads, -1))  # (B, H, W, heads, C / heads, kernel)
        mixed = (by_head * self.weights(rows).softmax(-1)[..., None, :]).sum(-1).flatten(3)
        return x + self.close(mixed).permute(0, 3, 1, 2)

    @staticmethod
    def macs(channels: int, height: int, width: int, *, kernel: int = 3, **_: object) -> int:
        return height * width * (3 * channels**2 + kernel * channels)


@block
class DynamicConv(LightConv):
    """LightConv whose weights are predicted at every position: f(X_i) = W_q X_i, (heads, kernel) (section 4). Options,
    choices and errors are those of `LightConv`. Shapes: (B, C, H, W) -> (B, C, H, W)."""

    def make_weights(self, channels: int) -> None:
        self.predict = nn.Linear(channels, self.num_heads * self.kernel, bias=False)

    def weights(self, x: Tensor) -> Tensor:
        return self.predict(x).unflatten(3, (self.num_heads, self.kernel))

    @staticmethod
    def macs(channels, height, width, *, num_heads=4, kernel=3) -> int:  # type: ignore[override]
        light = LightConv.macs(channels, height, width, kernel=kernel)
        return light + height * width * channels * num_heads * kernel
