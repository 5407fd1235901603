"""The one way through: bytes -> samples -> windows -> log-mel -> log-probabilities -> tokens -> transcript."""

import dataclasses
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from hark import audio, ctc, features, segments, transcript
from hark.decoding import GREEDY, Decoder
from hark.mapped import Data
from hark.segments import Window
from hark.spec import ModelSpec
from hark.transcript import DecodedWindow, Segment, Transcript, Word, Writer

_T = TypeVar("_T")

# Windows are handed to the recogniser by the minute, so that it can put those of one length together.
BATCH_S = 60.0

# Segments, each with what it adds to the text, as soon as they are certain; then, as what it returns, the transcript.
Parts = Generator[tuple[Segment, str], None, Transcript]


class Runner(Protocol):
    """A model and its spec: `hark.recognizer.Recognizer`, or a checkpoint that is being evaluated."""

    spec: ModelSpec

    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """[frames, n_mels] windows -> [output frames, labels] log-probabilities of each."""


class FeaturesRunner(Runner, Protocol):
    """A model that also gives what an attention decoder reads; `spec.encoder` names it."""

    def run_with_features(
        self, log_mels: Sequence[NDArray[np.float32]]
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """As `run`, and the encoder's features, [output frames, size] of each window."""


@dataclass
class Timings:
    """Milliseconds of wall time by stage, in the order the stages first ended.

    Stages may lie in each other, as decoding lies in what asks for the next block: each counts its own time alone.
    """

    stages_ms: dict[str, float] = field(default_factory=dict)
    # Seconds of the recording that have been read.
    read_s: float = 0.0
    _inner_s: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time the block takes to a stage."""
        since, inner_before_s = time.perf_counter(), self._inner_s
        self._inner_s = 0.0
        try:
            yield
        finally:
            elapsed_s = time.perf_counter() - since
            self.stages_ms[name] = self.stages_ms.get(name, 0.0) + (elapsed_s - self._inner_s) * 1000
            self._inner_s = inner_before_s + elapsed_s

    def each(self, name: str, items: Iterable[_T]) -> Iterator[_T]:
        """Passes items on and adds the time that making them takes to a stage."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    @property
    def total_ms(self) -> float:
        """All stages together."""
        return sum(self.stages_ms.values())


def transcribe(
    data: Data,
    recognizer: Runner,
    max_duration_s: float,
    timings: Timings,
    before_block: Callable[[], None] = lambda: None,
    decoder: Decoder = GREEDY,
    writer: Writer | None = None,
) -> Transcript:
    """Turns the bytes of an audio file into a transcript, holding no more than some minutes of it at a time.

    Args:
        data: a whole audio file, in memory or mapped.
        recognizer: the loaded model.
        max_duration_s: the longest audio accepted.
        timings: takes the milliseconds of each stage.
        before_block: called before every block of some seconds is decoded; what it raises ends the work.
        decoder: what makes text of log-probabilities.
        writer: what makes readable text of that; without, it is as it was spoken.

    Raises:
        hark.errors.RequestError: the audio cannot be used; see `hark.audio.blocks`.
    """
    notes: list[str] = []
    blocks = audio.blocks(data, recognizer.spec.sample_rate_hz, max_duration_s, notes)
    read = timings.each("decode", watched(blocks, recognizer, timings, before_block))
    found = transcribe_blocks(read, recognizer, timings, decoder, writer)
    return dataclasses.replace(found, notes=tuple(notes))


def parts(
    data: Data,
    recognizer: Runner,
    max_duration_s: float,
    timings: Timings,
    before_block: Callable[[], None] = lambda: None,
    decoder: Decoder = GREEDY,
    writer: Writer | None = None,
) -> Parts:
    """As `transcribe`, part by part while the file is being read: joined, the parts are the transcript's text.

    Raises:
        hark.errors.RequestError: also after some parts, where the file turns out to be no whole recording.
    """
    notes: list[str] = []
    blocks = audio.blocks(data, recognizer.spec.sample_rate_hz, max_duration_s, notes)
    counted = _Counted(timings.each("decode", watched(blocks, recognizer, timings, before_block)))
    found: list[Segment] = []
    for segment, text in transcript.in_turn(stream(counted, recognizer, timings, decoder, writer), {}):
        found.append(segment)
        yield segment, text
    return Transcript(tuple(found), counted.samples / recognizer.spec.sample_rate_hz, notes=tuple(notes))


def watched(
    blocks: Iterable[NDArray[np.float32]], recognizer: Runner, timings: Timings, before_block: Callable[[], None]
) -> Iterator[NDArray[np.float32]]:
    """Yields blocks at the model's rate, notes how far they have come, and calls a function before each."""
    before_block()
    for block in blocks:
        timings.read_s += len(block) / recognizer.spec.sample_rate_hz
        yield block
        before_block()


def transcribe_samples(
    samples: NDArray[np.float32],
    recognizer: Runner,
    timings: Timings,
    decoder: Decoder = GREEDY,
    writer: Writer | None = None,
) -> Transcript:
    """Turns [samples] mono float32 at the model's rate into a transcript."""
    return transcribe_blocks([samples], recognizer, timings, decoder, writer)


def transcribe_blocks(
    blocks: Iterable[NDArray[np.float32]],
    recognizer: Runner,
    timings: Timings,
    decoder: Decoder = GREEDY,
    writer: Writer | None = None,
) -> Transcript:
    """As `transcribe`, of [samples] mono float32 at the model's rate, block by block."""
    windows, duration_s = recognize(blocks, recognizer, timings, decoder)
    with timings.stage("ctc"):
        spec = spec_for(decoder, recognizer)
        return transcript.build(windows, spec, duration_s, decoder.alternatives, timed(writer, timings))


def stream(
    blocks: Iterable[NDArray[np.float32]],
    recognizer: Runner,
    timings: Timings,
    decoder: Decoder = GREEDY,
    writer: Writer | None = None,
) -> Iterator[Segment]:
    """Yields the segments that `transcribe_blocks` finds, each as soon as it is certain; none of them is held."""
    counted = _Counted(blocks)
    windows = _decoded(counted, recognizer, timings, decoder)
    spec = spec_for(decoder, recognizer)

    def read_s() -> float:
        return counted.samples / spec.sample_rate_hz

    return timings.each("ctc", transcript.segments(windows, spec, read_s, timed(writer, timings)))


class _TimedWriter:
    """A writer whose work is a stage of its own."""

    def __init__(self, writer: Writer, timings: Timings) -> None:
        self._writer = writer
        self._timings = timings

    def words(self, words: Iterable[Word]) -> Iterator[Word]:
        return self._timings.each("write", self._writer.words(self._timings.each("ctc", words)))

    def text(self, spoken: str) -> str:
        with self._timings.stage("write"):
            return self._writer.text(spoken)


def timed(writer: Writer | None, timings: Timings) -> Writer | None:
    """Returns a writer, where there is one, whose work is a stage of its own."""
    return writer and _TimedWriter(writer, timings)


def recognize(
    blocks: Iterable[NDArray[np.float32]], recognizer: Runner, timings: Timings, decoder: Decoder = GREEDY
) -> tuple[list[DecodedWindow], float]:
    """Turns a recording, block by block, into tokens.

    Args:
        blocks: [samples] mono float32 at the model's rate.
        recognizer: the loaded model.
        timings: takes the milliseconds of each stage.
        decoder: what makes text of log-probabilities.

    Returns:
        what was heard in each window of speech, in order, and the duration of the recording in seconds.
    """
    counted = _Counted(blocks)
    windows = list(_decoded(counted, recognizer, timings, decoder))
    return windows, counted.samples / recognizer.spec.sample_rate_hz


class _Counted:
    """Blocks on their way, and how many samples came by."""

    def __init__(self, blocks: Iterable[NDArray[np.float32]]) -> None:
        self._blocks = blocks
        self.samples = 0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self._blocks:
            self.samples += len(block)
            yield block


def _decoded(
    blocks: Iterable[NDArray[np.float32]], recognizer: Runner, timings: Timings, decoder: Decoder
) -> Iterator[DecodedWindow]:
    """Yields what was heard in each window of speech, in order."""
    spec = recognizer.spec
    windows = timings.each("segment", segments.windows(blocks, spec.sample_rate_hz, spec.max_window_s))
    for batch in _batched(windows, round(BATCH_S * spec.sample_rate_hz)):
        yield from heard(batch, recognizer, timings, decoder)


def heard(batch: Sequence[Window], recognizer: Runner, timings: Timings, decoder: Decoder) -> Iterator[DecodedWindow]:
    """Yields what was heard in each of some windows that go through the network together; of noise, nothing."""
    spec = recognizer.spec
    with timings.stage("features"):
        log_mels = [features.log_mel(window.samples, spec) for window in batch]
    with timings.stage("recognize"):
        encoded: Sequence[NDArray[np.float32] | None] = [None] * len(batch)
        if decoder.reads_features:
            log_probs, encoded = cast("FeaturesRunner", recognizer).run_with_features(log_mels)
        else:
            log_probs = recognizer.run(log_mels)
    for window, heard_in_it, of_encoder in zip(batch, log_probs, encoded, strict=True):
        with timings.stage("ctc"):
            if _is_noise(heard_in_it, spec):
                continue
            tokens, alternatives = decoder(heard_in_it, spec, of_encoder)
        yield DecodedWindow(window.start / spec.sample_rate_hz, tokens, window.silences_s, alternatives)


def _is_noise(log_probs: NDArray[np.float32], spec: ModelSpec) -> bool:
    """Tells whether nobody said what would be made of a window, whatever text that is."""
    if spec.least_log_prob is None:
        return False
    return ctc.greedy(log_probs, spec.blank).mean_log_prob < spec.least_log_prob


def emissions(samples: NDArray[np.float32], recognizer: Runner) -> list[NDArray[np.float32]]:
    """Runs [samples], mono float32 at the model's rate, through the network.

    Returns:
        [output frames, labels] log-probabilities of each window, of noise as of speech.
    """
    spec = recognizer.spec
    cut = segments.windows([samples], spec.sample_rate_hz, spec.max_window_s)
    return recognizer.run([features.log_mel(window.samples, spec) for window in cut])


def spec_for(decoder: Decoder, recognizer: Runner) -> ModelSpec:
    """Returns the model's spec, with the confidences of the words that a decoder finds."""
    if not decoder.word_confidence:
        return recognizer.spec
    return dataclasses.replace(recognizer.spec, word_confidence=dict(decoder.word_confidence))


def _batched(windows: Iterable[Window], samples: int) -> Iterator[list[Window]]:
    """Puts windows together until they hold so many samples."""
    batch: list[Window] = []
    for window in windows:
        batch.append(window)
        if sum(len(each.samples) for each in batch) >= samples:
            yield batch
            batch = []
    if batch:
        yield batch
