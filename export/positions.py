"""Position encodings as formulas, sines and cosines, instead of two megabytes of numbers.

ONNX Runtime computes them when it opens the file, as everything that depends on no input; in the image's file they are
already computed (see `export.fuse`).
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

# As in `training.whisper.sinusoids`.
_LONGEST_WAVE = 10_000
# Error of an angle of 1500 in single precision.
_CLOSE = 1e-3


def compute_positions(path: Path) -> bool:
    """Rewrites an ONNX file in place; returns whether it had Whisper's positions, `training.whisper.sinusoids`."""
    model = onnx.load(path)
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2 or tensor.dims[1] < 4:
            continue
        waves = _waves(tensor.dims[1] // 2)
        angles = np.arange(tensor.dims[0], dtype=np.float32)[:, None] * waves
        expected = np.concatenate([np.sin(angles), np.cos(angles)], 1)
        values = numpy_helper.to_array(tensor)
        if values.shape == expected.shape and np.abs(values - expected).max() < _CLOSE:
            nodes = [*_compute(tensor.name), *graph.node]
            constants = {"first": np.array(0.0), "end": np.array(tensor.dims[0]), "step": np.array(1.0)}
            constants |= {"axis": np.array([1]), "waves": waves}
            graph.initializer.remove(tensor)
            for name, value in constants.items():
                kind = np.int64 if name == "axis" else np.float32
                graph.initializer.append(numpy_helper.from_array(value.astype(kind), f"positions/{name}"))
            del graph.node[:]
            graph.node.extend(nodes)
            onnx.save(model, path)
            return True
    return False


def _waves(number: int) -> NDArray[np.float32]:
    """[number]: how much the angle of each wave grows with each position."""
    step = np.float32(-math.log(_LONGEST_WAVE) / (number - 1))
    waves: NDArray[np.float32] = np.exp(step * np.arange(number, dtype=np.float32))
    return waves


def _compute(name: str) -> list[NodeProto]:
    def make(kind: str, *names: str, **attributes: Any) -> NodeProto:
        *inputs, output = (f"positions/{each}" for each in names)
        return helper.make_node(kind, inputs, [output], output, **attributes)

    both = make("Concat", "sines", "cosines", "both", axis=1)
    both.output[0] = name
    return [
        make("Range", "first", "end", "step", "frames"),
        make("Unsqueeze", "frames", "axis", "column"),
        make("Mul", "column", "waves", "angles"),
        make("Sin", "angles", "sines"),
        make("Cos", "angles", "cosines"),
        both,
    ]
