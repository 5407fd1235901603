"""Documents lead to what exists, and quote what the code says."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents.blocks import DOCUMENTS, prose

# Long enough that a list of what is in them helps.
WITH_CONTENTS = [
    *("CONTRIBUTING.md", "SECURITY.md", "models/HISTORY.md"),
    *(document for document in DOCUMENTS if document.startswith("docs/")),
]
TROUBLESHOOTING = "docs/troubleshooting.md"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_headings(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", prose(document)):
        file, _, heading = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), f"{document}: {target}"
        assert not heading or heading in _headings(linked), f"{document}: {target}"


@pytest.mark.parametrize("document", WITH_CONTENTS)
def test_contents_list_every_section(document: str) -> None:
    text = prose(document)
    head = text.partition("\n## ")[0]
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", head, re.MULTILINE)
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert listed == [(title, _slug(title)) for title in sections]


def test_quoted_errors_are_those_that_the_code_has() -> None:
    text = prose(TROUBLESHOOTING)
    headings = re.findall(r"^### (?:\d{3} )?`(.+)`(?: stays.*)?$", text, re.MULTILINE)
    quoted = [heading for heading in headings if " " in heading and not heading.startswith("{")]
    assert len(quoted) > 20
    missing = []
    for message in quoted:
        wanted = message.removeprefix("error: ").removeprefix("note: ")
        parts = [part for part in wanted.split("...") if part.strip()]
        pattern = re.compile(".*?".join(map(re.escape, parts)), re.DOTALL)
        if not any(pattern.search(known) for known in _messages()):
            missing.append(message)
    assert not missing


def _slug(title: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", title.replace("`", "").lower())
    return kept.replace(" ", "-")


@cache
def _headings(path: Path) -> frozenset[str]:
    text = prose(str(path.relative_to(ROOT)))
    return frozenset(_slug(title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE))


@cache
def _messages() -> tuple[str, ...]:
    """Returns all texts of the code, with nothing where a value is put in, and the Makefile."""
    found = [(ROOT / "Makefile").read_text()]
    for folder in ("hark", "handler", "local", "training", "export", "operate"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (each.value if isinstance(each, ast.Constant) else "" for each in node.values)
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return tuple(found)
