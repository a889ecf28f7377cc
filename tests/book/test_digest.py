"""What the cells read is watched, and a change runs those pages again that it concerns, and no others."""

import pytest
from results_digest import CELLS, sources, to_run

from thesis_lib import Experiment

MINE, OTHER = (Experiment(dataset="digits", arm="senet", seed=seed) for seed in (7, 8))
PAGES = {
    "results": 'mine = tables.of_profile("mine")',
    "all": "everything = load_records()",
    "others": 'tables.of_profile("other")',
    "speed": "from benchmarks import report",
    "drawing": "build('senet')",
    "text": "",
}


@pytest.fixture
def root(tmp_path):
    for name in (
        f"results/runs/{MINE.id}/record.json",
        "results/quick/runs/b/record.json",
        "thesis_lib/stats.py",
        "book/data/photos.png",
    ):
        write(tmp_path, name, "one")
    for profile, experiment in {"mine": MINE, "other": OTHER}.items():
        entry = f"{{dataset: digits, arm: senet, seed: {experiment.seed}}}"
        write(tmp_path, f"profiles/{profile}.yaml", f"runs:\n  - {entry}\n")
    return tmp_path


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    "name",
    [
        f"results/runs/{MINE.id}/record.json",
        "results/quick/runs/b/record.json",
        "results/runs/a/predictions.npz",
        "results/runs/c/record.json",
        "thesis_lib/stats.py",
        "thesis_lib/blocks/se.py",
        "profiles/mine.yaml",
        "book/data/published.csv",
        "book/data/photos.png",
        "results/benchmarks/training.json",
    ],
)
def test_a_change_is_seen(root, name):
    before = sources(root)
    write(root, name, "two")
    now = sources(root)
    assert {n for n in now.keys() | before.keys() if now.get(n) != before.get(n)} == {name}


@pytest.mark.parametrize(
    "name", ["results/runs/.partial/record.json", "results/runs/a/train.log", "results/record.json", "book/index.md"]
)
def test_other_files_are_left_out(root, name):
    before = sources(root)
    write(root, name, "two")
    assert sources(root) == before


@pytest.mark.parametrize(
    ("changed", "pages"),
    [
        (f"results/runs/{MINE.id}/record.json", {"results", "all"}),
        (f"results/local/runs/{OTHER.id}/predictions.npz", {"others", "all"}),
        ("results/runs/nobody/record.json", {"all"}),
        ("results/benchmarks/training.json", {"speed"}),
        ("book/data/published.csv", set(PAGES) - {"text"}),
        ("thesis_lib/stats.py", set(PAGES) - {"text"}),
        ("profiles/mine.yaml", set(PAGES) - {"text"}),
    ],
)
def test_a_change_runs_the_pages_that_it_concerns(root, changed, pages):
    assert set(to_run(PAGES, {changed}, root)) == pages


def test_cells_are_told_from_text():
    listing = 'text = of_profile("a")\n\n```python\nof_profile("c")\n```\n'
    cell = '```{code-cell} ipython3\n:tags: [x]\nof_profile("b")\n```'
    assert CELLS.findall(f"{listing}\n{cell}\n\n{listing}") == [cell]
