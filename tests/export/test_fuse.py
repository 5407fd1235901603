"""Models fused ahead of time answer as before, or stay as they are."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from export import fuse as command
from export.errors import ProofError
from export.fuse import fuse, main
from handler.recognizer import Recognizer
from tests.conftest import ROOT


@pytest.fixture(params=["asr", "keywords"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / f"models/{request.param}.onnx", tmp_path / "model.onnx"))


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def test_a_fused_model_has_fewer_operators_and_the_same_answers(model: Path) -> None:
    before, spec = operators(model), Recognizer(model).spec
    windows = [np.random.default_rng(1).standard_normal((200, spec.feature_size)).astype(np.float32)]
    expected = Recognizer(model).run(windows)
    fuse(model)
    assert len(operators(model)) < 0.95 * len(before)
    assert "FusedMatMul" not in before
    fused = Recognizer(model)
    assert fused.spec == spec
    np.testing.assert_array_equal(fused.run(windows)[0], expected[0])
    assert [path.name for path in model.parent.iterdir()] == [model.name]


def test_what_is_fused_stays_as_it_is(model: Path) -> None:
    fuse(model)
    once = operators(model)
    fuse(model)
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
    with pytest.raises(ProofError, match="does not answer as before"):
        fuse(model)
    assert main([str(model)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert model.read_bytes() == data


def test_a_file_that_is_no_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "asr.onnx").write_bytes(b"no model")
    assert main([str(tmp_path / "asr.onnx"), str(tmp_path / "none.onnx")]) == 1
    assert f"{tmp_path / 'asr.onnx'} cannot be loaded" in capsys.readouterr().err
