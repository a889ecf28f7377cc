"""Bodies from torchvision, given a stem for small pictures, a linear classifier, and slots where units end.

Dropout is left out: the recipe is one for all networks."""

import re
from collections import OrderedDict

import torch
from torch import Tensor, nn

from .slot import Slot, observed


def models():
    """torchvision's, imported late: torch's compiler comes with it, two seconds that most runs can spare."""
    from torchvision import models

    return models


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


def on_features(features: nn.Module, classifier: nn.Module) -> nn.Sequential:
    """The classifier on the mean over positions."""
    return nn.Sequential(OrderedDict(features=features, mean=Mean(), flat=nn.Flatten(), classifier=classifier))


def vgg(plan: str, *, num_classes: int = 10, image_size: int = 32) -> nn.Module:
    """VGG with batch norm (Simonyan and Zisserman 2015, table 1: plan D or E); a slot ends each of the five stages. One
    linear layer on the mean over positions takes the place of the three for 7 x 7 maps."""
    features = models().vgg.make_layers(models().vgg.cfgs[plan], batch_norm=True)
    pools = [index for index, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    model = on_features(features, nn.Linear(512, num_classes))
    return slotted(model, {f"features.{index - 1}": stage for stage, index in enumerate(pools, 1)}, image_size)


def densenet(layers: int, growth_rate: int, *, num_classes: int = 10, image_size: int = 32) -> nn.Module:
    """DenseNet-BC (Huang et al. 2017): 3 x 3 stem, bottlenecks, compression 1/2; a slot ends each dense block."""
    body = models().DenseNet(growth_rate, (layers,) * 3, 2 * growth_rate, num_classes=num_classes)
    body.features.conv0, body.features.pool0 = nn.Conv2d(3, 2 * growth_rate, 3, padding=1, bias=False), nn.Identity()
    body.features.add_module("relu5", nn.ReLU())
    model = on_features(body.features, body.classifier)
    return slotted(model, {f"features.denseblock{stage}": stage for stage in (1, 2, 3)}, image_size)


def googlenet(*, num_classes: int = 10, image_size: int = 32) -> nn.Module:
    """GoogLeNet with batch norm (Szegedy et al. 2015), its first layer 3 x 3 at stride 1; no auxiliary heads. A slot
    ends every Inception module, as in the SENet paper's figure 2."""
    model = models().GoogLeNet(num_classes, aux_logits=False, init_weights=False, dropout=0.0)
    model.conv1.conv, model.avgpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), Mean()
    names = [name for name, _ in model.named_children() if name.startswith("inception")]
    return slotted(model, {name: int(name[9]) - 2 for name in names}, image_size)


def inception_v3(*, num_classes: int = 10, image_size: int = 32) -> nn.Module:
    """Inception v3 (Szegedy et al. 2016): stem at stride 1 with one pooling left, no auxiliary head. A slot ends every
    Inception module; the two that halve the map open stages 2 and 3."""
    model = models().Inception3(num_classes, aux_logits=False, init_weights=False, dropout=0.0)
    model.Conv2d_1a_3x3.conv = nn.Conv2d(3, 32, 3, padding=1, bias=False)
    model.Conv2d_2a_3x3.conv = nn.Conv2d(32, 32, 3, padding=1, bias=False)
    model.maxpool2, model.avgpool = nn.Identity(), Mean()
    names = [name for name, _ in model.named_children() if name.startswith("Mixed")]
    stage = {name: 1 + (name >= "Mixed_6a") + (name >= "Mixed_7a") for name in names}
    return slotted(model, stage, image_size)


def shufflenet(*, half: bool = False, num_classes: int = 10, image_size: int = 32) -> nn.Module:
    """ShuffleNet v2, 1.0 x or 0.5 x (Ma et al. 2018; units shuffle channels), stem at stride 1; slots end units."""
    model = (models().shufflenet_v2_x0_5 if half else models().shufflenet_v2_x1_0)(num_classes=num_classes)
    model.conv1[0], model.maxpool = nn.Conv2d(3, 24, 3, padding=1, bias=False), nn.Identity()
    units = [place for place, _ in model.named_modules() if re.fullmatch(r"stage\d\.\d", place)]
    return slotted(model, {place: int(place[5]) - 1 for place in units}, image_size)
