"""`python -m thesis_lib`: a mistake is one Korean line and an exit code, and nothing is written."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from helpers import korean_sentence, tiny

from thesis_lib import NETWORKS, Experiment, doctor, load_records
from thesis_lib.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
MISTAKES = {
    "unknown arm": ["train", "--arm", "senett"],
    "unknown network": ["train", "--network", "resnet19"],
    "unknown data set": ["train", "--dataset", "nothing"],
    "unknown profile": ["train", "--profile", "profiles/none.yaml"],
    "unknown block": ["train", "--arm", "cbamm"],
    "unknown position": ["train", "--arm", "senet", "--options", "{at: middle}"],
    "reduction above the channels": ["train", "--arm", "senet", "--options", "{reduction: 17}"],
    "no stages": ["train", "--arm", "senet", "--options", "{stages: []}"],
    "a stage twice": ["train", "--options", "{attention_stages: [3, 3]}"],
    "wider groups": ["train", "--network", "resnext29", "--arm", "resnet_wide", "--options", "{widths: [9, 9, 9]}"],
    "heads that do not divide": ["train", "--options", "{num_heads: 3}"],
    "no epochs": ["train", "--epochs", "0"],
    "part of an epoch": ["train", "--epochs", "1.5"],
    "negative learning rate": ["train", "--learning-rate", "-0.1"],
    "negative learning rate, scientific": ["train", "--learning-rate=-1e-3"],
    "learning rate in words": ["train", "--learning-rate", "fast"],
    "seed not whole": ["train", "--seed", "1.5"],
    "seed in words": ["train", "--seed", "one"],
    "options no mapping": ["train", "--options", "[1"],
    "no value": ["train", "--epochs"],
    "unknown argument": ["train", "--epoch-count", "3"],
    "unknown device": ["train", "--device", "abacus"],
    "absent device": ["train", "--device", "cuda"],
    "threads not whole": ["train", "--threads", "x"],
    "no threads": ["train", "--threads", "0"],
    "threads beyond reason": ["train", "--threads", "99999999999"],
    "a limit that is empty": ["train", "--limit", ""],
    "limit without sense": ["train", "--limit", "soon"],
    "profile and settings": ["train", "--profile", "p.yaml", "--seed", "1"],
    "unknown command": ["teach"],
    "no command": [],
    "part of a name": ["train", "--weight", "0.1"],
    "keys of distillation": ["train", "--distillation", "{1: 2, method: [a]}"],
    "no teacher": ["train", "--distillation", "{method: soft_labels, teacher: null}"],
    "a temperature whose square overflows": [
        "train",
        "--distillation",
        "{method: soft_labels, teacher: x, temperature: 1.0e+200}",
    ],
    "not a number": ["train", "--arm", "senet", "--options", "{reduction: .nan}"],
    "a position without slots": ["train", "--network", "vgg16", "--arm", "senet", "--options", "{at: pre}"],
    "pictures beyond memory": ["train", "--image-size", "3000000"],
    "a run that is not there": ["verify", "nothing"],
    "a date that is none": ["train", "--seed", "2024-13-45"],
    "a value for a switch": ["train", "--restart=1"],
    "an arm beside itself": ["compare", "senet", "senet", "--results", str(ROOT / "results")],
    "nothing to compare": ["compare", "senet", "resnet"],
    "too many for records": ["records", "--arm", "senet"],
}


@pytest.mark.parametrize("arguments", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_korean_line(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = main(arguments)
    out, err = capsys.readouterr()
    assert code not in (0, None) and out == ""
    assert korean_sentence(err).startswith("오류: ") and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_from_outside(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "thesis_lib", "train", "--arm", "senett"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert "'senett'" in korean_sentence(done.stderr) and list(tmp_path.iterdir()) == []


def test_a_reader_that_has_enough_ends_it_quietly():
    command = [sys.executable, "-m", "thesis_lib", "records"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as told:
        told.stdout.close()  # as `| head` does
        assert told.stderr.read() == "" and told.wait() == 1


def arguments_of(experiment, pictures, results) -> list[str]:
    named = [f"--{k.replace('_', '-')}={v}" for k, v in experiment.config().items() if k != "options"]
    return ["train", *named, "--root", str(pictures), "--results", str(results), "--device", "cpu"]


def test_train_and_records(pictures, tmp_path, capsys):
    experiment = tiny(arm="senet", epochs=1, weight_decay=5e-5)  # argparse and YAML both trip over 5e-05
    assert main(arguments_of(experiment, pictures, tmp_path)) == 0
    assert experiment.id in capsys.readouterr().out
    assert list(load_records(tmp_path)["id"]) == [experiment.id]
    assert main(["records", "--results", str(tmp_path)]) == 0
    assert experiment.id in capsys.readouterr().out  # which `verify` asks for
    [record] = tmp_path.rglob("record.json")
    record.write_text("{}")
    assert main(["records", "--results", str(tmp_path)]) == 1
    assert str(record) in korean_sentence(capsys.readouterr().err)


def test_options_arrive(pictures, tmp_path):
    given = [*arguments_of(tiny(epochs=1), pictures, tmp_path), "--options", "{num_heads: 2, attention_stages: [2, 3]}"]
    assert main(given) == 0
    expected = tiny(epochs=1, options={"num_heads": 2, "attention_stages": [2, 3]})
    assert list(load_records(tmp_path)["id"]) == [expected.id]


@pytest.mark.parametrize("command", [[], ["train"], ["run"], ["verify"]])
def test_help_is_korean_and_tells_the_defaults(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0 and "쓰는 법:" in shown
    assert not re.search("usage|options:|positional|show this", shown)
    if command == ["train"]:
        assert all(f"--{field.name.replace('_', '-')} 값" in shown for field in fields(Experiment))
        assert "(기본: 0.0005)" in shown and "(기본: 없음)" in shown


def test_restart_trains_again(pictures, tmp_path, capsys):
    given = arguments_of(tiny(epochs=1), pictures, tmp_path)
    for extra, trained in (([], True), ([], False), (["--restart"], True)):
        assert main([*given, *extra]) == 0
        assert ("끝: " in capsys.readouterr().out) == trained


def test_results_that_cannot_be_written_to(pictures, tmp_path, capsys):
    (tmp_path / "results").touch()  # a file in the folder's place, which stops root too
    assert main(arguments_of(tiny(epochs=1), pictures, tmp_path / "results")) == 2
    assert "쓸 수 없다" in korean_sentence(capsys.readouterr().err)


def test_blocks_are_listed_with_their_costs_and_sources(capsys):
    from thesis_lib import BLOCKS

    assert main(["blocks", "--network", "resnet8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = {line.split()[0]: line for line in lines[2:]}
    assert set(listed) >= set(BLOCKS)
    assert listed["se"].split()[1:3] == ["1470", "1344"]  # r = 8: 2 C^2 / 8 weights, C + C / 8 biases, three stages
    assert "arXiv 1709.01507" in listed["se"]
    own = [name for name in listed if BLOCKS[name].__module__.startswith("thesis_lib.")]
    assert all(re.search(r"(19|20)\d\d|this thesis", listed[name]) for name in own)


def test_networks_are_listed_with_their_costs_and_sources(capsys):
    assert main(["networks"]) == 0
    text = capsys.readouterr().out
    listed = {line.split()[0]: line.split() for line in text.splitlines()[2:]}
    assert set(listed) == set(NETWORKS) and "클래스 열 개" in text
    assert "Hu" in listed["senet154_224"] and "Xie" in listed["resnext29"] and "Zagoruyko" in listed["wrn16_4"]
    assert listed["resnet20"][1:5] == ["32", "272474", "40813184", "9"]
    assert listed["resnet50_224"][1:3] == ["224", "23528522"] and "Chollet" in listed["xception"]
    assert all(any(re.search(r"(19|20)\d\d", word) for word in words[5:]) for words in listed.values())


def test_runs_with_other_options_and_teachers_are_no_seeds_of_an_arm(train_tiny, tmp_path, capsys):
    usual = [tiny(arm=arm, seed=seed) for arm in ("senet", "resnet") for seed in (0, 1)]
    records = [train_tiny(experiment, tmp_path) for experiment in usual]
    train_tiny(tiny(arm="senet", options={"squeeze": "max"}), tmp_path)
    train_tiny(tiny(arm="resnet", distillation={"method": "soft_labels", "teacher": records[0].id}), tmp_path)
    assert main(["compare", "senet", "resnet", "--results", str(tmp_path)]) == 0
    assert "시드 2개" in capsys.readouterr().out


def test_what_cannot_be_paired_is_not_compared(train_tiny, tmp_path, capsys):
    for arm, changes in (("senet", {}), ("resnet", {"label_smoothing": 0.2}), ("resnet", {"seed": 1})):
        train_tiny(tiny(arm=arm, epochs=1, **changes), tmp_path)
    assert main(["compare", "senet", "resnet", "--results", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "같은 설정과 시드로 학습한" in korean_sentence(err)


def test_a_changed_option_is_told_and_on_a_tie_the_usual_one_is_compared(train_tiny, tmp_path, capsys):
    for options in ({}, {"squeeze": "max"}):
        train_tiny(tiny(arm="senet", epochs=1, options=options), tmp_path)
    train_tiny(tiny(arm="resnet", epochs=1), tmp_path)
    assert main(["compare", "senet", "resnet", "--results", str(tmp_path)]) == 0
    assert "squeeze" not in capsys.readouterr().out
    train_tiny(tiny(arm="senet", epochs=1, seed=1, options={"squeeze": "max"}), tmp_path)
    train_tiny(tiny(arm="resnet", epochs=1, seed=1), tmp_path)
    assert main(["compare", "senet", "resnet", "--results", str(tmp_path)]) == 0
    assert 'SENet: {"squeeze": "max"}' in capsys.readouterr().out


def test_only_a_planned_comparison_is_corrected(capsys):
    for pair, planned in ((("resnet", "senet"), True), (("senet_self", "resnet"), False)):
        assert main(["compare", *pair, "--results", str(ROOT / "results")]) == 0
        out = capsys.readouterr().out
        assert (", 보정한 p" in out, ", 보정하지 않은 p" in out) == (planned, not planned)


def test_a_name_stays_as_it_was_typed(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--dataset", "2024_09"]) == 2  # a number to YAML
    assert "'2024_09'" in korean_sentence(capsys.readouterr().err)


def test_an_interrupt_outside_the_loop_is_told(monkeypatch, tmp_path, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("thesis_lib.records.load_records", interrupted)
    assert main(["records", "--results", str(tmp_path)]) == 130
    assert korean_sentence(capsys.readouterr().err) == "중단했다."


def test_the_doctor_finds_what_is_there_and_names_what_is_not(tmp_path, capsys, monkeypatch):
    assert main(["doctor", "--results", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11 and all(line.startswith("✓ ") for line in lines)
    monkeypatch.setattr(doctor, "PACKAGES", ("torch", "no_such_package"))
    monkeypatch.setattr(doctor, "FONT", tmp_path / "none.ttf")
    (tmp_path / "file").touch()
    assert main(["doctor", "--results", str(tmp_path / "file" / "results")]) == 1
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.startswith("✗ ")]
    assert [line.split(":")[0] for line in wrong] == ["✗ no_such_package", "✗ 한글 글꼴", "✗ 기록 폴더"]
