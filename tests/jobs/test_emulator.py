"""The very handlers under Lambda's runtime client and emulator: killed, out of memory, and several at once."""

import json
import os
import resource
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local.event import http_event, reply_body
from tests.conftest import EVENTS, invoke

from . import emulator
from .aws import BUCKET, Aws, environment, upload
from .conftest import ask, create, tone

SPEECH = (EVENTS / "sample.wav").read_bytes()


def settings(aws: Aws) -> dict[str, str]:
    return {**environment(aws.url), "HARK_BUCKET": BUCKET}


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)


def leave_no_memory(process: int) -> None:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
    bytes_ = pages * resource.getpagesize()
    resource.prlimit(process, resource.RLIMIT_AS, (bytes_, bytes_))


@pytest.mark.parametrize("fault", [kill, leave_no_memory])
def test_a_worker_that_ends_in_the_middle_of_a_recording_costs_a_try(aws: Aws, fault: Any) -> None:
    made = create()
    assert upload(made["upload"], SPEECH)[0] == 204
    path = f"/v1/jobs/{made['id']}"
    struck: list[str] = []
    with emulator.running("handler.worker.lambda_handler", settings(aws)) as function:

        def strike(method: str, key: str) -> None:
            if (method, key) == ("GET", f"uploads/{made['id']}") and not struck:
                struck.append(key)
                fault(function.runtime())

        aws.front.fault = strike
        event = aws.receive()
        reply = function.invoke(event)
        assert struck
        assert reply is None or len(reply["batchItemFailures"]) == 1
        aws.acknowledge(event, reply)
        assert ask("GET", path)[2]["status"] == "processing"
    with emulator.running("handler.worker.lambda_handler", settings(aws)) as function:
        event = aws.receive()
        reply = function.invoke(event)
        assert reply == {"batchItemFailures": []}
        aws.acknowledge(event, reply)
    assert not aws.receive()["Records"]
    assert aws.front.writes[f"results/{made['id']}.json"] == 1
    reply = ask("GET", path)[2]
    assert reply["status"] == "completed"
    assert reply["transcript"]["text"] == invoke(http_event("POST", "/transcribe", {}, SPEECH))[2]["text"]


def test_several_environments_at_once_reply_each_to_its_own(aws: Aws) -> None:
    """The HTTP function, and workers that get the same events."""
    made = [create() for _ in range(4)]
    for number, each in enumerate(made):
        assert upload(each["upload"], tone(8_000 + 1_600 * number))[0] == 204
    events = [aws.receive() for _ in made]
    with ExitStack() as stack:
        apis = [stack.enter_context(emulator.running("handler.app.lambda_handler", settings(aws))) for _ in range(2)]
        workers = [
            stack.enter_context(emulator.running("handler.worker.lambda_handler", settings(aws))) for _ in range(2)
        ]
        turns = {id(function): threading.Lock() for function in [*apis, *workers]}

        def call(function: emulator.Function, event: dict[str, Any]) -> Any:
            with turns[id(function)]:
                return function.invoke(event)

        def transcribe(number: int) -> float:
            event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, tone(8_000 + 160 * number))
            reply = call(apis[number % 2], event)
            duration: float = json.loads(reply_body(reply))["duration"]
            return duration

        with ThreadPoolExecutor(8) as pool:
            durations = pool.map(transcribe, range(24))
            done = [pool.submit(call, worker, event) for event in events for worker in workers]
            assert list(durations) == pytest.approx([0.5 + 0.01 * number for number in range(24)])
            assert [each.result() for each in done] == [{"batchItemFailures": []}] * len(done)
    for number, each in enumerate(made):
        transcript = ask("GET", f"/v1/jobs/{each['id']}")[2]["transcript"]
        assert transcript["duration"] == pytest.approx(0.5 + 0.1 * number)
        assert aws.front.writes[f"results/{each['id']}.json"] == 1
