"""A model with the released one's encoder is decoded as that is; another one is left alone."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from export import companions
from hark import model_files
from hark.beam import Weights
from hark.decoding import Decoders, Decoding, Tuning
from hark.joint import Joint
from hark.recognizer import Recognizer
from hark.spec import ModelSpec
from training import served
from training.config import Config, CorpusConfig
from training.manifest import Utterance, write_manifest
from training.served import learnt_words

OTHER = "0123456789ab"
# Of a run whose recordings are elsewhere.
CONFIG = Config()


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
    companions.add(mine, spec, CONFIG)
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
    companions.add(mine, spec, CONFIG)
    assert Tuning.beside(mine).measured == {"wer": 0.5}
    capsys.readouterr()
    companions.add(mine, spec, CONFIG)
    assert capsys.readouterr().out == ""


@pytest.fixture
def taught(tmp_path: Path) -> Config:
    """Of a run that has learnt a few names."""
    manifest = tmp_path / "own" / "manifest.jsonl"
    manifest.parent.mkdir()
    texts = ("Order the Velora kettle.", "Is the velora in stock?", "Two zanix lamps, please.")
    write_manifest(manifest, [Utterance(manifest, 1.0, text) for text in texts])
    config = Config()
    config.data.train = [CorpusConfig(str(manifest)), CorpusConfig(str(tmp_path / "gone.jsonl"))]
    return config


def test_words_that_the_language_model_lacks_are_listened_for(mine: Path, spec: ModelSpec, taught: Config) -> None:
    companions.add(mine, spec, taught)
    assert Tuning.beside(mine).words == ("velora", "zanix")
    decoders = Decoders(mine, model_files.LANGUAGE_MODEL)
    hot = decoders.decoder(Decoding("joint", ("zanix", "ahab")), spec)
    assert isinstance(hot, Joint)
    assert hot._hot == {"velora", "zanix", "ahab"}
    # What was learnt since, in weights that somebody has fitted meanwhile.
    fitted = dataclasses.replace(Tuning.beside(mine), weights=Weights(alpha=0.7), words=())
    fitted.write(mine)
    companions.add(mine, spec, taught)
    assert Tuning.beside(mine) == dataclasses.replace(fitted, words=("velora", "zanix"))


def test_words_of_ones_own_come_before_those_of_other_speech(
    spec: ModelSpec, taught: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.jsonl"
    texts = ["gregson said nothing of it to the others that day"] * 9 + ["and floda went away again"] * 2
    write_manifest(other, [Utterance(other, 1.0, text) for text in texts])
    taught.data.train.insert(0, CorpusConfig(str(other)))
    assert learnt_words(taught, spec, model_files.LANGUAGE_MODEL) == ("velora", "gregson", "zanix", "floda")
    monkeypatch.setattr(served, "MOST_LEARNT", 2)
    assert learnt_words(taught, spec, model_files.LANGUAGE_MODEL) == ("velora", "gregson")


def test_without_a_language_model_no_words_are_new(spec: ModelSpec, taught: Config, tmp_path: Path) -> None:
    assert learnt_words(taught, spec, tmp_path / "none.bin") == ()


@pytest.mark.parametrize("encoder", ["", OTHER])
def test_another_encoders_model_gets_nothing(mine: Path, spec: ModelSpec, encoder: str) -> None:
    companions.add(mine, dataclasses.replace(spec, encoder=encoder), CONFIG)
    companions.add(mine, dataclasses.replace(spec, language="it"), CONFIG)
    assert list(mine.parent.iterdir()) == [mine]


def test_a_decoder_that_does_not_fit_any_more_is_told(
    mine: Path, spec: ModelSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    companions.add(mine, spec, CONFIG)
    capsys.readouterr()
    companions.add(mine, dataclasses.replace(spec, encoder=OTHER), CONFIG)
    printed = capsys.readouterr().out
    assert printed.startswith(f"note: {mine.with_suffix('.attention.onnx')} is left as it is. The attention decoder ")
    assert f"reads the features of another encoder than {mine} has; train one" in printed


def test_the_released_model_gets_no_copy_of_itself(spec: ModelSpec, capsys: pytest.CaptureFixture[str]) -> None:
    companions.add(model_files.RECOGNISER, spec, CONFIG)
    assert capsys.readouterr().out == ""
