"""`python -m benchmarks`: how fast the library is, beside what it is measured against, in the same run.

On a CPU about ten minutes; run it on a machine that does nothing else. Writes results/benchmarks/<device>.json,
which the book's appendix shows.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
import torch

from thesis_lib.checkpoint import write_atomically
from thesis_lib.environment import describe, pick_device


def on_cpu(repeats: int) -> dict[str, object]:
    from . import attention, records, training

    reading = records.growth()
    return {
        "comparisons": [c.row() for c in attention.compare(repeats) + training.compare(repeats)],
        "limits": [limit.row() for limit in records.limits(reading, repeats)],
        "growth": {"attention": attention.growth(repeats), "records": reading},
    }


def on_gpu(repeats: int) -> dict[str, object]:
    from . import gpu

    return gpu.measure(repeats)


def table(rows: list[dict]) -> str:
    shown = pd.DataFrame(rows)
    return shown.to_markdown(index=False, floatfmt=".3g")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description="속도를 잰다")
    arguments.add_argument("--repeats", type=int, default=7, help="되풀이 횟수 (기본: 7)")
    arguments.add_argument("--results", default="results", help="결과를 둘 폴더")
    arguments.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="장치")
    given = arguments.parse_args()
    device = pick_device(given.device)
    found = (on_gpu if device.type == "cuda" else on_cpu)(given.repeats)
    found["environment"] = describe(torch.device(device))
    for part in ("comparisons", "limits"):
        print(table(found.get(part, [])), end="\n\n")
    path = Path(given.results) / "benchmarks" / f"{device.type}.json"
    write_atomically(path, json.dumps(found, ensure_ascii=False, indent=1).encode())
    print(f"적은 곳: {path}")


if __name__ == "__main__":
    main()
