"""The one way through: bytes -> samples -> windows -> log-mel -> log-probabilities -> tokens -> transcript."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hark import audio, ctc, features, segments, transcript
from hark.decoding import GREEDY, Decoder
from hark.mapped import Data
from hark.segments import Window
from hark.spec import ModelSpec
from hark.transcript import DecodedWindow, Transcript

_T = TypeVar("_T")

# Windows are handed to the recogniser by the minute, so that it can put those of one length together.
_BATCH_S = 60.0


class Runner(Protocol):
    """A model and its spec: `hark.recognizer.Recognizer`, or a checkpoint that is being evaluated."""

    spec: ModelSpec

    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """[frames, n_mels] windows -> [output frames, labels] log-probabilities of each."""


@dataclass
class Timings:
    """Milliseconds of wall time by stage, in the order the stages first ended.

    Stages may lie in each other, as decoding lies in what asks for the next block: each counts its own time alone.
    """

    stages_ms: dict[str, float] = field(default_factory=dict)
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
) -> Transcript:
    """Turns the bytes of an audio file into a transcript, holding no more than some minutes of it at a time.

    Args:
        data: a whole audio file, in memory or mapped.
        recognizer: the loaded model.
        max_duration_s: the longest audio accepted.
        timings: takes the milliseconds of each stage.
        before_block: called before every block of some seconds is decoded; what it raises ends the work.
        decoder: what makes text of log-probabilities.

    Raises:
        hark.errors.RequestError: the audio cannot be used; see `hark.audio.blocks`.
    """

    def watched() -> Iterator[NDArray[np.float32]]:
        before_block()
        for block in audio.blocks(data, recognizer.spec.sample_rate_hz, max_duration_s):
            yield block
            before_block()

    found = recognize(timings.each("decode", watched()), recognizer, timings, decoder)
    return _transcript(*found, recognizer.spec, timings, decoder)


def transcribe_samples(
    samples: NDArray[np.float32], recognizer: Runner, timings: Timings, decoder: Decoder = GREEDY
) -> Transcript:
    """Turns [samples] mono float32 at the model's rate into a transcript."""
    return _transcript(*recognize([samples], recognizer, timings, decoder), recognizer.spec, timings, decoder)


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
    spec = recognizer.spec
    heard = 0

    def counted() -> Iterator[NDArray[np.float32]]:
        nonlocal heard
        for block in blocks:
            heard += len(block)
            yield block

    found: list[DecodedWindow] = []
    windows = timings.each("segment", segments.windows(counted(), spec.sample_rate_hz, spec.max_window_s))
    for batch in _batched(windows, round(_BATCH_S * spec.sample_rate_hz)):
        with timings.stage("features"):
            log_mels = [features.log_mel(window.samples, spec) for window in batch]
        with timings.stage("recognize"):
            log_probs = recognizer.run(log_mels)
        with timings.stage("ctc"):
            for window, heard_in_it in zip(batch, log_probs, strict=True):
                if _is_noise(heard_in_it, spec):
                    continue
                tokens, alternatives = decoder(heard_in_it, spec)
                start_s = window.start / spec.sample_rate_hz
                found.append(DecodedWindow(start_s, tokens, window.silences_s, alternatives))
    return found, heard / spec.sample_rate_hz


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


def _transcript(
    found: list[DecodedWindow], duration_s: float, spec: ModelSpec, timings: Timings, decoder: Decoder
) -> Transcript:
    with timings.stage("ctc"):
        if decoder.word_confidence:
            spec = dataclasses.replace(spec, word_confidence=dict(decoder.word_confidence))
        return transcript.build(found, spec, duration_s, decoder.alternatives)


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
