"""Reads the hand-checked cases: what was spoken, what an editor writes, of which kind."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

_CASES = Path(__file__).resolve().parent / "cases.tsv"
_BREAK = "/"


class Case(NamedTuple):
    """A case.

    Attributes:
        words: as recognised.
        breaks: [words] whether a sentence or clause ends after the word.
        written: as an editor writes it, tokens apart by spaces.
        kind: such as "date"; "ambiguous", "prose" and "old" have mostly nothing to write.
    """

    words: list[str]
    breaks: list[bool]
    written: str
    kind: str

    @property
    def unchanged(self) -> bool:
        """Whether nothing is to be written in figures."""
        return " ".join(self.words) == self.written


@cache
def cases() -> tuple[Case, ...]:
    """Returns all cases, in the order of the file."""
    return tuple(_case(*line.split("\t")) for line in _CASES.read_text(encoding="utf-8").splitlines())


def _case(spoken: str, written: str, kind: str) -> Case:
    words: list[str] = []
    breaks: list[bool] = []
    for word in spoken.split():
        if word == _BREAK:
            breaks[-1] = True
        else:
            words.append(word)
            breaks.append(False)
    return Case(words, breaks, written, kind)
