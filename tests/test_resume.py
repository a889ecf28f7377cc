"""A run that was stopped and resumed equals the uninterrupted one to the bit."""

import time

import pytest
import torch
from helpers import EXACT, korean_sentence, tiny
from safetensors.torch import load_file

from thesis_lib import trainer
from thesis_lib.environment import describe
from thesis_lib.errors import Stopped

OUTSIDE = ("time", "environment", "seal")  # wall-clock and machine, and the hash over them


def comparable(record) -> dict:
    return {key: value for key, value in record.data.items() if key not in OUTSIDE}


def assert_equal_to_the_bit(one, other) -> None:
    assert comparable(one) == comparable(other)
    for name in ("weights.safetensors", "predictions.npz"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes(), name
    first, second = (load_file(r.folder / "weights.safetensors") for r in (one, other))
    torch.testing.assert_close(first, second, **EXACT)


@pytest.fixture(scope="module")
def uninterrupted(pictures, tmp_path_factory):
    from thesis_lib import train

    return train(tiny(), tmp_path_factory.mktemp("whole"), root=pictures, device="cpu", show=False)


@pytest.mark.parametrize("step", [0, 1, 3, 4, 6, 7], ids="before step {}".format)
def test_stopped_once(step, train_tiny, tmp_path, stop_at, uninterrupted):
    stop_at(step)
    with pytest.raises(Stopped):
        train_tiny(tiny(), tmp_path)
    assert (tmp_path / "checkpoints" / tiny().id / f"step-{step:09d}.json").exists()
    assert not list(tmp_path.rglob("record.json"))
    stop_at.never()
    assert_equal_to_the_bit(train_tiny(tiny(), tmp_path), uninterrupted)


def test_stopped_after_every_step(train_tiny, tmp_path, stop_at, uninterrupted):
    for _ in range(7):  # the eighth goes through
        stop_at(1)
        with pytest.raises(Stopped):
            train_tiny(tiny(), tmp_path)
    stop_at.never()
    assert_equal_to_the_bit(train_tiny(tiny(), tmp_path), uninterrupted)


@pytest.mark.parametrize("arm", ["senet", "senet_self"])
def test_momentum_and_all_other_state_at_a_later_stop(arm, train_tiny, tmp_path, stop_at):
    for results, stops in (("straight", [6]), ("broken", [3, 3])):
        for step in stops:
            stop_at(step)
            with pytest.raises(Stopped):
                train_tiny(tiny(arm=arm), tmp_path / results)
    name = f"checkpoints/{tiny(arm=arm).id}/step-000000006.safetensors"
    straight, broken = (load_file(tmp_path / results / name) for results in ("straight", "broken"))
    momentum = [key for key in straight if key.startswith("momentum.")]
    assert len(momentum) == len(list(tiny(arm=arm).build(2).parameters()))
    assert all(straight[key].any() for key in momentum if "norm" in key)
    assert straight.keys() == broken.keys()
    torch.testing.assert_close(broken, straight, **EXACT)


def test_checkpoint_at_every_step_changes_nothing(train_tiny, tmp_path, monkeypatch, uninterrupted):
    monkeypatch.setattr("thesis_lib.trainer.CHECKPOINT_SECONDS", -1)
    assert_equal_to_the_bit(train_tiny(tiny(), tmp_path), uninterrupted)


def test_deadline_stops_in_good_order(train_tiny, tmp_path, uninterrupted):
    with pytest.raises(Stopped) as caught:
        train_tiny(tiny(), tmp_path, deadline=time.monotonic())
    assert caught.value.status == 0 and "시간 제한" in korean_sentence(caught.value)
    assert_equal_to_the_bit(train_tiny(tiny(), tmp_path), uninterrupted)


def test_restart_takes_nothing_from_before(train_tiny, tmp_path, stop_at, uninterrupted):
    """Old checkpoints, with a higher step than the new ones, must not come back."""
    stop_at(6)
    with pytest.raises(Stopped):
        train_tiny(tiny(), tmp_path)
    stop_at(2)
    with pytest.raises(Stopped):
        train_tiny(tiny(), tmp_path, resume=False)
    kept = [path.name for path in tmp_path.rglob("step-*.json")]
    assert kept == ["step-000000002.json"]
    stop_at.never()
    assert_equal_to_the_bit(train_tiny(tiny(), tmp_path), uninterrupted)
    again = train_tiny(tiny(), tmp_path, resume=False)
    assert_equal_to_the_bit(again, uninterrupted)


def test_a_run_that_moved_names_every_place(train_tiny, tmp_path, stop_at, monkeypatch):
    for threads, step in ((1, 2), (8, 2), (1, 2)):
        stop_at(step)
        monkeypatch.setattr(trainer, "describe", lambda device, threads=threads: {"threads": threads, "torch": "2"})
        with pytest.raises(Stopped):
            train_tiny(tiny(), tmp_path)
    stop_at.never()
    found = train_tiny(tiny(), tmp_path).data["environment"]
    assert found["threads"] == "1, 8" and found["torch"].startswith("2, ") and found["device"] == "CPU"
    alone = train_tiny(tiny(), tmp_path / "alone").data["environment"]
    assert alone == describe(torch.device("cpu"))


def test_a_signal_in_the_last_step_stops_too(train_tiny, tmp_path, monkeypatch, uninterrupted):
    class Late(trainer.StopRequest):
        asked_times = 0

        def reason(self):
            self.asked_times += 1
            found = super().reason()
            self.signal = 2 if self.asked_times == 8 else self.signal  # while the last step is under way
            return found

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "StopRequest", Late)
        with pytest.raises(Stopped) as caught:
            train_tiny(tiny(), tmp_path)
    assert caught.value.status == 130 and not list(tmp_path.rglob("record.json"))
    assert_equal_to_the_bit(train_tiny(tiny(), tmp_path), uninterrupted)
