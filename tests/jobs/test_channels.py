"""A job may keep channels apart; its transcript is that of the synchronous route, in every format."""

from typing import Any

import numpy as np
import pytest

from local.event import http_event
from tests.conftest import encode, invoke

from .aws import Aws, upload
from .conftest import ask, create, work_until_empty

SEPARATE = {"channels": "separate", "channel_names": ["Ann", "Bob"]}
QUERY = "channels=separate&channel_names[]=Ann&channel_names[]=Bob"
FORMATS = ["response_format=text", "response_format=srt", "response_format=vtt", "response_format=json",
           "response_format=verbose_json&timestamp_granularities[]=word&timestamp_granularities[]=segment",
           "stream=true"]  # fmt: skip


def test_a_job_keeps_channels_apart_in_every_format(aws: Aws, speech: np.ndarray) -> None:
    samples = np.zeros((9 * 16_000, 2), np.float32)
    samples[: len(speech), 0] = speech
    samples[32_000 : 32_000 + len(speech), 1] = speech[::-1]
    data = encode(samples, 16_000, "FLAC")
    made = create(**SEPARATE)
    assert upload(made["upload"], data)[0] == 204
    work_until_empty(aws)

    def synchronous(query: str) -> Any:
        return invoke(http_event("POST", "/transcribe", {"content-type": "audio/flac"}, data, query))[2]

    status, _, body = ask("GET", f"/v1/jobs/{made['id']}")
    assert (status, body["status"]) == (200, "completed")
    assert body["transcript"] == synchronous(QUERY)
    assert {word["channel"] for word in body["transcript"]["words"]} == {1, 2}
    for format_ in FORMATS:
        assert ask("GET", f"/v1/jobs/{made['id']}", query=format_)[2] == synchronous(f"{QUERY}&{format_}")


@pytest.mark.parametrize("query", ["channels=separate", "channels=separate&channel_names[]=Ann"])
def test_channels_are_said_when_the_job_is_made(aws: Aws, query: str) -> None:
    made = create()
    status, _, body = ask("GET", f"/v1/jobs/{made['id']}", query=query)
    assert (status, body["error"]["code"]) == (400, "invalid_parameter")
    assert body["error"]["param"] == "channels"


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"channels": "left"}, "channels"),
        ({"channels": 2}, "channels"),
        ({"channel_names": "Ann"}, "channel_names"),
        ({"channel_names": ["Ann"]}, "channel_names"),
        ({"channels": "separate", "channel_names": [1]}, "channel_names"),
        ({"channels": "separate", "alternatives": 2}, "alternatives"),
    ],
)
def test_what_cannot_be_is_refused_before_the_upload(aws: Aws, asked: dict[str, Any], param: str) -> None:
    status, _, body = ask("POST", "/v1/jobs", asked)
    assert status in (400, 422)
    assert body["error"]["param"] == param
