"""JSON in the place of a form, as Open WebUI can send it: read like one, or refused in one sentence."""

import base64
import json
from typing import Any

import pytest

from handler import json_form
from hark.errors import InvalidBody, InvalidParameter
from tests.conftest import EVENTS, Post

PATH = "/v1/audio/transcriptions"
RECORDING = base64.b64encode((EVENTS / "sample.ogg").read_bytes()).decode()


def ask(post: Post, content_type: str = "application/json", **members: Any) -> tuple[int, Any]:
    body = {"model": "whisper-1", "input_audio": {"data": RECORDING, "format": "ogg"}, **members}
    status, _, reply = post(PATH, json.dumps(body).encode(), content_type)
    return status, reply


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_the_recording_is_transcribed(post: Post, content_type: str, readable: str) -> None:
    status, body = ask(post, content_type, language="en", temperature=0, prompt=None)
    assert status == 200
    assert body["text"].split()[:3] == readable.split()[:3]


def test_members_are_the_fields_of_a_form(post: Post) -> None:
    status, body = ask(post, response_format="verbose_json", timestamp_granularities=["word", "segment"], stream=False)
    assert (status, bool(body["words"]), bool(body["segments"])) == (200, True, True)
    strategy = {"type": "server_vad", "threshold": 0.5}
    assert ask(post, chunking_strategy=strategy, hotwords=["Ahab", "Queequeg"], vad_filter=True)[0] == 200
    assert len(ask(post, alternatives=2.0)[1]["alternatives"]) == 2
    refused: dict[str, Any] = {"language": "de", "colour": "red", "temperature": 3, "hotwords": [["a"]]}
    for name, value in refused.items():
        status, body = ask(post, **{name: value})
        assert (status, body["error"]["param"]) == (400, name)


def test_a_data_url_is_the_recording(post: Post) -> None:
    assert ask(post, input_audio={"data": f"data:audio/ogg;base64,{RECORDING}"})[0] == 200


@pytest.mark.parametrize("given", [None, "", RECORDING, [], {}, {"data": None}, {"data": 3}])
def test_a_recording_that_is_not_there_is_missed_by_name(post: Post, given: Any) -> None:
    status, body = ask(post, input_audio=given)
    assert (status, body["error"]["param"]) == (400, "input_audio")
    assert "send it in base64 as input_audio.data" in body["error"]["message"]


@pytest.mark.parametrize("data", ["!!!", "UklGRg", "UklG Rg==", "é", "data:audio/ogg;base64,!"])
def test_what_is_no_base64_is_refused(data: str) -> None:
    with pytest.raises(InvalidParameter, match="not base64"):
        json_form.read(json.dumps({"input_audio": {"data": data}}).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"RIFF", b"[" * 100_000, b"[]", b'"a"', b"3", b"null"])
def test_what_is_no_object_is_refused(post: Post, body: bytes) -> None:
    with pytest.raises(InvalidBody, match="JSON"):
        json_form.read(body)
    if body:
        assert post(PATH, body, "application/json")[0] == 400


def test_there_are_no_more_values_than_a_form_may_have() -> None:
    with pytest.raises(InvalidBody, match="more than 160 values"):
        json_form.read(json.dumps({"input_audio": {"data": ""}, "hotwords": ["a"] * 161}).encode())
