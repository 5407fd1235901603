"""What CTC, the language model and the attention decoder say of texts together, and of changes of a text."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hark import alphabet, ctc
from hark.attention import AttentionDecoder, Heard, Opinion, Reading
from hark.beam import BeamSearch
from hark.spec import ModelSpec
from hark.word_alternatives import Change

# The attention decoder reads each text that is looked at; it would never end with a billion.
_MOST = 1000
# How many words after a change are read again. Those after them are hardly more or less likely than they were.
_AFTER = 3


@dataclass(frozen=True)
class JointWeights:
    """How the scores of a text are weighed; that of CTC counts 1. `benchmarks.joint` finds them.

    Attributes:
        attention: factor of the attention decoder's log-probability.
        language: factor of what the search's language model and hot words add.
        word: what each word earns.
        candidates: how many of the search's texts are looked at as they are.
        searched: how many of its texts are looked at for their differences from the best one.
        likely: how many subwords that the attention decoder finds likely are tried in the place of each word.
        variants: how many texts with a difference from the best one it reads at once.
        hotword_log_prob: the least log-probability of a hot word by the attention decoder.
    """

    attention: float = 1.0
    language: float = 0.5
    word: float = 0.0
    candidates: int = 1
    searched: int = 50
    likely: int = 8
    variants: int = 6
    hotword_log_prob: float = -4.0

    def __post_init__(self) -> None:
        """Raises ValueError where nothing could be decoded by them."""
        numbers = (self.attention, self.language, self.word, self.hotword_log_prob)
        counts = (self.candidates, self.searched, self.likely, self.variants)
        if not all(map(math.isfinite, numbers)) or not all(type(each) is int and 0 < each <= _MOST for each in counts):
            raise ValueError(f"joint weights are finite numbers, with 1 to {_MOST} texts of each kind")

    def total(self, parts: "Parts") -> float:
        """Returns the score of a text with these parts."""
        known = self.language * parts.language + self.attention * parts.attention
        return parts.frames + known + self.word * parts.words


class Parts(NamedTuple):
    """What is known of a text: natural logarithms of probabilities, but for `words`.

    Attributes:
        frames: of the frames, by CTC.
        language: of the text, by what the search knows: its language model and hot words.
        attention: of the text, by the attention decoder.
        words: how many it has.
    """

    frames: float
    language: float
    attention: float
    words: int


@dataclass(frozen=True)
class Scored:
    """A candidate.

    Attributes:
        text: words apart by single spaces.
        score: of all that knows of it.
        parts: of the score.
        said: [words] log-probability of each word by the attention decoder; empty where it could not read the text.
    """

    text: str
    score: float
    parts: Parts
    said: tuple[float, ...] = ()


class Scores:
    """Scores texts of one window, by all that knows of them.

    Args:
        search: what knows of the language, and of hot words.
        attention: the attention decoder.
        weights: of the scores.
        hot: single hot words.
        log_probs: [frames, labels] of the window.
        spec: of the model.
        heard: the window, as the attention decoder heard it.
    """

    def __init__(
        self,
        search: BeamSearch,
        attention: AttentionDecoder,
        weights: JointWeights,
        hot: frozenset[str],
        log_probs: NDArray[np.float32],
        spec: ModelSpec,
        heard: Heard,
    ) -> None:
        self._search, self._attention, self._weights, self._hot = search, attention, weights, hot
        self._log_probs, self._spec, self._heard = log_probs, spec, heard
        self._subwords = attention.spec.subwords

    def of_texts(self, texts: Iterable[str]) -> Iterator[Scored]:
        """Scores texts, but for those that cannot be spelt in the frames there are, or that the decoder cannot read."""
        texts = list(texts)
        for text, opinion in zip(texts, self._attention.opinions(self._heard, texts), strict=True):
            if opinion and (scored := self._of_text(text, opinion)):
                yield scored

    def read(self, text: str) -> tuple[Scored, Reading] | None:
        """Scores one text, and returns the attention decoder's reading of it; None as in `of_texts`."""
        reading = self._attention.read(self._heard, text)
        scored = reading and self._of_text(text, reading.opinion)
        return (scored, reading) if scored and reading else None

    def _of_text(self, text: str, opinion: Opinion) -> Scored | None:
        labels = spelt(text, self._spec)
        frames = -math.inf if labels is None else ctc.log_prob(self._log_probs, labels, self._spec.blank)
        if labels is None or frames == -math.inf:
            return None
        language = self._search.text_score(labels)
        *said, end = self.of_words(text.split(), opinion.log_probs)
        parts = Parts(frames, language, self._said(text.split(), said) + end, len(said))
        scored = Scored(text, self._weights.total(parts), parts, tuple(said))
        return scored if math.isfinite(scored.score) else None  # else a sum has overflowed in the network

    def known(self, words: Sequence[str], changes: Iterable[Change]) -> dict[Change, float]:
        """Says how much likelier changes make a text, by CTC and what the search knows, in natural logarithms.

        Changes that cannot be spelt in the frames there are, are left out.
        """
        return self._search.change_scores(words, changes, self._log_probs, self._weights.language)

    def of_changes(self, words: Sequence[str], reading: Reading, known: Mapping[Change, float]) -> dict[Change, float]:
        """Says how much likelier changes make a text, by everything; those that the decoder cannot read are left out.

        The attention decoder reads what is changed and the words after it, and no more: `of_texts` is exact.

        Args:
            words: of the text.
            reading: of it.
            known: the changes, and what `known` says of them.
        """
        places = self.places(words)
        of_words = self.of_words(words, reading.opinion.log_probs)
        spec, scores = self._attention.spec, dict[Change, float]()
        by_place: dict[int, list[tuple[Change, list[str], list[int]]]] = {}
        for change in known:
            then = [*change.instead, *words[change.end : change.end + _AFTER]]
            ids = self._subwords.ids(" ".join(then))
            if ids is None or spec.starts + places[change.start] + len(ids) > spec.positions:
                continue
            ends = change.end + _AFTER >= len(words)
            by_place.setdefault(change.start, []).append((change, then, [*ids, spec.end] if ends else ids))
        for start, rows in by_place.items():
            said = self._attention.instead(self._heard, reading, places[start], [ids for _, _, ids in rows])
            for (change, then, _), log_probs in zip(rows, said, strict=True):
                *of_then, end = self.of_words(then, log_probs)  # what is left is the text's end, or nothing
                before = words[start : change.end + _AFTER]
                was = self._said(before, of_words[start : start + len(before)])
                if change.end + _AFTER >= len(words):
                    was += of_words[-1]
                gained = self._weights.attention * (self._said(then, of_then) + end - was)
                longer = len(change.instead) - (change.end - start)
                scores[change] = known[change] + gained + self._weights.word * longer
        return {change: score for change, score in scores.items() if math.isfinite(score)}

    def at_first_sight(self, words: Sequence[str], reading: Reading, changes: Iterable[Change]) -> dict[Change, float]:
        """Says how much likelier the attention decoder finds the first subword of changes than what is there now.

        Changes with words that it cannot write are left out.
        """
        spec, places, found = self._attention.spec, self.places(words), dict[Change, float]()
        ids = [*reading.opinion.ids, spec.end]
        for change in changes:
            then = self._subwords.ids(" ".join([*change.instead, *words[change.end : change.end + 1]]))
            if then is not None:
                place, first = places[change.start], then[0] if then else spec.end
                found[change] = float(reading.following[place, first] - reading.following[place, ids[place]])
        return found

    def of_words(self, words: Sequence[str], log_probs: NDArray[np.float64]) -> list[float]:
        """Returns the log-probability of each word, and of what follows them, from those of their subwords."""
        return [float(part.sum()) for part in np.split(log_probs, self.places(words)[1:])]

    def places(self, words: Sequence[str]) -> list[int]:
        """Returns how many subwords are before each word, and how many there are in all."""
        return [0, *itertools.accumulate(len(self._subwords.ids(word) or ()) for word in words)]

    def _said(self, words: Sequence[str], of_words: Sequence[float]) -> float:
        """The attention decoder's log-probability of words, of which hot ones are not unlikely."""
        least = self._weights.hotword_log_prob
        return sum(
            max(log_prob, least) if word in self._hot else log_prob
            for word, log_prob in zip(words, of_words, strict=True)
        )


def spelt(text: str, spec: ModelSpec) -> list[int] | None:
    """Returns the labels that spell a text; None where there are none for it."""
    return alphabet.of(spec.labels, spec.language).spell(text)
