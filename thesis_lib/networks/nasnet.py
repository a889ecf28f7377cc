"""NASNet-A: two searched cells, stacked (Zoph et al. 2018, CVPR; arXiv 1707.07012, figure 4)."""

import torch
from torch import Tensor, nn

from .slot import Slot

# each block adds two operations on two states; state 0 is the cell before the last, 1 the last, 2 and on the blocks
NORMAL = (
    (("separable3", 1), ("identity", 1)), (("separable3", 0), ("separable5", 1)), (("average", 1), ("identity", 0)),
    (("average", 0), ("average", 0)), (("separable5", 0), ("separable3", 0)),
)  # fmt: skip
REDUCTION = (
    (("separable7", 0), ("separable5", 1)), (("maximum", 1), ("separable7", 0)), (("average", 1), ("separable5", 0)),
    (("maximum", 1), ("separable3", 2)), (("average", 2), ("identity", 3)),
)  # fmt: skip
NORMAL_KEEPS, REDUCTION_KEEPS = (0, 2, 3, 4, 5, 6), (3, 4, 5, 6)  # the states that are joined at the end


def pointwise(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """identity, 3 x 3 pooling, or ReLU, separable convolution and norm, twice (section A.4)."""
    if name == "identity":
        return nn.Identity()
    if name in ("average", "maximum"):
        return nn.AvgPool2d(3, stride, 1, count_include_pad=False) if name == "average" else nn.MaxPool2d(3, stride, 1)
    kernel, layers = int(name[-1]), []
    for step in (stride, 1):
        depthwise = nn.Conv2d(channels, channels, kernel, step, kernel // 2, groups=channels, bias=False)
        layers += [nn.ReLU(), depthwise, nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)]
    return nn.Sequential(*layers)


class Cell(nn.Module):
    """Five blocks on the last two cells' outputs, joined along the channels; a slot ends it. inputs: channels of the
    two. halves: if the first is twice as wide. (B, c, H, W) each -> (B, kept x filters, H / stride, W / stride)."""

    def __init__(self, inputs, filters: int, *, reduction: bool, halves: bool, stage: int, size: int):
        super().__init__()
        self.plan: tuple = REDUCTION if reduction else NORMAL
        self.keeps: tuple[int, ...] = REDUCTION_KEEPS if reduction else NORMAL_KEEPS
        self.before = pointwise(inputs[0], filters, 2 if halves else 1)
        self.last = pointwise(inputs[1], filters)
        steps = [[2 if reduction and state < 2 else 1 for _, state in pair] for pair in self.plan]
        self.blocks = nn.ModuleList(
            nn.ModuleList(operation(name, filters, step) for (name, _), step in zip(pair, strides, strict=True))
            for pair, strides in zip(self.plan, steps, strict=True)
        )
        self.channels, self.size = filters * len(self.keeps), -(-size // 2) if reduction else size
        self.standard = Slot("standard", stage, self.channels, self.size, self.size)

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        states = [self.before(before), self.last(last)]
        for pair, block in zip(self.plan, self.blocks, strict=True):
            states.append(sum(do(states[state]) for do, (_, state) in zip(block.children(), pair, strict=True)))
        return self.standard(torch.cat([states[index] for index in self.keeps], 1))


class NASNet(nn.Module):
    """3 x 3 stem, then three stages of normal cells with a reduction cell before the second and the third.

    cells: normal cells a stage (N of the paper). filters: of the first stage, doubled by each reduction.
    Shapes: (B, 3, image_size, image_size) -> (B, num_classes)."""

    def __init__(self, cells: int, filters: int, *, num_classes: int = 10, image_size: int = 32):
        super().__init__()
        stem = 3 * filters
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, padding=1, bias=False), nn.BatchNorm2d(stem))
        made: list[Cell] = []
        channels, sizes = [stem, stem], [image_size, image_size]
        for stage in (1, 2, 3):
            for reduction in [stage > 1, *[False] * cells][0 if stage > 1 else 1 :]:
                form: dict = {"reduction": reduction, "halves": sizes[0] != sizes[1], "stage": stage, "size": sizes[1]}
                made.append(Cell(channels, filters * 2 ** (stage - 1), **form))
                channels, sizes = [channels[1], made[-1].channels], [sizes[1], made[-1].size]
        self.cells, self.classifier = nn.ModuleList(made), nn.Linear(channels[1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.classifier(last.relu().mean((2, 3)))
