"""What one result of every recording rests on: conditions on writes and reads, kept by an S3 that is not ours."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from handler import job
from handler.storage import Gone, Storage, Superseded
from handler.worker import Deadline, Worker
from hark.recognizer import Recognizer
from local.event import http_event
from tests.conftest import EVENTS, invoke
from tests.jobs.aws import BUCKET, client, notification, upload
from tests.jobs.conftest import Context, ask, create, tone

from .conftest import S3

pytestmark = pytest.mark.xdist_group("seaweedfs")

SPEECH = (EVENTS / "sample.ogg").read_bytes()


def work(s3: S3, recognizer: Recognizer, message: str) -> None:
    """Lets a worker deal with a message of S3's."""
    Worker(s3.settings, recognizer, s3.storage).take(message, Deadline(Context()))  # type: ignore[arg-type]


def arrived(s3: S3, key: str) -> str:
    """Returns what S3 says of an object that lies there now."""
    found = client("s3", s3.url).head_object(Bucket=BUCKET, Key=key)
    return notification(key, found["ETag"].strip('"'), found["ContentLength"])


def put(s3: S3, key: str, data: bytes) -> str:
    """Puts an object there; returns what S3 says of it."""
    client("s3", s3.url).put_object(Bucket=BUCKET, Key=key, Body=data)
    return arrived(s3, key)


def written(s3: S3, key: str) -> Any:
    """Returns what changes when an object is written again, were it with the same bytes."""
    return client("s3", s3.url).head_object(Bucket=BUCKET, Key=key)["LastModified"]


def test_a_job_ends_as_the_transcript_of_the_synchronous_route_however_often_its_event_comes(
    s3: S3, recognizer: Recognizer
) -> None:
    made = create()
    path = f"/v1/jobs/{made['id']}"
    assert ask("GET", path)[2]["status"] == "queued"
    assert upload(made["upload"], SPEECH)[0] == 204
    message = arrived(s3, job.upload_key(made["id"]))
    work(s3, recognizer, message)
    reply = ask("GET", path)[2]
    assert reply["status"] == "completed"
    assert reply["transcript"] == invoke(http_event("POST", "/transcribe", {"content-type": "audio/ogg"}, SPEECH))[2]
    result = job.result_key(job.upload_key(made["id"]))
    before = written(s3, result)
    work(s3, recognizer, message)
    assert written(s3, result) == before
    assert ask("GET", path)[2] == reply


def test_what_is_no_recording_fails_with_a_reason(s3: S3, recognizer: Recognizer) -> None:
    made = create()
    assert upload(made["upload"], b"no recording")[0] == 204
    work(s3, recognizer, arrived(s3, job.upload_key(made["id"])))
    reply = ask("GET", f"/v1/jobs/{made['id']}")[2]
    assert (reply["status"], reply["error"]["code"]) == ("failed", "invalid_audio")


def test_events_out_of_order_leave_the_result_of_the_last_content(s3: S3, recognizer: Recognizer) -> None:
    messages = [put(s3, "inbox/a b+ü.wav", tone(samples)) for samples in (8_000, 9_600, 11_200)]
    for message in (*messages[::-1], *messages):
        work(s3, recognizer, message)
    result = s3.storage.read_json("results/inbox/a b+ü.wav.json")
    assert result is not None
    assert result.content["transcript"]["duration"] == 0.7


def test_of_many_who_make_an_object_at_once_one_does(s3: S3) -> None:
    storages = [Storage(BUCKET) for _ in range(8)]
    for turn in range(3):
        key = f"results/made-at-once-{turn}.json"
        with ThreadPoolExecutor(len(storages)) as pool:
            wrote = list(
                pool.map(lambda i: storages[i].write_json(key, {"by": i}, None), range(len(storages)))  # noqa: B023
            )
        assert wrote.count(True) == 1
        assert s3.storage.read_json(key).content == {"by": wrote.index(True)}


def test_of_many_who_replace_an_object_at_once_one_does(s3: S3) -> None:
    storages = [Storage(BUCKET) for _ in range(8)]
    for turn in range(3):
        key = f"results/replaced-at-once-{turn}.json"
        s3.storage.write_json(key, {"by": None}, None)
        seen = s3.storage.read_json(key)
        with ThreadPoolExecutor(len(storages)) as pool:
            wrote = list(
                pool.map(lambda i: storages[i].write_json(key, {"by": i}, seen), range(len(storages)))  # noqa: B023
            )
        assert wrote.count(True) == 1
        assert s3.storage.read_json(key).content == {"by": wrote.index(True)}


def test_an_object_that_is_gone_is_not_replaced(s3: S3) -> None:
    s3.storage.write_json("jobs/gone.json", {}, None)
    seen = s3.storage.read_json("jobs/gone.json")
    client("s3", s3.url).delete_object(Bucket=BUCKET, Key="jobs/gone.json")
    assert s3.storage.write_json("jobs/gone.json", {"a": 1}, seen) is False
    assert s3.storage.read_json("jobs/gone.json") is None


def test_other_bytes_than_the_event_tells_of_are_not_read(s3: S3) -> None:
    put(s3, "inbox/read.wav", tone(8_000))
    etag = s3.storage.etag("inbox/read.wav")
    assert etag is not None
    file = io.BytesIO()
    s3.storage.download("inbox/read.wav", etag, file)
    assert file.getvalue() == tone(8_000)
    with pytest.raises(Superseded):
        s3.storage.download("inbox/read.wav", "0" * 32, file)
    with pytest.raises(Gone):
        s3.storage.download("inbox/nothing.wav", etag, file)
