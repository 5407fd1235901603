"""The authorizer against Secrets Manager's API over a socket (moto), with events as HTTP APIs send them."""

import datetime
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import base

from handler import authorizer, keys
from handler.keys import Keyring, KeyringError
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
    authorizer._secrets.cache_clear()
    yield lambda text: client.put_secret_value(SecretId=arn, SecretString=text)
    authorizer._secrets.cache_clear()


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
    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
            return datetime.datetime.now(tz) + datetime.timedelta(seconds=seconds)

    monkeypatch.setattr(base, "datetime", Later)


def test_the_right_key_is_let_in_and_named_to_the_function_behind(secret: Any) -> None:
    secret(Keyring.of([("alice", keys.generate()), ("bob", KEY)]).to_json())
    assert ask(f"Bearer {KEY}") == {"isAuthorized": True, "context": {"keyName": "bob"}}


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


def test_keys_are_rotated_without_a_deployment_within_a_minute(secret: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    new = keys.generate()
    secret(Keyring.of([("old", KEY)]).to_json())
    assert ask(f"Bearer {KEY}")["isAuthorized"]
    secret(Keyring.of([("old", KEY), ("new", new)]).to_json())
    pass_time(monkeypatch, authorizer.KEYS_FRESH_S + 1)
    assert ask(f"Bearer {KEY}")["isAuthorized"]
    assert ask(f"Bearer {new}")["isAuthorized"]
    secret(Keyring.of([("new", new)]).to_json())
    pass_time(monkeypatch, 2 * authorizer.KEYS_FRESH_S + 2)
    assert not ask(f"Bearer {KEY}")["isAuthorized"]
    assert ask(f"Bearer {new}")["isAuthorized"]


def test_within_the_minute_secrets_manager_is_asked_once(secret: Any, endpoint: str) -> None:
    secret(Keyring.of([("alice", KEY)]).to_json())
    asked = []
    client = authorizer._secrets().client
    client.meta.events.register("before-send.secretsmanager.GetSecretValue", lambda **_: asked.append(1))
    for _ in range(5):
        assert ask(f"Bearer {KEY}")["isAuthorized"]
    assert len(asked) == 1


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


def test_the_log_tells_who_came_in_and_never_a_key(secret: Any) -> None:
    secret(Keyring.of([("alice", KEY)]).to_json())
    log = io.StringIO()
    stream = authorizer.logger.registered_handler.setStream(log)  # type: ignore[attr-defined]
    authorizer.logger.setLevel("INFO")
    try:
        ask(f"Bearer {KEY}")
        ask(f"Bearer {KEY}x")
    finally:
        authorizer.logger.setLevel("ERROR")
        authorizer.logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["message"], line.get("key_name")) for line in lines] == [("allowed", "alice"), ("denied", None)]
    assert KEY not in log.getvalue()
