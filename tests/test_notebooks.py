"""The notebooks run from top to bottom, by papermill and strictly, and are kept without outputs."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from helpers import korean_sentence, tiny

from thesis_book import map_figures
from thesis_lib import ThesisError, load_records
from thesis_lib.__main__ import main
from thesis_lib.batch import notebook_parameters, run_notebook

NOTEBOOKS = sorted(Path("notebooks").glob("*.ipynb"))


def run_here(path, given):
    """The cells in this process, which has torch already; the first one is for Colab and the working folder."""
    space = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and "google.colab" not in cell.source:
            exec(compile(cell.source, str(path), "exec"), space)
            if "parameters" in cell.metadata.get("tags", []):
                assert set(given) <= set(space)
                space |= given


def text_of(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for c in cells if c.cell_type == "code" for o in c.outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_parameters_and_prose_and_no_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    assert any("google.colab" in cell.source for cell in code[:1])
    assert notebook.cells[0].cell_type == "markdown"


def test_experiment_notebook_leaves_a_record(tmp_path, pictures):
    given = {"dataset": "tiny", "image_size": 8, "batch_size": 10, "epochs": 1, "arm": "senet_self", "seed": 3}
    output = run_notebook("notebooks/experiment.ipynb", given | {"results": str(tmp_path), "root": str(pictures)})
    table = load_records(tmp_path)
    assert list(table["seed"]) == [3]
    assert output.stem == table["id"][0]
    assert "시험 정확도" in text_of(output)

    given = {"results": str(tmp_path), "run": "nobody"}
    again = text_of(run_notebook("notebooks/analysis.ipynb", given, tmp_path / "analysis.ipynb"))
    assert "기록 1개" in again and "볼 기록이 없다" in again and "기록이 없는 비교군: resnet, senet" in again


def test_experiment_notebook_takes_a_network_that_is_no_resnet(tmp_path, pictures, capsys):
    given = {"network": "shufflenet_half", "dataset": "tiny", "image_size": 32, "arm": "senet", "epochs": 1}
    run_here("notebooks/experiment.ipynb", given | {"results": str(tmp_path), "root": str(pictures), "batch_size": 18})
    assert "시험 정확도" in capsys.readouterr().out


def test_method_notebook_shows_the_degeneracy(tmp_path):
    output = run_notebook("notebooks/method.ipynb", {"channels": 32}, tmp_path / "method.ipynb")
    text = text_of(output)
    assert "어텐션 가중치가 모두 1인가: True" in text
    assert "쿼리 0.0e+00, 키 0.0e+00" in text
    assert "batch_first=False: 둘째 영상을 바꾸면 첫 영상의 출력이 움직이는가? True" in text
    assert "처음에는 SE와 같은가: True" in text


@pytest.mark.parametrize(
    "given",
    [
        ["--sed", "1"],
        ["--seed", "1.5"],
        ["--seed", "one"],
        ["--epochs", "0"],
        ["--learning-rate", "-1"],
        ["--arm", "senet_selv"],
        ["--dataset", "nowhere"],
        ["--options", "{num_heads: 5}"],
        ["--options", "[1, 2]"],
        ["--seed"],
    ],
    ids=" ".join,
)
def test_bad_parameters_start_nothing(given, tmp_path, capsys):
    arguments = ["run", "notebooks/experiment.ipynb", "--results", str(tmp_path / "results"), *given]
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("오류: ") and message.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_failing_cell_is_told_and_kept_apart(tmp_path):
    broken = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell("1 / 0"),
        ],
        metadata=nbformat.read(NOTEBOOKS[0], as_version=4).metadata,
    )
    nbformat.write(broken, tmp_path / "broken.ipynb")
    command = [sys.executable, "-m", "thesis_lib", "run", str(tmp_path / "broken.ipynb")]
    done = subprocess.run([*command, "--output", str(tmp_path / "out.ipynb")], capture_output=True, text=True)
    assert done.returncode == 2
    assert "ZeroDivisionError" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out.ipynb").exists()


def test_what_is_no_notebook_gets_a_sentence(tmp_path):
    (tmp_path / "bad.ipynb").write_text("{}")
    with pytest.raises(ThesisError, match="노트북의 매개변수를 읽을 수 없다") as caught:
        notebook_parameters(tmp_path / "bad.ipynb")
    korean_sentence(caught.value)


def test_defaults_are_those_of_the_experiment():
    from dataclasses import fields

    from thesis_lib import Experiment

    defaults = notebook_parameters(Path("notebooks/experiment.ipynb"))
    assert {f.name for f in fields(Experiment)} <= set(defaults)
    assert json.dumps(defaults)
    Experiment.of({f.name: defaults[f.name] for f in fields(Experiment)})


@pytest.mark.parametrize(
    ("block", "expected", "columns"),
    [
        ("cbam", ["conv.weight: (1, 2, 7, 7)", "게이트 (1, 64): 0."], 2),
        ("bot_mhsa", ["relative.rows"], 3),  # the attention that each position receives beside what goes in and out
    ],
)
def test_blocks_notebook_shows_any_block(capsys, monkeypatch, block, expected, columns):
    shown = []
    monkeypatch.setattr(map_figures, "side_by_side", lambda image, maps: shown.append(maps))
    run_here("notebooks/blocks.ipynb", {"name": block, "network": "resnet8"})
    text = capsys.readouterr().out
    assert all(map_.shape[0] == 1 for maps in shown for map_ in maps.values())
    assert [len(maps) for maps in shown] == [columns] * 3
    assert all(part in text for part in expected) and "3개를 꽂았다" in text and "(1, 64, 8, 8) → (1, 64, 8, 8)" in text


def test_blocks_notebook_shows_a_network_for_large_pictures(capsys):
    run_here("notebooks/blocks.ipynb", {"name": "gather_excite", "network": "resnet18_224"})
    assert "(1, 64, 56, 56) → (1, 64, 56, 56)" in capsys.readouterr().out


def test_blocks_notebook_refuses_what_is_not_there(tmp_path, capsys):
    command = ["run", "notebooks/blocks.ipynb", "--name", "sse", "--output", str(tmp_path / "blocks.ipynb")]
    assert main(command) == 2
    assert "쓸 수 있는 값" in korean_sentence(capsys.readouterr().err)
    for given, expected in (({"picture": 2000}, "picture는 0"), ({"seed": -1}, "seed"), ({"options": [1]}, "options")):
        with pytest.raises(ThesisError, match=expected):
            run_here("notebooks/blocks.ipynb", given)


def test_analysis_notebook_looks_at_the_run_that_is_named(tmp_path, train_tiny, pictures):
    record = train_tiny(tiny(arm="senet_self", image_size=32, epochs=1), tmp_path)
    given = {"results": str(tmp_path), "root": str(pictures), "run": record.id, "query": [1, 2], "measure": True}
    text = text_of(run_notebook("notebooks/analysis.ipynb", given, tmp_path / "analysis.ipynb"))
    assert record.id in text and "stages.2.0.standard" in text and "SENet_self의 받은 어텐션이" in text
    with pytest.raises(ThesisError, match="picture는 0 이상"):
        run_here("notebooks/analysis.ipynb", given | {"picture": -1})
    for query in ([-1, 4], [1], [1.5, 2]):
        with pytest.raises(ThesisError, match="query는"):
            run_here("notebooks/analysis.ipynb", given | {"query": query})
    with pytest.raises(ThesisError, match="batch는 2 이상"):
        run_here("notebooks/method.ipynb", {"batch": 1})
