"""Reads what follows a point, and writes decimals: "3.14", "0.5%", "2.5 million"."""

from collections.abc import Sequence

from hark.itn import following, measures
from hark.itn.cardinals import Number, below_hundred, digits
from hark.itn.draft import Draft
from hark.itn.vocabulary import (
    AFTER_PERCENT,
    AFTER_PRONOUN,
    BEFORE_PRONOUN,
    CURRENCIES,
    DIGITS,
    NUMBER_WORDS,
    OWNERS,
    POINTS,
    REPEATS,
    SCALES,
    SYMBOLS,
    TEENS,
    TENS,
)

_POINTS = frozenset({"tipping", "turning", "data", "boiling", "melting", "freezing", "breaking", "selling", "entry"})
# After these, "point" is a noun: "at that point five percent had quit".
_BEFORE_MOMENT = BEFORE_PRONOUN - {"the", "only", "another"} | OWNERS | {"what", "starting", "good", "whose"} | _POINTS
_FRACTIONS = {("a", "half"): "5", ("a", "quarter"): "25", ("three", "quarters"): "75"}


def begin(words: Sequence[str], at: int) -> bool:
    """Says whether a point stands here that decimals may follow."""
    if words[at] not in POINTS:
        return False
    word = words[at + 1]
    return word in DIGITS or word in TEENS or word in TENS or (word in REPEATS and words[at + 2] in DIGITS)


def read(words: Sequence[str], at: int, text: str) -> tuple[int, str]:
    """Reads on from a point: "3.14", "3.1.4", "192.168.1.1".

    Args:
        words: ending in empty strings.
        at: index of the first point.
        text: what stands before it, in figures.

    Returns:
        The index after the last decimal, and all in figures.
    """
    parts = [text]
    while begin(words, at):
        found = digits(words, at + 1, pairs=False, decimals=True)
        if found.text:
            parts.append(found.text)
            at = found.end
        else:
            number = below_hundred(words, at + 1)
            if number is None or number.ordinal:
                break
            parts.append(str(number.value))
            at = number.end
    return at, ".".join(parts)


def write(draft: Draft, at: int, end: int, text: str) -> int:
    """Writes a number with its decimals, which begin at [end], and with what it measures, if anything."""
    end, text = read(draft.words, end, text)
    return measures.write(draft, at, end, text, None) or draft.write(text, at, end, "number")


def decimal(draft: Draft, at: int, number: Number) -> int:
    """Writes a number with its decimals, unless "one point" are words: "at one point two people left"."""
    words = draft.words
    end, text = read(words, number.end, f"{number.value:,}")
    before = words[at - 1]
    if number.value == 1 and before == "at" and words[number.end + 1] in TENS:
        return 0  # "at one point fifty percent of us"
    written = measures.write(draft, at, end, text, None)
    if written:
        return written
    if number.value == 1 and (before == "at" or before in BEFORE_PRONOUN):
        return 0
    if number.value == 1 and before in ("is", "was", "make") and words[end] in AFTER_PRONOUN:
        return 0  # "there is one point one must make"
    return draft.write(text, at, end, "number")


def mixed_number(draft: Draft, at: int, number: Number) -> int:
    """Writes "two and a half million" as 2.5 million; "two and a half" without such a word stays."""
    words, end = draft.words, number.end
    if words[end] != "and":
        return 0
    decimals = _FRACTIONS.get((words[end + 1], words[end + 2]))
    if decimals is None:
        return 0
    after = end + 3
    word = words[after]
    if word in SCALES or word == "percent" or following.per_cent(words, after) or word in CURRENCIES:
        return measures.write(draft, at, after, f"{number.value:,}.{decimals}", None)
    return 0


def bare_decimal(draft: Draft, at: int) -> int:
    """Writes "point five percent", where a unit shows that it is a number."""
    words = draft.words
    before = words[at - 1]
    if not begin(words, at) or before in NUMBER_WORDS or before in _BEFORE_MOMENT:
        return 0
    end, text = read(words, at, "0")
    if before == "a" and (words[end] != "percent" or words[end + 1] not in AFTER_PERCENT):
        return 0  # "up to a point ten percent of us"
    if words[end] in ("percent", "per") or words[end] in SYMBOLS or words[end] in ("million", "billion"):
        return measures.write(draft, at, end, text, None)
    return 0
