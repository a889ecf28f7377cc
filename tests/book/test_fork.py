"""A thesis of one's own: the steps of own-thesis.md, taken in a copy of the project, in its own words."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest

ROOT = Path(__file__).resolve().parents[2]
STEPS = (ROOT / "book" / "own-thesis.md").read_text(encoding="utf-8")
TITLE, AUTHOR = "채널의 배율을 배우는 블록", "김하늘"
SHORT_PDF = """
from thesis_book import pdf
pages = [page for page in pdf.contents() if page[0] in ("abstract", "experiment", "references", "developer")]
pdf.contents = lambda: pages
pdf.build()
"""  # one page of each kind: test_pdf.py sets the whole thesis


def listing(language: str) -> str:
    """The one listing of a language in the steps."""
    (found,) = re.findall(rf"^(`{{3,4}}){language}\n(.*?)^\1$", STEPS, re.M | re.S)
    return found[1]


def run(folder, *command):
    """A command in the copy, which takes the place of the installed project."""
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{folder / 'book'}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def fork(pango, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fork")
    for part in ("thesis_lib", "book", "benchmarks", "profiles", "notebooks"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "results" / "benchmarks", folder / "results" / "benchmarks")
    for file in ("_config.yml", "CITATION.cff"):
        shutil.copy(ROOT / file, folder)
    settings = (folder / "book" / "thesis.yml").read_text(encoding="utf-8")
    for name, value in {"title": TITLE, "author": AUTHOR, "repository": "haneul/scale"}.items():
        settings = re.sub(rf'(?m)^{name}: ".*?"', f'{name}: "{value}"', settings)
    (folder / "book" / "thesis.yml").write_text(settings, encoding="utf-8")
    (folder / "thesis_lib" / "blocks" / "scale.py").write_text(listing("python"), encoding="utf-8")
    shorter = listing("yaml").replace("dataset: shapes", "dataset: digits").replace("epochs: 6", "epochs: 1")
    (folder / "profiles" / "mine.yaml").write_text(shorter, encoding="utf-8")
    with (folder / "book" / "experiment.md").open("a", encoding="utf-8") as page:
        page.write("\n" + listing("text"))
    run(folder, sys.executable, "-m", "thesis_book", "settings")
    run(folder, sys.executable, "-m", "thesis_lib", "train", "--profile", "profiles/mine.yaml")
    run(folder, sys.executable.replace("python", "jupyter-book"), "build", "book/")
    run(folder, sys.executable, "-c", SHORT_PDF)
    return folder


def test_a_block_is_short_and_listed_with_its_cost(fork):
    assert listing("python").count("\n") < 25
    listed = run(fork, sys.executable, "-m", "thesis_lib", "blocks")
    assert re.search(r"^\s*scale\b.*\d.*this thesis", listed, re.M)


def test_it_is_compared_with_its_peers(fork):
    told = run(fork, sys.executable, "-m", "thesis_lib", "compare", "scale", "senet")
    assert "Scale" in told and "SENet" in told and "3개" in told


def test_name_and_title_stand_on_the_title_page_and_in_the_book(fork):
    thesis = pypdf.PdfReader(fork / "_build" / "thesis.pdf")
    front = re.sub(r"\s", "", thesis.pages[0].extract_text())
    assert TITLE.replace(" ", "") in front and AUTHOR in front
    assert (thesis.metadata.title, thesis.metadata.author) == (TITLE, AUTHOR)
    page = (fork / "_build" / "html" / "index.html").read_text(encoding="utf-8")
    assert TITLE in re.search(r"<title>(.*?)</title>", page, re.S)[1]
    assert f"<h1>{TITLE}" in page and AUTHOR in page
    assert "구조 모델링" not in page


def test_the_block_stands_in_table_and_figure(fork):
    page = (fork / "_build" / "html" / "experiment.html").read_text(encoding="utf-8")
    table = re.search(r'<table[^>]*id="tbl-mine".*?</table>', page, re.S)[0]
    assert re.findall(r"<tr[^>]*><td[^>]*><p>(.*?)</p>", table) == ["ResNet", "SENet", "Scale"]
    differences = re.search(r'<table[^>]*id="tbl-mine-pairs".*?</table>', page, re.S)[0]
    assert "Scale − SENet" in differences
    told = re.search(r'<p>((?!</p>).)*href="#tbl-mine-pairs"', page, re.S)[0]  # what the interval bears
    assert "시드 3개" in told and "Scale − SENet" in told
    figure = re.search(r'<figure[^>]*id="fig-mine".*?</figure>', page, re.S)[0]
    drawn = fork / "_build" / "html" / re.search(r'src="([^"]+)"', figure)[1]
    assert "<!-- Scale -->" in drawn.read_text(encoding="utf-8")  # letters are drawn as paths


def test_pages_lead_to_their_notebooks_on_colab(fork):
    for page, notebook in {"method": "method", "analysis": "analysis", "appendix-attention": "blocks"}.items():
        html = (fork / "_build" / "html" / f"{page}.html").read_text(encoding="utf-8")
        assert f"https://colab.research.google.com/github/haneul/scale/blob/main/notebooks/{notebook}.ipynb" in html
        source = (fork / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8")
        assert "https://github.com/haneul/scale" in source and "your-account" not in source
    citation = (fork / "CITATION.cff").read_text(encoding="utf-8")
    assert TITLE in citation and AUTHOR in citation
