"""A reader's own block is part of an experiment's identity: once edited, it is another one."""

import inspect
import marshal
import re


def code_of(cls: type) -> str:
    """What a reader wrote of a class and of those it extends: methods and plain values, not what they call."""
    kinds = [c for c in cls.__mro__ if c.__module__.partition(".")[0] not in ("thesis_lib", "torch", "builtins")]
    return "\n".join(_told(name, member) for kind in kinds for name, member in vars(kind).items())


def _told(name: str, member: object) -> str:
    function = getattr(member, "__func__", getattr(member, "fget", member))  # of a static method, of a property
    if not inspect.isfunction(function):
        plain = isinstance(member, (int, float, str, tuple, list, dict)) or inspect.isbuiltin(function)
        # an address in memory is another one in every process
        return re.sub(r" at 0x\w+", "", f"{name} = {function!r}") if plain and not name.startswith("__") else ""
    try:
        return inspect.getsource(function)  # a notebook knows that of a method, but not of a class
    except OSError:  # typed at a prompt
        return f"{marshal.dumps(function.__code__, 2).hex()} {function.__defaults__} {function.__kwdefaults__}"
