"""Every event in events/ gets the reply written here; the container tests send the same events to the image."""

import json
from typing import Any

import pytest

from tests.conftest import EVENTS, invoke

# File name -> status, and the error's code where there is one.
EXPECTED: dict[str, tuple[int, str | None]] = {
    "transcribe": (200, None),
    "transcriptions": (200, None),
    "stream": (200, None),
    "subtitles": (200, None),
    "health": (200, None),
    "models": (200, None),
    "empty-body": (400, "invalid_body"),
    "not-audio": (400, "invalid_audio"),
    "truncated": (400, "invalid_audio"),
    "invalid-base64": (400, "invalid_body"),
    "form-without-file": (400, "invalid_parameter"),
    "wrong-content-type": (415, "unsupported_media_type"),
    "unknown-route": (404, "unknown_url"),
    "wrong-method": (405, "method_not_allowed"),
    "s3-object-created": (400, "not_an_http_event"),
}

# Those whose reply is no JSON.
CONTENT_TYPES = {"stream": "text/event-stream; charset=utf-8", "subtitles": "application/x-subrip; charset=utf-8"}


def load(name: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text())


def test_every_event_has_an_expected_reply() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_reply_to_event(name: str) -> None:
    status, headers, body = invoke(load(name))
    expected_status, code = EXPECTED[name]
    assert status == expected_status
    assert headers["Content-Type"] == CONTENT_TYPES.get(name, "application/json")
    if code:
        assert body["error"]["code"] == code


def test_no_event_holds_a_key() -> None:
    for path in EVENTS.glob("*.json"):
        assert "authorization" not in path.read_text().lower()
