"""What there is: every block of the registry, what it costs and where it comes from."""

import inspect

import pandas as pd

from .arms import build
from .blocks import BLOCKS
from .cost import cost


def source_of(name: str) -> str:
    """The first line of the file that a block is written in."""
    module = inspect.getmodule(BLOCKS[name])
    return ((module and module.__doc__) or "").strip().partition("\n")[0]


def blocks(network: str = "resnet20") -> pd.DataFrame:
    """A row a block: name, source, and the parameters and MACs that it adds in every stage of a network."""
    bare = cost(build("resnet", network))
    rows = []
    for name in sorted(BLOCKS):
        price = cost(build(name, network))
        rows.append((name, price.parameters - bare.parameters, price.macs - bare.macs, source_of(name)))
    return pd.DataFrame(rows, columns=["name", "parameters", "macs", "source"])
