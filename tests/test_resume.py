"""A run that was stopped and resumed equals the uninterrupted one to the bit."""

import time

import pytest
import torch
from helpers import EXACT, korean_sentence, tiny
from safetensors.torch import load_file

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
