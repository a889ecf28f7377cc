"""A reader's own block is part of an experiment's identity: once edited, it is another one."""

import ast
import inspect
import marshal
import re
from functools import cached_property
from textwrap import dedent

# whose changes `NUMERICS` tells; a further file in this folder is a reader's own
SHIPPED = {f"thesis_lib.blocks.{name}" for name in (
    "augmented_conv", "bam", "bot_mhsa", "cbam", "eca", "gather_excite", "global_context", "gsop", "light_conv",
    "non_local", "se", "se_channel", "se_self", "self_attention", "slots")}  # fmt: skip


def code_of(cls: type) -> str:
    """What a reader wrote of a class and its parents: methods and values, less addresses, not what they call."""
    kinds = [c for c in cls.__mro__ if c.__module__ not in SHIPPED and not re.match(r"torch\b|builtins", c.__module__)]
    return "\n".join(_told(name, member) for kind in kinds for name, member in vars(kind).items())


def _told(name: str, member) -> str:
    if isinstance(member, (property, staticmethod, classmethod, cached_property)):
        within = [getattr(member, at, None) for at in ("fget", "fset", "fdel", "func", "__func__")]
        return "\n".join(_told(name, part) for part in within if part is not None)
    if not inspect.isfunction(member):
        value = sorted(member, key=repr) if isinstance(member, (set, frozenset)) else member
        return "" if name.startswith("__") else re.sub(r" at 0x\w+", "", f"{name} = {value!r}")
    try:
        return ast.unparse(ast.parse(dedent(inspect.getsource(member))))  # a notebook has none of a class
    except (OSError, SyntaxError):  # typed at a prompt, or within a line
        return f"{marshal.dumps(member.__code__, 2).hex()} {member.__defaults__} {member.__kwdefaults__}"
