"""The book's extensions are loaded by Sphinx from their folder; so are they here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book" / "_ext"))
