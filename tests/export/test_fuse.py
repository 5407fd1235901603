"""Models fused ahead of time answer as before, or stay as they are."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from export import fuse as command
from export import graph
from export.fuse import fuse, main
from export.quantise import quantise
from hark.recognizer import Recognizer
from tests.conftest import ROOT
from tests.training.toy import TINY, toy_config
from training.config import model_spec
from training.network import build


@pytest.fixture(params=["asr", "keywords"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / f"models/{request.param}.onnx", tmp_path / "model.onnx"))


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def test_a_fused_model_has_fewer_operators_and_the_same_answers(model: Path) -> None:
    before, spec = operators(model), Recognizer(model).spec
    windows = [np.random.default_rng(1).standard_normal((200, spec.feature_size)).astype(np.float32)]
    expected = Recognizer(model).run(windows)
    assert fuse(model)
    assert len(operators(model)) < 0.95 * len(before)
    fused = Recognizer(model)
    assert fused.spec == spec
    np.testing.assert_array_equal(fused.run(windows)[0], expected[0])
    assert [path.name for path in model.parent.iterdir()] == [model.name]


def test_a_recurrent_network_is_fused_too(tmp_path: Path) -> None:
    config = toy_config(tmp_path, **TINY)
    path, spec = tmp_path / "toy.onnx", model_spec(config)
    torch.manual_seed(0)
    graph.trace(build(config.model, config.features.n_mels, len(config.labels)), spec, tmp_path / "fp32.onnx")
    quantise(tmp_path / "fp32.onnx", path, tmp_path)
    graph.write_spec(path, spec)
    before = operators(path)
    assert fuse(path)
    assert len(operators(path)) < len(before)


def test_what_is_fused_stays_as_it_is(model: Path) -> None:
    assert fuse(model)
    once = operators(model)
    assert fuse(model)
    assert operators(model) == once


def test_a_model_that_would_answer_otherwise_is_left_alone(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = model.read_bytes()

    class Changed(Recognizer):
        def run(self, log_mels: list[np.ndarray]) -> list[np.ndarray]:  # type: ignore[override]
            found = super().run(log_mels)
            return [each * np.float32(1.000001) for each in found] if self._fused else found

        def __init__(self, path: Path) -> None:
            super().__init__(path)
            self._fused = path != model

    monkeypatch.setattr(command, "Recognizer", Changed)
    assert not fuse(model)
    assert main([str(model)]) == 0
    assert capsys.readouterr().out.startswith(f"left {model} as it is")
    assert model.read_bytes() == data
    assert [path.name for path in model.parent.iterdir()] == [model.name]


def test_a_file_that_is_no_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "asr.onnx").write_bytes(b"no model")
    assert main([str(tmp_path / "asr.onnx"), str(tmp_path / "none.onnx")]) == 1
    assert f"{tmp_path / 'asr.onnx'} is not a usable model" in capsys.readouterr().err
