"""Numbers and sentences handed from a page's cells to its text."""

import numpy as np
from IPython.core.formatters import format_display_data
from IPython.display import display

PREFIX = "application/papermill.record/"  # under which MyST-NB looks for glued values


def glue(name: str, value: object) -> None:
    """Keep a value under a name for {glue}, unseen in the page.

    As `myst_nb.glue(name, value, display=False)`, whose import costs seconds in every page's kernel.
    """
    if isinstance(value, np.generic):
        value = value.item()  # or the text would get "np.float64(...)", which is no number
    data, metadata = format_display_data(value)
    metadata["scrapbook"] = {"name": name, "mime_prefix": PREFIX}
    display({PREFIX + kind: content for kind, content in data.items()}, raw=True, metadata=metadata)
