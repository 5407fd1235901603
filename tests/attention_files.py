"""A recogniser with a Whisper-like encoder and its attention decoder: tiny, drawn, and written by the real export."""

from dataclasses import dataclass
from pathlib import Path

import torch

from export import attention as attention_export
from export import graph
from export.convolutions import unfold_convolutions
from hark.attention_spec import METADATA_KEY
from hark.subwords import Subwords
from tests.training.toy import TINY_WHISPER, toy_config
from training.attention.checkpoint import Checkpoint, Vocabulary, digest_of
from training.attention.network import AttentionDecoder, Shape
from training.config import model_spec
from training.network import build
from training.whisper import WhisperCtc

SIZE, HEADS, LAYERS, POSITIONS = 16, 2, 2, 96
MARKS = ("<start>", "<notimes>", "<end>")
# As byte-pair encoding learns them: what a subword is joined from is there before it.
JOINED = (
    *"'abcdefghijklmnopqrstuvwxyz ",
    *("th", " t", "he", " the", "in", "er", "an", " a", "on", "'t", "'s", "ing", "tr", "ain", " train", "st", "ation"),
    *(" and", "ll", "wh", " st", " station"),
)
# "ain" and "ation" are taken apart again, into what they were joined from.
KEPT = tuple(token for token in JOINED if token not in ("ain", "ation", "wh", " st"))


@dataclass(frozen=True)
class AttentionFiles:
    """What was written.

    Attributes:
        recognizer: `asr.onnx`, in fp32; `asr.attention.onnx` lies beside it, in int8.
        attention: that.
        exact: the attention decoder in fp32.
        checkpoint: the decoder's.
        made: what it holds.
    """

    recognizer: Path
    attention: Path
    exact: Path
    checkpoint: Path
    made: Checkpoint

    @property
    def network(self) -> AttentionDecoder:
        """The decoder."""
        return self.made.network

    @property
    def vocabulary(self) -> Vocabulary:
        """Of the decoder."""
        return self.made.vocabulary


def drawn_decoder(size: int = SIZE, positions: int = POSITIONS, seed: int = 3) -> tuple[AttentionDecoder, Vocabulary]:
    """Draws a decoder whose opinions differ from text to text."""
    torch.manual_seed(seed)
    vocabulary = Vocabulary(Subwords(JOINED, KEPT), MARKS)
    network = AttentionDecoder(Shape(size, HEADS, LAYERS, len(KEPT) + len(MARKS), positions)).eval()
    with torch.no_grad():
        network.positions.normal_()
        for block in network.blocks:
            block.heard.output.weight *= 3  # so that what was heard matters
    return network, vocabulary


def drawn_recognizer(folder: Path, seed: int = 2) -> tuple[WhisperCtc, Path]:
    """Draws a recogniser that is sure of its letters, and writes it."""
    config = toy_config(folder, **{**TINY_WHISPER, "model__whisper__size": str(SIZE), "model__whisper__head": "linear"})
    torch.manual_seed(seed)
    model = build(config.model, config.features.n_mels, len(config.labels)).eval()
    assert isinstance(model, WhisperCtc)
    with torch.no_grad():
        model.head.output.weight *= 12
    spec, path = model_spec(config), folder / "asr.onnx"
    spec = type(spec)(**{**spec.__dict__, "encoder": digest_of(model.encoder)})
    graph.trace(unfold_convolutions(model), spec, path)
    graph.write_spec(path, spec)
    return model, path


def write_files(folder: Path) -> AttentionFiles:
    """Makes both and writes them into a folder."""
    model, recognizer = drawn_recognizer(folder)
    network, vocabulary = drawn_decoder()
    made = Checkpoint(network, vocabulary, digest_of(model.encoder), "tiny", "1", "nothing")
    checkpoint, attention, exact = (
        folder / name for name in ("attention.ckpt", "asr.attention.onnx", "exact.attention.onnx")
    )
    torch.save(made.content(), checkpoint)
    attention_export.export(checkpoint, recognizer, attention)
    attention_export.trace(network, exact)
    graph.write_metadata(exact, METADATA_KEY, attention_export.spec_of(made).to_json())
    return AttentionFiles(recognizer, attention, exact, checkpoint, made)
