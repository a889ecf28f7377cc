"""The registry of blocks, and how a block gets into a network."""

import inspect
import re

from torch import nn

from ..errors import ThesisError, choose
from ..networks.slot import POSITIONS, Slot
from ..randomness import seeded

BLOCKS: dict[str, type[nn.Module]] = {}
TAKEN = ("name", "arm", "network", "num_classes", "image_size", "model", "at", "stages", "seed")  # by `build`, `plug`
LARGEST = 4096  # what a number among the options may be: beyond it lie slips of the finger and exhausted memory


def block(cls: type[nn.Module]) -> type[nn.Module]:
    """Register a block under its class's name in snake case (`SESelf` -> "se_self").

    A block is `__init__(self, channels, *, ...)` and `forward(x)`, (B, C, H, W) -> (B, C, H, W). With a static
    `macs(channels, height, width, **options) -> int` of its own its cost is exact, else it is counted. Every option has
    a default. A block that has to know its map's (height, width) takes it as `size`, which `plug` gives. A block that
    extends another calls the parent's `__init__` first, so that both get the same weights."""
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise ThesisError(f"@block은 nn.Module을 물려받은 클래스에 붙인다(받은 것: {cls!r}).")
    parameters = inspect.signature(cls).parameters.values()
    if loose := ", ".join(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty):
        raise ThesisError(f"블록 {cls.__name__}의 __init__에서 선택 사항은 * 뒤에 적으라: {loose}.")
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "size"]
    if wrong := ", ".join(p.name for p in keywords if p.default is p.empty or p.name in TAKEN):
        told = f"기본값이 있어야 하고, {', '.join(TAKEN)}은(는) 이름으로 쓸 수 없다"
        raise ThesisError(f"블록 {cls.__name__}의 선택 사항을 고치라: {wrong}. 선택 사항에는 {told}.")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
    known = BLOCKS.get(name)
    if known and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ThesisError(f"블록 이름 {name!r}은(는) 이미 {known.__module__}에 있다. 클래스 이름을 바꾸라.")
    BLOCKS[name] = cls
    return cls


def block_options(name: str) -> dict[str, object]:
    """The options of a block and their defaults."""
    parameters = inspect.signature(BLOCKS[name]).parameters
    return {key: p.default for key, p in parameters.items() if p.kind is p.KEYWORD_ONLY and key != "size"}


def refuse_unknown(owner: str, options, allowed) -> None:
    """Refuse options that are not among the allowed ones."""
    if unknown := [str(key) for key in options if key not in allowed]:
        known = ", ".join(allowed) or "없음"
        raise ThesisError(f"{owner}에 없는 선택 사항: {', '.join(unknown)}. 쓸 수 있는 것: {known}.")


def macs_of(cls: type[nn.Module]):
    """A block's `macs`; None where there is none, or one that is older than the `__init__` or `forward` it counts."""
    newest = next(kind for kind in cls.__mro__ if {"macs", "__init__", "forward"} & vars(kind).keys())
    return getattr(newest, "macs", None) if "macs" in vars(newest) else None


def refuse_stages(name: str, given, known: list[int]) -> None:
    """Refuse what is not some of the known stages, from the first to the last: one choice, one way to write it."""
    whole = isinstance(given, (list, tuple)) and all(type(stage) is int for stage in given)
    if not whole or not given or [stage for stage in known if stage in given] != [*given]:
        raise ThesisError(f"{name}는 {known} 가운데서 작은 것부터 적은 목록이어야 한다(받은 값: {given!r}).")


def refuse_size(x, size) -> None:
    """Refuse a map of another (height, width) than a block is made for; none is for every size."""
    if size and tuple(x.shape[2:]) != tuple(size):
        told = f"{size[0]} × {size[1]} 맵에 맞춘 블록에 {x.shape[2]} × {x.shape[3]} 맵이 들어왔다"
        raise ThesisError(f"{told}. 영상의 크기(image_size)를 망과 같게 하라.")


def refuse_even(kernel: object) -> None:
    if not (type(kernel) is int and kernel >= 1 and kernel % 2):
        raise ThesisError(f"kernel은 1 이상의 홀수여야 한다(받은 값: {kernel!r}).")


def plug(model: nn.Module, name: str, *, at: str = "standard", stages=None, seed: int = 0, **options):
    """Put a new block `name` into every empty slot of `model` at position `at`; return the model.

    stages: 1-based stages to fill (default: all). seed: a block's weights are drawn from (seed, slot). Raises
    ThesisError for an unknown block, position, stage or option, and where no slot is empty."""
    choose("블록", name, BLOCKS)
    choose("자리", at, POSITIONS)
    defaults = block_options(name)
    refuse_unknown(f"블록 {name}", options, defaults)
    for key, value in options.items():
        if isinstance(defaults[key], int) and isinstance(value, bool) != isinstance(defaults[key], bool):
            kind = "true나 false" if isinstance(defaults[key], bool) else "수"
            raise ThesisError(f"{key}에 쓸 수 없는 값: {value!r}. {kind}만 쓸 수 있다(기본값: {defaults[key]!r}).")
        if isinstance(value, (int, float)) and abs(value) > LARGEST:
            raise ThesisError(f"{key}에 쓸 수 없는 값: {value!r}. {LARGEST} 이하만 쓸 수 있다.")
    slots = {p: m for p, m in model.named_modules() if isinstance(m, Slot) and m.position == at}
    if not slots:
        there = sorted({m.position for m in model.modules() if isinstance(m, Slot)}) or ["없음"]
        raise ThesisError(f"자리 {at!r}에 빈자리가 없다. 빈자리가 있는 자리: {', '.join(there)}.")
    if stages is not None:
        refuse_stages(f"stages(자리 {at})", stages, sorted({slot.in_stage for slot in slots.values()}))
    wanted = {p: s for p, s in slots.items() if stages is None or s.in_stage in stages}
    sized, made = "size" in inspect.signature(BLOCKS[name]).parameters, {}
    for path, slot in wanted.items():
        size = {"size": (slot.height, slot.width)} if sized else {}
        try:
            with seeded(seed, path):
                made[path] = BLOCKS[name](slot.channels, **options, **size)
            made[path].in_stage, made[path].plugged_with = slot.in_stage, options  # type: ignore[assignment]  # for `macs`
        except ThesisError:
            raise
        except (TypeError, ValueError, ArithmeticError, AssertionError, RuntimeError) as error:
            told = f"채널 {slot.channels}개, 선택 사항 {options}(으)로 만들 수 없다({error})"
            raise ThesisError(f"블록 {name}을(를) {told}. 선택 사항이나 블록을 고치라.") from error
    for path, filled in made.items():  # all of them, or none
        parent, _, attribute = path.rpartition(".")
        setattr(model.get_submodule(parent), attribute, filled)
    return model
