"""Deep Speech 2: residual CNN + bidirectional RNN + CTC head.

Source: Amodei et al., "Deep Speech 2" (ICML 2016); the block order (LayerNorm, GELU, dropout, layer) is that of the
tutorial network, which `configs/seed.yaml` rebuilds with its mistake corrected.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from training.config import ModelConfig
from training.errors import ConfigError
from training.lengths import frame_mask, strided
from training.subsampling import strided_convolutions

_RECURRENCES: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class DeepSpeech2(nn.Module):
    """Log-mel spectrograms in, log-probabilities of the labels out.

    Padding and the other utterances of a batch never change an utterance's output: every convolution sees zeros past
    its end, as it does without padding, and the backward recurrence starts at its own last frame.
    """

    LABELLED: ClassVar[dict[str, tuple[int, int]]] = {"head.3.weight": (0, 1), "head.3.bias": (0, 1)}
    LABELS_MIDDLE = False

    def __init__(self, config: ModelConfig, n_mels: int, n_labels: int) -> None:
        super().__init__()
        self.config = config
        channels, size = config.conv_channels, config.rnn_size
        self.stem, bands = strided_convolutions(config, n_mels)
        self.residual = nn.ModuleList(
            ResidualBlock(channels, bands, config.dropout) for _ in range(config.residual_blocks)
        )
        self.projection = nn.Linear(channels * bands, size)
        self.recurrent = nn.ModuleList(
            BidirectionalLayer(config.rnn, size if i == 0 else 2 * size, size, config.dropout)
            for i in range(config.rnn_layers)
        )
        self.head = nn.Sequential(
            nn.Linear(2 * size, size), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(size, n_labels)
        )

    @property
    def middle(self) -> int:
        """The recurrent layer, counted from 0, that has the middle CTC loss."""
        return (self.config.rnn_layers - 1) // 2

    @property
    def middle_size(self) -> int:
        """Width of that layer."""
        return 2 * self.config.rnn_size

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Runs a batch.

        Args:
            log_mel: [batch, frames, n_mels] float; frames past an utterance's length do not matter.
            lengths: [batch] int64, frames of each utterance.

        Returns:
            [batch, output frames, labels] log-probabilities and [batch] int64 lengths in output frames. Past its
            length an utterance's output means nothing.
        """
        layers, lengths = self.encode(log_mel, lengths)
        return self.label(layers[-1]), lengths

    def label(self, encoded: Tensor) -> Tensor:
        """[batch, output frames, 2 * rnn_size], the last of `encode` -> [batch, output frames, labels]."""
        log_probs: Tensor = self.head(encoded).log_softmax(-1)
        return log_probs

    def encode(self, log_mel: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """As `forward`, up to the head: returns each recurrent layer's output, [batch, output frames, 2 * rnn_size]."""
        hidden = log_mel.unsqueeze(1)
        mask = _broad_mask(lengths, hidden)
        for i, conv in enumerate(self.stem):
            hidden = conv((hidden if i == 0 else nn.functional.gelu(hidden)) * mask)
            lengths = strided(lengths, self.config.conv_strides[i][0])
            mask = _broad_mask(lengths, hidden)
        for block in self.residual:
            hidden = block(hidden, mask)
        hidden = hidden.permute(2, 0, 1, 3).flatten(2)  # [output frames, batch, channels * bands]
        hidden = self.projection(hidden)
        reversal = reversed_rows(lengths, hidden)
        layers = []
        for layer in self.recurrent:
            hidden = layer(hidden, reversal)
            layers.append(hidden.transpose(0, 1))
        return layers, lengths


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around which the input passes."""

    def __init__(self, channels: int, bands: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(bands) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, channels, frames, bands] -> the same; `mask` [batch, 1, frames, 1] is 0 past each length."""
        hidden = inputs
        for norm, conv in zip(self.norms, self.convs, strict=True):
            hidden = conv(self.dropout(nn.functional.gelu(norm(hidden))) * mask)
        return inputs + hidden


class BidirectionalLayer(nn.Module):
    """One recurrent layer that reads every utterance from its first frame to its last and from its last to its first.

    The backward pass is a forward recurrence over frames reversed within each utterance's length. On CPU that is four
    times as fast as packed sequences, and it exports to plain ONNX recurrences.
    """

    def __init__(self, kind: str, input_size: int, size: int, dropout: float) -> None:
        super().__init__()
        if kind not in _RECURRENCES:
            raise ConfigError(f"model.rnn must be one of {', '.join(_RECURRENCES)}, not {kind!r}.")
        recurrence = _RECURRENCES[kind]
        self.norm = nn.LayerNorm(input_size)
        self.forwards = recurrence(input_size, size)
        self.backwards = recurrence(input_size, size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor, reversal: Tensor) -> Tensor:
        """[frames, batch, input_size] -> [frames, batch, 2 * size]; `reversal` comes from `reversed_rows`."""
        hidden = nn.functional.gelu(self.norm(inputs))
        ahead, _ = self.forwards(hidden)
        back, _ = self.backwards(_reorder(hidden, reversal))
        outputs: Tensor = self.dropout(torch.cat([ahead, _reorder(back, reversal)], dim=2))
        return outputs


def _broad_mask(lengths: Tensor, hidden: Tensor) -> Tensor:
    """[batch, 1, frames, 1]: 1 inside each utterance, 0 past its end, for `hidden` [batch, channels, frames, bands]."""
    return frame_mask(lengths, hidden.shape[2])[:, None, :, None].to(hidden.dtype)


def reversed_rows(lengths: Tensor, hidden: Tensor) -> Tensor:
    """[frames * batch] rows of `hidden` [frames, batch, ...] that reverse each utterance and leave its padding."""
    frames, batch = hidden.shape[0], hidden.shape[1]
    frame = torch.arange(frames, device=hidden.device)[:, None]
    source = torch.where(frame < lengths[None, :], lengths[None, :] - 1 - frame, frame)
    return (source * batch + torch.arange(batch, device=hidden.device)[None, :]).flatten()


def _reorder(hidden: Tensor, rows: Tensor) -> Tensor:
    return hidden.flatten(0, 1).index_select(0, rows).reshape(hidden.shape)
