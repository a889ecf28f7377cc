"""The data behind a record."""

from pathlib import Path

from thesis_lib.data import Dataset, load
from thesis_lib.errors import ThesisError
from thesis_lib.records import Record


def data_of(record: Record, root: str | Path = "data") -> Dataset:
    """The data that a record was trained and tested on. Raises ThesisError where they are others now."""
    experiment = record.data["experiment"]
    data = load(experiment["dataset"], root, experiment["image_size"])
    if data.checksum != record.data["data"]["checksum"]:
        raise ThesisError(f"학습한 자료와 다른 자료이다: {data.name}. 기록과 같은 자료를 쓰라.")
    return data
