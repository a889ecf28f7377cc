"""The backbones: each has empty slots, and none knows any attention."""

from collections.abc import Mapping
from functools import partial

from torch import nn

from ..errors import ThesisError, choose
from ..randomness import generator
from .adapted import densenet, googlenet, inception_v3, shufflenet, vgg
from .nasnet import NASNet
from .residual_attention import ResidualAttentionNetwork
from .resnet import ResNet
from .slot import POSITIONS, Slot, observed
from .spatial_transformer import SpatialTransformer
from .xception import Xception

CIFAR = (16, 32, 64)
IMAGENET = (64, 128, 256, 512)
DEEP: dict[str, tuple] = {  # units per stage, expansion
    "resnet18": ((2, 2, 2, 2), 1), "resnet34": ((3, 4, 6, 3), 1), "resnet50": ((3, 4, 6, 3), 4),
    "resnet101": ((3, 4, 23, 3), 4), "resnet152": ((3, 8, 36, 3), 4),
}  # fmt: skip
WIDE: dict = {"stem_width": 16, "preactivated": True}
RESNEXT: dict = {"widths": IMAGENET, "expansion": 4, "inner": 2, "stem": "large"}

# a name that ends in a number of pixels is the form of the paper at that size; all others are for small pictures
NETWORKS: Mapping[str, partial] = {
    **{f"resnet{6 * n + 2}": partial(ResNet, (n, n, n), widths=CIFAR) for n in (1, 2, 3, 5, 7, 9, 18)},
    "resnet11": partial(ResNet, (1, 1, 1), widths=CIFAR, expansion=4),
    **{
        name + size: partial(ResNet, units, widths=IMAGENET, expansion=wider, stem=stem)
        for size, stem in (("", "small"), ("_224", "large"))
        for name, (units, wider) in DEEP.items()
    },
    **{body.__name__: partial(body) for body in (googlenet, inception_v3, shufflenet)},
    "shufflenet_half": partial(shufflenet, half=True),
    **{f"preresnet{6 * n + 2}": partial(ResNet, (n, n, n), widths=CIFAR, preactivated=True) for n in (1, 3)},
    "preresnet164": partial(ResNet, (18, 18, 18), widths=CIFAR, expansion=4, preactivated=True),
    "wrn16_4": partial(ResNet, (2, 2, 2), widths=(64, 128, 256), **WIDE),
    "wrn28_10": partial(ResNet, (4, 4, 4), widths=(160, 320, 640), **WIDE),
    "resnext29": partial(ResNet, (3, 3, 3), widths=(64, 128, 256), expansion=4, groups=8, inner=8),
    "resnext50_224": partial(ResNet, (3, 4, 6, 3), groups=32, **RESNEXT),
    "senet154_224": partial(ResNet, (3, 8, 36, 3), groups=64, half=True, **RESNEXT | {"inner": 4, "stem": "deep"}),
    "vgg16": partial(vgg, "D"),
    "vgg19": partial(vgg, "E"),
    **{f"densenet{6 * n + 4}": partial(densenet, n, 12) for n in (2, 6)},
    "xception": partial(Xception),
    "xception_299": partial(Xception, large=True),
    "nasnet_a": partial(NASNet, 2, 16),
    "nasnet_a_small": partial(NASNet, 1, 8),
    "residual_attention": partial(ResidualAttentionNetwork, CIFAR),
    "residual_attention_add": partial(ResidualAttentionNetwork, CIFAR, mix="add"),
    "stn_resnet8": partial(SpatialTransformer, partial(ResNet, (1, 1, 1), widths=CIFAR)),
}

PAPERS = {  # of the names whose file holds more than one network
    "preresnet": "He et al. 2016, ECCV; arXiv 1603.05027",
    "resnext": "Xie et al. 2017, CVPR; arXiv 1611.05431",
    "resnet": "He et al. 2016, CVPR; arXiv 1512.03385",
    "senet": "Hu et al. 2018, CVPR; arXiv 1709.01507",
    "wrn": "Zagoruyko and Komodakis 2016, BMVC; arXiv 1605.07146",
}


def make(name: str, num_classes: int = 10, image_size: int = 32, seed: int = 0, **shape) -> nn.Module:
    """A backbone with empty slots; every weight is drawn from (seed, its name).

    shape: arguments of the network's class in place of the usual ones, such as `widths`. Convolutions: normal, variance
    2 / fan-out (He et al. 2015); classifier: torch's uniform; norms: 1 and 0. ThesisError for a bad name or size."""
    choose("망", name, NETWORKS)
    try:
        model = NETWORKS[name](num_classes=num_classes, image_size=image_size, **shape)
    except RuntimeError as error:  # a map smaller than a kernel
        if "allocate memory" in str(error):
            raise
        raise ThesisError(f"{name}에는 영상이 너무 작다(image_size {image_size}). 32로 하라.") from None
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator(seed, path))
        elif isinstance(module, nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=5**0.5, generator=generator(seed, path))
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in model.modules():
        if hasattr(module, "start"):
            module.start()
    return model


def stages(model: nn.Module) -> list[int]:
    """The stages of a network in which there are slots, 1-based."""
    return sorted({module.in_stage for module in model.modules() if isinstance(module, Slot)})


__all__ = ["NETWORKS", "POSITIONS", "ResNet", "Slot", "make", "observed", "stages"]
