"""A committed run, trained again and held against its record."""

import shutil
import tempfile
from pathlib import Path

import pandas as pd
import torch

from .data import load
from .errors import Stopped, ThesisError
from .experiment import NUMERICS, Experiment
from .records import SETTINGS, Record, find_record, load_records, run_folder
from .trainer import train

SAME = ("torch", "numpy", "platform", "device", "threads", "cpu_capability", "cpu")  # what equality to the bit needs


def spread(record: Record, table: pd.DataFrame) -> tuple[str, float]:
    """Standard deviation of the test accuracy over the seeds of a run's arm in a table of records, percentage points,
    and its name. Where there is one seed, the binomial standard error of its accuracy over the test pictures."""
    same = [*SETTINGS, "arm", "options", "distillation"]
    own = table.loc[table["id"] == record.id, same].iloc[0]
    accuracies = table.loc[(table[same] == own).all(axis=1), "test_accuracy"]
    if len(accuracies) > 1:
        return "시드 사이 표준편차", float(accuracies.std())
    share = record.right.mean()
    return "시험 정확도의 표준오차(시드가 하나이다)", 100 * (share * (1 - share) / len(record.right)) ** 0.5


def verdict(record: Record, again: Record, kind: str, sd: float) -> tuple[bool, str]:
    """Whether a second run agrees with the first, and a Korean sentence that says by what it was judged.

    On the same machine and versions the hashes of weights and predictions must be equal; elsewhere the accuracies must
    lie within three times `spread`. Old records do not say their CPU, so theirs may be another."""
    names = [name for name in ("weights_sha256", "predictions_sha256") if record.data[name] != again.data[name]]
    if not names:
        return True, "맞는다: 가중치와 예측의 해시가 기록과 같다."
    then, now = record.data["environment"], again.data["environment"]
    if not (other := [name for name in SAME if then.get(name) != now[name]]):
        return False, f"맞지 않는다: 환경이 같은데 해시가 다르다({', '.join(names)})."
    gap = abs(again.test_accuracy - record.test_accuracy)
    told = "맞는다" if gap <= 3 * sd else "맞지 않는다"
    said = f"환경이 달라({', '.join(other)}) 비트가 아니라 정확도를 견주었다. 차이는 {gap:.2f} %p이고"
    return gap <= 3 * sd, f"{told}: {said} 한도는 {kind}의 세 배인 {3 * sd:.2f} %p이다."


def verify(run: str, results: str | Path = "results", **options) -> tuple[bool, str]:
    """Train the run of this id again, elsewhere and with the recorded number of threads, and compare. options: `root`,
    `device` and `show` of `train`. Raises ThesisError for a run that is not there or was made by other numerics."""
    if (record := find_record(results, run)) is None:
        raise ThesisError(f"기록이 없다: {run}. 있는 기록은 'python -m thesis_lib records'로 본다.")
    if record.data["numerics"] != NUMERICS:
        raise ThesisError(f"이 기록은 다른 버전의 계산으로 만들었다: {run}. 그 버전의 코드에서 확인하라.")
    experiment, threads = Experiment.of(record.data["experiment"]), torch.get_num_threads()
    if experiment.id != record.id:
        raise ThesisError(f"블록의 코드가 이 기록을 만든 뒤에 바뀌었다: {run}. 그때의 코드에서 확인하라.")
    record.refuse_other(load(experiment.dataset, options.get("root", "data"), experiment.image_size).checksum)
    torch.set_num_threads(int(str(record.data["environment"]["threads"]).split(", ")[-1]))
    try:
        with tempfile.TemporaryDirectory() as elsewhere:
            taught = record.data["experiment"].get("distillation", {})
            if taught and (teacher := run_folder(results, taught["teacher"])).is_dir():
                shutil.copytree(teacher, run_folder(elsewhere, teacher.name))
            again = train(experiment, elsewhere, **options)
            return verdict(record, again, *spread(record, load_records(results)))
    except Stopped as stopped:
        raise ThesisError("중단했다. 확인은 저장되지 않으므로 처음부터 다시 하라.") from stopped
    finally:
        torch.set_num_threads(threads)
