"""What to run, as a readable file: a profile becomes a list of experiments."""

import re
import sys
from itertools import product
from pathlib import Path

import yaml

from .data import may_change
from .errors import Busy, CannotGoOn, Stopped, ThesisError, choose
from .experiment import Experiment
from .records import diverged, records_by_id


class Loader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number, 010 and 1:30 are none, and a name stands once."""

    def construct_mapping(self, node, deep=False):
        if len({str(key.value) for key, _ in node.value}) < len(node.value):
            raise yaml.YAMLError
        return super().construct_mapping(node, deep)


Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"-?\d+(\.\d*)?[eE][-+]?\d+$"), [*"-0123456789"])
whole = lambda _, node: int(node.value) if re.fullmatch(r"-?(0|[1-9]\d*)", node.value) else node.value  # noqa: E731
Loader.add_constructor("tag:yaml.org,2002:int", whole)


def read_profile(path: str | Path) -> list[Experiment]:
    """The experiments of a profile, in order of seeds, so that an unfinished batch is still paired.

    A profile is YAML: `runs`, a list of entries; in an entry a list of values stands for one run each. Raises
    ThesisError for a missing file, a wrong form, or an experiment that cannot be run."""
    path = Path(path)
    if not path.is_file():
        beside = {*path.parent.glob("[!.]*.yaml"), *Path("profiles").glob("*.yaml")}
        known = ", ".join(sorted(map(str, beside))) or "없음"
        raise ThesisError(f"프로필 파일이 없다: {path}. 있는 파일: {known}.")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader)
        entries = content["runs" if list(content) == ["runs"] else None]
        grids = [{k: v if isinstance(v, list) else [v] for k, v in entry.items()} for entry in entries]
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError):
        told = "'runs:' 하나 아래에 실험을 목록으로, 실험마다 이름은 한 번씩만 적으라"
        raise ThesisError(f"프로필을 읽을 수 없다: {path}. {told}.") from None
    experiments = [Experiment.of(dict(zip(grid, v, strict=True))) for grid in grids for v in product(*grid.values())]
    if not experiments or [] in (values for grid in grids for values in grid.values()):
        raise ThesisError(f"프로필에 실험이 없거나 빈 목록이 있다: {path}.")
    unique = {experiment.id: experiment for experiment in experiments}
    return sorted(unique.values(), key=lambda experiment: experiment.seed)


def missing(experiments: list[Experiment], results: str | Path) -> list[Experiment]:
    """Those that have no whole record yet."""
    finished = records_by_id(results, [experiment.id for experiment in experiments])
    return [experiment for experiment in experiments if experiment.id not in finished]


def train_missing(experiments: list[Experiment], results: str | Path, **options) -> list[Experiment]:
    """Train what is missing, one after another; skip what another process has. Returns what is left. A run that cannot
    go on is named and passed over, with ThesisError at the end; one that diverged before is too."""
    from .trainer import train

    failed, resume = 0, options.get("resume", True)
    lost = diverged(results, [experiment.id for experiment in experiments]) if resume else {}
    left = {experiment.id for experiment in missing(experiments, results)}
    for experiment in experiments:
        if resume and experiment.id not in left and not may_change(experiment.dataset, options.get("root", "data")):
            continue  # else `train` asks whether they have
        if experiment.id in lost:  # and would again
            print(f"발산한 실행(--restart로 다시 한다): {experiment.id}  {lost[experiment.id]}", flush=True)
            continue
        try:
            record = train(experiment, results, **options)
            if not resume or experiment.id in left:
                print(f"끝: {record.id}  시험 정확도 {record.test_accuracy:.2f} %", flush=True)
        except Busy as other:
            print(other, flush=True)
        except CannotGoOn as error:
            print(f"실패: {experiment.id}  {error}", file=sys.stderr, flush=True)
            failed += 1
        except Stopped as stopped:
            if not resume:
                print("--restart가 아직 닿지 않은 실행에는 전의 기록이 그대로 있다.", file=sys.stderr, flush=True)
            if stopped.status:
                raise
            print(stopped, flush=True)
            break
    if failed:
        raise ThesisError(f"실행 {failed}개가 실패했다. 위에 적힌 까닭을 없애고 같은 명령을 다시 실행하라.")
    return missing(experiments, results)


def parse_limit(text: str) -> float:
    """Seconds in "165m", "2h", "90s" or "90"."""
    if not re.fullmatch(r"\d{1,6}(\.\d+)?[smh]?", text) or not float(text.rstrip("smh")):
        choose("시간 제한", text, ["90s", "165m", "2h"])
    return float(text.rstrip("smh")) * {"m": 60, "h": 3600}.get(text[-1], 1)
