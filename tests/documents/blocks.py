"""Blocks of code in Markdown, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"),
    *sorted(str(path.relative_to(ROOT)) for folder in ("docs", "models") for path in (ROOT / folder).glob("*.md")),
)
# Why a block is not run as it stands. A `server` is, but in the background; `jobs` is run beside S3 and a queue, by
# tests/jobs/test_readme.py; of `readme` the README has the same commands, which are run there.
MARKS = frozenset({"aws", "docker", "gpu", "internet", "jobs", "readme", "server", "slow"})
SHELL, PYTHON = "sh", "python"
# Those that hold no commands.
OTHER_LANGUAGES = frozenset({"", "console", "json", "mermaid", "text"})

_FENCE = re.compile(r"^( *)```(\S*)(?: (.*))?$")


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        document: the file's path from the repository's root.
        line: of its opening fence, from 1.
        language: the first word behind the fence.
        mark: the second; "" where there is none.
        text: without the indentation of the fence.
    """

    document: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"

    def commands(self) -> list[str]:
        """The commands of a shell block, those of several lines as one, without comments."""
        joined = re.sub(r"\\\n *", "", self.text)
        joined = re.sub(r"(\||&&)\n *", r"\1 ", joined)
        lines = (re.sub(r"(^| )#.*$", "", line).rstrip() for line in joined.splitlines())
        return [line for line in lines if line]


def blocks(document: str) -> list[Block]:
    """Returns the fenced blocks of a document."""
    found: list[Block] = []
    opened: tuple[int, re.Match[str]] | None = None
    body: list[str] = []
    for number, line in enumerate((ROOT / document).read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, body = (number, fence), []
        elif opened and fence and not fence[2]:
            begun, opening = opened
            indentation = len(opening[1])
            text = "\n".join(each[indentation:] for each in body) + "\n"
            found.append(Block(document, begun, opening[2], opening[3] or "", text))
            opened = None
        elif opened:
            body.append(line)
    assert opened is None, f"{document} has a block that does not end"
    return found


@dataclass(frozen=True)
class ModuleCall:
    """A `python -m module ...`.

    Attributes:
        module: its name.
        arguments: what follows it.
    """

    module: str
    arguments: tuple[str, ...]

    @property
    def options(self) -> set[str]:
        return {word.partition("=")[0] for word in self.arguments if re.match(r"--[a-z]", word)}


def module_calls(command: str) -> Iterator[ModuleCall]:
    """Finds the modules that a command runs, also through torchrun and the Makefile's ARGS."""
    words = shlex.split(command.replace("|", " | ").replace(";", " ; "))
    for at, word in enumerate(words[:-1]):
        programs = {Path(each).name for each in words[:at]}
        if word == "-m" and ("torchrun" in programs or Path(words[at - 1]).name.startswith("python")):
            rest = words[at + 2 :]
            end = next((place for place, each in enumerate(rest) if each in ("|", ";", "&&", ">")), len(rest))
            yield ModuleCall(words[at + 1], tuple(rest[:end]))


def make_calls(command: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Finds the targets of make that a command asks for, with the variables that it sets."""
    words = shlex.split(command)
    for at, word in enumerate(words):
        if word == "make" and (at == 0 or "=" in words[at - 1] or words[at - 1] in ("&&", ";")):
            target, variables = "", {}
            for each in words[at + 1 :]:
                if each in ("&&", ";", "|"):
                    break
                name, equals, value = each.partition("=")
                if equals and name.isupper():
                    variables[name] = value
                elif not each.startswith("-"):
                    target = each
            yield target, variables


def prose(document: str) -> str:
    """Returns a document without its blocks of code."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)
