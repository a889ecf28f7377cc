"""Non-local: every position answered by all others (Wang et al. 2018, CVPR; arXiv 1711.07971)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import choose
from .self_attention import map_of, tokens_of
from .slots import block

FORMS = ("gaussian", "dot")


@block
class NonLocal(nn.Module):
    """z_i = W_z y_i + x_i, y_i = sum_j f(x_i, x_j) g(x_j) / C(x), after the paper's equations 1 and 6.

    form: "gaussian", the embedded Gaussian f = exp(theta_i . phi_j) with C the sum of f, softmax without a
    scale; "dot", f = theta_i . phi_j with C the number of positions. theta, phi and g are 1 x 1 convolutions to C/2
    channels; subsample: phi and g are pooled by 2 first. The batch norm behind W_z starts at zero, so the block starts
    as the identity. Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for an unknown form."""

    def __init__(self, channels: int, *, form: str = "gaussian", subsample: bool = False):
        super().__init__()
        choose("form", form, FORMS)
        self.form, self.subsample, inner = form, subsample, max(1, channels // 2)
        self.theta, self.phi, self.g = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.out, self.norm = nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def weights(self, x: Tensor) -> Tensor:
        """f(x_i, x_j) / C(x), (B, N, M); M = N unless subsampled."""
        scores = tokens_of(self.theta(x)) @ tokens_of(self.phi(self.pooled(x))).transpose(1, 2)
        return scores.softmax(2) if self.form == "gaussian" else scores / scores.shape[2]

    def pooled(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2, ceil_mode=True) if self.subsample else x

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.weights(x) @ tokens_of(self.g(self.pooled(x)))
        return x + self.norm(self.out(map_of(mixed, x)))

    @torch.no_grad()
    def attention(self, x: Tensor) -> Tensor:
        """The weights for an input x, (B, 1, N, M)."""
        return self.weights(x)[:, None]

    @staticmethod
    def macs(channels: int, height: int, width: int, *, subsample: bool = False, **_: object) -> int:
        inner, seen = max(1, channels // 2), height * width
        others = -(-height // 2) * -(-width // 2) if subsample else seen
        return 2 * (seen + others) * channels * inner + 2 * seen * others * inner
