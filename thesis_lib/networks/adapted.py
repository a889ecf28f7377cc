"""Bodies from torchvision, given a stem for small pictures, a linear classifier, and slots where units end.

Dropout is left out: it would draw from hidden state, and the recipe is one for all networks.
"""

import re

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.shufflenetv2 import InvertedResidual

from .slot import Slot, observed


class Mean(nn.Module):
    """Mean over positions, (B, C, H, W) -> (B, C, 1, 1); adaptive pooling has no deterministic backward."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)


@torch.no_grad()
def slotted(model: nn.Module, stages: dict[str, int], image_size: int) -> nn.Module:
    """Put a slot behind every named place, {place: stage}; its shape is what passes there."""
    shapes: dict[str, tuple] = {}
    hooks = {p: lambda _, __, output, p=p: shapes.update({p: output.shape[1:]}) for p in stages}
    with observed(model, hooks):
        model(torch.zeros(1, 3, image_size, image_size))
    for place, shape in shapes.items():
        parent, _, name = place.rpartition(".")
        unit = model.get_submodule(place)
        setattr(model.get_submodule(parent), name, nn.Sequential(unit, Slot("standard", stages[place], *shape)))
    return model


def vgg(body, *, num_classes: int = 10, image_size: int = 32) -> nn.Module:
    """VGG with batch norm (Simonyan and Zisserman 2015); a slot ends each of the five stages.

    One linear layer on the mean over positions takes the place of the three for 7 x 7 maps.
    """
    model = body(num_classes=num_classes, init_weights=False)
    model.avgpool, model.classifier = Mean(), nn.Linear(512, num_classes)
    pools = [index for index, layer in enumerate(model.features) if isinstance(layer, nn.MaxPool2d)]
    return slotted(model, {f"features.{index - 1}": stage for stage, index in enumerate(pools, 1)}, image_size)


class DenseNet(models.DenseNet):
    """DenseNet-BC (Huang et al. 2017): 3 x 3 stem, bottlenecks, compression 1/2; a slot ends each dense block."""

    def __init__(self, layers: int, growth_rate: int, *, num_classes: int = 10, image_size: int = 32):
        super().__init__(growth_rate, (layers,) * 3, 2 * growth_rate, num_classes=num_classes)
        self.features.conv0 = nn.Conv2d(3, 2 * growth_rate, 3, padding=1, bias=False)
        self.features.pool0 = nn.Identity()
        slotted(self, {f"features.denseblock{stage}": stage for stage in (1, 2, 3)}, image_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).relu().mean((2, 3)))


def googlenet(*, num_classes: int = 10, image_size: int = 32) -> nn.Module:
    """GoogLeNet with batch norm (Szegedy et al. 2015), its first layer 3 x 3 at stride 1; no auxiliary heads.

    A slot ends every Inception module, as in the SENet paper's figure 2.
    """
    model = models.GoogLeNet(num_classes, aux_logits=False, init_weights=False, dropout=0.0)
    model.conv1.conv, model.avgpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), Mean()
    names = [name for name, _ in model.named_children() if name.startswith("inception")]
    return slotted(model, {name: int(name[9]) - 2 for name in names}, image_size)


def inception_v3(*, num_classes: int = 10, image_size: int = 32) -> nn.Module:
    """Inception v3 (Szegedy et al. 2016): stem at stride 1 with one pooling left, no auxiliary head.

    A slot ends every Inception module; the two that halve the map open stages 2 and 3.
    """
    model = models.Inception3(num_classes, aux_logits=False, init_weights=False, dropout=0.0)
    model.Conv2d_1a_3x3.conv = nn.Conv2d(3, 32, 3, padding=1, bias=False)
    model.Conv2d_2a_3x3.conv = nn.Conv2d(32, 32, 3, padding=1, bias=False)
    model.maxpool2, model.avgpool = nn.Identity(), Mean()
    names = [name for name, _ in model.named_children() if name.startswith("Mixed")]
    stage = {name: 1 + (name >= "Mixed_6a") + (name >= "Mixed_7a") for name in names}
    return slotted(model, stage, image_size)


def shufflenet(*, num_classes: int = 10, image_size: int = 32) -> nn.Module:
    """ShuffleNet v2, 1.0 x (Ma et al. 2018; its units split and shuffle channels), stem at stride 1.

    A slot ends every unit.
    """
    model = models.shufflenet_v2_x1_0(num_classes=num_classes)
    model.conv1[0], model.maxpool = nn.Conv2d(3, 24, 3, padding=1, bias=False), nn.Identity()
    units = [place for place, module in model.named_modules() if isinstance(module, InvertedResidual)]
    return slotted(model, {place: int(re.findall(r"\d", place)[0]) - 1 for place in units}, image_size)
