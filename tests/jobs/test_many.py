"""Five hundred recordings with faults at random: every one ends as one result, or in the dead-letter queue."""

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from handler import job, worker
from handler.settings import Settings
from handler.storage import Storage
from handler.worker import Worker
from hark.recognizer import Recognizer

from .aws import ANSWER_LOST, CUT_OFF, UNAVAILABLE, Aws, upload
from .conftest import Context, create, tone

RECORDINGS = 500
AT_ONCE = 50  # in the queue; moto looks at every message with every call
SEED = 20_261_124
# Shares of requests, of steps of a worker, of messages and of recordings.
FAULTY_REQUESTS, KILLED, DELIVERED_TWICE, NO_RECORDINGS, POISONED = 0.04, 0.004, 0.1, 0.05, 0.02


class Killed(BaseException):
    """The end of the process, which no code of the worker sees."""


class Chaos(Storage):
    """The bucket as a worker sees it that may end before and after whatever it does, and ends in an error at some."""

    def __init__(self, aws: Aws, draw: random.Random) -> None:
        super().__init__(aws.storage.bucket, aws.s3)
        self._draw = draw
        self.poisoned: set[str] = set()
        self.kills = 0
        self.calm = False

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return self._mortal(found) if name in ("read_json", "write_json", "etag", "download") else found

    def _mortal(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(key: str, *arguments: Any, **options: Any) -> Any:
            self._perhaps_die()
            if method.__name__ == "download" and key in self.poisoned and not self.calm:
                raise RuntimeError("what no try survives")
            answer = method(key, *arguments, **options)
            self._perhaps_die()
            return answer

        return call

    def _perhaps_die(self) -> None:
        if not self.calm and self._draw.random() < KILLED:
            self.kills += 1
            raise Killed


def test_nothing_is_lost_and_nothing_is_doubled(
    aws: Aws,
    settings: Settings,
    recognizer: Recognizer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw = random.Random(SEED)
    accepted: dict[str, int] = {}
    chaos = Chaos(aws, draw)
    monkeypatch.setattr(worker, "_worker", lambda: Worker(settings, recognizer, chaos))
    calls = 0
    for first in range(0, RECORDINGS, AT_ONCE):
        aws.front.fault = lambda _method, _key: None
        wave = accept(aws, draw, first)
        chaos.poisoned |= {key for key in wave if draw.random() < POISONED}
        accepted |= wave
        aws.front.fault = lambda method, _key: fault(draw, method)
        calls += deal_with_all(aws, draw)
    dead, poisoned = aws.dead(), chaos.poisoned
    dead_keys = {record["s3"]["object"]["key"].replace("%2F", "/") for body in dead for record in body["Records"]}
    aws.front.fault = lambda _method, _key: None
    results = {key: aws.result(job.result_key(key)) for key in accepted}
    lost = [key for key, result in results.items() if result is None and key not in dead_keys]
    doubled = [key for key in accepted if aws.front.writes[job.result_key(key)] > 1]
    with capsys.disabled():
        statuses = dict(Counter(result["status"] if result else "in the DLQ" for result in results.values()))
        print(f"\n{len(accepted)} recordings in {calls} calls; S3 {dict(aws.front.injected)}", end=", ")
        print(f"killed {chaos.kills}: {statuses}; lost {len(lost)}, doubled {len(doubled)}", end=" ")
    assert (lost, doubled) == ([], [])
    assert poisoned <= dead_keys
    assert not [key for key in poisoned if results[key]]
    assert_each_is_its_own(accepted, results)
    # And once the faults are over, a redrive finishes the rest.
    chaos.calm = True
    for body in dead:
        aws.sqs.send_message(QueueUrl=aws.queue, MessageBody=json.dumps(body))
    deal_with_all(aws, draw)
    assert aws.dead() == []
    results = {key: result or aws.result(job.result_key(key)) for key, result in results.items()}
    assert all(results.values())
    assert {aws.front.writes[job.result_key(key)] for key in accepted} == {1}
    assert_each_is_its_own(accepted, results)


def accept(aws: Aws, draw: random.Random, first: int) -> dict[str, int]:
    """Uploads the recordings; returns the samples of each, 0 for what is none. No two are of one length."""
    accepted: dict[str, int] = {}
    for number in range(first, first + AT_ONCE):
        samples = 0 if draw.random() < NO_RECORDINGS else 3_200 + 8 * number
        data = tone(samples) if samples else b"no recording"
        if draw.random() < 0.3:
            key = f"inbox/{number}.wav"
            aws.put(key, data)
        else:
            made = create()
            key = job.upload_key(made["id"])
            assert upload(made["upload"], data)[0] == 204
        accepted[key] = samples
    return accepted


def fault(draw: random.Random, method: str) -> str | None:
    if draw.random() >= FAULTY_REQUESTS:
        return None
    return draw.choice([UNAVAILABLE, CUT_OFF] if method == "GET" else [UNAVAILABLE, ANSWER_LOST])


def deal_with_all(aws: Aws, draw: random.Random) -> int:
    """Calls the worker until the queue is empty; returns how often."""
    calls = 0
    while (event := aws.receive(draw.randint(1, 10)))["Records"]:
        calls += 1
        draw.shuffle(event["Records"])
        for record in list(event["Records"]):
            if draw.random() < DELIVERED_TWICE:
                aws.sqs.send_message(QueueUrl=aws.queue, MessageBody=record["body"])
        try:
            reply = worker.lambda_handler(event, Context())
        except Killed:
            reply = None
        aws.acknowledge(event, reply)
    return calls


def assert_each_is_its_own(accepted: dict[str, int], results: dict[str, dict[str, Any] | None]) -> None:
    for key, result in results.items():
        if result is None:
            continue
        assert result["source"]["key"] == key
        if accepted[key]:
            assert result["exact"]["duration_s"] == accepted[key] / 16_000
        else:
            assert result["error"]["code"] == "invalid_audio"
