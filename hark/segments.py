"""A recording, block by block -> the windows the model hears: speech without the silence between, cut in pauses.

A network trained on utterances of some seconds loses the thread on minutes of audio, memory grows with length, and
features are normalised over the window, which ought to hold speech. Windows are utterances: they begin and end in
silence, half a second of it where there is so much, hold what belongs together, and are no longer than the model's
`max_window_s`. Longer silence is in none of them.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hark import vad
from hark.audio import levelled

# Kept before and after what was found: sounds of speech begin and end below any threshold.
_LEAD_S, _TAIL_S = 0.2, 0.25
# Where more silence lies around a window it gets so much more of it, before and after: networks learn from utterances
# that begin and end in silence, and normalise features over what they are given.
_MORE_LEAD_S, _MORE_TAIL_S = 0.3, 0.35
# Speech as short as this is no word, alone between silences.
_SHORTEST_S = 0.1
# What is further apart than this, silence kept around it not counted, goes into windows of its own.
_APART_S = 1.0
# Where nobody pauses for a whole window, it ends in the quietest stretch of `_PAUSE_S` of its last part.
_SEARCHED_SHARE = 0.5
_PAUSE_S = 0.1
# Shorter ones within a window are closed lips and held breaths, and say little of where words are.
_SILENCE_S = 0.3
# What is left out is this much quieter, where it is further from the rest than sounds of speech reach.
_MUFFLED, _NEXT_S = 0.03, 0.1
# The background is judged from this much of what was heard before, and at least as much of what comes.
_CONTEXT_S = 30.0


@dataclass(frozen=True)
class Window:
    """What goes through the network at once.

    Attributes:
        start: where it begins in the recording, in samples.
        samples: [samples] mono float32, peak at most 1; what is very quiet is raised.
        silences_s: [silences, 2] where nobody speaks in it, in order, in seconds from its start: what it may begin and
            end with, and pauses of `_SILENCE_S` and more. One that lasts to its end ends at infinity.
    """

    start: int
    samples: NDArray[np.float32]
    silences_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


def split(samples: NDArray[np.float32], sample_rate_hz: int, max_window_s: float) -> list[tuple[int, int]]:
    """Finds the windows of a recording that is there as a whole.

    Args:
        samples: [samples] mono float32.
        sample_rate_hz: rate of `samples`.
        max_window_s: no window is longer.

    Returns:
        (start, end) of each window, in samples, in order and without overlap; none where nobody speaks.
    """
    return [
        (window.start, window.start + len(window.samples))
        for window in windows([samples], sample_rate_hz, max_window_s)
    ]


def windows(blocks: Iterable[NDArray[np.float32]], sample_rate_hz: int, max_window_s: float) -> Iterator[Window]:
    """Finds the windows of a recording while it is being decoded.

    No more is held of it than what is needed to judge the next window: about two minutes.

    Args:
        blocks: [samples] mono float32, each going on where the one before ended.
        sample_rate_hz: rate of `blocks`.
        max_window_s: no window is longer.

    Yields:
        windows in order, without overlap; none where nobody speaks.
    """
    search = Search(sample_rate_hz, max_window_s)
    for more, last in gathered(blocks, sample_rate_hz):
        yield from search.add(more, last)


class Search:
    """Finds the windows of a recording that is handed over piece by piece, as `windows` does.

    Args:
        sample_rate_hz: rate of the samples.
        max_window_s: no window is longer.

    Attributes:
        done: nothing that comes any more begins before this, in samples of the recording.
    """

    def __init__(self, sample_rate_hz: int, max_window_s: float) -> None:
        self._rate_hz = sample_rate_hz
        self._step = round(vad.STEP_S * sample_rate_hz)
        self._longest = max(2, int(max_window_s * sample_rate_hz) // self._step)
        self._context = round(_CONTEXT_S / vad.STEP_S) * self._step
        self._held, self._levels = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
        # In samples of the recording: where `_held` begins, and what has been dealt with.
        self._held_start = self.done = 0

    def add(
        self, more: Sequence[NDArray[np.float32]], last: bool, left_out: NDArray[np.bool_] | None = None
    ) -> Iterator[Window]:
        """Yields the windows that are certain by now; all of them are to be taken before more is added.

        Args:
            more: [samples] of each block, a minute of them together; see `gathered`.
            last: nothing comes after.
            left_out: [steps of `vad.STEP_S`] from the start of the recording: what is not to be heard although
                somebody speaks; steps that it does not reach are heard.
        """
        step = self._step
        held = self._held = _joined([self._held, *more])
        self._levels = _with_levels(self._levels, held, self._rate_hz)
        excess = vad.excess_db(self._levels)
        speech = vad.is_speech(excess)
        muffled = np.zeros(len(speech), bool)
        if left_out is not None:
            known = left_out[self._held_start // step :][: len(speech)]
            muffled[: len(known)] = known
            speech &= ~muffled
        spans, done_step = _cut(excess, speech, (self.done - self._held_start) // step, self._longest, last)
        for first, end in spans:
            # What does not fill the last step of the recording goes with it, where there is room.
            last_one = last and end == len(excess)
            end_sample = min(len(held), (first + self._longest) * step) if last_one else end * step
            samples = _muffled(held[first * step : end_sample], muffled[first:end], step)
            yield Window(self._held_start + first * step, levelled(samples), _silences_s(speech[first:end]))
        self.done = self._held_start + done_step * step
        forgotten = max(0, _whole(done_step - self._context // step) * step)
        self._held, self._levels = held[forgotten:], self._levels[forgotten // step :]
        self._held_start += forgotten


def _whole(steps: int) -> int:
    """Rounds down to what whole transforms judge, so that no step is judged differently when it is searched again."""
    return steps // vad.AT_ONCE * vad.AT_ONCE


def _with_levels(levels: NDArray[np.float32], held: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float32]:
    """Adds the levels of what came since to [steps, bands], those of the first steps of `held`."""
    step = round(vad.STEP_S * sample_rate_hz)
    # The last ones reached beyond what was there, and the first new ones reach back.
    reach = math.ceil(vad.REACH_S / vad.STEP_S)
    first = _whole(len(levels) - 2 * reach)
    if first <= 0:
        return vad.levels_db(held, sample_rate_hz)
    return np.concatenate([levels[: first + reach], vad.levels_db(held[first * step :], sample_rate_hz)[reach:]])


def _muffled(samples: NDArray[np.float32], left_out: NDArray[np.bool_], step: int) -> NDArray[np.float32]:
    """Quietens what of the [samples] of a window is left out, by [steps], but for what lies next to the rest."""
    if not left_out.any():
        return samples
    near = np.convolve(~left_out, np.ones(2 * round(_NEXT_S / vad.STEP_S) + 1), "same") > 0
    gains = np.where(near, 1.0, _MUFFLED)
    at = np.arange(len(samples), dtype=np.float32) / step - 0.5
    return samples * np.interp(at, np.arange(len(gains)), gains).astype(np.float32)


def gathered(
    blocks: Iterable[NDArray[np.float32]], sample_rate_hz: int
) -> Iterator[tuple[list[NDArray[np.float32]], bool]]:
    """Puts blocks together until a minute is there, which is searched at once; says whether they are the last."""
    least = 2 * round(_CONTEXT_S * sample_rate_hz)
    parts: list[NDArray[np.float32]] = []
    samples = 0
    for block in blocks:
        if samples >= least:
            yield parts, False
            parts, samples = [], 0
        parts.append(block)
        samples += len(block)
    yield parts, True


def _joined(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Puts [samples] after each other, without a copy where one of them is all there is."""
    some = [part for part in parts if len(part)]
    return some[0] if len(some) == 1 else np.concatenate([np.zeros(0, np.float32), *some])


def _silences_s(speech: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Returns [silences, 2]: the silences of a window, from which of its [steps] hold speech."""
    edges = np.flatnonzero(np.diff(np.r_[False, ~speech, False].astype(np.int8))).reshape(-1, 2)
    long = np.diff(edges)[:, 0] * vad.STEP_S >= _SILENCE_S
    at_edge = (edges[:, 0] == 0) | (edges[:, 1] == len(speech))
    silences_s: NDArray[np.float64] = edges[long | at_edge] * vad.STEP_S
    # What is found to be speech reaches beyond it on both sides, except where it goes on outside the window.
    silences_s += np.array([-vad.BLUR_S, vad.BLUR_S])
    silences_s[edges[long | at_edge, 1] == len(speech), 1] = np.inf
    return np.maximum(silences_s, 0)


def _cut(
    excess: NDArray[np.float32], speech: NDArray[np.bool_], start: int, longest: int, last: bool
) -> tuple[list[tuple[int, int]], int]:
    """Finds the windows that are certain, whatever comes after `excess`.

    Args:
        excess: [steps] of `vad.excess_db`.
        speech: [steps] which of them may hold speech.
        start: the first step that is in no window yet.
        longest: no window has more steps.
        last: nothing comes after.

    Returns:
        (first step, end) of each window, and where the next may begin.
    """
    spans: list[tuple[int, int]] = []
    apart = round(_APART_S / vad.STEP_S)
    stretches = _stretches(speech, start)
    while stretches:
        first = stretches[0][0]
        if not last and first + longest + apart > len(excess):
            return spans, max(start, first - round(_MORE_LEAD_S / vad.STEP_S))
        end = _end(stretches, longest, apart)
        if end - first > longest:
            # Something is left for the next window, too.
            end = _quietest(excess, first, max(first + longest // 2, min(first + longest, end - apart)))
        stretches = [(max(a, end), b) for a, b in stretches if b > end]
        following = stretches[0][0] if stretches else len(excess)
        first, end = _with_silence(first, end, start, following, longest)
        spans.append((first, end))
        start = end
    # Speech that begins where this ends reaches back by its lead.
    reach = round((2 * _LEAD_S + _MORE_LEAD_S) / vad.STEP_S)
    return spans, len(excess) if last else max(start, len(excess) - reach)


def _with_silence(first: int, end: int, before: int, after: int, longest: int) -> tuple[int, int]:
    """Widens a window, in steps, into the silence between the window before, which ends at `before`, and speech after.

    Half of the silence after it is left to the window that follows.
    """
    lead, tail = round(_MORE_LEAD_S / vad.STEP_S), round(_MORE_TAIL_S / vad.STEP_S)
    room = longest - (end - first)
    lead = min(lead, first - before, room)
    tail = min(tail, (after - end + 1) // 2, room - lead)
    return first - lead, end + tail


def _stretches(speech: NDArray[np.bool_], start: int) -> list[tuple[int, int]]:
    """Returns (first step, end) of what is speech or close around it, from `start` on."""
    lead, tail, shortest = (round(seconds / vad.STEP_S) for seconds in (_LEAD_S, _TAIL_S, _SHORTEST_S))
    edges = np.flatnonzero(np.diff(np.r_[False, speech, False].astype(np.int8))).reshape(-1, 2)
    merged: list[tuple[int, int]] = []
    for a, b in np.clip(edges + np.array([-lead, tail]), start, len(speech)).tolist():
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], b)
        else:
            merged.append((a, b))
    return [(a, b) for a, b in merged if speech[a:b].sum() >= shortest]


def _end(stretches: list[tuple[int, int]], longest: int, apart: int) -> int:
    """Returns where the window ends that begins with the first of (first step, end) stretches.

    It takes the stretches that are close to each other; where they are too many for one window, it ends in the longest
    pause of its later part.
    """
    first, end = stretches[0]
    pauses: list[tuple[int, int]] = []  # how long, and after which end
    for next_first, next_end in stretches[1:]:
        pause = next_first - end
        if pause >= apart:
            break
        pauses.append((pause, end))
        if next_end - first > longest:
            later = [each for each in pauses if each[1] - first >= longest * (1 - _SEARCHED_SHARE)]
            return max(later or pauses[-1:])[1]
        end = next_end
    return end


def _quietest(excess: NDArray[np.float32], first: int, end: int) -> int:
    """Returns the middle of the quietest stretch of `_PAUSE_S` in the last part of a window."""
    width = round(_PAUSE_S / vad.STEP_S)
    earliest = min(first + round((end - first) * (1 - _SEARCHED_SHARE)), max(first + 1, end - width))
    total = np.cumsum(np.r_[0.0, excess[earliest:end]])
    if len(total) <= width:
        return end
    return int(earliest + (total[width:] - total[:-width]).argmin() + width // 2)
