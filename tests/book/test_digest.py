"""The digest moves with what the cells read, and with nothing else."""

import pytest
from results_digest import digest


@pytest.fixture
def root(tmp_path):
    for name in (
        "results/runs/a/record.json",
        "results/quick/runs/b/record.json",
        "thesis_lib/stats.py",
    ):
        write(tmp_path, name, "one")
    return tmp_path


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    "name",
    [
        "results/runs/a/record.json",
        "results/quick/runs/b/record.json",
        "results/runs/a/predictions.npz",
        "results/runs/c/record.json",
        "thesis_lib/stats.py",
        "thesis_lib/blocks/se.py",
        "book/data/published.csv",
    ],
)
def test_a_change_is_seen(root, name):
    before = digest(root)
    write(root, name, "two")
    assert digest(root) != before


@pytest.mark.parametrize(
    "name",
    [
        "results/runs/.partial/record.json",
        "results/runs/a/train.log",
        "results/record.json",
        "book/index.md",
    ],
)
def test_other_files_are_left_out(root, name):
    before = digest(root)
    write(root, name, "two")
    assert digest(root) == before


def test_a_renamed_run_is_a_change(root):
    before = digest(root)
    (root / "results/runs/a").rename(root / "results/runs/z")
    assert digest(root) != before
