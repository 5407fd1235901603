"""What the tests of jobs share: an account over sockets, the routes and the worker on it."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import numpy as np
import pytest

from handler import app, closer, worker
from handler.closer import Closer
from handler.settings import Settings
from handler.worker import Worker
from hark.recognizer import Recognizer
from local.event import http_event
from tests.conftest import encode, invoke

from .aws import BUCKET, Aws, Front, account, environment, serving

MAX_BYTES = 2_000_000
MAX_AUDIO_S = 60.0


@dataclasses.dataclass
class Context:
    """Lambda's context, as far as it is looked at."""

    remaining_ms: Callable[[], int] = lambda: 900_000
    aws_request_id: str = "test"
    function_name: str = "hark-worker"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 2048
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:hark-worker"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms()


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Front, str]]:
    with serving() as found:
        yield found


@pytest.fixture
def aws(served: tuple[Front, str], monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A new account; boto3's clients find it."""
    made = account(*served)
    for name, value in environment(made.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # which keeps the credentials it saw first
    return made


@pytest.fixture
def settings() -> Settings:
    """Those of both functions."""
    return dataclasses.replace(
        Settings.from_environment(os.environ), bucket=BUCKET, job_max_bytes=MAX_BYTES, job_max_audio_s=MAX_AUDIO_S
    )


@pytest.fixture(autouse=True)
def endpoint(aws: Aws, settings: Settings, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The functions of this account."""
    monkeypatch.setattr(app, "settings", settings)
    app._jobs.cache_clear()
    monkeypatch.setattr(worker, "_worker", lambda: Worker(settings, recognizer, aws.storage))
    monkeypatch.setattr(closer, "_closer", lambda: Closer(settings, aws.storage))
    yield
    app._jobs.cache_clear()


def ask(
    method: str, path: str, content: Any = None, query: str = "", authorizer: Any = None
) -> tuple[int, dict[str, str], Any]:
    """Sends a request with JSON to the API function, with what an authorizer says of the caller."""
    body = b"" if content is None else json.dumps(content).encode()
    headers = {"content-type": "application/json"} if body else {}
    event = http_event(method, path, headers, body, query)
    if authorizer is not None:
        event["requestContext"]["authorizer"] = authorizer
    return invoke(event)


def create(authorizer: Any = None, **fields: Any) -> dict[str, Any]:
    """Makes a job; returns the reply."""
    status, _, reply = ask("POST", "/v1/jobs", {"content_type": "audio/wav", **fields}, authorizer=authorizer)
    assert status == 201, reply
    made: dict[str, Any] = reply
    return made


def work(aws: Aws, most: int = 1, context: Context | None = None) -> int:
    """Lets the worker deal with one call's messages; returns how many failed."""
    event = aws.receive(most)
    reply = worker.lambda_handler(event, context or Context())
    aws.acknowledge(event, reply)
    return len(reply["batchItemFailures"])


def work_until_empty(aws: Aws, most: int = 1) -> None:
    """Calls the worker as long as there are messages."""
    while (event := aws.receive(most))["Records"]:
        aws.acknowledge(event, worker.lambda_handler(event, Context()))


def close(aws: Aws) -> int:
    """Lets the closer deal with all that was tried in vain, once; returns how much it leaves for the operator."""
    event = aws.receive(10, aws.dead_letters)
    reply = closer.lambda_handler(event, Context()) if event["Records"] else {"batchItemFailures": []}
    aws.acknowledge(event, reply, aws.dead_letters)
    return len(reply["batchItemFailures"])


def sweep() -> int:
    """Lets the closer look for what never came; returns how many jobs it ended."""
    ended: int = closer.lambda_handler({"source": "aws.events"}, Context())["ended"]
    return ended


def tone(samples: int) -> bytes:
    """Returns a WAV file of so many samples at 16 kHz."""
    at = np.arange(samples, dtype=np.float32) / 16_000
    return encode(0.3 * np.sin(2 * np.pi * 440 * at).astype(np.float32), 16_000)
