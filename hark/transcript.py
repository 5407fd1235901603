"""Tokens -> words with times and confidences -> segments as long as a subtitle -> transcript."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hark import confidence, ctc, cues, word_times
from hark.ctc import Tokens
from hark.spec import ModelSpec

# A pause of this many seconds ends a segment. As long as the shortest subtitle, so that one shown for that long is gone
# when the next begins.
_PAUSE_S = cues.MIN_S
# Speech that goes on for longer without such a pause is parted where it pauses longest, so that what was said is known
# while a recording is still being read.
_LONGEST_PHRASE_S = 60.0


@dataclass(frozen=True)
class Alternative:
    """One of several texts that a recording, or a window of one, may hold.

    Attributes:
        text: its words, separated by spaces.
        score: natural logarithm; the higher, the likelier. Only differences to the others' mean something.
    """

    text: str
    score: float


@dataclass(frozen=True)
class DecodedWindow:
    """What was heard in one window.

    Attributes:
        start_s: where the window begins, in seconds from the start of the recording.
        tokens: its letters.
        silences_s: [silences, 2] where nobody speaks in it, see `hark.segments.Window`.
        alternatives: the best texts, the best first; none unless asked for.
    """

    start_s: float
    tokens: Tokens
    silences_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True)
class Word:
    """A word and where it is.

    Attributes:
        word: its letters.
        start_s, end_s: seconds from the start of the recording; `start` and `end` are the same.
        confidence: how likely the word is right, 0..1.
    """

    word: str
    start_s: float
    end_s: float
    confidence: float

    @property
    def text(self) -> str:
        """The word, by the name that a segment's text has."""
        return self.word

    @property
    def start(self) -> float:
        """Where the word starts, in seconds from the start of the recording."""
        return self.start_s

    @property
    def end(self) -> float:
        """Where the word ends, in seconds from the start of the recording."""
        return self.end_s


@dataclass(frozen=True)
class Segment:
    """Words that are spoken together and fit into one subtitle.

    Attributes:
        words: at least one.
        token_ids: labels of the letters and of one space between words; joined, they spell `text`.
        token_log_probs: natural log-probability of each token.
    """

    words: tuple[Word, ...]
    token_ids: tuple[int, ...] = field(repr=False)
    token_log_probs: tuple[float, ...] = field(repr=False)

    @property
    def text(self) -> str:
        """The words, separated by spaces."""
        return " ".join(word.word for word in self.words)

    @property
    def start_s(self) -> float:
        """Where its first word starts, in seconds from the start of the recording."""
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        """Where its last word ends, in seconds from the start of the recording."""
        return self.words[-1].end_s

    @property
    def start(self) -> float:
        """Where its first word starts, in seconds from the start of the recording."""
        return self.start_s

    @property
    def end(self) -> float:
        """Where its last word ends, in seconds from the start of the recording."""
        return self.end_s

    @property
    def confidence(self) -> float:
        """Mean confidence of its words, 0..1."""
        return sum(word.confidence for word in self.words) / len(self.words)

    @property
    def avg_log_prob(self) -> float:
        """Mean natural log-probability of its tokens."""
        return sum(self.token_log_probs) / len(self.token_log_probs)

    @property
    def no_speech_prob(self) -> float:
        """Probability that every one of its tokens was heard wrongly, as if they erred independently."""
        return float(np.prod(1 - np.exp(np.array(self.token_log_probs))))


@dataclass(frozen=True)
class Transcript:
    """What was said in a recording of `duration_s` seconds.

    Attributes:
        segments: in order.
        duration_s: length of the recording.
        alternatives: the best texts, `text` being the first, no two alike; none unless asked for.
    """

    segments: tuple[Segment, ...]
    duration_s: float
    alternatives: tuple[Alternative, ...] = ()

    @property
    def duration(self) -> float:
        """Length of the recording in seconds."""
        return self.duration_s

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments."""
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def text(self) -> str:
        """The words, separated by spaces."""
        return " ".join(segment.text for segment in self.segments)


@dataclass(frozen=True)
class _Spoken:
    """A word with the tokens it is made of, and the log-probability of the space before it."""

    word: Word
    token_ids: tuple[int, ...]
    token_log_probs: tuple[float, ...]
    space_log_prob: float


def build(windows: Sequence[DecodedWindow], spec: ModelSpec, duration_s: float, alternatives: int = 0) -> Transcript:
    """Puts the tokens of consecutive windows together.

    Args:
        windows: in order. Words do not reach across windows; segments do.
        spec: the model's spec.
        duration_s: length of the whole recording; no word ends later.
        alternatives: how many of the best texts to list.
    """
    whole = tuple(segments(windows, spec, lambda: duration_s))
    return Transcript(whole, duration_s, _combined(windows, alternatives))


def segments(windows: Iterable[DecodedWindow], spec: ModelSpec, duration_s: Callable[[], float]) -> Iterator[Segment]:
    """Yields the segments of consecutive windows, each as soon as it is certain.

    Args:
        windows: in order. Words do not reach across windows; segments do.
        spec: the model's spec.
        duration_s: says how much of the recording was read, in seconds; no word ends later.
    """
    spoken = (word for window in windows for word in _words(window, spec, duration_s()))
    return (_segment(phrase, spec) for phrase in _phrases(spoken))


def _combined(windows: Sequence[DecodedWindow], most: int) -> tuple[Alternative, ...]:
    """Puts the best texts of windows, which do not depend on each other, together to the best of the recording."""
    best = [Alternative("", 0.0)][:most]
    for window in windows if most else ():
        joined = (
            Alternative(f"{before.text} {after.text}".strip(), before.score + after.score)
            for before in best
            for after in window.alternatives
        )
        distinct: dict[str, Alternative] = {}
        for each in sorted(joined, key=lambda each: -each.score):  # stable: the first of equal ones stays the first
            distinct.setdefault(each.text, each)
        best = list(distinct.values())[:most]
    return tuple(best)


def _words(window: DecodedWindow, spec: ModelSpec, duration_s: float) -> Iterator[_Spoken]:
    """Puts letters, times and confidence of each word of a window together."""
    tokens = window.tokens
    words = ctc.words(tokens, spec.labels)
    placed_s = window.start_s + word_times.spans_s(tokens, words, window.silences_s, spec)
    spans_s = np.minimum(placed_s, duration_s).round(3).tolist()
    confidences = confidence.of_words(tokens, words, spec).round(4).tolist()
    labels: list[int] = tokens.labels.tolist()
    log_probs: list[float] = tokens.log_probs.tolist()
    for letters, (start_s, end_s), sure in zip(words, spans_s, confidences, strict=True):
        token_ids = tuple(labels[letters])
        yield _Spoken(
            Word("".join(spec.labels[label] for label in token_ids), start_s, end_s, sure),
            token_ids,
            tuple(log_probs[letters]),
            # Before the first word of a window there is the cut, and no doubt that it ends a word.
            log_probs[letters.start - 1] if letters.start else 0.0,
        )


def _segment(phrase: Sequence[_Spoken], spec: ModelSpec) -> Segment:
    # The space's label; a model that spells single words has none.
    space_ids = tuple(i for i, label in enumerate(spec.labels) if label == " ")[:1]
    token_ids, log_probs = list(phrase[0].token_ids), list(phrase[0].token_log_probs)
    for spoken in phrase[1:]:
        token_ids += [*space_ids, *spoken.token_ids]
        log_probs += [*(spoken.space_log_prob for _ in space_ids), *spoken.token_log_probs]
    return Segment(tuple(spoken.word for spoken in phrase), tuple(token_ids), tuple(log_probs))


def _phrases(spoken: Iterable[_Spoken]) -> Iterator[Sequence[_Spoken]]:
    """Parts words where the speaker pauses, and wherever else they would not fit into one subtitle."""
    held: list[_Spoken] = []
    for word in spoken:
        if held and _pause_s(held[-1], word) >= _PAUSE_S:
            yield from _fitting(held)
            held = []
        held.append(word)
        if len(held) > 1 and word.word.end_s - held[0].word.start_s > _LONGEST_PHRASE_S:
            at = _best_break(held)
            yield from _fitting(held[:at])
            held = held[at:]
    yield from _fitting(held)


def _fitting(phrase: Sequence[_Spoken]) -> Iterator[Sequence[_Spoken]]:
    text = " ".join(spoken.word.word for spoken in phrase)
    if not phrase:
        return
    if len(phrase) == 1 or cues.fits(text, phrase[-1].word.end_s - phrase[0].word.start_s):
        yield phrase
        return
    at = _best_break(phrase)
    yield from _fitting(phrase[:at])
    yield from _fitting(phrase[at:])


def _best_break(phrase: Sequence[_Spoken]) -> int:
    """Returns the word that shall begin a new segment: after the longest pause that leaves neither part tiny."""
    lengths = np.array([len(spoken.word.word) + 1 for spoken in phrase])
    before = np.cumsum(lengths)[:-1] / lengths.sum()  # share of the text before each but the first word
    pauses_s = np.array([_pause_s(*pair) for pair in pairwise(phrase)])
    pauses_s[(before < 1 / 3) | (before > 2 / 3)] = -np.inf
    # Of equal pauses, and where no break is near the middle, the nearest to it.
    nearest_first = np.lexsort((np.abs(before - 0.5), -pauses_s))
    return int(nearest_first[0]) + 1


def _pause_s(word: _Spoken, following: _Spoken) -> float:
    return round(following.word.start_s - word.word.end_s, 3)
