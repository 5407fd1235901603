"""The built template under `sam local`: every event invoked, and the API called over HTTP."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local.event import http_event

from .conftest import EVENTS, ROOT, Built, event
from .replies import comparable, comparable_body, of_host
from .sam import Sam

_INVOKE_S = 120
_WAV = ROOT / "events/sample.wav"


@pytest.mark.parametrize("name", EVENTS)
def test_sam_local_invoke_replies_as_the_host_does(sam_cli: Sam, built: Built, name: str) -> None:
    result = sam_cli.run(
        *("local", "invoke", "ApiFunction", "--template", built.template, "--event", EVENTS[name], "--skip-pull-image"),
        timeout_s=_INVOKE_S,
    )
    # It exits with 0 whatever became of the call; what counts is the JSON it prints last.
    reply = json.loads(result.stdout.strip().splitlines()[-1])
    assert "statusCode" in reply, f"{reply}\n{result.stderr}"
    assert comparable(reply) == comparable(of_host(event(name)))


@pytest.fixture(scope="module")
def port(sam_cli: Sam, built: Built, state: Path) -> Iterator[int]:
    with sam_cli.api(_with_binary_bodies(built.template, state / "start-api.yaml")) as port:
        yield port


def _with_binary_bodies(built: Path, path: Path) -> Path:
    """Writes a template that differs in one thing: `sam local` reads a body that is not UTF-8 as binary.

    API Gateway does so by itself for HTTP APIs. `sam local` fails on such a body unless the API's definition lists
    binary media types, a setting that only REST APIs have, so the template to deploy cannot have it.
    """
    template = yaml.safe_load(built.read_text())
    template["Resources"]["Api"]["Properties"]["DefinitionBody"] = {
        "openapi": "3.0.1",
        "info": {"title": "local", "version": "1"},
        "paths": {},
        "x-amazon-apigateway-binary-media-types": ["*/*"],
    }
    path.write_text(yaml.safe_dump(template))
    return path


def _request(
    port: int, method: str, path: str, body: bytes = b"", content_type: str | None = None
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_INVOKE_S)
    try:
        connection.request(method, path, body or None, {"Content-Type": content_type} if content_type else {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def test_a_wav_posted_over_http_gets_the_transcript_of_the_host(port: int) -> None:
    audio = _WAV.read_bytes()
    status, headers, body = _request(port, "POST", "/transcribe", audio, "audio/wav")
    expected = of_host(http_event("POST", "/transcribe", {"content-type": "audio/wav"}, audio))
    assert status == 200, body
    assert headers["Content-Type"] == "application/json"
    assert comparable_body(body) == comparable_body(expected["body"])


def test_a_form_posted_over_http_gets_the_transcript_of_the_host(port: int) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="sample.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n" + _WAV.read_bytes() + b"\r\n--b--\r\n"
    )
    kind = "multipart/form-data; boundary=b"
    status, _, body = _request(port, "POST", "/v1/audio/transcriptions", form, kind)
    expected = of_host(http_event("POST", "/v1/audio/transcriptions", {"content-type": kind}, form))
    assert status == 200, body
    assert json.loads(body) == json.loads(expected["body"])


def test_health_answers_over_http(port: int) -> None:
    status, _, body = _request(port, "GET", "/health")
    assert (status, json.loads(body)["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/transcribe", 405), ("DELETE", "/health", 405), ("POST", "/nowhere", 404)]
)
def test_what_no_route_names_reaches_the_handler(port: int, method: str, path: str, status: int) -> None:
    expected = of_host(http_event(method, path, {}, b""))
    found, _, body = _request(port, method, path)
    assert (found, json.loads(body)) == (status, json.loads(expected["body"]))
