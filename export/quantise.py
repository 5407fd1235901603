"""fp32 ONNX -> int8 ONNX: weights per channel, activations quantised while it runs."""

import re
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from export.padding import mask_where_padded
from export.positions import compute_positions
from export.scores import quantise_scores

# ONNX Runtime has int8 kernels for these. Convolutions stay in fp32: they have 1 % of the weights, and the input of the
# first is the features themselves. Those of a Whisper network have become products (see `export.convolutions`). GRUs
# have no int8 kernel and stay in fp32 too.
_QUANTISED = ["LSTM", "MatMul", "Gemm"]
# Of a Whisper encoder, what attention adds and the second convolution stay in fp32. Rounding these small layers is half
# of what int8 costs in log-probability, for a tenth of the weights.
_KEPT = re.compile(r"/encoder/(blocks\.\d+/output|conv2/product)/MatMul")


def quantise(fp32: Path, int8: Path, work: Path) -> None:
    """Writes the int8 version of an fp32 file; `work` is a folder for intermediate files.

    The attention of Whisper's blocks gets int8 scores, its mask only for padding, and its positions as formulas.
    """
    to_int8(fp32, int8, work, _QUANTISED, _KEPT)
    quantise_scores(int8)
    mask_where_padded(int8)
    compute_positions(int8)


def to_int8(fp32: Path, int8: Path, work: Path, operators: Sequence[str], kept: re.Pattern[str] | None = None) -> None:
    """Quantises the weights of an fp32 file, and the activations they meet while it runs.

    Args:
        fp32: the file.
        int8: where to write the other.
        work: a folder for intermediate files.
        operators: the types of the nodes that are quantised.
        kept: names of nodes that are not.
    """
    prepared = work / "prepared.onnx"
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    names = [node.name for node in onnx.load(prepared).graph.node if kept and kept.fullmatch(node.name)]
    quantize_dynamic(
        prepared,
        int8,
        op_types_to_quantize=list(operators),
        nodes_to_exclude=names,
        per_channel=True,
        # Signed weights with unsigned activations are the fastest pair; 7 bits of them keep processors without VNNI
        # from saturating their 16-bit sums.
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )
