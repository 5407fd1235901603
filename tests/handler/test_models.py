"""Several models side by side: which one answers whom, which are loaded, and what is said of them."""

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handler import app, models
from handler.models import Models
from handler.settings import Settings, SettingsError
from hark import model_files
from hark.errors import ConflictingParameters, InvalidParameter, ModelError, ModelUnavailable
from hark.model_choice import Choice, listed
from hark.model_metadata import spec_of
from local.event import http_event
from tests.conftest import EVENTS, ROOT, invoke, multipart
from tests.other_models import HEBREW, SMALL, relabelled
from training import language_model

SPEECH = (EVENTS / "sample.wav").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Italian and a Hebrew model, which hear English and write nonsense; the latter with a language model."""
    made = tmp_path_factory.mktemp("models")
    relabelled(made / "it.onnx", name="hark-it", language="it", version="7")
    relabelled(made / "he.onnx", name="hark-he", language="he", labels=HEBREW)
    letters = language_model.letters_of(HEBREW)
    language_model.make(
        ["הרכבת לחוף יוצאת"] * 5, made / "he.lm.bin", 20_000_000, 1, {}, language="he", letters=letters, spoken=str
    )
    return made


def listing(folder: Path) -> str:
    return f"en={model_files.RECOGNISER}, it={folder / 'it.onnx'},\nhe={folder / 'he.onnx'}"


@pytest.fixture
def several(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    """The endpoint with three models."""
    settings = Settings.from_environment({**os.environ, "HARK_MODELS": listing(folder)})
    made = Models(settings, app.recognizer.spec)
    monkeypatch.setattr(app, "settings", settings)
    monkeypatch.setattr(app, "models", made)
    return made


def transcribed(query: str) -> tuple[int, Any]:
    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, SPEECH, query)
    status, _, body = invoke(event)
    return status, body


@pytest.mark.parametrize(
    ("query", "name", "language"),
    [
        ("", "hark-base", "en"), ("language=en-GB", "hark-base", "en"), ("language=auto", "hark-base", "en"),
        ("language=it", "hark-it", "it"), ("language=it-CH", "hark-it", "it"), ("language=Italian", "hark-it", "it"),
        ("language=heb", "hark-he", "he"), ("model=hark-it", "hark-it", "it"), ("model=whisper-1", "hark-base", "en"),
        ("model=whisper-1&language=it", "hark-it", "it"), ("model=hark-he&language=auto", "hark-he", "he"),
        ("languages[]=fr&languages[]=it", "hark-it", "it"), ("model=it", "hark-base", "en"),
    ],
)  # fmt: skip
def test_language_or_model_choose_who_answers(several: Models, query: str, name: str, language: str) -> None:
    status, body = transcribed(f"{query}&text_style=spoken".lstrip("&"))
    assert status == 200
    assert (body["model"]["name"], body["language"]) == (name, language)


def test_letters_and_names_of_the_language_reach_the_reply(several: Models) -> None:
    status, body = transcribed("language=he&text_style=spoken")
    assert status == 200
    assert body["text"].strip()
    assert set(body["text"]) <= set("".join(HEBREW))
    form, content_type = multipart({"model": "whisper-1", "language": "he", "response_format": "verbose_json"}, SPEECH)
    _, _, verbose = invoke(http_event("POST", "/v1/audio/transcriptions", {"content-type": content_type}, form))
    assert verbose["language"] == "hebrew"


def test_readable_text_of_other_languages_has_sentences_by_pauses(several: Models) -> None:
    _, spoken = transcribed("language=it&text_style=spoken")
    for query in ("language=it", "language=it&text_style=written"):
        status, written = transcribed(query)
        assert status == 200
        assert written["text"].rstrip(".").replace(". ", " ").lower() == spoken["text"]
        assert written["text"][0].isupper()
        assert written["text"].endswith(".")
    _, hebrew = transcribed("language=he")
    assert hebrew["words"][0]["written"] == hebrew["words"][0]["word"]


@pytest.mark.parametrize(
    ("query", "status", "param", "told"),
    [
        ("language=fr", 400, "language", "know English, Italian and Hebrew only; set language to 'en', 'it', 'he' or"),
        ("languages[]=fr&languages[]=de", 400, "languages", "set languages to"),
        ("model=hark-it&language=en", 422, "language", "'hark-it' knows Italian only"),
        ("language=he&hotwords=Ahab", 400, "hotwords", "'Ahab', which cannot be spelt with Hebrew letters"),
        ("language=it&hotwords=Ahab", 400, "hotwords", "no language model here"),
        ("language=he&decoder=joint", 400, "decoder", "no attention decoder here"),
    ],
)
def test_what_no_model_does_is_refused_by_name(several: Models, query: str, status: int, param: str, told: str) -> None:
    got, body = transcribed(query)
    assert (got, body["error"]["param"]) == (status, param)
    assert told in body["error"]["message"]


def test_hot_words_of_another_alphabet_are_listened_for(several: Models) -> None:
    status, body = transcribed("language=he&hotwords=הרכבת&alternatives=2")
    assert status == 200
    assert body["alternatives"]


def test_all_are_listed_and_described(several: Models, folder: Path) -> None:
    _, _, body = invoke(http_event("GET", "/v1/models", {}, b""))
    assert [(each["id"], each["language"]) for each in body["data"]] == [
        ("hark-base", "en"), ("hark-it", "it"), ("hark-he", "he")
    ]  # fmt: skip
    assert invoke(http_event("GET", "/v1/models/hark-he", {}, b""))[2]["language"] == "he"
    status, _, refused = invoke(http_event("GET", "/v1/models/hark-fr", {}, b""))
    assert status == 404
    assert "'hark-it', 'hark-he'" in refused["error"]["message"]
    _, _, health = invoke(http_event("GET", "/health", {}, b""))
    assert health["model"]["name"] == "hark-base"
    assert [each["language"] for each in health["models"]] == ["en", "it", "he"]
    assert [each["loaded"] for each in health["models"]] == [True, False, False]
    digest = hashlib.sha256((folder / "it.onnx").read_bytes()).hexdigest()
    assert health["models"][1]["digest"] == f"sha256:{digest}"
    assert health["models"][1]["version"] == "7"
    transcribed("language=it")
    _, _, health = invoke(http_event("GET", "/health", {}, b""))
    assert [each["loaded"] for each in health["models"]] == [True, True, False]


def test_the_contract_that_is_served_has_the_languages_of_the_models(several: Models) -> None:
    _, _, served = invoke(http_event("GET", "/openapi.json", {}, b""))
    schema = served["components"]["schemas"]["Language"]
    assert schema["examples"] == ["en", "it", "he"]
    assert all(re.fullmatch(schema["pattern"], each) for each in ("en", "ita", "Hebrew", "auto"))
    assert not re.fullmatch(schema["pattern"], "fr")
    status, _, page = invoke(http_event("GET", "/docs", {}, b""))
    assert status == 200
    assert b"createTranscription" in page


def test_they_are_loaded_once_and_the_one_not_asked_for_the_longest_goes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.from_environment({**os.environ, "HARK_MODELS": listing(folder)})
    read: list[str] = []
    load = models.loaded

    def watched(settings: Settings, candidate: Any, recognizer: Any = None) -> Any:
        read.append(candidate.spec.name)
        return load(settings, candidate, recognizer)

    monkeypatch.setattr(models, "loaded", watched)
    roomy = Models(settings, app.recognizer.spec)
    for name in ("hark-it", "hark-it", "hark-he", "hark-it"):
        assert roomy.load(name).spec.name == name
    assert read == ["hark-it", "hark-he"]
    read.clear()
    base, it, he = (roomy._memory(each) for each in roomy.choice.candidates)
    tight = Models(dataclasses.replace(settings, models_mb=(base + max(it, he) + 1) / 1e6), app.recognizer.spec)
    for name in ("hark-it", "hark-he", "hark-he", "hark-it"):
        assert tight.load(name).spec.name == name
    assert read == ["hark-it", "hark-he", "hark-it"]
    assert not tight.is_loaded(tight.choice.candidates[2])


def test_a_bound_that_no_model_fits_into_is_refused_at_the_start(folder: Path) -> None:
    settings = Settings.from_environment({**os.environ, "HARK_MODELS": listing(folder), "HARK_MODELS_MB": "50"})
    with pytest.raises(SettingsError, match=r"HARK_MODELS_MB allows 50 MB, and .*it\.onnx beside"):
        Models(settings, app.recognizer.spec)


def test_on_lambda_the_bound_goes_by_the_memory_of_the_function() -> None:
    assert Settings.from_environment({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2000"}).models_mb == 800
    assert Settings.from_environment({}).models_mb == 1000


def test_a_model_that_is_gone_or_cannot_be_read_is_said_to_be(
    several: Models, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelUnavailable, match="'hark-fr' is no longer deployed"):
        several.load("hark-fr")

    def fail(*_: Any) -> Any:
        raise ModelError("damaged")

    monkeypatch.setattr(models, "loaded", fail)
    status, body = transcribed("language=it")
    assert (status, body["error"]["code"]) == (404, "model_unavailable")
    assert "'hark-it' cannot be used" in body["error"]["message"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("en=a.onnx", [("en", "a.onnx")]), ("a.onnx,IT = b/c.onnx ,", [("", "a.onnx"), ("it", "b/c.onnx")]),
     ("pt_br=a.onnx\nItalian=b.onnx", [("pt-BR", "a.onnx"), ("it", "b.onnx")])],
)  # fmt: skip
def test_a_list_of_models_has_tags_and_files(text: str, found: list[tuple[str, str]]) -> None:
    assert listed(text) == [(tag, Path(path)) for tag, path in found]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (",", "names no model"),
        ("en=", "has 'en='"),
        ("=a.onnx", "has '=a.onnx'"),
        ("klingonish=a.onnx", "is no language"),
    ],
)
def test_a_list_that_cannot_be_read_says_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=rf"HARK_MODELS .*{told}"):
        Settings.from_environment({"HARK_MODELS": text})


def test_a_list_that_contradicts_its_files_says_so(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"it\.onnx is listed for French \(fr\), and writes Italian; list it as it="):
        Choice.of_list([("fr", folder / "it.onnx")])
    relabelled(tmp_path / "twin.onnx", name="hark-it")
    with pytest.raises(ModelError, match="are called 'hark-it'"):
        Choice.of_list([("it", folder / "it.onnx"), ("en", tmp_path / "twin.onnx")])
    with pytest.raises(ModelError, match="no model file"):
        Choice.of_list([("it", tmp_path / "none.onnx")])


def test_of_two_models_of_a_language_the_first_answers_and_a_name_chooses() -> None:
    choice = Choice.of_list([("en", model_files.RECOGNISER), ("en", SMALL)])
    assert choice.model("", ["en"]).path == model_files.RECOGNISER
    assert choice.model("hark-small", ["en-US"]).path == SMALL
    with pytest.raises(InvalidParameter, match="know English only; set language to 'en' or"):
        choice.model("", ["it"])
    with pytest.raises(ConflictingParameters):
        choice.model("hark-small", ["it"])


def test_a_spec_is_read_without_loading_the_model(tmp_path: Path) -> None:
    assert spec_of(model_files.RECOGNISER) == app.recognizer.spec
    for name, content in (("empty", b""), ("text", b"no model"), ("short", SMALL.read_bytes()[:5000])):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError):
            spec_of(path)
    with pytest.raises(ModelError, match="for keywords, not for transcription"):
        spec_of(model_files.KEYWORDS)


def test_a_language_model_of_another_language_is_refused_at_the_start(folder: Path) -> None:
    environment = {**os.environ, "HARK_MODEL": str(model_files.RECOGNISER), "HARK_LM": str(folder / "he.lm.bin")}
    code = "import handler.app"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode
    assert "is for Hebrew, and hark-base writes English" in done.stderr


def test_an_endpoint_of_one_other_language_answers_in_it(folder: Path) -> None:
    """Started as an operator does, with one variable."""
    event = json.dumps(http_event("POST", "/transcribe", {"content-type": "audio/wav"}, SPEECH, ""))
    french = json.dumps(http_event("POST", "/transcribe", {"content-type": "audio/wav"}, SPEECH, "language=en"))
    code = (
        "import json, sys\n"
        "from local import environment; environment.prepare()\n"
        "from handler.app import lambda_handler\n"
        "from local.event import context_for\n"
        "for line in sys.stdin:\n"
        "    event = json.loads(line)\n"
        "    print(lambda_handler(event, context_for(event))['body'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "HARK_MODELS": f"he={folder / 'he.onnx'}"},
        input=f"{event}\n{french}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    answer, refusal = map(json.loads, done.stdout.splitlines())
    assert answer["language"] == "he"
    assert refusal["error"]["message"] == "The model knows Hebrew only; set language to 'he' or leave it out."
