"""The scores of attention, the product of queries and keys, in int8.

Both factors are computed from the speech, so `quantize_dynamic` leaves their product in fp32, where it takes twice as
long as the widest layer does in int8. Queries become unsigned and keys signed 8-bit numbers while the network runs, the
fastest pair on most processors. The other product of attention stays: its weights sum to 1 over hundreds of frames and
would become zeros.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

_LARGEST = 127
_NAMES = ("scores/largest", "scores/zero")


def quantise_scores(path: Path) -> int:
    """Rewrites an ONNX file in place; returns how many products became int8.

    The pattern is the product of a scaled query and a key: MatMul of Mul, by a constant, and of Transpose.
    """
    model = onnx.load(path)
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    constants = {each.name for each in graph.initializer if not each.dims}
    nodes: list[NodeProto] = []
    rewritten = 0
    for node in graph.node:
        query, key = (makers.get(name) for name in node.input) if node.op_type == "MatMul" else (None, None)
        scale = [name for name in query.input if name in constants] if query is not None else []
        if query is None or key is None or query.op_type != "Mul" or key.op_type != "Transpose" or not scale:
            nodes.append(node)
            continue
        rewritten += 1
        (unscaled,) = (name for name in query.input if name not in scale)
        nodes.remove(query)
        nodes += _product(node, unscaled, scale[0], key.output[0])
    if rewritten:
        graph.initializer.append(numpy_helper.from_array(np.array(_LARGEST, np.float32), _NAMES[0]))
        graph.initializer.append(numpy_helper.from_array(np.array(0, np.int8), _NAMES[1]))
        del graph.node[:]
        graph.node.extend(nodes)
        onnx.save(model, path)
    return rewritten


def _product(node: NodeProto, query: str, scale: str, key: str) -> list[NodeProto]:
    """What `scale` * `query` @ `key` is in int8, in the order that ONNX Runtime fuses into one operator."""

    def make(kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> NodeProto:
        return helper.make_node(kind, inputs, [own(each) for each in outputs], own(outputs[0]), **attributes)

    def own(name: str) -> str:
        return f"{node.output[0]}/{name}"

    product = make("Mul", [own("float"), own("scale")], "scores")
    product.output[0] = node.output[0]
    return [
        make("DynamicQuantizeLinear", [query], "query", "query_scale", "query_zero"),
        make("ReduceMax", [key], "greatest", keepdims=0),
        make("ReduceMin", [key], "least", keepdims=0),
        make("Neg", [own("least")], "negative"),
        make("Max", [own("greatest"), own("negative")], "range"),
        # Keys that are all zero have a scale of 0; their scores are 0 in any case.
        make("Div", [own("range"), _NAMES[0]], "key_scale"),
        make("QuantizeLinear", [key, own("key_scale"), _NAMES[1]], "key"),
        make("MatMulInteger", [own("query"), own("key"), own("query_zero")], "integer"),
        make("Cast", [own("integer")], "float", to=TensorProto.FLOAT),
        make("Mul", [own("key_scale"), scale], "both_scales"),
        make("Mul", [own("query_scale"), own("both_scales")], "scale"),
        product,
    ]
