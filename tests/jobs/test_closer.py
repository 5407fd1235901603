"""Jobs that no worker finishes end all the same: with a reason, once, and the webhook is told once."""

import dataclasses
import functools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from handler import app, closer, ending, job, webhook, webhook_secret, worker
from handler.closer import Closer
from handler.settings import Settings
from handler.worker import Worker
from hark.recognizer import Recognizer
from tests.conftest import EVENTS

from .aws import MAX_RECEIVE_COUNT, UNAVAILABLE, Aws, notification, upload
from .conftest import Context, ask, close, create, sweep, tone, work, work_until_empty

SPEECH = (EVENTS / "sample.ogg").read_bytes()
DAY_S = 86_400


class Killed(BaseException):
    """The end of the process, which no code of the worker sees."""


def die(*_: Any) -> None:
    raise Killed


def uploaded(**fields: Any) -> str:
    made = create(**fields)
    assert upload(made["upload"], SPEECH)[0] == 204
    job_id: str = made["id"]
    return job_id


def job_now(job_id: str) -> Any:
    return ask("GET", f"/v1/jobs/{job_id}")[2]


@pytest.fixture
def days_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock of all functions forward."""
    real = time.time

    def set_forward(days: float) -> None:
        monkeypatch.setattr(time, "time", lambda: real() + days * DAY_S)

    return set_forward


@pytest.fixture
def told(
    aws: Aws, settings: Settings, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, str, str]]:
    """Turns webhooks on; holds the job, the status and the id of every message that was sent."""
    allowed = dataclasses.replace(settings, webhook_secret_arn="arn:of:secret")
    monkeypatch.setattr(app, "settings", allowed)
    monkeypatch.setattr(worker, "_worker", lambda: Worker(allowed, recognizer, aws.storage))
    monkeypatch.setattr(closer, "_closer", lambda: Closer(allowed, aws.storage))
    monkeypatch.setattr(webhook_secret, "read", lambda _arn: b"secret")
    sent: list[tuple[str, str, str]] = []

    def send(_url: str, _secret: bytes, job_id: str, status: str, message_id: str = "") -> None:
        sent.append((job_id, status, message_id or job_id))

    monkeypatch.setattr(webhook, "send", send)
    return sent


def refuse_uploads(aws: Aws) -> None:
    aws.front.fault = lambda method, key: UNAVAILABLE if (method, key[:8]) == ("GET", "uploads/") else None


def test_a_job_that_every_try_failed_at_is_failed_with_its_reason_and_tells_so_once(
    aws: Aws, told: list[tuple[str, str, str]]
) -> None:
    job_id = uploaded(webhook_url="https://example.com/hook")
    refuse_uploads(aws)
    work_until_empty(aws)
    assert job_now(job_id)["status"] == "processing"
    for _ in range(3):
        assert close(aws) == 1  # left for the operator
    reply = job_now(job_id)
    assert (reply["status"], reply["error"]["code"]) == ("failed", "laid_aside")
    assert ask("GET", f"/v1/jobs/{job_id}", query="response_format=srt")[0] == 422
    assert told == [(job_id, "failed", job_id)]
    assert aws.front.writes[f"results/{job_id}.json"] == 1


def test_what_was_laid_aside_can_be_redriven_once_the_fault_is_mended_and_tells_so_anew(
    aws: Aws, told: list[tuple[str, str, str]]
) -> None:
    job_id = uploaded(webhook_url="https://example.com/hook")
    refuse_uploads(aws)
    work_until_empty(aws)
    close(aws)
    assert aws.redrive() == 1
    work_until_empty(aws)  # the fault is there still
    close(aws)
    assert job_now(job_id)["error"]["code"] == "laid_aside"
    aws.front.fault = lambda _method, _key: None
    assert aws.redrive() == 1
    work_until_empty(aws)
    assert job_now(job_id)["status"] == "completed"
    assert told == [(job_id, "failed", job_id), (job_id, "completed", f"{job_id}-1")]
    assert aws.front.writes[f"results/{job_id}.json"] == 2
    assert close(aws) == 0


def test_a_late_copy_of_an_event_is_no_redrive(aws: Aws) -> None:
    job_id = uploaded()
    event = aws.receive()
    refuse_uploads(aws)
    aws.acknowledge(event, None)
    work_until_empty(aws)
    close(aws)
    aws.front.fault = lambda _method, _key: None
    assert worker.lambda_handler(event, Context()) == {"batchItemFailures": []}
    assert job_now(job_id)["error"]["code"] == "laid_aside"


def test_a_redrive_changes_nothing_of_what_has_another_result(aws: Aws) -> None:
    done, gone = uploaded(), uploaded()
    bodies = [record["body"] for _ in range(2) for record in aws.receive()["Records"]]
    for body in bodies:
        aws.sqs.send_message(QueueUrl=aws.queue, MessageBody=body)
    assert ask("DELETE", f"/v1/jobs/{gone}")[0] == 200
    work_until_empty(aws)
    before = job_now(done)
    for body in bodies:
        aws.sqs.send_message(QueueUrl=aws.dead_letters, MessageBody=body)
    assert aws.redrive() == 2
    work_until_empty(aws)
    assert job_now(done) == before
    assert ask("GET", f"/v1/jobs/{gone}")[0] == 404


def begin(deadline: Any, timeout_s: int, context: Any) -> None:
    deadline._context, deadline._recordings, deadline.whole_s = context, 0, timeout_s


def test_a_file_of_the_inbox_that_ends_its_workers_ends_two_of_them(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.put("inbox/a.wav", SPEECH)
    monkeypatch.setattr(worker.Deadline, "__init__", functools.partialmethod(begin, -1))
    with monkeypatch.context() as patch:
        patch.setattr(worker, "transcribe", die)
        for _ in range(2):
            event = aws.receive()
            with pytest.raises(Killed):
                worker.lambda_handler(event, Context())
            aws.acknowledge(event, None)
        work_until_empty(aws)  # which no third worker does
    result = aws.result("results/inbox/a.wav.json") or {}
    assert (result["status"], result["error"]["code"]) == ("failed", "not_transcribed")
    assert aws.front.writes["results/inbox/a.wav.json"] == 1
    assert aws.dead() == []


def test_other_content_of_the_inbox_is_not_judged_by_what_was_there_before(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.Deadline, "__init__", functools.partialmethod(begin, -1))
    aws.put("inbox/a.wav", tone(8_000))
    with monkeypatch.context() as patch:
        patch.setattr(worker, "transcribe", die)
        for _ in range(2):
            event = aws.receive()
            with pytest.raises(Killed):
                worker.lambda_handler(event, Context())
            aws.acknowledge(event, None)
    aws.put("inbox/a.wav", tone(11_200))
    work_until_empty(aws)
    assert (aws.result("results/inbox/a.wav.json") or {})["transcript"]["duration"] == 0.7


@pytest.mark.parametrize("key", ["inbox/a.wav", ""])
def test_what_killed_every_worker_that_it_met_ends_in_the_closer_once(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, told: list[tuple[str, str, str]], key: str
) -> None:
    """As where Lambda cannot say how long a function runs, so that no worker knows that another is dead."""
    monkeypatch.setattr(worker.Deadline, "__init__", functools.partialmethod(begin, 10**6))
    job_id = "" if key else uploaded(webhook_url="https://example.com/hook")
    if key:
        aws.put(key, SPEECH)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "transcribe", die)
        for _ in range(MAX_RECEIVE_COUNT):
            event = aws.receive()
            with pytest.raises(Killed):
                worker.lambda_handler(event, Context())
            aws.acknowledge(event, None)
        work_until_empty(aws)
    assert close(aws) == 0  # nothing that an operator could mend
    result_key = job.result_key(key or job.upload_key(job_id))
    result = aws.result(result_key) or {}
    assert (result["status"], result["error"]["code"]) == ("failed", "not_transcribed")
    assert aws.front.writes[result_key] == 1
    assert told == ([] if key else [(job_id, "failed", job_id)])
    assert aws.dead() == []


def test_a_file_of_the_inbox_that_was_laid_aside_can_be_redriven(aws: Aws) -> None:
    aws.put("inbox/a.wav", SPEECH)
    aws.front.fault = lambda method, key: UNAVAILABLE if (method, key[:6]) == ("GET", "inbox/") else None
    work_until_empty(aws)
    assert close(aws) == 1
    assert (aws.result("results/inbox/a.wav.json") or {})["error"]["code"] == "laid_aside"
    aws.front.fault = lambda _method, _key: None
    assert aws.redrive() == 1
    work_until_empty(aws)
    assert (aws.result("results/inbox/a.wav.json") or {})["status"] == "completed"


@pytest.mark.parametrize(
    "body", ["no json", notification("elsewhere/a.wav", "0" * 32), notification("uploads/job_" + "x" * 32, "0" * 32)]
)
def test_what_no_result_belongs_to_is_left_for_the_operator(aws: Aws, body: str) -> None:
    aws.sqs.send_message(QueueUrl=aws.dead_letters, MessageBody=body)
    assert close(aws) == 1
    assert not aws.front.writes


def test_the_closer_may_fail_and_be_called_again(aws: Aws, told: list[tuple[str, str, str]]) -> None:
    job_id = uploaded(webhook_url="https://example.com/hook")
    refuse_uploads(aws)
    work_until_empty(aws)
    aws.front.fault = lambda method, key: UNAVAILABLE if (method, key[:8]) == ("PUT", "results/") else None
    assert close(aws) == 1
    assert job_now(job_id)["status"] == "processing"
    aws.front.fault = lambda _method, _key: None
    assert close(aws) == 1
    assert job_now(job_id)["error"]["code"] == "laid_aside"
    assert told == [(job_id, "failed", job_id)]


def test_a_job_that_nothing_is_uploaded_for_expires_and_tells_so_once(
    aws: Aws, told: list[tuple[str, str, str]], days_later: Callable[[float], None]
) -> None:
    job_id = create(webhook_url="https://example.com/hook")["id"]
    assert sweep() == 0
    days_later(0.2)  # an upload may be under way still
    assert job_now(job_id)["status"] == "queued"
    assert sweep() == 0
    days_later(0.3)
    reply = job_now(job_id)
    assert (reply["status"], reply["error"]["code"]) == ("expired", "job_expired")
    status, _, refused = ask("GET", f"/v1/jobs/{job_id}", query="response_format=text")
    assert (status, refused["error"]["code"]) == (410, "job_expired")
    assert sweep() == 1
    assert sweep() == 0
    assert job_now(job_id)["status"] == "expired"
    assert told == [(job_id, "expired", job_id)]


def test_an_upload_that_comes_when_its_job_has_expired_changes_nothing(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, days_later: Callable[[float], None]
) -> None:
    """Neither when that was written down nor when it was only told."""
    ids = [create()["id"] for _ in range(2)]
    days_later(0.3)
    with monkeypatch.context() as patch:
        patch.setattr(closer.Closer, "_open", lambda *_: iter([(ids[0], False)]))
        assert sweep() == 1
    assert {job_now(job_id)["status"] for job_id in ids} == {"expired"}
    for job_id in ids:
        aws.put(job.upload_key(job_id), SPEECH)
    event = aws.receive(10)
    for record in event["Records"]:
        body = json.loads(record["body"])
        body["Records"][0]["eventTime"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time()))
        record["body"] = json.dumps(body)
    assert len(event["Records"]) == 2
    assert worker.lambda_handler(event, Context()) == {"batchItemFailures": []}
    assert {job_now(job_id)["status"] for job_id in ids} == {"expired"}


def test_an_upload_that_waits_in_the_queue_does_not_expire(aws: Aws, days_later: Callable[[float], None]) -> None:
    job_id = uploaded()
    days_later(3)
    assert sweep() == 0
    assert job_now(job_id)["status"] == "queued"
    work_until_empty(aws)
    assert job_now(job_id)["status"] == "completed"


@pytest.mark.parametrize("begun", [False, True])
def test_a_job_whose_event_got_lost_has_failed_some_days_later(
    aws: Aws, told: list[tuple[str, str, str]], days_later: Callable[[float], None], begun: bool
) -> None:
    job_id = uploaded(webhook_url="https://example.com/hook")
    if begun:
        refuse_uploads(aws)
        assert work(aws) == 1
    aws.acknowledge(aws.receive(), {"batchItemFailures": []})
    days_later(20)
    reply = job_now(job_id)
    assert (reply["status"], reply["error"]["code"]) == ("failed", "laid_aside")
    assert sweep() == 1
    assert job_now(job_id)["status"] == "failed"
    assert told == [(job_id, "failed", job_id)]


def test_a_job_whose_transcript_was_deleted_after_its_time_has_expired_and_is_not_ended_anew(
    aws: Aws, told: list[tuple[str, str, str]], days_later: Callable[[float], None]
) -> None:
    """The record, which was written later, may be there for a day more."""
    job_id = uploaded(webhook_url="https://example.com/hook")
    work_until_empty(aws)
    for key in (f"results/{job_id}.json", f"uploads/{job_id}"):
        aws.s3.delete_object(Bucket=aws.storage.bucket, Key=key)
    days_later(30)
    assert sweep() == 0
    assert job_now(job_id)["status"] == "expired"
    assert told == [(job_id, "completed", job_id)]


def test_a_sweep_finds_the_ones_among_the_others_and_goes_on_after_a_fault(
    aws: Aws, days_later: Callable[[float], None]
) -> None:
    done = [uploaded() for _ in range(2)]
    work_until_empty(aws)
    never = [create()["id"] for _ in range(5)]
    days_later(0.3)
    aws.front.fault = lambda method, key: UNAVAILABLE if (method, key) == ("GET", job.record_key(never[2])) else None
    assert sweep() == 4
    aws.front.fault = lambda _method, _key: None
    assert sweep() == 1
    assert {job_now(job_id)["status"] for job_id in never} == {"expired"}
    assert {job_now(job_id)["status"] for job_id in done} == {"completed"}


@pytest.mark.parametrize("fault", ["killed", "refused"])
def test_a_webhook_that_was_not_sent_is_sent_by_the_next_sweep_and_not_by_the_one_after(
    aws: Aws, told: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Of a worker whose message does not come again, or of another sweep."""
    job_id = uploaded(webhook_url="https://example.com/hook")
    with monkeypatch.context() as patch:
        if fault == "killed":
            patch.setattr(ending.Ending, "conclude", lambda *_: None)
        else:
            patch.setattr(webhook_secret, "read", lambda _arn: 1 / 0)
        work_until_empty(aws)
    assert told == []
    for _ in range(2):
        assert sweep() == 0
        assert told == [(job_id, "completed", job_id)]
    (record,) = (aws.result(job.record_key(job_id)) or {},)
    assert (record["status"], record["webhook"]) == ("completed", "delivered")


def test_a_sweep_ends_before_its_function_does(aws: Aws, days_later: Callable[[float], None]) -> None:
    create()
    days_later(0.3)
    reply = closer.lambda_handler({}, Context(lambda: 10_000))
    assert reply == {"ended": 0}
    assert sweep() == 1


def test_the_record_of_a_result_is_written_once(aws: Aws) -> None:
    made = job.Job("job_" + "a" * 32, 1, 2, "audio/wav")
    result = {"status": "completed", "finished_at": 3}
    noted = ending.concluded(made, result)
    assert (noted.status, noted.finished_at, noted.progress, noted.turn) == ("completed", 3, 100, 0)
    assert ending.concluded(noted, result) is noted
