"""Checkpoints that a crash cannot spoil: safetensors, a manifest with its SHA-256, the last good one kept."""

import fcntl
import hashlib
import json
import os
import tempfile
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from .errors import Busy, ThesisError

LAST = 2  # so many are kept


def write_atomically(path: Path, content: bytes) -> None:
    """The file is there whole or not at all: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{os.uname().nodename}-{os.getpid()}.tmp")  # another may write it too
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        with suppress(OSError):  # which some mounts refuse
            os.fsync(folder)
        os.close(folder)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise ThesisError(f"{path}에 쓸 수 없다({error.strerror}). 빈 공간과 쓰기 권한을 확인하라.") from None


def _with_seal(body: bytes) -> bytes:
    return body + b',\n "seal": "' + hashlib.sha256(body).hexdigest().encode() + b'"\n}'


def sealed(data: dict) -> bytes:
    """JSON whose last entry is the SHA-256 of all the bytes before."""
    return _with_seal(json.dumps(data, ensure_ascii=False, indent=1).encode().removesuffix(b"\n}"))


def unsealed(content: bytes) -> dict:
    """What is in such a file. Raises ValueError where a byte differs from what was written."""
    if content != _with_seal(content.rpartition(b',\n "seal"')[0]):
        raise ValueError
    return json.loads(content)


def refuse_unwritable(folder: Path) -> None:
    """Ask now rather than after hours of training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ThesisError(f"{folder}에 쓸 수 없다({error.strerror}). 쓰기 권한을 확인하라.") from None


def packed(tensors: dict[str, Tensor]) -> bytes:
    return save_tensors({n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()})  # shared ones too


def save(folder: Path, step: int, tensors: dict[str, Tensor], state: dict) -> None:
    """Write the checkpoint of `step`; the manifest comes last and makes it valid."""
    content = packed(tensors)
    stem = f"step-{step:09d}"
    write_atomically(folder / f"{stem}.safetensors", content)
    manifest = sealed({"sha256": hashlib.sha256(content).hexdigest(), "state": state})
    write_atomically(folder / f"{stem}.json", manifest)
    for old in sorted(folder.glob("step-*.json"))[:-LAST]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)


def read(manifest_path: Path) -> tuple[dict[str, Tensor], dict]:
    """One checkpoint. Raises ValueError where a bit of it differs from what was written."""
    manifest = unsealed(manifest_path.read_bytes())
    content = manifest_path.with_suffix(".safetensors").read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
        raise ValueError("sha256")
    return load_tensors(content), manifest["state"]


def latest(folder: Path) -> tuple[dict[str, Tensor], dict] | None:
    """The newest checkpoint that is whole; a damaged one is named and passed over."""
    for path in sorted(folder.glob("step-*.json"), reverse=True):
        try:
            return read(path)
        except (ValueError, KeyError, TypeError, OSError, SafetensorError):
            warnings.warn(f"손상된 체크포인트를 건너뛴다: {path}", stacklevel=2)
    return None


def remove(folder: Path) -> None:
    """All checkpoints of a run, and what a kill left half-written."""
    for path in (*folder.glob("step-*"), *folder.glob(".step-*")):
        path.unlink()


@contextmanager
def only_one(folder: Path):
    """Holds the run; a second process is told. The lock dies with its process."""
    refuse_unwritable(folder)
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Busy(f"다른 프로세스가 같은 실험을 하고 있다: {folder.name}. 끝나기를 기다리라.") from None
    except OSError as error:  # Lustre and NFS, as they may be mounted
        warnings.warn(f"잠글 수 없는 폴더이다: {folder}({error.strerror}). 한 곳에서만 실행하라.", stacklevel=3)
    try:
        yield
    finally:
        os.close(lock)
