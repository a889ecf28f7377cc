"""A profile: a grid of experiments in the order of seeds, trained within a time limit, and gone on with."""

from contextlib import nullcontext
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest
import yaml
from helpers import korean_sentence, tiny

from thesis_lib import ThesisError, load_records
from thesis_lib.__main__ import main
from thesis_lib.errors import Stopped
from thesis_lib.profiles import missing, parse_limit, read_profile, train_missing
from thesis_lib.records import DIVERGED, diverged

PROFILES = sorted((Path(__file__).resolve().parents[1] / "profiles").glob("*.yaml"))
GRID = """
runs:
  - {dataset: tiny, network: resnet8, image_size: 8, batch_size: 8, epochs: 1, arm: [resnet, senet], seed: [1, 0]}
  - {dataset: tiny, network: resnet8, image_size: 8, batch_size: 8, epochs: 1, arm: senet, seed: 0}
"""


@pytest.fixture
def profile(tmp_path):
    path = tmp_path / "profile.yaml"
    path.write_text(GRID, encoding="utf-8")
    return path


def test_order_is_by_seed_and_duplicates_are_removed(profile):
    found = [(e.seed, e.arm) for e in read_profile(profile)]
    assert found == [(0, "resnet"), (0, "senet"), (1, "resnet"), (1, "senet")]


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_the_projects_own_profiles_can_be_read(path):
    experiments = read_profile(path)
    grids = [
        [v if isinstance(v, list) else [v] for v in run.values()] for run in yaml.safe_load(path.read_text())["runs"]
    ]
    assert (
        len(experiments) == sum(prod(map(len, grid)) for grid in grids) > 0
    )  # no entry is empty or says one run twice
    assert [e.seed for e in experiments] == sorted(e.seed for e in experiments)


@pytest.mark.parametrize(
    "text",
    [
        *("", "runs:", "runs: []", "runs: 3", "runs: [3]", "[1, 2]", "a: {", "\udcff"),
        *("runs: [{arm: senett}]", "runs: [{epoch: 3}]", "runs: [{epochs: 0}]", "runs: [{1: 2}]"),
        "runs: [{arm: senet}, {seed: []}]",
        *("runs: [{seed: 0, seed: 1}]", "epochs: 3\nruns: [{arm: senet}]", "runs: [{seed: 2024-02-30}]"),
    ],
    ids=repr,
)
def test_nonsense_is_refused(text, tmp_path):
    path = tmp_path / "profile.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ThesisError) as caught:
        read_profile(path)
    korean_sentence(caught.value)


def test_a_number_may_have_an_exponent(tmp_path):
    path = tmp_path / "profile.yaml"
    path.write_text("runs: [{learning_rate: [1e-3, 2.5E-1, 1e+0], arm: senet}]", encoding="utf-8")
    assert [experiment.learning_rate for experiment in read_profile(path)] == [0.001, 0.25, 1.0]


def test_a_missing_profile_names_those_that_are_there(profile):
    with pytest.raises(ThesisError, match=r"other\.yaml.*profile\.yaml"):
        read_profile(profile.with_name("other.yaml"))


def test_a_profiles_bare_name_is_answered_with_its_path(monkeypatch):
    monkeypatch.chdir(PROFILES[0].parents[1])
    with pytest.raises(ThesisError, match=r"있는 파일: profiles/.*profiles/cpu\.yaml"):
        read_profile("cpu")


def command(profile, pictures, results, *more) -> list[str]:
    places = ["--profile", str(profile), "--root", str(pictures), "--results", str(results)]
    return ["train", *places, "--device", "cpu", *more]


def test_a_limit_stops_cleanly_and_the_same_command_goes_on(profile, pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("thesis_lib.environment.over_before", nullcontext)  # it would end this process if it is slow
    results = tmp_path / "results"
    assert main(command(profile, pictures, results, "--limit", "3s")) == 0  # no more than is kept for saving
    out, err = capsys.readouterr()
    assert "시간 제한에 닿았다" in out and "4개 가운데 0개" in out and err == ""
    assert len(list(results.rglob("step-*.json"))) == 1 and len(load_records(results)) == 0
    assert main(command(profile, pictures, results, "--limit", "2h")) == 0
    out, err = capsys.readouterr()
    assert "4개 가운데 4개" in out and err == ""
    assert set(load_records(results)["id"]) == {e.id for e in read_profile(profile)}
    assert main(command(profile, pictures, results)) == 0
    assert "끝: " not in capsys.readouterr().out


def test_what_is_missing_is_trained_and_a_damaged_record_counts_as_missing(profile, pictures, tmp_path):
    experiments = read_profile(profile)[:2]
    assert train_missing(experiments, tmp_path, root=pictures, device="cpu", show=False) == []
    [damaged] = tmp_path.glob("runs/*-senet-*/record.json")
    damaged.write_text("{}")
    assert missing(experiments, tmp_path) == [experiments[1]]
    with pytest.raises(ThesisError, match="실행 1개가 실패했다"):
        train_missing(experiments, tmp_path, root=pictures, device="cpu", show=False)
    damaged.unlink()
    assert train_missing(experiments, tmp_path, root=pictures, device="cpu", show=False) == []


def test_a_run_that_cannot_go_on_does_not_keep_the_others_from_it(pictures, profile, tmp_path, capsys):
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace("arm: senet,", "arm: senet, learning_rate: 1.0e+30,"), encoding="utf-8")
    assert main(command(profile, pictures, tmp_path / "results")) == 2
    out, err = capsys.readouterr()
    assert out.count("끝: ") == 4 and "걸음. learning_rate를 낮추라" in err
    assert korean_sentence(err.splitlines()[-1]).startswith("오류: 실행 1개가 실패했다.")
    assert main(command(profile, pictures, tmp_path / "results")) == 0  # it would diverge again: named, passed over
    out, err = capsys.readouterr()
    assert (
        "끝: " not in out
        and out.count("발산한 실행(--restart로 다시 한다): ") == 1
        and "5개 가운데 4개에 기록이 있다" in out
    )
    [lost] = diverged(tmp_path / "results", [e.id for e in read_profile(profile)]).items()
    assert "-senet-" in lost[0] and "손실이 유한하지 않다" in lost[1]


def test_a_run_that_has_its_record_is_not_called_diverged(train_tiny, tmp_path):
    lost = tiny(learning_rate=1e30)
    with pytest.raises(ThesisError, match="유한하지 않다"):
        train_tiny(lost, tmp_path)
    note = tmp_path / "runs" / lost.id / DIVERGED
    kept, found = note.read_bytes(), tmp_path / "runs" / tiny().id
    found.mkdir(parents=True)
    (found / DIVERGED).write_bytes(kept.replace(lost.id.encode(), tiny().id.encode()))
    train_tiny(tiny(), tmp_path, resume=False)
    assert note.exists() and not (found / DIVERGED).exists()


def test_a_diverged_run_that_is_begun_anew_and_stopped_is_gone_on_with(train_tiny, tmp_path, stop_at):
    lost = tiny(learning_rate=1e30)
    with pytest.raises(ThesisError, match="유한하지 않다"):
        train_tiny(lost, tmp_path)
    stop_at(0)
    with pytest.raises(Stopped):
        train_tiny(lost, tmp_path, resume=False)
    assert diverged(tmp_path, [lost.id]) == {}


@pytest.mark.parametrize("seed", ["010", "1:30", "0x10", "1_000"])
def test_what_looks_like_no_decimal_number_is_none(seed, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(f"runs: [{{seed: {seed}}}]", encoding="utf-8")
    with pytest.raises(ThesisError, match="seed에 쓸 수 없는 값") as caught:
        read_profile(path)
    assert seed in korean_sentence(caught.value)


def test_a_restart_of_a_profile_that_is_stopped_says_that_old_records_are_left(
    profile, pictures, tmp_path, capsys, stop_at
):
    assert main(command(profile, pictures, tmp_path / "results")) == 0
    capsys.readouterr()
    stop_at(2)
    assert main(command(profile, pictures, tmp_path / "results", "--restart")) == 1
    assert "전의 기록이 그대로 있다" in capsys.readouterr().err and len(load_records(tmp_path / "results")) == 3


def test_a_run_of_another_process_is_left_to_it(pictures, tmp_path, profile, capsys):
    from thesis_lib.checkpoint import only_one

    experiments = read_profile(profile)[:2]
    with only_one(tmp_path / "checkpoints" / experiments[0].id):
        left = train_missing(experiments, tmp_path, root=pictures, device="cpu", show=False)
    assert f"다른 프로세스가 같은 실험을 하고 있다: {experiments[0].id}" in capsys.readouterr().out
    assert left == [experiments[0]] and list(load_records(tmp_path)["id"]) == [experiments[1].id]


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("165m", 9900), ("2h", 7200), ("0.5h", 1800)])
def test_limits(text, seconds):
    assert parse_limit(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "0", "-1m", "2d", "nan", "inf", "1e30h"])
def test_limits_without_sense(text):
    with pytest.raises(ThesisError, match="시간 제한"):
        parse_limit(text)


def test_tiny_is_what_the_profile_says(profile):
    same = replace(tiny(arm="resnet", epochs=1), learning_rate=0.2)
    assert same.id in {e.id for e in read_profile(profile)}
