"""thesis_lib: ResNet, SENet and SENet_self, from an experiment to a record to a thesis.

The public face is loaded when first used, so that `import thesis_lib` costs nothing."""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "Experiment": "experiment", "train": "trainer", "build": "arms", "ARMS": "arms", "NETWORKS": "networks",
    "plug": "blocks.slots", "block": "blocks.slots", "BLOCKS": "blocks.slots", "DATASETS": "data",
    "load_records": "records", "ThesisError": "errors",
}  # fmt: skip
__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'thesis_lib' has no attribute {name!r}")
    if _PUBLIC[name].startswith("blocks"):
        import_module("thesis_lib.blocks")  # registers every block before BLOCKS is seen
    return getattr(import_module(f"thesis_lib.{_PUBLIC[name]}"), name)


def __dir__():
    return [*globals(), *__all__]
