"""The book, built strictly and once, from a copy: a test may change the copy's records and build again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))  # Sphinx loads the extensions from their folder; so do the tests


class Book:
    """A copy of what the book is made of, and its pages once built."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.html = folder / "_build" / "html"
        for part in ("book", "benchmarks", "profiles", "results"):
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("checkpoints", "notebooks", "local")
            )
        shutil.copy(ROOT / "_config.yml", folder)

    def build(self) -> None:
        """Any warning fails: an unknown reference, a missing picture, a failed cell."""
        program = Path(sys.executable).with_name("jupyter-book")
        command = [program, "build", "-n", "-W", "--keep-going", "book/"]
        done = subprocess.run(command, check=False, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def page(self, name: str) -> str:
        return (self.html / f"{name}.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    copy = Book(tmp_path_factory.mktemp("book"))
    copy.build()
    return copy


@pytest.fixture(scope="session")
def built_book(book):
    return book.html
