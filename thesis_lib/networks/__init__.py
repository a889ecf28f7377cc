"""The backbones: each has empty slots, and none knows any attention."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from ..errors import choose
from ..randomness import generator
from .resnet import ResNet
from .slot import POSITIONS, Slot

CIFAR = (16, 32, 64)
IMAGENET = (64, 128, 256, 512)

NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    f"resnet{6 * n + 2}": partial(ResNet, (n, n, n), widths=CIFAR) for n in (1, 2, 3, 5, 7, 9, 18)
} | {
    "resnet11": partial(ResNet, (1, 1, 1), widths=CIFAR, expansion=4),
    "resnet18": partial(ResNet, (2, 2, 2, 2), widths=IMAGENET),
    "resnet34": partial(ResNet, (3, 4, 6, 3), widths=IMAGENET),
    "resnet50": partial(ResNet, (3, 4, 6, 3), widths=IMAGENET, expansion=4),
}


def make(name: str, num_classes: int = 10, image_size: int = 32, seed: int = 0, **shape) -> nn.Module:
    """A backbone with empty slots; every weight is drawn from (seed, its name).

    shape: arguments of the network's class in place of the usual ones, such as `widths`.
    Convolutions: normal, variance 2 / fan-out (He et al. 2015); classifier: uniform, torch's default
    bound; norms: 1 and 0. Raises ThesisError for an unknown name.
    """
    choose("망", name, NETWORKS)
    model = NETWORKS[name](num_classes=num_classes, image_size=image_size, **shape)
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator(seed, path))
        elif isinstance(module, nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=5**0.5, generator=generator(seed, path))
            nn.init.zeros_(module.bias)
    return model


def stages(model: nn.Module) -> list[int]:
    """The stages of a network in which there are slots, 1-based."""
    return sorted({module.stage for module in model.modules() if isinstance(module, Slot)})


__all__ = ["NETWORKS", "POSITIONS", "Slot", "make", "stages"]
