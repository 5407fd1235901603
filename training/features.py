"""What the network sees: torchaudio's log-mel spectrogram and SpecAugment.

`handler.features` computes the same spectrogram in NumPy. Both read their numbers from the `ModelSpec`.
"""

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handler.features import MIN_DEVIATION
from handler.spec import ModelSpec
from training.config import AugmentConfig
from training.torchaudio_guard import torchaudio


class LogMel(nn.Module):
    """Log-mel spectrogram of single, unpadded utterances, so that no neighbour can change it."""

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
        )

    def forward(self, samples: Tensor) -> Tensor:
        """[samples] float32 in -1..1 -> [1 + max(samples, n_fft) // hop_samples, n_mels] float32."""
        if len(samples) < self.spec.n_fft:
            samples = nn.functional.pad(samples, (0, self.spec.n_fft - len(samples)))
        log_mel: Tensor = self.mel(samples).clamp_min(self.spec.log_floor).log().T
        if self.spec.normalisation == "utterance":
            centred = log_mel - log_mel.mean(0)
            log_mel = centred / centred.square().mean(0).sqrt().clamp_min(MIN_DEVIATION)
        return log_mel


def change_speed(samples: NDArray[np.float32], sample_rate_hz: int, largest_change: float) -> NDArray[np.float32]:
    """Plays [samples] at a random speed; draws from torch's global generator.

    Source: Ko et al., "Audio Augmentation for Speech Recognition" (Interspeech 2015), with a continuous range.
    """
    speed = 1 + (2 * torch.rand(()).item() - 1) * largest_change
    changed: NDArray[np.float32] = soxr.resample(samples, sample_rate_hz * speed, sample_rate_hz, quality="MQ")
    return changed


class SpecAugment(nn.Module):
    """Masks bands and stretches of a normalised log-mel spectrogram.

    Source: Park et al., "SpecAugment" (Interspeech 2019), without time warping. Masked cells become 0, the mean of a
    normalised band. No time mask covers more than `time_mask_share` of the utterance, so that short ones stay readable.
    """

    def __init__(self, config: AugmentConfig) -> None:
        super().__init__()
        self.config = config
        self.frequency_mask = torchaudio.transforms.FrequencyMasking(config.frequency_mask_bands)
        self.time_mask = torchaudio.transforms.TimeMasking(config.time_mask_frames, p=config.time_mask_share)

    def forward(self, log_mel: Tensor) -> Tensor:
        """[frames, n_mels] -> the same shape; draws from torch's global generator."""
        masked = log_mel.T.unsqueeze(0)
        for _ in range(self.config.frequency_masks):
            masked = self.frequency_mask(masked, 0.0)
        for _ in range(self.config.time_masks):
            masked = self.time_mask(masked, 0.0)
        return masked.squeeze(0).T


def pad_batch(log_mels: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Pads utterances with zeros to the longest: -> [batch, frames, n_mels], [batch] int64 lengths in frames."""
    lengths = torch.tensor([len(log_mel) for log_mel in log_mels])
    return nn.utils.rnn.pad_sequence(log_mels, batch_first=True), lengths
