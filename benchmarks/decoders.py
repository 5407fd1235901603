"""The decoders of an endpoint with the language model that comes with Hark, by name."""

import math
from pathlib import Path

from handler.decoding import Decoder, Decoders, Decoding
from handler.settings import Settings
from handler.spec import ModelSpec


def decoder_named(name: str, spec: ModelSpec) -> Decoder:
    """Returns what answers `decoder=name`, one of `handler.settings.DECODERS`.

    Raises:
        HarkError: the language model is not there or cannot be read.
    """
    return Decoders(Settings(Path(), math.inf)).decoder(Decoding(name), spec)
