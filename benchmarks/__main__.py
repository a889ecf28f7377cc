"""`python -m benchmarks`: how fast the library is, beside what it is measured against, in the same run.

On a CPU about ten minutes; run it on a machine that does nothing else. Writes results/benchmarks/<device>.json,
which the book's appendix shows; parts that are not measured anew stay there as they were.
"""

import argparse
import json
from importlib import import_module
from pathlib import Path

from thesis_lib.checkpoint import write_atomically
from thesis_lib.environment import describe, pick_device

from .report import comparisons, limits, measured, missed

PARTS = {"cpu": ["attention", "training", "records", "capture", "blocks"], "cuda": ["gpu"]}


def main(given: list[str] | None = None) -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description="속도를 잰다")
    arguments.add_argument(
        "--part", choices=[part for parts in PARTS.values() for part in parts], help="잴 부분 (기본: 모두)"
    )
    arguments.add_argument("--repeats", type=int, default=7, help="되풀이 횟수 (기본: 7)")
    arguments.add_argument("--results", default="results", help="결과를 둘 폴더")
    arguments.add_argument("--device", choices=list(PARTS), default="cpu", help="장치")
    asked = arguments.parse_args(given)
    device = pick_device(asked.device)
    found = measured(device.type, asked.results)
    for part in [asked.part] if asked.part else PARTS[device.type]:
        measure = import_module(f"benchmarks.{part}").measure
        found[part] = {"environment": describe(device)} | measure(asked.repeats)
    for table in (comparisons(found), limits(found)):
        print(table.to_markdown(index=False), end="\n\n")
    print(missed(found))
    path = Path(asked.results) / "benchmarks" / f"{device.type}.json"
    write_atomically(path, json.dumps(found, ensure_ascii=False, indent=1).encode())
    print(f"적은 곳: {path}")


if __name__ == "__main__":
    main()
