"""Multi-head self-attention over the positions of a map (Vaswani et al. 2017, NeurIPS; arXiv 1706.03762)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ThesisError, choose
from .slots import block, refuse_size

POSITIONS = ("none", "learned", "relative")


def tokens_of(x: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """(B, C, H, W) -> (B, HW, C), a view where x is channels_last. Raises ThesisError unless (H, W) is the size."""
    refuse_size(x, size)
    return x.flatten(2).transpose(1, 2)


def map_of(tokens: Tensor, like: Tensor) -> Tensor:
    """(B, HW, C) -> the shape of `like`; the inverse of `tokens_of`."""
    return tokens.transpose(1, 2).unflatten(2, like.shape[2:])


def refuse_heads(num_heads: object, channels: int) -> None:
    if not (type(num_heads) is int and num_heads >= 1 and channels % num_heads == 0):
        raise ThesisError(f"num_heads는 채널 수({channels})를 나누는 양의 정수여야 한다(받은 값: {num_heads!r}).")


def weights_of(query: Tensor, key: Tensor, relative: nn.Module | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(d)), Q and K lengthened by `relative`: (B, h, N, d) -> (B, h, N, N), row i: what i sees."""
    q, k = (query, key) if relative is None else relative(query, key)
    return (q @ k.transpose(2, 3) / query.shape[3] ** 0.5).softmax(dim=3)


def mixed(query: Tensor, key: Tensor, value: Tensor, relative: nn.Module | None = None) -> Tensor:
    """The values weighed by `weights_of`, in one fused step, heads side by side: (B, h, N, d) -> (B, N, h d)."""
    scale, width = query.shape[3] ** -0.5, value.shape[3]
    if relative is not None:  # one length for all three, a multiple of 8: kernels that hold no N x N weights ask for it
        query, key = relative(query, key)
        length = -(-max(query.shape[3], width) // 8) * 8
        query, key, value = (F.pad(x, (0, length - x.shape[3])) for x in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value, scale=scale)[..., :width].transpose(1, 2).flatten(2)


class RelativePosition(nn.Module):
    """q_i . (k_j + r^H_{y_j - y_i} + r^W_{x_j - x_i}): 2-D relative positions, as one longer dot product.

    Bello et al. 2019, equation 3; Srinivas et al. 2021, figure 4. The query gains its products with r for each of the H
    rows and W columns, the key a 1 at its own. size: (H, W). Two (B, h, HW, d) -> two (B, h, HW, d + H + W)."""

    def __init__(self, dim: int, size: tuple[int, int]):
        super().__init__()
        self.size = size
        self.rows, self.columns = (nn.Parameter(torch.randn(2 * side - 1, dim) * dim**-0.5) for side in size)

    def forward(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        places = [torch.arange(side, device=query.device) for side in self.size]
        steps = [at - at[:, None] + len(at) - 1 for at in places]  # j - i, from 0
        on_map = query.unflatten(2, self.size)
        by_row = torch.einsum("bhyxd,yjd->bhyxj", on_map, self.rows[steps[0]])
        by_column = torch.einsum("bhyxd,xkd->bhyxk", on_map, self.columns[steps[1]])
        y, x = (torch.eye(side, dtype=key.dtype, device=key.device) for side in self.size)
        own = torch.cat([y.repeat_interleave(len(x), 0), x.repeat(len(y), 1)], 1).expand(*key.shape[:2], -1, -1)
        return torch.cat([query, by_row.flatten(2, 3), by_column.flatten(2, 3)], 3), torch.cat([key, own], 3)


class MultiHeadSelfAttention(nn.Module):
    """MSA(X) = Concat(head_1 ... head_h) W_o, head_i = softmax(Q_i K_i^T / sqrt(d)) V_i, d = C / h.

    Vaswani et al. 2017, equation 1 and section 3.2.2, with Q, K and V all from X. Start and parameter layout (W_q, W_k,
    W_v stacked) are those of `torch.nn.MultiheadAttention`. position: "none"; "learned", a vector added to each token,
    zero at start; "relative", see `RelativePosition`; both need the map's size, (H, W).
    Shapes: (B, N, C) -> (B, N, C); the batch comes first and images never mix."""

    def __init__(self, channels: int, num_heads: int, position: str = "none", size: tuple[int, int] | None = None):
        super().__init__()
        refuse_heads(num_heads, channels)
        choose("position", position, POSITIONS)
        if position != "none" and size is None:
            raise ThesisError(f"position={position!r}에는 맵의 크기가 있어야 한다. size=(높이, 너비)를 주라.")
        self.num_heads, self.size = num_heads, None if position == "none" else size
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)
        height, width = size or (0, 0)
        self.learned = nn.Parameter(torch.zeros(height * width, channels)) if position == "learned" else None
        self.relative = RelativePosition(channels // num_heads, size) if size and position == "relative" else None

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value, each (B, h, N, d)."""
        x = x if self.learned is None else x + self.learned
        return self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.out(mixed(query, key, value, self.relative))

    def attention(self, x: Tensor) -> Tensor:
        """The weights that `forward` uses, (B, h, N, N)."""
        query, key, _ = self.heads(x)
        return weights_of(query, key, self.relative)

    def written_out(self, x: Tensor) -> Tensor:
        """`forward` by its equation, slow and obvious; exact where the fused kernel rounds."""
        query, key, value = self.heads(x)
        return self.out((weights_of(query, key, self.relative) @ value).transpose(1, 2).flatten(2))


@block
class SelfAttention(nn.Module):
    """X + MSA(LN(X)), the tokens of X being its H W positions: what SENet_self adds to SE, here without SE.

    MSA's output projection starts at zero, so the block starts as the identity. num_heads, position: see
    `MultiHeadSelfAttention`. size: (H, W), given by `plug`. Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError
    for heads that do not divide the channels."""

    def __init__(self, channels: int, *, num_heads: int = 4, position: str = "none", size=None):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.msa = MultiHeadSelfAttention(channels, num_heads, position, size)
        nn.init.zeros_(self.msa.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + map_of(self.msa(self.norm(tokens_of(x, self.msa.size))), x)

    @torch.no_grad()
    def attention(self, x: Tensor) -> Tensor:
        """The weights that `forward` uses, (B, h, N, N)."""
        return self.msa.attention(self.norm(tokens_of(x, self.msa.size)))

    @staticmethod
    def macs(channels: int, height: int, width: int, *, position: str = "none", **_: object) -> int:
        seen = height * width
        added = seen * (height + width) * channels if position == "relative" else 0
        return 4 * seen * channels**2 + 2 * seen**2 * channels + added
