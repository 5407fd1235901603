"""What fits into one subtitle, how its text is laid out in lines, and where a text is parted that does not fit.

Source: the figures that subtitlers work with (Netflix, "Timed Text Style Guide: General Requirements"; BBC, "Subtitle
Guidelines"): two lines of 42 characters, on screen for one to seven seconds; a new subtitle begins with a new sentence,
or else with a clause.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from hark.errors import InvalidParameter

MIN_S = 1.0
MAX_S = 7.0
# A pause of this many seconds ends a subtitle. As long as the shortest one, so that one shown for that long is gone
# when the next begins.
PAUSE_S = MIN_S
# Speech that goes on for longer without such a pause is parted where it can best be, so that what was said is known
# while a recording is still being read.
_LONGEST_S = 60.0
# Of all scripts; where one ends sentences with a mark that others do not know as such, it is there for them all.
_SENTENCE_ENDS = tuple(".?!\u061f\u06d4\u0964\u3002\uff1f\uff01\u0589\u055e\u1362\u104b")
_CLAUSE_ENDS = tuple(",;:\u060c\u061b\u3001\uff0c\uff1b\u1363\u104a")


@dataclass(frozen=True)
class Layout:
    """How much a subtitle holds.

    Attributes:
        max_line_length: characters in a line.
        max_lines: lines on the screen.
        lead: what stands before the text of each subtitle, such as the name of who speaks.
    """

    max_line_length: int = 42
    max_lines: int = 2
    lead: str = ""

    def fits(self, text: str, duration_s: float) -> bool:
        """Says whether a text that is spoken in `duration_s` seconds can stand in one subtitle."""
        return duration_s <= MAX_S and len(self.lines(text)) <= self.max_lines

    def lines(self, text: str) -> list[str]:
        """Lays a text out in lines, two as equal as words allow; only a word longer than a line is broken.

        What leads shares the first line, or has a line of its own, which does not count, where it is longer than half.
        """
        if self.lead and text and not self.has_lead_line:
            text = f"{self.lead} {text}"
        longest = self.max_line_length
        if len(text) <= longest:
            return [text] if text else []
        spaces = [i for i, character in enumerate(text) if character == " "]
        if spaces and self.max_lines > 1:
            # The lengths of the two lines, without the space between them.
            break_at = min(spaces, key=lambda i: max(i, len(text) - i - 1))
            if max(break_at, len(text) - break_at - 1) <= longest:
                return [text[:break_at], text[break_at + 1 :]]
        return textwrap.wrap(text, longest, break_on_hyphens=False)

    @property
    def has_lead_line(self) -> bool:
        """Says whether what leads stands in a line of its own above the others."""
        return len(self.lead) > self.max_line_length / 2


# What anybody may ask for.
LINE_LENGTHS = (10, 200)
LINE_COUNTS = (1, 10)
DEFAULT = Layout()


def layout(max_line_length: int | None = None, max_lines: int | None = None) -> Layout:
    """Makes a layout of what somebody asks for; None for the default.

    Raises:
        InvalidParameter: a value cannot be what it is.
    """
    asked = {"max_line_length": (max_line_length, LINE_LENGTHS), "max_lines": (max_lines, LINE_COUNTS)}
    for name, (value, (least, most)) in asked.items():
        if value is not None and not least <= value <= most:
            raise InvalidParameter(f"{name} must be a number from {least} to {most}.", param=name)
    return Layout(
        DEFAULT.max_line_length if max_line_length is None else max_line_length,
        DEFAULT.max_lines if max_lines is None else max_lines,
    )


class Timed(Protocol):
    """A word: `text`, as a reader sees it, is empty where it is a part of the one before, as of a number."""

    @property
    def text(self) -> str:
        """As a reader sees it, with the mark that follows it."""

    @property
    def start_s(self) -> float:
        """Where it starts, in seconds."""

    @property
    def end_s(self) -> float:
        """Where it ends, in seconds."""


def spans(words: Iterable[Timed], layout: Layout = DEFAULT) -> Iterator[int]:
    """Parts words: at pauses of `PAUSE_S` and ends of sentences, and wherever else they would not fit.

    What does not fit is parted at a clause, or else at a pause, near its middle. A sentence of less than `MIN_S`
    seconds goes with the next.

    Args:
        words: in order.
        layout: what has to fit.

    Yields:
        how many words each part has; no more than a minute's are looked at.
    """
    held: list[Timed] = []
    before = ""
    for word in words:
        at = 0
        if held and word.text:
            ends = _ends_sentence(before, word.text) and held[-1].end_s - held[0].start_s >= MIN_S
            if ends or _pause_s(held[-1], word) >= PAUSE_S:
                at = len(held)
            elif word.end_s - held[0].start_s > _LONGEST_S:
                at = _best_break([*held, word])
        if at:
            yield from _fitting(held[:at], layout)
            held = held[at:]
        held.append(word)
        before = word.text or before
    if held:
        yield from _fitting(held, layout)


def _fitting(words: Sequence[Timed], layout: Layout) -> Iterator[int]:
    text = " ".join(word.text for word in words if word.text)
    at = 0 if layout.fits(text, words[-1].end_s - words[0].start_s) else _best_break(words)
    if not at:
        yield len(words)
        return
    yield from _fitting(words[:at], layout)
    yield from _fitting(words[at:], layout)


def _best_break(words: Sequence[Timed]) -> int:
    """Returns the word that shall begin a new subtitle; 0 where none can.

    It is that after the end of a sentence, or else after the end of a clause, or else after the longest pause, which
    leaves neither part tiny; of several, the one nearest to the middle.
    """
    inside = np.array([not word.text for word in words[1:]], bool)
    if inside.all():
        return 0
    lengths = np.array([len(word.text) + 1 if word.text else 0 for word in words])
    before = np.cumsum(lengths)[:-1] / lengths.sum()  # share of the text before each but the first word
    pauses_s = np.array([_pause_s(*pair) for pair in pairwise(words)])
    sentence_ends, clause_ends, seen = [], [], ""
    for word, following in pairwise(words):
        seen = word.text or seen
        sentence_ends.append(_ends_sentence(seen, following.text))
        clause_ends.append(seen.endswith(_CLAUSE_ENDS))
    sentences = np.array(sentence_ends)
    clauses = np.array(clause_ends) & (before >= 1 / 4) & (before <= 3 / 4)
    pauses_s[(before < 1 / 3) | (before > 2 / 3)] = -np.inf
    pauses_s[sentences | clauses] = 0  # of these the nearest to the middle
    best_first = np.lexsort((np.abs(before - 0.5), -pauses_s, ~clauses, ~sentences, inside))
    return int(best_first[0]) + 1


def _ends_sentence(text: str, following: str) -> bool:
    """Says whether a sentence ends between two words; the full stop of an abbreviation ends none: "9 a.m. on"."""
    return text.endswith(_SENTENCE_ENDS) and not (text.endswith(".") and following[:1].islower())


def _pause_s(word: Timed, following: Timed) -> float:
    return round(following.start_s - word.end_s, 3)
