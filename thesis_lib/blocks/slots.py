"""The registry of blocks, and how a block gets into a network."""

import inspect
import re

from torch import nn

from ..errors import ThesisError, choose
from ..networks.slot import POSITIONS, Slot
from ..randomness import seeded

BLOCKS: dict[str, type[nn.Module]] = {}
LARGEST = 4096  # what a number among the options may be: beyond it lie slips of the finger and exhausted memory


def block(cls: type[nn.Module]) -> type[nn.Module]:
    """Register a block under its class's name in snake case (`SESelf` -> "se_self").

    A block is `__init__(self, channels, *, ...)` and `forward(x)`, (B, C, H, W) -> (B, C, H, W). With a
    static `macs(channels, height, width, **options) -> int` its cost is exact, without it it is counted.
    A block that has to know its map's (height, width) takes it as `size`, which `plug` gives.
    A block that extends another calls the parent's `__init__` first, so that both get the same weights.
    """
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise ThesisError(f"@block은 nn.Module을 물려받은 클래스에 붙인다(받은 것: {cls!r}).")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
    known = BLOCKS.get(name)
    if known and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ThesisError(f"블록 이름 {name!r}은(는) 이미 {known.__module__}에 있다. 클래스 이름을 바꾸라.")
    BLOCKS[name] = cls
    return cls


def block_options(name: str) -> dict[str, object]:
    """The options of a block and their defaults (`inspect.Parameter.empty` where there is none)."""
    parameters = inspect.signature(BLOCKS[name]).parameters
    return {key: p.default for key, p in parameters.items() if p.kind is p.KEYWORD_ONLY and key != "size"}


def refuse_unknown(owner: str, options, allowed) -> None:
    """Refuse options that are not among the allowed ones."""
    if unknown := [str(key) for key in options if key not in allowed]:
        known = ", ".join(allowed) or "없음"
        raise ThesisError(f"{owner}에 없는 선택 사항: {', '.join(unknown)}. 쓸 수 있는 것: {known}.")


def refuse_even(kernel: object) -> None:
    if not (type(kernel) is int and kernel >= 1 and kernel % 2):
        raise ThesisError(f"kernel은 1 이상의 홀수여야 한다(받은 값: {kernel!r}).")


def plug(model: nn.Module, name: str, *, at: str = "standard", stages=None, seed: int = 0, **options):
    """Put a new block `name` into every empty slot of `model` at position `at`; return the model.

    stages: 1-based stages to fill (default: all). seed: a block's weights are drawn from (seed, slot).
    Raises ThesisError for an unknown block, position, stage or option, and where no slot is empty.
    """
    choose("블록", name, BLOCKS)
    choose("자리", at, POSITIONS)
    defaults = block_options(name)
    refuse_unknown(f"블록 {name}", options, defaults)
    for key, value in options.items():
        if isinstance(defaults[key], int) and isinstance(value, bool) != isinstance(defaults[key], bool):
            raise ThesisError(f"{key}에 쓸 수 없는 값: {value!r}. 기본값은 {defaults[key]!r}이다.")
        if isinstance(value, (int, float)) and abs(value) > LARGEST:
            raise ThesisError(f"{key}에 쓸 수 없는 값: {value!r}. {LARGEST} 이하만 쓸 수 있다.")
    whole = isinstance(stages, (list, tuple)) and stages and all(type(stage) is int for stage in stages)
    if stages is not None and not (whole and list(stages) == sorted(set(stages))):  # one choice, one way to write it
        raise ThesisError(f"stages는 [2, 3]처럼 작은 것부터 적은 정수의 목록이어야 한다(받은 값: {stages!r}).")
    slots = {p: m for p, m in model.named_modules() if isinstance(m, Slot) and m.position == at}
    known = sorted({slot.in_stage for slot in slots.values()})
    for stage in stages if stages is not None else ():
        choose(f"단계(자리 {at})", stage, known)
    wanted = {p: s for p, s in slots.items() if stages is None or s.in_stage in stages}
    if not wanted:
        raise ThesisError(f"자리 {at!r}에 빈자리가 없다. 다른 자리나 단계를 고르라.")
    sized, made = "size" in inspect.signature(BLOCKS[name]).parameters, {}
    for path, slot in wanted.items():
        size = {"size": (slot.height, slot.width)} if sized else {}
        try:
            with seeded(seed, path):
                made[path] = BLOCKS[name](slot.channels, **options, **size)
            made[path].in_stage, made[path].plugged_with = slot.in_stage, options  # type: ignore[assignment]  # for `macs`
            inspect.signature(getattr(made[path], "macs", lambda *_, **__: 0)).bind(0, 0, 0, **options)  # not too late
        except TypeError as error:
            raise ThesisError(f"블록 {name} 또는 그 macs가 선택 사항 {options}을 받지 않는다({error}).") from None
    for path, filled in made.items():  # all of them, or none
        parent, _, attribute = path.rpartition(".")
        setattr(model.get_submodule(parent), attribute, filled)
    return model
