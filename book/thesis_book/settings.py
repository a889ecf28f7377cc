"""The settings block, book/thesis.yml: whose thesis it is, and where it lies."""

import json
import re
from pathlib import Path

import yaml

from thesis_lib.errors import ThesisError

FILE = Path(__file__).parents[1] / "thesis.yml"
NAMES = ("title", "english_title", "degree", "university", "department", "author", "advisor", "date", "repository")
NOWHERE = "your-account/senet-self-thesis"  # what stands where no repository is set


def read(path: Path = FILE) -> dict[str, str]:
    """All settings as text. Raises ThesisError where one is missing or nobody knows it."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = {str(key): "" if value is None else str(value).strip() for key, value in given.items()}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError):
        raise ThesisError(f"설정을 읽을 수 없다: {path}. '이름: 값'을 한 줄에 하나씩 적으라.") from None
    if wrong := sorted(set(found) ^ set(NAMES)):
        raise ThesisError(f"{path}에 없거나 모르는 이름: {', '.join(wrong)}. 있어야 하는 이름: {', '.join(NAMES)}.")
    if bad := [key for key in NAMES if isinstance(given[key], (list, dict)) or not (found[key] or key == "repository")]:
        raise ThesisError(f"{path}에서 {', '.join(bad)}의 값을 글 한 줄로 적으라. 여러 이름은 쉼표로 잇는다.")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+|", found["repository"]):
        raise ThesisError(f"repository는 '계정/저장소'여야 한다(받은 값: {found['repository']!r}).")
    return found


def colab(repository: str, notebook: str) -> str:
    """Where a notebook of a repository opens in Colab."""
    return f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{notebook}.ipynb"


def spread(root: Path = FILE.parents[1]) -> list[Path]:
    """Write the settings into the files that cannot read them: notebooks on Colab, and the citation file."""
    from thesis_lib.checkpoint import write_atomically  # torch, which no reading of settings should wait for

    given, changed = read(root / "book" / "thesis.yml"), []
    here = "https://github.com/" + (given["repository"] or NOWHERE)
    lines = [
        (r"(?m)^title: .*$", f"title: {json.dumps(given['title'], ensure_ascii=False)}"),
        (r"(?m)^  - name: .*$", f"  - name: {json.dumps(given['author'], ensure_ascii=False)}"),
    ]
    link = r'(?<=REPOSITORY = \\")https://github\.com/[\w.-]+/[\w.-]+'  # no other link, which may be the reader's
    wanted = {path: [(link, here)] for path in (root / "notebooks").glob("*.ipynb")}
    for path, pairs in (wanted | {root / "CITATION.cff": lines}).items():
        before = after = path.read_text(encoding="utf-8")
        for pattern, text in pairs:
            after = re.sub(pattern, text.replace("\\", r"\\"), after)
        if after != before:
            write_atomically(path, after.encode())
            changed.append(path)
    return changed
