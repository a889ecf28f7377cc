"""Every data set by name: embedded, through torchvision, or anyone's own folder of pictures."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ..errors import ThesisError
from . import shapes
from .dataset import Dataset, Split, assemble, hash_order
from .folder import read_folder, resize

DOWNLOADS: dict[str, tuple[str, dict, dict]] = {  # torchvision's class, arguments of the training and the test part
    "cifar10": ("CIFAR10", {"train": True}, {"train": False}),
    "cifar100": ("CIFAR100", {"train": True}, {"train": False}),
    "fashion_mnist": ("FashionMNIST", {"train": True}, {"train": False}),
    "svhn": ("SVHN", {"split": "train"}, {"split": "test"}),
    "stl10": ("STL10", {"split": "train"}, {"split": "test"}),
}
DATASETS = ("shapes", "digits", *DOWNLOADS)
NO_FLIP = {"digits", "svhn"}  # a mirrored digit is another sign


def split_of(images, labels, masks=None) -> Split:
    """A split in hash order."""
    order = hash_order(images)
    kept = None if masks is None else torch.from_numpy(masks[order])
    wanted = torch.from_numpy(np.asarray(labels, dtype=np.int64)[order])
    return Split(torch.from_numpy(np.asarray(images)[order]), wanted, kept)


def embedded_shapes() -> tuple[tuple[str, ...], Split, Split]:
    return shapes.SHAPES, split_of(*shapes.draw(4000, seed=1)), split_of(*shapes.draw(2000, seed=2))


def embedded_digits(size: int) -> tuple[tuple[str, ...], Split, Split]:
    """scikit-learn's 1,797 handwritten digits (8 x 8); a fifth of each class, by hash, is the test part."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = (bunch.images * (255 / 16)).round().astype(np.uint8)
    images = pictures_of(np.repeat(grey[..., None], 3, axis=3), size)
    everything = split_of(images, bunch.target)
    test = torch.zeros(len(everything), dtype=torch.bool)
    for digit in range(10):
        test[(everything.labels == digit).nonzero()[::5, 0]] = True
    part = [Split(everything.images[keep], everything.labels[keep]) for keep in (~test, test)]
    return tuple("0123456789"), part[0], part[1]


def pictures_of(arrays, size: int) -> np.ndarray:
    """Pictures of any size, grey or RGB, as (N, size, size, 3) uint8."""
    from PIL import Image

    return np.stack([np.asarray(resize(Image.fromarray(np.asarray(a)), size)) for a in arrays])


def downloaded(name: str, root: Path, size: int) -> tuple[tuple[str, ...], Split, Split]:
    """A data set of torchvision, fetched and checked by it."""
    from torchvision import datasets

    kind, *parts = DOWNLOADS[name]
    try:
        both = [getattr(datasets, kind)(root, download=True, **part) for part in parts]
    except (OSError, RuntimeError) as error:
        raise ThesisError(
            f"{name}을(를) 내려받지 못했다({error}). 인터넷을 확인하거나 "
            f"{root / name}에 train/<클래스>, test/<클래스> 폴더로 그림을 두라."
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
            f"알 수 없는 데이터: {name!r}. 쓸 수 있는 값: {', '.join(DATASETS)}, "
            f"또는 {folder} 폴더에 그림을 두라(train/<클래스>/*.png, test/<클래스>/*.png)."
        )


@lru_cache(maxsize=2)
def load(name: str, root: str | Path = "data", image_size: int = 32) -> Dataset:
    """The data set `name`, pictures (N, image_size, image_size, 3) uint8, in a fixed order.

    A folder `root/<name>` (see `folder.py`) comes first, then the embedded sets, then torchvision's.
    Raises ThesisError for an unknown name, a folder out of order, a broken picture, a failed download.
    """
    refuse_unknown_data(name, root)
    root = Path(root)
    if (root / name / "train").is_dir() or name not in DATASETS:
        names, splits = read_folder(root / name, image_size)
        classes = tuple(names)
        train, test = split_of(*splits["train"]), split_of(*splits["test"])
    elif name == "shapes":
        if image_size != shapes.SIZE:
            raise ThesisError(f"shapes의 image_size는 {shapes.SIZE}뿐이다(받은 값: {image_size}).")
        classes, train, test = embedded_shapes()
    elif name == "digits":
        classes, train, test = embedded_digits(image_size)
    else:
        classes, train, test = downloaded(name, root, image_size)
    return assemble(name, classes, train, test, flip=name not in NO_FLIP)
