"""The one way through: bytes -> samples -> windows -> log-mel -> log-probabilities -> tokens -> transcript."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from handler import audio, ctc, features, segments, transcript
from handler.spec import ModelSpec
from handler.transcript import Transcript


class Runner(Protocol):
    """A model and its spec: `handler.recognizer.Recognizer`, or a checkpoint that is being evaluated."""

    spec: ModelSpec

    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """[frames, n_mels] windows -> [output frames, labels] log-probabilities of each."""


@dataclass
class Timings:
    """Milliseconds of wall time by stage, in the order the stages first ran."""

    stages_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time the block takes to a stage."""
        since = time.perf_counter()
        try:
            yield
        finally:
            self.stages_ms[name] = self.stages_ms.get(name, 0.0) + (time.perf_counter() - since) * 1000

    @property
    def total_ms(self) -> float:
        """All stages together."""
        return sum(self.stages_ms.values())


def transcribe(data: bytes, recognizer: Runner, max_duration_s: float, timings: Timings) -> Transcript:
    """Turns the bytes of an audio file into a transcript.

    Args:
        data: a whole audio file.
        recognizer: the loaded model.
        max_duration_s: the longest audio accepted.
        timings: takes the milliseconds of each stage.

    Raises:
        handler.errors.RequestError: the audio cannot be used; see `handler.audio.decode`.
    """
    with timings.stage("decode"):
        samples = audio.decode(data, recognizer.spec.sample_rate_hz, max_duration_s)
    return transcribe_samples(samples, recognizer, timings)


def transcribe_samples(samples: NDArray[np.float32], recognizer: Runner, timings: Timings) -> Transcript:
    """Turns [samples] mono float32 at the model's rate into a transcript."""
    spec = recognizer.spec
    with timings.stage("segment"):
        windows = segments.split(samples, spec.sample_rate_hz, spec.max_window_s)
    with timings.stage("features"):
        log_mels = [features.log_mel(samples[start:end], spec) for start, end in windows]
    with timings.stage("recognize"):
        log_probs = recognizer.run(log_mels)
    with timings.stage("ctc"):
        tokens = [ctc.greedy(window, spec.blank) for window in log_probs]
        starts_s = [start / spec.sample_rate_hz for start, _ in windows]
        return transcript.build(zip(starts_s, tokens, strict=True), spec, len(samples) / spec.sample_rate_hz)
