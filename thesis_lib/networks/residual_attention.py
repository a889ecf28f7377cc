"""Residual Attention Network: trunk and mask branches (Wang et al. 2017, CVPR; arXiv 1704.06904)."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import choose
from .resnet import PreactivatedUnit, conv
from .slot import Slot


class Mask(nn.Module):
    """Down by pooling, up by interpolation, a unit on either way, and beside them one at each middle size. Figure 2 of
    the paper. unit: makes a residual unit for a side. Shapes: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, unit: Callable[[int], nn.Module], depth: int, size: int):
        super().__init__()
        half = -(-size // 2)
        self.down, self.up = unit(half), unit(half)
        self.inner = Mask(unit, depth - 1, half) if depth > 1 else None
        self.beside = unit(half) if depth > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(F.max_pool2d(x, 3, 2, padding=1))
        if self.inner is not None and self.beside is not None:
            y = self.inner(y) + self.beside(y)
        return F.interpolate(self.up(y), x.shape[2:], mode="bilinear", align_corners=False)


class AttentionModule(nn.Module):
    """(1 + M(x)) F(x), equation 3: F two units, M in (0, 1); one unit before and one, with slots, behind.

    mix "add" is the notes' F(x) + A(x), A being M before its sigmoid: a sum cannot scale what F finds down
    or up, only shift it. depth: how often M halves the map. Shapes: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, depth: int, *, mix: str, stage: int, size: int):
        super().__init__()
        choose("mix", mix, ("multiply", "add"))

        def unit(side: int, slots: bool = False) -> nn.Module:
            made = PreactivatedUnit(channels, channels // 4, 1, expansion=4, stage=stage, size=side)
            for name, child in [] if slots else list(made.named_children()):
                if isinstance(child, Slot):
                    setattr(made, name, nn.Identity())
            return made

        self.mix, self.opening, self.closing = mix, unit(size), unit(size, slots=True)
        self.trunk = nn.Sequential(unit(size), unit(size))
        ends = [nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), conv(channels, channels, 1)) for _ in range(2)]
        self.mask = nn.Sequential(Mask(unit, depth, size), *ends)

    def forward(self, x: Tensor) -> Tensor:
        x = self.opening(x)
        found, mask = self.trunk(x), self.mask(x)
        return self.closing((1 + mask.sigmoid()) * found if self.mix == "multiply" else found + mask)


class ResidualAttentionNetwork(nn.Module):
    """Attention-56 (one attention module a stage), less its three closing units, at small networks' widths. Shapes: (B,
    3, image_size, image_size) -> (B, num_classes)."""

    def __init__(self, widths, *, mix: str = "multiply", num_classes: int = 10, image_size: int = 32):
        super().__init__()
        self.stem = conv(3, widths[0], 3)
        layers: list[nn.Module] = []
        channels, size = widths[0], image_size
        for stage, width in enumerate(widths, start=1):
            stride = 2 if stage > 1 else 1
            layers.append(PreactivatedUnit(channels, width, stride, expansion=4, stage=stage, size=size))
            channels, size = 4 * width, -(-size // stride)
            layers.append(AttentionModule(channels, len(widths) + 1 - stage, mix=mix, stage=stage, size=size))
        self.layers, self.norm = nn.Sequential(*layers), nn.BatchNorm2d(channels)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.relu(self.norm(self.layers(self.stem(x)))).mean((2, 3)))
