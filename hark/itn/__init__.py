"""Inverse text normalisation for English: numbers, dates, times, money and units as people write them.

A recogniser hears "the train leaves at nine thirty on the third of may"; people read "the train leaves at 9:30 on the
3rd of may". What is written how, and what stays as spoken, is in docs/inverse-text-normalisation.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hark.itn.pairs import settle
from hark.itn.reader import read
from hark.itn.vocabulary import NUMBER_WORDS, ORDINAL_WORDS

__all__ = ["NUMBER_WORDS", "ORDINAL_WORDS", "Token", "tokens"]


@dataclass(frozen=True, slots=True)
class Token:
    """Words as they are written.

    Attributes:
        text: "9:30", "3rd", "$5.50", or a word, unchanged.
        first: index of its first word.
        last: index after its last word.
    """

    text: str
    first: int
    last: int


def tokens(words: Sequence[str], breaks: Sequence[bool] | None = None) -> list[Token]:
    """Writes numbers in figures.

    Args:
        words: [words] as recognised: lower-case, without punctuation. Others are left alone, whatever they are.
        breaks: [words] true where a sentence or clause clearly ends after the word: no token goes beyond, and nothing
            beyond is looked at. None: nowhere.

    Returns:
        Each word in exactly one token, in order.
    """
    found: list[Token] = []
    for start, end in _clauses(len(words), breaks):
        clause = list(words[start:end])
        if NUMBER_WORDS.isdisjoint(clause):
            found += [Token(word, at, at + 1) for at, word in enumerate(clause, start)]
        else:
            found += [Token(item.text, start + item.first, start + item.last) for item in settle(read(clause))]
    return found


def _clauses(count: int, breaks: Sequence[bool] | None) -> Iterator[tuple[int, int]]:
    """Yields where stretches without a break begin and end."""
    start = 0
    for at, ends in enumerate(breaks or ()):
        if ends and at < count:
            yield start, at + 1
            start = at + 1
    if start < count:
        yield start, count
