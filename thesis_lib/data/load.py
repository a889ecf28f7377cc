"""Every data set by name: embedded, through torchvision, or anyone's own folder of pictures."""

from functools import lru_cache
from pathlib import Path
from tarfile import TarError

import numpy as np
import torch

from ..errors import ThesisError
from . import shapes
from .dataset import Dataset, Split, assemble, hash_order
from .folder import read_folder, resize

BY_FLAG = {"cifar10": "CIFAR10", "cifar100": "CIFAR100", "fashion_mnist": "FashionMNIST"}  # torchvision's classes
BY_SPLIT = {"svhn": "SVHN", "stl10": "STL10"}  # which take the split by its name
DOWNLOADS = BY_FLAG | BY_SPLIT
DATASETS = ("shapes", "digits", "digits_moved", *DOWNLOADS)
NO_FLIP = {"digits", "digits_moved", "svhn"}  # a mirrored digit is another sign


def split_of(images, labels, masks=None) -> Split:
    """A split in hash order."""
    order = hash_order(images)
    kept = None if masks is None else torch.from_numpy(masks[order])
    wanted = torch.from_numpy(np.asarray(labels, dtype=np.int64)[order])
    return Split(torch.from_numpy(np.asarray(images)[order]), wanted, kept)


def moved(images: np.ndarray, seed: int) -> np.ndarray:
    """Each picture at half its size, turned by up to 60 degrees and shifted by up to a quarter of a black frame."""
    from PIL import Image

    size, frames = images.shape[1], np.zeros_like(images)
    frames[:, size // 4 :, size // 4 :][:, : size // 2, : size // 2] = pictures_of(images, size // 2)
    draws = 2 * np.random.Generator(np.random.PCG64(seed)).random((len(images), 3)) - 1
    turned = []
    for frame, (angle, *shift) in zip(frames, draws * (60, size / 4, size / 4), strict=True):
        turned.append(Image.fromarray(frame).rotate(angle, Image.Resampling.BILINEAR, translate=tuple(shift)))
    return pictures_of(turned, size)


def embedded_digits(size: int, displaced: bool) -> tuple[tuple[str, ...], Split, Split]:
    """scikit-learn's 1,797 handwritten digits (8 x 8); a fifth of each class, by hash, is the test part."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = (bunch.images * (255 / 16)).round().astype(np.uint8)
    images = pictures_of(np.repeat(grey[..., None], 3, axis=3), size)
    whole = split_of(images, bunch.target)
    test = torch.zeros(len(whole), dtype=torch.bool)
    for digit in range(10):
        test[(whole.labels == digit).nonzero()[::5, 0]] = True
    parts = [(whole.images[keep].numpy(), whole.labels[keep]) for keep in (~test, test)]
    train, rest = (split_of(moved(x, seed) if displaced else x, labels) for seed, (x, labels) in enumerate(parts))
    return tuple("0123456789"), train, rest


def pictures_of(arrays, size: int) -> np.ndarray:
    """Pictures of any size, grey or RGB, as (N, size, size, 3) uint8."""
    from PIL import Image

    return np.stack([np.asarray(resize(Image.fromarray(np.asarray(a)), size)) for a in arrays])


def downloaded(name: str, root: Path, size: int) -> tuple[tuple[str, ...], Split, Split]:
    """A data set of torchvision, fetched and checked by it."""
    from torchvision import datasets

    parts: list[dict] = [{"split": s} if name in BY_SPLIT else {"train": s == "train"} for s in ("train", "test")]
    try:
        both = [getattr(datasets, DOWNLOADS[name])(root, download=True, **part) for part in parts]
    except (OSError, RuntimeError, EOFError, TarError) as error:
        raise ThesisError(
            f"자료를 내려받지 못했다: {name}({error}). 인터넷을 확인하거나 "
            f"{root / name}에 train/<클래스>, test/<클래스> 폴더로 영상을 두라."
        ) from None
    splits = []
    for source in both:
        data = np.asarray(source.data)
        if data.ndim == 4 and data.shape[1] == 3:  # SVHN and STL10 keep channels first
            data = data.transpose(0, 2, 3, 1)
        labels = source.targets if hasattr(source, "targets") else source.labels
        splits.append(split_of(pictures_of(data, size), labels))
    names = getattr(both[0], "classes", None) or [str(n) for n in range(10)]
    return tuple(names), splits[0], splits[1]


def refuse_unknown_data(name: str, root: str | Path = "data") -> None:
    """Refuse a name that is neither built in nor a folder; cheap, so it is asked before anything starts."""
    folder = Path(root) / name
    if name not in DATASETS and not folder.is_dir():
        raise ThesisError(
            f"알 수 없는 자료: {name!r}. 쓸 수 있는 값: {', '.join(DATASETS)}, "
            f"또는 {folder} 폴더에 영상을 두라(train/<클래스>/*.png, test/<클래스>/*.png)."
        )


def may_change(name: str, root: str | Path = "data") -> bool:
    """Whether a data set is a folder of pictures, which its owner may edit."""
    return name not in DATASETS or (Path(root) / name / "train").is_dir()


def load(name: str, root: str | Path = "data", image_size: int = 32) -> Dataset:
    """The data set `name`, pictures (N, image_size, image_size, 3) uint8, in a fixed order.

    A folder `root/<name>` (see `folder.py`) comes first, then the embedded sets, then torchvision's. Raises ThesisError
    for an unknown name, a folder out of order, a broken picture, a failed download."""
    refuse_unknown_data(name, root)
    if not may_change(name, root):
        return _built_in(name, Path(root), image_size)
    classes, splits = read_folder(Path(root) / name, image_size)
    train, test = split_of(*splits["train"]), split_of(*splits["test"])
    return assemble(name, classes, train, test, flip=name not in NO_FLIP)


@lru_cache(maxsize=2)
def _built_in(name: str, root: Path, image_size: int) -> Dataset:
    if name == "shapes":
        if image_size != shapes.SIZE:
            raise ThesisError(f"shapes의 image_size는 {shapes.SIZE}뿐이다(받은 값: {image_size}).")
        classes: tuple[str, ...] = shapes.SHAPES
        train, test = (split_of(*shapes.draw(count, seed)) for count, seed in ((4000, 1), (2000, 2)))
    elif name in ("digits", "digits_moved"):
        classes, train, test = embedded_digits(image_size, name == "digits_moved")
    else:
        classes, train, test = downloaded(name, root, image_size)
    return assemble(name, classes, train, test, flip=name not in NO_FLIP)
