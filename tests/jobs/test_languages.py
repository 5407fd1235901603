"""Jobs of an endpoint with several models: each is done by the model that it was made for."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from handler import app, worker
from handler.models import Models
from handler.settings import Settings
from handler.worker import Worker
from hark import model_files
from hark.recognizer import Recognizer
from tests.conftest import EVENTS
from tests.jobs.aws import Aws, upload
from tests.jobs.conftest import ask, create, work_until_empty
from tests.other_models import relabelled

SPEECH = (EVENTS / "sample.wav").read_bytes()


@pytest.fixture
def several(
    aws: Aws, settings: Settings, recognizer: Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """An English and an Italian model, of both functions."""
    relabelled(tmp_path / "it.onnx", name="hark-it", language="it")
    listed = f"en={model_files.RECOGNISER},it={tmp_path / 'it.onnx'}"
    read = Settings.from_environment({**os.environ, "HARK_MODELS": listed})
    made = dataclasses.replace(settings, several=read.several)
    monkeypatch.setattr(app, "settings", made)
    monkeypatch.setattr(app, "models", Models(made, recognizer.spec))
    app._jobs.cache_clear()
    monkeypatch.setattr(worker, "_worker", lambda: Worker(made, recognizer, aws.storage))
    return made


def finished(aws: Aws, **fields: Any) -> dict[str, Any]:
    made = create(**fields)
    assert upload(made["upload"], SPEECH)[0] == 204
    work_until_empty(aws)
    done: dict[str, Any] = ask("GET", f"/v1/jobs/{made['id']}")[2]
    return done


def test_a_job_is_done_by_the_model_of_its_language_or_name(aws: Aws, several: Settings) -> None:
    for fields, name in (
        ({"language": "it-IT"}, "hark-it"), ({"model": "hark-it"}, "hark-it"), ({}, "hark-base"),
        ({"model": "whisper-1", "language": "en"}, "hark-base"),
    ):  # fmt: skip
        done = finished(aws, **fields)
        assert done["status"] == "completed"
        assert done["transcript"]["model"]["name"] == name
        assert done["transcript"]["language"] == name.replace("hark-base", "hark-en").removeprefix("hark-")
    verbose = ask("GET", f"/v1/jobs/{done['id']}", query="response_format=verbose_json")[2]
    assert verbose["language"] == "english"


def test_what_no_model_does_is_refused_when_the_job_is_made(aws: Aws, several: Settings) -> None:
    status, _, reply = ask("POST", "/v1/jobs", {"language": "fr"})
    assert (status, reply["error"]["param"]) == (400, "language")
    assert "know English and Italian only" in reply["error"]["message"]
    status, _, reply = ask("POST", "/v1/jobs", {"language": "it", "hotwords": ["Forlì"]})
    assert (status, reply["error"]["param"]) == (400, "hotwords")  # it has no language model


def test_a_job_whose_model_is_gone_fails_and_says_so(
    aws: Aws, several: Settings, settings: Settings, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(language="it")
    assert upload(made["upload"], SPEECH)[0] == 204
    monkeypatch.setattr(worker, "_worker", lambda: Worker(settings, recognizer, aws.storage))
    work_until_empty(aws)
    done = ask("GET", f"/v1/jobs/{made['id']}")[2]
    assert (done["status"], done["error"]["code"]) == ("failed", "model_unavailable")
    assert "'hark-it' is no longer deployed" in done["error"]["message"]
