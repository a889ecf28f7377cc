"""Writes the attention explorer's data beside its page: a page opened from a file may fetch nothing but scripts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from results_digest import sources

SCRIPT = Path("explorer") / "data.js"
MADE_OF = (
    "results/runs/shapes-",
    "results/runs/digits-",
    "profiles/maps.yaml",
    "thesis_lib/",
    "book/thesis_book/explorer.py",
    "book/thesis_book/map_methods.py",
)


def write(app, error) -> None:
    """After the pages: the script, unless the one that is there was made from the same weights and code."""
    if error or app.builder.format != "html":
        return
    root = Path(app.srcdir).parent
    made_of = {name: value for name, value in sources(root).items() if name.startswith(MADE_OF)}
    mark = f"// {hashlib.sha256(json.dumps(made_of).encode()).hexdigest()}\n"
    script = Path(app.outdir) / SCRIPT
    if script.exists() and script.read_text(encoding="utf-8").startswith(mark):
        return
    from thesis_book.explorer import contents, records  # torch, which a build without changes does not need
    from thesis_lib.checkpoint import write_atomically

    text = json.dumps(contents(records(root)), ensure_ascii=False)
    write_atomically(script, f"{mark}window.EXPLORER = {text};\n".encode())


def setup(app):
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
