"""`verify`: a run trained again agrees with its record, and a record that is not true does not."""

import json

import pytest
import torch
from helpers import korean_sentence, tiny

from thesis_lib import ThesisError
from thesis_lib.__main__ import main
from thesis_lib.records import Record, find_record, load_records, sealed
from thesis_lib.verification import spread, verdict, verify


@pytest.fixture
def results(train_tiny, tmp_path):
    for seed in range(3):
        train_tiny(tiny(epochs=1, arm="senet", seed=seed), tmp_path / "results")
    return tmp_path / "results"


RUN = tiny(epochs=1, arm="senet").id


def verify_command(results, pictures, run=RUN) -> int:
    return main(["verify", run, "--results", str(results), "--root", str(pictures), "--device", "cpu"])


def rewrite(results, change) -> None:
    """A false record, sealed as a true one."""
    path = results / "runs" / RUN / "record.json"
    data = json.loads(path.read_text())
    change(data)
    data.pop("seal")
    path.write_bytes(sealed(data))


def test_a_true_record_agrees_to_the_bit(results, pictures, capsys):
    before = find_record(results, RUN).data
    assert verify_command(results, pictures) == 0
    assert korean_sentence(capsys.readouterr().out).endswith("맞는다: 가중치와 예측의 해시가 기록과 같다.")
    assert find_record(results, RUN).data == before and len(list(results.glob("runs/*"))) == 3


def test_a_false_record_does_not_agree(results, pictures, capsys):
    rewrite(results, lambda data: data.update(weights_sha256="0" * 64))
    assert verify_command(results, pictures) == 1
    assert "맞지 않는다: 환경이 같은데 해시가 다르다(weights_sha256)" in korean_sentence(capsys.readouterr().out)


def elsewhere(data, **environment) -> None:
    """Made on another machine, where the weights come out a little otherwise."""
    data["environment"].update(environment)
    data.update(weights_sha256="0" * 64)


def test_elsewhere_accuracies_are_compared(results, pictures, capsys):
    rewrite(results, lambda data: elsewhere(data, torch="1.0"))
    assert verify_command(results, pictures) == 0
    said = korean_sentence(capsys.readouterr().out)
    assert "환경이 달라(torch)" in said and "시드 사이 표준편차" in said


def test_of_an_old_record_nobody_knows_the_processor(results, pictures, capsys):
    rewrite(results, lambda data: (elsewhere(data), data["environment"].pop("cpu")))
    assert verify_command(results, pictures) == 0
    assert "환경이 달라(cpu)" in korean_sentence(capsys.readouterr().out)


def test_equal_weights_agree_wherever_they_were_made(results, pictures, capsys):
    rewrite(results, lambda data: data["environment"].update(torch="1.0"))
    assert verify_command(results, pictures) == 0 and "해시가 기록과 같다" in capsys.readouterr().out


def test_elsewhere_a_run_of_one_seed_has_the_pictures_for_a_limit(train_tiny, pictures, tmp_path, capsys):
    train_tiny(tiny(epochs=1, arm="senet"), tmp_path)
    rewrite(tmp_path, lambda data: elsewhere(data, torch="1.0"))
    record = find_record(tmp_path, RUN)
    share, count = record.right.mean(), len(record.right)
    assert spread(record, load_records(tmp_path))[1] == pytest.approx(100 * (share * (1 - share) / count) ** 0.5)
    assert verify_command(tmp_path, pictures) == 0 and "표준오차" in korean_sentence(capsys.readouterr().out)


@pytest.mark.parametrize(("gap", "agrees"), [(2.9, True), (3.1, False), (-3.1, False)])
def test_three_deviations_are_the_limit(gap, agrees, results):
    record = find_record(results, RUN)
    data = json.loads(json.dumps(record.data))
    elsewhere(data, cpu_capability="other")
    data["result"]["test_accuracy"] += gap
    agreed, said = verdict(record, Record(record.folder, data), "한도의 이름", 1.0)
    assert agreed is agrees and "한도의 이름의 세 배인 3.00" in said


def test_a_block_that_was_edited_since_is_not_trained_instead(results, monkeypatch):
    monkeypatch.setattr("thesis_lib.experiment.own_source", lambda arm: {"source": "edited"})
    monkeypatch.delattr("thesis_lib.verification.train")
    with pytest.raises(ThesisError, match="블록의 코드가") as caught:
        verify(RUN, results)
    korean_sentence(caught.value)


def test_threads_of_the_record_are_used_and_given_back(results, pictures, monkeypatch):
    rewrite(results, lambda data: data["environment"].update(threads=2))
    seen = []

    def not_now(*_, **__):
        seen.append(torch.get_num_threads())
        raise ThesisError("여기까지.")

    monkeypatch.setattr("thesis_lib.verification.train", not_now)
    with pytest.raises(ThesisError, match="여기까지"):
        verify(RUN, results, root=pictures)
    rewrite(results, lambda data: data["environment"].update(threads="1, 2"))  # of a run that moved
    with pytest.raises(ThesisError, match="여기까지"):
        verify(RUN, results, root=pictures)
    assert seen == [2, 2] and torch.get_num_threads() == 1


def test_unknown_runs_and_other_numerics_are_refused(results, pictures, capsys):
    assert verify_command(results, pictures, "nothing") == 2
    assert "thesis_lib records" in korean_sentence(capsys.readouterr().err)
    rewrite(results, lambda data: data.update(numerics=0))
    assert verify_command(results, pictures) == 2
    assert "다른 버전의 계산" in korean_sentence(capsys.readouterr().err)


def test_a_run_that_moved_is_judged_by_its_accuracy(results, pictures, capsys):
    rewrite(results, lambda data: elsewhere(data, threads="2, 1"))
    assert verify_command(results, pictures) == 0
    assert "환경이 달라(threads)" in korean_sentence(capsys.readouterr().out)


def test_an_interrupted_check_does_not_promise_to_go_on(results, pictures, capsys, stop_at):
    stop_at(1)
    assert verify_command(results, pictures) == 2
    assert "처음부터 다시" in korean_sentence(capsys.readouterr().err)
