"""Records: sealed, found to be false when touched, and enough to compute every metric again."""

import json
import shutil

import numpy as np
import pytest
from helpers import korean_sentence, tiny

from thesis_lib import ThesisError, load_records
from thesis_lib.records import all_records, find_record

COLUMNS = ["dataset", "network", "arm", "seed", "epochs", "test_accuracy", "val_accuracy", "parameters", "macs"]


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """Results with two finished runs; tests that damage them work on a copy."""
    from thesis_lib import train

    results = tmp_path_factory.mktemp("trained")
    for arm in ("resnet", "senet"):
        train(tiny(arm=arm, epochs=1), results, root=pictures, device="cpu", show=False)
    return results


@pytest.fixture
def results(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "results")


def runs(results) -> dict:
    return {path.name.split("-")[2]: path for path in (results / "runs").iterdir()}


def test_one_row_a_run(trained):
    table = load_records(trained)
    assert list(table["arm"]) == ["resnet", "senet"] and set(COLUMNS) <= set(table.columns)
    assert table.attrs["problems"] == []
    assert (table["dataset"] == "tiny").all() and table["exact"].all()
    assert table["parameters"].is_monotonic_increasing and table["parameters"].is_unique
    assert table["test_accuracy"].between(0, 100).all()


def test_no_results_is_an_empty_table_with_its_columns(tmp_path):
    table = load_records(tmp_path / "none")
    assert len(table) == 0 and table.attrs["problems"] == []
    assert list(table.columns) == ["id", *COLUMNS, "options", "distillation"]


def test_a_record_holds_what_is_needed_to_repeat_it(trained):
    for record in all_records(trained)[0]:
        assert tiny().of(record.data["experiment"]).id == record.id == record.folder.name
        assert record.data["data"].keys() >= {"checksum", "mean", "std", "train", "validation", "test"}
        kept = record.data["environment"].keys()
        assert kept >= {"code", "python", "torch", "device", "threads", "cpu_capability", "cpu"}
        assert record.data["time"]["seconds"] > 0
        assert len(record.data["history"]) == 1


def test_metrics_are_computed_again_from_the_predictions_alone(trained):
    for record in all_records(trained)[0]:
        with np.load(record.folder / "predictions.npz") as stored:
            label, predicted, confidence, top5 = (stored[k] for k in ("label", "predicted", "confidence", "top5"))
        right, result = label == predicted, record.data["result"]
        assert len(label) == 20 and confidence.min() >= 0.49 and confidence.max() <= 1
        assert result["test_accuracy"] == pytest.approx(100 * sum(right) / 20)
        assert result["test_top5"] == 100 * top5.mean() == 100
        assert result["per_class_accuracy"] == [pytest.approx(100 * right[label == c].mean()) for c in (0, 1)]
        gaps = 0.0
        for b in range(15):
            members = [i for i in range(20) if min(int(float(confidence[i]) * 15), 14) == b]
            if members:
                share = sum(right[i] for i in members) / len(members)
                trust = sum(float(confidence[i]) for i in members) / len(members)
                gaps += len(members) / 20 * abs(share - trust)
        assert result["calibration_error"] == pytest.approx(100 * gaps, abs=1e-9)


def test_predictions_that_were_changed_are_refused(results):
    folder = runs(results)["senet"]
    content = bytearray((folder / "predictions.npz").read_bytes())
    content[-30] ^= 1
    (folder / "predictions.npz").write_bytes(content)
    with pytest.raises(ThesisError, match=r"predictions\.npz") as caught:
        _ = find_record(results, folder.name).predictions
    korean_sentence(caught.value)


def edit_accuracy(folder):
    data = json.loads((folder / "record.json").read_text())
    data["result"]["test_accuracy"] += 1
    (folder / "record.json").write_text(json.dumps(data))


def edit_setting(folder):
    text = (folder / "record.json").read_text()
    assert '"seed": 0' in text
    (folder / "record.json").write_text(text.replace('"seed": 0', '"seed": 1'))


def cut_off(folder):
    content = (folder / "record.json").read_bytes()
    (folder / "record.json").write_bytes(content[: len(content) // 2])


def rename(folder):
    folder.rename(folder.with_name(folder.name.replace("-s0-", "-s1-")))


def replace_by_nonsense(folder):
    (folder / "record.json").write_text("[]")


def empty(folder):
    (folder / "record.json").write_bytes(b"")


@pytest.mark.parametrize("damage", [edit_accuracy, edit_setting, cut_off, rename, replace_by_nonsense, empty])
def test_a_damaged_record_is_left_out_and_named(damage, results):
    damage(runs(results)["senet"])
    place = runs(results)["senet"] / "record.json"
    table = load_records(results)
    assert list(table["arm"]) == ["resnet"]
    [problem] = table.attrs["problems"]
    assert str(place) in korean_sentence(problem)


def test_every_flipped_bit_of_a_record_is_seen(results):
    path = runs(results)["senet"] / "record.json"
    whole = path.read_bytes()
    for place in np.random.default_rng(2).integers(0, len(whole), 40):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        table = load_records(results)
        assert list(table["arm"]) == ["resnet"] and len(table.attrs["problems"]) == 1


@pytest.mark.parametrize("place", ["results", "results/runs", "results/checkpoints"])
def test_results_that_cannot_be_written_to_are_told_in_a_sentence(place, train_tiny, tmp_path):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()  # a file in the folder's place, which stops root too
    with pytest.raises(ThesisError, match="쓸 수 없다") as caught:
        train_tiny(tiny(epochs=1), tmp_path / "results")
    assert "results" in korean_sentence(caught.value)
