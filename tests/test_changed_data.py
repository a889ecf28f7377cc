"""Pictures that change under a run: nothing old passes for new, and nothing is resumed on other data."""

import pytest
from helpers import korean_sentence, tiny, write_pictures
from PIL import Image

from thesis_lib import ThesisError, train
from thesis_lib.errors import Stopped
from thesis_lib.profiles import train_missing
from thesis_lib.verification import verify


@pytest.fixture
def own(tmp_path):
    """The root of a data folder that a test may change."""
    write_pictures(tmp_path / "data" / "tiny")
    return tmp_path / "data"


def repaint(root) -> None:
    """Another colour for one picture."""
    Image.new("RGB", (8, 8), (1, 2, 3)).save(next((root / "tiny" / "train").rglob("*.png")))


def test_a_checkpoint_is_not_resumed_on_other_pictures(own, tmp_path, stop_at):
    stop_at(5)
    with pytest.raises(Stopped):
        train(tiny(), tmp_path, root=own, device="cpu", show=False)
    stop_at.never()
    repaint(own)
    with pytest.raises(ThesisError, match="자료가 바뀌었다") as caught:
        train(tiny(), tmp_path, root=own, device="cpu", show=False)
    assert "--restart" in korean_sentence(caught.value)
    assert train(tiny(), tmp_path, resume=False, root=own, device="cpu", show=False).id == tiny().id


def test_a_finished_run_does_not_pass_for_one_on_other_pictures(own, tmp_path, capsys, monkeypatch):
    options = {"root": own, "device": "cpu", "show": False}
    before = train(tiny(epochs=1), tmp_path, **options)
    assert train(tiny(epochs=1), tmp_path, **options).data == before.data
    repaint(own)
    with pytest.raises(ThesisError, match="다른 자료") as caught:
        train(tiny(epochs=1), tmp_path, **options)
    assert "--restart" in korean_sentence(caught.value)
    with pytest.raises(ThesisError, match="실행 1개가 실패했다"):
        train_missing([tiny(epochs=1)], tmp_path, **options)
    assert "다른 자료" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.delattr("thesis_lib.verification.train")  # it is refused before anything is trained
        with pytest.raises(ThesisError, match="다른 자료"):
            verify(before.id, tmp_path, root=own, device="cpu", show=False)
    after = train(tiny(epochs=1), tmp_path, resume=False, **options)
    assert after.data["data"]["checksum"] != before.data["data"]["checksum"]


def test_a_folder_with_the_name_of_a_built_in_set_may_change_too(tmp_path):
    root = tmp_path / "data"
    write_pictures(root / "digits")
    run, options = tiny(dataset="digits", epochs=1), {"root": root, "device": "cpu", "show": False}
    train(run, tmp_path, **options)
    Image.new("RGB", (8, 8), (1, 2, 3)).save(next((root / "digits" / "train").rglob("*.png")))
    with pytest.raises(ThesisError, match="다른 자료"):
        train(run, tmp_path, **options)
    with pytest.raises(ThesisError, match="실행 1개가 실패했다"):
        train_missing([run], tmp_path, **options)


def test_a_restart_that_is_stopped_goes_on_without_restart(own, tmp_path, stop_at):
    options = {"root": own, "device": "cpu", "show": False}
    first = train(tiny(), tmp_path, **options)
    stop_at(5)
    with pytest.raises(Stopped, match="--restart 없이"):
        train(tiny(), tmp_path, resume=False, **options)
    stop_at.never()
    assert not (first.folder / "record.json").exists()  # or the old run would pass for the new one
    again = train(tiny(), tmp_path, **options)
    assert again.data["weights_sha256"] == first.data["weights_sha256"]


def test_two_records_of_one_arm_and_seed_are_not_paired():
    import pandas as pd

    from thesis_lib.stats import pairs

    table = pd.DataFrame({"arm": ["a", "a", "b"], "seed": 0, "test_accuracy": [80.0, 81.0, 80.0]})
    with pytest.raises(ThesisError, match="둘 이상") as caught:
        pairs(table, "a", "b")
    korean_sentence(caught.value)
    assert len(pairs(table[1:], "a", "b")) == 1
