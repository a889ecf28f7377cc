"""Snakemake drives a profile through papermill, runs only what is missing, and goes on after a kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from thesis_lib import train
from thesis_lib.profiles import read_profile

ROOT = Path(__file__).resolve().parents[1]
PROFILE = """
runs:
  - {dataset: tiny, network: resnet8, arm: resnet, epochs: 1, batch_size: 10, image_size: 8}
  - {dataset: tiny, network: resnet8, arm: senet, epochs: EPOCHS, batch_size: 10, image_size: 8}
"""


@pytest.fixture
def work(tmp_path, pictures):
    """A folder with what Snakemake reads; a profile `tiny` of two runs."""
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    for part in ("thesis_lib", "book"):
        (tmp_path / part).symlink_to(ROOT / part)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    (tmp_path / "data").symlink_to(pictures)
    return tmp_path


def command(*extra):
    start = [str(Path(sys.executable).with_name("snakemake")), "--cores", "1"]
    return [*start, *extra, "--config", "profile=tiny"]


def environment():
    return os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def snakemake(work, *extra):
    done = subprocess.run(command(*extra), cwd=work, env=environment(), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_only_the_missing_runs_and_on_after_a_kill(work):
    profile = work / "profiles" / "tiny.yaml"
    profile.write_text(PROFILE.replace("EPOCHS", "400"))
    there, long = read_profile(profile)
    kept = train(there, work / "results", root=work / "data", device="cpu", show=False).folder / "record.json"
    before = kept.stat().st_mtime_ns
    running = subprocess.Popen(
        command(),
        cwd=work,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    lock, started = work / "results" / "checkpoints" / long.id / "lock", time.monotonic()
    while not lock.exists() and time.monotonic() - started < 120:
        time.sleep(0.2)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert lock.exists() and list(work.glob("results/runs/*/record.json")) == [kept]

    profile.write_text(PROFILE.replace("EPOCHS", "1"))
    snakemake(work, "--unlock")
    code, text = snakemake(work)
    assert code == 0, text
    records = [work / "results" / "runs" / experiment.id / "record.json" for experiment in read_profile(profile)]
    times = [record.stat().st_mtime_ns for record in records]
    assert records[0] == kept and times[0] == before
    code, text = snakemake(work)
    assert code == 0 and [record.stat().st_mtime_ns for record in records] == times


def test_an_unknown_profile_is_one_sentence(work):
    code, text = snakemake(work)
    assert code != 0
    assert "프로필 파일이 없다" in text and "Traceback" not in text
