"""fp32 ONNX -> int8 ONNX: weights per channel, activations quantised while it runs."""

from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from export.padding import mask_where_padded
from export.positions import compute_positions
from export.scores import quantise_scores

# ONNX Runtime has int8 kernels for these. Convolutions stay in fp32: they have 1 % of the weights, and the input of the
# first is the features themselves. Those of a Whisper network have become products (see `export.convolutions`). GRUs
# have no int8 kernel and stay in fp32 too.
_QUANTISED = ["LSTM", "MatMul", "Gemm"]


def quantise(fp32: Path, int8: Path, work: Path) -> None:
    """Writes the int8 version of an fp32 file; `work` is a folder for intermediate files.

    The attention of Whisper's blocks gets int8 scores, its mask only for padding, and its positions as formulas.
    """
    prepared = work / "prepared.onnx"
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        prepared,
        int8,
        op_types_to_quantize=_QUANTISED,
        per_channel=True,
        # Signed weights with unsigned activations are the fastest pair; 7 bits of them keep processors without VNNI
        # from saturating their 16-bit sums.
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )
    quantise_scores(int8)
    mask_where_padded(int8)
    compute_positions(int8)
