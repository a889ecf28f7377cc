"""Measuring side by side: interleaved repeats, medians, ratios with their spread, and peak memory."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path


@dataclass(frozen=True)
class Comparison:
    """Two figures for the same work, repeat by repeat; their factor, ours over the peer's, has a goal.

    at_least: whether the goal is a lower bound.
    """

    what: str
    peer_is: str
    unit: str
    ours: list[float]
    peer: list[float]
    goal: float
    at_least: bool = True

    def row(self) -> dict[str, object]:
        factors = [a / b for a, b in zip(self.ours, self.peer, strict=True)]
        middle = statistics.median(factors)
        return {
            **{key: value for key, value in asdict(self).items() if key not in ("ours", "peer")},
            "ours": statistics.median(self.ours),
            "peer": statistics.median(self.peer),
            "factor": middle,
            "low": min(factors),
            "high": max(factors),
            "n": len(factors),
            "reached": middle >= self.goal if self.at_least else middle <= self.goal,
        }


@dataclass(frozen=True)
class Limit:
    """A figure that has to stay below a goal, with nothing to be measured against."""

    what: str
    unit: str
    figures: list[float]
    goal: float

    def row(self) -> dict[str, object]:
        middle = statistics.median(self.figures)
        return {
            **{key: value for key, value in asdict(self).items() if key != "figures"},
            "figure": middle,
            "low": min(self.figures),
            "high": max(self.figures),
            "n": len(self.figures),
            "reached": middle < self.goal,
        }


def interleaved(*measures: Callable[[], float], repeats: int) -> list[list[float]]:
    """Each measure once to warm up, then all of them in turn, `repeats` times; one list a measure."""
    for measure in measures:
        measure()
    turns = [[measure() for measure in measures] for _ in range(repeats)]
    return [list(figures) for figures in zip(*turns, strict=True)]


def resident(field: str) -> int:
    """Bytes of memory of this process, as Linux counts them: VmRSS now, VmHWM at most so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise OSError(field)


def _peak(prepare: Callable, arguments: tuple, queue) -> None:
    work = prepare(*arguments)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    idle = resident("VmRSS")
    work()
    queue.put(resident("VmHWM") - idle)


def peak_memory(prepare: Callable, *arguments) -> int:
    """Bytes that `prepare(*arguments)()` needs at most above the idle process, in a process of its own."""
    context = get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_peak, args=(prepare, arguments, queue))
    process.start()
    peak = queue.get(timeout=600)
    process.join()
    return peak
