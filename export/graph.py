"""Network -> ONNX graph with dynamic batch and time, and the spec in the file's metadata."""

import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from hark.recognizer import INPUT_NAMES, OUTPUT_NAMES
from hark.spec import METADATA_KEY, ModelSpec

# ONNX Runtime fuses LayerNormalization, which is an operator from opset 17 on.
OPSET = 17
# The example the graph is traced with; the proof uses other sizes.
EXAMPLE_LENGTHS = (97, 61)


def trace(model: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Writes the network as an fp32 ONNX file.

    The graph takes log_mel [batch, frames, n_mels] float32 and lengths [batch] int64, and gives log_probs
    [batch, output_frames, labels] float32 and output_lengths [batch] int64.
    """
    example: tuple[Tensor, Tensor] = (
        torch.randn(len(EXAMPLE_LENGTHS), max(EXAMPLE_LENGTHS), spec.feature_size),
        torch.tensor(EXAMPLE_LENGTHS),
    )
    with warnings.catch_warnings():
        # The tracer warns of its age, and that recurrences may not take other batch sizes; the proof shows they do.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            example,
            str(path),
            # The newer exporter fails on GRU and takes minutes on LSTM.
            dynamo=False,
            opset_version=OPSET,
            input_names=list(INPUT_NAMES),
            output_names=list(OUTPUT_NAMES),
            dynamic_axes={
                "log_mel": {0: "batch", 1: "frames"},
                "lengths": {0: "batch"},
                "log_probs": {0: "batch", 1: "output_frames"},
                "output_lengths": {0: "batch"},
            },
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
