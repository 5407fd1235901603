"""Tokens -> words with times and confidences -> readable text -> segments as long as a subtitle -> transcript."""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hark import alphabet, confidence, ctc, cues, word_times
from hark.ctc import Tokens
from hark.spec import ModelSpec
from hark.word_alternatives import WordAlternative


@dataclass(frozen=True)
class Alternative:
    """One of several texts that a recording, or a window of one, may hold.

    Attributes:
        text: its words, separated by spaces.
        score: natural logarithm; the higher, the likelier. Only differences to the others' mean something.
        spoken: the words as they were spoken; None where `text` has them so.
    """

    text: str
    score: float
    spoken: str | None = None


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
        word: its letters, as it was spoken.
        start_s, end_s: seconds from the start of the recording; `start` and `end` are the same.
        confidence: how likely the word is right, 0..1.
        written: as it is read, with capitals, and numbers in digits; "" where what is written of the word before
            stands for this one too; None where nobody asked. The word before is that of the same channel.
        punctuation: the mark after it.
        channel: which channel it was said in, from 1; None where channels were not kept apart.
        alternatives: what it may have been instead, the likeliest first; none unless asked for.
    """

    word: str
    start_s: float
    end_s: float
    confidence: float
    written: str | None = None
    punctuation: str = ""
    channel: int | None = None
    alternatives: tuple[WordAlternative, ...] = ()

    @property
    def text(self) -> str:
        """What a reader sees of it, with the mark that follows; joined by spaces, they are the text of a segment."""
        return self.word if self.written is None else self.written + self.punctuation

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
        token_ids: labels of the letters and of one space between words; joined, they spell `spoken`, before which there
            is a space where the first of them is a subword that has one.
        token_log_probs: natural log-probability of each token.
    """

    words: tuple[Word, ...]
    token_ids: tuple[int, ...] = field(repr=False)
    token_log_probs: tuple[float, ...] = field(repr=False)

    @property
    def text(self) -> str:
        """The words as they are read, separated by spaces."""
        return " ".join(word.text for word in self.words if word.text)

    @property
    def spoken(self) -> str:
        """The words as they were spoken, separated by spaces."""
        return " ".join(word.word for word in self.words)

    @property
    def channel(self) -> int | None:
        """Which channel it was said in, from 1; None where channels were not kept apart."""
        return self.words[0].channel

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
class Channel:
    """A channel of a recording whose channels were kept apart.

    Attributes:
        number: from 1.
        name: of who speaks in it.
        same_as: the number of the channel whose sound it has, too, which was transcribed in its place.
    """

    number: int
    name: str
    same_as: int | None = None


@dataclass(frozen=True)
class Transcript:
    """What was said in a recording of `duration_s` seconds.

    Attributes:
        segments: in order of their starts.
        duration_s: length of the recording.
        alternatives: the best texts, `text` being the first, no two alike; none unless asked for.
        notes: what of the recording was transcribed, where that is not all of it as it is: a sentence each.
        channels: of the recording, in order, where they were kept apart; else none.
    """

    segments: tuple[Segment, ...]
    duration_s: float
    alternatives: tuple[Alternative, ...] = ()
    notes: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()

    @property
    def duration(self) -> float:
        """Length of the recording in seconds."""
        return self.duration_s

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments; those of channels that were kept apart in order of their starts."""
        words = (word for segment in self.segments for word in segment.words)
        return tuple(sorted(words, key=_start_s) if self.channels else words)

    @property
    def read_words(self) -> list[list[Word]]:
        """The words, together where they are one number to a reader; see `read_as_one`."""
        of_channels = [read_as_one(words) for words in self.words_by_channel().values()]
        return sorted((group for groups in of_channels for group in groups), key=lambda group: group[0].start_s)

    @property
    def speakers(self) -> dict[int | None, str]:
        """The names of channels by their numbers; none where channels do not tell speakers apart."""
        distinct = [channel for channel in self.channels if channel.same_as is None]
        return {channel.number: channel.name for channel in distinct} if len(distinct) > 1 else {}

    def words_by_channel(self) -> dict[int | None, list[Word]]:
        """Returns the words of each channel in which there are any, in order; all under None where they were mixed."""
        of_channels: dict[int | None, list[Word]] = {}
        for segment in self.segments:
            of_channels.setdefault(segment.channel, []).extend(segment.words)
        return of_channels

    def as_spoken(self) -> "Transcript":
        """Returns it with all words as they were spoken; its segments stay those of the readable text."""
        segments = tuple(
            dataclasses.replace(
                segment,
                words=tuple(dataclasses.replace(word, written=None, punctuation="") for word in segment.words),
            )
            for segment in self.segments
        )
        alternatives = tuple(
            each if each.spoken is None else Alternative(each.spoken, each.score) for each in self.alternatives
        )
        return dataclasses.replace(self, segments=segments, alternatives=alternatives)

    @property
    def text(self) -> str:
        """The words as they are read, separated by spaces; of several speakers, a line for each turn, with the name."""
        return "".join(self.parts(lambda segment: segment.text))

    @property
    def spoken(self) -> str:
        """The words as they were spoken, laid out as `text` is."""
        return "".join(self.parts(lambda segment: segment.spoken))

    def parts(self, told: Callable[[Segment], str] = lambda segment: segment.text) -> Iterator[str]:
        """Yields what each segment adds to the text, see `in_turn`."""
        return (text for _, text in in_turn(self.segments, self.speakers, told))


def in_turn(
    segments: Iterable[Segment],
    speakers: Mapping[int | None, str],
    told: Callable[[Segment], str] = lambda segment: segment.text,
) -> Iterator[tuple[Segment, str]]:
    """Yields each segment with what it adds to the text: what is told of it, and what stands before.

    Args:
        segments: in order; they may still be coming.
        speakers: names of channels by their numbers, see `Transcript.speakers`.
        told: what is told of a segment.
    """
    before = None
    for number, segment in enumerate(segments):
        if speakers and segment.channel != before:
            before = segment.channel
            yield segment, "\n" * bool(number) + f"{speakers.get(before)}: {told(segment)}"
        else:
            yield segment, " " * bool(number) + told(segment)


def _start_s(word: Word) -> float:
    return word.start_s


def read_as_one(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Yields together the words that are one number to a reader, and every other word alone."""
    held: list[Word] = []
    for word in words:
        if held and word.written != "":
            yield held
            held = []
        held.append(word)
    if held:
        yield held


class Writer(Protocol):
    """Makes readable text of spoken words: `hark.written.Writer`."""

    def words(self, words: Iterable[Word]) -> Iterator[Word]:
        """Yields the words with `written` and `punctuation`, as soon as these are certain."""

    def text(self, spoken: str) -> str:
        """Writes words of which no times are known."""


@dataclass(frozen=True)
class _Spoken:
    """A word with the tokens it is made of, and the log-probability of the space before it."""

    word: Word
    token_ids: tuple[int, ...]
    token_log_probs: tuple[float, ...]
    space_log_prob: float


def build(
    windows: Sequence[DecodedWindow],
    spec: ModelSpec,
    duration_s: float,
    alternatives: int = 0,
    writer: Writer | None = None,
) -> Transcript:
    """Puts the tokens of consecutive windows together.

    Args:
        windows: in order. Words do not reach across windows; segments do.
        spec: the model's spec.
        duration_s: length of the whole recording; no word ends later.
        alternatives: how many of the best texts to list.
        writer: makes readable text; without, words are left as they were spoken.
    """
    whole = Transcript(tuple(segments(windows, spec, lambda: duration_s, writer)), duration_s)
    best = _combined(windows, alternatives)
    if writer and best:
        # The text itself, which times have helped with; others that no longer differ from it are no alternatives.
        written = {whole.text: Alternative(whole.text, best[0].score, best[0].text)}
        for each in best[1:]:
            text = writer.text(each.text)
            written.setdefault(text, Alternative(text, each.score, each.text))
        best = tuple(written.values())
    return dataclasses.replace(whole, alternatives=best)


def segments(
    windows: Iterable[DecodedWindow], spec: ModelSpec, duration_s: Callable[[], float], writer: Writer | None = None
) -> Iterator[Segment]:
    """Yields the segments of consecutive windows, each as soon as it is certain.

    Args:
        windows: in order. Words do not reach across windows; segments do.
        spec: the model's spec.
        duration_s: says how much of the recording was read, in seconds; no word ends later.
        writer: makes readable text; without, words are left as they were spoken.
    """
    held: deque[_Spoken] = deque()

    def spoken() -> Iterator[Word]:
        for window in windows:
            for each in _words(window, spec, duration_s()):
                held.append(each)
                yield each.word

    read: deque[Word] = deque()

    def written() -> Iterator[Word]:
        for word in writer.words(spoken()) if writer else spoken():
            read.append(word)
            yield word

    for count in cues.spans(written()):
        parts = [dataclasses.replace(held.popleft(), word=read.popleft()) for _ in range(count)]
        yield _segment(parts, spec)


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
    instead = tokens.instead or ((),) * len(words)
    for letters, (start_s, end_s), sure, others in zip(words, spans_s, confidences, instead, strict=True):
        token_ids = tuple(labels[letters])
        yield _Spoken(
            Word(alphabet.joined(spec.labels[label] for label in token_ids), start_s, end_s, sure, alternatives=others),
            token_ids,
            tuple(log_probs[letters]),
            # Before the first word of a window there is the cut, and no doubt that it ends a word.
            log_probs[letters.start - 1] if letters.start and spec.labels[labels[letters.start - 1]] == " " else 0.0,
        )


def _segment(phrase: Sequence[_Spoken], spec: ModelSpec) -> Segment:
    # The space's label; a model that spells single words has none.
    space_ids = tuple(i for i, label in enumerate(spec.labels) if label == " ")[:1]
    token_ids, log_probs = list(phrase[0].token_ids), list(phrase[0].token_log_probs)
    for spoken in phrase[1:]:
        between = () if spec.labels[spoken.token_ids[0]].startswith(" ") else space_ids
        token_ids += [*between, *spoken.token_ids]
        log_probs += [*(spoken.space_log_prob for _ in between), *spoken.token_log_probs]
    return Segment(tuple(spoken.word for spoken in phrase), tuple(token_ids), tuple(log_probs))
