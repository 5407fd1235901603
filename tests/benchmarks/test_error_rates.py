"""Error rates: one file of results, and what an endpoint says about its own."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import error_rates
from hark.decoding import Decoders, Tuning, Weights
from hark.recognizer import Recognizer
from hark.spec import ModelSpec
from tests.conftest import DATA, ROOT, make_spec

MODELS = ROOT / "models"
RESULTS = json.loads((MODELS / "results.json").read_text())["models"]


@pytest.mark.parametrize("name", ["asr", "small"])
def test_the_figures_beside_a_released_model_are_those_of_the_results(name: str) -> None:
    spec, figures = Recognizer(MODELS / f"{name}.onnx").spec, RESULTS[name]
    assert figures["model"] == f"{spec.name} {spec.version}"
    for decoder in ("beam", "greedy"):
        rates = Tuning.beside(MODELS / f"{name}.onnx").error_rates(spec, decoder)
        assert set(rates) == {"test", "test_mic"}
        for name_of_set, of_set in rates.items():
            expected = figures["sets"][name_of_set][decoder]
            assert of_set == {**{each: expected[each] for each in ("wer", "cer", "words")}, "decoder": decoder}


def test_an_endpoint_without_a_language_model_says_what_greedy_decoding_gets(tmp_path: Path) -> None:
    spec = Recognizer(MODELS / "asr.onnx").spec
    for language_model, default, decoder in (
        (MODELS / "lm.bin", "beam", "beam"),
        (MODELS / "lm.bin", "greedy", "greedy"),
        (tmp_path / "none.bin", "beam", "greedy"),
    ):
        rates = Decoders(MODELS / "asr.onnx", language_model, default).error_rates(spec)
        assert {each["decoder"] for each in rates.values()} == {decoder}


def test_figures_of_another_model_are_not_told(tmp_path: Path) -> None:
    spec: ModelSpec = make_spec()
    shutil.copy(MODELS / "asr.json", tmp_path / "mine.json")
    assert Tuning.beside(tmp_path / "mine.onnx").error_rates(spec, "beam") == {}
    assert Tuning.beside(tmp_path / "other.onnx").error_rates(spec, "beam") == {}


def test_a_measurement_goes_to_the_results_the_document_and_beside_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, model, card = tmp_path / "test_dozen.jsonl", tmp_path / "mine.onnx", tmp_path / "card.md"
    first = (DATA / "manifest.jsonl").read_text().splitlines()[0]
    line = {**json.loads(first), "audio_filepath": str(DATA / json.loads(first)["audio_filepath"])}
    held_out = tmp_path / "test_voices" / "manifest.jsonl"
    held_out.parent.mkdir()
    for path in (manifest, tmp_path / "dev.jsonl", held_out):
        path.write_text(json.dumps(line))
    shutil.copy(MODELS / "asr.onnx", model)
    spec = Recognizer(model).spec
    tuned = {"model": "another 1", "wer": 0.5}
    Tuning(Weights(alpha=0.3), measured=tuned).write(model)
    card.write_text("<!-- begin: python -m benchmarks.error_rates -->\n<!-- end -->\n")
    arguments = ["--model", str(model), "--results", str(tmp_path / "results.json"), "--output", str(card)]
    assert error_rates.main([str(manifest), str(tmp_path / "dev.jsonl"), str(held_out), *arguments]) == 0
    results = json.loads((tmp_path / "results.json").read_text())["models"]["mine"]
    beside = Tuning.beside(model)
    assert beside.weights.alpha == 0.3
    assert set(beside.measured) == {"model", "sets"}  # what was measured of the other model is gone
    rates = beside.error_rates(spec, "greedy")
    assert set(rates) == {"test_dozen", "test_voices"}  # and no dev set, which chose the model
    assert rates["test_dozen"]["wer"] == results["sets"]["test_dozen"]["greedy"]["wer"]
    assert "| test_dozen | " in card.read_text()
    # The same again from the results alone.
    written = [path.read_text() for path in (model.with_suffix(".json"), card)]
    Tuning(Weights(alpha=0.3), measured=tuned).write(model)
    card.write_text("<!-- begin: python -m benchmarks.error_rates -->\n<!-- end -->\n")
    assert error_rates.main(arguments) == 0
    assert [path.read_text() for path in (model.with_suffix(".json"), card)] == written
