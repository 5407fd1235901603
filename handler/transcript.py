"""Tokens -> words with times and confidences -> transcript."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from handler.ctc import Tokens
from handler.spec import ModelSpec


@dataclass(frozen=True)
class Word:
    """A word and where it is.

    Attributes:
        word: its letters.
        start_s, end_s: seconds from the start of the recording.
        confidence: geometric mean of its letters' probabilities, 0..1.
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
    """Groups the letters between spaces into words."""
    found: list[Word] = []
    letters: list[int] = []
    for i, label in enumerate(tokens.labels):
        if spec.labels[label] == " ":
            if letters:
                found.append(_word(letters, tokens, spec, offset_s, duration_s))
            letters = []
        else:
            letters.append(i)
    if letters:
        found.append(_word(letters, tokens, spec, offset_s, duration_s))
    return found


def _word(letters: Sequence[int], tokens: Tokens, spec: ModelSpec, offset_s: float, duration_s: float) -> Word:
    frame_s = 1 / spec.output_frames_per_second
    mean_log_confidence = np.log(np.maximum(tokens.confidences[list(letters)], 1e-10)).mean()
    return Word(
        word="".join(spec.labels[tokens.labels[i]] for i in letters),
        start_s=round(min(offset_s + float(tokens.starts[letters[0]]) * frame_s, duration_s), 3),
        end_s=round(min(offset_s + float(tokens.ends[letters[-1]]) * frame_s, duration_s), 3),
        confidence=round(float(np.exp(mean_log_confidence)), 4),
    )
