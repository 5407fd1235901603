"""Checkpoints of attention decoders: the weights, their shape, the vocabulary, and whose features they read."""

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hark.subwords import Subwords
from training.attention.network import AttentionDecoder, Shape
from training.errors import CheckpointError


@dataclass(frozen=True)
class Vocabulary:
    """What the ids of a decoder mean: those of the subwords, then one for each mark.

    Attributes:
        subwords: see `hark.subwords`.
        marks: what begins a text, in order, and at last what ends it.
    """

    subwords: Subwords
    marks: tuple[str, ...]

    @property
    def start(self) -> list[int]:
        """The ids that begin a text."""
        return list(range(len(self.subwords), self.end))

    @property
    def end(self) -> int:
        """The id that ends a text."""
        return len(self.subwords) + len(self.marks) - 1


@dataclass(frozen=True)
class Checkpoint:
    """A decoder and what belongs to it.

    Attributes:
        network: in evaluation mode.
        vocabulary: of its ids.
        encoder: digest of the encoder whose features it reads, see `digest_of`.
        name, version, training_data: of the model, in words.
    """

    network: AttentionDecoder
    vocabulary: Vocabulary
    encoder: str
    name: str
    version: str
    training_data: str

    def content(self) -> dict[str, Any]:
        """Returns what to write with `torch.save` for `load_checkpoint` to read."""
        return {
            "attention_decoder": self.network.state_dict(),
            "shape": dataclasses.asdict(self.network.shape),
            "joined": "\n".join(self.vocabulary.subwords.joined),  # a list takes twice the room
            "kept": "\n".join(self.vocabulary.subwords.tokens),
            "marks": list(self.vocabulary.marks),
            "encoder": self.encoder,
            "name": self.name,
            "version": self.version,
            "training_data": self.training_data,
        }


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Reads what `training.attention.fit` wrote, also with weights in half precision.

    Raises:
        CheckpointError: it is no such checkpoint.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        network = AttentionDecoder(Shape(**saved["shape"]))
        network.load_state_dict(saved["attention_decoder"])
        joined, kept = (saved[name].split("\n") for name in ("joined", "kept"))
        vocabulary = Vocabulary(Subwords(joined, kept), tuple(saved["marks"]))
        named = {name: str(saved[name]) for name in ("encoder", "name", "version", "training_data")}
    except Exception as error:  # torch raises many kinds for files that are none
        raise CheckpointError(
            f"{path} is no checkpoint of an attention decoder; name one that training.attention.fit wrote."
        ) from error
    return Checkpoint(network.eval(), vocabulary, **named)


def digest_of(encoder: nn.Module) -> str:
    """Returns what tells one encoder's features from another's: 12 hexadecimal digits.

    They depend on the weights in half precision, as checkpoints that are published have them.
    """
    digest = hashlib.sha256()
    for name, values in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + values.cpu().numpy().astype(np.float16).tobytes())
    return digest.hexdigest()[:12]
