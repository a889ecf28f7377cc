"""Run the cells of several pages at once, each page on its own kernel.

Most of a kernel's start goes into importing torch, pandas and matplotlib. Where a process can be forked
safely (Linux), they are imported once, and each kernel is a copy of this process that has them already.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import tempfile
from importlib import import_module
from itertools import count
from pathlib import Path

from jupyter_cache.executors import utils
from jupyter_client.provisioning import local_provisioner
from sphinx import builders
from sphinx.util.parallel import parallel_available
from traitlets.config import Config

SHARED = ("ipykernel.kernelapp", "thesis_book.map_tables", "thesis_book.map_figures", "thesis_book.figures")
FEW = 3  # pages that import sooner by themselves
FORKED = parallel_available and sys.platform == "linux"
places = count()


def over_files(sockets: str, execute):
    """Execution whose kernels talk over sockets in a folder: two that start at once may pick the same TCP port."""

    def run(notebook, **options):
        place = f"{sockets}/{os.getpid()}-{next(places)}"
        return execute(notebook, config=Config({"KernelManager": {"transport": "ipc", "ip": place}}), **options)

    return run


class ForkedKernel(multiprocessing.get_context("fork" if FORKED else None).Process):
    """A kernel in a copy of this process, with what a kernel manager asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, command, env, cwd, **_):
        super().__init__()
        self.connection = command[command.index("-f") :]
        self.environment, self.folder = env, cwd
        self.start()
        os.setpgid(self.pid, self.pid)  # a kernel is stopped with its group, which must not be Sphinx's

    def run(self):
        from ipykernel.kernelapp import IPKernelApp

        signal.set_wakeup_fd(-1)  # copied too: what this process is told would wake the one that it came from
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.environ.update(self.environment)
        os.chdir(self.folder)
        asyncio.set_event_loop(asyncio.new_event_loop())  # the copied one is at work in the process it came from
        IPKernelApp.launch_instance([*self.connection, f"--IPKernelApp.parent_handle={os.getppid()}"])

    def poll(self):
        return self.exitcode

    def wait(self):
        self.join()
        return self.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)


def import_once(app, env, pages):
    if FORKED and len(pages) > FEW:
        root = Path(app.srcdir).parent
        sys.path[:0] = [str(root), str(root / "book")]
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as in any kernel
        for name in SHARED:
            import_module(name)
        local_provisioner.launch_kernel = ForkedKernel


def in_parallel(app):
    if not parallel_available:
        return
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True  # it works after reading, and does not say
    app.parallel = min(8, 1 + (os.cpu_count() or 1))  # one more, since a page also waits for its kernel
    builders.make_chunks = lambda pages, _: [[page] for page in pages]  # in batches, one slow page would hold up others
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # several threads in each kernel would wait for one another
    app.kernel_sockets = tempfile.TemporaryDirectory(dir="/tmp")  # whose paths have to be short
    utils.executenb = over_files(app.kernel_sockets.name, utils.executenb)


def setup(app):
    app.connect("builder-inited", in_parallel)
    app.connect("env-before-read-docs", import_once)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
