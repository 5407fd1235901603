"""Exports an attention decoder: `python -m export.attention CHECKPOINT --recognizer FILE [--output FILE]`.

    python -m export.attention runs/attention/best.ckpt --recognizer models/asr.onnx

Traces the network, proves the graph equal to it, makes it int8 and writes it with its vocabulary in the metadata. The
recogniser must give the features that the decoder was trained on. How the decoder's opinion is weighed beside that of
the CTC search is found afterwards, by `python -m benchmarks.decoding --tune`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from export.errors import ProofError
from export.graph import write_graph, write_metadata
from export.quantise import to_int8
from hark.attention import INPUT_NAMES, OUTPUT_NAMES, AttentionDecoder
from hark.attention_spec import METADATA_KEY, AttentionSpec
from hark.command import command
from hark.recognizer import Recognizer, open_session
from training.attention import network as torch_network
from training.attention.checkpoint import Checkpoint, load_checkpoint

# Largest difference of a log-probability between the network and its graph.
_TOLERANCE = 1e-3
# Largest mean difference of a token's log-probability to int8, of texts that the decoder writes itself.
_MAX_INT8_ERROR = 0.25
# What is proved: texts, tokens of each, tokens before, pairs of frames, and whether all texts share what was heard.
_PROOFS = ((1, 1, 0, 30, True), (1, 1, 5, 9, True), (3, 7, 0, 200, True), (2, 4, 3, 64, False), (1, 40, 0, 375, True))


class _Graph(nn.Module):
    """Both uses of the network in one graph: preparing what was heard, and reading tokens."""

    def __init__(self, network: torch_network.AttentionDecoder) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        features: Tensor,
        tokens: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
        keys: Tensor,
        values: Tensor,
        lengths: Tensor,
    ) -> tuple[Tensor, ...]:
        heard = self.network.attended(features)
        return *heard, *self.network.step(tokens, past_keys, past_values, keys, values, lengths)


def trace(network: torch_network.AttentionDecoder, path: Path) -> None:
    """Writes the network as an fp32 ONNX file; see `hark.attention` for its inputs and outputs."""
    axes = {
        "features": {0: "recordings", 1: "frames"},
        "tokens": {0: "texts", 1: "tokens"},
        "past_keys": {1: "texts", 3: "before"},
        "past_values": {1: "texts", 3: "before"},
        "keys": {1: "heard", 3: "attended"},
        "values": {1: "heard", 3: "attended"},
        "lengths": {0: "heard"},
        "heard_keys": {1: "recordings", 3: "double_frames"},
        "heard_values": {1: "recordings", 3: "double_frames"},
        "log_probs": {0: "texts", 1: "tokens"},
        "all_keys": {1: "texts", 3: "read"},
        "all_values": {1: "texts", 3: "read"},
    }
    write_graph(_Graph(network), _drawn(network, 2, 3, 2, 11, False), path, INPUT_NAMES, OUTPUT_NAMES, axes)


def _drawn(
    network: torch_network.AttentionDecoder, texts: int, tokens: int, before: int, frames: int, shared: bool
) -> tuple[Tensor, ...]:
    """Draws an input."""
    shape, drawn = network.shape, torch.Generator().manual_seed(tokens)
    head, heard = shape.size // shape.heads, 1 if shared else texts

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=drawn)

    past = (shape.layers, texts, shape.heads, before, head)
    attended = (shape.layers, heard, shape.heads, 2 * frames, head)
    return (
        normal(heard, frames, 2 * shape.size),
        torch.randint(shape.tokens, (texts, tokens), generator=drawn),
        normal(*past),
        normal(*past),
        normal(*attended),
        normal(*attended),
        torch.tensor([frames, *[max(frames - 3, 1)] * (heard - 1)]),
    )


def prove(network: torch_network.AttentionDecoder, path: Path) -> float:
    """Compares a graph with the network on inputs of several sizes.

    Returns:
        the largest difference of an output.

    Raises:
        ProofError: it is too large.
    """
    session, largest = open_session(path), 0.0
    for sizes in _PROOFS:
        drawn = _drawn(network, *sizes)
        with torch.no_grad():
            expected = _Graph(network)(*drawn)
        found = session.run(OUTPUT_NAMES, dict(zip(INPUT_NAMES, (part.numpy() for part in drawn), strict=True)))
        largest = max(largest, *(float(np.abs(a.numpy() - b).max()) for a, b in zip(expected, found, strict=True)))
    if largest > _TOLERANCE:
        raise ProofError(f"{path} differs from the network by {largest:.1e}; at most {_TOLERANCE} is accepted.")
    return largest


def share_embedding(path: Path) -> None:
    """Lets the tokens be looked up in the int8 weights of the last layer, which are the same numbers.

    Otherwise the file has them twice.
    """
    model = onnx.load(path)
    graph = model.graph
    tables = {each.name: each for each in graph.initializer}
    [gather] = [
        node
        for node in graph.node
        if node.op_type == "Gather" and node.input[0] in tables and node.input[1] == "tokens"
    ]
    rows, _ = tables[gather.input[0]].dims
    # The last layer's weights, [size, tokens] in int8, with a scale for each token.
    [weights] = [
        each for each in graph.initializer if each.data_type == TensorProto.INT8 and list(each.dims)[1:] == [rows]
    ]
    scale = tables[weights.name.removesuffix("_quantized") + "_scale"]
    [exact] = [numpy_helper.to_array(tables[gather.input[0]])]
    rounded = (numpy_helper.to_array(weights).astype(np.float32) * numpy_helper.to_array(scale)).T
    if np.abs(rounded - exact).max() > np.abs(exact).max() / 32:
        raise ProofError("The last layer of the graph has other weights than the table of tokens.")
    axes = helper.make_tensor("shared/axes", TensorProto.INT64, [1], [2])
    nodes = [
        helper.make_node("Gather", [weights.name, "tokens"], ["shared/columns"], axis=1),
        helper.make_node("Cast", ["shared/columns"], ["shared/floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["shared/floats"], ["shared/rows"], perm=[1, 2, 0]),
        helper.make_node("Gather", [scale.name, "tokens"], ["shared/scales"], axis=0),
        helper.make_node("Unsqueeze", ["shared/scales", "shared/axes"], ["shared/scale"]),
        helper.make_node("Mul", ["shared/rows", "shared/scale"], [gather.output[0]]),
    ]
    at = list(graph.node).index(gather)
    kept = [*list(graph.node)[:at], *nodes, *list(graph.node)[at + 1 :]]
    del graph.node[:]
    graph.node.extend(kept)
    graph.initializer.remove(tables[gather.input[0]])
    graph.initializer.append(axes)
    onnx.save(model, path)


def spec_of(checkpoint: Checkpoint) -> AttentionSpec:
    """Returns what the endpoint has to know of a decoder."""
    vocabulary, shape = checkpoint.vocabulary, checkpoint.network.shape
    return AttentionSpec(
        name=checkpoint.name,
        version=checkpoint.version,
        encoder=checkpoint.encoder,
        joined=vocabulary.subwords.joined,
        kept=vocabulary.subwords.tokens,
        starts=len(vocabulary.start),
        layers=shape.layers,
        heads=shape.heads,
        size=shape.size,
        positions=shape.positions,
        training_data=checkpoint.training_data,
    )


def export(checkpoint_path: Path, recognizer: Path, output: Path, weights: Path | None = None) -> None:
    """Makes, proves and writes the model file, and the checkpoint in half precision; prints the figures.

    Raises:
        ProofError: the graph is not the network, or int8 is too coarse. No file is written.
        HarkError: the checkpoint cannot be used, or reads the features of another recogniser.
    """
    checkpoint = load_checkpoint(checkpoint_path)
    network, spec = checkpoint.network, spec_of(checkpoint)
    spec.check(Recognizer(recognizer).spec, str(recognizer))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print(f"{checkpoint_path}: {spec.name} {spec.version}, {parameters:,} parameters, {len(spec.kept):,} subwords")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
        work = Path(folder)
        fp32, int8 = work / "fp32.onnx", work / "int8.onnx"
        trace(network, fp32)
        print(f"equal to PyTorch on {len(_PROOFS)} inputs, largest difference {prove(network, fp32):.1e}")
        to_int8(fp32, int8, work, ["MatMul", "Gemm"])
        share_embedding(int8)
        for file in (fp32, int8):
            write_metadata(file, METADATA_KEY, spec.to_json())
        print(f"int8: {int8.stat().st_size:,} bytes")
        AttentionDecoder(int8)  # as Hark reads the finished file
        int8.replace(output)
    print(f"wrote {output}")
    if weights:
        content = checkpoint.content()
        content["attention_decoder"] = {
            name: values.half() if values.is_floating_point() else values
            for name, values in content["attention_decoder"].items()
        }
        torch.save(content, weights)
        print(f"wrote {weights}")


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--recognizer", type=Path, default=Path("models/asr.onnx"), help="whose features it reads")
    parser.add_argument("--output", type=Path, default=Path("models/asr.attention.onnx"))
    parser.add_argument("--weights", type=Path, help="where to write the checkpoint in half precision")
    options = parser.parse_args(arguments)
    export(options.checkpoint, options.recognizer, options.output, options.weights)
    return 0


if __name__ == "__main__":
    sys.exit(main())
