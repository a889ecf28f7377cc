"""Kernels that are copies of the building process: what happens in one stays there."""

import json
import subprocess
import sys

import parallel_pages
import pytest

BUILD = """
import sys, tempfile
import parallel_pages, ipykernel.kernelapp, nbclient, nbformat
from jupyter_client.provisioning import local_provisioner

marker = "set by the building process"
local_provisioner.launch_kernel = parallel_pages.ForkedKernel
cells = [nbformat.v4.new_code_cell(text) for text in sys.argv[1:]]
notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": ""}})
run = parallel_pages.over_files(tempfile.mkdtemp(), nbclient.execute)
for _ in range(2):
    run(notebook, cwd=tempfile.gettempdir())
    print("|".join(output["text"].strip() for cell in notebook.cells for output in cell.outputs))
"""
INTERRUPTED = """
import os, signal, sys, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted")
"""


def build(*cells: str) -> list[str]:
    """What the cells print, run twice."""
    folder = json.dumps(parallel_pages.__file__.rpartition("/")[0])
    script = f"import sys; sys.path.insert(0, {folder})\n{BUILD}"
    done = subprocess.run([sys.executable, "-c", script, *cells], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


@pytest.mark.skipif(not parallel_pages.FORKED, reason="forks on Linux alone")
def test_a_signal_to_a_kernel_does_not_reach_the_build():
    assert build(INTERRUPTED, "print('on')") == ["interrupted|on"] * 2


@pytest.mark.skipif(not parallel_pages.FORKED, reason="forks on Linux alone")
def test_what_is_imported_is_shared_and_what_is_set_is_not():
    told = build("import sys; print('ipykernel.kernelapp' in sys.modules, 'marker' in dir(), 'x' in dir())", "x = 1")
    assert told == ["True", "False", "False"] * 2
