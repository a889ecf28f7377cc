"""Many records into one table, and the package's start."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from thesis_lib import load_records
from thesis_lib.records import all_records, sealed

from .timing import Limit

COUNTS = (100, 1_000, 10_000)
STARTUP = "import torch, time; a = time.perf_counter(); import thesis_lib; print(time.perf_counter() - a)"


def fill(folder: Path, first: int, count: int) -> None:
    """Copies of this project's longest record under other names, each sealed anew."""
    model = max(all_records()[0], key=lambda record: len(record.data["history"])).data
    model = {key: value for key, value in model.items() if key != "seal"}
    for index in range(first, count):
        name = f"copy-{index:05d}"
        place = folder / "runs" / name
        place.mkdir(parents=True)
        (place / "record.json").write_bytes(sealed(model | {"id": name}))


def growth(counts, repeats: int = 3) -> list[dict[str, object]]:
    """Seconds to read that many records into one table."""
    rows, there = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            fill(Path(folder), there, count)
            there, seconds = count, []
            for _ in range(repeats):
                began = time.perf_counter()
                assert len(load_records(folder)) == count
                seconds.append(time.perf_counter() - began)
            rows.append({"at": count, "seconds": statistics.median(seconds), "all": seconds})
    return rows


def startup() -> float:
    """Seconds that `import thesis_lib` adds to `import torch`."""
    done = subprocess.run([sys.executable, "-c", STARTUP], check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure(repeats: int, counts=COUNTS) -> dict[str, object]:
    rows = growth(counts)
    found = [
        Limit(f"기록 {counts[-1]:,}개를 표 하나로", "초", rows[-1]["all"], 3.0),
        Limit("import thesis_lib (torch 뒤에)", "초", [startup() for _ in range(repeats)], 0.3),
    ]
    return {"limits": [limit.row() for limit in found], "growth": rows}
