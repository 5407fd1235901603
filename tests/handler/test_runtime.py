"""Replies in parts over Lambda's runtime API: a stand-in that streams, and Lambda's own emulator, which does not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handler import runtime_api
from tests.handler.runtime_api import RuntimeApi
from tests.jobs import emulator
from tests.patience import PATIENCE_S

TOY = "tests.handler.toy_replies.reply"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runtime") / "log"


@pytest.fixture(scope="module")
def api(log: Path) -> Iterator[RuntimeApi]:
    with runtime_api.running(TOY, log) as running:
        yield running


def test_parts_arrive_as_they_are_written(api: RuntimeApi) -> None:
    outcome = api.invoke({"parts": ["one ", "two ", "three"], "pause_s": 0.5, "status": 203}, timeout_s=100)
    assert (outcome.status, outcome.body, outcome.trailers) == (203, b"one two three", {})
    assert outcome.headers == {"Content-Type": "text/plain", "X-Left": "100"}
    first, second, third = (at_s for at_s, _ in outcome.parts)
    assert second - first >= 0.4
    assert third - second >= 0.4
    assert outcome.ended_s - third >= 0.4


def test_a_reply_may_be_larger_than_six_megabytes(api: RuntimeApi) -> None:
    outcome = api.invoke({"megabytes": 12})
    assert outcome.body == b"".join(bytes([number]) * 1_000_000 for number in range(12))


def test_a_reply_may_be_empty(api: RuntimeApi) -> None:
    outcome = api.invoke({"status": 304, "parts": [""]})
    assert (outcome.status, outcome.body, outcome.trailers) == (304, b"", {})


def test_an_error_in_the_middle_is_told_in_trailers(api: RuntimeApi, log: Path) -> None:
    outcome = api.invoke({"parts": ["begun"], "fail": "what a caller said"})
    assert (outcome.status, outcome.body) == (200, b"begun")
    assert outcome.trailers["lambda-runtime-function-error-type"] == "Function.KeyError"
    told = outcome.trailers["lambda-runtime-function-error-body"]
    assert told == {"errorType": "Function.KeyError", "errorMessage": "The function failed; its log says why."}
    assert "Traceback" in log.read_text()
    assert api.invoke({"parts": ["next"]}).body == b"next"


@pytest.mark.parametrize(("event", "kind"), [({"raise": "x"}, "ValueError"), ({"silent": True}, "HarkError")])
def test_an_error_before_the_reply_is_told_instead_of_one(api: RuntimeApi, event: dict[str, str], kind: str) -> None:
    outcome = api.invoke(event)
    assert outcome.error
    assert outcome.error["errorType"] == f"Function.{kind}"
    assert api.invoke({"parts": ["next"]}).body == b"next"


@pytest.mark.parametrize("megabytes", [0, 20])
def test_nobody_who_takes_the_reply_ends_it_and_no_other(api: RuntimeApi, log: Path, megabytes: int) -> None:
    event = {"parts": [f"part {number}" for number in range(50)], "pause_s": 0.02, "megabytes": megabytes}
    outcome = api.invoke(event, leave_after=2)
    assert len(outcome.parts) == 2
    assert api.invoke({"parts": ["next"]}).body == b"next"
    assert "Nobody takes the reply any more." in log.read_text()


@pytest.mark.parametrize("function", ["tests.handler.toy_replies.nothing", "tests.handler.nowhere.reply"])
def test_a_function_that_cannot_be_loaded_is_told_at_the_start(function: str, tmp_path: Path) -> None:
    with runtime_api.running(function, tmp_path / "log") as api:
        told = api.init_errors.get(timeout=PATIENCE_S)
    assert told["errorType"] in ("Function.AttributeError", "Function.ModuleNotFoundError")


def test_lambdas_own_emulator_takes_the_protocol() -> None:
    with emulator.running(TOY, {}, "handler.runtime") as function:
        prelude, _, body = function.invoke_raw({"parts": ["one ", "two"]}).partition(b"\0" * 8)
        assert (json.loads(prelude)["statusCode"], body) == (200, b"one two")
        # It has the limit of functions that do not stream, and the runtime lives on.
        assert b"Function.ResponseSizeTooLarge" in function.invoke_raw({"megabytes": 7})
        assert function.invoke_raw({"parts": ["again"]}).endswith(b"\0again")
        assert b"Function.ValueError" in function.invoke_raw({"raise": "x"})
