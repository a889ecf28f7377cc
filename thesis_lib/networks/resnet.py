"""ResNet for small pictures, from one residual unit with five slots (He et al. 2016, CVPR)."""

from torch import Tensor, nn
from torch.nn import functional as F

from .slot import Slot


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


class ResidualUnit(nn.Module):
    """y = ReLU(F(x) + x), with F two 3 x 3 convolutions (basic) or 1 x 1, 3 x 3, 1 x 1 (bottleneck).

    Slots: `pre` opens the residual branch, `inside` follows the ReLU of the basic unit's first
    convolution (of the bottleneck's 3 x 3), `standard` closes the branch before the addition,
    `identity` lies on the shortcut, `post` follows the last ReLU.
    Shapes: (B, inputs, H, W) -> (B, outputs, H / stride, W / stride).
    """

    def __init__(self, inputs: int, width: int, stride: int, *, expansion: int, stage: int, size: int):
        super().__init__()
        outputs, small = width * expansion, -(-size // stride)
        self.pre = Slot("pre", stage, inputs, size, size)
        if expansion == 1:
            self.conv1, self.norm1 = conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
            self.inside = Slot("inside", stage, width, small, small)
            self.conv2, self.norm2 = conv(width, outputs, 3), nn.BatchNorm2d(outputs)
        else:
            self.reduce, self.norm0 = conv(inputs, width, 1), nn.BatchNorm2d(width)
            self.conv1, self.norm1 = conv(width, width, 3, stride), nn.BatchNorm2d(width)
            self.inside = Slot("inside", stage, width, small, small)
            self.conv2, self.norm2 = conv(width, outputs, 1), nn.BatchNorm2d(outputs)
        self.bottleneck = expansion > 1
        self.standard = Slot("standard", stage, outputs, small, small)
        self.shortcut = (
            nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
            if stride > 1 or inputs != outputs
            else nn.Identity()
        )
        self.identity = Slot("identity", stage, outputs, small, small)
        self.post = Slot("post", stage, outputs, small, small)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pre(x)
        if self.bottleneck:
            y = F.relu(self.norm0(self.reduce(y)), inplace=True)
        y = self.inside(F.relu(self.norm1(self.conv1(y)), inplace=True))
        y = self.standard(self.norm2(self.conv2(y)))
        return self.post(F.relu(y + self.identity(self.shortcut(x)), inplace=True))


class ResNet(nn.Module):
    """Stem (3 x 3, stride 1), stages of residual units, mean over positions, linear classifier.

    units: residual units per stage. widths: channels per stage (before the expansion).
    Shapes: (B, 3, image_size, image_size) -> (B, num_classes).
    """

    def __init__(self, units, widths, *, expansion: int = 1, num_classes: int = 10, image_size: int = 32):
        super().__init__()
        self.stem, self.norm = conv(3, widths[0], 3), nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList()
        channels, size = widths[0], image_size
        for stage, (count, width) in enumerate(zip(units, widths, strict=True), start=1):
            members = []
            for index in range(count):
                stride = 2 if index == 0 and stage > 1 else 1
                members.append(ResidualUnit(channels, width, stride, expansion=expansion, stage=stage, size=size))
                channels, size = width * expansion, -(-size // stride)
            self.stages.append(nn.Sequential(*members))
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)), inplace=True)
        for stage in self.stages:
            x = stage(x)
        return self.classifier(x.mean((2, 3)))
