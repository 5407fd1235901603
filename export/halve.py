"""fp32 ONNX -> the same network with weights stored as fp16: half the file, the same arithmetic.

For operators without int8 kernels. ONNX Runtime converts the weights back once, when it opens the file.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# A cast takes about fifty bytes; below this size nothing is saved. Vectors are small, and among them are int8's scales,
# whose exponents may not fit into half precision.
_LEAST_VALUES = 256


def halve(fp32: Path, half: Path) -> None:
    """Writes the version of an fp32 file whose large weights are stored in half precision."""
    model = onnx.load(str(fp32))
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.ndim < 2 or values.size < _LEAST_VALUES:
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    # Nodes are listed in the order in which they run.
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, str(half))
