"""A teacher: the encoder of a Whisper model, whose features the network learns to predict from the audio.

Recordings of a few hundred people do not teach a network what all people's speech has in common. The features of a
model that was trained on a hundred thousand hours do, and each frame of them has more information than a transcript.
Only training needs the teacher; the trained model does not contain it.

Source: Chang et al., "DistilHuBERT" (ICASSP 2022), for learning to predict a larger model's features.
"""

import torch
from torch import Tensor, nn

from training.config import Config, ModelConfig, WhisperConfig, model_spec
from training.features import LogMel
from training.pretrained import PretrainedEncoder, load_pretrained
from training.whisper import WhisperEncoder

RATE_HZ = 16000
# Samples from one frame of the features to the next.
HOP = 320


class Teacher(nn.Module):
    """Samples in, features out, 50 a second; without padding to the half minute that Whisper expects."""

    def __init__(self, pretrained: PretrainedEncoder) -> None:
        super().__init__()
        self.size = pretrained.size
        self.log_mel = LogMel(model_spec(Config(name="teacher", features=pretrained.features)))
        shape = WhisperConfig(pretrained.layers, pretrained.size, pretrained.heads, joined_before=pretrained.layers)
        self.encoder = WhisperEncoder(ModelConfig(whisper=shape), pretrained.n_mels)
        pretrained.fill(self.encoder, shape)
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        """[batch, samples] at 16 kHz, half a minute at most -> [batch, frames, size], one every `HOP` samples."""
        with torch.autocast(samples.device.type, enabled=False):  # energies 80 dB below the loudest count
            log_mel = self.log_mel(samples)[:, :-1]  # Whisper leaves out the frame that is centred on the end
        lengths = torch.full((len(log_mel),), log_mel.shape[1], device=log_mel.device)
        features, _ = self.encoder.transform(log_mel, lengths)
        return features


def load(source: str) -> Teacher:
    """Reads a teacher from any file that `training.pretrained` reads.

    Raises:
        CheckpointError: there is no such model, or it cannot be read as one of Whisper's.
    """
    return Teacher(load_pretrained(source))
