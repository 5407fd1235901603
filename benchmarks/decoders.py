"""The decoders of an endpoint with the language model that comes with Hark, by name."""

from pathlib import Path

from hark import model_files
from hark.decoding import Decoder, Decoders, Decoding
from hark.model_metadata import spec_of
from hark.spec import ModelSpec


def decoder_named(name: str, spec: ModelSpec, model: Path | None = None) -> Decoder:
    """Returns what answers `decoder=name`, one of `hark.decoding.DECODERS`.

    Args:
        name: of the decoder.
        spec: of the acoustic model.
        model: its file, beside which the weights of its search lie; by default the one that comes with Hark.

    Raises:
        HarkError: the language model is not there or cannot be read.
    """
    path = model or model_files.RECOGNISER
    return Decoders(path, model_files.beside(path, spec.language)[0]).decoder(Decoding(name), spec)


def default_decoder(model: Path) -> str:
    """Returns the decoder of who names none, of an endpoint with this model."""
    return Decoders(model, model_files.beside(model, spec_of(model).language)[0]).default
