"""Network -> ONNX graph with dynamic batch and time, and the spec in the file's metadata."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from hark.recognizer import FEATURES_NAME, INPUT_NAMES, OUTPUT_NAMES
from hark.spec import METADATA_KEY, ModelSpec
from training.whisper import WhisperCtc

# ONNX Runtime fuses LayerNormalization, which is an operator from opset 17 on.
OPSET = 17
# The example the graph is traced with; the proof uses other sizes.
EXAMPLE_LENGTHS = (97, 61)


def trace(model: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Writes the network as an fp32 ONNX file.

    The graph takes log_mel [batch, frames, n_mels] float32 and lengths [batch] int64, and gives log_probs
    [batch, output_frames, labels] float32 and output_lengths [batch] int64; with `spec.encoder`, features
    [batch, output_frames, size] float32 as well.
    """
    example: tuple[Tensor, Tensor] = (
        torch.randn(len(EXAMPLE_LENGTHS), max(EXAMPLE_LENGTHS), spec.feature_size),
        torch.tensor(EXAMPLE_LENGTHS),
    )
    axes = {
        "log_mel": {0: "batch", 1: "frames"},
        "lengths": {0: "batch"},
        "log_probs": {0: "batch", 1: "output_frames"},
        "output_lengths": {0: "batch"},
    }
    outputs: tuple[str, ...] = OUTPUT_NAMES
    if spec.encoder:
        assert isinstance(model, WhisperCtc)
        model, outputs = _WithFeatures(model), (*OUTPUT_NAMES, FEATURES_NAME)
        axes[FEATURES_NAME] = {0: "batch", 1: "output_frames"}
    write_graph(model, example, path, INPUT_NAMES, outputs, axes)


class _WithFeatures(nn.Module):
    """A network with a Whisper encoder that also gives the encoder's features."""

    def __init__(self, model: WhisperCtc) -> None:
        super().__init__()
        self.model = model

    def forward(self, log_mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        layers, lengths = self.model.encode(log_mel, lengths)
        return self.model.label(layers[-1]), lengths, layers[0]


def write_graph(
    model: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    input_names: Sequence[str],
    output_names: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> None:
    """Traces a network with an example of its input and writes it as an fp32 ONNX file.

    Args:
        model: the network.
        example: its input; the graph takes others.
        path: the file.
        input_names: of the graph, in order.
        output_names: likewise.
        axes: those of inputs and outputs that may have any length, with their names.
    """
    with warnings.catch_warnings():
        # The tracer warns of its age, and that recurrences may not take other sizes; the proofs show they do.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            example,
            str(path),
            # The newer exporter fails on GRU and takes minutes on LSTM.
            dynamo=False,
            opset_version=OPSET,
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_axes={name: dict(each) for name, each in axes.items()},
        )


def write_spec(path: Path, spec: ModelSpec) -> None:
    """Writes the spec into an ONNX file's metadata; replaces an existing one."""
    write_metadata(path, METADATA_KEY, spec.to_json())


def write_metadata(path: Path, key: str, value: str) -> None:
    """Writes an entry into an ONNX file's metadata; replaces an existing one."""
    graph = onnx.load(path)
    kept = [(entry.key, entry.value) for entry in graph.metadata_props if entry.key != key]
    del graph.metadata_props[:]
    for name, content in [*kept, (key, value)]:
        entry = graph.metadata_props.add()
        entry.key, entry.value = name, content
    onnx.save(graph, path)
