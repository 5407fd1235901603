"""A model with the released one's encoder is decoded as that is; another one is left alone."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from export import companions
from hark import model_files
from hark.decoding import Decoders, Tuning
from hark.recognizer import Recognizer
from hark.spec import ModelSpec

OTHER = "0123456789ab"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The released recogniser as one that somebody has exported."""
    return Path(shutil.copy(model_files.RECOGNISER, tmp_path / "mine.onnx"))


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    """Of the released recogniser."""
    return Recognizer(model_files.RECOGNISER).spec


def test_a_fine_tuned_model_is_decoded_jointly_with_the_released_weights(
    mine: Path, spec: ModelSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Decoders(mine, model_files.LANGUAGE_MODEL).default == "beam"
    companions.add(mine, spec)
    decoders = Decoders(mine, model_files.LANGUAGE_MODEL)
    decoders.load(spec)
    assert decoders.default == "joint"
    released, own = Tuning.beside(model_files.RECOGNISER), Tuning.beside(mine)
    assert own == dataclasses.replace(released, measured={})  # whose error rates are not this model's
    printed = capsys.readouterr().out
    assert f"wrote {mine.with_suffix('.attention.onnx')}, a copy of the released one" in printed
    assert sorted(path.name for path in mine.parent.iterdir()) == ["mine.attention.onnx", "mine.json", "mine.onnx"]


def test_what_is_there_stays(mine: Path, spec: ModelSpec, capsys: pytest.CaptureFixture[str]) -> None:
    Tuning(measured={"wer": 0.5}).write(mine)
    companions.add(mine, spec)
    assert Tuning.beside(mine).measured == {"wer": 0.5}
    capsys.readouterr()
    companions.add(mine, spec)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("encoder", ["", OTHER])
def test_another_encoders_model_gets_nothing(mine: Path, spec: ModelSpec, encoder: str) -> None:
    companions.add(mine, dataclasses.replace(spec, encoder=encoder))
    companions.add(mine, dataclasses.replace(spec, language="it"))
    assert list(mine.parent.iterdir()) == [mine]


def test_a_decoder_that_does_not_fit_any_more_is_told(
    mine: Path, spec: ModelSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    companions.add(mine, spec)
    capsys.readouterr()
    companions.add(mine, dataclasses.replace(spec, encoder=OTHER))
    printed = capsys.readouterr().out
    assert printed.startswith(f"note: {mine.with_suffix('.attention.onnx')} reads the features of another encoder")


def test_the_released_model_gets_no_copy_of_itself(spec: ModelSpec, capsys: pytest.CaptureFixture[str]) -> None:
    companions.add(model_files.RECOGNISER, spec)
    assert capsys.readouterr().out == ""
