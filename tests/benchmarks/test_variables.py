"""The table of environment variables lists those that are read, all of them and no other, with their defaults."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import variables
from handler.settings import Settings
from tests.conftest import ROOT

_NAME = re.compile(r"HARK_[A-Z]+(?:_[A-Z]+)*")
_SUFFIXES = (".py", ".js", ".yaml", ".toml", ".c", ".json", ".sh")


class Asked(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_the_table_has_every_variable_that_is_named_anywhere_and_no_other() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [Path(line) for line in listed.stdout.splitlines()]
    ours = {Path("benchmarks/variables.py"), Path("tests/benchmarks/test_variables.py")}
    read = [
        path
        for path in paths
        if (path.suffix in _SUFFIXES or path.name in ("Makefile", "Dockerfile")) and path not in ours
    ]
    named = {name for path in read if (ROOT / path).is_file() for name in _NAME.findall((ROOT / path).read_text())}
    assert len(read) > 200
    assert named == {each.name for each in variables.variables()}


def test_each_is_read_by_the_file_that_is_named() -> None:
    for each in variables.variables():
        assert each.name in _NAME.findall((ROOT / each.read_by).read_text()), each
    asked = Asked()
    Settings.from_environment(asked)
    own = {name for name in asked.names if _NAME.fullmatch(name)}  # those of the logging library are only looked at
    assert own == {each.name for each in variables.variables() if each.read_by == "handler/settings.py"}


def test_on_aws_each_is_set_from_the_parameter_that_is_named() -> None:
    template = (ROOT / "template.yaml").read_text()
    parameters = set(re.findall(r"^  ([A-Z]\w+):$", template.split("\nResources:")[0], re.MULTILINE))
    for each in variables.variables():
        if each.parameter:
            assert each.parameter in parameters
            assert re.search(rf"^ +{each.name}: .*\b{each.parameter}\b", template, re.MULTILINE), each


def test_the_document_holds_the_table() -> None:
    assert variables.table() in variables.DOCUMENT.read_text()
