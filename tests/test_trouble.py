"""No space, no memory, no time: one sentence, and what was there stays there."""

import resource
import signal
import subprocess
import sys
import time

import pytest
import torch
from helpers import korean_sentence, tiny, train_command

from thesis_lib import Experiment, ThesisError
from thesis_lib.checkpoint import latest, save
from thesis_lib.errors import CannotGoOn, Stopped

SLOW = """
import sys, time
from thesis_lib import trainer
from thesis_lib.__main__ import main
trainer.CHECKPOINT_SECONDS = -1
rate = trainer.learning_rate

def slow(step, *rest):
    time.sleep({sleep} if step == 5 else 0)
    return rate(step, *rest)

trainer.learning_rate = slow
sys.exit(main(sys.argv[1:]))
"""


def test_a_step_that_never_ends_does_not_outlast_the_limit(pictures, tmp_path, train_tiny):
    command = [sys.executable, "-c", SLOW.format(sleep=600), *train_command(pictures, tmp_path), "--limit", "20s"]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert time.monotonic() - began < 60 and done.returncode == 0 and done.stderr == ""
    assert "시간 제한에 닿았다" in korean_sentence(done.stdout)
    kept = latest(tmp_path / "checkpoints" / tiny().id)
    assert kept and kept[1] == kept[1] | {"epoch": 1, "step": 1}
    resumed, whole = train_tiny(tiny(), tmp_path), train_tiny(tiny(), tmp_path / "whole")
    assert resumed.data["weights_sha256"] == whole.data["weights_sha256"]


@pytest.fixture
def no_space():
    """Files of this process can grow to 20 kB; beyond, writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_no_space_for_a_checkpoint(tmp_path, no_space):
    save(tmp_path, 1, {"model.a": torch.ones(5)}, {"step": 1})
    with pytest.raises(ThesisError, match="쓸 수 없다") as caught:
        save(tmp_path, 2, {"model.a": torch.ones(50_000)}, {"step": 2})
    korean_sentence(caught.value)
    assert latest(tmp_path)[1] == {"step": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000000001.json", "step-000000001.safetensors"]


def test_no_space_for_the_record(train_tiny, tmp_path, stop_at, request):
    """The weights of the finished run do not fit; when there is room again, nothing is trained anew."""
    stop_at(7)
    with pytest.raises(Stopped):
        train_tiny(tiny(), tmp_path)
    stop_at.never()
    request.getfixturevalue("no_space")
    with pytest.raises(ThesisError, match="쓸 수 없다") as caught:
        train_tiny(tiny(), tmp_path)
    korean_sentence(caught.value)
    assert not list(tmp_path.rglob("record.json"))
    assert latest(tmp_path / "checkpoints" / tiny().id)[1]["step"] == 3


def numpy_is_out():
    raise MemoryError


def card_is_out():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def too_much():
    return torch.empty(2**60)


@pytest.mark.parametrize("raises", [numpy_is_out, card_is_out, too_much])
def test_no_memory(raises, train_tiny, tmp_path, stop_at, monkeypatch):
    stop_at(3)
    with pytest.raises(Stopped):
        train_tiny(tiny(), tmp_path)
    stop_at.never()

    def spoilt(self, classes):
        model = build(self, classes)
        model.stem.register_forward_pre_hook(lambda *_: raises())
        return model

    build = Experiment.build
    with monkeypatch.context() as patch:
        patch.setattr(Experiment, "build", spoilt)
        with pytest.raises(CannotGoOn, match="메모리가 모자란다") as caught:  # other runs of a profile may be smaller
            train_tiny(tiny(), tmp_path)
    korean_sentence(caught.value)
    assert latest(tmp_path / "checkpoints" / tiny().id)[1]["step"] == 3
    assert train_tiny(tiny(), tmp_path).id == tiny().id


def test_what_a_gpu_cannot_do_deterministically_is_named(train_tiny, tmp_path, monkeypatch):
    def refused(*_, **__):  # as torch words it
        raise RuntimeError("max_pool_backward_cuda does not have a deterministic implementation, but you set ...")

    monkeypatch.setattr("thesis_lib.trainer.F.cross_entropy", refused)
    with pytest.raises(CannotGoOn, match="연산이 있다: max_pool_backward_cuda") as caught:
        train_tiny(tiny(), tmp_path)
    assert "--device cpu" in korean_sentence(caught.value) and not list(tmp_path.rglob("*.json"))


def test_another_fault_is_not_called_a_lack_of_memory(train_tiny, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr("thesis_lib.trainer.F.cross_entropy", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        train_tiny(tiny(), tmp_path)
