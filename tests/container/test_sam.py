"""The built template under `sam local`: every event invoked, and the API called over HTTP."""

import json

import pytest

from local.event import http_event

from .api import Api
from .conftest import EVENTS, ROOT, Built, event
from .replies import comparable, comparable_body, of_host
from .sam import Sam

_WAV = ROOT / "events/sample.wav"


@pytest.mark.parametrize("name", EVENTS)
def test_sam_local_invoke_replies_as_the_host_does(sam_cli: Sam, built: Built, name: str) -> None:
    reply = sam_cli.invoke("ApiFunction", built.template, EVENTS[name])
    assert "statusCode" in reply, reply
    assert comparable(reply) == comparable(of_host(event(name)))


def test_a_wav_posted_over_http_gets_the_transcript_of_the_host(api: Api) -> None:
    audio = _WAV.read_bytes()
    status, headers, body = api.send("POST", "/transcribe", audio, "audio/wav", key=api.keys["alice"])
    expected = of_host(http_event("POST", "/transcribe", {"content-type": "audio/wav"}, audio))
    assert status == 200, body
    assert headers["Content-Type"] == "application/json"
    assert comparable_body(body) == comparable_body(expected["body"])


def test_a_form_posted_over_http_gets_the_transcript_of_the_host(api: Api) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="sample.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n" + _WAV.read_bytes() + b"\r\n--b--\r\n"
    )
    kind = "multipart/form-data; boundary=b"
    status, _, body = api.send("POST", "/v1/audio/transcriptions", form, kind, key=api.keys["bob"])
    expected = of_host(http_event("POST", "/v1/audio/transcriptions", {"content-type": kind}, form))
    assert status == 200, body
    assert json.loads(body) == json.loads(expected["body"])


def test_health_answers_over_http(api: Api) -> None:
    status, _, body = api.send("GET", "/health")
    assert (status, json.loads(body)["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/transcribe", 405), ("DELETE", "/health", 405), ("POST", "/nowhere", 404)]
)
def test_what_no_route_names_reaches_the_handler(api: Api, method: str, path: str, status: int) -> None:
    expected = of_host(http_event(method, path, {}, b""))
    found, _, body = api.send(method, path, key=api.keys["alice"])
    assert (found, json.loads(body)) == (status, json.loads(expected["body"]))
