"""What else a word may have been: changes of a window's best text, each of them scored alone.

A list of the best texts of a window hardly says so: they differ in the same few places again and again. Here every
other text that is known is taken apart into its differences from the best one, and each difference is scored on its
own, in a text that is otherwise the best.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

# As many as somebody who proofreads can take in, and choose by a key.
MOST = 8
# How many of a search's texts are compared with the best one.
SEARCHED = 100
# A longer stretch that is another one is another text, rather than another word.
_LONGEST_WORDS = 3


@dataclass(frozen=True)
class WordAlternative:
    """What may have been said in place of a word, or of some words from this one on.

    Attributes:
        text: the words, separated by spaces, as they are spoken; "" for none.
        words: how many words it stands for.
        score: natural logarithm of how much likelier the recording is with it than as it was transcribed, by all that
            was asked of it; mostly below 0.
    """

    text: str
    words: int
    score: float


class Change(NamedTuple):
    """Words `start` to `end`, the latter excluded, are `instead`."""

    start: int
    end: int
    instead: tuple[str, ...]

    def of(self, words: Sequence[str]) -> str:
        """Returns the text of words with this change."""
        return " ".join([*words[: self.start], *self.instead, *words[self.end :]])


def differences(one: Sequence[str], other: Sequence[str]) -> list[Change]:
    """Returns where words of `one` are others in `other`."""
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return [
        Change(start, end, tuple(other[other_start:other_end]))
        for kind, start, end, other_start, other_end in matcher.get_opcodes()
        if kind != "equal"
    ]


def changes(words: Sequence[str], texts: Iterable[str]) -> list[Change]:
    """Returns the changes of single words, and of a few together, that other texts have; the first text's come first.

    Where as many words are others, each of them is a change of its own. What is only missing is none: there is no word
    in whose place it would stand.
    """
    found: dict[Change, None] = {}
    for text in texts:
        for change in differences(words, text.split()):
            start, end, instead = change
            if end - start == len(instead):
                for place, word in enumerate(instead, start):
                    found[Change(place, place + 1, (word,))] = None
            elif start < end <= start + _LONGEST_WORDS and len(instead) <= _LONGEST_WORDS:
                found[change] = None
    return list(found)


def parts(change: Change) -> list[Change]:
    """Returns smaller changes that a change of some words to more or fewer others may consist of.

    Which word stands for which is not known: they are matched from the first on, and from the last on, and what is left
    over then is added or left out.
    """
    start, end, instead = change
    pairs = min(end - start, len(instead))
    if not pairs or end - start == len(instead):
        return []
    first, last = range(pairs), range(-pairs, 0)
    found = [Change(start + i, start + i + 1, (instead[i],)) for i in first]
    found += [Change(end + i, end + i + 1, (instead[i],)) for i in last]
    return [
        *found,
        Change(start, end - pairs, instead[:-pairs]),
        Change(start + pairs, end, instead[pairs:]),
    ]


def together(words: Sequence[str], changes: Iterable[Change]) -> str:
    """Returns the text of words with several changes; of those that overlap or touch, with the first."""
    taken: list[Change] = []
    for change in changes:
        if all(change.end < other.start or other.end < change.start for other in taken):
            taken.append(change)
    changed = list(words)
    for start, end, instead in sorted(taken, reverse=True):
        changed[start:end] = instead
    return " ".join(changed)


def best(words: Sequence[str], scores: Mapping[Change, float], most: int) -> tuple[tuple[WordAlternative, ...], ...]:
    """Returns for each word the best that may stand in its place, the best first, with those that begin at it.

    Args:
        words: of the text.
        scores: of changes, in natural logarithms, less that of the text itself.
        most: of each word.
    """
    of_words: list[list[WordAlternative]] = [[] for _ in words]
    for change, score in scores.items():
        found = WordAlternative(" ".join(change.instead), change.end - change.start, round(score, 4))
        of_words[change.start].append(found)
    return tuple(tuple(sorted(each, key=lambda one: -one.score)[:most]) for each in of_words)
