"""Fixtures of the library's tests. All of them run on one CPU thread, with pictures of a few pixels."""

import os

import pytest
import torch
from helpers import write_pictures
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None, database=None, max_examples=80)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Bit equality holds for one thread count; subprocesses of the tests take the same."""
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    yield


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """The root of a data folder with the data set `tiny`: two classes, 40 + 20 pictures of 8 x 8."""
    root = tmp_path_factory.mktemp("data")
    write_pictures(root / "tiny")
    return root


@pytest.fixture
def train_tiny(pictures):
    """`train` on the pictures of the fixture, on the CPU and without a bar."""
    from thesis_lib import train

    def run(experiment, results, **options):
        return train(experiment, results, root=pictures, device="cpu", show=False, **options)

    return run


@pytest.fixture
def stop_at(monkeypatch):
    """`stop_at(n)`: the next training stops before its n-th step (counted from 0), as on a signal."""
    from thesis_lib import trainer
    from thesis_lib.errors import Stopped

    def plan(step):
        class StopBefore(trainer.StopRequest):
            asked_times = 0

            def reason(self):
                self.asked_times += 1
                return Stopped("시험이 멈추었다.", 1) if self.asked_times > step else None

        monkeypatch.setattr(trainer, "StopRequest", StopBefore)

    def never():
        monkeypatch.undo()

    plan.never = never
    return plan
