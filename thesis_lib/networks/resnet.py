"""Residual networks (He et al. 2016), pre-activated (idem, ECCV), wide (Zagoruyko 2016), ResNeXt (Xie 2017)."""

from torch import Tensor, nn
from torch.nn import functional as F

from .slot import Slot


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


class ResidualUnit(nn.Module):
    """y = ReLU(F(x) + x), with F two 3 x 3 convolutions (basic) or 1 x 1, 3 x 3, 1 x 1 (bottleneck).

    He et al. 2016 (CVPR). inner: channels of the bottleneck's 3 x 3 over `width`; with `groups` ResNeXt's (Xie et al.
    2017). half: the first 1 x 1 has half as many, and the shortcut is a 3 x 3 where it halves the map (SENet-154).
    Slots: `pre` opens the residual branch, `inside` follows the ReLU of the basic unit's first convolution (of the
    bottleneck's 3 x 3), `standard` closes the branch before the addition, `identity` lies on the shortcut, `post`
    follows the last ReLU. Shapes: (B, inputs, H, W) -> (B, width * expansion, H / stride, W / stride)."""

    def __init__(self, inputs, width, stride, *, expansion, stage, size, groups=1, inner=1, half=False):
        super().__init__()
        outputs, small, middle = width * expansion, -(-size // stride), width * inner
        self.pre = Slot("pre", stage, inputs, size, size)
        if expansion == 1:
            self.conv1, self.norm1 = conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
            self.inside = Slot("inside", stage, width, small, small)
            self.conv2, self.norm2 = conv(width, outputs, 3), nn.BatchNorm2d(outputs)
        else:
            opening = middle // 2 if half else middle
            self.reduce, self.norm0 = conv(inputs, opening, 1), nn.BatchNorm2d(opening)
            self.conv1, self.norm1 = conv(opening, middle, 3, stride, groups), nn.BatchNorm2d(middle)
            self.inside = Slot("inside", stage, middle, small, small)
            self.conv2, self.norm2 = conv(middle, outputs, 1), nn.BatchNorm2d(outputs)
        self.bottleneck = expansion > 1
        self.standard = Slot("standard", stage, outputs, small, small)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            kernel = 3 if half and stride > 1 else 1
            self.shortcut = nn.Sequential(conv(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs))
        self.identity = Slot("identity", stage, outputs, small, small)
        self.post = Slot("post", stage, outputs, small, small)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pre(x)
        if self.bottleneck:
            y = F.relu(self.norm0(self.reduce(y)), inplace=True)
        y = self.inside(F.relu(self.norm1(self.conv1(y)), inplace=True))
        y = self.standard(self.norm2(self.conv2(y)))
        return self.post(F.relu(y + self.identity(self.shortcut(x)), inplace=True))


class PreactivatedUnit(ResidualUnit):
    """y = F(x) + x, each convolution of F behind its norm and ReLU (He et al. 2016, ECCV, figure 4e).

    The notes have ReLU first; the paper's order is norm, ReLU, convolution. Where the shape changes, the
    shortcut is a convolution of the activated input, and in a network's first unit (the paper's appendix) it
    is the activated input itself. Slots, arguments and shapes as in `ResidualUnit`."""

    def __init__(self, inputs: int, width: int, stride: int, **form):
        super().__init__(inputs, width, stride, **form)
        for norm, after in (("norm0", "reduce"), ("norm1", "conv1"), ("norm2", "conv2")):
            if hasattr(self, after):
                setattr(self, norm, nn.BatchNorm2d(getattr(self, after).in_channels))
        self.from_input = isinstance(self.shortcut, nn.Identity)  # the network's first unit has it otherwise
        if isinstance(self.shortcut, nn.Sequential):
            self.shortcut = self.shortcut[0]

    def forward(self, x: Tensor) -> Tensor:
        first = F.relu((self.norm0 if self.bottleneck else self.norm1)(x))
        kept = self.shortcut(x if self.from_input else first)
        y = self.pre(first)
        if self.bottleneck:
            y = F.relu(self.norm1(self.reduce(y)), inplace=True)
        y = self.inside(F.relu(self.norm2(self.conv1(y)), inplace=True))
        return self.post(self.standard(self.conv2(y)) + self.identity(kept))


class ResNet(nn.Module):
    """Stem, stages of residual units, mean over positions, linear classifier.

    units: residual units per stage. widths: channels per stage (before the expansion). stem: "small", a 3 x 3; "large",
    a 7 x 7 that halves the map, and pooling that halves it again, for 224 x 224; "deep", the same with three 3 x 3
    (SENet-154). stem_width: channels of the stem, else those of the first stage (twice as many if deep). form:
    `groups`, `inner`, `half` of `ResidualUnit`. Shapes: (B, 3, image_size, image_size) -> (B, num_classes)."""

    def __init__(
        self, units, widths, *, expansion=1, num_classes=10, image_size=32, stem="small", stem_width=None,
        preactivated=False, **form
    ):  # fmt: skip
        super().__init__()
        unit = PreactivatedUnit if preactivated else ResidualUnit
        channels, size = stem_width or widths[0] * (2 if stem == "deep" else 1), image_size
        self.preactivated, self.pooled = preactivated, stem != "small"
        self.stem = conv(3, channels, 3) if stem == "small" else conv(3, channels, 7, 2)
        if stem == "deep":
            parts = [conv(3, 64, 3, 2), nn.BatchNorm2d(64), nn.ReLU(), conv(64, 64, 3), nn.BatchNorm2d(64), nn.ReLU()]
            self.stem = nn.Sequential(*parts, conv(64, channels, 3))
        size = -(-size // 4) if self.pooled else size
        last = widths[-1] * expansion
        self.norm = nn.BatchNorm2d(last if preactivated else channels)
        self.stages = nn.ModuleList()
        for stage, (count, width) in enumerate(zip(units, widths, strict=True), start=1):
            members = []
            for index in range(count):
                stride = 2 if index == 0 and stage > 1 else 1
                members.append(unit(channels, width, stride, expansion=expansion, stage=stage, size=size, **form))
                channels, size = width * expansion, -(-size // stride)
            if preactivated and stage == 1:
                members[0].from_input = False
            self.stages.append(nn.Sequential(*members))
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if not self.preactivated:
            x = F.relu(self.norm(x), inplace=True)
        if self.pooled:
            x = F.max_pool2d(x, 3, 2, padding=1)
        for stage in self.stages:
            x = stage(x)
        if self.preactivated:
            x = F.relu(self.norm(x), inplace=True)
        return self.classifier(x.mean((2, 3)))
