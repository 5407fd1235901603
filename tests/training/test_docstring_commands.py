"""Commands that docstrings show exist, and take the options they are shown with."""

import argparse
import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

_MODULE = r"-m ((?:training|export)(?:\.\w+)*)"
# A line of its own, or within a sentence.
_LINE = re.compile(rf"^ +\S.*?{_MODULE}(.*)$", re.MULTILINE)
_INLINE = re.compile(rf"`python {_MODULE}([^`]*)`")


class _Captured(Exception):
    """A parser and what it was to parse."""

    def __init__(self, parser: argparse.ArgumentParser, arguments: list[str]) -> None:
        super().__init__()
        self.parser, self.arguments = parser, arguments


def _docstrings() -> Iterator[tuple[str, str]]:
    for package in ("training", "export"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if docstring := ast.get_docstring(ast.parse(path.read_text())):
                yield str(path.relative_to(ROOT)), docstring.replace("\\\n", " ")


LINES = [(path, *line) for path, text in _docstrings() for line in _LINE.findall(text)]
INLINE = [(path, *line) for path, text in _docstrings() for line in _INLINE.findall(text.replace("\n", " "))]


def _captured(module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> _Captured:
    """Returns the parser of a module's command line, as it was called."""

    def capture(parser: argparse.ArgumentParser, given: list[str], *_: Any) -> None:
        raise _Captured(parser, list(given))

    name = module if not (ROOT / module.replace(".", "/")).is_dir() else f"{module}.__main__"
    main = importlib.import_module(name).main
    with monkeypatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_known_args", capture)
        with pytest.raises(_Captured) as raised:
            main(arguments)
    return raised.value


def _options(parser: argparse.ArgumentParser) -> set[str]:
    """Returns the options of a parser and of its subcommands."""
    known = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            known |= {option for each in action.choices.values() for option in _options(each)}
    return known


def test_there_are_commands_to_look_at() -> None:
    assert len(LINES) > 20
    assert len(INLINE) > 15
    assert {path for path, *_ in LINES} >= {"training/fit.py", "training/inspect.py", "training/keywords/cut.py"}


@pytest.mark.parametrize(("path", "module", "rest"), LINES, ids=lambda text: text.strip()[:60])
def test_a_command_on_a_line_of_its_own_can_be_parsed(
    path: str, module: str, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = _captured(module, shlex.split(rest, comments=True), monkeypatch)
    _, unknown = captured.parser.parse_known_args(captured.arguments)
    assert not unknown, path


@pytest.mark.parametrize(("path", "module", "rest"), INLINE, ids=lambda text: text.strip()[:60])
def test_a_command_within_a_sentence_has_the_options_it_names(
    path: str, module: str, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = _captured(module, [], monkeypatch).parser
    assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= _options(parser), path


def test_configs_that_docstrings_name_exist() -> None:
    named = {name for _, text in _docstrings() for name in re.findall(r"training/configs/[\w-]+\.yaml", text)}
    assert named
    assert [name for name in sorted(named) if not Path(ROOT / name).is_file()] == []
