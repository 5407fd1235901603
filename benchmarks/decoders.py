"""The decoders of an endpoint with the language model that comes with Hark, by name."""

import math
from pathlib import Path

from handler.decoding import Decoder, Decoders, Decoding
from handler.settings import Settings
from handler.spec import ModelSpec


def decoder_named(name: str, spec: ModelSpec, model: Path | None = None) -> Decoder:
    """Returns what answers `decoder=name`, one of `handler.settings.DECODERS`.

    Args:
        name: of the decoder.
        spec: of the acoustic model.
        model: its file, beside which the weights of its search lie; by default the one that comes with Hark.

    Raises:
        HarkError: the language model is not there or cannot be read.
    """
    return Decoders(Settings(model or Settings.from_environment({}).model_path, math.inf)).decoder(Decoding(name), spec)
