"""Xception: residual units of depth-wise separable convolutions (Chollet 2017, CVPR; arXiv 1610.02357)."""

from itertools import pairwise

from torch import Tensor, nn

from .slot import Slot


def separable(inputs: int, outputs: int) -> list[nn.Module]:
    """A 3 x 3 in each channel, a 1 x 1 across them, batch norm."""
    depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
    return [depthwise, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]


class Unit(nn.Module):
    """y = F(x) + shortcut(x), F separable convolutions behind ReLUs; a slot ends F. stride 2 pools at its end. Shapes:
    (B, channels[0], H, W) -> (B, channels[-1], H / stride, W / stride)."""

    def __init__(self, channels, stride: int, *, stage: int, size: int, relu_first: bool = True):
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            layers += [nn.ReLU(), *separable(inputs, outputs)]
        self.branch = nn.Sequential(*layers[0 if relu_first else 1 :])
        self.pool = nn.MaxPool2d(3, 2, padding=1) if stride > 1 else nn.Identity()
        small = -(-size // stride)
        self.standard = Slot("standard", stage, channels[-1], small, small)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels[0] != channels[-1]:
            projection = nn.Conv2d(channels[0], channels[-1], 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(channels[-1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.standard(self.pool(self.branch(x))) + self.shortcut(x)


class Xception(nn.Module):
    """Entry, middle and exit flow of figure 5. large: the paper's stem and widths, for 299 x 299; else a stem at
    stride 1, a quarter of the widths in multiples of eight and two middle units, for small pictures. Shapes:
    (B, 3, image_size, image_size) -> (B, num_classes)."""

    def __init__(self, *, large: bool = False, num_classes: int = 10, image_size: int = 32):
        super().__init__()
        share, middle, stride, pad = (1, 8, 2, 0) if large else (4, 2, 1, 1)
        a, b, c, d, e, f = (width // share // 8 * 8 for width in (32, 64, 128, 256, 728, 1024))
        self.stem = nn.Sequential(
            nn.Conv2d(3, a, 3, stride, padding=pad, bias=False), nn.BatchNorm2d(a), nn.ReLU(),
            nn.Conv2d(a, b, 3, padding=pad, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
        )  # fmt: skip
        size = (image_size - 1) // 2 - 2 if large else image_size
        entry = [((b, c, c), 2, 1), ((c, d, d), 2, 1), ((d, e, e), 2, 2)]  # channels, stride, stage
        plan = [*entry, *[((e, e, e, e), 1, 2)] * middle, ((e, e, f), 2, 3)]
        units = []
        for index, (channels, step, stage) in enumerate(plan):
            units.append(Unit(channels, step, stage=stage, size=size, relu_first=index > 0))
            size = -(-size // step)
        self.units = nn.Sequential(*units)
        last = [*separable(f, f * 3 // 2), nn.ReLU(), *separable(f * 3 // 2, f * 2), nn.ReLU()]
        self.exit, self.classifier = nn.Sequential(*last), nn.Linear(f * 2, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.exit(self.units(self.stem(x))).mean((2, 3)))
