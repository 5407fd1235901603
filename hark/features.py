"""Log-mel spectrogram: [samples] -> [frames, n_mels].

Equal to `training.features.LogMel` (torchaudio) within 1e-3; `tests/hark/test_features.py` holds them together.
"""

import dataclasses
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hark.filterbank import Bands
from hark.spec import ModelSpec

# A band of speech has a deviation of 1 to 3. In one that never changes (silence, an empty filter) there is only
# rounding to be seen, and dividing by less than this would blow it up.
MIN_DEVIATION = 1e-2
# What lies further below the loudest cell than this, 60 dB, is silence to normalisation by the peak, whose values go
# from 0 for silence to `PEAK_VALUE`.
PEAK_RANGE = float(6 * np.log(10))
PEAK_VALUE = 4.0
# Whisper's normalisation: powers of ten below the loudest cell that are told apart, then what is added and divided by.
WHISPER_RANGE, WHISPER_SHIFT, WHISPER_SCALE = 8.0, 4.0, 4.0


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
    filters = (spec.sample_rate_hz, spec.n_fft, spec.n_mels, spec.f_min_hz, spec.f_max_hz)
    bands = mel_bands(spec.window_samples, *filters, spec.mel_scale, spec.mel_norm)
    mel = bands.energies(padded, spec.hop_samples)
    np.log(np.maximum(mel, np.float32(spec.log_floor), out=mel), out=mel)
    return normalise(mel, spec)


def compute(samples: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """As `log_mel`, for a model of any `feature_kind`: returns [frames, spec.feature_size]."""
    if spec.feature_kind == "log_mel":
        return log_mel(samples, spec)
    if spec.feature_kind == "samples":
        computed = raw_frames(np.asarray(samples, np.float32), spec.hop_samples)
    else:
        plain = dataclasses.replace(spec, normalisation="none", feature_kind="log_mel", n_mfcc=0)
        mel = log_mel(samples, plain)
        if spec.normalisation == "utterance":
            mel -= means(mel)  # or silence, far below 0, would leave the rounding of a large sum, which is then divided
        computed = mel @ cosines(spec.n_mels, spec.n_mfcc)
    return normalise(computed, spec)


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
    is `PEAK_RANGE` below it at 0, and leaves the bands as they are to each other. "whisper" is that of Whisper's own
    features: decimal logarithms, what is 8 below the loudest cell or less raised to there, then (x + 4) / 4. "none"
    changes nothing. `mel` may be overwritten.
    """
    if spec.normalisation == "whisper":
        mel *= np.float32(1 / np.log(10))
        np.maximum(mel, mel.max(initial=-np.inf) - np.float32(WHISPER_RANGE), out=mel)
        mel += np.float32(WHISPER_SHIFT)
        mel *= np.float32(1 / WHISPER_SCALE)
        return mel
    if spec.normalisation == "peak":
        raised = mel - np.float32(max(lowest_peak(spec), mel.max(initial=-np.inf)) - PEAK_RANGE)
        heights: NDArray[np.float32] = np.maximum(raised, 0) * np.float32(PEAK_VALUE / PEAK_RANGE)
        return heights
    if spec.normalisation == "none":
        return mel
    mel -= means(mel)
    mel /= np.maximum(np.sqrt(means(np.square(mel))), np.float32(MIN_DEVIATION))
    return mel


def means(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """[frames, features] -> [features], as a matrix product: half the time of NumPy's own mean over the first axis."""
    share = np.full(len(mel), 1 / len(mel), np.float32)
    return share @ mel


def silence(computed: NDArray[np.float32], spec: ModelSpec) -> float:
    """What [frames, features] would go on as if nothing sounded any more; by the utterance, the mean of each band."""
    if spec.normalisation == "whisper":
        return float(computed.max()) - WHISPER_RANGE / WHISPER_SCALE
    return 0.0


def lowest_peak(spec: ModelSpec) -> float:
    """What counts as the peak of a recording that is all but silent, so that silence comes out as 0."""
    return math.log(spec.log_floor) + PEAK_RANGE


@lru_cache(maxsize=4)
def mel_bands(
    window_samples: int,
    sample_rate_hz: int,
    n_fft: int,
    n_mels: int,
    f_min_hz: float,
    f_max_hz: float,
    scale: str,
    norm: str,
) -> Bands:
    """Returns the analysis that `log_mel` makes of frames, with the arguments of a spec."""
    filters = mel_filters(sample_rate_hz, n_fft, n_mels, f_min_hz, f_max_hz, scale, norm)
    return Bands(_window(n_fft, window_samples), filters)


def _window(n_fft: int, window_samples: int) -> NDArray[np.float32]:
    """Returns the periodic Hann window, centred in [n_fft] zeros."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_samples) / window_samples)
    left = (n_fft - window_samples) // 2
    return np.pad(hann, (left, n_fft - window_samples - left)).astype(np.float32)


def mel_filters(
    sample_rate_hz: int,
    n_fft: int,
    n_mels: int,
    f_min_hz: float,
    f_max_hz: float,
    scale: str = "htk",
    norm: str = "none",
) -> NDArray[np.float32]:
    """Returns the triangular filter bank, [n_fft // 2 + 1, n_mels].

    Args:
        sample_rate_hz: of the audio.
        n_fft: length of its transforms.
        n_mels: number of filters.
        f_min_hz: where the first begins.
        f_max_hz: where the last ends.
        scale: on which mel scale they are evenly spaced: "htk", or "slaney", which is linear below 1 kHz.
        norm: "none" for peaks of 1, "slaney" for an area of 1 each, in Hz.

    Source: Young et al., "The HTK Book"; Slaney, "Auditory Toolbox" (1998), as librosa and Whisper have it.
    """
    to_hz = _slaney_hz if scale == "slaney" else _htk_hz
    lowest_mel, highest_mel = to_mel(np.array([f_min_hz, f_max_hz]), scale)
    edges_hz = to_hz(np.linspace(lowest_mel, highest_mel, n_mels + 2))
    bins_hz = np.linspace(0, sample_rate_hz / 2, n_fft // 2 + 1)
    slopes = edges_hz[None, :] - bins_hz[:, None]
    widths = np.diff(edges_hz)
    rising = -slopes[:, :-2] / widths[:-1]
    falling = slopes[:, 2:] / widths[1:]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if norm == "slaney":
        filters *= 2 / (edges_hz[2:] - edges_hz[:-2])
    return filters.astype(np.float32)


def to_mel(hz: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """Returns where frequencies lie on one of the scales of `mel_filters`."""
    return _slaney_mel(hz) if scale == "slaney" else _htk_mel(hz)


def _htk_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    mel: NDArray[np.float64] = 2595.0 * np.log10(1.0 + hz / 700.0)
    return mel


def _htk_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    hz: NDArray[np.float64] = 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    return hz


# Slaney's scale: 200 / 3 Hz a mel up to 1 kHz, from there on 27 mels for each factor of 6.4.
_LINEAR_HZ, _KNEE_HZ, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def _slaney_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    above = np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    mel: NDArray[np.float64] = np.minimum(hz, _KNEE_HZ) / _LINEAR_HZ + above
    return mel


def _slaney_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = _KNEE_HZ / _LINEAR_HZ
    hz: NDArray[np.float64] = np.minimum(mel, knee) * _LINEAR_HZ * np.exp(np.maximum(mel - knee, 0) * _LOG_STEP)
    return hz
