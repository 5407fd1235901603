"""Labelled texts -> batches: words as they may be heard, pauses as they may be made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hark.punctuation import FULL_STOP, NOTHING, QUESTION_MARK, UNKNOWN_GAP, PunctuationSpec
from training.punctuation.errors import Errors, misheard
from training.punctuation.labels import Labelled
from training.punctuation.pauses import Pauses


@dataclass
class Conditions:
    """What a passage goes through before the network reads it.

    Attributes:
        words: in a passage.
        unknown_gaps: share of the passages of which no pause is known.
        error_rates: one is drawn for each passage: the share of its words that the recogniser gets wrong.
        starts_sentence, ends_sentence: share of the passages that begin where a sentence does, as recordings mostly
            do; and of the rest, share of those that end where one does.
        longest_short: words of the longest of the short passages, which are whole sentences, as short recordings are.
        short_share: of all words, those in short passages.
        renamed: share of the names, of which there is a list, that are other names.
    """

    words: int = 128
    unknown_gaps: float = 0.35
    error_rates: tuple[float, ...] = (0.0, 0.0, 0.0, 0.06, 0.12, 0.2)
    starts_sentence: float = 0.5
    ends_sentence: float = 0.5
    longest_short: int = 40
    short_share: float = 0.15
    renamed: float = 0.15


class Passage(NamedTuple):
    """Words as they were heard, in order.

    Attributes:
        words: the words.
        gaps_s: [words] the pause after each, in seconds; NaN where it is not known.
        marks, cases: [words] what the network is to say of each.
    """

    words: list[str]
    gaps_s: NDArray[np.float64]
    marks: NDArray[np.int64]
    cases: NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Passages of one length: [batch, words, rows], and [batch, words] of each of the others."""

    rows: Tensor
    gaps: Tensor
    marks: Tensor
    cases: Tensor


@dataclass(frozen=True)
class Source:
    """Texts, and what happens to them on their way to the network.

    Attributes:
        texts: each a book, or another text that goes on from sentence to sentence.
        conditions: shares and lengths.
        pauses: drawn for the words; None where there are none to draw from.
        errors: of the recogniser; None where there are none to draw from.
        names: words that are always capitals' words, to put in place of each other: no book has all names.
    """

    texts: Sequence[Labelled]
    conditions: Conditions
    pauses: Pauses | None = None
    errors: Errors | None = None
    names: Sequence[str] = ()

    def steps(self, size: int) -> int:
        """Returns how many batches of `size` long passages there are in one reading, at least."""
        return sum(max(len(text) - self._taken, 0) // self._taken for text in self.texts) // size

    @property
    def _taken(self) -> int:
        """Words that a passage is made of: those that errors leave out must come from somewhere."""
        return self.conditions.words + self.conditions.words // 8

    def passages(self, rng: np.random.Generator) -> Iterator[Passage]:
        """Yields all words of all texts about once, in drawn order, in passages of `conditions.words` words."""
        places = []
        for number, text in enumerate(self.texts):
            shift = int(rng.integers(self._taken))
            places += [(number, start) for start in range(shift, len(text) - self._taken, self._taken)]
        for place in rng.permutation(len(places)).tolist():
            number, start = places[place]
            text, ends = self.texts[number], False
            if rng.random() < self.conditions.starts_sentence:
                start = _nearby(text, start, len(text) - self._taken)
            elif rng.random() < self.conditions.ends_sentence:
                end = _nearby(text, start + self._taken, len(text))
                start, ends = end - self._taken, _is_sentence_end(text, end)
            passage = self._passage(text, slice(start, start + self._taken), rng, ends)
            words = self.conditions.words
            if len(passage.words) >= words:
                kept = slice(len(passage.words) - words, None) if ends else slice(words)
                yield Passage(passage.words[kept], passage.gaps_s[kept], passage.marks[kept], passage.cases[kept])

    def short_passages(self, words: int, count: int, rng: np.random.Generator) -> list[Passage]:
        """Draws passages of whole sentences that have exactly so many words together; some have fewer errors."""
        lengths = np.array([len(text) for text in self.texts], np.float64)
        found = []
        for text, share in zip(self.texts, rng.multinomial(count, lengths / lengths.sum()).tolist(), strict=True):
            ends = text.sentence_ends
            starts = ends[np.isin(ends + words, ends, assume_unique=True)] if share else ends[:0]
            drawn = rng.choice(starts, share).tolist() if len(starts) else []
            parts = (slice(start, start + words) for start in drawn)
            found += [self._passage(text, part, rng, ends=True, same_length=True) for part in parts]
        return found

    @cached_property
    def _known_names(self) -> frozenset[str]:
        return frozenset(self.names)

    def _with_other_names(self, text: Labelled, part: slice, rng: np.random.Generator) -> list[str]:
        words = text.words[part]
        if not self.names:
            return words
        renamed = rng.random(len(words)) < self.conditions.renamed
        others = rng.integers(len(self.names), size=len(words))
        return [
            self.names[other] if is_other and word in self._known_names else word
            for word, is_other, other in zip(words, renamed.tolist(), others.tolist(), strict=True)
        ]

    def _passage(
        self, text: Labelled, part: slice, rng: np.random.Generator, ends: bool, same_length: bool = False
    ) -> Passage:
        marks, cases = np.array(text.marks[part]), np.array(text.cases[part])
        words = self._with_other_names(text, part, rng)
        rate = rng.choice(self.conditions.error_rates)
        if self.errors and rate:
            heard = misheard(words, rate, self.errors, rng, same_length)
            words, marks, cases = _with_errors(heard, marks, cases)
        gaps_s = np.full(len(words), np.nan)
        if self.pauses and rng.random() >= self.conditions.unknown_gaps:
            gaps_s = self.pauses.draw(marks, rng)
            if ends:
                gaps_s[-1:] = np.inf  # the recording ends, too
        return Passage(words, gaps_s, marks, cases)


def _nearby(text: Labelled, place: int, last: int) -> int:
    """Returns where the next sentence begins after a place, if that is no later than `last`, or else the place."""
    ends = text.sentence_ends
    at = int(np.searchsorted(ends, place))
    return int(ends[at]) if at < len(ends) and ends[at] <= last else place


def _is_sentence_end(text: Labelled, place: int) -> bool:
    return text.marks[place - 1] in (FULL_STOP, QUESTION_MARK)


def _with_errors(
    heard: list[list[str]], marks: NDArray[np.int64], cases: NDArray[np.int64]
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """A mark stays after a word that was added, and goes to the word before one that was left out."""
    found: list[str] = []
    found_marks: list[int] = []
    found_cases: list[int] = []
    for instead, mark, case in zip(heard, marks.tolist(), cases.tolist(), strict=True):
        if not instead:
            if found and found_marks[-1] == NOTHING:
                found_marks[-1] = mark
            continue
        found += instead
        found_marks += [NOTHING] * (len(instead) - 1) + [mark]
        found_cases += [case] + [0] * (len(instead) - 1)
    return found, np.array(found_marks), np.array(found_cases)


def gap_classes(gaps_s: NDArray[np.float64], spec: PunctuationSpec) -> NDArray[np.int64]:
    """As `PunctuationSpec.gap_class`, of many."""
    classes = 1 + np.searchsorted(spec.gap_edges_s, gaps_s, side="right")
    return np.where(np.isnan(gaps_s), UNKNOWN_GAP, classes)


def batches(source: Source, size: int, spec: PunctuationSpec, rng: np.random.Generator) -> Iterator[Batch]:
    """Yields long passages in batches of `size`; short ones of one length are batches of their own among them."""
    held: list[Passage] = []
    share = source.conditions.short_share
    for passage in source.passages(rng):
        held.append(passage)
        if len(held) < size:
            continue
        if rng.random() < share:
            words = int(rng.integers(2, source.conditions.longest_short + 1))
            short = source.short_passages(words, size * source.conditions.words // words // 2, rng)
            if short:
                yield _batch(short, spec)
        yield _batch(held, spec)
        held = []
    if held:
        yield _batch(held, spec)


def _batch(held: list[Passage], spec: PunctuationSpec) -> Batch:
    rows = [spec.rows(passage.words) for passage in held]
    return Batch(
        torch.from_numpy(np.stack(rows)),
        torch.from_numpy(np.stack([gap_classes(passage.gaps_s, spec) for passage in held])),
        torch.from_numpy(np.stack([passage.marks for passage in held])),
        torch.from_numpy(np.stack([passage.cases for passage in held])),
    )
