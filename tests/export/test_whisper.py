"""A Whisper network's graph, as it is served: smaller and faster, and what it computes is the same."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from export import graph, proof
from export.convolutions import unfold_convolutions
from export.fuse import fuse
from export.padding import mask_where_padded
from export.positions import compute_positions
from export.quantise import quantise
from export.scores import quantise_scores
from hark.recognizer import INPUT_NAMES, OUTPUT_NAMES, Recognizer
from tests.training.toy import TINY, TINY_CONFORMER, toy_config
from training.config import model_spec
from training.network import Network, build
from training.whisper import POSITIONS, sinusoids

WHISPER = {
    **TINY_CONFORMER,
    "model__encoder": "whisper",
    "model__rnn_size": "24",
    **{
        f"model__whisper__{name}": value
        for name, value in {"layers": "2", "size": "32", "heads": "2", "joined_before": "2", "head": "lstm"}.items()
    },
}
SHAPES = [
    pytest.param({}, id="lstm"),
    pytest.param({"model__whisper__joined_before": "1"}, id="joined before a block"),
    pytest.param({"model__whisper__head": "linear"}, id="linear"),
    pytest.param({"model__whisper__head": "conformer"}, id="conformer"),
]


def traced(folder: Path, **shape: str) -> tuple[Network, Path]:
    """Writes a network as an fp32 file, with weights that make its blocks matter."""
    config = toy_config(folder, **{**WHISPER, **shape})
    torch.manual_seed(0)
    model = build(config.model, config.features.n_mels, len(config.labels)).eval()
    spec, path = model_spec(config), folder / "fp32.onnx"
    graph.trace(unfold_convolutions(model), spec, path)
    graph.write_spec(path, spec)
    return model, path


def quantised(folder: Path, **shape: str) -> Path:
    _, fp32 = traced(folder, **shape)
    path = folder / "int8.onnx"
    quantise(fp32, path, folder)
    graph.write_spec(path, Recognizer(fp32).spec)
    return path


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def windows(path: Path, *lengths: int) -> list[np.ndarray]:
    size = Recognizer(path).spec.feature_size
    return [np.random.default_rng(frames).standard_normal((frames, size)).astype(np.float32) for frames in lengths]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_graph_is_the_network_without_convolutions(shape: dict[str, str], tmp_path: Path) -> None:
    model, path = traced(tmp_path, **shape)
    spec = Recognizer(path).spec
    proof.prove_dynamic(path, spec)
    assert proof.prove_equal(model, path, spec).cases == 10
    assert operators(path).count("Conv") == (2 if shape.get("model__whisper__head") == "conformer" else 0)
    assert {node.domain for node in onnx.load(path).graph.node} <= {"", "ai.onnx"}
    # The network itself is as it was.
    assert isinstance(model.encoder.conv1, nn.Conv1d)


@pytest.mark.parametrize("shape", SHAPES)
def test_int8_is_close_and_fused_is_the_same(shape: dict[str, str], tmp_path: Path) -> None:
    path = quantised(tmp_path, **shape)
    proof.prove_dynamic(path)
    kinds = operators(path)
    # Only int8 recurrences are not of ONNX itself.
    own = {node.op_type for node in onnx.load(path).graph.node if node.domain not in ("", "ai.onnx")}
    assert own == ({"DynamicQuantizeLSTM"} if shape.get("model__whisper__head", "lstm") == "lstm" else set())
    assert kinds.count("If") == 2
    given = windows(path, 333, 60, 1)
    exact, answered = (Recognizer(each).run(given) for each in (tmp_path / "fp32.onnx", path))
    for row, same in zip(answered, exact, strict=True):
        np.testing.assert_allclose(np.exp(row), np.exp(same), atol=0.02)
    assert fuse(path)
    assert "MatMulInteger" not in operators(path)
    np.testing.assert_array_equal(Recognizer(path).run(given)[0], answered[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_neighbours_and_padding_change_nothing_but_int8s_last_steps(shape: dict[str, str], tmp_path: Path) -> None:
    path = quantised(tmp_path, **shape)
    for file, tolerance in ((tmp_path / "fp32.onnx", 1e-5), (path, 0.02)):
        session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        given = windows(file, 200, 199, 3, 1)
        batch = np.full((4, 200, given[0].shape[1]), 1.0, np.float32)
        for row, each in zip(batch, given, strict=True):
            row[: len(each)] = each
        lengths = np.array([len(each) for each in given])
        together, frames = session.run(OUTPUT_NAMES, dict(zip(INPUT_NAMES, (batch, lengths), strict=True)))
        for row, count, each in zip(together, frames, given, strict=True):
            alone = Recognizer(file).run([each])[0]
            assert count == len(alone)
            np.testing.assert_allclose(np.exp(row[:count]), np.exp(alone), atol=tolerance)


def test_a_mask_that_is_left_out_changes_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, always = quantised(tmp_path), tmp_path / "always.onnx"
    monkeypatch.setattr("export.quantise.mask_where_padded", lambda path: 0)
    quantise(tmp_path / "fp32.onnx", always, tmp_path)
    graph.write_spec(always, Recognizer(path).spec)
    assert "If" not in operators(always)
    for lengths in ((1,), (300,), (90, 91, 92)):
        given = windows(path, *lengths)
        for row, same in zip(Recognizer(path).run(given), Recognizer(always).run(given), strict=True):
            np.testing.assert_array_equal(row, same)
    before = path.read_bytes()
    assert mask_where_padded(path) == 0
    assert path.read_bytes() == before


def test_positions_are_computed_as_they_were(tmp_path: Path) -> None:
    wanted = sinusoids(POSITIONS, 384).numpy()
    path = tmp_path / "positions.onnx"
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [POSITIONS, 384])
    made = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["table"], ["y"])],
        "table",
        [],
        [output],
        [numpy_helper.from_array(wanted, "table")],
    )
    onnx.save(onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    assert compute_positions(path)
    assert path.stat().st_size < 4000
    (found,) = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {})
    # What single precision leaves of an angle of 1500.
    np.testing.assert_allclose(found, wanted, atol=3e-4)
    np.testing.assert_allclose(found[:100], wanted[:100], atol=2e-5)
    assert not compute_positions(path)


def test_weights_and_positions_of_the_encoder_are_stored_small(tmp_path: Path) -> None:
    path = quantised(tmp_path)
    stored = [numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer]
    # The second convolution is the largest that stays in fp32; positions would be 1,504 times 32.
    assert max((each.size for each in stored if each.dtype == np.float32), default=0) <= 3 * 32 * 32


def test_scores_come_from_queries_and_keys_of_eight_bits(tmp_path: Path) -> None:
    kinds = operators(quantised(tmp_path))
    assert kinds.count("QuantizeLinear") == 2  # the keys of two blocks
    assert quantise_scores(tmp_path / "int8.onnx") == 0


def test_other_networks_stay_as_they_are(tmp_path: Path) -> None:
    config = toy_config(tmp_path, **TINY)
    model = build(config.model, config.features.n_mels, len(config.labels))
    assert unfold_convolutions(model) is model
    path = tmp_path / "toy.onnx"
    graph.trace(model, model_spec(config), path)
    before = path.read_bytes()
    assert not quantise_scores(path)
    assert not mask_where_padded(path)
    assert not compute_positions(path)
    assert path.read_bytes() == before
