"""A record is what a finished run leaves: written once, atomically, sealed, and read into one table."""

import hashlib
import io
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from .checkpoint import sealed, unsealed, write_atomically
from .errors import CannotGoOn, ThesisError
from .experiment import Experiment

DIVERGED = "diverged.json"  # in the place of a record, for it is a result too
# runs are compared only where all of these are the same
SETTINGS = [f.name for f in fields(Experiment) if f.name not in ("arm", "seed", "options", "distillation")]
SETTINGS += ["numerics", "data_checksum"]


@dataclass(frozen=True)
class Record:
    """A finished run: `results/runs/<id>/record.json` and `predictions.npz`, maybe `weights.safetensors`."""

    folder: Path
    data: dict

    @property
    def id(self) -> str:
        return self.data["id"]

    @property
    def test_accuracy(self) -> float:
        return self.data["result"]["test_accuracy"]

    @property
    def has_weights(self) -> bool:
        return (self.folder / "weights.safetensors").exists()

    def file(self, name: str) -> bytes:
        """`predictions.npz` or `weights.safetensors`. Raises ThesisError unless it is what the run wrote."""
        path, content = self.folder / name, b""
        with suppress(OSError):
            content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.data[f"{path.stem}_sha256"]:
            raise ThesisError(f"없거나 기록과 다른 파일: {path}. 시드 0을 쓰거나 train --restart로 다시 학습하라.")
        return content

    @cached_property
    def predictions(self) -> dict[str, np.ndarray]:
        """label, predicted (N,), confidence (N,) float16, top5 (N,) bool, in the data set's hash order."""
        with np.load(io.BytesIO(self.file("predictions.npz")), allow_pickle=False) as arrays:
            return dict(arrays)

    def refuse_other(self, checksum: str) -> None:
        """Raise CannotGoOn for a checksum of data on which this run was not trained and tested."""
        if checksum != self.data["data"]["checksum"]:
            raise CannotGoOn(f"기록과 다른 자료이다: {self.id}. 그때의 자료를 쓰거나 train --restart로 다시 학습하라.")

    @property
    def right(self) -> np.ndarray:
        """Whether each test image was recognised, (N,) bool."""
        return self.predictions["label"] == self.predictions["predicted"]

    def row(self) -> dict[str, object]:
        """One row of `load_records`."""
        data = self.data
        named = {key: data["experiment"].get(key, {}) for key in ("options", "distillation")}
        texts = {key: json.dumps(values, sort_keys=True) for key, values in named.items()}
        scalars = {k: v for k, v in data["result"].items() if not isinstance(v, list)} | {"numerics": data["numerics"]}
        time = {k: v for k, v in data["time"].items() if not isinstance(v, list)}
        machine = {k: data["environment"][k] for k in ("device", "cpu_capability", "threads", "torch")}
        price = {k: data["cost"][k] for k in ("parameters", "macs", "exact")}
        hashes = {"data_checksum": data["data"]["checksum"], "weights_sha256": data["weights_sha256"]}
        return {"id": self.id, **data["experiment"], **texts, **scalars, **price, **time, **machine, **hashes}


def run_folder(results: str | Path, run: str) -> Path:
    return Path(results) / "runs" / run


def predictions_bytes(predictions: dict[str, np.ndarray]) -> bytes:
    """The arrays as npz, the same bytes for the same numbers."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **predictions)  # type: ignore[arg-type]
    return buffer.getvalue()


def write_record(results: str | Path, data: dict, predictions: dict[str, np.ndarray], weights: bytes) -> Record:
    """Weights and predictions first; the record, last, makes the run finished."""
    folder, content = run_folder(results, data["id"]), predictions_bytes(predictions)
    hashes = (hashlib.sha256(written).hexdigest() for written in (weights, content))
    data = data | dict(zip(("weights_sha256", "predictions_sha256"), hashes, strict=True))
    record = sealed(data)
    write_atomically(folder / "weights.safetensors", weights)
    write_atomically(folder / "predictions.npz", content)
    write_atomically(folder / "record.json", record)
    (folder / DIVERGED).unlink(missing_ok=True)
    return Record(folder, unsealed(record))


def read_record(folder: Path) -> Record:
    """Raises CannotGoOn for a record that is cut off, edited or moved to another name."""
    path = folder / "record.json"
    try:
        data = unsealed(path.read_bytes())
        if data["id"] != folder.name:
            raise ValueError
        return Record(folder, data)
    except (ValueError, KeyError, TypeError, OSError):
        raise CannotGoOn(f"기록이 손상되었거나 고쳐졌다: {path}. 지우고 다시 학습하라.") from None


def diverged(results: str | Path, runs: Iterable[str]) -> dict[str, str]:
    """By id, what ended those of the runs whose loss did not stay finite. A damaged note is none."""
    found = {}
    for run in runs:
        with suppress(OSError, ValueError, KeyError):
            found[run] = unsealed((run_folder(results, run) / DIVERGED).read_bytes())["reason"]
    return found


def find_record(results: str | Path, run: str) -> Record | None:
    """The finished run of this id, or None."""
    folder = run_folder(results, run)
    return read_record(folder) if (folder / "record.json").exists() else None


def all_records(results: str | Path = "results", runs: Iterable[str] | None = None) -> tuple[list[Record], list[str]]:
    """Every whole record, sorted by id, and a sentence for each that was left out; or those of some runs."""
    records, problems = [], []
    paths = sorted(Path(results).glob("runs/*/record.json"))
    if runs is not None:
        paths = [path for run in runs if (path := run_folder(results, run) / "record.json").exists()]
    for path in paths:
        try:
            records.append(read_record(path.parent))
        except ThesisError as error:
            problems.append(str(error))
    return records, problems


def records_by_id(results: str | Path = "results", runs: Iterable[str] | None = None) -> dict[str, Record]:
    """Every whole record under its id; or those of some runs."""
    return {record.id: record for record in all_records(results, runs)[0]}


def usual(table: pd.DataFrame) -> pd.DataFrame:
    """Of each arm the runs with the options that most of its runs have (else none), and none with a teacher."""
    alone = table[table["distillation"] == "{}"]
    return alone[alone["options"] == alone.groupby("arm")["options"].transform(lambda all_: all_.mode().iloc[-1])]


def load_records(results: str | Path = "results", runs: Iterable[str] | None = None) -> pd.DataFrame:
    """One row a finished run: its settings, results, cost, time and machine; of all runs, or of some. Damaged records
    are left out and named in `.attrs["problems"]`. Accuracies are in percent."""
    records, problems = all_records(results, runs)
    columns = ["id", "dataset", "network", "arm", "seed", "epochs"]
    columns += ["test_accuracy", "val_accuracy", "parameters", "macs", "options", "distillation"]
    table = pd.DataFrame([record.row() for record in records]) if records else pd.DataFrame(columns=columns)
    table.attrs["problems"] = problems
    return table
