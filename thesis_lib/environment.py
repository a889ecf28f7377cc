"""Where a run happened: versions, device, threads; and how to stop it in good order."""

import ctypes
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from . import __version__
from .errors import CannotGoOn, Stopped, choose


def pick_device(name: str | None = None) -> torch.device:
    """The named device, or the GPU where there is one. Raises ThesisError for one that is not there."""
    there = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    choose("장치", name or there[-1], there)
    device = torch.device(name or there[-1])
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.allow_tf32 = False  # "fp32" shall mean it
    return device


def code_version() -> str:
    """The package's version, and the commit where there is one."""
    root = Path(__file__).parent
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
        commit = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=10, check=True).stdout
        return f"{__version__}+{commit.strip()}"
    except (OSError, subprocess.SubprocessError):
        return __version__


def describe(device: torch.device) -> dict[str, object]:
    """What bit equality depends on, and what a reader wants to know of the machine."""
    import numpy

    told = Path("/proc/cpuinfo")  # instruction sets alone do not say which kernels a library takes
    first = told.read_text().partition("\n\n")[0] if told.exists() else ""
    cpu = " ".join(re.findall(r"(?m)^(?:vendor_id|cpu family|model|model name)\s*: (.*)$", first))
    return {
        "code": code_version(), "python": platform.python_version(),
        "torch": torch.__version__, "numpy": numpy.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "threads": torch.get_num_threads(), "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cpu": cpu or platform.processor(),
    }  # fmt: skip


def forget_peak(device: torch.device) -> None:
    """Begin to measure `peak_memory_mib` anew, where the system can (a GPU, and on Linux the process)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mib(device: torch.device) -> float:
    """The most memory held since `forget_peak`: of the process on a CPU, of the allocator on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


@contextmanager
def pages_kept():
    """Freed memory stays with the process meanwhile (glibc), for fresh pages can cost more than the work on them."""
    libc = ctypes.CDLL(None)
    able = hasattr(libc, "mallopt") and libc.mallopt(-4, 0) and libc.mallopt(-1, -1)  # M_MMAP_MAX, M_TRIM_THRESHOLD
    try:
        yield
    finally:
        if able:  # glibc's defaults, and what is free goes back
            libc.mallopt(-4, 65536)
            libc.mallopt(-1, 2**17)
            libc.malloc_trim(0)


@contextmanager
def torch_explained():
    """Turns "out of memory" and "no deterministic implementation" (on a GPU) into a sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch raises a RuntimeError on a CPU
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(error):
            raise CannotGoOn("메모리가 모자란다. batch_size나 image_size, 블록을 둘 단계를 줄이라.") from None
        if "deterministic implementation" in str(error):
            told = f"GPU에서 늘 같은 결과를 낼 수 없는 연산이 있다: {str(error).partition(' does not')[0]}."
            raise CannotGoOn(f"{told} 다른 연산으로 쓰거나 --device cpu로 하라.") from None
        raise


@contextmanager
def over_before(deadline: float | None):
    """Ends the process a second before the deadline where a single step would go past it. Files are whole at every
    moment, so what is lost is the time since the last checkpoint."""

    def leave():
        print("시간 제한에 닿았다. 저장한 것이 있으면 거기서 이어진다. 같은 명령을 다시 실행하라.", flush=True)
        os._exit(0)

    left = threading.TIMEOUT_MAX if deadline is None else deadline - 1 - time.monotonic()
    timer = threading.Timer(left, leave)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class StopRequest:
    """Turns Ctrl-C, SIGTERM and a deadline into one question that the loop asks before each step."""

    def __init__(self, deadline: float | None):
        self.deadline, self.signal = deadline, 0
        self.asked: float | None = None
        self.slowest = 0.0

    def __enter__(self):
        self.previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.previous[number] = signal.signal(number, self.note)
        return self

    def __exit__(self, *_):
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def note(self, number, _frame):
        self.signal = number

    def reason(self) -> Stopped | None:
        """Why to stop now, or None. Leaves time for one more step and a checkpoint before the deadline."""
        now = time.monotonic()
        if self.asked is not None:
            self.slowest = max(0.98 * self.slowest, now - self.asked)  # a pause of the machine is soon forgotten
        self.asked = now
        if self.signal:
            return Stopped("중단 신호를 받았다.", 128 + self.signal)
        if self.deadline is not None and now + 2 * self.slowest + 3 > self.deadline:
            return Stopped("시간 제한에 닿았다.", 0)
        return None
