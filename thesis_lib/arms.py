"""The arms of the protocol, each a line, and how an arm becomes a network."""

import inspect
from dataclasses import dataclass, field

from torch import nn

from . import networks
from .blocks import BLOCKS, plug
from .blocks.slots import block_options, refuse_unknown
from .errors import ThesisError, choose


@dataclass(frozen=True)
class Arm:
    """What is put into a backbone: `block` in every stage, `attention` instead of it in the attention stages.

    label: how figures and tables name it. role: why the protocol has it. options: the block's own.
    """

    label: str
    role: str
    block: str | None = None
    attention: str | None = None
    options: dict[str, object] = field(default_factory=dict)


ARMS: dict[str, Arm] = {
    "resnet": Arm("ResNet", "기준 모형"),
    "senet": Arm("SENet", "둘째 모형: 모든 단계에 SE", "se"),
    "senet_self": Arm("SENet_self", "제안 모형: 재조정된 맵에 MSA", "se", "se_self"),
    "senet_self_plain": Arm(
        "SENet_self(plain)", "초안의 코드 그대로, 배치 축만 바로잡음", "se", "se_self", {"reading": "plain"}
    ),
    "senet_self_gate": Arm(
        "SENet_self(gate)", "익사이테이션 벡터에 MSA: 토큰이 하나", "se", "se_self", {"reading": "gate"}
    ),
}


def arm_of(name: str) -> Arm:
    """The named arm; a block's own name is an arm too: that block in every stage."""
    choose("arm", name, [*ARMS, *(b for b in BLOCKS if b not in ARMS)])
    return ARMS.get(name) or Arm(name, "사용자 블록", name)


def arm_options(name: str) -> dict[str, object]:
    """The options that `build` takes for an arm, with their defaults."""
    arm = arm_of(name)
    if arm.block is None:
        return {}
    place: dict[str, object] = {"attention_stages": None} if arm.attention else {"at": "standard", "stages": None}
    own = block_options(arm.block) | (block_options(arm.attention) if arm.attention else {})
    return place | {key: value for key, value in own.items() if key not in arm.options}


def own_source(name: str) -> dict[str, str]:
    """The code of an arm's block where it is written outside this package: once edited, it is another one."""
    cls = BLOCKS.get(arm_of(name).block or "")
    if cls is None or cls.__module__.startswith(f"{__package__}."):
        return {}
    try:
        return {"source": inspect.getsource(cls)}
    except (OSError, TypeError):  # typed at a prompt: there is no source
        return {}


def build(
    arm: str,
    network: str = "resnet20",
    num_classes: int = 10,
    seed: int = 0,
    *,
    image_size: int = 32,
    **options,
) -> nn.Module:
    """The network of an arm: (B, 3, image_size, image_size) -> (B, num_classes) logits.

    options: those of the arm's blocks, and where they go: `at` and `stages`, or for arms with
    self-attention `attention_stages` (1-based, default: the last). In networks that start with 16
    channels the reduction is 8 unless given (protocol). For one seed all arms share every common weight.
    Raises ThesisError for unknown names and options out of range.
    """
    chosen = arm_of(arm)
    refuse_unknown(f"arm {arm}", options, arm_options(arm))
    model = networks.make(network, num_classes, image_size, seed)
    if chosen.block is None:
        return model
    stages = networks.stages(model)
    options = {**chosen.options, **options}
    own = block_options(chosen.attention or chosen.block)
    if "reduction" in own and "reduction" not in options and isinstance(model, networks.ResNet):
        options["reduction"] = 8 if model.stem.out_channels == 16 else 16
    if chosen.attention is None:
        return plug(model, chosen.block, seed=seed, **options)
    if (attended := options.pop("attention_stages", None)) is None:
        attended = stages[-1:]
    if not isinstance(attended, (list, tuple)) or not attended or any(stage not in stages for stage in attended):
        raise ThesisError(f"attention_stages는 {stages} 가운데서 골라야 한다(받은 값: {attended!r}).")
    plain = {key: value for key, value in options.items() if key in block_options(chosen.block)}
    if rest := [stage for stage in stages if stage not in attended]:
        plug(model, chosen.block, stages=rest, seed=seed, **plain)
    return plug(model, chosen.attention, stages=attended, seed=seed, **options)
