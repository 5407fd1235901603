"""Proof that an exported graph is the trained network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import nn

from export.errors import ProofError
from export.graph import EXAMPLE_LENGTHS
from hark.recognizer import INPUT_NAMES, OUTPUT_NAMES
from hark.spec import ModelSpec

TOLERANCE = 1e-4
# None of these is a length or a batch size of the traced example. One frame is the shortest possible input, half a
# minute the longest.
LENGTHS = (1, 38, 250, 999, 3001)
BATCH_SIZES = (1, 3)


@dataclass(frozen=True)
class Parity:
    """The largest difference of log-probabilities, and over how many (length, batch size) pairs."""

    largest_difference: float
    cases: int


def prove_dynamic(path: Path, spec: ModelSpec | None = None) -> None:
    """Checks the graph, and that its batch and time axes are symbolic. A keyword model always has one output frame.

    Raises:
        ProofError: an axis is not.
    """
    graph = onnx.load(path)
    onnx.checker.check_model(graph, full_check=True)
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*graph.graph.input, *graph.graph.output]
    }
    answered = 1 if spec and spec.task == "keywords" else 2
    for name, axes in {"log_mel": 2, "lengths": 1, "log_probs": answered, "output_lengths": 1}.items():
        fixed = [axis for axis in range(axes) if not isinstance(shapes.get(name, [0, 0])[axis], str)]
        if fixed:
            raise ProofError(f"Axis {fixed[0]} of {name} is fixed at {shapes.get(name)}; batch and time must be free.")


def prove_equal(model: nn.Module, path: Path, spec: ModelSpec) -> Parity:
    """Compares ONNX Runtime with PyTorch at every length of `LENGTHS` and batch size of `BATCH_SIZES`.

    In a batch the first utterance has the full length and the others are shorter, so that there is padding.

    Raises:
        ProofError: a log-probability differs by more than `TOLERANCE`, or a length is different.
    """
    if set(LENGTHS) & set(EXAMPLE_LENGTHS) or len(EXAMPLE_LENGTHS) in BATCH_SIZES:
        raise ProofError("The proof must use other sizes than the traced example.")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    largest = 0.0
    for length in LENGTHS:
        for batch in BATCH_SIZES:
            lengths = torch.tensor([max(1, length * (batch - i) // batch) for i in range(batch)])
            log_mel = torch.randn(batch, length, spec.feature_size, generator=generator)
            with torch.inference_mode():
                expected, expected_lengths = model(log_mel, lengths)
            feed = dict(zip(INPUT_NAMES, (log_mel.numpy(), lengths.numpy()), strict=True))
            log_probs, output_lengths = session.run(OUTPUT_NAMES, feed)
            if output_lengths.tolist() != expected_lengths.tolist():
                raise ProofError(f"Output lengths differ: {output_lengths.tolist()} of {expected_lengths.tolist()}.")
            for row, wanted, frames in zip(log_probs, expected.numpy(), output_lengths, strict=True):
                largest = max(largest, float(np.abs(row[:frames] - wanted[:frames]).max()))
    if not largest <= TOLERANCE:
        raise ProofError(f"Log-probabilities differ from PyTorch's by {largest:.2e}, more than {TOLERANCE:.0e}.")
    return Parity(largest, len(LENGTHS) * len(BATCH_SIZES))
