"""Numbers and letters that are dictated one by one, with pauses that no reader sees: 555-0134.

A punctuation model takes the pauses, or a digit that begins anew, for ends of clauses and sentences.
"""

import dataclasses
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice, tee

from hark import itn
from hark.punctuation import NOTHING, UPPER, Labels
from hark.transcript import Word

# English words for single digits, and for how often one is said.
DIGITS = frozenset(
    ("double", "triple", "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
)
_UNITS = DIGITS - {"double", "triple", "zero", "oh"}
_NUMBERS = DIGITS | itn.NUMBER_WORDS - itn.ORDINAL_WORDS
# Runs of so many digits are one number, however it is dictated; and runs of so many letters are spelt.
_LEAST_DIGITS, _LEAST_LETTERS, _LONGEST_RUN = 4, 2, 40
# So is a run with larger numbers that makes a telephone's, of so many digits: "five five five twenty six seventy one".
_LEAST_TELEPHONE = 7
# "three oh six" is one number, unless somebody pauses so long before an "oh" of surprise, or goes on with these.
_OH_PAUSE_S = 0.4
_AFTER_SURPRISE = frozenset(("of", "more", "thing", "things", "another"))
_WARS = frozenset(("one", "two", "three"))
_LETTERS = frozenset(string.ascii_lowercase)


@dataclass(frozen=True)
class Read:
    """A word, the pause after it in seconds (None where it is not known), and what a model says of it."""

    word: Word
    gap_s: float | None
    labels: Labels


def joined(reads: Iterable[Read]) -> Iterator[Read]:
    """Takes marks and pauses out of runs of numbers and of letters that are one thing; two words more are held."""
    before = ""
    for kind, run in groupby(_with_following(reads), key=lambda each: _kind(each[0].word.word)):
        while part := list(islice(run, _LONGEST_RUN if kind else 1)):
            found = [read for read, _, _ in part]
            _, after, behind = part[-1]
            if kind == "numbers":
                yield from _number(before, found, after, behind)
            elif kind == "letters":
                yield from _letters(found)
            else:
                yield _without_mark(found[0]) if _leads(before, found[0].word.word, after) else found[0]
            before = found[-1].word.word


def _leads(before: str, word: str, after: str) -> bool:
    """Says whether a word belongs to the number after it: "minus five", "point oh five", "World War Two"."""
    if word == "minus":
        return after in _NUMBERS
    if word == "point":
        return after in DIGITS and (after == "oh" or before in _NUMBERS)
    return (before, word) == ("world", "war") and after in _WARS


def _with_following(reads: Iterable[Read]) -> Iterator[tuple[Read, str, str]]:
    """Yields each with the two words after it, "" where there are none."""
    these, first, second = tee(reads, 3)
    after = chain((read.word.word for read in islice(first, 1, None)), [""])
    behind = chain((read.word.word for read in islice(second, 2, None)), ["", ""])
    return zip(these, after, behind, strict=False)


def _kind(word: str) -> str:
    if word in _NUMBERS:
        return "numbers"
    return "letters" if len(word) == 1 and word in _LETTERS else ""


def _letters(run: list[Read]) -> list[Read]:
    # "a" and "I" are words, too: "I have a D".
    first = run[:1] if run[0].word.word in ("a", "i") and len(run) == _LEAST_LETTERS else []
    spelt = run[len(first) :]
    if len(run) < _LEAST_LETTERS or {read.word.word for read in spelt} <= {"a", "i"}:
        return run
    upper = [dataclasses.replace(read, labels=Labels(read.labels.mark, UPPER)) for read in spelt]
    return [*first, *map(_without_mark, upper[:-1]), upper[-1]]


def _number(before: str, run: Sequence[Read], after: str, behind: str) -> list[Read]:
    """Takes marks out of a run of words of numbers, where it is one number."""
    words = [read.word.word for read in run]
    inner: set[int] = set()  # words without a mark after them
    for is_digit, places in groupby(range(len(run)), key=lambda at: words[at] in DIGITS):
        digits = list(places)
        if is_digit and len(digits) >= _LEAST_DIGITS:
            inner.update(digits[:-1])
    if len(run) >= _LEAST_DIGITS and len(inner) < len(run) - 1:
        tokens = itn.tokens(words)
        if len(tokens) == 1 and sum(map(str.isdigit, tokens[0].text)) >= _LEAST_TELEPHONE and "," not in tokens[0].text:
            inner.update(range(len(run) - 1))
    for at in range(1, len(run) - 1):
        then = words[at + 2] if at + 2 < len(run) else after
        if words[at] == "oh" and words[at + 1] in _UNITS and words[at - 1] != "oh" and then not in _AFTER_SURPRISE:
            gap_s = run[at - 1].gap_s
            if gap_s is None or gap_s < _OH_PAUSE_S:
                inner.update((at - 1, at))
    if before == "point" and words[0] == "oh" and len(run) > 1:
        inner.add(0)
    if after in ("a", "p") and behind == "m":
        inner.add(len(run) - 1)
    return [_without_mark(read) if at in inner else read for at, read in enumerate(run)]


def _without_mark(read: Read) -> Read:
    gap_s = None if read.gap_s is None else 0.0
    return Read(read.word, gap_s, Labels(NOTHING, read.labels.case))
