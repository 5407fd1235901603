"""Attention that adds its mask only to batches with padding.

A mask is added to the scores, so that attention does not look past an utterance's end. An utterance alone in its batch
has no padding, yet the addition covers the largest tensor of the network and takes as long as the softmax after it.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from training.conformer import FORBIDDEN

_ZERO = "padding/zero"


def mask_where_padded(path: Path) -> int:
    """Rewrites an ONNX file in place, so that masks are added only where there is padding; returns how many.

    The pattern is the softmax of a sum of scores and a product with `training.conformer.FORBIDDEN`, after `quantise`,
    which would order the nodes so that a branch comes before its input. Other biases stay.
    """
    model = onnx.load(path)
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    forbidding = {each.name for each in graph.initializer if not each.dims and numpy_helper.to_array(each) == FORBIDDEN}
    nodes: list[NodeProto] = []
    added: list[NodeProto] = []
    masks: set[str] = set()
    for node in graph.node:
        given = makers.get(node.input[0]) if node.op_type == "Softmax" else None
        mask = _mask_of(given, makers, forbidding) if given else None
        if not given or not mask:
            nodes.append(node)
            continue
        if mask not in masks:
            masks.add(mask)
            nodes += _is_padded(mask)
        added.append(given)
        (scores,) = (name for name in given.input if name != mask)
        nodes.append(_softmax(node, scores, mask))
    if added:
        graph.initializer.append(numpy_helper.from_array(np.array(0, np.float32), _ZERO))
        del graph.node[:]
        graph.node.extend(node for node in nodes if not any(node is each for each in added))
        onnx.save(model, path)
    return len(added)


def _mask_of(node: NodeProto, makers: Mapping[str, NodeProto], forbidding: set[str]) -> str | None:
    """The input of a sum that is 0, or `FORBIDDEN` past the end of an utterance."""
    for name in node.input if node.op_type == "Add" else ():
        maker = makers.get(name)
        if maker is not None and maker.op_type == "Mul" and forbidding & set(maker.input):
            return str(name)
    return None


def _is_padded(mask: str) -> list[NodeProto]:
    return [
        helper.make_node("ReduceMin", [mask], [f"{mask}/least"], f"{mask}/least", keepdims=0),
        helper.make_node("Less", [f"{mask}/least", _ZERO], [f"{mask}/padded"], f"{mask}/padded"),
    ]


def _softmax(node: NodeProto, scores: str, mask: str) -> NodeProto:
    """The softmax of the scores, with the mask if there is padding."""

    def branch(name: str, *nodes: NodeProto) -> onnx.GraphProto:
        output = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["batch", "heads", "of", "to"])
        return helper.make_graph(nodes, f"{node.name}/{name}", [], [output])

    masked, one, other = (f"{node.output[0]}/{each}" for each in ("masked", "padded", "whole"))
    return helper.make_node(
        "If",
        [f"{mask}/padded"],
        [node.output[0]],
        node.name,
        then_branch=branch(
            "padded",
            helper.make_node("Add", [scores, mask], [masked], f"{node.name}/Add"),
            helper.make_node("Softmax", [masked], [one], f"{node.name}/padded", axis=-1),
        ),
        else_branch=branch("whole", helper.make_node("Softmax", [scores], [other], f"{node.name}/whole", axis=-1)),
    )
