"""How a checkpoint is served: what its exported file says of it, and whose attention decoder it can use."""

import dataclasses
from pathlib import Path

from hark import languages, model_files
from hark.attention import AttentionDecoder
from hark.spec import ModelSpec
from training.attention.checkpoint import digest_of
from training.config import Config, model_spec
from training.network import Network
from training.whisper import WhisperCtc


def spec_of(model: Network, config: Config) -> ModelSpec:
    """Returns the spec of a network, with its encoder's digest where an attention decoder could read its features."""
    spec = model_spec(config)
    if isinstance(model, WhisperCtc) and model.encoder.join is None:  # else its frames are no pairs of Whisper's
        return dataclasses.replace(spec, encoder=digest_of(model.encoder))
    return spec


def twin(spec: ModelSpec, released: Path = model_files.RECOGNISER) -> Path | None:
    """Returns the recogniser that comes with Hark if a model has its encoder, as after fine-tuning; else None.

    Then its attention decoder reads this model's features, and the weights of its search fit.

    Args:
        spec: of the model, with its encoder.
        released: the recogniser that comes with Hark.

    Raises:
        ModelError: the attention decoder that comes with Hark cannot be read.
    """
    attention = model_files.attention_beside(released)
    if not spec.encoder or not attention.is_file():
        return None
    reads = AttentionDecoder(attention).spec
    return released if reads.encoder == spec.encoder and languages.answers(reads.language, spec.language) else None
