"""From an event to a function, and from what it returns to a reply."""

import base64
from typing import Any

import pytest

from handler.router import Request, Response, Route, Router


def event(method: str, path: str, **fields: Any) -> dict[str, Any]:
    context = {"http": {"method": method}, "stage": fields.pop("stage", "$default")}
    return {"version": "2.0", "rawPath": path, "requestContext": context, **fields}


@pytest.fixture
def router() -> Router:
    made = Router()

    @made.answers(Route("/things", ("GET", "HEAD")))
    def things() -> Response:
        return Response(200, "text/plain", "all")

    @made.answers(Route("/things/{name}", ("GET",)))
    @made.answers(Route("/things/{name}/{part}", ("GET",)))
    def thing(name: str, part: str = "whole") -> Response:
        return Response(200, "text/plain", f"{name}, {part}")

    @made.answers(Route("/things", ("POST",)))
    def fail() -> Response:
        raise KeyError("lost")

    @made.not_found
    def nothing() -> Response:
        return Response(404, None, made.request.path)

    @made.on_error(LookupError)
    def lookup(error: LookupError) -> Response:
        return Response(500, "text/plain", repr(error))

    @made.on_error(Exception)
    def other(_error: Exception) -> Response:
        return Response(501, None, "")

    return made


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/things", 200, "all"),
        ("HEAD", "/things", 200, "all"),
        ("GET", "/things/a.b~c", 200, "a.b~c, whole"),
        ("GET", "/things/a/wheel", 200, "a, wheel"),
        ("GET", "/things/", 404, "/things/"),
        ("GET", "/things/a/b/c", 404, "/things/a/b/c"),
        ("GET", "/things\n", 404, "/things\n"),
        ("PUT", "/things", 404, "/things"),
        ("POST", "/things", 500, "KeyError('lost')"),
    ],
)
def test_a_request_finds_its_function(router: Router, method: str, path: str, status: int, body: str) -> None:
    reply = router.resolve(event(method, path))
    assert (reply["statusCode"], reply["body"], reply["isBase64Encoded"]) == (status, body, False)


def test_a_router_knows_the_methods_of_a_path(router: Router) -> None:
    assert router.methods("/things") == ["GET", "HEAD", "POST"]
    assert router.methods("/things/a") == ["GET"]
    assert router.methods("/things/") == []


def test_what_stands_for_a_name_is_part_of_one_segment() -> None:
    assert Route("/things/{name}", ("GET",)).match("/things/a%2Fb") == {"name": "a%2Fb"}
    assert Route("/things/{name}", ("GET",)).match("/things/a/b") is None
    assert Route("/things", ("GET",)).match("/things") == {}


def test_the_stage_is_no_part_of_the_path_and_headers_are_found_in_lower_case() -> None:
    request = Request.of(event("GET", "/prod/things", stage="prod", headers={"Content-Type": "audio/wav"}))
    assert (request.path, request.stage, request.headers) == ("/things", "prod", {"content-type": "audio/wav"})
    assert Request.of(event("GET", "/prod", stage="prod")).path == ""


def test_what_an_event_lacks_is_empty() -> None:
    request = Request.of({"requestContext": {"http": {}}, "headers": None})
    assert request == Request("", "", "$default", "", {}, None, False)


def test_bytes_travel_as_base64_and_no_type_is_named_where_there_is_no_body() -> None:
    reply = Response(200, "font/woff2", b"\x00\xff", {"ETag": '"1"'}).to_reply()
    assert base64.b64decode(reply["body"]) == b"\x00\xff"
    assert reply["isBase64Encoded"]
    assert reply["headers"] == {"Content-Type": "font/woff2", "ETag": '"1"'}
    assert Response(204, None, "").to_reply()["headers"] == {}


def test_an_error_that_nobody_answers_for_is_raised() -> None:
    router = Router()

    @router.answers(Route("/", ("POST",)))
    def fail() -> Response:
        raise KeyError("lost")

    with pytest.raises(KeyError):
        router.resolve(event("POST", "/"))
