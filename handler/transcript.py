"""Tokens -> words with times and confidences -> transcript."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from handler import confidence, ctc, word_times
from handler.ctc import Tokens
from handler.spec import ModelSpec


@dataclass(frozen=True)
class Word:
    """A word and where it is.

    Attributes:
        word: its letters.
        start_s, end_s: seconds from the start of the recording.
        confidence: how likely the word is right, 0..1.
    """

    word: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True)
class Transcript:
    """What was said in a recording of `duration_s` seconds."""

    words: tuple[Word, ...]
    duration_s: float

    @property
    def text(self) -> str:
        """The words, separated by spaces."""
        return " ".join(word.word for word in self.words)


def build(windows: Iterable[tuple[float, Tokens]], spec: ModelSpec, duration_s: float) -> Transcript:
    """Puts the tokens of consecutive windows together.

    Args:
        windows: (start of the window in seconds, its tokens), in order. Words do not reach across windows.
        spec: the model's spec.
        duration_s: length of the whole recording; no word ends later.
    """
    found = [word for start_s, tokens in windows for word in words(tokens, spec, start_s, duration_s)]
    return Transcript(tuple(found), duration_s)


def words(tokens: Tokens, spec: ModelSpec, offset_s: float, duration_s: float) -> list[Word]:
    """Puts letters, times and confidence of each word of a window together."""
    found = ctc.words(tokens, spec.labels)
    spans_s = np.minimum(offset_s + word_times.spans_s(tokens, found, spec), duration_s).round(3).tolist()
    confidences = confidence.of_words(tokens, found, spec).round(4).tolist()
    texts = ["".join(spec.labels[label] for label in tokens.labels[letters]) for letters in found]
    return [
        Word(text, start_s, end_s, sure)
        for text, (start_s, end_s), sure in zip(texts, spans_s, confidences, strict=True)
    ]
