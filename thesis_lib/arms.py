"""The arms of the protocol, each a line, and how an arm becomes a network."""

from dataclasses import dataclass, field

from torch import nn

from . import networks
from .blocks import BLOCKS, plug
from .blocks.own_code import code_of
from .blocks.slots import block_options, refuse_stages, refuse_unknown
from .errors import ThesisError, choose


@dataclass(frozen=True)
class Arm:
    """What is put into a backbone: `block` in every stage, `attention` instead of it in the attention stages.

    label: what figures call it. options: the block's own. wide: no block but wider stages, as large as `senet_self`."""

    label: str
    block: str | None = None
    attention: str | None = None
    wide: bool = False
    options: dict[str, object] = field(default_factory=dict)


ARMS: dict[str, Arm] = {
    "resnet": Arm("ResNet"),
    "senet": Arm("SENet", "se"),
    "senet_self": Arm("SENet_self", "se", "se_self"),
    # other readings of the draft: its code with the batch axis mended, and the gate as the one token
    "senet_self_plain": Arm("SENet_self(plain)", "se", "se_self", options={"reading": "plain"}),
    "senet_self_gate": Arm("SENet_self(gate)", "se", "se_self", options={"reading": "gate"}),
    # controls: positions not mixed, mixed evenly, channels as tokens, width alone
    "senet_linear": Arm("SENet_linear", "se", "se_self", options={"mixing": "identity"}),
    "senet_uniform": Arm("SENet_uniform", "se", "se_self", options={"mixing": "uniform"}),
    "senet_channel": Arm("SENet_channel", "se", "se_channel"),
    "resnet_wide": Arm("ResNet_wide", wide=True),
}

# stage widths of `resnet_wide`: as near to one factor as parameters within 0.3 % of `senet_self`'s allow
WIDTHS = {
    "resnet8": [17, 34, 73], "resnet14": [17, 36, 70], "resnet20": [18, 35, 70],
    **{f"resnet{depth}": [17, 35, 70] for depth in (32, 44, 56, 110)},
    "resnet18": [70, 140, 280, 560], "resnet34": [69, 138, 275, 550],
}  # fmt: skip

# the families of the protocol: (first, second), compared on one profile and adjusted together
PRIMARY = (("senet", "resnet"), ("senet_self", "senet"))
CONTROLS = tuple(("senet_self", arm) for arm in ARMS if arm not in ("resnet", "senet", "senet_self"))
FAMILIES = (PRIMARY, CONTROLS)


def label(arm: str) -> str:
    """How figures, tables and sentences name an arm."""
    return ARMS[arm].label if arm in ARMS else BLOCKS[arm].__name__ if arm in BLOCKS else arm


def arm_of(name: str) -> Arm:
    """The named arm; a block's own name is an arm too: that block in every stage."""
    choose("비교군", name, [*ARMS, *(b for b in BLOCKS if b not in ARMS)])
    if name in ARMS and name in BLOCKS:
        raise ThesisError(f"블록의 이름 {name!r}은 비교군의 이름이다. 블록의 클래스 이름을 바꾸라.")
    return ARMS.get(name) or Arm(name, name)


def arm_options(name: str) -> dict[str, object]:
    """The options that `build` takes for an arm, with their defaults."""
    arm = arm_of(name)
    if arm.block is None:
        return {"widths": None} if arm.wide else {}
    place: dict[str, object] = {"attention_stages": None} if arm.attention else {"at": "standard", "stages": None}
    own = block_options(arm.attention or arm.block)
    return place | {key: value for key, value in own.items() if key not in arm.options}


def wide(network: str, widths=None) -> list[int]:
    """Stage widths of `resnet_wide`: those asked for, or those that match `senet_self`'s parameters."""
    keywords = {name: made.keywords for name, made in networks.NETWORKS.items()}
    choose("망(resnet_wide)", network, [n for n, keys in keywords.items() if "widths" in keys and "groups" not in keys])
    if widths is None:
        choose("망(widths 없는 resnet_wide)", network, WIDTHS)
        return WIDTHS[network]
    stages = len(networks.stages(networks.make(network)))
    whole = isinstance(widths, (list, tuple)) and all(type(width) is int and 1 <= width <= 4096 for width in widths)
    if not whole or len(widths) != stages:
        raise ThesisError(f"widths는 1 이상 4096 이하의 정수 {stages}개의 목록이어야 한다(받은 값: {widths!r}).")
    return list(widths)


def own_source(name: str) -> dict[str, str]:
    """The code of an arm's blocks where a reader wrote it."""
    arm = arm_of(name)
    code = "\n".join(filter(None, (code_of(BLOCKS[own]) for own in (arm.block, arm.attention) if own in BLOCKS)))
    return {"source": code} if code else {}


def build(
    arm: str, network: str = "resnet20", num_classes: int = 10, seed: int = 0, *, image_size: int = 32, **options
) -> nn.Module:
    """The network of an arm: (B, 3, image_size, image_size) -> (B, num_classes) logits.

    options: those of the arm's blocks, and where they go: `at` and `stages`, or for arms with self-attention
    `attention_stages` (1-based, default: the last). Where the narrowest slot has 16 channels the reduction is 8 unless
    given (protocol). For one seed all arms share every common weight. Raises ThesisError for what cannot be built."""
    chosen = arm_of(arm)
    refuse_unknown(f"arm {arm}", options, arm_options(arm))
    shape = {"widths": wide(network, **options)} if chosen.wide else {}
    model = networks.make(network, num_classes, image_size, seed, **shape)
    if chosen.block is None:
        return model
    stages = networks.stages(model)
    options = {**chosen.options, **options}
    own = block_options(chosen.attention or chosen.block)
    if "reduction" in own and "reduction" not in options:
        narrowest = min(m.channels for m in model.modules() if isinstance(m, networks.Slot))
        options["reduction"] = 8 if narrowest == 16 else 16
    if chosen.attention is None:
        return plug(model, chosen.block, seed=seed, **options)
    if (attended := options.pop("attention_stages", None)) is None:
        attended = stages[-1:]
    refuse_stages("attention_stages", attended, stages)
    plain = {key: value for key, value in options.items() if key in block_options(chosen.block)}
    if rest := [stage for stage in stages if stage not in attended]:
        plug(model, chosen.block, stages=rest, seed=seed, **plain)
    return plug(model, chosen.attention, stages=attended, seed=seed, **options)
