"""Spoken keywords: a recording -> the word it is, or the words that are said in it and when.

A recording about as long as the model's window is classified as it is, and a shorter one alone in it: what is added
around it takes no part in the normalisation, which is over what was recorded. Over a longer one the window slides, and
other words are likelier by what the spec says; scores are averaged over neighbouring windows, and a word is where its
score stays above a threshold. Silence slides by like everything else: what is searched for here lasts a third of a
second, and nothing that may be one is left out beforehand.

Source: Chen, Parada and Heigold, "Small-footprint keyword spotting using deep neural networks" (ICASSP 2014), for the
smoothing.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hark import audio, features
from hark.mapped import Data
from hark.pipeline import Runner, Timings
from hark.spec import SILENCE, UNKNOWN, ModelSpec

# Recordings up to so many windows long are one word with what was left around it.
_ONE_WORD = 1.25
_STEP_S = 0.2
# A word at an edge of the recording comes into the middle of a window, too.
_MARGIN_S = 0.4
# Windows that are scored together: half a minute's.
_BATCH = 150
# Neighbouring windows, the one in the middle included, whose scores are averaged.
_SMOOTHED = 3
_THRESHOLD = 0.5
# Of two words whose middles are closer than this, the one with the higher score was said.
_APART_S = 0.35
_SHORTEST_S = 0.2


@dataclass(frozen=True)
class Detection:
    """A word, and where in the recording; times in seconds, score 0..1."""

    start_s: float
    end_s: float
    label: str
    score: float

    @property
    def start(self) -> float:
        """Where the word starts, in seconds from the start of the recording."""
        return self.start_s

    @property
    def end(self) -> float:
        """Where the word ends, in seconds from the start of the recording."""
        return self.end_s


@dataclass(frozen=True)
class Heard:
    """What a recording is.

    Attributes:
        scores: [labels] probabilities: of a short recording its own; of a longer one those of the word heard most
            clearly, or, where none was, the mean over the recording.
        duration_s: of the recording.
        detections: the words said in it, in order.
    """

    scores: NDArray[np.float32]
    duration_s: float
    detections: list[Detection]


def spot(data: Data, recognizer: Runner, max_duration_s: float, timings: Timings) -> Heard:
    """Finds the keywords of an audio file, holding no more than some minutes of it at a time.

    Args:
        data: a whole audio file, in memory or mapped.
        recognizer: a loaded keyword model.
        max_duration_s: the longest audio accepted.
        timings: takes the milliseconds of each stage.

    Raises:
        hark.errors.RequestError: the audio cannot be used; see `hark.audio.blocks`.
    """
    blocks = timings.each("decode", audio.blocks(data, recognizer.spec.sample_rate_hz, max_duration_s))
    return spot_blocks(blocks, recognizer, timings)


def spot_blocks(blocks: Iterable[NDArray[np.float32]], recognizer: Runner, timings: Timings) -> Heard:
    """As `spot`, of [samples] mono float32 at the model's rate, block by block."""
    spec = recognizer.spec
    rate = spec.sample_rate_hz
    length, step, margin = (round(seconds * rate) for seconds in (spec.max_window_s, _STEP_S, _MARGIN_S))
    coming = iter(blocks)
    first = np.zeros(0, np.float32)
    for block in coming:
        first = np.concatenate([first, block])
        if len(first) > _ONE_WORD * length:
            break
    else:
        return _one_word(_windows(first, length, step), len(first) / rate, recognizer, timings)
    sample_count = len(first)

    def padded() -> Iterator[NDArray[np.float32]]:
        nonlocal sample_count
        yield np.pad(first, (margin, 0))
        for block in coming:
            sample_count += len(block)
            yield block
        yield np.zeros(margin, np.float32)

    scores = in_running_speech(
        np.concatenate([_score(windows, recognizer, timings) for windows in _batches(_slide(padded(), length, step))]),
        spec,
    )
    starts_s = np.arange(len(scores), dtype=np.float64) * (step / rate) - margin / rate
    smoothed = _smoothed(scores)
    detections = _detections(smoothed, starts_s, sample_count / rate, spec)
    peak = max(detections, key=lambda each: each[0].score)[1] if detections else None
    whole = scores.mean(axis=0) if peak is None else smoothed[peak]
    return Heard(whole, sample_count / rate, [detection for detection, _ in detections])


def _one_word(windows: list[NDArray[np.float32]], duration_s: float, recognizer: Runner, timings: Timings) -> Heard:
    labels = recognizer.spec.labels
    scores = _score(windows, recognizer, timings).mean(axis=0)
    best = int(scores.argmax())
    is_word = labels[best] not in (UNKNOWN, SILENCE) and scores[best] >= _THRESHOLD
    said = [Detection(0.0, duration_s, labels[best], float(scores[best]))] if is_word else []
    return Heard(scores, duration_s, said)


def _windows(samples: NDArray[np.float32], length: int, step: int) -> list[NDArray[np.float32]]:
    """Returns windows of [length] samples from edge to edge, at most `step` apart, or the one that is shorter."""
    spare = len(samples) - length
    if spare <= 0:
        return [samples]
    starts = np.rint(np.linspace(0, spare, -(-spare // step) + 1)).astype(int).tolist()
    return [samples[start : start + length] for start in starts]


def _slide(blocks: Iterable[NDArray[np.float32]], length: int, step: int) -> Iterator[NDArray[np.float32]]:
    """Yields windows of [length] samples, one every `step`, as long as there are samples to begin a new step with."""
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        start = 0
        while start + length <= len(held):
            yield held[start : start + length]
            start += step
        held = held[start:]
    if len(held) > length - step:
        yield np.pad(held, (0, length - len(held)))


def _batches(windows: Iterable[NDArray[np.float32]]) -> Iterator[list[NDArray[np.float32]]]:
    batch: list[NDArray[np.float32]] = []
    for window in windows:
        batch.append(window)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _score(windows: list[NDArray[np.float32]], recognizer: Runner, timings: Timings) -> NDArray[np.float32]:
    """Returns [windows, labels] probabilities."""
    spec = recognizer.spec
    frames = window_frames(spec)
    with timings.stage("features"):
        inputs = [filled_up(features.compute(window, spec), frames, 0.5, spec) for window in windows]
    with timings.stage("recognize"):
        scores: NDArray[np.float32] = np.exp(np.concatenate(recognizer.run(inputs)))
    return scores


def in_running_speech(scores: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Makes of [windows, labels] probabilities for single words those for running speech."""
    likelier = scores.copy()
    likelier[:, spec.labels.index(UNKNOWN)] *= np.float32(math.exp(spec.unknown_excess))
    normalised: NDArray[np.float32] = likelier / likelier.sum(axis=1, keepdims=True)
    return normalised


def window_frames(spec: ModelSpec) -> int:
    """Returns how many frames the features of a window have."""
    steps = round(spec.max_window_s * spec.sample_rate_hz) / spec.hop_samples
    return math.ceil(steps) if spec.feature_kind == "samples" else int(steps) + 1


def filled_up(computed: NDArray[np.float32], frames: int, share: float, spec: ModelSpec) -> NDArray[np.float32]:
    """Makes [some frames, features] as long as a window.

    What is shorter gets silence around it; of what is longer, a part is taken.

    Args:
        computed: features, as `hark.features.compute` returns them.
        frames: of the window.
        share: where they go, or what is taken: at 0 the beginning, at 1 the end.
        spec: what the features are.
    """
    before = round((frames - len(computed)) * share)
    if before < 0 or len(computed) > frames:
        return computed[-before : frames - before]
    quiet = features.silence(computed, spec)
    return np.pad(computed, ((before, frames - len(computed) - before), (0, 0)), constant_values=quiet)


def _smoothed(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the means over `_SMOOTHED` windows; at the edges over those that are there."""
    reach = _SMOOTHED // 2
    sums = np.cumsum(np.pad(scores, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    places = np.arange(len(scores))
    first, end = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(scores))
    means: NDArray[np.float32] = ((sums[end] - sums[first]) / (end - first)[:, None]).astype(np.float32)
    return means


def _detections(
    scores: NDArray[np.float32], starts_s: NDArray[np.float64], duration_s: float, spec: ModelSpec
) -> list[tuple[Detection, int]]:
    """Returns the words of a recording, in order, each with the window in which it is heard best.

    Args:
        scores: [windows, labels], smoothed.
        starts_s: [windows] where they begin.
        duration_s: of the recording.
        spec: the model's.
    """
    best, highest = scores.argmax(axis=1), scores.max(axis=1)
    said = np.array([spec.labels[label] not in (UNKNOWN, SILENCE) for label in best]) & (highest >= _THRESHOLD)
    edges = np.flatnonzero(np.r_[True, (np.diff(best) != 0) | (np.diff(said) != 0), True])
    runs = [(first, end) for first, end in pairwise(edges.tolist()) if said[first]]
    by_middle_s: dict[float, tuple[Detection, int]] = {}
    for first, end in sorted(runs, key=lambda run: -float(highest[run[0] : run[1]].max())):
        # What every window of the run has in it; the windows at its ends lack a part of the word at times.
        start_s, end_s = float(starts_s[end - 1]), float(starts_s[first]) + spec.max_window_s
        middle_s, reach_s = (start_s + end_s) / 2, max(end_s - start_s, _SHORTEST_S) / 2
        if any(abs(middle_s - other_s) < _APART_S for other_s in by_middle_s):
            continue
        peak = first + int(highest[first:end].argmax())
        # A window may reach beyond the recording.
        span_s = max(middle_s - reach_s, 0.0), min(middle_s + reach_s, duration_s)
        by_middle_s[middle_s] = Detection(*span_s, spec.labels[best[peak]], float(highest[peak])), peak
    return [by_middle_s[middle_s] for middle_s in sorted(by_middle_s)]
