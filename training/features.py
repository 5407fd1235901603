"""What the network sees: torchaudio's log-mel spectrogram (or MFCC, or samples) and SpecAugment.

`hark.features` computes the same without torch. Both read their numbers from the `ModelSpec`.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hark.features import (
    MIN_DEVIATION,
    PEAK_RANGE,
    PEAK_VALUE,
    WHISPER_RANGE,
    WHISPER_SCALE,
    WHISPER_SHIFT,
    compute,
    lowest_peak,
)
from hark.spec import ModelSpec
from training.config import AugmentConfig
from training.torchaudio_guard import torchaudio

# Filter banks are computed once for each of so many vocal tracts.
_TRACT_STEPS = 41
# A microphone's gain is drawn at so many places from the lowest band to the highest.
_COLOUR_POINTS = 5
# Where the vocal-tract warp bends back, as a share of the highest frequency, so that the band's edge stays in place.
_WARP_KNEE = 0.85


class LogMel(nn.Module):
    """Log-mel spectrogram of unpadded utterances, one or several of the same length; no neighbour can change it."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.mel = torchaudio.transforms.MelSpectrogram(
            sample_rate=spec.sample_rate_hz,
            n_fft=spec.n_fft,
            win_length=spec.window_samples,
            hop_length=spec.hop_samples,
            n_mels=spec.n_mels,
            f_min=spec.f_min_hz,
            f_max=spec.f_max_hz,
            norm=_norm(spec),
            mel_scale=spec.mel_scale,
        )
        self.cosines = torchaudio.functional.create_dct(spec.n_mfcc, spec.n_mels, "ortho") if spec.n_mfcc else None

    def forward(self, samples: Tensor) -> Tensor:
        """[..., samples] float32 in -1..1 -> [..., 1 + max(samples, n_fft) // hop_samples, feature_size] float32.

        Raw samples are cut into frames of one utterance at a time.
        """
        if self.spec.feature_kind == "samples":
            return self._raw(samples)
        return self._normalised(self.mel(self._long_enough(samples)))

    def _raw(self, samples: Tensor) -> Tensor:
        return torch.from_numpy(compute(samples.numpy(), self.spec))

    def _long_enough(self, samples: Tensor) -> Tensor:
        return nn.functional.pad(samples, (0, max(self.spec.n_fft - samples.shape[-1], 0)))

    def _normalised(self, mel: Tensor) -> Tensor:
        log_mel = mel.clamp_min(self.spec.log_floor).log().transpose(-2, -1)
        if self.cosines is not None:
            if self.spec.normalisation == "utterance":
                log_mel = log_mel - log_mel.mean(-2, keepdim=True)  # as in hark.features
            log_mel = log_mel @ self.cosines
        if self.spec.normalisation == "utterance":
            centred = log_mel - log_mel.mean(-2, keepdim=True)
            return centred / centred.square().mean(-2, keepdim=True).sqrt().clamp_min(MIN_DEVIATION)
        peak = log_mel.amax((-2, -1), keepdim=True)
        if self.spec.normalisation == "peak":
            highest = peak.clamp_min(lowest_peak(self.spec))
            return (log_mel - (highest - PEAK_RANGE)).clamp_min(0) * (PEAK_VALUE / PEAK_RANGE)
        if self.spec.normalisation == "whisper":
            return whisper_normalised(log_mel, peak)
        return log_mel


def whisper_normalised(log_mel: Tensor, peak: Tensor) -> Tensor:
    """[..., frames, n_mels] in natural logarithms -> the same shape; `peak` [..., 1, 1] is the loudest cell's.

    See `hark.features.normalise`.
    """
    lowest = peak / math.log(10) - WHISPER_RANGE
    return ((log_mel / math.log(10)).maximum(lowest) + WHISPER_SHIFT) / WHISPER_SCALE


class WarpedLogMel(LogMel):
    """The log-mel spectrogram of the same words from a vocal tract of another length, at another tempo.

    The tempo is another hop; the vocal tract is a filter bank whose frequencies are stretched.

    Source: Jaitly and Hinton, "Vocal Tract Length Perturbation improves speech recognition" (ICML workshop 2013).
    """

    def __init__(self, spec: ModelSpec, config: AugmentConfig) -> None:
        super().__init__(spec)
        self.tempo_change, self.tract_change = config.tempo_change, config.tract_change
        self.colour_db = config.colour_db
        self.stretches = np.linspace(1 - self.tract_change, 1 + self.tract_change, _TRACT_STEPS)
        self.banks = [_warped_bank(spec, stretch) for stretch in self.stretches] if self.tract_change else []

    def draw(self, samples: Tensor, rng: np.random.Generator) -> Tensor:
        """[samples] -> [frames, feature_size], for a tract and a tempo that `rng` draws; samples have neither."""
        if self.spec.feature_kind == "samples":
            return self._raw(samples)
        hop = round(self.spec.hop_samples * rng.uniform(1 - self.tempo_change, 1 + self.tempo_change))
        power = torchaudio.functional.spectrogram(
            self._long_enough(samples),
            pad=0,
            window=self.mel.spectrogram.window,
            n_fft=self.spec.n_fft,
            hop_length=hop,
            win_length=self.spec.window_samples,
            power=2.0,
            normalized=False,
        )
        bank = self.banks[rng.integers(len(self.banks))] if self.banks else self.mel.mel_scale.fb
        gains = torch.from_numpy(draw_gains(self.colour_db, self.spec.n_mels, rng))
        return self._normalised(((power.T @ bank) * gains).T)


def draw_gains(colour_db: float, n_mels: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """[n_mels]: what a microphone, drawn from `rng`, makes of each band's power; see `AugmentConfig.colour_db`."""
    if not colour_db:
        return np.ones(n_mels, np.float32)
    deviation = colour_db * math.log(10) / 10  # of power, in natural logarithms
    at = np.linspace(0, n_mels - 1, _COLOUR_POINTS)
    logarithms = np.interp(np.arange(n_mels), at, rng.normal(0, deviation, _COLOUR_POINTS))
    gains: NDArray[np.float32] = np.exp(logarithms).astype(np.float32)
    return gains


def _warped_bank(spec: ModelSpec, stretch: float) -> Tensor:
    """[n_fft // 2 + 1, n_mels]: the mel filters, where each bin counts as one `stretch` times as high."""
    top_hz = spec.sample_rate_hz / 2
    bins_hz = np.linspace(0, top_hz, spec.n_fft // 2 + 1)
    knee_hz = _WARP_KNEE * top_hz * min(1 / stretch, 1.0)
    beyond = top_hz - (top_hz - stretch * knee_hz) / (top_hz - knee_hz) * (top_hz - bins_hz)
    warped_hz = np.where(bins_hz <= knee_hz, bins_hz * stretch, beyond)
    fine = 16  # filters are read at frequencies between the bins
    bank = torchaudio.functional.melscale_fbanks(
        (len(bins_hz) - 1) * fine + 1,
        spec.f_min_hz,
        spec.f_max_hz,
        spec.n_mels,
        spec.sample_rate_hz,
        norm=_norm(spec),
        mel_scale=spec.mel_scale,
    )
    rows = np.clip(np.rint(warped_hz / top_hz * (len(bank) - 1)), 0, len(bank) - 1)
    warped: Tensor = bank[torch.from_numpy(rows.astype(np.int64))]
    return warped


def _norm(spec: ModelSpec) -> str | None:
    return None if spec.mel_norm == "none" else spec.mel_norm


class SpecAugment(nn.Module):
    """Masks bands and stretches of a normalised log-mel spectrogram.

    Source: Park et al., "SpecAugment" (Interspeech 2019), without time warping, and "SpecAugment on Large Scale
    Datasets" (ICASSP 2020), whose number of time masks grows with the utterance. Masked cells become 0: the mean of a
    band that was normalised over the utterance, silence where it was by the peak. No time mask covers more than
    `time_mask_share` of the utterance, so that short ones stay readable.
    """

    def __init__(self, config: AugmentConfig, frames_per_s: float) -> None:
        super().__init__()
        self.config = config
        self.frames_per_s = frames_per_s
        self.frequency_mask = torchaudio.transforms.FrequencyMasking(config.frequency_mask_bands)
        self.time_mask = torchaudio.transforms.TimeMasking(config.time_mask_frames, p=config.time_mask_share)

    def forward(self, log_mel: Tensor) -> Tensor:
        """[frames, n_mels] -> the same shape; draws from torch's global generator."""
        masked = log_mel.T.unsqueeze(0)
        for _ in range(self.config.frequency_masks):
            masked = self.frequency_mask(masked, 0.0)
        more = math.floor(self.config.time_masks_per_s * len(log_mel) / self.frames_per_s)
        for _ in range(self.config.time_masks + more):
            masked = self.time_mask(masked, 0.0)
        return masked.squeeze(0).T


def pad_batch(log_mels: list[Tensor], multiple: int = 1) -> tuple[Tensor, Tensor]:
    """Pads utterances with zeros to the longest: -> [batch, frames, n_mels], [batch] int64 lengths in frames.

    The number of frames is rounded up to a multiple.
    """
    lengths = torch.tensor([len(log_mel) for log_mel in log_mels])
    padded = nn.utils.rnn.pad_sequence(log_mels, batch_first=True)
    return nn.functional.pad(padded, (0, 0, 0, -padded.shape[1] % multiple)), lengths
