"""What there is: every block and every network, what it costs and where it comes from."""

import inspect
import re

import pandas as pd

from .arms import build
from .blocks import BLOCKS
from .cost import cost
from .networks import NETWORKS, PAPERS, Slot, make


def source_of(made_by) -> str:
    """The paper that the first line of a block's or network's text, or of its file's, names, mostly in brackets."""
    texts = (inspect.getdoc(made_by), getattr(inspect.getmodule(made_by), "__doc__", None))
    lines = [(text or "").strip().partition("\n")[0] for text in texts]
    line = next((line for line in lines if re.search(r"\b(19|20)\d\d\b|this thesis", line)), "")
    found = re.search(r"\(([^()]*\b((19|20)\d\d\b|this thesis)[^()]*)\)", line)
    return found[1] if found else line


def pixels_of(network: str) -> int:
    """The side of the pictures that a network is for."""
    return int(network.rpartition("_")[2]) if network.endswith(("_224", "_299")) else 32


def blocks(network: str = "resnet20") -> pd.DataFrame:
    """A row a block: the parameters and MACs that it adds in every stage of a network, whether exact; its source."""
    size = pixels_of(network)
    bare = cost(build("resnet", network, image_size=size), size)
    rows = []
    for name in sorted(BLOCKS):
        price = cost(build(name, network, image_size=size), size)
        more = (price.parameters - bare.parameters, price.macs - bare.macs, price.exact)
        rows.append((name, *more, source_of(BLOCKS[name])))
    return pd.DataFrame(rows, columns=["name", "parameters", "macs", "exact", "source"])


def networks(names=NETWORKS) -> pd.DataFrame:
    """A row a network, bare and with ten classes, at the number of pixels that ends its name, else 32."""
    rows = []
    for name in names:
        size = pixels_of(name)
        model = make(name, image_size=size)
        slots = sum(isinstance(module, Slot) and module.position == "standard" for module in model.modules())
        price = cost(model, size)
        source = next((p for start, p in PAPERS.items() if name.startswith(start)), source_of(NETWORKS[name].func))
        rows.append((name, size, price.parameters, price.macs, price.exact, slots, source))
    return pd.DataFrame(rows, columns=["name", "pixels", "parameters", "macs", "exact", "slots", "source"])
