"""What this machine has of what the project needs, a line each."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from .errors import ThesisError


def imports(name: str) -> str:
    """The version of a package. Raises ThesisError where it cannot be imported."""
    try:
        return getattr(importlib.import_module(name), "__version__", "있음")
    except Exception as error:  # a broken build fails in ways of its own
        raise ThesisError(f"{name}을(를) 불러올 수 없다({error}). make thesis로 환경을 다시 만들라.") from None


def device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU (GPU 없음)"


def fonts() -> str:
    from .style import FONTS, use_korean

    use_korean()
    return str(FONTS)


def writable(folder: str) -> str:
    from .checkpoint import write_atomically

    probe = Path(folder) / ".probe"
    write_atomically(probe, b"")
    probe.unlink()
    return folder


def optional(program: str, purpose: str) -> str:
    return shutil.which(program) or f"없음 ({purpose})"


def examine(results: str) -> Iterator[tuple[str, str, bool]]:
    """(what, answer, whether it is well) of every need."""
    for what, ask in (
        ("Python", lambda: sys.version.split()[0]),
        ("torch", lambda: imports("torch")),
        ("torchvision", lambda: imports("torchvision")),
        ("장치", device),
        ("papermill", lambda: imports("papermill")),
        ("jupyter-book", lambda: imports("jupyter_book")),
        ("한글 글꼴", fonts),
        ("기록 폴더", lambda: writable(results)),
        ("snakemake", lambda: optional("snakemake", "프로필을 여러 코어로 돌릴 때 쓴다")),
        ("chromium", lambda: optional("chromium", "책의 브라우저 검사에만 쓴다")),
    ):
        try:
            yield what, ask(), True
        except ThesisError as error:
            yield what, str(error), False
