"""An attention decoder: the encoder's features and the subwords so far in, log-probabilities of the next one out.

The decoder of Whisper, with the part of its vocabulary that lower-case English needs. Hybrid CTC/attention models
(Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition", 2017) have one beside a CTC
head, on the same encoder: CTC places what it hears in time and cannot run away, attention knows what words follow.

Sources: Vaswani et al., "Attention Is All You Need" (2017); Radford et al., "Robust Speech Recognition via Large-Scale
Weak Supervision" (2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.conformer import FORBIDDEN
from training.lengths import frame_mask

_EXPANSION = 4
# The encoder's features come in pairs of frames (`training.whisper.join_pairs`).
_JOINED = 2


@dataclass(frozen=True)
class Shape:
    """Of a decoder.

    Attributes:
        size: its width, which is the encoder's.
        heads: of its attention.
        layers: how many.
        tokens: subwords and marks.
        positions: the most tokens that it reads.
    """

    size: int
    heads: int
    layers: int
    tokens: int
    positions: int


class AttentionDecoder(nn.Module):
    """Whisper's decoder.

    Args:
        shape: see `Shape`.
        dropout: of what each part adds, while it learns.
    """

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.tokens, shape.size)
        self.positions = nn.Parameter(torch.zeros(shape.positions, shape.size))
        blocks = [DecoderBlock(shape.size, shape.heads, dropout) for _ in range(shape.layers)]
        self.blocks: Sequence[DecoderBlock] = nn.ModuleList(blocks)  # type: ignore[assignment]
        self.norm = nn.LayerNorm(shape.size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor, lengths: Tensor, tokens: Tensor) -> Tensor:
        """Scores whole texts, as for training.

        Args:
            features: [batch, frames, 2 * size] the encoder's, in pairs.
            lengths: [batch] frames.
            tokens: [batch, tokens] ids; what follows a text's end changes nothing before it.

        Returns:
            [batch, tokens, ids] log-probabilities of the token after each.
        """
        keys, values = self.attended(features)
        none = features.new_zeros(
            self.shape.layers, len(tokens), self.shape.heads, 0, self.shape.size // self.shape.heads
        )
        return self.step(tokens, none, none, keys, values, lengths)[0]

    def attended(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Prepares what was heard for all layers' attention.

        [batch, frames, 2 * size] -> keys and values, [layers, batch, heads, 2 * frames, size / heads].
        """
        # A graph that is traced keeps what `len` returns for all inputs.
        frames = features.unflatten(2, (_JOINED, -1)).flatten(1, 2)  # type: ignore[no-untyped-call]
        heard = [block.prepared(frames) for block in self.blocks]
        return torch.stack([keys for keys, _ in heard]), torch.stack([values for _, values in heard])

    def step(
        self, tokens: Tensor, past_keys: Tensor, past_values: Tensor, keys: Tensor, values: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Reads some more tokens.

        Args:
            tokens: [batch, tokens] ids.
            past_keys: [layers, batch, heads, tokens before, size / heads] of the tokens before.
            past_values: likewise.
            keys: [layers, batch or 1, heads, 2 * frames, size / heads] as `attended` gives them.
            values: likewise.
            lengths: [batch or 1] pairs of frames.

        Returns:
            [batch, tokens, ids] log-probabilities of the token after each; and the keys and values of all tokens so
            far.
        """
        before, count = past_keys.shape[3], tokens.shape[1]
        hidden = self.tokens(tokens) + self.positions[before : before + count]
        hidden = self.dropout(hidden)
        later = torch.full((count, count), FORBIDDEN, dtype=hidden.dtype, device=hidden.device).triu(1)
        seen = torch.cat([later.new_zeros(count, before), later], 1)
        outside = (~frame_mask(lengths * _JOINED, keys.shape[3])).to(hidden.dtype)[:, None, None, :] * FORBIDDEN
        all_keys, all_values = [], []
        for block, *of_layer in zip(self.blocks, past_keys, past_values, keys, values, strict=True):
            hidden, its_keys, its_values = block(hidden, seen, *of_layer, outside)
            all_keys.append(its_keys)
            all_values.append(its_values)
        scores = self.norm(hidden) @ self.tokens.weight.T
        return scores.float().log_softmax(-1), torch.stack(all_keys), torch.stack(all_values)


class Attention(nn.Module):
    """Attention's projections; as in Whisper, keys have no bias."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size, bias=False)
        self.value = nn.Linear(size, size)
        self.output = nn.Linear(size, size)

    def split(self, hidden: Tensor) -> Tensor:
        """[batch, n, size] -> [batch, heads, n, size / heads]."""
        split: Tensor = hidden.unflatten(2, (self.heads, -1)).transpose(1, 2)  # type: ignore[no-untyped-call]
        return split

    def mix(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """[batch, n, size] attends to [batch, heads, m, size / heads] -> [batch, n, size]."""
        scores = (self.split(query) * (query.shape[-1] // self.heads) ** -0.5) @ keys.transpose(2, 3)
        mixed = (scores + mask.to(scores.dtype)).softmax(-1).to(values.dtype) @ values
        result: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return result


class DecoderBlock(nn.Module):
    """Pre-norm attention to the tokens so far, attention to what was heard, and feed-forward layers."""

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.said_norm = nn.LayerNorm(size)
        self.said = Attention(size, heads)
        self.heard_norm = nn.LayerNorm(size)
        self.heard = Attention(size, heads)
        self.norm = nn.LayerNorm(size)
        self.widen = nn.Linear(size, _EXPANSION * size)
        self.narrow = nn.Linear(_EXPANSION * size, size)
        self.dropout = nn.Dropout(dropout)

    def prepared(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, n, size] what was heard -> its keys and values, [batch, heads, n, size / heads]."""
        return self.heard.split(self.heard.key(frames)), self.heard.split(self.heard.value(frames))

    def forward(
        self,
        hidden: Tensor,
        seen: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
        keys: Tensor,
        values: Tensor,
        outside: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """[batch, n, size] -> the same, and keys and values of the tokens so far; see `AttentionDecoder.step`."""
        normed = self.said_norm(hidden)
        past_keys = torch.cat([past_keys, self.said.split(self.said.key(normed))], 2)
        past_values = torch.cat([past_values, self.said.split(self.said.value(normed))], 2)
        hidden = hidden + self.dropout(self.said.mix(self.said.query(normed), past_keys, past_values, seen))
        hidden = hidden + self.dropout(self.heard.mix(self.heard.query(self.heard_norm(hidden)), keys, values, outside))
        wide = nn.functional.gelu(self.widen(self.norm(hidden)))
        return hidden + self.dropout(self.narrow(wide)), past_keys, past_values
