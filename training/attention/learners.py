"""What learns in a run of `training.attention.fit`: a decoder, alone or with the recogniser whose encoder it reads."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from training.attention.checkpoint import Checkpoint, Vocabulary, digest_of
from training.attention.network import AttentionDecoder
from training.checkpoint import checkpoint_of
from training.config import Config, model_spec
from training.dataset import Batch
from training.whisper import WhisperCtc

# The target of a token that is not learnt.
IGNORED = -100


class Reader(nn.Module):
    """A decoder that learns to read the features of an encoder that stays as it is: batches have these features."""

    def __init__(self, checkpoint: Checkpoint, smoothing: float) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        self.network, self.vocabulary = checkpoint.network, checkpoint.vocabulary
        self.smoothing = smoothing

    def heard(self, batch: Batch) -> Batch:
        """Returns a batch with what the decoder reads, [batch, frames, 2 * size], in place of the spectrograms."""
        return batch

    def loss(self, batch: Batch) -> Tensor:
        """Returns the loss of a batch."""
        return loss_of(self.network, batch, self.vocabulary, self.smoothing)

    def checkpoints(self) -> dict[str, dict[str, Any]]:
        """Returns what to write with `torch.save`, by the ends of the files' names."""
        return {"": self.checkpoint.content()}


class Together(Reader):
    """Encoder, CTC head and decoder, which learn from log-mel spectrograms together.

    Source: Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition" (2017).

    Args:
        checkpoint: the decoder's.
        smoothing: of its labels.
        recognizer: with the encoder that the decoder reads.
        config: of the recogniser.
        ctc_weight: of the CTC loss per character, beside the cross-entropy per subword.
    """

    def __init__(
        self, checkpoint: Checkpoint, smoothing: float, recognizer: WhisperCtc, config: Config, ctc_weight: float
    ) -> None:
        super().__init__(checkpoint, smoothing)
        self.model = recognizer  # by this name `training.optimiser` finds the encoder
        self.config, self.spec = config, model_spec(config)
        self.ctc_weight = ctc_weight

    def heard(self, batch: Batch) -> Batch:
        """As `Reader.heard`, from [batch, frames, n_mels]."""
        features, lengths = self.model.encoder(batch.log_mel, batch.lengths)
        return dataclasses.replace(batch, log_mel=features, lengths=lengths)

    def loss(self, batch: Batch) -> Tensor:
        """Returns the sum of both losses of a batch."""
        heard = self.heard(batch)
        attention = super().loss(heard)
        # CTC adds many tiny probabilities; half precision is too coarse for that.
        ctc: Tensor = nn.functional.ctc_loss(
            self._labelled(heard).transpose(0, 1),
            batch.targets,
            heard.lengths,
            batch.target_lengths,
            self.spec.blank,
            "sum",
            zero_infinity=True,
        )
        return attention + self.ctc_weight * ctc / batch.target_lengths.sum().clamp_min(1)

    def _labelled(self, heard: Batch) -> Tensor:
        """Returns the head's log-probabilities, [batch, frames, labels]."""
        layers, _ = self.model.spell(heard.log_mel, heard.lengths)
        return self.model.label(layers[-1]).float()

    def checkpoints(self) -> dict[str, dict[str, Any]]:
        """As `Reader.checkpoints`, with the recogniser's."""
        now = dataclasses.replace(self.checkpoint, encoder=digest_of(self.model.encoder))
        return {"": now.content(), ".recognizer": checkpoint_of(self.model, self.config)}


def loss_of(network: AttentionDecoder, batch: Batch, vocabulary: Vocabulary, smoothing: float) -> Tensor:
    """Returns the cross-entropy of a batch's tokens."""
    read, write = targets_of(batch.texts, vocabulary, network.shape.positions)
    log_probs = network(batch.log_mel, batch.lengths, read)
    kept = write != IGNORED
    log_probs, write = log_probs[kept], write[kept]
    of_truth = log_probs.gather(1, write[:, None]).mean()
    loss: Tensor = -((1 - smoothing) * of_truth + smoothing * log_probs.mean())
    return loss


def targets_of(texts: Sequence[str], vocabulary: Vocabulary, positions: int) -> tuple[Tensor, Tensor]:
    """Returns what the decoder reads and what it should write, [batch, tokens] each.

    What no text has is `IGNORED`, as are the marks that begin it. Texts that are too long end early.
    """
    start, end = vocabulary.start, vocabulary.end
    ids = [vocabulary.subwords.ids(text) or [] for text in texts]
    rows = [[*start, *each, end][: positions + 1] for each in ids]
    longest = max(map(len, rows)) - 1
    read = torch.full((len(rows), longest), end)
    write = torch.full((len(rows), longest), IGNORED)
    for row, (into, out) in zip(rows, zip(read, write, strict=True), strict=True):
        into[: len(row) - 1] = torch.tensor(row[:-1])
        out[len(start) - 1 : len(row) - 1] = torch.tensor(row[len(start) :])
    return read, write
