"""Where somebody may be speaking: energy over a noise floor that is tracked band by band.

Speech changes its spectrum all the time, so every band falls back to the background again and again, even while
somebody talks through a fan. What rises above that floor, averaged over the bands, is taken for speech: music and
slamming doors too, since a word that is lost is worse than a noise that is heard. What never changes (silence, hum,
hiss, a constant offset) is not speech at any level. Levels are compared with each other, never with full scale, so a
quiet recording is searched as a loud one is; a voice some 40 dB below another one within half a minute is background.

What is no speech all the same, the network is not sure of; see `hark.pipeline.recognize`.
`benchmarks.long_recording` and `benchmarks.lone_words` measure what is missed here and what is kept.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hark.audio import peak
from hark.features import mel_filters
from hark.filterbank import Bands

STEP_S = 0.01
# Steps that are judged by one transform. With more than two, its window would all but take away what lies between.
AT_ONCE = 2
_SEEN_S = 0.032  # by a transform
# How far what a step is judged by reaches to both sides.
REACH_S = (_SEEN_S + (AT_ONCE - 1) * STEP_S) / 2

_BANDS = 20
_LOWEST_HZ = 100.0  # below is hum, rumble and constant offset
_HIGHEST_HZ = 7600.0
# Digital silence has no level; the rounding of 16 bits lies at this one.
_FLOOR_DB = -140.0
# What is further below the loudest is background, however still it is elsewhere: gates and editors leave digital
# silence beside the noise of the room.
_RANGE_DB = 60.0
# Averaged over this, noise becomes steady and the shortest sounds of speech still stand out.
_SMOOTHED_S = 0.07
# By which what is found to be speech begins too early and ends too late.
BLUR_S = _SMOOTHED_S / 2
# The background is what a band falls below this share of the time.
_BACKGROUND_SHARE = 0.1
# And the loudest is what is reached for the rest of it: single clicks say nothing.
_LOUDEST_SHARE = 0.98
# Steady noise stays within this of its own background; speech rises out of any it can be understood in.
_STEADY_DB = 3.0
# Where all but a little does, that little is a word if it stays above for so long: clicks do not, nor does steady
# noise, however long it lasts.
_WORD_S = 0.15
# Speech begins where the excess passes this share of the highest, and this at least.
_ONSET_SHARE, _ONSET_DB = 0.12, 1.5
# Less than this may be one steady sound of a voice, from end to end.
_SHORT_S = 2.0


def levels_db(samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float32]:
    """Computes the level of each band.

    Args:
        samples: [samples] mono float32.
        sample_rate_hz: rate of `samples`.

    Returns:
        [steps, bands] in dB, one every `STEP_S`, of what lies within `REACH_S` of it; `AT_ONCE` steps, counted from
        the first, have the same.
    """
    step, size = round(STEP_S * sample_rate_hz), round(_SEEN_S * sample_rate_hz)
    steps = len(samples) // step
    # Floating-point recordings may be so loud that their squares overflow.
    scale = np.float32(max(1.0, peak(samples)))
    padded = np.zeros(len(samples) + size, np.float32)
    before = (size - (AT_ONCE - 1) * step) // 2
    np.divide(samples, scale, out=padded[before : before + len(samples)])
    levels = _bands(sample_rate_hz, size).energies(padded, AT_ONCE * step, -(-steps // AT_ONCE))
    np.log10(np.maximum(levels, np.float32(10 ** (_FLOOR_DB / 10)), out=levels), out=levels)
    decibels: NDArray[np.float32] = levels * np.float32(10) + np.float32(20) * np.log10(scale)
    return decibels.repeat(AT_ONCE, axis=0)[:steps]


@lru_cache(maxsize=4)
def _bands(sample_rate_hz: int, size: int) -> Bands:
    window = np.hanning(size).astype(np.float32) / np.float32(size / 4)
    highest_hz = min(_HIGHEST_HZ, sample_rate_hz / 2)
    return Bands(window, mel_filters(sample_rate_hz, size, _BANDS, _LOWEST_HZ, highest_hz))


def excess_db(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Computes how far the bands rise above their background, on average.

    Args:
        levels: [steps, bands] of `levels_db`: what is searched, with its surroundings, best half a minute of them.

    Returns:
        [steps] in dB.
    """
    if not len(levels):
        return np.zeros(0, np.float32)
    # Band after band: NumPy takes several times as long to go through a few bands of each step.
    smooth = _smooth(levels.T, round(_SMOOTHED_S / STEP_S))
    np.maximum(smooth, _between(smooth.max(axis=0), _LOUDEST_SHARE) - _RANGE_DB, out=smooth)
    smooth -= _quantile(smooth, _BACKGROUND_SHARE)
    excess: NDArray[np.float32] = np.maximum(smooth, 0, out=smooth).mean(axis=0)
    return excess


def is_speech(excess: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tells which steps may hold speech, from what `excess_db` returned: [steps] bool."""
    if not len(excess):
        return np.zeros(0, np.bool_)
    lowest, highest = _between(excess, _BACKGROUND_SHARE), _between(excess, _LOUDEST_SHARE)
    onset_db = _ONSET_DB
    if highest - lowest < _STEADY_DB:
        # Nearly all of it is background. Is there a single word in it?
        word = _held(excess, round(_WORD_S / STEP_S))
        if word - lowest < _STEADY_DB:
            return np.full(len(excess), bool(highest) and len(excess) * STEP_S < _SHORT_S)  # 0 is digital silence
        highest, onset_db = word, _STEADY_DB
    speech: NDArray[np.bool_] = excess > lowest + max(onset_db, _ONSET_SHARE * (highest - lowest))
    return speech


def _held(excess: NDArray[np.float32], steps: int) -> float:
    """Returns the highest that so many steps in a row reach; of fewer, what all of them reach."""
    if len(excess) <= steps:
        return float(excess.min())
    return float(np.lib.stride_tricks.sliding_window_view(excess, steps).min(axis=1).max())


def _smooth(levels: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Averages [bands, steps] over `width` steps around each; the edges are repeated."""
    before, after, steps = width // 2 + 1, (width - 1) // 2, levels.shape[1]
    total = np.empty((len(levels), before + steps + after), np.float64)
    total[:, before : before + steps] = levels
    total[:, :before], total[:, before + steps :] = levels[:, :1], levels[:, -1:]
    np.cumsum(total, axis=1, out=total)
    smoothed: NDArray[np.float32] = ((total[:, width:] - total[:, :-width]) / width).astype(np.float32)
    return smoothed


def _quantile(levels: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Returns [bands, 1] the level of each band that it falls below for this share of the time."""
    at = int(share * (levels.shape[1] - 1))
    quantile: NDArray[np.float32] = np.partition(levels, at, axis=1)[:, at : at + 1]
    return quantile


def _between(values: NDArray[np.float32], share: float) -> float:
    """Returns the quantile of [steps], interpolated. `np.quantile` imports masked arrays; a cold start would wait."""
    return float(np.interp(share * (len(values) - 1), np.arange(len(values)), np.sort(values)))
