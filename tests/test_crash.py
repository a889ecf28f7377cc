"""SIGKILL at random moments: no checkpoint is unusable, no record lost, and the end is the same to the bit.

`pytest -m crash` kills at least a hundred times, a few minutes; the default run does it ten times.
"""

import os
import random
import signal
import time
from multiprocessing import get_context

import pytest
from helpers import tiny

from thesis_lib.checkpoint import latest
from thesis_lib.records import all_records

LONG = {"epochs": 4, "learning_rate": 0.1}


def child(root: str, results: str, ready) -> None:
    """One process that trains; every step is saved, and writing is slow enough to be hit."""
    import torch

    from thesis_lib import checkpoint, train, trainer

    torch.set_num_threads(1)
    trainer.CHECKPOINT_SECONDS = -1
    sync = os.fsync

    def slow(number):
        time.sleep(0.002)
        sync(number)

    checkpoint.os.fsync = slow
    ready.send(True)
    train(tiny(**LONG), results, root=root, device="cpu", show=False)


def kill_often(wanted: int, root, results, whole) -> dict[str, int]:
    """Train, kill, look at what is left, go on; a finished run is compared and begun anew elsewhere."""
    context, draw = get_context("forkserver"), random.Random(wanted)
    context.set_forkserver_preload(["thesis_lib.trainer", "helpers", "torch._dynamo"])  # what training loads
    seen = {"kills": 0, "in a write": 0, "resumed": 0, "finished": 0}
    longest = None  # the first is not disturbed, and says how long one takes
    while seen["kills"] < wanted or seen["finished"] < 2:
        place = results / str(seen["finished"])
        heard, ready = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(str(root), str(place), ready))
        process.start()
        assert heard.poll(60)
        began = time.monotonic()
        process.join(draw.uniform(0, longest) if longest and seen["kills"] < wanted else None)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            seen["kills"] += 1
            seen["in a write"] += bool(list(place.rglob(".*.tmp")))
            checkpoints = place / "checkpoints" / tiny(**LONG).id
            seen["resumed"] += latest(checkpoints) is not None  # a damaged one would warn, and fail the test
        else:
            assert process.exitcode == 0
            longest = longest or time.monotonic() - began
        records, problems = all_records(place)
        assert not problems
        if records:
            [record] = records
            assert record.data["weights_sha256"] == whole.data["weights_sha256"]
            assert record.data["history"] == whole.data["history"]
            for name in ("weights.safetensors", "predictions.npz"):
                assert (record.folder / name).read_bytes() == (whole.folder / name).read_bytes()
            seen["finished"] += 1
    return seen


@pytest.fixture
def whole(train_tiny, tmp_path):
    """The undisturbed run."""
    return train_tiny(tiny(**LONG), tmp_path / "whole")


def test_ten_kills(pictures, tmp_path, whole):
    seen = kill_often(10, pictures, tmp_path, whole)
    assert seen["resumed"] >= 3 and seen["kills"] == 10


@pytest.mark.crash
def test_a_hundred_kills(pictures, tmp_path, whole):
    seen = kill_often(120, pictures, tmp_path, whole)
    print(seen)
    assert seen["in a write"] >= 5 and seen["resumed"] >= 60 and seen["finished"] >= 5
