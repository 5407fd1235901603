"""Spoken keywords from the first blocks of a Whisper encoder.

These blocks were trained on hundreds of thousands of hours of speech; a few thousand words are enough to train a head
that tells the words apart.

Source: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), for the encoder.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from training.config import ModelConfig
from training.lengths import frame_mask
from training.whisper import WhisperEncoder, wave_numbers, waves

# Width of a convolution of the head, in frames of 40 ms.
_KERNEL = 5


class WhisperClassifier(nn.Module):
    """An encoder and a head that pools its frames; see `training.keywords.model` for what goes in and out.

    Padding and neighbours in a batch do not change an utterance's output.
    """

    LABELLED: ClassVar[dict[str, tuple[int, int]]] = {"head.output.weight": (0, 1), "head.output.bias": (0, 1)}

    def __init__(self, config: ModelConfig, n_mels: int, n_labels: int) -> None:
        super().__init__()
        self.encoder = ShortEncoder(config, n_mels)
        self.head = PoolingHead(config, self.encoder.output_size, n_labels)

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, frames, n_mels], [batch] lengths -> [batch, 1, labels] log-probabilities, [batch] ones."""
        return self.classify(*self.encoder(log_mel, lengths))

    def classify(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, from the encoder's features: `lengths` counts these."""
        log_probs: Tensor = self.head(features, lengths)
        return log_probs.unsqueeze(1), torch.ones_like(lengths)


class ShortEncoder(WhisperEncoder):
    """Whisper's encoder, which computes its positions each time.

    For a second that takes little time, and a table for half a minute would be a fifth of the model's file.
    """

    numbers: Tensor

    def __init__(self, config: ModelConfig, n_mels: int) -> None:
        super().__init__(config, n_mels)
        del self.positions
        self.register_buffer("numbers", wave_numbers(config.whisper.size), persistent=False)

    def first_positions(self, frames: int) -> Tensor:
        """As `WhisperEncoder.first_positions`, of any number."""
        return waves(frames, self.numbers)


class PoolingHead(nn.Module):
    """Convolutions over time, then a mean of the frames, weighted for every channel by the frames themselves."""

    def __init__(self, config: ModelConfig, input_size: int, n_labels: int) -> None:
        super().__init__()
        size = config.rnn_size
        self.dropout = nn.Dropout(config.dropout)
        self.projection = nn.Linear(input_size, size)
        self.layers = nn.ModuleList(ConvolutionLayer(size, config.dropout) for _ in range(config.whisper.head_layers))
        self.norm = nn.LayerNorm(size)
        self.weigh = nn.Linear(size, size)
        self.output = nn.Linear(size, n_labels)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """[batch, frames, input_size], [batch] -> [batch, labels] log-probabilities."""
        hidden = self.projection(self.dropout(features))
        inside = frame_mask(lengths, hidden.shape[1])[:, :, None]
        for layer in self.layers:
            hidden = layer(hidden, inside.to(hidden.dtype))
        hidden = self.norm(hidden)
        weights = self.weigh(hidden).masked_fill(~inside, -1e4).softmax(1)
        log_probs: Tensor = self.output(self.dropout((weights * hidden).sum(1))).log_softmax(-1)
        return log_probs


class ConvolutionLayer(nn.Module):
    """A convolution over time around which its input passes."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.convolution = nn.Conv1d(size, size, _KERNEL, padding=_KERNEL // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, inside: Tensor) -> Tensor:
        """[batch, frames, size] -> the same; `inside` [batch, frames, 1] is 0 past each length."""
        seen = (self.norm(hidden) * inside).transpose(1, 2)
        added: Tensor = hidden + self.dropout(nn.functional.gelu(self.convolution(seen)).transpose(1, 2))
        return added
