"""A job from its making to its transcript: the API over HTTP and the worker, both under `sam local`, against one S3."""

import json
from pathlib import Path
from typing import Any

import pytest

from handler import job
from local.event import http_event
from tests.jobs.aws import UNAVAILABLE, upload

from .api import Api
from .conftest import ROOT
from .replies import comparable_body, of_host
from .sam import Sam

_SPEECH = (ROOT / "events/sample.ogg").read_bytes()


def ask(api: Api, method: str, path: str, content: Any = None) -> tuple[int, str]:
    """Sends a request with JSON, and with a key; returns status and body."""
    body = b"" if content is None else json.dumps(content).encode()
    status, _, reply = api.send(method, path, body, "application/json" if body else "", key=api.keys["alice"])
    return status, reply


def uploaded(api: Api, data: bytes) -> str:
    """Makes a job and uploads its recording; returns its id."""
    status, body = ask(api, "POST", "/v1/jobs", {"content_type": "audio/ogg", "content_length": len(data)})
    assert status == 201, body
    made = json.loads(body)
    answer = upload(made["upload"], data)
    assert answer[0] == 204, answer
    job_id: str = made["id"]
    return job_id


def job_of(record: dict[str, Any]) -> str:
    """Returns the id of the job that a message of the queue is about."""
    (stored,) = json.loads(record["body"])["Records"]
    return job.id_of_upload(stored["s3"]["object"]["key"].replace("%2F", "/"))


@pytest.fixture(scope="module")
def jobs(api: Api) -> dict[str, str]:
    """The ids of a good recording, of one that is none, and of one that cannot be dealt with now."""
    return {
        "good": uploaded(api, _SPEECH),
        "no recording": uploaded(api, b"no recording"),
        "poisoned": uploaded(api, _SPEECH),
    }


@pytest.fixture(scope="module")
def event(api: Api, jobs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One batch with all of them, as Lambda makes it of what S3 sent to the queue."""
    batch = api.aws.receive(10)
    assert {job_of(record) for record in batch["Records"]} == set(jobs.values())
    path = tmp_path_factory.mktemp("events") / "batch.json"
    path.write_text(json.dumps(batch))
    return path


@pytest.fixture(scope="module")
def reply(api: Api, sam_cli: Sam, jobs: dict[str, str], event: Path) -> Any:
    """What the worker returned of the batch, while S3 refuses one of the recordings."""
    refused = job.upload_key(jobs["poisoned"])
    api.aws.front.fault = lambda method, key: UNAVAILABLE if (method, key) == ("GET", refused) else None
    try:
        return sam_cli.invoke("WorkerFunction", api.template, event)
    finally:
        api.aws.front.fault = lambda _method, _key: None


def test_a_job_is_queued_until_the_worker_takes_it_up(api: Api, jobs: dict[str, str]) -> None:
    status, body = ask(api, "GET", f"/v1/jobs/{jobs['good']}")
    assert (status, json.loads(body)["status"]) == (200, "queued")


def test_the_worker_gives_back_what_it_could_not_deal_with_and_that_alone(
    api: Api, jobs: dict[str, str], event: Path, reply: Any
) -> None:
    ids = {job_of(record): record["messageId"] for record in json.loads(event.read_text())["Records"]}
    assert reply == {"batchItemFailures": [{"itemIdentifier": ids[jobs["poisoned"]]}]}
    assert api.aws.result(job.result_key(job.upload_key(jobs["poisoned"]))) is None
    assert json.loads(ask(api, "GET", f"/v1/jobs/{jobs['poisoned']}")[1])["status"] == "processing"


@pytest.mark.usefixtures("reply")
def test_a_good_recording_beside_it_has_the_transcript_of_the_host(api: Api, jobs: dict[str, str]) -> None:
    expected = of_host(http_event("POST", "/transcribe", {"content-type": "audio/ogg"}, _SPEECH))["body"]
    result = api.aws.result(f"results/{jobs['good']}.json")
    assert result is not None
    assert comparable_body(json.dumps(result["transcript"])) == comparable_body(expected)
    status, body = ask(api, "GET", f"/v1/jobs/{jobs['good']}")
    assert (status, json.loads(body)["status"]) == (200, "completed")
    assert comparable_body(json.dumps(json.loads(body)["transcript"])) == comparable_body(expected)
    status, subtitles = ask(api, "GET", f"/v1/jobs/{jobs['good']}?response_format=srt")
    asked = http_event("POST", "/transcribe", {"content-type": "audio/ogg"}, _SPEECH, "response_format=srt")
    assert (status, subtitles) == (200, of_host(asked)["body"])


@pytest.mark.usefixtures("reply")
def test_what_is_no_recording_beside_it_failed_with_the_reason(api: Api, jobs: dict[str, str]) -> None:
    status, body = ask(api, "GET", f"/v1/jobs/{jobs['no recording']}")
    found = json.loads(body)
    assert (status, found["status"], found["error"]["code"]) == (200, "failed", "invalid_audio")


@pytest.mark.usefixtures("reply")
def test_when_the_batch_comes_again_the_rest_is_done_and_nothing_twice(
    api: Api, sam_cli: Sam, jobs: dict[str, str], event: Path
) -> None:
    assert sam_cli.invoke("WorkerFunction", api.template, event) == {"batchItemFailures": []}
    assert json.loads(ask(api, "GET", f"/v1/jobs/{jobs['poisoned']}")[1])["status"] == "completed"
    assert [api.aws.front.writes[f"results/{job_id}.json"] for job_id in jobs.values()] == [1, 1, 1]


def test_a_job_wants_a_key(api: Api, jobs: dict[str, str]) -> None:
    for method, path in (("POST", "/v1/jobs"), ("GET", f"/v1/jobs/{jobs['good']}")):
        assert api.send(method, path, b"{}", "application/json")[0] == 401
