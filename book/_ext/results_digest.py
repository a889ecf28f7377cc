"""Run the cells of those pages again whose results or code changed.

Sphinx watches the pages alone. The hashes of all that cells read are kept in the build environment: a
changed record runs the pages that show it, changed code runs every page that computes.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

MEASURED = {"robustness.json", "maps.npz", "contribution.json"}
RECORDS = {"record.json", "diverged.json", "predictions.npz", "weights.safetensors"} | MEASURED
CELLS = re.compile(r"^```\{code-cell\}.*?^```$", re.MULTILINE | re.DOTALL)


def sources(root: Path) -> dict[str, str]:
    """The files that cells depend on and the hashes of their contents, hidden folders left out."""
    results, book = root / "results", root / "book"
    found = [p for p in results.rglob("*") if p.name in RECORDS and p.parent.parent.name == "runs"]
    found += (results / "benchmarks").glob("*.json")
    found += [*(root / "profiles").glob("*.yaml"), *(p for p in (book / "data").rglob("*") if p.is_file())]
    for code in (root / "thesis_lib", book / "thesis_book", root / "benchmarks"):
        found += code.rglob("*.py")
    names = {path.relative_to(root).as_posix(): path for path in sorted(found)}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if not any(part.startswith(".") for part in name.split("/"))
    }


def cells_of(page: Path) -> str:
    return "\n".join(CELLS.findall(page.read_text(encoding="utf-8")))


def shows(cells: str, runs: set[str], root: Path) -> bool:
    """Whether the cells name a profile that has one of the runs, or read all of them."""
    from thesis_lib.profiles import read_profile

    if "load_records(" in cells:
        return True
    named = [path for path in (root / "profiles").glob("*.yaml") if f'"{path.stem}"' in cells]
    return any(experiment.id in runs for path in named for experiment in read_profile(path))


def to_run(pages: dict[str, str], changed: set[str], root: Path) -> list[str]:
    """Of pages, {name: cells}, those that the changed files concern."""
    runs = {name.split("/")[-2] for name in changed if "/runs/" in f"/{name}"}
    timings = {name for name in changed if name.startswith("results/benchmarks/")}
    if changed - timings - {name for name in changed if "/runs/" in f"/{name}"}:
        return [name for name, cells in pages.items() if cells]
    return [
        name
        for name, cells in pages.items()
        if cells and ((timings and "benchmarks" in cells) or (runs and shows(cells, runs, root)))
    ]


def outdated(app, env, added, changed, removed):
    root = Path(app.srcdir).parent
    now, before = sources(root), getattr(env, "hashes_read", {})
    env.hashes_read = now
    different = {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}
    if not different:
        return []
    return to_run({name: cells_of(Path(env.doc2path(name))) for name in env.found_docs}, different, root)


def reading(app, env, names):
    env.pages_read = list(names)


def rewritten(app, env):
    """The pages into which a value is glued from a page that was read: it is resolved on writing."""
    texts = {name: Path(env.doc2path(name)).read_text(encoding="utf-8") for name in env.found_docs}
    return [name for name, text in texts.items() if any(f"`{read}.md::" in text for read in env.pages_read)]


def setup(app):
    app.connect("env-get-outdated", outdated)
    app.connect("env-before-read-docs", reading)
    app.connect("env-updated", rewritten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
