"""What this machine has of what the project needs, a line each."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path

from .checkpoint import refuse_unwritable
from .errors import ThesisError

PACKAGES = ("torch", "torchvision", "papermill", "jupyter_book")
PROGRAMS = {"snakemake": "여러 코어에서 쓴다", "chromium": "책의 검사에 쓴다"}
FONT = Path(__file__).parents[1] / "book" / "fonts" / "NanumGothic.ttf"


def examine(results: str) -> Iterator[tuple[str, str, bool]]:
    """(what, answer, whether it is well) of every need; programs are a convenience, and always well."""
    yield "Python", sys.version.split()[0], True
    for package in PACKAGES:
        try:
            yield package, getattr(importlib.import_module(package), "__version__", "있음"), True
        except Exception as error:  # a broken build fails in ways of its own
            yield package, f"불러올 수 없다({error}). make thesis로 환경을 다시 만들라.", False
    torch = sys.modules.get("torch")
    yield "장치", torch.cuda.get_device_name() if torch and torch.cuda.is_available() else "CPU (GPU 없음)", True
    yield "한글 글꼴", f"{FONT} (없으면 저장소의 book/fonts 폴더를 되살리라)", FONT.exists()
    try:
        refuse_unwritable(Path(results))
        yield "기록 폴더", results, True
    except ThesisError as error:
        yield "기록 폴더", str(error), False
    for program, purpose in PROGRAMS.items():
        yield program, shutil.which(program) or f"없음 ({purpose})", True
    yield "Pango", find_library("pangoft2-1.0") or "없음 (make pdf와 그 검사에 쓴다)", True
