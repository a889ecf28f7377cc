"""Spatial Transformer: a network that first straightens its picture (Jaderberg et al. 2015; arXiv 1506.02025)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .resnet import conv


def sampled(pictures: Tensor, grid: Tensor) -> Tensor:
    """V_i = sum over n, m of U_nm max(0, 1 - |x_i - m|) max(0, 1 - |y_i - n|), equation 5; 0 outside.

    As torch's `grid_sample`, which has no deterministic backward. pictures: (B, C, H, W). grid: (B, H, W, 2),
    x and y in [-1, 1] over the picture's sides. Shapes: -> (B, C, H, W)."""
    _, channels, height, width = pictures.shape
    x, y = ((grid[..., axis] + 1) * side / 2 - 0.5 for axis, side in ((0, width), (1, height)))
    total = torch.zeros_like(pictures)
    for m, n in ((x.floor() + right, y.floor() + below) for right in (0, 1) for below in (0, 1)):
        weight = (1 - (x - m).abs()) * (1 - (y - n).abs())
        weight = torch.where((m < 0) | (m >= width) | (n < 0) | (n >= height), 0, weight)  # nan stays nan
        place = n.clamp(0, height - 1) * width + m.clamp(0, width - 1)
        place = place.nan_to_num().long().flatten(1)[:, None]
        pixels = pictures.flatten(2).gather(2, place.expand(-1, channels, -1))
        total = total + weight[:, None] * pixels.view_as(pictures)
    return total


class Localiser(nn.Module):
    """theta, the affine transformation of each picture, (B, 3, H, W) -> (B, 2, 3); the identity at start."""

    def __init__(self, width: int = 16):
        super().__init__()
        shapes = ((3, width), (width, 2 * width))
        layers = [(conv(a, b, 5, 2), nn.BatchNorm2d(b), nn.ReLU()) for a, b in shapes]
        self.layers = nn.Sequential(*layers[0], *layers[1])
        self.theta = nn.Linear(2 * width * 16, 6)

    def start(self) -> None:
        nn.init.zeros_(self.theta.weight)

    def forward(self, x: Tensor) -> Tensor:
        seen = F.interpolate(self.layers(x), (4, 4), mode="bilinear", align_corners=False)
        change = self.theta(seen.flatten(1)) / seen[0].numel() ** 0.5  # or the first steps throw the picture out
        return torch.eye(2, 3).to(change) + change.view(-1, 2, 3)


class SpatialTransformer(nn.Module):
    """backbone(V), V the picture U sampled at (x_i, y_i) = theta (x_t, y_t, 1), equation 1. Slots are those of the
    backbone. Shapes: (B, 3, H, W) -> (B, num_classes)."""

    def __init__(self, backbone, *, num_classes: int = 10, image_size: int = 32):
        super().__init__()
        self.localiser, self.backbone = Localiser(), backbone(num_classes=num_classes, image_size=image_size)

    def straightened(self, x: Tensor) -> Tensor:
        """V, the pictures as the backbone sees them, (B, 3, H, W)."""
        theta = self.localiser(x)
        with torch.autocast(x.device.type, enabled=False):  # bf16 counts pixels only up to 256
            return sampled(x, F.affine_grid(theta.to(x), list(x.shape), align_corners=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.backbone(self.straightened(x))
