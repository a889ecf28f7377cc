"""Checkpoints: whole or passed over by name; written whole or not at all."""

import hashlib
import json
import multiprocessing
import os
import pickle
import random
import stat
from pathlib import Path

import pytest
import torch
from helpers import EXACT, korean_sentence, tiny

from thesis_lib import ThesisError
from thesis_lib.checkpoint import latest, only_one, save, sealed, write_atomically
from thesis_lib.errors import Stopped

STATE = {"epoch": 3, "step": 5, "history": [{"epoch": 1, "train_loss": 0.5}], "seconds": [1.25]}


@pytest.fixture
def two(tmp_path):
    """A folder with the checkpoints of steps 10 and 20; the tensors say which is which."""
    for step in (10, 20):
        tensors = {"model.a": torch.full((6, 7), float(step)), "state.loss": torch.arange(step)}
        save(tmp_path, step, tensors, STATE | {"step": step})
    return tmp_path


def assert_the_older_is_used(folder) -> None:
    with pytest.warns(UserWarning, match=r"손상된 체크포인트를 건너뛴다: .*step-000000020\.json") as seen:
        tensors, state = latest(folder)
    assert len(seen) == 1
    assert state == STATE | {"step": 10}
    torch.testing.assert_close(tensors["model.a"], torch.full((6, 7), 10.0), **EXACT)


def test_the_newest_whole_one_is_used(two):
    tensors, state = latest(two)
    assert state["step"] == 20 and torch.equal(tensors["state.loss"], torch.arange(20))
    assert latest(two / "nothing") is None


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_every_flipped_bit_is_seen(two, suffix):
    path = two / f"step-000000020.{suffix}"
    whole, draw = path.read_bytes(), random.Random(5)
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        assert_the_older_is_used(two)
    path.write_bytes(whole)
    assert latest(two)[1]["step"] == 20


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_every_truncation_is_seen(two, suffix):
    path = two / f"step-000000020.{suffix}"
    whole = path.read_bytes()
    for length in sorted({0, 1, 7, 8, 9, len(whole) - 1, *random.Random(6).sample(range(len(whole)), 50)}):
        path.write_bytes(whole[:length])
        assert_the_older_is_used(two)


def test_a_missing_tensor_file_is_seen(two):
    (two / "step-000000020.safetensors").unlink()
    assert_the_older_is_used(two)


def test_a_manifest_of_another_form_is_seen(two):
    for content in ([], {}, {"manifest": {}, "seal": ""}, None, 3):
        (two / "step-000000020.json").write_text(json.dumps(content))
        assert_the_older_is_used(two)


class Harm:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_a_pickle_is_refused_and_does_not_run(two, tmp_path, suffix):
    harm = pickle.dumps(Harm(tmp_path / "harmed"))
    pickle.loads(harm)
    (tmp_path / "harmed").unlink()  # it works
    (two / f"step-000000020.{suffix}").write_bytes(harm)
    assert_the_older_is_used(two)
    assert not (tmp_path / "harmed").exists()


def test_a_sealed_pickle_is_refused_too(two, tmp_path):
    """Whoever can seal a manifest still cannot make us run code."""
    harm = pickle.dumps(Harm(tmp_path / "harmed"))
    (two / "step-000000020.safetensors").write_bytes(harm)
    manifest = {"sha256": hashlib.sha256(harm).hexdigest(), "state": STATE}
    (two / "step-000000020.json").write_bytes(sealed(manifest))
    assert_the_older_is_used(two)
    assert not (tmp_path / "harmed").exists()


def test_two_are_kept(two):
    save(two, 30, {"model.a": torch.zeros(1)}, STATE)
    assert sorted(p.name for p in two.glob("step-*")) == [
        f"step-0000000{step}.{suffix}" for step in (20, 30) for suffix in ("json", "safetensors")
    ]


def test_a_run_goes_on_from_the_one_before_a_damaged_one(train_tiny, tmp_path, stop_at):
    whole = train_tiny(tiny(), tmp_path / "whole")
    for step in (3, 3):
        stop_at(step)
        with pytest.raises(Stopped):
            train_tiny(tiny(), tmp_path / "hurt")
    stop_at.never()
    newest = tmp_path / "hurt" / "checkpoints" / tiny().id / "step-000000006.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 4
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match="step-000000006"):
        record = train_tiny(tiny(), tmp_path / "hurt")
    assert record.data["weights_sha256"] == whole.data["weights_sha256"]
    assert record.data["history"] == whole.data["history"]


def test_a_write_takes_the_old_files_place_and_touches_it_not(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with open(path, "rb") as reader:
        write_atomically(path, b"new and longer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fails(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("thesis_lib.checkpoint.os.fsync", fails)
    with pytest.raises(ThesisError, match="쓸 수 없다") as caught:
        write_atomically(path, b"new and longer")
    korean_sentence(caught.value)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_mount_that_syncs_no_folders_is_written_to(tmp_path, monkeypatch):
    sync = os.fsync

    def no_folders(number):
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(22, "Invalid argument")
        sync(number)

    monkeypatch.setattr("thesis_lib.checkpoint.os.fsync", no_folders)
    write_atomically(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_mount_without_locks_is_warned_of_and_used(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("thesis_lib.checkpoint.fcntl.flock", no_locks)
    entered = False
    with pytest.warns(UserWarning, match="잠글 수 없는 폴더이다") as seen, only_one(tmp_path / "run"):
        entered = True
    assert entered and korean_sentence(seen[0].message)


def test_two_processes_that_write_one_file_leave_it_whole(tmp_path):
    """Each under a temporary name of its own."""
    path, contents = tmp_path / "file", [bytes([letter]) * 2_000_000 for letter in b"abcd"]
    writers = [multiprocessing.get_context("fork").Process(target=write_often, args=(path, c)) for c in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert path.read_bytes() in contents and [p.name for p in tmp_path.iterdir()] == ["file"]


def write_often(path, content) -> None:
    for _ in range(10):
        write_atomically(path, content)
