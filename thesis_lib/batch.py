"""A notebook in batch, through papermill, and strict: what it does not know is refused before it starts."""

import ast
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from .data.load import refuse_unknown_data
from .errors import ThesisError, choose
from .experiment import Experiment


def notebook_parameters(path: Path) -> dict[str, object]:
    """Names and defaults of the cell tagged `parameters`."""
    from nbformat import ValidationError
    from papermill import inspect_notebook

    if not path.is_file():
        raise ThesisError(f"노트북이 없다: {path}.")
    try:
        found = inspect_notebook(str(path))
        return {name: ast.literal_eval(parameter["default"]) for name, parameter in found.items()}
    except (ValueError, KeyError, SyntaxError, AttributeError, ValidationError) as error:
        raise ThesisError(f"노트북의 매개변수를 읽을 수 없다: {path} ({error}). Jupyter에서 열어 저장하라.") from None


def refuse_ill_typed(given: dict[str, object], defaults: dict[str, object]) -> None:
    """Refuse unknown names, and values of another type than the default's (an int may stand for a float)."""
    for name, value in given.items():
        choose("노트북 매개변수", name, defaults)
        default = defaults[name]
        same = type(value) is type(default) or (type(default) is float and type(value) is int)
        if default is not None and not same:
            kind = type(default).__name__
            raise ThesisError(f"매개변수 {name}에 쓸 수 없는 값: {value!r}. {kind} 값이어야 한다(기본값: {default!r}).")


def run_notebook(notebook: str | Path, given: dict[str, object], output: str | Path | None = None) -> Path:
    """Execute `notebook` with parameters; return the executed copy.

    Where the notebook is one experiment, the experiment is made first, so that nonsense starts nothing. Raises
    ThesisError for a parameter it does not have, a wrong type or value, and a cell that failed."""
    notebook = Path(notebook)
    defaults = notebook_parameters(notebook)
    refuse_ill_typed(given, defaults)
    values = defaults | given
    names = {f.name for f in fields(Experiment)} & set(values)
    stem = notebook.stem
    if {"dataset", "network", "arm"} <= names:
        experiment = Experiment.of({name: values[name] for name in names})
        refuse_unknown_data(experiment.dataset, str(values.get("root", "data")))
        stem = experiment.id
    target = Path(output or Path(str(values.get("results", "results"))) / "notebooks" / f"{stem}.ipynb")
    execute(notebook, target, given)
    return target


def execute(notebook: Path, target: Path, given: dict[str, object]) -> None:
    """papermill, its kernel on private sockets (parallel starts race for TCP ports)."""
    from nbclient.exceptions import DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    unfinished = target.with_suffix(".unfinished.ipynb")
    try:
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
    except OSError as error:
        raise ThesisError(f"{target}에 쓸 수 없다({error.strerror}). 쓰기 권한을 확인하라.") from None
    with tempfile.TemporaryDirectory(dir="/tmp") as sockets:  # whose paths have to be short
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}})
        try:
            bar, quiet = sys.stderr.isatty(), ["--log-level=CRITICAL"]
            how = {"kernel_name": "python3", "progress_bar": bar, "config": config, "extra_arguments": quiet}
            execute_notebook(str(notebook), str(unfinished), parameters=given, **how)
            unfinished.replace(target)
        except PapermillExecutionError as error:
            if error.ename in ("ThesisError", *(kind.__name__ for kind in ThesisError.__subclasses__())):
                unfinished.unlink(missing_ok=True)
                raise ThesisError(error.evalue) from None
            raise ThesisError(
                f"노트북이 {error.exec_count}번째 셀에서 멈췄다: {error.ename}: {error.evalue}. "
                f"자세한 것은 {unfinished}에 있다."
            ) from None
        except DeadKernelError:
            raise ThesisError(f"커널이 죽었다: {notebook}. 메모리를 확인하라.") from None
