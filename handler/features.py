"""Log-mel spectrogram in NumPy alone: [samples] -> [frames, n_mels].

Equal to `training.features.LogMel` (torchaudio) within 1e-3; `tests/handler/test_features.py` holds them together.
"""

import dataclasses
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handler.spec import ModelSpec

# Frames per DFT call: large enough to amortise NumPy's overhead, small enough to stay in a core's cache.
_CHUNK_FRAMES = 128
# Bands computed in one matrix product: with more there are more zeros in it, with fewer more calls.
_BANDS_AT_ONCE = 16

# A band of speech has a deviation of 1 to 3. In one that never changes (silence, an empty filter) there is only
# rounding to be seen, and dividing by less than this would blow it up.
MIN_DEVIATION = 1e-2
# What lies further below the loudest cell than this, 60 dB, is silence to normalisation by the peak, whose values go
# from 0 for silence to `PEAK_VALUE`.
PEAK_RANGE = float(6 * np.log(10))
PEAK_VALUE = 4.0


class BandFilters(NamedTuple):
    """Some neighbouring bands of a filter bank, and the part of the spectrum they see.

    Attributes:
        parts: of the spectrum, real and imaginary parts in turn.
        bands: of the bank.
        shares: [parts, bands] of the square of each part that goes into each band.
    """

    parts: slice
    bands: slice
    shares: NDArray[np.float32]


def log_mel(samples: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Computes the normalised log-mel spectrogram a model was trained on.

    Frames are centred on multiples of the hop, with reflected edges; audio shorter than one DFT is padded with zeros
    at its end first, since there is nothing to reflect.

    Args:
        samples: [samples] mono float32 in -1..1 at `spec.sample_rate_hz`.
        spec: the model's spec.

    Returns:
        [1 + max(samples, n_fft) // hop_samples, n_mels] float32 (natural log).
    """
    samples = np.asarray(samples, np.float32)
    if len(samples) < spec.n_fft:
        samples = np.pad(samples, (0, spec.n_fft - len(samples)))
    half = spec.n_fft // 2
    padded = np.concatenate([samples[half:0:-1], samples, samples[-2 : -half - 2 : -1]])
    frames = overlapping(padded, spec.n_fft, spec.hop_samples)
    window = _window(spec.n_fft, spec.window_samples)
    bank = mel_bank(spec.sample_rate_hz, spec.n_fft, spec.n_mels, spec.f_min_hz, spec.f_max_hz)
    mel = band_energies(frames, window, bank)
    np.log(np.maximum(mel, np.float32(spec.log_floor), out=mel), out=mel)
    return normalise(mel, spec)


def overlapping(samples: NDArray[np.float32], size: int, hop: int) -> NDArray[np.float32]:
    """Returns a view [frames, size] of `samples`, in C's order, of all frames that begin `hop` after each other.

    As NumPy's `sliding_window_view` with a step, without its checks, which cost a request a tenth of a millisecond.
    """
    frames = max(0, 1 + (len(samples) - size) // hop)
    width = samples.itemsize
    view: NDArray[np.float32] = np.ndarray((frames, size), np.float32, samples.data, 0, (hop * width, width))
    return view


def band_energies(
    frames: NDArray[np.float32], window: NDArray[np.float32], bank: Sequence[BandFilters]
) -> NDArray[np.float32]:
    """Computes the energy in each band of each frame.

    Args:
        frames: [frames, size] samples, which may be a view in which they overlap.
        window: [size] what a frame is multiplied with before its transform.
        bank: of `mel_bank` for transforms of this size.

    Returns:
        [frames, bands].
    """
    size = len(window)
    # The same few arrays for all chunks: they stay in the cache.
    windowed = np.empty((_CHUNK_FRAMES, size), np.float32)
    spectrum = np.empty((_CHUNK_FRAMES, size // 2 + 1), np.complex64)
    squares = spectrum.view(np.float32)  # of real and imaginary parts in turn
    energies = np.empty((len(frames), bank[-1].bands.stop), np.float32)
    for start in range(0, len(frames), _CHUNK_FRAMES):
        count = len(frames[start : start + _CHUNK_FRAMES])
        np.multiply(frames[start : start + count], window, out=windowed[:count])
        # NumPy's stubs know of no transform in single precision.
        np.fft.rfft(windowed[:count], out=spectrum[:count])  # type: ignore[arg-type]
        np.square(squares[:count], out=squares[:count])
        for filters in bank:
            np.matmul(
                squares[:count, filters.parts], filters.shares, out=energies[start : start + count, filters.bands]
            )
    return energies


def compute(samples: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """As `log_mel`, for a model of any `feature_kind`: returns [frames, spec.feature_size]."""
    if spec.feature_kind == "log_mel":
        return log_mel(samples, spec)
    if spec.feature_kind == "samples":
        found = raw_frames(np.asarray(samples, np.float32), spec.hop_samples)
    else:
        plain = dataclasses.replace(spec, normalisation="none", feature_kind="log_mel", n_mfcc=0)
        found = log_mel(samples, plain) @ cosines(spec.n_mels, spec.n_mfcc)
    return normalise(found, spec)


def raw_frames(samples: NDArray[np.float32], frame_samples: int) -> NDArray[np.float32]:
    """[samples] -> [frames, frame_samples], one frame at least; the last is filled up with zeros."""
    missing = -len(samples) % frame_samples if len(samples) else frame_samples
    return np.pad(samples, (0, missing)).reshape(-1, frame_samples)


@lru_cache(maxsize=4)
def cosines(n_mels: int, n_mfcc: int) -> NDArray[np.float32]:
    """Returns [n_mels, n_mfcc]: the first columns of the orthonormal discrete cosine transform, type II."""
    bands, orders = np.arange(n_mels)[:, None], np.arange(n_mfcc)[None, :]
    columns = np.cos(np.pi / n_mels * (bands + 0.5) * orders) * np.sqrt(2 / n_mels)
    columns[:, 0] *= np.sqrt(0.5)
    table: NDArray[np.float32] = columns.astype(np.float32)
    return table


def normalise(mel: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Makes [frames, n_mels] independent of how loud the recording is, as `spec.normalisation` says.

    "utterance" brings every band to mean 0 and (population) deviation 1 over the utterance: that takes the microphone
    out of it, and out of a single short word most of its vowel. "peak" puts the loudest cell at `PEAK_VALUE` and what
    is `PEAK_RANGE` below it at 0, and leaves the bands as they are to each other. "none" changes nothing. `mel` may be
    overwritten.
    """
    if spec.normalisation == "peak":
        raised = mel - np.float32(max(lowest_peak(spec), mel.max(initial=-np.inf)) - PEAK_RANGE)
        heights: NDArray[np.float32] = np.maximum(raised, 0) * np.float32(PEAK_VALUE / PEAK_RANGE)
        return heights
    if spec.normalisation == "none":
        return mel
    # Means as matrix products: half the time of NumPy's over the first axis, and no less exact than sums in float64.
    share = np.full(len(mel), 1 / len(mel), np.float32)
    mel -= share @ mel
    deviations = np.sqrt(share @ np.square(mel))
    mel /= np.maximum(deviations, np.float32(MIN_DEVIATION))
    return mel


def lowest_peak(spec: ModelSpec) -> float:
    """What counts as the peak of a recording that is all but silent, so that silence comes out as 0."""
    return math.log(spec.log_floor) + PEAK_RANGE


@lru_cache(maxsize=4)
def _window(n_fft: int, window_samples: int) -> NDArray[np.float32]:
    """Returns the periodic Hann window, centred in [n_fft] zeros."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_samples) / window_samples)
    left = (n_fft - window_samples) // 2
    return np.pad(hann, (left, n_fft - window_samples - left)).astype(np.float32)


@lru_cache(maxsize=8)
def mel_bank(sample_rate_hz: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float) -> tuple[BandFilters, ...]:
    """Returns `mel_filters` a few bands at a time, without most of the zeros that nearly all of it is."""
    filters = mel_filters(sample_rate_hz, n_fft, n_mels, f_min_hz, f_max_hz)
    bank = []
    for first in range(0, n_mels, _BANDS_AT_ONCE):
        bands = slice(first, min(first + _BANDS_AT_ONCE, n_mels))
        bins = np.flatnonzero(filters[:, bands].any(axis=1))
        seen = slice(int(bins[0]), int(bins[-1]) + 1) if len(bins) else slice(0, 0)
        shares = np.repeat(filters[seen, bands], 2, axis=0)
        bank.append(BandFilters(slice(2 * seen.start, 2 * seen.stop), bands, shares))
    return tuple(bank)


@lru_cache(maxsize=8)
def mel_filters(sample_rate_hz: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float) -> NDArray[np.float32]:
    """Returns the triangular filter bank, [n_fft // 2 + 1, n_mels], on the HTK mel scale, peaks at 1."""
    lowest_mel, highest_mel = 2595.0 * np.log10(1.0 + np.array([f_min_hz, f_max_hz]) / 700.0)
    edges_hz = 700.0 * (10.0 ** (np.linspace(lowest_mel, highest_mel, n_mels + 2) / 2595.0) - 1.0)
    bins_hz = np.linspace(0, sample_rate_hz / 2, n_fft // 2 + 1)
    slopes = edges_hz[None, :] - bins_hz[:, None]
    widths = np.diff(edges_hz)
    rising = -slopes[:, :-2] / widths[:-1]
    falling = slopes[:, 2:] / widths[1:]
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
