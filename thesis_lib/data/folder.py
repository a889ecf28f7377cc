"""Pictures from a folder `root/<name>/{train,test}/<class>/*`, decoded once and kept memory-mapped."""

import hashlib
import io
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..checkpoint import write_atomically
from ..errors import ThesisError
from ..progress import progress

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def decode(path: Path, size: int) -> np.ndarray:
    """One picture as (size, size, 3) uint8, upright, on white. Raises ThesisError that names a broken file."""
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith(("I", "F")):
                raise ValueError("한 채널이 8비트보다 크다")
            if "A" in picture.getbands() or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            return np.asarray(resize(picture, size))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ThesisError(f"영상 파일을 읽을 수 없다: {path} ({error}). 파일을 고치거나 지우라.") from None


def resize(picture: Image.Image, size: int) -> Image.Image:
    """RGB, `size` x `size`; untouched where it already is."""
    picture = picture.convert("RGB")
    return picture if picture.size == (size, size) else picture.resize((size, size), Image.Resampling.BILINEAR)


def listing(folder: Path) -> tuple[list[str], list[Path], list[int]]:
    """Classes, files and labels of one split. Raises ThesisError for too few classes or pictures."""
    classes = sorted(d.name for d in folder.iterdir() if d.is_dir()) if folder.is_dir() else []
    found = {c: sorted(p for p in (folder / c).iterdir() if p.suffix.lower() in SUFFIXES) for c in classes}
    fewest = 2 if folder.name == "train" else 1  # one in ten, at least one, is held for validation
    if few := [c for c in classes if len(found[c]) < fewest]:
        raise ThesisError(f"{folder}의 클래스 폴더마다 영상(PNG·JPEG·WebP)을 {fewest}장 이상 넣으라: {', '.join(few)}.")
    if len(classes) < 2:
        raise ThesisError(f"{folder}/<클래스>/*.png 꼴로 클래스 폴더가 둘 이상 있어야 한다(지금 {len(classes)}개).")
    files = [path for c in classes for path in found[c]]
    return classes, files, [label for label, c in enumerate(classes) for _ in found[c]]


def read_folder(folder: Path, size: int) -> tuple[tuple[str, ...], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Classes, and per split (images (N, size, size, 3) uint8, labels (N,) int64). The decoded arrays are kept in
    `.decoded/` beside the folder, under a hash of the file listing."""
    parts = {split: listing(folder / split) for split in ("train", "test")}
    classes = parts["train"][0]
    if parts["test"][0] != classes:
        raise ThesisError(f"{folder}의 train과 test에 있는 클래스가 서로 다르다. 같은 클래스 폴더를 두라.")
    found = [(path, path.stat()) for _, files, _ in parts.values() for path in files]
    stats = [(str(path.relative_to(folder)), s.st_size, s.st_mtime_ns) for path, s in found]
    key = hashlib.sha256(json.dumps([size, stats]).encode()).hexdigest()[:16]
    cache = folder.parent / ".decoded" / f"{folder.name}-{key}"
    splits = {}
    for split, (_, files, labels) in parts.items():
        kept = cache / f"{split}.npy"
        try:
            images = np.load(kept, mmap_mode="r")
        except (OSError, ValueError, EOFError):
            images = np.stack([decode(p, size) for p in progress(files, f"{folder.name}/{split} 영상 읽기", "장")])
            np.save(written := io.BytesIO(), images)
            with suppress(ThesisError):  # a read-only data folder will do: decoded again next time
                write_atomically(kept, written.getvalue())
        splits[split] = (images, np.array(labels, dtype=np.int64))
    return tuple(classes), splits
