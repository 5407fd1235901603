"""Spoken keywords: a recording -> the word it is, or the words that are said in it and when.

A recording about as long as the model's window is classified as it is. Over a longer one the window slides, where
somebody speaks; scores are averaged over neighbouring windows, and a word is where its score stays above a threshold.

Source: Chen, Parada and Heigold, "Small-footprint keyword spotting using deep neural networks" (ICASSP 2014), for the
smoothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler import audio, features, segments
from handler.errors import InvalidParameter
from handler.mapped import Data
from handler.pipeline import Runner, Timings
from handler.spec import SILENCE, UNKNOWN, ModelSpec

# Recordings up to so many windows long are one word with what was left around it.
_ONE_WORD = 1.25
_STEP_S = 0.2
# Words at the edges of a stretch of speech come into the middle of a window, too.
_MARGIN_S = 0.3
_STRETCH_S = 15.0
# Neighbouring windows, the one in the middle included, whose scores are averaged.
_SMOOTHED = 3
_THRESHOLD = 0.5
# Of two words whose middles are closer than this, the one with the higher score was said.
_APART_S = 0.35
_SHORTEST_S = 0.2
_TOP = 5


@dataclass(frozen=True)
class Detection:
    """A word, and where in the recording; times in seconds, score 0..1."""

    start_s: float
    end_s: float
    label: str
    score: float


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


@dataclass(frozen=True)
class _Stretch:
    """Smoothed scores [windows, labels] of a stretch of speech, where its windows begin, and where it lies itself."""

    scores: NDArray[np.float32]
    starts_s: NDArray[np.float64]
    start_s: float
    end_s: float


def spot(data: Data, recognizer: Runner, max_duration_s: float, timings: Timings) -> Heard:
    """Finds the keywords of an audio file, holding no more than some minutes of it at a time.

    Args:
        data: a whole audio file, in memory or mapped.
        recognizer: a loaded keyword model.
        max_duration_s: the longest audio accepted.
        timings: takes the milliseconds of each stage.

    Raises:
        handler.errors.RequestError: the audio cannot be used; see `handler.audio.blocks`.
    """
    blocks = timings.each("decode", audio.blocks(data, recognizer.spec.sample_rate_hz, max_duration_s))
    return spot_blocks(blocks, recognizer, timings)


def spot_blocks(blocks: Iterable[NDArray[np.float32]], recognizer: Runner, timings: Timings) -> Heard:
    """As `spot`, of [samples] mono float32 at the model's rate, block by block."""
    spec = recognizer.spec
    rate = spec.sample_rate_hz
    coming = iter(blocks)
    first: list[NDArray[np.float32]] = []
    heard = 0
    for block in coming:
        first.append(block)
        heard += len(block)
        if heard > _ONE_WORD * spec.max_window_s * rate:
            break
    else:
        return _one_word(np.concatenate([*first, np.zeros(0, np.float32)]), recognizer, timings)

    def counted() -> Iterator[NDArray[np.float32]]:
        nonlocal heard
        yield from first
        for block in coming:
            heard += len(block)
            yield block

    total, windows = np.zeros(len(spec.labels)), 0
    found: list[tuple[Detection, NDArray[np.float32]]] = []
    stretches = segments.windows(counted(), rate, _STRETCH_S)
    for stretch in timings.each("segment", stretches):
        scored = _score_stretch(stretch, recognizer, timings)
        total += scored.scores.sum(axis=0)
        windows += len(scored.scores)
        found += _detections(scored, spec)
    duration_s = heard / rate
    if found:
        scores = max(found, key=lambda each: each[0].score)[1]
    elif windows:
        scores = (total / windows).astype(np.float32)
    else:
        scores = np.array([label == SILENCE for label in spec.labels], np.float32)
    return Heard(scores, duration_s, [detection for detection, _ in found])


def _one_word(samples: NDArray[np.float32], recognizer: Runner, timings: Timings) -> Heard:
    spec = recognizer.spec
    windows = _windows(samples, round(spec.max_window_s * spec.sample_rate_hz), round(_STEP_S * spec.sample_rate_hz))
    scores = _score([window for _, window in windows], recognizer, timings).mean(axis=0)
    best = int(scores.argmax())
    duration_s = len(samples) / spec.sample_rate_hz
    is_word = spec.labels[best] not in (UNKNOWN, SILENCE) and scores[best] >= _THRESHOLD
    said = [Detection(0.0, duration_s, spec.labels[best], float(scores[best]))] if is_word else []
    return Heard(scores, duration_s, said)


def _windows(samples: NDArray[np.float32], length: int, step: int) -> list[tuple[int, NDArray[np.float32]]]:
    """Returns windows of [length] samples, and where each begins, at most `step` apart; a shorter one is filled up."""
    spare = len(samples) - length
    if spare <= 0:
        before = -spare // 2
        return [(-before, np.pad(samples, (before, -spare - before)))]
    starts = np.rint(np.linspace(0, spare, -(-spare // step) + 1)).astype(int).tolist()
    return [(start, samples[start : start + length]) for start in starts]


def _score(windows: list[NDArray[np.float32]], recognizer: Runner, timings: Timings) -> NDArray[np.float32]:
    """Returns [windows, labels] probabilities."""
    with timings.stage("features"):
        inputs = [features.compute(window, recognizer.spec) for window in windows]
    with timings.stage("recognize"):
        scores: NDArray[np.float32] = np.exp(np.concatenate(recognizer.run(inputs)))
    return scores


def _score_stretch(stretch: segments.Window, recognizer: Runner, timings: Timings) -> _Stretch:
    spec = recognizer.spec
    rate = spec.sample_rate_hz
    length, step = round(spec.max_window_s * rate), round(_STEP_S * rate)
    # A stretch that is shorter than a window gets neighbours to be averaged with nonetheless.
    margin = max(round(_MARGIN_S * rate), (length - len(stretch.samples)) // 2 + step)
    windows = _windows(np.pad(stretch.samples, margin), length, step)
    scores = _score([window for _, window in windows], recognizer, timings)
    starts_s = (np.array([start for start, _ in windows]) + stretch.start - margin) / rate
    end_s = (stretch.start + len(stretch.samples)) / rate
    return _Stretch(_smoothed(scores), starts_s, stretch.start / rate, end_s)


def _smoothed(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the means over `_SMOOTHED` windows; at the edges over those that are there."""
    reach = _SMOOTHED // 2
    sums = np.cumsum(np.pad(scores, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    places = np.arange(len(scores))
    first, end = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(scores))
    means: NDArray[np.float32] = ((sums[end] - sums[first]) / (end - first)[:, None]).astype(np.float32)
    return means


def _detections(stretch: _Stretch, spec: ModelSpec) -> list[tuple[Detection, NDArray[np.float32]]]:
    """Returns the words of a stretch, in order, each with the scores of the window in which it is heard best."""
    best, highest = stretch.scores.argmax(axis=1), stretch.scores.max(axis=1)
    said = np.array([spec.labels[label] not in (UNKNOWN, SILENCE) for label in best]) & (highest >= _THRESHOLD)
    edges = np.flatnonzero(np.r_[True, (np.diff(best) != 0) | (np.diff(said) != 0), True])
    runs = [(first, end) for first, end in pairwise(edges.tolist()) if said[first]]
    found: list[tuple[float, Detection, NDArray[np.float32]]] = []
    for first, end in sorted(runs, key=lambda run: -float(highest[run[0] : run[1]].max())):
        # What every window of the run has in it; the windows at its ends lack a part of the word at times.
        start_s, end_s = stretch.starts_s[end - 1], stretch.starts_s[first] + spec.max_window_s
        middle_s = (start_s + end_s) / 2
        if any(abs(middle_s - other_s) < _APART_S for other_s, _, _ in found):
            continue
        reach_s = max(end_s - start_s, _SHORTEST_S) / 2
        # A recording has no sound before its start, but a window may.
        start_s, end_s = max(middle_s - reach_s, stretch.start_s), min(middle_s + reach_s, stretch.end_s)
        peak = first + int(highest[first:end].argmax())
        detection = Detection(float(start_s), float(end_s), spec.labels[best[peak]], float(highest[peak]))
        found.append((float(middle_s), detection, stretch.scores[peak]))
    return [(detection, scores) for _, detection, scores in sorted(found, key=lambda each: each[0])]


def check_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Refuses what a request asks for beside the recording; `model` may name any model, since the deployed one answers.

    Raises:
        InvalidParameter: there is such a field.
    """
    for name, _ in fields:
        if name != "model":
            shown = name[:64]
            raise InvalidParameter(f"The field {shown!r} is not supported; leave it out.", param=shown)


def reply(heard: Heard, spec: ModelSpec) -> dict[str, Any]:
    """Returns what `POST /v1/audio/keywords` answers, as JSON has it."""
    top = sorted(zip(heard.scores.tolist(), spec.labels, strict=True), reverse=True)[:_TOP]
    scored = [{"label": label, "score": round(score, 4)} for score, label in top]
    return {
        **scored[0],
        "top": scored,
        "duration": round(heard.duration_s, 3),
        "detections": [
            {
                "start": round(each.start_s, 3),
                "end": round(each.end_s, 3),
                "label": each.label,
                "score": round(each.score, 4),
            }
            for each in heard.detections
        ],
        "model": {"name": spec.name, "version": spec.version},
    }
