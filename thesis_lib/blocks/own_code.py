"""A reader's own block is part of an experiment's identity: once edited, it is another one."""

import inspect
import marshal
import re
from functools import cached_property


def code_of(cls: type) -> str:
    """What a reader wrote of a class and its parents: methods and values, less addresses, not what they call."""
    kinds = [c for c in cls.__mro__ if c.__module__.partition(".")[0] not in ("thesis_lib", "torch", "builtins")]
    return "\n".join(_told(name, member) for kind in kinds for name, member in vars(kind).items())


def _told(name: str, member) -> str:
    if isinstance(member, (property, staticmethod, classmethod, cached_property)):
        within = [getattr(member, at, None) for at in ("fget", "fset", "fdel", "func", "__func__")]
        return "\n".join(_told(name, part) for part in within if part is not None)
    if not inspect.isfunction(member):
        value = sorted(member, key=repr) if isinstance(member, (set, frozenset)) else member
        return "" if name.startswith("__") else re.sub(r" at 0x\w+", "", f"{name} = {value!r}")
    try:
        return inspect.getsource(member)  # a notebook knows that of a method, but not of a class
    except OSError:  # typed at a prompt
        return f"{marshal.dumps(member.__code__, 2).hex()} {member.__defaults__} {member.__kwdefaults__}"
