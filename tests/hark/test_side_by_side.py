"""Models of several languages in the library and on the command line, and what lies beside them."""

import json
import shutil
from pathlib import Path

import pytest

import hark
from hark import cli, model_files
from hark.errors import InvalidParameter, ModelError
from tests.conftest import EVENTS
from tests.other_models import HEBREW, SMALL, relabelled
from training import language_model

SAMPLE = EVENTS / "sample.wav"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Italian model, and a Hebrew one with its language model."""
    made = tmp_path_factory.mktemp("models")
    relabelled(made / "it.onnx", name="hark-it", language="it")
    relabelled(made / "he.onnx", name="hark-he", language="he", labels=HEBREW)
    letters = language_model.letters_of(HEBREW)
    language_model.make(
        ["הרכבת לחוף יוצאת"] * 5, made / "he.lm.bin", 20_000_000, 1, {}, language="he", letters=letters, spoken=str
    )
    return made


def test_a_model_says_its_language_and_finds_what_lies_beside_it(folder: Path) -> None:
    model = hark.load(folder / "he.onnx")
    assert model.language == "he"
    found = model.transcribe(SAMPLE, decoder="beam", hotwords=["הרכבת"], alternatives=2)
    assert found.alternatives
    assert set(found.spoken) <= set("".join(HEBREW))
    with pytest.raises(InvalidParameter, match="with Hebrew letters"):
        model.transcribe(SAMPLE, hotwords="Ahab")
    italian = hark.load(folder / "it.onnx")
    assert italian.transcribe(SAMPLE).text[0].isupper()
    with pytest.raises(InvalidParameter, match="no language model"):
        italian.transcribe(SAMPLE, decoder="beam")
    assert hark.load().language == "en"


def test_what_is_for_another_language_is_refused(folder: Path) -> None:
    model = hark.load(folder / "it.onnx", language_model=folder / "he.lm.bin")
    with pytest.raises(ModelError, match="is for Hebrew, and hark-it writes Italian"):
        model.transcribe(SAMPLE)
    model = hark.load(folder / "it.onnx", punctuation=model_files.PUNCTUATION)
    with pytest.raises(ModelError, match="is for English, and the recogniser writes Italian"):
        model.transcribe(SAMPLE)


def test_only_english_has_what_comes_with_hark(tmp_path: Path) -> None:
    here = tmp_path / "x.onnx"
    common = (model_files.LANGUAGE_MODEL, model_files.PUNCTUATION)
    own = (tmp_path / "x.lm.bin", tmp_path / "x.punctuation.onnx")
    assert model_files.beside(here, "en-GB") == common
    assert model_files.beside(here, "it") == own
    assert model_files.beside(here, "it", *common) == common
    assert model_files.beside(here, "it", Path("a"), Path("b")) == (Path("a"), Path("b"))
    own[0].touch()
    assert model_files.beside(here, "en") == (own[0], common[1])


def test_on_the_command_line_the_language_chooses_and_is_refused_by_name(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main([str(SAMPLE), "--language", "it"]) == 2
    assert "The model knows English only; set language to 'en'" in capsys.readouterr().err
    monkeypatch.setenv("HARK_MODELS", f"en={SMALL},he={folder / 'he.onnx'}")
    assert cli.main([str(SAMPLE), "--language", "he", "--format", "json", "--text-style", "spoken"]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert (reply["language"], reply["model"]["name"]) == ("he", "hark-he")
    assert cli.main([str(SAMPLE), "--format", "verbose_json"]) == 0
    assert json.loads(capsys.readouterr().out)["language"] == "english"
    assert cli.main([str(SAMPLE), "--language", "fr"]) == 2
    assert "know English and Hebrew only" in capsys.readouterr().err
    assert cli.main([str(SAMPLE), "--model", str(folder / "it.onnx"), "--language", "en"]) == 2
    monkeypatch.setenv("HARK_MODELS", "en=")
    assert cli.main([str(SAMPLE)]) == 1
    assert "HARK_MODELS has 'en='" in capsys.readouterr().err


def test_a_copy_of_a_model_is_the_model(folder: Path, tmp_path: Path) -> None:
    """Without what lies beside it."""
    shutil.copy(folder / "he.onnx", tmp_path)
    with pytest.raises(InvalidParameter, match="no language model"):
        hark.load(tmp_path / "he.onnx").transcribe(SAMPLE, decoder="beam")
