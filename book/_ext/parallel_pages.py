"""Run the cells of several pages at once, each page on its own kernel."""

from __future__ import annotations

import os
import tempfile
from itertools import count

from jupyter_cache.executors import utils
from sphinx.util.parallel import parallel_available
from traitlets.config import Config

number = count()


def over_files(sockets: str, execute):
    """Execution whose kernels talk over sockets in a folder: two that start at once may pick the same TCP port."""

    def run(notebook, **options):
        place = f"{sockets}/{os.getpid()}-{next(number)}"
        return execute(notebook, config=Config({"KernelManager": {"transport": "ipc", "ip": place}}), **options)

    return run


def in_parallel(app):
    if not parallel_available:
        return
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True  # it works after reading, and does not say
    app.parallel = min(8, 2 * (os.cpu_count() or 1))  # small batches, since some pages take much longer than others
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # several threads in each kernel would wait for one another
    app.kernel_sockets = tempfile.TemporaryDirectory()
    utils.executenb = over_files(app.kernel_sockets.name, utils.executenb)


def setup(app):
    app.connect("builder-inited", in_parallel)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
