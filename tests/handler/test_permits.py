"""What a key may do: until when, on which paths, and for how many minutes of audio a day; DynamoDB is moto's."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from handler import app, keys, permit, routes, usage
from handler.keys import StoredKey
from handler.permit import Permit
from local.event import context_for, http_event
from tests import moto_server
from tests.conftest import EVENTS

NAMES = ("name", "day")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server.serving() as address:
        yield address


@pytest.fixture
def table(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is kept of the use of keys."""
    moto_server.lead_to(endpoint, monkeypatch)
    name = keys.generate()
    client: Any = boto3.client("dynamodb")
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in NAMES],
        KeySchema=[
            {"AttributeName": each, "KeyType": kind} for each, kind in zip(NAMES, ("HASH", "RANGE"), strict=True)
        ],
    )
    monkeypatch.setenv("HARK_USAGE_TABLE", name)
    return lambda: client.scan(TableName=name)["Items"]


def send(method: str, path: str, body: bytes = b"", **limits: Any) -> tuple[int, dict[str, str], Any]:
    """Sends a request with a key of these limits, as API Gateway hands it on."""
    event = http_event(method, path, {"content-type": "audio/wav"} if body else {}, body)
    key = StoredKey("alice", "0" * 64, **limits)
    event["requestContext"]["authorizer"] = {"lambda": permit.context(key)}
    reply = app.lambda_handler(event, context_for(event))
    return reply["statusCode"], reply["headers"], json.loads(reply["body"] or "null")


def sample() -> bytes:
    return (EVENTS / "sample.wav").read_bytes()


def test_a_key_without_limits_does_everything_and_asks_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARK_USAGE_TABLE", "nowhere")
    monkeypatch.setattr(usage, "_update", None)
    assert send("POST", "/transcribe", sample())[0] == 200
    assert send("GET", "/v1/models")[0] == 200


@pytest.mark.parametrize(
    ("allowed", "path", "is_let_in"),
    [
        (("/v1/audio/*",), "/v1/audio/transcriptions", True),
        (("/v1/audio/*",), "/v1/models", False),
        (("/v1/models",), "/v1/models", True),
        (("/v1/models",), "/v1/models/hark-base", False),
        (("/transcribe", "/v1/models*"), "/v1/models/none", True),
        (("/v1/jobs*",), "/transcribe", False),
        (("/v1/audio/*",), "/health", True),  # which needs no key
    ],
)
def test_a_key_is_for_its_paths_alone(allowed: tuple[str, ...], path: str, is_let_in: bool) -> None:
    method = "GET" if "models" in path or path == "/health" else "POST"
    status, _, reply = send(method, path, b"" if method == "GET" else b"x", routes=allowed)
    assert (status != 403) is is_let_in
    if not is_let_in:
        assert reply["error"]["code"] == "route_not_allowed"
        assert allowed[0] in reply["error"]["message"]


def test_a_key_that_expired_while_the_gateway_kept_its_answer_is_refused() -> None:
    status, _, reply = send("GET", "/v1/models", expires=int(time.time()) - 1)
    assert (status, reply["error"]["code"]) == (401, "invalid_api_key")
    assert send("GET", "/v1/models", expires=int(time.time()) + 1000)[0] == 200


def test_minutes_are_counted_and_then_refused_until_the_next_day(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for turn in range(2):
        assert send("POST", "/transcribe", sample(), minutes_per_day=0.15)[0] == 200, turn
    status, headers, reply = send("POST", "/transcribe", sample(), minutes_per_day=0.15)
    assert (status, reply["error"]["code"]) == (429, "insufficient_quota")
    assert 0 < int(headers["Retry-After"]) <= 86_400
    assert headers["x-should-retry"] == "false"  # OpenAI's clients would try again
    assert send("GET", "/v1/models", minutes_per_day=0.15)[0] == 200  # which costs nothing
    (item,) = table()
    assert item["audio_ms"] == {"N": "12800"}
    assert item["name"] == {"S": "alice"}
    real = time.time()
    monkeypatch.setattr(usage.time, "time", lambda: real + 86_400)
    assert usage.today_s("alice") == 0


def test_what_is_refused_for_itself_is_not_counted(table: Any) -> None:
    assert send("POST", "/transcribe", b"no audio", minutes_per_day=1)[0] == 400
    assert table() == []


def test_a_key_with_minutes_makes_no_jobs_which_nobody_would_count() -> None:
    status, _, reply = send("POST", "/v1/jobs", b"{}", minutes_per_day=1)
    assert (status, reply["error"]["code"]) == (403, "route_not_allowed")


def test_minutes_that_cannot_be_read_are_not_given(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARK_USAGE_TABLE", "gone")
    status, _, reply = send("POST", "/transcribe", sample(), minutes_per_day=1)
    assert (status, reply["error"]["code"]) == (503, "allowance_unknown")


@pytest.mark.parametrize(
    "authorizer",
    [None, {}, {"lambda": None}, {"lambda": {}}, {"lambda": {"keyName": ""}}, {"jwt": {"claims": {}}}, "x"],
)
def test_who_comes_without_a_key_of_ours_has_no_limits_of_ours(authorizer: Any) -> None:
    assert Permit.of({"requestContext": {"authorizer": authorizer}}) == Permit()


def test_every_guarded_path_can_be_named() -> None:
    assert all(keys.is_route(route.path) for route in routes.ALL if route.needs_key)
