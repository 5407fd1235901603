"""The worker under the faults there are: one result of every recording, whatever happens on the way."""

import functools
import io
import json
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from handler import job, worker
from handler.s3_events import Arrival, arrivals
from handler.settings import Settings
from handler.worker import Worker
from hark.errors import ModelError
from hark.recognizer import Recognizer
from tests.conftest import EVENTS

from .aws import ANSWER_LOST, BUCKET, CUT_OFF, MAX_RECEIVE_COUNT, UNAVAILABLE, Aws, notification, upload
from .conftest import Context, ask, create, tone, work, work_until_empty

SPEECH = (EVENTS / "sample.ogg").read_bytes()


def uploaded(data: bytes = SPEECH) -> str:
    made = create()
    assert upload(made["upload"], data)[0] == 204
    job_id: str = made["id"]
    return job_id


def status_of(job_id: str) -> str:
    status: str = ask("GET", f"/v1/jobs/{job_id}")[2]["status"]
    return status


def once(fault: str, method: str, prefix: str) -> Callable[[str, str], str | None]:
    """Returns a fault that happens to the first request of its kind."""
    left = [fault]
    return lambda asked, key: left.pop() if left and (asked, key.startswith(prefix)) == (method, True) else None


@pytest.mark.parametrize(
    ("fault", "method", "prefix"),
    [
        (UNAVAILABLE, "GET", "jobs/"),
        (UNAVAILABLE, "PUT", "jobs/"),
        (ANSWER_LOST, "PUT", "jobs/"),
        (UNAVAILABLE, "GET", "uploads/"),
        (CUT_OFF, "GET", "uploads/"),
        (UNAVAILABLE, "GET", "results/"),
        (UNAVAILABLE, "PUT", "results/"),
        (ANSWER_LOST, "PUT", "results/"),
    ],
)
def test_a_fault_of_s3_that_passes_costs_a_try_and_no_result(aws: Aws, fault: str, method: str, prefix: str) -> None:
    job_id = uploaded()
    aws.front.fault = once(fault, method, prefix)
    assert work(aws) == 1
    work_until_empty(aws)
    assert aws.front.injected == {fault: 1}
    assert status_of(job_id) == "completed"
    assert aws.front.writes[f"results/{job_id}.json"] == 1
    assert aws.dead() == []


def test_a_fault_that_stays_ends_in_the_dead_letter_queue_and_a_redrive_finishes_it(aws: Aws) -> None:
    job_id = uploaded()
    aws.front.fault = lambda method, key: UNAVAILABLE if (method, key[:8]) == ("GET", "uploads/") else None
    work_until_empty(aws)
    assert aws.front.injected[UNAVAILABLE] == MAX_RECEIVE_COUNT
    assert status_of(job_id) == "processing"
    aws.front.fault = lambda _method, _key: None
    assert aws.redrive() == 1
    work_until_empty(aws)
    assert status_of(job_id) == "completed"


def test_a_poisoned_recording_leaves_the_good_ones_of_its_batch_alone(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [uploaded(tone(4_000 + i)) for i in range(3)]
    bad, poisoned = uploaded(b"no recording"), uploaded(SPEECH)
    download = aws.storage.download

    def fail(key: str, *arguments: Any) -> None:
        if key.endswith(poisoned):
            raise RuntimeError("a bug that this recording alone brings out")
        download(key, *arguments)

    monkeypatch.setattr(aws.storage, "download", fail)
    event = aws.receive(10)
    reply = worker.lambda_handler(event, Context())
    failed = [failure["itemIdentifier"] for failure in reply["batchItemFailures"]]
    assert [poisoned in r["body"] for r in event["Records"] if r["messageId"] in failed] == [True]
    aws.acknowledge(event, reply)
    work_until_empty(aws, most=10)
    assert [status_of(job_id) for job_id in good] == ["completed"] * 3
    assert status_of(bad) == "failed"
    (dead,) = aws.dead()
    assert poisoned in json.dumps(dead)


def test_the_same_event_many_times_makes_one_result(aws: Aws) -> None:
    job_id = uploaded()
    event = aws.receive()
    for _ in range(5):
        assert worker.lambda_handler(event, Context()) == {"batchItemFailures": []}
    both = {"Records": event["Records"] * 2}
    assert worker.lambda_handler(both, Context()) == {"batchItemFailures": []}
    assert aws.front.writes[f"results/{job_id}.json"] == 1


def test_workers_side_by_side_on_the_same_event_make_one_result(aws: Aws, settings: Settings, recognizer: Any) -> None:
    """Each transcribes, one writes."""
    job_id = uploaded()
    body = aws.receive()["Records"][0]["body"]
    meeting = threading.Barrier(4)

    class Together:
        spec = recognizer.spec

        def run(self, log_mels: Any) -> Any:
            meeting.wait(20)
            return recognizer.run(log_mels)

        def run_with_features(self, log_mels: Any) -> Any:
            meeting.wait(20)
            return recognizer.run_with_features(log_mels)

    def take() -> None:
        Worker(settings, Together(), aws.storage).take(body, worker.Deadline(Context()))  # type: ignore[arg-type]

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert aws.front.writes[f"results/{job_id}.json"] == 1
    assert status_of(job_id) == "completed"


def test_a_worker_that_ends_in_the_middle_leaves_nothing_behind_and_the_next_one_finishes(
    aws: Aws, settings: Settings, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    class Dying:
        spec = recognizer.spec

        def run(self, _log_mels: Sequence[Any]) -> Any:
            raise Killed

        run_with_features = run

    job_id = uploaded()
    event = aws.receive()
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_worker", lambda: Worker(settings, Dying(), aws.storage))
        with pytest.raises(Killed):
            worker.lambda_handler(event, Context())
    aws.acknowledge(event, None)
    assert status_of(job_id) == "processing"
    work_until_empty(aws)
    assert status_of(job_id) == "completed"
    assert aws.front.writes[f"results/{job_id}.json"] == 1


class NoMemory(io.BytesIO):
    """A file that cannot be written for want of memory."""

    def write(self, _: Any) -> int:
        raise MemoryError


@pytest.mark.parametrize("full", [functools.partial(open, "/dev/full", "r+b"), NoMemory])
def test_a_full_disk_or_memory_costs_a_try(aws: Aws, monkeypatch: pytest.MonkeyPatch, full: Callable[[], Any]) -> None:
    job_id = uploaded()
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", full)
        assert work(aws) == 1
    work_until_empty(aws)
    assert status_of(job_id) == "completed"
    assert aws.front.writes[f"results/{job_id}.json"] == 1


def test_the_recording_on_disk_has_no_name_and_is_gone_afterwards(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = []
    monkeypatch.setattr(worker, "transcribe", lambda *_: seen.append(list(tmp_path.iterdir())) or 1 / 0)
    uploaded()
    assert work(aws) == 0
    assert seen == [[]]


def test_time_that_runs_out_is_said_while_there_is_some(aws: Aws) -> None:
    job_id = uploaded(tone(16_000 * 40))
    left = iter([900_000] * 4 + [30_000] * 100)
    assert work(aws, context=Context(lambda: next(left))) == 0
    reply = ask("GET", f"/v1/jobs/{job_id}")[2]
    assert (reply["status"], reply["error"]["code"]) == ("failed", "took_too_long")


def test_time_that_runs_out_within_a_block_is_said_too(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a damaged file is read for minutes before the first sound."""

    def read(*_: Any) -> None:
        while True:
            sum(range(1000))

    monkeypatch.setattr(worker, "transcribe", read)
    job_id = uploaded(tone(8_000))
    end = time.monotonic() + 0.5
    handler = signal.getsignal(signal.SIGALRM)
    assert work(aws, context=Context(lambda: 45_000 + int(1000 * (end - time.monotonic())))) == 0
    reply = ask("GET", f"/v1/jobs/{job_id}")[2]
    assert (reply["status"], reply["error"]["code"]) == ("failed", "took_too_long")
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (MemoryError, "took_too_much_memory"),
        (RuntimeError, "not_transcribed"),
        (ValueError, "not_transcribed"),
        (RecursionError, "not_transcribed"),
    ],
)
def test_whatever_a_recording_brings_out_is_one_result_with_its_reason(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, fault: type[Exception], code: str
) -> None:
    def fail(*_: Any) -> None:
        raise fault("what nobody shall read in a reply")

    job_id = uploaded()
    with monkeypatch.context() as patch:
        patch.setattr(worker, "transcribe", fail)
        assert work(aws) == 0
    reply = ask("GET", f"/v1/jobs/{job_id}")[2]
    assert (reply["status"], reply["error"]["code"]) == ("failed", code)
    assert "nobody" not in json.dumps(reply)
    work_until_empty(aws)
    assert aws.front.writes[f"results/{job_id}.json"] == 1
    assert aws.dead() == []


def test_a_model_that_cannot_be_read_is_the_operators_to_mend(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ModelError("the model is damaged")

    job_id = uploaded()
    with monkeypatch.context() as patch:
        patch.setattr(worker, "transcribe", fail)
        assert work(aws) == 1
    work_until_empty(aws)
    assert status_of(job_id) == "completed"


class Killed(BaseException):
    """The end of the process, which no code of the worker sees."""


def die(*_: Any) -> None:
    raise Killed


def deliver_and_die(aws: Aws, monkeypatch: pytest.MonkeyPatch, context: Context) -> None:
    event = aws.receive()
    with monkeypatch.context() as patch:
        patch.setattr(worker, "transcribe", die)
        with pytest.raises(Killed):
            worker.lambda_handler(event, context)
    aws.acknowledge(event, None)


@pytest.mark.parametrize(
    ("timeout_s", "status"),
    [
        pytest.param(-1, "failed", id="each was given up long ago"),
        pytest.param(900, "completed", id="all may still be at work"),
    ],
)
def test_a_recording_that_ends_its_workers_ends_two_of_them(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, timeout_s: int, status: str
) -> None:
    """By too much memory, a fault in compiled code or Lambda's timeout. MAX_RECEIVE_COUNT is three here."""
    job_id = uploaded()
    monkeypatch.setattr(worker.Deadline, "__init__", functools.partialmethod(begin, timeout_s))
    for _ in range(2):
        deliver_and_die(aws, monkeypatch, Context())
        assert status_of(job_id) == "processing"
    work_until_empty(aws)
    reply = ask("GET", f"/v1/jobs/{job_id}")[2]
    assert reply["status"] == status
    assert reply.get("error", {}).get("code") == ("not_transcribed" if status == "failed" else None)
    assert aws.dead() == []


def begin(deadline: Any, timeout_s: int, context: Any) -> None:
    deadline._context, deadline._recordings, deadline.whole_s = context, 0, timeout_s


def test_faults_of_s3_are_not_counted_as_ends_of_workers(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = uploaded()
    monkeypatch.setattr(worker.Deadline, "__init__", functools.partialmethod(begin, -1))
    for _ in range(2):
        aws.front.fault = once(UNAVAILABLE, "GET", "uploads/")
        assert work(aws) == 1
    work_until_empty(aws)
    assert status_of(job_id) == "completed"


def test_a_recording_whose_time_others_took_is_tried_again(aws: Aws) -> None:
    first, second = uploaded(tone(8_000)), uploaded(tone(8_001))
    left = iter([900_000] * 5 + [30_000] * 100)
    assert work(aws, most=2, context=Context(lambda: next(left))) == 1
    assert sorted([status_of(first), status_of(second)]) == ["completed", "queued"]
    work_until_empty(aws)
    assert [status_of(first), status_of(second)] == ["completed", "completed"]


def test_the_captured_event_names_its_object() -> None:
    (arrival,) = arrivals((EVENTS / "s3-object-created.json").read_text())
    assert arrival == Arrival("recordings", "incoming/sample one.ogg", "983837a27051a6eb07ce250935bb6a30", 19_625)


def test_the_inbox_is_transcribed_under_any_name(aws: Aws) -> None:
    names = ["inbox/2026/a b+c.ogg", "inbox/größe & 100%.wav", "inbox/.hidden", "inbox/a..b/c...", "inbox/uploads/x"]
    for name in names:
        aws.put(name, SPEECH)
    aws.put("inbox/folder/", b"")
    work_until_empty(aws)
    for name in names:
        result = aws.result(f"results/{name}.json")
        assert result is not None
        assert result["status"] == "completed"
        assert result["source"]["key"] == name
    assert aws.result("results/inbox/folder/.json") is None
    assert aws.dead() == []


def test_a_file_of_the_inbox_that_is_written_again_has_the_result_of_its_last_content(aws: Aws) -> None:
    aws.put("inbox/a.wav", tone(8_000))
    work_until_empty(aws)
    aws.put("inbox/a.wav", tone(9_600))
    aws.put("inbox/a.wav", tone(11_200))
    work_until_empty(aws)
    result = aws.result("results/inbox/a.wav.json")
    assert result is not None
    assert result["transcript"]["duration"] == 0.7
    assert aws.front.writes["results/inbox/a.wav.json"] == 2


def test_events_out_of_order_leave_the_result_of_the_last_content(aws: Aws) -> None:
    bodies = []
    for samples in (8_000, 9_600, 11_200):
        aws.put("inbox/a.wav", tone(samples))
        bodies += [record["body"] for record in aws.receive()["Records"]]
    for body in [*bodies[::-1], *bodies]:
        aws.sqs.send_message(QueueUrl=aws.queue, MessageBody=body)
    work_until_empty(aws)
    result = aws.result("results/inbox/a.wav.json")
    assert result is not None
    assert result["transcript"]["duration"] == 0.7
    assert aws.front.writes["results/inbox/a.wav.json"] == 1


def test_content_that_is_replaced_while_it_is_transcribed_gets_no_result(
    aws: Aws, settings: Settings, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither before nor after the result of what replaced it."""
    aws.put("inbox/a.wav", tone(8_000))
    body = aws.receive()["Records"][0]["body"]
    download = aws.storage.download

    def replaced(*arguments: Any) -> None:
        download(*arguments)
        monkeypatch.setattr(aws.storage, "download", download)
        aws.put("inbox/a.wav", tone(11_200))
        work_until_empty(aws)

    monkeypatch.setattr(aws.storage, "download", replaced)
    Worker(settings, recognizer, aws.storage).take(body, worker.Deadline(Context()))  # type: ignore[arg-type]
    result = aws.result("results/inbox/a.wav.json")
    assert result is not None
    assert result["transcript"]["duration"] == 0.7
    assert aws.front.writes["results/inbox/a.wav.json"] == 1


def test_a_file_that_was_taken_out_of_the_inbox_is_no_matter_and_may_come_back(aws: Aws) -> None:
    aws.put("inbox/a.wav", tone(8_000))
    aws.s3.delete_object(Bucket=BUCKET, Key="inbox/a.wav")
    work_until_empty(aws)
    assert aws.result("results/inbox/a.wav.json") is None
    aws.put("inbox/a.wav", tone(8_000))
    work_until_empty(aws)
    assert (aws.result("results/inbox/a.wav.json") or {})["status"] == "completed"


def test_an_upload_that_was_deleted_fails_its_job(aws: Aws) -> None:
    job_id = uploaded()
    aws.s3.delete_object(Bucket=BUCKET, Key=job.upload_key(job_id))
    work_until_empty(aws)
    assert ask("GET", f"/v1/jobs/{job_id}")[2]["error"]["code"] == "recording_gone"


def test_what_s3_sends_when_notifications_are_set_up_is_ignored(aws: Aws) -> None:
    aws.sqs.send_message(QueueUrl=aws.queue, MessageBody=json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}))
    assert work(aws) == 0
    assert not aws.receive()["Records"]


@pytest.mark.parametrize(
    "key",
    ["inbox/../uploads/x", "inbox/a/../../b", "inbox/./a", "inbox//a", "inbox/a\\..\\b", "inbox/a\nb", "uploads/../x",
     "uploads/job_short", "uploads/job_" + "x" * 32, "uploads/" + "x" * 36, "results/a.json", "other/a.wav",
     "inbox/" + "a" * 1006],
)  # fmt: skip
def test_a_key_that_leads_elsewhere_has_no_result_and_is_kept_for_the_operator(aws: Aws, key: str) -> None:
    aws.sqs.send_message(QueueUrl=aws.queue, MessageBody=notification(key, "0" * 32))
    work_until_empty(aws)
    assert not aws.front.writes
    assert len(aws.dead()) == 1


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", '{"Records": 7}', '{"Records": [{}]}', '{"Event": "x"}'])
def test_a_message_that_is_not_from_s3_is_kept_for_the_operator(aws: Aws, body: str) -> None:
    event = {"Records": [{"messageId": "m", "body": body, "eventSource": "aws:sqs", "attributes": {}}]}
    assert worker.lambda_handler(event, Context()) == {"batchItemFailures": [{"itemIdentifier": "m"}]}


def test_an_event_of_another_bucket_reads_nothing(aws: Aws) -> None:
    asked = []
    aws.front.fault = lambda method, key: asked.append((method, key))
    event = {"messageId": "m", "body": notification("inbox/a", "0" * 32, bucket="elsewhere"), "eventSource": "aws:sqs"}
    assert worker.lambda_handler({"Records": [event]}, Context())["batchItemFailures"]
    assert asked == []


def test_a_recording_over_the_limit_of_bytes_is_not_even_read(aws: Aws, settings: Settings) -> None:
    asked = []
    aws.put("inbox/big", bytes(settings.job_max_bytes + 1))
    aws.front.fault = lambda method, key: asked.append((method, key))
    work_until_empty(aws)
    assert ("GET", "inbox/big") not in asked
    assert (aws.result("results/inbox/big.json") or {})["error"]["code"] == "audio_too_long"


def test_a_clock_that_is_five_minutes_off_changes_nothing_but_the_times(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = uploaded()
    clock = time.time
    with monkeypatch.context() as patch:
        patch.setattr(worker.time, "time", lambda: clock() - 300)
        event = aws.receive()
        worker.lambda_handler(event, Context())
        patch.setattr(worker.time, "time", lambda: clock() + 300)
        worker.lambda_handler(event, Context())
    assert status_of(job_id) == "completed"
    assert aws.front.writes[f"results/{job_id}.json"] == 1


def test_neither_transcript_nor_name_is_logged(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr(worker.logger.registered_handler, "stream", output)
    worker.logger.setLevel("DEBUG")
    try:
        aws.put("inbox/secret name.ogg", SPEECH)
        aws.put("inbox/secret/../name.ogg", SPEECH)
        work_until_empty(aws)
    finally:
        worker.logger.setLevel("ERROR")
    text = (aws.result("results/inbox/secret name.ogg.json") or {})["transcript"]["text"]
    assert "transcribed" in output.getvalue()
    assert "left in the queue" in output.getvalue()
    assert text[:20] not in output.getvalue()
    assert "secret" not in output.getvalue()


def test_memory_does_not_grow_with_the_recording(settings: Settings, recognizer: Recognizer, tmp_path: Any) -> None:
    """What is mapped from the file may be taken away again, and does not count."""
    import mmap

    import soundfile as sf

    from hark.pipeline import Timings, transcribe

    def anonymous_mb() -> float:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))

    peaks = []
    for seconds in (300, 1500):
        path = tmp_path / "a.wav"
        with sf.SoundFile(path, "w", 48_000, 1, subtype="FLOAT") as file:
            for _ in range(seconds):
                file.write(np.zeros(48_000, np.float32))
        seen = [anonymous_mb()]
        with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            transcribe(data, recognizer, 1e9, Timings(), lambda: seen.append(anonymous_mb()))  # noqa: B023
        peaks.append(max(seen))
    assert peaks[1] - peaks[0] < 20, peaks
