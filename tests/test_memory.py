"""Freed memory is kept while a run trains, and given back at its end."""

import ctypes
import resource
from pathlib import Path

import pytest
import torch

from thesis_lib.environment import pages_kept

PAGES = 2**14  # of 4 KiB, in a tensor of 64 MiB: larger than what glibc comes to keep by itself


def new_pages(times: int) -> float:
    """How many pages the system has to hand out for a tensor that is made and freed, the mean over some times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(PAGES * 1024)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / times


def resident() -> int:
    """The pages that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc alone can be told to")
def test_pages_are_kept_inside_and_go_back_at_the_end():
    for _ in range(2):
        with pages_kept():
            new_pages(10)  # until the tensor has found its place
            assert new_pages(10) < PAGES / 5
            kept = resident()
        assert resident() < kept - PAGES / 2


def test_an_error_passes_through():
    with pytest.raises(KeyError), pages_kept():
        raise KeyError
