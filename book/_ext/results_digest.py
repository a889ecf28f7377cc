"""Run the book's cells again when the results or the code behind them changed.

Sphinx watches the pages alone. The digest of what the cells read is kept in the
build environment; when it differs, every page that computes is read again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

RECORDS = {"record.json", "predictions.npz", "robustness.json", "maps.npz"}


def sources(root: Path) -> list[Path]:
    """The files that the cells depend on, hidden folders left out."""
    results = root / "results"
    found = [
        path for path in results.rglob("*") if path.name in RECORDS and "runs" in path.relative_to(results).parts[:-1]
    ]
    found += (results / "benchmarks").glob("*.json")
    found += (root / "thesis_lib").rglob("*.py")
    found += (root / "book" / "thesis_book").glob("*.py")
    found += (root / "benchmarks").glob("*.py")
    found += (root / "book" / "data").rglob("*.csv")
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))


def digest(root: Path) -> str:
    """Hash of the names and contents of all sources."""
    total = hashlib.sha256()
    for path in sources(root):
        content = path.read_bytes()
        total.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()


def pages_with(env, mark: str) -> set[str]:
    paths = {name: Path(env.doc2path(name)) for name in env.found_docs}
    return {name for name, path in paths.items() if path.exists() and mark in path.read_text(encoding="utf-8")}


def outdated(app, env, added, changed, removed):
    now = digest(Path(app.srcdir).parent)
    if now == getattr(env, "results_digest", None):
        return []
    env.results_digest = now
    return pages_with(env, "{code-cell}")


def rewritten(app, env):
    # A value glued from another page is resolved on writing, not on reading.
    return pages_with(env, "{glue")


def setup(app):
    app.connect("env-get-outdated", outdated)
    app.connect("env-updated", rewritten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
