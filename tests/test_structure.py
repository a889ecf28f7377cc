"""The house: arrows go down only, and no file grows past what one can hold in one's head."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import thesis_lib

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "thesis_lib").rglob("*.py"))
BOOK = sorted((ROOT / "book" / "thesis_book").glob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in FILES}


def imports(path: Path) -> set[str]:
    """Full names of what a file imports, in functions too; `from . import x` counts as `x` where x is a module."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            modules = {f"{module}.{a.name}" for a in node.names if f"{module}.{a.name}" in NAMES}
            found |= modules if len(modules) == len(node.names) else modules | {module}
    return found


GRAPH = {name: imports(path) for name, path in NAMES.items()}


def own(name: str) -> set[str]:
    return {other for other in GRAPH[name] if other in NAMES} - {"thesis_lib"}


def reachable(name: str) -> set[str]:
    seen, waiting = set(), list(own(name))
    while waiting:
        if (other := waiting.pop()) not in seen:
            seen.add(other)
            waiting += own(other)
    return seen


def test_the_graph_sees_what_is_there():
    assert "thesis_lib.blocks.slots" in own("thesis_lib.blocks.se")
    assert {"thesis_lib.checkpoint", "thesis_lib.experiment"} <= own("thesis_lib.trainer")
    assert "thesis_lib.networks.resnet" in reachable("thesis_lib.experiment")
    assert "thesis_lib.trainer" in own("thesis_lib.profiles")  # inside a function


@pytest.mark.parametrize("name", NAMES)
def test_no_circles(name):
    assert name not in reachable(name)


def family(package: str) -> list[str]:
    return [name for name in NAMES if name == package or name.startswith(f"{package}.")]


def test_networks_know_no_blocks():
    names = family("thesis_lib.networks")
    assert names
    for name in names:
        assert not any(".blocks" in other for other in reachable(name) | GRAPH[name]), name


def test_blocks_know_no_trainer():
    above = {"trainer", "experiment", "arms", "records", "profiles", "data", "stats", "tables", "figures", "maps"}
    for name in family("thesis_lib.blocks"):
        assert not {other.split(".")[1] for other in reachable(name)} & above, name


@pytest.mark.parametrize("name", NAMES)
def test_nothing_knows_the_notebooks_or_the_book(name):
    tops = {other.split(".")[0] for other in GRAPH[name]}
    assert not tops & {"notebooks", "book", "thesis_book", "snakemake", "tests", "benchmarks"}


@pytest.mark.parametrize("path", FILES + BOOK, ids=lambda path: path.stem)
def test_no_file_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_the_whole_is_short():
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES) < 4000


@pytest.mark.parametrize("path", FILES + BOOK, ids=lambda path: path.stem)
def test_every_file_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_import_is_light():
    code = "import sys, thesis_lib; print(sorted({'torch', 'pandas', 'numpy', 'papermill'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_face():
    expected = ["Experiment", "train", "build", "plug", "block", "BLOCKS", "ARMS", "load_records"]
    assert set(expected) <= set(thesis_lib.__all__) <= set(dir(thesis_lib))
    assert all(getattr(thesis_lib, name) is not None for name in thesis_lib.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = thesis_lib.nothing


def test_the_command_line_needs_neither_jupyter_nor_snakemake():
    top = {"papermill", "nbclient", "IPython", "snakemake", "ipykernel"}
    code = f"import sys; from thesis_lib.__main__ import parser; parser(); print({top!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
