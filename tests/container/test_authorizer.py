"""Who is let in: the template's routes and authorizer under `sam local start-api`, with real requests."""

import http.client
import json

import pytest

from handler import keys
from handler.keys import Keyring
from local import gateway
from tests.patience import PATIENCE_S

from .api import Api

_OPEN = gateway.OPEN_PATHS


@pytest.mark.parametrize("path", _OPEN)
def test_what_the_page_needs_and_what_is_public_is_open(api: Api, path: str) -> None:
    status, _, body = api.send("GET", path)
    assert status == 200, body


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/transcribe"), ("GET", "/v1/models"), ("POST", "/v1/jobs"), ("GET", "/nowhere"), ("GET", "/static")],
)
def test_all_else_is_refused_without_a_key_before_anything_of_ours_runs(api: Api, method: str, path: str) -> None:
    status, _, body = api.send(method, path)
    assert (status, json.loads(body)) == (401, {"message": "Unauthorized"})


def test_every_key_is_let_in(api: Api) -> None:
    for key in api.keys.values():
        status, _, body = api.send("GET", "/v1/models", key=key)
        assert (status, json.loads(body)["object"]) == (200, "list")


@pytest.mark.parametrize("kind", ["another", "cut", "hash", "basic", "twice", "bare"])
def test_a_wrong_header_is_refused(api: Api, kind: str) -> None:
    key = api.keys["alice"]
    authorization = {
        "another": f"Bearer {keys.generate()}",
        "cut": f"Bearer {key[:-1]}",
        "hash": f"Bearer {keys.digest(key)}",
        "basic": f"Basic {key}",
        "twice": f"Bearer {key}, Bearer {key}",
        "bare": key,
    }[kind]
    status, _, _ = api.send("GET", "/v1/models", authorization=authorization)
    assert status == 403


def test_a_key_in_the_query_is_refused(api: Api) -> None:
    key = api.keys["alice"]
    status, _, _ = api.send("GET", f"/v1/models?key={key}&authorization=Bearer%20{key}")
    assert status == 401


def test_a_second_header_does_not_help_a_wrong_one(api: Api) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=PATIENCE_S)
    try:
        connection.putrequest("GET", "/v1/models")
        for key in (keys.generate(), api.keys["alice"]):
            connection.putheader("Authorization", f"Bearer {key}")
        connection.endheaders()
        assert connection.getresponse().status in (401, 403)
    finally:
        connection.close()


def test_keys_are_changed_without_a_deployment(api: Api) -> None:
    new = keys.generate()
    try:
        api.store(Keyring.of([("new", new)]).to_json())
        assert api.send("GET", "/v1/models", key=new)[0] == 200
        assert api.send("GET", "/v1/models", key=api.keys["alice"])[0] == 403
    finally:
        api.restore()


def test_stored_keys_that_are_malformed_let_nobody_in_and_leave_the_page_open(api: Api) -> None:
    try:
        api.store('{"keys": [')
        status, _, body = api.send("GET", "/v1/models", key=api.keys["alice"])
        assert status >= 500
        assert "object" not in body
        assert api.send("GET", "/health")[0] == 200
    finally:
        api.restore()
