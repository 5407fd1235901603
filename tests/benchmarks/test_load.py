"""What the load test notices: instances in this process, of which some die, keep memory or mix up replies."""

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import load
from benchmarks.load import Recording, drive, recordings
from benchmarks.load_figures import Look, Outcome, Run, curve, slope
from tests.container import fleet

Change = Callable[[dict[str, Any]], dict[str, Any]]
BODIES = [f"recording {number}".encode() for number in range(12)]


def transcript(body: bytes) -> dict[str, Any]:
    return {"text": body.decode(), "duration": float(len(body)), "words": []}


class Function:
    """Stands in for a container: replies at once, or dies."""

    def __init__(self, number: int, change: Change) -> None:
        self.container, self._change, self._gone = str(number), change, threading.Event()
        self.is_busy = threading.Lock()

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        assert self.is_busy.acquire(blocking=False), "two requests at the same time"
        try:
            if self._gone.wait(0.02):
                raise ConnectionResetError
            body = json.dumps(transcript(base64.b64decode(event["body"])))
            return self._change({"statusCode": 200, "headers": {}, "body": body})
        finally:
            self.is_busy.release()

    def kill(self, only_handler: bool = False) -> None:
        self._gone.set()

    def end(self) -> None:
        self._gone.set()


def driven(change: Change = lambda reply: reply, waits_s: tuple[float, ...] = (0.05,) * 200) -> Run:
    numbers = iter(range(1000))
    started = fleet.Fleet(lambda: Function(next(numbers), change), 4, spared=2)  # type: ignore[arg-type, return-value]
    started.fill()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "_LOOK_EVERY_S", 0.1)
        patch.setattr(load, "recordings", lambda _seed: [Recording(body, transcript(body)) for body in BODIES])
        run = drive(started, lambda names: dict.fromkeys(names, 100.0), Run(2.0, 20, 4), 0.2, 1, waits_s)
    started.end()
    return run


def test_every_request_gets_its_own_transcript_though_instances_die() -> None:
    run = driven()
    assert run.wrong() == []
    assert len(run.outcomes) == 40
    assert run.counts["killed"] >= 3
    assert run.counts["started"] >= 4 + run.counts["killed"]
    statuses = [status for outcome in run.outcomes for status in outcome.statuses]
    assert statuses.count(500) == run.counts["killed"]
    assert {look.number for look in run.looks} == {0, 1}  # those that nobody kills
    assert f"| killed in mid-request | {run.counts['killed']} |" in run.table()


def test_replies_that_are_mixed_up_are_found() -> None:
    before: list[dict[str, Any]] = []
    turn = threading.Lock()

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        with turn:
            before.append(reply)
            return before[-2] if len(before) % 10 == 0 else reply

    run = driven(change)
    assert run.crossed == len(before) // 10
    assert "transcripts were those of other recordings" in run.wrong()[0]


def test_requests_that_get_no_transcript_and_faults_are_found() -> None:
    run = driven(lambda _reply: {"errorType": "Runtime.Unknown"}, waits_s=())
    assert run.lost == 40
    assert [line.partition(" ")[2] for line in run.wrong()[:1]] == ["requests got no transcript"]
    assert "Runtime.Unknown" in run.wrong()[1]


def looks(per_request_mb: float) -> list[Look]:
    """Two instances of different size, with a cold start's growth at the beginning."""
    return [
        Look(float(count), number, count, 100 + 20 * number + min(count, 50) + per_request_mb * count)
        for count in range(0, 1000, 25)
        for number in (0, 1)
    ]


def test_growth_is_told_apart_from_the_sizes_of_instances_and_from_their_start() -> None:
    assert slope(looks(0)) == pytest.approx(0, abs=1e-9)
    assert slope(looks(0.02)) == pytest.approx(0.02)
    assert slope([]) == 0
    assert "grew by 20.0 MB" in Run(1, 1, 2, looks=looks(0.02), outcomes=[Outcome((200,), 0.1, True)]).wrong()[0]
    assert [round(each) for each in curve(looks(0.02), 2)] == [166, 175]


def test_recordings_can_be_told_apart_by_what_is_said_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_LENGTHS", 3)
    made = recordings(1)
    assert len({json.dumps(each.reply) for each in made}) == len({each.body for each in made}) == len(made) == 36
