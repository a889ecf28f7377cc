"""A progress bar with the time left, in a terminal and in a notebook; silent in a log file."""

import sys

from tqdm.auto import tqdm
from tqdm.std import tqdm as terminal_tqdm


def progress(iterable=None, description: str = "", unit: str = "", *, total=None, initial: int = 0, show=True):
    in_notebook = tqdm is not terminal_tqdm and "ipykernel" in sys.modules
    return tqdm(
        iterable,
        desc=description,
        unit=unit,
        total=total,
        initial=initial,
        disable=not (show and (in_notebook or sys.stderr.isatty())),
        dynamic_ncols=True,
    )
