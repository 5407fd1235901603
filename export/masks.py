"""The mask between two convolutions, moved into the first of them.

Frames past an utterance's end must be zero before the second convolution sees them. Multiplying by a mask costs as much
as the convolution before: ONNX Runtime computes convolutions on blocks of channels, and has to unpack and pack all of
them for a product. So the first convolution gets one more input channel, which is 1 past the end and 0 elsewhere, with
a weight that makes the following ReLU zero. Inside the utterance not a bit changes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

# Below any output of a convolution on normalised features, and still a number in half precision.
_FORBIDDING = -6e4


class _Masked(NamedTuple):
    """A convolution, its masked input, the mask, and the product with the next mask that is not needed any more."""

    convolution: NodeProto
    masked: str
    mask: str
    relu: NodeProto
    product: NodeProto


def fold_mask(path: Path) -> bool:
    """Rewrites an fp32 ONNX file in place; returns whether there was a mask between two convolutions.

    The pattern is Mul, Conv, ReLU, Mul, Conv, where both products are with the mask of the utterances' lengths, as in
    `training.conformer.Conformer`.
    """
    model = onnx.load(path)
    graph = model.graph
    weights = {each.name: each for each in graph.initializer}
    pattern = _find({name: node for node in graph.node for name in node.output}, graph.node, set(weights))
    if not pattern:
        return False
    name = pattern.convolution.input[1]
    weights[name].CopyFrom(numpy_helper.from_array(_with_mask(numpy_helper.to_array(weights[name])), name))
    graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), "mask/one"))
    # Of [batch, 1, frames, 1] as of [batch, 1, frames, bands]: what is past the end.
    before = [
        helper.make_node("Sub", ["mask/one", pattern.mask], ["mask/past"], "mask/past"),
        helper.make_node("Shape", [pattern.masked], ["mask/shape"], "mask/shape"),
        helper.make_node("Expand", ["mask/past", "mask/shape"], ["mask/channel"], "mask/channel"),
        helper.make_node("Concat", [pattern.masked, "mask/channel"], ["mask/both"], "mask/both", axis=1),
    ]
    pattern.convolution.input[0] = "mask/both"
    for node in graph.node:
        for i, given in enumerate(node.input):
            if given == pattern.product.output[0]:
                node.input[i] = pattern.relu.output[0]
    at = next(i for i, each in enumerate(graph.node) if each is pattern.convolution)
    needed = _needed([*graph.node[:at], *before, *graph.node[at:]], {each.name for each in graph.output})
    del graph.node[:]
    graph.node.extend(needed)
    onnx.save(model, path)
    return True


def _needed(nodes: list[NodeProto], wanted: set[str]) -> list[NodeProto]:
    """Removes nodes whose output is not used, which ONNX Runtime would compute: those of the former mask."""
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def _find(makers: Mapping[str, NodeProto], nodes: list[NodeProto], weights: set[str]) -> _Masked | None:
    def maker(name: str, kind: str) -> NodeProto | None:
        node = makers.get(name)
        return node if node is not None and node.op_type == kind else None

    for second in nodes:
        product = maker(second.input[0], "Mul") if second.op_type == "Conv" else None
        relu = product and maker(product.input[0], "Relu")
        first = relu and maker(relu.input[0], "Conv")
        masking = first and maker(first.input[0], "Mul")
        if product and relu and first and masking and first.input[1] in weights and _looks_ahead_evenly(first):
            return _Masked(first, masking.output[0], masking.input[1], relu, product)
    return None


def _looks_ahead_evenly(convolution: NodeProto) -> bool:
    """Returns whether an output is made of as many inputs before its own as after it."""
    values = {each.name: helper.get_attribute_value(each) for each in convolution.attribute}
    kernel = values["kernel_shape"]
    return all(size % 2 for size in kernel) and values.get("pads") == [size // 2 for size in [*kernel, *kernel]]


def _with_mask(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """[outputs, inputs, *kernel] -> one input more, with a weight only in the middle of the kernel."""
    channel = np.zeros((len(weight), 1, *weight.shape[2:]), np.float32)
    middle = tuple(size // 2 for size in weight.shape[2:])
    channel[(slice(None), 0, *middle)] = _FORBIDDING
    return np.concatenate([weight, channel], axis=1)
