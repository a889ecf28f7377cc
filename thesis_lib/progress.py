"""A progress bar with the time left, in a terminal and in a notebook; silent in a log file."""

import sys

from tqdm.auto import tqdm


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook or of a page of the book."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


def progress(iterable=None, description: str = "", unit: str = "", *, total=None, initial: int = 0, show=True):
    seen = show and (in_notebook() or sys.stderr.isatty())
    looks = {"desc": description, "unit": unit, "disable": not seen, "dynamic_ncols": True}
    return tqdm(iterable, total=total, initial=initial, **looks)
