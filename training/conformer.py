"""Conformer encoder at 12.5 frames a second, with two CTC outputs for each of them.

Sources: Gulati et al., "Conformer" (Interspeech 2020); eightfold subsampling as in Rekesh et al., "Fast Conformer"
(ASRU 2023); attention that fades with distance as in Press et al., "Train Short, Test Long" (ICLR 2022); the middle
layer's own output fed back as in Nozaki and Komatsu, "Relaxing the Conditional Independence Assumption of CTC-based ASR
by Conditioning on Intermediate Predictions" (Interspeech 2021).

Characters need 25 output frames a second; attention and feed-forward layers do not. Pairs of frames therefore go
through the encoder as one and are split again in the head, which halves the work of training and of serving.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from training.config import ModelConfig
from training.errors import ConfigError
from training.lengths import frame_mask, strided
from training.subsampling import strided_convolutions

# Output frames joined into one frame of the encoder.
STACKED = 2
# How much the scores of the first and of the last head fall for each frame of distance.
_FADES = (0.5, 0.004)
# Added to scores where attention must not look; finite, so that a row that is masked completely is no NaN.
FORBIDDEN = -1e4


class Conformer(nn.Module):
    """Log-mel spectrograms in, log-probabilities of the labels out; see `training.network.Network`.

    Padding and the other utterances of a batch never change an utterance's output: convolutions see zeros past its end,
    as they do without padding, and attention does not look there.
    """

    LABELLED: ClassVar[dict[str, tuple[int, int]]] = {
        "head.weight": (0, STACKED),
        "head.bias": (0, STACKED),
        "feedback.weight": (1, STACKED),
    }
    LABELS_MIDDLE = True
    fades: Tensor

    def __init__(self, config: ModelConfig, n_mels: int, n_labels: int) -> None:
        super().__init__()
        self.config = config
        shape, channels = config.conformer, config.conv_channels
        if shape.size % (2 * shape.heads):
            raise ConfigError(
                f"model.conformer.size must be a multiple of twice model.conformer.heads, not {shape.size} with "
                f"{shape.heads} heads."
            )
        self.stem, bands = strided_convolutions(config, n_mels)
        # Convolutions run twice as fast on CPU with the channels last, and the flattening below costs nothing.
        self.stem.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.projection = nn.Linear(STACKED * bands * channels, shape.size)
        self.blocks = nn.ModuleList(Block(config) for _ in range(shape.layers))
        self.register_buffer("fades", head_fades(shape.heads), persistent=False)
        self.head = nn.Linear(shape.size, STACKED * n_labels)
        self.feedback = nn.Linear(STACKED * n_labels, shape.size)

    @property
    def middle(self) -> int:
        """The layer, counted from 0, whose output is fed back and has the middle CTC loss."""
        return (self.config.conformer.layers - 1) // 2

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, frames, n_mels], [batch] -> [batch, output frames, labels] log-probabilities, [batch] lengths."""
        layers, lengths = self.encode(log_mel, lengths)
        return self.label(layers[-1])[:, : lengths.max()], lengths

    def label(self, encoded: Tensor) -> Tensor:
        """[batch, frames, size], any of `encode` -> [batch, 2 * frames, labels]; the head serves every layer."""
        log_probs: Tensor = self.head(encoded).unflatten(2, (STACKED, -1)).log_softmax(-1).flatten(1, 2)
        return log_probs

    def encode(self, log_mel: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """As `forward`, up to the head: returns each block's output, [batch, frames at 12.5 a second, size]."""
        hidden = log_mel.unsqueeze(1)
        mask = frame_mask(lengths, hidden.shape[2]).to(hidden.dtype)
        for i, conv in enumerate(self.stem):
            hidden = nn.functional.relu(conv(hidden * mask[:, None, :, None]))
            lengths = strided(lengths, self.config.conv_strides[i][0])
            mask = frame_mask(lengths, hidden.shape[2]).to(hidden.dtype)
        hidden = hidden.permute(0, 2, 3, 1).flatten(2) * mask[:, :, None]
        hidden = nn.functional.pad(hidden, (0, 0, 0, 1))  # the last frame may have no partner
        hidden = self.projection(torch.cat([hidden[:, :-1:2], hidden[:, 1::2]], 2))
        stacked = strided(lengths, STACKED)
        inside = frame_mask(stacked, hidden.shape[1])
        keep = inside[:, :, None].to(hidden.dtype)
        bias = (~inside).to(hidden.dtype)[:, None, None, :] * FORBIDDEN + distance_bias(hidden, self.fades)
        layers = []
        for i, block in enumerate(self.blocks):
            hidden = block(hidden, keep, bias)
            layers.append(hidden)
            if i == self.middle:
                probabilities = self.head(hidden).unflatten(2, (STACKED, -1)).softmax(-1).flatten(2)
                hidden = hidden + self.feedback(probabilities.to(hidden.dtype))
        return layers, lengths


class Block(nn.Module):
    """Half a feed-forward layer, attention, convolution, the other half, LayerNorm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size, dropout = config.conformer.size, config.dropout
        self.before = _FeedForward(size, config.conformer.expansion, dropout)
        self.attention = _Attention(size, config.conformer.heads, dropout)
        self.convolution = _Convolution(size, config.conformer.kernel, dropout)
        self.after = _FeedForward(size, config.conformer.expansion, dropout)
        self.norm = nn.LayerNorm(size)

    def forward(self, hidden: Tensor, keep: Tensor, bias: Tensor) -> Tensor:
        """[batch, frames, size] -> the same; `keep` [batch, frames, 1] is 0 in padding; `bias` is added to scores."""
        hidden = hidden + 0.5 * self.before(hidden)
        hidden = hidden + self.attention(hidden, bias)
        hidden = hidden + self.convolution(hidden, keep)
        hidden = hidden + 0.5 * self.after(hidden)
        normed: Tensor = self.norm(hidden)
        return normed


class _FeedForward(nn.Module):
    def __init__(self, size: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.widen = nn.Linear(size, expansion * size)
        self.narrow = nn.Linear(expansion * size, size)
        self.dropout = ChannelDropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        wide = nn.functional.silu(self.widen(self.norm(hidden)))
        dropped: Tensor = self.dropout(self.narrow(wide))
        return dropped


class _Attention(nn.Module):
    """Self-attention whose scores depend on how far apart frames are, not on where they are."""

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.output = nn.Linear(size, size)
        self.dropout = ChannelDropout(dropout)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        split = self.query_key_value(self.norm(hidden)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = split[0], split[1], split[2]  # [batch, heads, frames, size of a head]
        # Written out: PyTorch's fused attention takes several times as long to train in bfloat16 on a CPU.
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        weights = (scores + bias).softmax(-1)
        mixed = (weights.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        dropped: Tensor = self.dropout(self.output(mixed))
        return dropped


class _Convolution(nn.Module):
    """A gated depthwise convolution; LayerNorm instead of the paper's BatchNorm, which would mix utterances."""

    def __init__(self, size: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.gate = nn.Linear(size, 2 * size)
        self.depthwise = nn.Conv1d(size, size, kernel, padding=kernel // 2, groups=size)
        self.depthwise_norm = nn.LayerNorm(size)
        self.output = nn.Linear(size, size)
        self.dropout = ChannelDropout(dropout)

    def forward(self, hidden: Tensor, keep: Tensor) -> Tensor:
        gated = nn.functional.glu(self.gate(self.norm(hidden)), 2) * keep
        seen = self.depthwise(gated.transpose(1, 2)).transpose(1, 2)
        dropped: Tensor = self.dropout(self.output(nn.functional.silu(self.depthwise_norm(seen))))
        return dropped


class ChannelDropout(nn.Module):
    """Drops whole channels of an utterance, the same in all of its frames.

    A random number for each cell takes a tenth of the training step on a CPU; one for each channel takes no time.
    Source: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks" (2016).
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, hidden: Tensor) -> Tensor:
        """[batch, frames, channels] -> the same shape; the identity outside training."""
        if not self.training or not self.probability:
            return hidden
        kept = torch.rand(hidden.shape[0], 1, hidden.shape[2], device=hidden.device) >= self.probability
        return hidden * (kept.to(hidden.dtype) / (1 - self.probability))


def head_fades(heads: int) -> Tensor:
    """[heads]: how much each head's scores fall for each frame of distance."""
    first, last = (math.log(fade) for fade in _FADES)
    return torch.linspace(first, last, heads).exp()


def distance_bias(hidden: Tensor, fades: Tensor) -> Tensor:
    """[1, heads, frames, frames]: what is added to each head's scores for the distance of two frames."""
    frames = torch.arange(hidden.shape[1], device=hidden.device)
    distances = (frames[:, None] - frames[None, :]).abs().to(hidden.dtype)
    return -fades[:, None, None].to(hidden.dtype) * distances
