"""Spoken keywords: a window of sound in, log-probabilities of words out.

Both networks give one output frame for an utterance of any length, so that the code that exports, proves and runs
transcribers works for them too.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from training.config import ModelConfig
from training.errors import ConfigError
from training.lengths import frame_mask, strided

# Channels of the two convolutions over time and frequency, before those over time alone.
_STEM_CHANNELS = (16, 24)


class SeparableCnn(nn.Module):
    """Residual blocks of depthwise-separable convolutions over time, below a stem that sees frequency too.

    Padding and neighbours in a batch do not change an utterance's output: convolutions see zeros past its end, and the
    mean over time covers its own frames only.

    Source: Majumdar and Ginsburg, "MatchboxNet" (Interspeech 2020), for the blocks; the stem has the same
    filters for voices with other formants.
    """

    LABELLED: ClassVar[dict[str, tuple[int, int]]] = {"head.weight": (0, 1), "head.bias": (0, 1)}

    def __init__(self, config: ModelConfig, n_inputs: int, n_labels: int) -> None:
        super().__init__()
        shape = config.separable
        if shape.kernel % 2 == 0 or not shape.dilations:
            raise ConfigError("model.separable needs an odd kernel and at least one dilation.")
        first, second = _STEM_CHANNELS
        bands = strided(strided(torch.tensor(n_inputs), 2), 2)
        self.stem = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(1, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU()),
                nn.Sequential(nn.Conv2d(first, second, 3, 2, 1, bias=False), nn.BatchNorm2d(second), nn.ReLU()),
            ]
        )
        self.projection = _pointwise(second * int(bands), shape.channels)
        self.blocks = nn.ModuleList(
            SeparableBlock(shape.channels, shape.kernel, dilation, config.dropout) for dilation in shape.dilations
        )
        self.last = _pointwise(shape.channels, 2 * shape.channels)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(2 * shape.channels, n_labels)

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, frames, features], [batch] lengths -> [batch, 1, labels] log-probabilities, [batch] ones."""
        hidden = log_mel.unsqueeze(1)
        mask = frame_mask(lengths, hidden.shape[2]).to(hidden.dtype)
        for convolution in self.stem:
            hidden = convolution(hidden * mask[:, None, :, None])
            lengths = strided(lengths, 2)
            mask = frame_mask(lengths, hidden.shape[2]).to(hidden.dtype)
        mask = mask[:, None, :]
        hidden = self.projection(hidden.transpose(2, 3).flatten(1, 2))  # [batch, channels, frames]
        for block in self.blocks:
            hidden = block(hidden, mask)
        mean = (self.last(hidden) * mask).sum(2) / lengths[:, None].to(hidden.dtype)
        return self.head(self.dropout(mean)).log_softmax(-1).unsqueeze(1), torch.ones_like(lengths)


class SeparableBlock(nn.Module):
    """Two separable convolutions around which the input passes."""

    def __init__(self, channels: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.depthwise = nn.ModuleList(
            nn.Conv1d(
                channels,
                channels,
                kernel,
                padding=kernel // 2 * dilation,
                dilation=dilation,
                groups=channels,
                bias=False,
            )
            for _ in range(2)
        )
        self.pointwise = nn.ModuleList([_pointwise(channels, channels), _pointwise(channels, channels, last=True)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, channels, frames] -> the same; `mask` [batch, 1, frames] is 0 past each length."""
        hidden = inputs
        for depthwise, pointwise in zip(self.depthwise, self.pointwise, strict=True):
            hidden = pointwise(depthwise(hidden * mask))
        return nn.functional.relu(inputs + self.dropout(hidden))


class RawGru(nn.Module):
    """The course's keyword model: recurrences over the samples of the recording, and their last state.

    Kept for comparison (`configs/keywords-seed.yaml`).
    """

    LABELLED: ClassVar[dict[str, tuple[int, int]]] = {"head.weight": (0, 1), "head.bias": (0, 1)}

    def __init__(self, config: ModelConfig, n_inputs: int, n_labels: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(n_inputs, config.rnn_size, config.rnn_layers, batch_first=True)
        self.head = nn.Linear(config.rnn_size, n_labels)

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As `SeparableCnn.forward`."""
        outputs, _ = self.recurrent(log_mel)
        last = outputs[torch.arange(len(lengths), device=lengths.device), lengths - 1]
        return self.head(last).log_softmax(-1).unsqueeze(1), torch.ones_like(lengths)


def _pointwise(inputs: int, outputs: int, last: bool = False) -> nn.Sequential:
    layers = [nn.Conv1d(inputs, outputs, 1, bias=False), nn.BatchNorm1d(outputs)]
    return nn.Sequential(*layers, *([] if last else [nn.ReLU()]))
