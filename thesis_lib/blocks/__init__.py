"""Attention blocks: one file, one paper, one class. Every file in this folder registers itself."""

from importlib import import_module
from pkgutil import iter_modules

from .slots import BLOCKS, Slot, block, plug

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["BLOCKS", "Slot", "block", "plug"]
