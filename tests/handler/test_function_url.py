"""A Function URL whose replies go out in parts, end to end over Lambda's runtime API, with keys in Secrets Manager."""

import importlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest

from handler import authorizer, keys
from handler.keys import Keyring, StoredKey
from handler.router import Request
from handler.runtime import Context
from hark.errors import InvalidKey
from hark.transcript import Segment, Word
from local.event import http_event
from tests import moto_server
from tests.conftest import EVENTS, ROOT, encode, multipart
from tests.handler import runtime_api
from tests.handler.runtime_api import Outcome, RuntimeApi
from tests.hark.test_parts import RATE, talk
from tests.patience import PATIENCE_S

KEY, TABLE = "hark_" + "k" * 43, "usage"
LIMITED: dict[str, tuple[str, dict[str, Any]]] = {
    "guest": ("hark_" + "g" * 43, {"routes": ("/v1/models",)}),
    "late": ("hark_" + "l" * 43, {"expires": 1}),
    "small": ("hark_" + "s" * 43, {"minutes_per_day": 2.0}),
    "leaving": ("hark_" + "v" * 43, {}),
    "bounded": ("hark_" + "b" * 43, {"minutes_per_day": 1000.0}),
}
FUNCTION = "handler.function_url.lambda_handler"
# The quickest there is, which leaves time for recordings of an hour.
QUICK = {"HARK_MODEL": str(ROOT / "models" / "small.onnx"), "HARK_DECODER": "greedy", "HARK_MAX_AUDIO_S": "14400"}
LOGGED = {"POWERTOOLS_LOG_LEVEL": "INFO", "POWERTOOLS_METRICS_DISABLED": "false"}
MINUTES = 8
SEGMENTS = 2000  # of tests.handler.large_replies


SEGMENT = Segment((Word("one", 0.0, 1.0, 0.9),), (4,), (-0.1,))


def keyring() -> Keyring:
    limited = (StoredKey(name, keys.digest(key), **limits) for name, (key, limits) in LIMITED.items())
    return Keyring((StoredKey("alice", keys.digest(KEY)), *limited))


@pytest.fixture(scope="module")
def monkeymodule() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def secret(monkeymodule: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes the secret and the table; puts a text into the secret."""
    with moto_server.serving() as endpoint:
        moto_server.lead_to(endpoint, monkeymodule)
        client = boto3.client("secretsmanager")
        arn = client.create_secret(Name=keys.generate(), SecretString=keyring().to_json())["ARN"]
        monkeymodule.setenv("HARK_KEYS_SECRET_ARN", arn)
        monkeymodule.setenv("HARK_USAGE_TABLE", TABLE)
        names = {"name": "HASH", "day": "RANGE"}
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names.items()],
        )
        yield lambda text: client.put_secret_value(SecretId=arn, SecretString=text)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("function-url") / "log"


@pytest.fixture(scope="module")
def api(secret: Any, log: Path) -> Iterator[RuntimeApi]:
    with runtime_api.running(FUNCTION, log, HARK_AUTH_MODE="key", **QUICK, **LOGGED) as running:
        yield running


@pytest.fixture(scope="module")
def long() -> bytes:
    """Minutes of speech that fit into a request."""
    return encode(talk(MINUTES * 60), RATE, "OGG", "OPUS")


def post(
    api: RuntimeApi, audio: bytes, key: str = KEY, leave_after: int | None = None, timeout_s: float = 900, **query: str
) -> Outcome:
    headers = {"content-type": "audio/ogg", **({"authorization": f"Bearer {key}"} if key else {})}
    event = http_event("POST", "/transcribe", headers, audio, urlencode(query))
    return api.invoke(event, leave_after, timeout_s)


def get(api: RuntimeApi, path: str, key: str = "", query: str = "", method: str = "GET") -> Outcome:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return api.invoke(http_event(method, path, headers, b"", query))


def lines(log: Path, message: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in found if line.get("message") == message]


def deltas(events: list[tuple[float, dict[str, Any]]]) -> str:
    return "".join(event["delta"] for _, event in events if event["type"] == "transcript.text.delta")


def test_segments_go_out_while_the_recording_is_being_read(api: RuntimeApi, long: bytes) -> None:
    outcome = post(api, long, stream="true")
    assert (outcome.status, outcome.trailers) == (200, {})
    assert outcome.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert outcome.headers["Cache-Control"] == "no-cache"
    events = outcome.events()
    assert events[-1][1]["type"] == "transcript.text.done"
    assert deltas(events) == events[-1][1]["text"]
    # The first come when some three minutes are read, the others from minute to minute.
    assert events[0][0] < 0.7 * outcome.ended_s
    assert len({round(at_s, 3) for at_s, _ in events}) >= MINUTES // 2
    whole = post(api, long, response_format="json")
    assert whole.json()["text"] == events[-1][1]["text"]


def test_the_form_of_openai_is_streamed_too(api: RuntimeApi) -> None:
    audio = (EVENTS / "sample.ogg").read_bytes()
    body, content_type = multipart({"model": "whisper-1", "stream": "true", "include[]": "logprobs"}, audio)
    headers = {"content-type": content_type, "authorization": f"Bearer {KEY}"}
    events = api.invoke(http_event("POST", "/v1/audio/transcriptions", headers, body)).events()
    done = events[-1][1]
    assert deltas(events) == done["text"] != ""
    assert all(event["logprobs"] for _, event in events)
    assert done["usage"]["type"] == "tokens"


def test_replies_of_more_than_six_megabytes(tmp_path: Path) -> None:
    function = "tests.handler.large_replies.lambda_handler"
    with runtime_api.running(function, tmp_path / "log", HARK_AUTH_MODE="none", **QUICK) as api:
        streamed = post(api, b"x", stream="true", include="logprobs")
        assert len(streamed.body) > 15_000_000
        events = streamed.events()
        assert deltas(events) == events[-1][1]["text"]
        assert len(events) == SEGMENTS + 1
        assert len(events[-1][1]["logprobs"]) == SEGMENTS * 100
        whole = post(api, b"x")
        assert (whole.status, len(whole.json()["words"])) == (200, SEGMENTS * 20)
        assert len(post(api, b"x", include="logprobs").body) > 7_000_000


@pytest.mark.parametrize("key", ["", "hark_wrong", KEY + "x", LIMITED["late"][0]])
def test_nobody_gets_in_without_a_key(api: RuntimeApi, key: str, log: Path) -> None:
    outcome = post(api, (EVENTS / "sample.ogg").read_bytes(), key)
    assert (outcome.status, outcome.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert outcome.json()["error"]["code"] == "invalid_api_key"
    assert (key and key in log.read_text()) is not True


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/v1/models", f"key={KEY}&authorization=Bearer%20{KEY}"),
        ("GET", "/nowhere", ""),
        ("OPTIONS", "/v1/models", ""),
        ("GET", "/health/", ""),
        ("GET", "//health", ""),
        ("GET", "/Health", ""),
        ("GET", "", ""),
        ("POST", "/v1/jobs", ""),
    ],
)
def test_everything_is_guarded(api: RuntimeApi, method: str, path: str, query: str) -> None:
    assert get(api, path, query=query, method=method).status == 401


@pytest.mark.parametrize("path", ["/", "/health", "/openapi.json", "/docs"])
def test_what_is_open_at_an_api_is_open(api: RuntimeApi, path: str) -> None:
    outcome = get(api, path)
    assert (outcome.status, bool(outcome.body)) == (200, True)
    headless = get(api, path, method="HEAD")
    assert (headless.status, headless.body) == (200, b"")


def test_a_key_has_its_limits(api: RuntimeApi) -> None:
    guest, small = LIMITED["guest"][0], LIMITED["small"][0]
    assert get(api, "/v1/models", guest).status == 200
    refused = post(api, b"x", guest)
    assert (refused.status, refused.json()["error"]["code"]) == (403, "route_not_allowed")
    audio = encode(talk(150), RATE, "OGG", "OPUS")
    assert post(api, audio, small, stream="true").status == 200
    used_up = post(api, audio, small, stream="true")
    assert (used_up.status, used_up.json()["error"]["code"]) == (429, "insufficient_quota")
    assert int(used_up.headers["Retry-After"]) > 0


def test_a_key_that_was_taken_away_is_refused_a_second_later(api: RuntimeApi, secret: Any) -> None:
    leaving, stay = LIMITED["leaving"][0], [key for key in keyring().keys if key.name != "leaving"]
    assert get(api, "/v1/models", leaving).status == 200
    secret(Keyring(tuple(stay)).to_json())
    time.sleep(authorizer._LETS_IN_S + 0.1)
    assert get(api, "/v1/models", leaving).status == 401
    assert get(api, "/v1/models", KEY).status == 200


def test_nobody_gets_in_while_keys_cannot_be_read(secret: Any, tmp_path: Path) -> None:
    with runtime_api.running(FUNCTION, tmp_path / "log", HARK_AUTH_MODE="key", **QUICK) as api:
        secret("{}")
        try:
            outcome = get(api, "/v1/models", KEY)
        finally:
            secret(keyring().to_json())
    assert (outcome.status, outcome.json()["error"]["type"]) == (500, "server_error")


def test_a_recording_that_turns_out_to_be_broken_ends_in_an_error_event(api: RuntimeApi) -> None:
    whole = encode(talk(300), RATE, "FLAC")
    damaged = bytearray(whole)
    at = len(whole) * 9 // 10
    damaged[at : at + 50_000] = bytes(50_000)  # nothing in its header tells
    outcome = post(api, bytes(damaged), stream="true")
    assert (outcome.status, outcome.trailers) == (200, {})
    *events, (_, last) = outcome.events()
    assert deltas(events)
    assert (last["error"]["code"], last["error"]["type"]) == ("invalid_audio", "invalid_request_error")
    at_once = post(api, b"no audio at all", stream="true")
    assert (at_once.status, at_once.json()["error"]["code"]) == (400, "invalid_audio")


def test_a_caller_is_told_when_there_is_no_more_time(api: RuntimeApi) -> None:
    outcome = post(api, (EVENTS / "sample.ogg").read_bytes(), timeout_s=4.0)
    assert (outcome.status, outcome.json()["error"]["code"]) == (413, "took_too_long")


def test_nobody_who_listens_ends_the_work_and_what_was_read_counts(api: RuntimeApi, long: bytes, log: Path) -> None:
    assert len(post(api, long, LIMITED["bounded"][0], leave_after=1, stream="true").parts) == 1
    assert get(api, "/v1/models", KEY).status == 200
    assert [line["ended"] for line in lines(log, "answered")[-2:]] == ["gone", "whole"]
    key = {"name": {"S": "bounded"}, "day": {"S": time.strftime("%Y-%m-%d", time.gmtime())}}
    used_ms = boto3.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]["audio_ms"]["N"]
    assert 60_000 <= int(used_ms) < MINUTES * 60_000


def test_the_log_says_who_asked_what_and_never_the_key_or_what_was_said(api: RuntimeApi, log: Path) -> None:
    said = post(api, (EVENTS / "sample.ogg").read_bytes(), stream="true").events()[-1][1]["text"]
    line = lines(log, "answered")[-1]
    assert (line["status"], line["ended"], line["key_name"], line["route"]) == (200, "whole", "alice", "/transcribe")
    assert (line["ip"], line["method"]) == ("127.0.0.1", "POST")
    assert line["bytes"] > 100
    text = log.read_text()
    assert said not in text
    assert KEY not in text
    measured = [json.loads(each) for each in text.splitlines() if '"AudioDuration"' in each]
    assert measured[-1]["AudioDuration"] == [pytest.approx(6.4, abs=0.01)]


@pytest.mark.parametrize("mode", ["", "jwt", "KEY"])
def test_nothing_starts_that_cannot_check_who_asks(mode: str, tmp_path: Path) -> None:
    with runtime_api.running(FUNCTION, tmp_path / "log", HARK_AUTH_MODE=mode, **QUICK) as api:
        assert api.init_errors.get(timeout=PATIENCE_S)["errorType"] == "Function.SettingsError"
    assert "HARK_AUTH_MODE must be key, iam or none" in (tmp_path / "log").read_text()


@pytest.fixture
def function_url(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HARK_AUTH_MODE", "none")
    return importlib.import_module("handler.function_url")


def sent(path: str, authorizer: dict[str, Any] | None = None) -> Request:
    event = http_event("GET", path, {}, b"")
    return Request.of({**event, "requestContext": {**event["requestContext"], "authorizer": authorizer}})


def test_with_signatures_who_has_none_gets_in_nowhere_but_in_the_open(function_url: Any) -> None:
    signed = {"iam": {"userId": "AROAEXAMPLE:session", "accountId": "123456789012"}}
    assert function_url.admit(sent("/v1/models", signed), "iam", "id").caller == "iam:AROAEXAMPLE"
    assert function_url.admit(sent("/health"), "iam", "id").caller == ""
    for forged in (None, {}, {"lambda": {"keyName": "alice"}}, {"iam": None}, {"iam": {"userId": ""}}):
        with pytest.raises(InvalidKey):
            function_url.admit(sent("/v1/models", forged), "iam", "id")


def test_what_an_event_says_of_a_key_gives_no_rights(function_url: Any) -> None:
    told = sent("/v1/models", {"lambda": {"keyName": "alice"}})
    assert told.permit.name == "alice"
    admitted = function_url.admit(told, "none", "id")
    assert (admitted.caller, admitted.permit.name) == ("", "")
    with pytest.raises(InvalidKey):
        function_url.admit(told, "key", "id")


class Kept:
    """Takes a reply."""

    def __init__(self) -> None:
        self.status, self.body, self.sent_bytes = 0, b"", 0

    def begin(self, status: int, _headers: dict[str, str]) -> None:
        self.status = status

    def write(self, body: bytes) -> None:
        self.body += body
        self.sent_bytes += len(body)


def test_a_fault_of_ours_in_the_middle_is_told_and_ends_the_call(
    function_url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(*arguments: Any) -> Iterator[tuple[Segment, str]]:
        arguments[3].read_s = 1.0
        yield SEGMENT, "one"
        raise RuntimeError("a fault")

    monkeypatch.setattr(function_url.app.channels, "parts", parts)
    reply, context = Kept(), Context("id", "arn", int(time.time() * 1000) + 60_000)
    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, b"x", "stream=true")
    with pytest.raises(RuntimeError):
        function_url.lambda_handler(event, context, reply=reply)
    first, last, rest = reply.body.split(b"\n\n")
    assert (reply.status, rest) == (200, b"")
    assert json.loads(first.removeprefix(b"data: ")) == {"type": "transcript.text.delta", "delta": "one"}
    told = json.loads(last.removeprefix(b"data: "))["error"]
    assert told == {
        "message": "The server failed; try again later.",
        "type": "server_error",
        "param": None,
        "code": None,
    }


class Ending(Context):
    """Lets one block be read, and no more."""

    def get_remaining_time_in_millis(self) -> int:
        asked.append(1)
        return 60_000 if len(asked) < 2 else 4_000


asked: list[int] = []


def test_so_is_a_caller_who_has_heard_the_beginning(function_url: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(*arguments: Any) -> Iterator[tuple[Segment, str]]:
        before_block, arguments[3].read_s = arguments[5], 1.0
        before_block()
        yield SEGMENT, "one"
        before_block()

    monkeypatch.setattr(function_url.app.channels, "parts", parts)
    asked.clear()
    reply = Kept()
    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, b"x", "stream=true")
    function_url.lambda_handler(event, Ending("id", "arn", 0), reply=reply)
    first, last, rest = reply.body.split(b"\n\n")
    assert (reply.status, rest) == (200, b"")
    assert b'"one"' in first
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "took_too_long"


def test_what_is_no_http_event_is_refused(function_url: Any) -> None:
    reply = Kept()
    function_url.lambda_handler({"Records": []}, Context("id", "arn", 0), reply=reply)
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (400, "not_an_http_event")
