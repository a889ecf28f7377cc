"""Snakemake drives a profile through papermill, runs only what is missing, and goes on after a kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from thesis_lib.profiles import read_profile

ROOT = Path(__file__).resolve().parents[1]
PROFILE = """
runs:
  - {dataset: tiny, network: resnet8, arm: [resnet, senet], seed: [0], epochs: EPOCHS, batch_size: 10, image_size: 8}
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
    (work / "profiles" / "tiny.yaml").write_text(PROFILE.replace("EPOCHS", "400"))
    running = subprocess.Popen(
        command(),
        cwd=work,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    started = time.monotonic()
    while not list(work.glob("results/checkpoints/*/lock")) and time.monotonic() - started < 120:
        time.sleep(0.2)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not list(work.glob("results/runs/*/record.json"))

    (work / "profiles" / "tiny.yaml").write_text(PROFILE.replace("EPOCHS", "1"))
    snakemake(work, "--unlock")
    code, text = snakemake(work)
    assert code == 0, text
    records = sorted(work.glob("results/runs/*/record.json"))
    assert [r.parent.name for r in records] == sorted(e.id for e in read_profile(work / "profiles" / "tiny.yaml"))

    times = [r.stat().st_mtime_ns for r in records]
    code, text = snakemake(work)
    assert code == 0 and [r.stat().st_mtime_ns for r in records] == times

    shutil.rmtree(records[0].parent)
    assert snakemake(work)[0] == 0
    assert records[0].exists() and records[1].stat().st_mtime_ns == times[1]


def test_an_unknown_profile_is_one_sentence(work):
    code, text = snakemake(work)
    assert code != 0
    assert "프로필 파일이 없다" in text and "Traceback" not in text
