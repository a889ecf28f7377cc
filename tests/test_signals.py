"""A killed process: SIGTERM and Ctrl-C save and say so; a second process is sent away."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import korean_sentence, tiny, train_command

from thesis_lib.errors import Busy

ROOT = Path(__file__).resolve().parents[1]
DRIVER = """
import sys, time
from thesis_lib.__main__ import main
from thesis_lib.environment import StopRequest

ask, asked = StopRequest.reason, []

def wait_before_the_third_step(self):
    asked.append(1)
    if len(asked) == 3:
        print("READY", flush=True)
        while not self.signal:
            time.sleep(0.01)
    return ask(self)

StopRequest.reason = wait_before_the_third_step
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def waiting(pictures, tmp_path):
    """A process that trains `tiny()` and waits before its third step."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *train_command(pictures, tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    first = process.stdout.readline()
    assert first == "READY\n", process.communicate()
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_run_goes_on_to_the_same_end(number, waiting, train_tiny, tmp_path):
    with pytest.raises(Busy, match="다른 프로세스") as caught:
        train_tiny(tiny(), tmp_path)
    korean_sentence(caught.value)
    waiting.send_signal(number)
    _, errors = waiting.communicate(timeout=60)
    assert waiting.returncode == 128 + number == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    assert "여기까지 저장했다" in korean_sentence(errors)
    assert (tmp_path / "checkpoints" / tiny().id / "step-000000002.json").exists()
    resumed, whole = train_tiny(tiny(), tmp_path), train_tiny(tiny(), tmp_path / "whole")
    assert resumed.data["weights_sha256"] == whole.data["weights_sha256"]
    assert resumed.data["history"] == whole.data["history"]


def test_a_lock_dies_with_its_process(waiting, train_tiny, tmp_path):
    waiting.kill()
    waiting.wait(timeout=60)
    assert train_tiny(tiny(), tmp_path).id == tiny().id
