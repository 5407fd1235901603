"""The exported graph is the trained network; where it is not, nothing is written."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from export import __main__ as command
from export import graph, masks, proof
from export.errors import ProofError
from hark.recognizer import INPUT_NAMES, OUTPUT_NAMES, Recognizer
from tests.conftest import DATA
from tests.training.toy import TINY, TINY_CONFORMER, toy_config
from training.checkpoint import load_checkpoint
from training.config import Config, model_spec
from training.config_files import config_to_dict
from training.evaluate import Evaluation
from training.manifest import Utterance
from training.metrics import count_errors
from training.network import Network, build
from training.report import Result

DEV = DATA / "manifest.jsonl"


def network(config: Config) -> Network:
    torch.manual_seed(0)
    return build(config.model, config.features.n_mels, len(config.labels)).eval()


def checkpoint(folder: Path, config: Config) -> Path:
    """Writes an untrained checkpoint in the form training writes them."""
    state = {f"model.{name}": value for name, value in network(config).state_dict().items()}
    path = folder / "toy.ckpt"
    torch.save({"state_dict": state, "hark_config": config_to_dict(config)}, path)
    return path


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(TINY, id="lstm, 4x"),
        pytest.param({**TINY, "model__rnn": "gru", "model__conv_strides": "[[2, 2]]"}, id="gru, 2x"),
        pytest.param({**TINY, "model__residual_blocks": "0", "model__rnn_layers": "1"}, id="no residual block"),
        pytest.param(TINY_CONFORMER, id="conformer"),
    ],
)
def test_the_graph_equals_the_network_at_five_lengths_and_two_batch_sizes(
    shape: dict[str, str], tmp_path: Path
) -> None:
    config = toy_config(tmp_path, **shape)
    model, spec = network(config), model_spec(config)
    graph.trace(model, spec, tmp_path / "toy.onnx")
    proof.prove_dynamic(tmp_path / "toy.onnx")
    parity = proof.prove_equal(model, tmp_path / "toy.onnx", spec)
    assert parity.cases == 10
    assert parity.largest_difference <= 1e-4


@pytest.mark.parametrize("strides", ["[[2, 2], [2, 2]]", "[[1, 2], [2, 1]]"])
def test_a_mask_moved_into_its_convolution_changes_no_bit(tmp_path: Path, strides: str) -> None:
    config = toy_config(tmp_path, **{**TINY_CONFORMER, "model__conv_strides": strides})
    model, spec = network(config), model_spec(config)
    plain, folded = tmp_path / "plain.onnx", tmp_path / "folded.onnx"
    for path in (plain, folded):
        graph.trace(model, spec, path)
    assert masks.fold_mask(folded)
    nodes = [onnx.load(path).graph.node for path in (plain, folded)]
    products = [sum(node.op_type == "Mul" for node in each) for each in nodes]
    assert products[1] == products[0] - 1
    # What made that mask is gone, too.
    shapes = [sum(node.op_type == "Shape" and "Relu" in node.input[0] for node in each) for each in nodes]
    assert shapes[1] == shapes[0] - 1
    proof.prove_dynamic(folded)
    proof.prove_equal(model, folded, spec)
    # What lies past an utterance's end may be anything, and neighbours may be longer by any number of frames.
    lengths = np.array([30, 29, 28, 27, 2, 1])
    feed = dict(zip(INPUT_NAMES, (np.full((6, 30, spec.n_mels), 9, np.float32), lengths), strict=True))
    for row, length in zip(feed["log_mel"], lengths, strict=True):
        row[:length] = np.random.default_rng(length).normal(size=(length, spec.n_mels))
    (before, frames), (after, _) = (
        ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(OUTPUT_NAMES, feed)
        for path in (plain, folded)
    )
    for row, same, length in zip(before, after, frames, strict=True):
        np.testing.assert_array_equal(same[:length], row[:length])
    assert not masks.fold_mask(folded)


def test_a_network_without_a_mask_between_convolutions_stays_as_it_is(tmp_path: Path) -> None:
    config, path = toy_config(tmp_path, **TINY), tmp_path / "toy.onnx"
    graph.trace(network(config), model_spec(config), path)
    before = path.read_bytes()
    assert not masks.fold_mask(path)
    assert path.read_bytes() == before


def test_the_command_writes_a_file_that_carries_spec_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "models" / "toy.onnx"
    arguments = [str(checkpoint(tmp_path, toy_config(tmp_path, **TINY))), "--dev", str(DEV), "--output", str(output)]
    # An untrained network's WER is noise: here the test is of what is written, not of what int8 costs.
    assert command.main([*arguments, "--max-wer-loss", "9"]) == 0
    printed = capsys.readouterr().out
    spec = Recognizer(output).spec
    assert spec.measured["on"] == "manifest.jsonl"
    assert spec.measured["precision"] == "int8"
    assert f"WER {spec.measured['wer']:.4f}" in printed
    assert f"WER {spec.measured['fp32_wer']:.4f}" in printed
    assert {node.op_type for node in onnx.load(output).graph.node} >= {"DynamicQuantizeLSTM"}
    assert [path.name for path in output.parent.iterdir()] == ["toy.onnx"]
    assert command.main([*arguments, "--precision", "fp32"]) == 0
    assert Recognizer(output).spec.measured["precision"] == "fp32"


def test_half_precision_halves_the_file_and_changes_little(tmp_path: Path) -> None:
    source = str(checkpoint(tmp_path, toy_config(tmp_path, **TINY)))
    files = {precision: tmp_path / f"{precision}.onnx" for precision in ("fp32", "fp16")}
    for precision, output in files.items():
        assert command.main([source, "--dev", str(DEV), "--output", str(output), "--precision", precision]) == 0
    assert Recognizer(files["fp16"]).spec.measured["precision"] == "fp16"
    assert files["fp16"].stat().st_size < 0.7 * files["fp32"].stat().st_size  # a toy is mostly graph
    log_mel = np.random.default_rng(0).normal(size=(200, Recognizer(files["fp32"]).spec.n_mels)).astype(np.float32)
    (exact,), (halved,) = (Recognizer(path).run([log_mel]) for path in files.values())
    np.testing.assert_allclose(halved, exact, atol=0.02)
    assert np.abs(halved - exact).max() > 0


def test_the_weights_to_fine_tune_from_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    config, weights = toy_config(tmp_path, **TINY), tmp_path / "toy.fp16.ckpt"
    source = checkpoint(tmp_path, config)
    arguments = [str(source), "--dev", str(DEV), "--output", str(tmp_path / "toy.onnx"), "--precision", "fp32"]
    assert command.main([*arguments, "--weights", str(weights)]) == 0
    model, saved = load_checkpoint(weights)
    assert (saved.model, saved.labels, saved.features) == (config.model, config.labels, config.features)
    assert model_spec(saved) == model_spec(config)
    assert str(tmp_path).encode() not in weights.read_bytes()
    assert weights.stat().st_size < 0.75 * source.stat().st_size
    for name, value in network(config).state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, atol=1e-3, rtol=1e-3)


def test_an_export_that_fails_its_proof_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "models" / "toy.onnx"
    arguments = [str(checkpoint(tmp_path, toy_config(tmp_path, **TINY))), "--dev", str(DEV), "--output", str(output)]
    monkeypatch.setattr(proof, "TOLERANCE", 1e-12)
    assert command.main(arguments) == 1
    assert "differ from PyTorch" in capsys.readouterr().err
    assert list(output.parent.iterdir()) == []
    output.write_bytes(b"the model that was there before")
    assert command.main(arguments) == 1
    assert output.read_bytes() == b"the model that was there before"


def test_int8_that_costs_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_CHANCE_WORDS", -100)
    output = tmp_path / "toy.onnx"
    source = checkpoint(tmp_path, toy_config(tmp_path, **TINY))
    assert command.main([str(source), "--dev", str(DEV), "--output", str(output), "--max-wer-loss", "-9"]) == 1
    assert "higher than fp32" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("already_wrong", [0, 1])
def test_three_words_of_few_are_chance_and_four_are_not(
    already_wrong: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = " ".join(["word"] * 40)
    files = {name: tmp_path / f"{name}.onnx" for name in ("fp32", "int8")}
    for path in files.values():
        path.write_bytes(b"graph")
    wrong = {"fp32": already_wrong, "int8": already_wrong + 3}

    def evaluated(recognizer: Path, utterances: list[Utterance]) -> Evaluation:
        heard = said.split()
        for at in range(wrong[recognizer.stem]):
            heard[at] = "other"
        hypothesis = " ".join(heard)
        (errors,) = count_errors([said], [hypothesis])
        return Evaluation([Result(utterances[0], said, hypothesis, 20.0, errors)], 1.0)

    monkeypatch.setattr(command, "Recognizer", lambda path: path)
    monkeypatch.setattr(command, "evaluate", evaluated)
    utterances = [Utterance(tmp_path / "clip.wav", 20.0, said)]
    figures = command.measure_transcripts(files, "int8", utterances, 0.005)
    assert figures["wer"] == pytest.approx((already_wrong + 3) / 40)
    assert figures["fp32_wer"] == pytest.approx(already_wrong / 40)
    wrong["int8"] += 1
    with pytest.raises(ProofError, match=r"on 40 words; at most 0\.005 is accepted"):
        command.measure_transcripts(files, "int8", utterances, 0.005)


def test_a_graph_of_other_weights_is_found_out(tmp_path: Path) -> None:
    config = toy_config(tmp_path, **TINY)
    model, spec = network(config), model_spec(config)
    graph.trace(model, spec, tmp_path / "toy.onnx")
    with torch.no_grad():
        next(model.head.parameters()).mul_(1.1)
    with pytest.raises(ProofError, match="differ from PyTorch"):
        proof.prove_equal(model, tmp_path / "toy.onnx", spec)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_fixed_batch_or_time_axis_is_found_out(tmp_path: Path, axis: int) -> None:
    config = toy_config(tmp_path, **TINY)
    graph.trace(network(config), model_spec(config), tmp_path / "toy.onnx")
    loaded = onnx.load(tmp_path / "toy.onnx")
    loaded.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 97
    onnx.save(loaded, tmp_path / "toy.onnx")
    with pytest.raises(ProofError):
        proof.prove_dynamic(tmp_path / "toy.onnx")


def test_writing_the_spec_again_replaces_it(tmp_path: Path) -> None:
    config = toy_config(tmp_path, **TINY)
    path, spec = tmp_path / "toy.onnx", model_spec(config)
    graph.trace(network(config), spec, path)
    graph.write_spec(path, spec)
    graph.write_spec(path, dataclasses.replace(spec, version="2"))
    recognizer = Recognizer(path)
    assert recognizer.spec.version == "2"
    assert len(onnx.load(path).metadata_props) == 1
    (log_probs,) = recognizer.run([np.zeros((10, spec.n_mels), np.float32)])
    assert log_probs.shape == (3, len(spec.labels))
