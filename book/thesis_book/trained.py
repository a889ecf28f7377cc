"""The data behind a record, and what was measured on its weights."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from thesis_lib.data import Dataset, load
from thesis_lib.records import Record


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an npz file."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def kept(record: Record, file: str, read: Callable[[bytes], dict] = json.loads) -> dict | None:
    """What was measured on a record's own weights and lies in a file beside it, or None."""
    try:
        found = read((record.folder / file).read_bytes())
    except (OSError, ValueError, BadZipFile):
        return None
    return found if found.get("weights_sha256") == record.data["weights_sha256"] else None


def data_of(record: Record, root: str | Path = "data") -> Dataset:
    """The data that a record was trained and tested on. Raises ThesisError where they are others now."""
    experiment = record.data["experiment"]
    data = load(experiment["dataset"], root, experiment["image_size"])
    record.refuse_other(data.checksum)
    return data
