"""Commands in the documents work as printed, and those that cannot be tried here name what exists."""

import contextlib
import importlib
import io
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents.blocks import (
    DOCUMENTS,
    MARKS,
    OTHER_LANGUAGES,
    PYTHON,
    SHELL,
    Block,
    ModuleCall,
    blocks,
    make_calls,
    module_calls,
    prose,
)
from tests.documents.workplace import Workplace
from training.config_files import load_config

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
BLOCKS = {document: blocks(document) for document in DOCUMENTS}
# Blocks that run here as they are, in the order of their document.
RUN = {
    document: [block for block in found if block.language in (SHELL, PYTHON) and block.mark in ("", "server")]
    for document, found in BLOCKS.items()
}
# What the commands run in all documents, tests/jobs/test_readme.py included, come to at least.
LEAST_RUN = 58


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    made = Workplace(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("document", [document for document, found in RUN.items() if found])
def test_commands_run_as_printed(document: str, workplace: Workplace) -> None:
    for block in RUN[document]:
        workplace.run(block)
    assert workplace.commands_run == sum(map(_count, RUN[document]))


def test_most_commands_that_need_nothing_special_are_run() -> None:
    run = [*RUN.values(), [block for found in BLOCKS.values() for block in found if block.mark == "jobs"]]
    assert sum(_count(block) for found in run for block in found) >= LEAST_RUN


def test_blocks_say_what_they_are() -> None:
    for block in _all_blocks():
        assert block.language in (SHELL, PYTHON, *OTHER_LANGUAGES), block.place
        assert not block.mark or (block.language == SHELL and block.mark in MARKS), block.place
        assert block.language not in (SHELL, PYTHON) or block.text.strip(), block.place


def test_commands_that_the_readme_runs_are_the_same_there() -> None:
    run = {command for block in RUN["README.md"] if block.language == SHELL for command in block.commands()}
    for block in _all_blocks():
        if block.mark == "readme":
            assert set(block.commands()) <= run, block.place


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_command_stands_outside_a_block(document: str) -> None:
    found = re.findall(r"^ {4,}(?:make|curl|pip|python|\.venv/bin/\S+) .*$", prose(document), re.MULTILINE)
    assert not found or document == "models/MODEL_CARD.md"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_targets_and_their_options_exist(document: str) -> None:
    for place, command in _commands(document):
        for target, variables in make_calls(command):
            assert target in TARGETS, f"{place}: make {target}"
            recipe = _recipe(target)
            for name in variables.keys() - {"PORT", "PYTHON"}:
                assert f"$({name})" in recipe, f"{place}: make {target} takes no {name}"
            words = shlex.split(variables.get("ARGS", ""))
            module = _module_that_takes_arguments(recipe)
            if words and target == "train":
                load_config(variables.get("CONFIG", "training/configs/base.yaml"), _fields(words))
            if words and module:
                _check(place, ModuleCall(module, tuple(words)))
    for target in re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z-]+)", prose(document)):
        assert target in TARGETS, f"{document}: make {target}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_and_their_options_exist(document: str) -> None:
    for place, command in _commands(document):
        for call in module_calls(command):
            _check(place, call)
    for quoted in re.findall(r"`(?:\S*python|python) -m ([^`]+)`", prose(document).replace("\n", " ")):
        module, *arguments = quoted.split()
        _check(document, ModuleCall(module, tuple(arguments)))


def _check(place: str, call: ModuleCall) -> None:
    if call.module == "..." or call.module in sys.stdlib_module_names:
        return
    path = ROOT / call.module.replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), f"{place}: {call.module}"
    for option in call.options:
        known = _help(call.module) + (_help(call.module, call.arguments[0]) if call.arguments else "")
        # A target of the Makefile may name the subcommand that the options are of.
        subcommands = re.search(r"\{([a-z]+(?:,[a-z]+)+)\} \.\.\.", known)
        known += "".join(_help(call.module, name) for name in (subcommands[1].split(",") if subcommands else ()))
        assert re.search(rf"{option}\b", known), f"{place}: {call.module} has no {option}"


@cache
def _help(module: str, *before: str) -> str:
    """Returns what a module prints for --help, behind a subcommand if one is given."""
    if module == "hark":  # whose __main__ runs as soon as it is imported
        return _help("hark.cli", *before)
    name = f"{module}.__main__" if (ROOT / module.replace(".", "/") / "__main__.py").is_file() else module
    main: Callable[[list[str]], int] = importlib.import_module(name).main
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), contextlib.suppress(SystemExit):
        main([*before, "--help"])
    return printed.getvalue()


def _recipe(target: str) -> str:
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    assert found
    return found[0]


def _module_that_takes_arguments(recipe: str) -> str | None:
    call = re.search(r"python -m ([a-z_.]+)[^;]*\$\(ARGS\)", recipe.replace("\\\n", " "))
    return call[1] if call else None


def _fields(words: list[str]) -> list[str]:
    """Returns the `field=value` among arguments of training, which may stand behind an option and its value."""
    return [word for word in words if "=" in word and not word.startswith("-")]


def _commands(document: str) -> Iterator[tuple[str, str]]:
    for block in BLOCKS[document]:
        if block.language == SHELL:
            for command in block.commands():
                yield block.place, command


def _all_blocks() -> Iterator[Block]:
    for found in BLOCKS.values():
        yield from found


def _count(block: Block) -> int:
    return 1 if block.language == PYTHON else len(block.commands())
