"""A CTC network that starts from the encoder of a Whisper model: convolutions, transformer blocks, a head for letters.

The encoder was trained on hundreds of thousands of hours of speech and has 50 frames a second. Letters need only 25, so
pairs of frames are joined: after the last block, or earlier, which halves the cost of the blocks that follow. A linear
head cannot spell from features that were made for a decoder; a small recurrent head can.

Sources: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), for the encoder; Graves et
al., "Connectionist Temporal Classification" (ICML 2006).
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from training.config import WHISPER_SUBSAMPLING, ModelConfig, WhisperConfig
from training.conformer import FORBIDDEN, Block, ChannelDropout, distance_bias, head_fades
from training.errors import ConfigError
from training.lengths import frame_mask, strided
from training.model import BidirectionalLayer, reversed_rows

# The wavelengths of Whisper's sinusoids go from 1 to this number of frames, times 2 pi.
_LONGEST_WAVE = 10_000
# Length of Whisper's window.
MOST_S = 30
# Frames at 50 a second that have a position: those of half a minute, the frame at its end, and a batch's padding.
POSITIONS = 1504
# Width of the feed-forward layers, in multiples of the encoder's.
_EXPANSION = 4
_JOINED = 2
HEADS = ("linear", "lstm", "conformer")
# The head that classifies instead (`training.keywords.whisper`).
POOLING = "pooling"


class WhisperCtc(nn.Module):
    """Whisper's log-mel spectrograms in, log-probabilities of the labels out; see `training.network.Network`.

    Padding and the other utterances of a batch never change an utterance's output: convolutions see zeros past its end,
    attention does not look there, and the backward recurrence starts at its own last frame.
    """

    LABELLED: ClassVar[dict[str, tuple[int, int]]] = {"head.output.weight": (0, 1), "head.output.bias": (0, 1)}
    LABELS_MIDDLE = False

    def __init__(self, config: ModelConfig, n_mels: int, n_labels: int) -> None:
        super().__init__()
        self.config = config
        self.encoder = WhisperEncoder(config, n_mels)
        self.head = Head(config, self.encoder.output_size, n_labels)

    @property
    def middle(self) -> int:
        """The output of `encode` that has the middle CTC loss: the encoder's."""
        return 0

    @property
    def middle_size(self) -> int:
        """Width of that output."""
        return self.encoder.output_size

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, frames, n_mels], [batch] -> [batch, output frames, labels] log-probabilities, [batch] lengths."""
        layers, lengths = self.encode(log_mel, lengths)
        return self.label(layers[-1]), lengths

    def label(self, encoded: Tensor) -> Tensor:
        """[batch, output frames, size], the last of `encode` -> [batch, output frames, labels]."""
        log_probs: Tensor = self.head.output(encoded).log_softmax(-1)
        return log_probs

    def encode(self, log_mel: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """As `forward`, up to the labels: returns the outputs of encoder and head, [batch, output frames, size]."""
        features, lengths = self.encoder(log_mel, lengths)
        return [features, self.head(features, lengths)], lengths

    def spell(self, features: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """As `encode`, from the encoder's features: `lengths` counts these."""
        return [features, self.head(features, lengths)], lengths


def output_size(shape: WhisperConfig) -> int:
    """Width of the output of an encoder of this shape."""
    return shape.size if shape.joined_before < shape.layers else _JOINED * shape.size


class WhisperEncoder(nn.Module):
    """The encoder of a Whisper model, or its first blocks, without padding to half a minute."""

    positions: Tensor

    def __init__(self, config: ModelConfig, n_mels: int) -> None:
        super().__init__()
        shape = config.whisper
        if shape.size % shape.heads or shape.size % 2:
            raise ConfigError(
                f"model.whisper.size must be even and a multiple of model.whisper.heads, not {shape.size} with "
                f"{shape.heads} heads."
            )
        if not 0 <= shape.joined_before <= shape.layers:
            raise ConfigError(
                f"model.whisper.joined_before must be between 0 and model.whisper.layers ({shape.layers}), not "
                f"{shape.joined_before}."
            )
        self.joined_before = shape.joined_before
        self.frozen = 0
        self.conv1 = nn.Conv1d(n_mels, shape.size, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.size, shape.size, 3, stride=2, padding=1)
        self.register_buffer("positions", sinusoids(POSITIONS, shape.size), persistent=False)
        self.blocks = nn.ModuleList(EncoderBlock(shape.size, shape.heads, config.dropout) for _ in range(shape.layers))
        joins_inside = self.joined_before < shape.layers
        self.join = nn.Linear(_JOINED * shape.size, shape.size) if joins_inside else None
        self.norm = nn.LayerNorm(shape.size)
        self.output_size = output_size(shape)
        if self.join is not None:
            _start_with_means(self.join)

    @property
    def stages(self) -> list[list[nn.Module]]:
        """Its parts from the input on: the convolutions, each block, the last norm."""
        blocks: list[list[nn.Module]] = [[block] for block in self.blocks]
        if self.join is not None:
            blocks[self.joined_before].insert(0, self.join)
        return [[self.conv1, self.conv2], *blocks, [self.norm]]

    def freeze(self, stages: int) -> None:
        """Freezes this many stages, counted from the input.

        Raises:
            ConfigError: there are not so many.
        """
        if not 0 <= stages <= len(self.stages):
            raise ConfigError(f"optim.frozen must be between 0 and {len(self.stages)}, not {stages}.")
        self.frozen = stages
        for stage in self.stages[:stages]:
            for module in stage:
                module.requires_grad_(False)

    @property
    def is_frozen(self) -> bool:
        """Whether all of it is frozen."""
        return self.frozen == len(self.stages)

    def train(self, mode: bool = True) -> "WhisperEncoder":
        """As for any module, but frozen stages have no dropout."""
        super().train(mode)
        for stage in self.stages[: self.frozen]:
            for module in stage:
                module.eval()
        return self

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, frames, n_mels] at 100 a second, [batch] -> [batch, frames at 25 a second, output_size], [batch]."""
        hidden, lengths = self.transform(log_mel, lengths)
        return join_pairs(hidden, lengths) if self.join is None else (hidden, lengths)

    def transform(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, but pairs are not joined after the last block: [batch, frames at 50 a second, size]."""
        hidden, lengths = self.embed(log_mel, lengths)
        outside = _outside(lengths, hidden)
        for i, block in enumerate(self.blocks):
            if i == self.joined_before and self.join is not None:
                hidden, lengths = join_pairs(hidden, lengths)
                hidden = self.join(hidden)
                outside = _outside(lengths, hidden)
            hidden = block(hidden, outside)
        normed: Tensor = self.norm(hidden)
        return normed, lengths

    def embed(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The convolutions and the positions: -> [batch, frames at 50 a second, size], [batch].

        Raises:
            ConfigError: an utterance is longer than `MOST_S`.
        """
        hidden = (log_mel * frame_mask(lengths, log_mel.shape[1])[:, :, None].to(log_mel.dtype)).transpose(1, 2)
        hidden = nn.functional.gelu(self.conv1(hidden))
        hidden = hidden * frame_mask(lengths, hidden.shape[2])[:, None, :].to(hidden.dtype)
        hidden = nn.functional.gelu(self.conv2(hidden)).transpose(1, 2)
        return hidden + self.first_positions(hidden.shape[1]), strided(lengths, 2)

    def first_positions(self, frames: int) -> Tensor:
        """Returns [frames, size].

        Raises:
            ConfigError: there are not so many.
        """
        if frames > len(self.positions):
            raise ConfigError(f"A Whisper encoder hears {MOST_S} s at most, and here is an utterance that is longer.")
        return self.positions[:frames]


class EncoderBlock(nn.Module):
    """Pre-norm attention and feed-forward layers, as Whisper has them."""

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.output = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size)
        self.widen = nn.Linear(size, _EXPANSION * size)
        self.narrow = nn.Linear(_EXPANSION * size, size)
        self.dropout = ChannelDropout(dropout)

    def forward(self, hidden: Tensor, outside: Tensor) -> Tensor:
        """[batch, frames, size] -> the same; `outside` [batch, 1, 1, frames] keeps attention off the padding."""
        split = self.query_key_value(self.attention_norm(hidden)).unflatten(2, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        # Written out: PyTorch's fused attention takes longer to train in bfloat16 on a CPU. Without autocast, whose
        # softmax in single precision would make two copies of the largest tensor.
        with torch.autocast(hidden.device.type, enabled=False):
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3)
            mixed = (scores + outside.to(scores.dtype)).softmax(-1) @ value
        mixed = mixed.transpose(1, 2).flatten(2)
        hidden = hidden + self.dropout(self.output(mixed))
        wide = nn.functional.gelu(self.widen(self.norm(hidden)))
        narrowed: Tensor = hidden + self.dropout(self.narrow(wide))
        return narrowed


class Head(nn.Module):
    """The head: the encoder's features in, features for the label layer out."""

    fades: Tensor

    def __init__(self, config: ModelConfig, input_size: int, n_labels: int) -> None:
        super().__init__()
        kind, layers, dropout = config.whisper.head, config.whisper.head_layers, config.dropout
        if kind not in HEADS:
            raise ConfigError(f"model.whisper.head must be one of {', '.join(HEADS)}, not {kind!r}.")
        if kind != "linear" and layers < 1:
            raise ConfigError(f"model.whisper.head_layers must be at least 1, not {layers}.")
        if kind == "conformer" and config.conformer.size % config.conformer.heads:
            raise ConfigError(
                f"model.conformer.size must be a multiple of model.conformer.heads, not {config.conformer.size} with "
                f"{config.conformer.heads} heads."
            )
        self.kind = kind
        self.dropout = ChannelDropout(dropout)
        size = input_size
        if kind == "lstm":
            size = 2 * config.rnn_size
            self.projection = nn.Linear(input_size, config.rnn_size)
            self.layers = nn.ModuleList(
                BidirectionalLayer("lstm", size if i else config.rnn_size, config.rnn_size, dropout)
                for i in range(layers)
            )
            self.norm = nn.LayerNorm(size)
        elif kind == "conformer":
            size = config.conformer.size
            self.projection = nn.Linear(input_size, size)
            self.layers = nn.ModuleList(Block(config) for _ in range(layers))
            self.register_buffer("fades", head_fades(config.conformer.heads), persistent=False)
        self.output = nn.Linear(size, n_labels)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """[batch, frames, input_size], [batch] -> [batch, frames, size]."""
        hidden: Tensor = self.dropout(features)
        if self.kind == "linear":
            return hidden
        hidden = self.projection(hidden)
        if self.kind == "lstm":
            hidden = hidden.transpose(0, 1)
            rows = reversed_rows(lengths, hidden)
            for layer in self.layers:
                hidden = layer(hidden, rows)
            normed: Tensor = self.norm(hidden.transpose(0, 1))
            return normed
        inside = frame_mask(lengths, hidden.shape[1])
        bias = _outside(lengths, hidden) + distance_bias(hidden, self.fades)
        for layer in self.layers:
            hidden = layer(hidden, inside[:, :, None].to(hidden.dtype), bias)
        return hidden


def join_pairs(hidden: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """[batch, frames, size], [batch] -> [batch, half as many, 2 * size], [batch]; zeros follow the last frame."""
    hidden = hidden * frame_mask(lengths, hidden.shape[1])[:, :, None].to(hidden.dtype)
    hidden = nn.functional.pad(hidden, (0, 0, 0, 1))  # the last frame may have no partner
    return torch.cat([hidden[:, :-1:2], hidden[:, 1::2]], 2), strided(lengths, _JOINED)


def sinusoids(positions: int, size: int) -> Tensor:
    """Whisper's position encodings, [positions, size]: sines in the first half, cosines in the second."""
    return waves(positions, wave_numbers(size))


def wave_numbers(size: int) -> Tensor:
    """[size / 2]: angular frequency of each wave, in radians a frame."""
    step = math.log(_LONGEST_WAVE) / (size // 2 - 1)
    return torch.exp(-step * torch.arange(size // 2))


def waves(positions: int, numbers: Tensor) -> Tensor:
    """[size / 2] as `wave_numbers` has them -> [positions, size]."""
    angles = torch.arange(positions, device=numbers.device)[:, None] * numbers
    return torch.cat([angles.sin(), angles.cos()], 1)


def _outside(lengths: Tensor, hidden: Tensor) -> Tensor:
    """[batch, 1, 1, frames]: added to attention's scores, so that it does not look past an utterance's end."""
    return (~frame_mask(lengths, hidden.shape[1])).to(hidden.dtype)[:, None, None, :] * FORBIDDEN


def _start_with_means(join: nn.Linear) -> None:
    """Initialises the joined frame as the mean of its pair, which the following blocks can use at once."""
    with torch.no_grad():
        join.weight.copy_(torch.eye(join.out_features).repeat(1, _JOINED) / _JOINED)
        join.bias.zero_()


assert WHISPER_SUBSAMPLING == 2 * _JOINED
