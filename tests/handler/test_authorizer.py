"""The authorizer against Secrets Manager's API over a socket (moto), with events as HTTP APIs send them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from handler import authorizer, keys, permit, signed
from handler.keys import Keyring, KeyringError, StoredKey
from handler.permit import Permit
from local.event import LocalContext
from tests import moto_server

# Of the right form, and the same in every process of a test run: tests are named after them.
KEY = "hark_" + "k" * 43


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server.serving() as address:
        yield address


@pytest.fixture
def secret(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Puts a text into the secret that the authorizer reads."""
    moto_server.lead_to(endpoint, monkeypatch)
    client = boto3.client("secretsmanager")
    arn = client.create_secret(Name=keys.generate(), SecretString='{"keys": []}')["ARN"]
    monkeypatch.setenv("HARK_KEYS_SECRET_ARN", arn)
    authorizer._read.clear()
    yield lambda text: client.put_secret_value(SecretId=arn, SecretString=text)
    authorizer._read.clear()


def ask(authorization: str | None, **event: Any) -> dict[str, Any]:
    """Calls the authorizer as API Gateway does; without the header it would not call it at all."""
    request = {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:eu-central-1:123456789012:abcdef123/$default/POST/transcribe",
        "identitySource": None if authorization is None else [authorization],
        "routeKey": "$default",
        "rawPath": "/transcribe",
        "rawQueryString": "",
        "headers": {} if authorization is None else {"authorization": authorization},
        "requestContext": {"http": {"method": "POST", "path": "/transcribe"}},
        **event,
    }
    return authorizer.lambda_handler(request, LocalContext("test"))


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    real = time.monotonic
    monkeypatch.setattr(authorizer.time, "monotonic", lambda: real() + seconds)


def context(name: str) -> dict[str, str]:
    return {"keyName": name, "keyExpires": "", "keyRoutes": "", "keyMinutesPerDay": ""}


def test_the_right_key_is_let_in_and_named_to_the_function_behind(secret: Any) -> None:
    secret(Keyring.of([("alice", keys.generate()), ("bob", KEY)]).to_json())
    assert ask(f"Bearer {KEY}") == {"isAuthorized": True, "context": context("bob")}


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", KEY])
def test_no_key_and_a_wrong_one_are_refused(secret: Any, authorization: str | None) -> None:
    secret(Keyring.of([("alice", KEY)]).to_json())
    assert ask(authorization) == {"isAuthorized": False, "context": {"keyName": ""}}


def test_a_stack_without_keys_lets_nobody_in(secret: Any) -> None:
    assert ask(f"Bearer {KEY}")["isAuthorized"] is False


@pytest.mark.parametrize(
    "event",
    [
        {"rawQueryString": f"key={KEY}", "queryStringParameters": {"key": KEY, "authorization": f"Bearer {KEY}"}},
        {"headers": {"x-api-key": KEY, "authorization": f"Bearer {KEY}", "x-authorization": f"Bearer {KEY}"}},
        {"cookies": [f"authorization=Bearer {KEY}"]},
        {"pathParameters": {"proxy": KEY}, "rawPath": f"/{KEY}"},
        {"stageVariables": {"key": KEY}},
        {"body": KEY},
        {"authorizationToken": f"Bearer {KEY}"},
        {"identitySource": f"Bearer {KEY}"},
        {"identitySource": ["Bearer wrong", f"Bearer {KEY}"]},
        {"identitySource": [f"Bearer {KEY}", f"Bearer {KEY}"]},
        {"identitySource": [[f"Bearer {KEY}"]]},
        {"identitySource": [None]},
        {"identitySource": []},
        {"identitySource": {"0": f"Bearer {KEY}"}},
    ],
)
def test_a_key_in_any_other_place_is_refused(secret: Any, event: dict[str, Any]) -> None:
    secret(Keyring.of([("alice", KEY)]).to_json())
    assert ask("Bearer wrong", **event)["isAuthorized"] is False


def test_a_new_key_is_let_in_after_a_minute_at_most(secret: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    new = keys.generate()
    secret(Keyring.of([("old", KEY)]).to_json())
    assert ask(f"Bearer {KEY}")["isAuthorized"]
    secret(Keyring.of([("old", KEY), ("new", new)]).to_json())
    pass_time(monkeypatch, authorizer.KEYS_FRESH_S + 1)
    assert ask(f"Bearer {KEY}")["isAuthorized"]
    assert ask(f"Bearer {new}")["isAuthorized"]


def test_a_key_that_was_taken_away_is_let_in_by_nothing_that_was_read_before(
    secret: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it works no longer than API Gateway keeps the last answer, and not for a minute more."""
    secret(Keyring.of([("old", KEY)]).to_json())
    assert ask(f"Bearer {KEY}")["isAuthorized"]
    secret(Keyring.of([("new", keys.generate())]).to_json())
    pass_time(monkeypatch, authorizer._LETS_IN_S)
    assert not ask(f"Bearer {KEY}")["isAuthorized"]


def test_guessing_costs_one_call_a_minute(secret: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(Keyring.of([("alice", KEY)]).to_json())
    asked, real = [], signed.call

    def counted(*arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(authorizer.signed, "call", counted)
    for _ in range(20):
        assert not ask(f"Bearer {keys.generate()}")["isAuthorized"]
    assert len(asked) == 1


def test_a_key_is_refused_from_the_moment_it_expires(secret: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = int(time.time()) + 1000
    secret(Keyring((StoredKey("guest", keys.digest(KEY), expires=ends),)).to_json())
    answer = ask(f"Bearer {KEY}")
    assert answer["isAuthorized"]
    assert answer["context"]["keyExpires"] == str(ends)  # by which the function behind refuses, though this is kept
    monkeypatch.setattr(authorizer.time, "time", lambda: ends)
    assert not ask(f"Bearer {KEY}")["isAuthorized"]


def test_the_function_behind_reads_what_the_authorizer_tells_it(secret: Any) -> None:
    key = StoredKey("a.b-c", keys.digest(KEY), 1_900_000_000, ("/v1/audio/*", "/transcribe"), 12.5)
    secret(Keyring((key,)).to_json())
    told = ask(f"Bearer {KEY}")["context"]
    event = {"requestContext": {"authorizer": {"lambda": told}}}
    assert Permit.of(event) == Permit(key.name, key.expires, key.routes, key.minutes_per_day)
    assert Permit.of({"requestContext": {"authorizer": {"lambda": permit.context(StoredKey("x", "y"))}}}) == Permit("x")


def test_every_refusal_is_counted_for_the_alarm_without_a_key_or_a_name(
    secret: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "mine")
    secret(Keyring.of([("alice", KEY)]).to_json())
    ask(f"Bearer {KEY}x")
    ask(f"Bearer {KEY}")
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    (metric,) = found
    assert metric["RefusedKeys"] == 1
    assert metric["service"] == "mine"
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Hark", [["service"]])
    assert set(metric) == {"_aws", "service", "RefusedKeys"}


def test_the_last_use_is_kept_and_a_table_that_fails_keeps_nobody_out(
    secret: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret(Keyring.of([("alice", KEY)]).to_json())
    monkeypatch.setenv("HARK_USAGE_TABLE", "nowhere")
    assert ask(f"Bearer {KEY}")["isAuthorized"]
    table: Any = boto3.client("dynamodb")
    made = keys.generate()
    table.create_table(
        TableName=made,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("name", "day")],
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}, {"AttributeName": "day", "KeyType": "RANGE"}],
    )
    monkeypatch.setenv("HARK_USAGE_TABLE", made)
    ask(f"Bearer {KEY}")
    ask(f"Bearer {KEY}x")
    (item,) = table.scan(TableName=made)["Items"]
    assert item["name"] == {"S": "alice"}
    assert abs(int(item["last_used"]["N"]) - time.time()) < 60
    assert KEY not in json.dumps(item)


def test_the_package_is_these_few_files_and_needs_the_standard_library_alone(secret: Any, tmp_path: Path) -> None:
    from operate import package

    secret(Keyring.of([("alice", KEY)]).to_json())
    folder = package.stage(tmp_path / "package")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60_000
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in files)
    event = {"identitySource": [f"Bearer {KEY}"]}
    program = f"from handler.authorizer import lambda_handler; print(lambda_handler({event!r}, None)['isAuthorized'])"
    done = subprocess.run(
        # -S: without the packages that are installed here; -P: without this folder.
        [sys.executable, "-S", "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "True"


def test_requests_are_signed_as_aws_signs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a/token+of=some length")
    body = b'{"SecretId": "arn:aws:secretsmanager:eu-central-1:1:secret:a-b"}'
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.GetSecretValue"}
    host = "secretsmanager.eu-central-1.amazonaws.com"
    theirs = AWSRequest("POST", f"https://{host}/", headers=headers, data=body)
    credentials = Credentials("AKIDEXAMPLE", os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_SESSION_TOKEN"])
    auth.SigV4Auth(credentials, "secretsmanager", "eu-central-1").add_auth(theirs)
    now = time.strptime(theirs.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    ours = signed.signed("secretsmanager", "eu-central-1", {**headers, "Host": host}, body, now)
    assert ours["Authorization"] == theirs.headers["Authorization"]


@pytest.mark.parametrize("fault", ["throttled", "broken", "silent", "refused"])
def test_a_fault_of_a_moment_is_tried_again_and_a_refusal_is_not(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import http.server
    import threading

    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
            replies = {
                "throttled": (400, b'{"__type": "com.amazon#ThrottlingException"}'),
                "broken": (500, b"{}"),
                "refused": (400, b'{"__type": "AccessDeniedException"}'),
            }
            if fault == "silent" and len(asked) < 3:
                return self.connection.close()
            status, body = replies.get(fault, (200, b"{}")) if len(asked) < 3 else (200, b'{"ok": 1}')
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return None

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setattr(signed, "_PAUSE_S", 0.01)
        if fault == "refused":
            with pytest.raises(signed.CallError, match="AccessDenied"):
                signed.call("secretsmanager", "GetSecretValue", {})
            assert len(asked) == 1
        else:
            assert signed.call("secretsmanager", "GetSecretValue", {}) == {"ok": 1}
            assert len(asked) == 3
        server.shutdown()


@pytest.mark.parametrize("text", ["{", "null", '{"keys": {}}', '{"keys": [{"name": "a", "sha256": "x"}]}', KEY])
def test_a_malformed_secret_fails_closed_and_loudly(secret: Any, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(text)
    with pytest.raises(KeyringError):
        ask(f"Bearer {KEY}")
    secret(Keyring.of([("alice", KEY)]).to_json())
    pass_time(monkeypatch, authorizer.KEYS_FRESH_S + 1)
    assert ask(f"Bearer {KEY}")["isAuthorized"]


@pytest.mark.parametrize("arn", ["", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gone"])
def test_a_secret_that_is_not_there_fails_closed(secret: Any, arn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARK_KEYS_SECRET_ARN", arn)
    with pytest.raises(KeyringError):
        ask(f"Bearer {KEY}")


def test_a_secret_that_cannot_be_reached_fails_closed_within_the_gateways_patience(
    secret: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # the port "discard", where nobody listens
    with pytest.raises(KeyringError):
        ask(f"Bearer {KEY}")


def test_the_log_tells_who_came_in_and_never_a_key(
    secret: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "INFO")
    secret(Keyring.of([("alice", KEY)]).to_json())
    ask(f"Bearer {KEY}")
    ask(f"Bearer {KEY}x")
    text = capsys.readouterr().out
    lines = [line for line in map(json.loads, text.splitlines()) if "_aws" not in line]
    assert [(line["message"], line.get("key_name")) for line in lines] == [("allowed", "alice"), ("denied", None)]
    assert KEY not in text
