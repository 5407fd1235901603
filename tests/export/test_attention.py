"""An attention decoder's graph is its network, its table of tokens is in the file once, and its encoder is checked."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from export import attention
from export.__main__ import export as export_recognizer
from export.errors import ProofError
from hark.attention import AttentionDecoder
from hark.attention_spec import METADATA_KEY
from hark.errors import ModelError
from hark.recognizer import FEATURES_NAME, Recognizer
from tests.attention_files import KEPT, MARKS, SIZE, AttentionFiles, drawn_decoder
from tests.conftest import DATA
from tests.training.toy import TINY_WHISPER, toy_config
from training.attention.checkpoint import digest_of, load_checkpoint
from training.checkpoint import checkpoint_of
from training.config import model_spec
from training.network import build
from training.whisper import WhisperCtc


def test_the_graph_is_the_network_at_every_size(attention_files: AttentionFiles) -> None:
    assert attention.prove(attention_files.network, attention_files.exact) < 1e-4


def test_a_graph_that_is_not_the_network_is_refused(attention_files: AttentionFiles) -> None:
    other, _ = drawn_decoder(seed=8)
    with pytest.raises(ProofError, match="differs from the network"):
        attention.prove(other, attention_files.exact)


def test_the_table_of_tokens_is_in_the_file_once(attention_files: AttentionFiles) -> None:
    graph = onnx.load(attention_files.attention).graph
    tokens = len(KEPT) + len(MARKS)
    tables = [each for each in graph.initializer if sorted(each.dims) == sorted([tokens, SIZE])]
    assert [each.data_type for each in tables] == [TensorProto.INT8]


def test_tokens_are_looked_up_as_the_last_layer_has_them(attention_files: AttentionFiles) -> None:
    exact, int8 = (AttentionDecoder(path) for path in (attention_files.exact, attention_files.attention))
    features = np.random.default_rng(1).standard_normal((12, 2 * SIZE)).astype(np.float32)
    texts = ["the train", "it's on and on", "station", "qzx'"]
    for one, other in zip(
        exact.opinions(exact.hear(features), texts), int8.opinions(int8.hear(features), texts), strict=True
    ):
        assert one
        assert other
        assert np.abs(one.log_probs - other.log_probs).mean() < 0.5


def test_a_last_layer_with_other_weights_is_not_shared(attention_files: AttentionFiles, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    model = onnx.load(attention_files.exact)
    [gather] = [each for each in model.graph.node if each.op_type == "Gather" and each.input[1] == "tokens"]
    [table] = [each for each in model.graph.initializer if each.name == gather.input[0]]
    onnx.save(model, path)
    attention.to_int8(path, tmp_path / "int8.onnx", tmp_path, ["MatMul", "Gemm"])
    int8 = onnx.load(tmp_path / "int8.onnx")
    [table] = [each for each in int8.graph.initializer if each.name == table.name]
    changed = onnx.numpy_helper.to_array(table)[::-1].copy()
    table.CopyFrom(onnx.numpy_helper.from_array(changed, table.name))
    onnx.save(int8, tmp_path / "int8.onnx")
    with pytest.raises(ProofError, match="other weights than the table of tokens"):
        attention.share_embedding(tmp_path / "int8.onnx")


def test_the_command_writes_the_decoder_and_its_weights_in_half_precision(
    attention_files: AttentionFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, weights = tmp_path / "new" / "mine.attention.onnx", tmp_path / "mine.fp16.ckpt"
    arguments = [str(attention_files.checkpoint), "--recognizer", str(attention_files.recognizer)]
    assert attention.main([*arguments, "--output", str(output), "--weights", str(weights)]) == 0
    told = capsys.readouterr().out
    assert "equal to PyTorch on 5 inputs" in told
    assert f"wrote {output}" in told
    assert [path.name for path in output.parent.iterdir()] == ["mine.attention.onnx"]
    spec = AttentionDecoder(output).spec
    assert (spec.name, spec.version, spec.training_data) == ("tiny", "1", "nothing")
    assert spec.subwords.tokens == KEPT
    half = torch.load(weights, weights_only=True)
    assert {each.dtype for each in half["attention_decoder"].values()} == {torch.float16}
    again = load_checkpoint(weights)
    for name, value in again.network.state_dict().items():
        torch.testing.assert_close(value, attention_files.network.state_dict()[name], atol=2e-3, rtol=2e-3)


def test_the_features_of_another_recogniser_are_refused_before_anything_is_written(
    attention_files: AttentionFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.attention.onnx"
    content = torch.load(attention_files.checkpoint, weights_only=True)
    torch.save({**content, "encoder": "0123456789ab"}, tmp_path / "other.ckpt")
    arguments = ["--recognizer", str(attention_files.recognizer), "--output", str(output)]
    assert attention.main([str(tmp_path / "other.ckpt"), *arguments]) == 1
    assert "reads the features of another encoder than" in capsys.readouterr().err
    assert not output.exists()
    torch.save({"weights": 3}, tmp_path / "none.ckpt")
    assert attention.main([str(tmp_path / "none.ckpt"), *arguments]) == 1
    assert "is no checkpoint of an attention decoder" in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["int8", "fp16", "mixed", "fp32"])
def test_a_recogniser_is_exported_with_its_encoders_features(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.__main__.calibrated", lambda recognizer, utterances: recognizer.spec)
    config = toy_config(tmp_path, **TINY_WHISPER)
    torch.manual_seed(1)
    spec = model_spec(config)
    model = build(config.model, spec.feature_size, len(spec.labels)).eval()
    assert isinstance(model, WhisperCtc)
    checkpoint, output = tmp_path / "recognizer.ckpt", tmp_path / "mine.onnx"
    torch.save(checkpoint_of(model, config), checkpoint)
    export_recognizer(checkpoint, [DATA / "manifest.jsonl"], output, precision, max_wer_loss=1.0)
    recognizer = Recognizer(output)
    assert recognizer.spec.encoder == digest_of(model.encoder)
    log_mels = [np.random.default_rng(n).standard_normal((n, 80)).astype(np.float32) for n in (61, 200, 1)]
    log_probs, features = recognizer.run_with_features(log_mels)
    for log_mel, heard, encoded in zip(log_mels, log_probs, features, strict=True):
        with torch.no_grad():
            expected, lengths = model.encoder(torch.from_numpy(log_mel)[None], torch.tensor([len(log_mel)]))
        assert len(heard) == len(encoded) == int(lengths)
        assert encoded.dtype == np.float32
        close = {"fp32": 1e-3, "fp16": 0.05}.get(precision, 0.5)
        assert np.abs(encoded - expected[0].numpy()).mean() < close
    # What was made of it reads no other recogniser's features, whatever they are called.
    shutil.copy(output, tmp_path / "copy.onnx")
    assert Recognizer(tmp_path / "copy.onnx").spec.encoder == recognizer.spec.encoder


def test_a_recogniser_that_joins_frames_inside_its_encoder_gives_no_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.__main__.calibrated", lambda recognizer, utterances: recognizer.spec)
    config = toy_config(tmp_path, **{**TINY_WHISPER, "model__whisper__joined_before": "1"})
    torch.manual_seed(1)
    spec = model_spec(config)
    model = build(config.model, spec.feature_size, len(spec.labels)).eval()
    torch.save(checkpoint_of(model, config), tmp_path / "recognizer.ckpt")
    export_recognizer(tmp_path / "recognizer.ckpt", [DATA / "manifest.jsonl"], tmp_path / "mine.onnx", "fp32")
    assert Recognizer(tmp_path / "mine.onnx").spec.encoder == ""
    names = [each.name for each in onnx.load(tmp_path / "mine.onnx").graph.output]
    assert FEATURES_NAME not in names


def test_a_spec_that_promises_features_which_the_graph_does_not_give_is_refused(
    attention_files: AttentionFiles, tmp_path: Path
) -> None:
    model = onnx.load(attention_files.recognizer)
    [features] = [each for each in model.graph.output if each.name == FEATURES_NAME]
    model.graph.output.remove(features)
    onnx.save(model, tmp_path / "mine.onnx")
    with pytest.raises(ModelError, match="does not fit its network"):
        Recognizer(tmp_path / "mine.onnx")
    assert METADATA_KEY not in {each.key for each in model.metadata_props}
