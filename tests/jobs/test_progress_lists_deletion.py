"""What a caller sees of a job under way, the list of a caller's jobs, and what is left of a job that is deleted."""

import json
from typing import Any

import pytest
import yaml

from handler import caller, job, progress, worker
from handler.settings import Settings
from handler.worker import Worker
from hark.recognizer import Recognizer
from local.event import http_event
from tests.conftest import EVENTS, ROOT

from .aws import UNAVAILABLE, Aws, upload
from .conftest import Context, ask, create, tone, work, work_until_empty

SPEECH = (EVENTS / "sample.ogg").read_bytes()
ALICE = {"lambda": {"keyName": "alice"}}
BOB = {"lambda": {"keyName": "bob"}}


def get(job_id: str) -> Any:
    return ask("GET", f"/v1/jobs/{job_id}")[2]


def uploaded(data: bytes, **fields: Any) -> str:
    made = create(**fields)
    assert upload(made["upload"], data)[0] == 204
    job_id: str = made["id"]
    return job_id


def keys(aws: Aws) -> set[str]:
    return {found.key for found in aws.storage.listed("")}


@pytest.fixture
def every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the worker note its progress with every block."""
    monkeypatch.setattr(progress, "EVERY_S", -1.0)


@pytest.mark.usefixtures("every_block")
def test_progress_is_the_share_of_the_audio_that_is_done(
    aws: Aws, settings: Settings, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute comes in four blocks or so."""
    job_id = uploaded(tone(16_000 * 50))
    seen = [get(job_id)["progress"]]
    note = progress.Progress.note

    def noted(self: Any, done_s: float) -> None:
        note(self, done_s)
        seen.append((get(job_id)["progress"], int(100 * done_s / 50)))

    monkeypatch.setattr(progress.Progress, "note", noted)
    assert work(aws) == 0
    assert seen[0] == 0
    assert all(shown == min(done, 99) for shown, done in seen[1:])
    assert len({shown for shown, _ in seen[1:]}) > 1
    reply = get(job_id)
    assert (reply["status"], reply["progress"]) == ("completed", 100)


def test_progress_is_noted_only_every_few_seconds(aws: Aws) -> None:
    job_id = uploaded(tone(16_000 * 50))
    assert work(aws) == 0
    # That it was made, taken up and finished.
    assert aws.front.writes[job.record_key(job_id)] == 3


@pytest.mark.usefixtures("every_block")
def test_a_fault_of_s3_in_a_note_costs_the_note_and_not_the_try(aws: Aws) -> None:
    job_id = uploaded(tone(16_000 * 50))
    puts = iter([None, *[UNAVAILABLE] * 3])
    aws.front.fault = lambda method, key: next(puts, None) if (method, key[:5]) == ("PUT", "jobs/") else None
    assert work(aws) == 0
    assert aws.front.injected[UNAVAILABLE] == 3
    assert get(job_id)["status"] == "completed"


def page(authorizer: Any = None, query: str = "") -> Any:
    status, _, reply = ask("GET", "/v1/jobs", query=query, authorizer=authorizer)
    assert status == 200, reply
    return reply


def ids(reply: Any) -> list[str]:
    return [each["id"] for each in reply["data"]]


def test_the_list_has_the_callers_own_jobs_the_newest_first(aws: Aws) -> None:
    made = [create(authorizer=each)["id"] for each in (ALICE, BOB, ALICE, None, ALICE)]
    assert ids(page(ALICE)) == [made[4], made[2], made[0]]
    assert ids(page(BOB)) == [made[1]]
    assert ids(page()) == [made[3]]
    assert not any("alice" in key for key in keys(aws))
    empty = page({"lambda": {"keyName": "carol"}})
    assert empty == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


def test_pages_follow_each_other_and_leave_nothing_out() -> None:
    made = [create()["id"] for _ in range(7)][::-1]
    found, after = [], ""
    for size, more in ((3, True), (3, True), (1, False)):
        reply = page(query=f"limit=3{after}")
        assert (len(reply["data"]), reply["has_more"]) == (size, more)
        assert (reply["first_id"], reply["last_id"]) == (ids(reply)[0], ids(reply)[-1])
        found += ids(reply)
        after = f"&after={reply['last_id']}"
    assert found == made
    assert ids(page()) == made


def test_the_list_says_what_became_of_each_and_reads_no_transcript(aws: Aws) -> None:
    done, failed, queued = uploaded(SPEECH), uploaded(b"no recording"), create()["id"]
    work_until_empty(aws)
    asked: list[str] = []
    aws.front.fault = lambda _method, key: asked.append(key)
    reply = page()
    assert {each["id"]: each["status"] for each in reply["data"]} == {
        done: "completed",
        failed: "failed",
        queued: "queued",
    }
    assert not any("transcript" in each for each in reply["data"])
    assert f"results/{done}.json" not in asked


def test_the_list_knows_results_that_no_record_tells_of_yet(aws: Aws) -> None:
    job_id = uploaded(SPEECH)
    puts = iter([None, *[UNAVAILABLE] * 9])
    aws.front.fault = lambda method, key: next(puts) if (method, key[:5]) == ("PUT", "jobs/") else None
    work_until_empty(aws)
    aws.front.fault = lambda _method, _key: None
    (found,) = page()["data"]
    assert (found["id"], found["status"]) == (job_id, "completed")


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        *(
            (f"limit={value}", 400, "limit")
            for value in ("0", "101", "-1", "x", "1e1", "", "%C2%B2", "9" * 5000, "0001" + "9" * 5000)
        ),
        ("after=job_x", 404, "after"),
        ("after=" + "job_" + "a" * 32, 404, "after"),
        ("page=2", 400, "page"),
        ("owner=bob", 400, "owner"),
    ],
)
def test_a_list_that_cannot_be_names_the_parameter(query: str, status: int, param: str) -> None:
    found, _, reply = ask("GET", "/v1/jobs", query=query)
    assert found == status
    assert reply["error"]["param"] == param


def test_a_deleted_job_is_gone_with_its_recording_and_its_transcript(aws: Aws) -> None:
    job_id = uploaded(SPEECH, hotwords=["Quackenbush"], authorizer=ALICE)
    work_until_empty(aws)
    text = get(job_id)["transcript"]["text"]
    status, _, reply = ask("DELETE", f"/v1/jobs/{job_id}", authorizer=ALICE)
    assert (status, reply) == (200, {"id": job_id, "object": "job", "deleted": True})
    for query in ("", "response_format=text"):
        status, _, reply = ask("GET", f"/v1/jobs/{job_id}", query=query)
        assert (status, reply["error"]["code"]) == (404, "job_not_found")
    assert ask("DELETE", f"/v1/jobs/{job_id}")[0] == 404
    assert ids(page(ALICE)) == []
    assert keys(aws) == {f"jobs/{job_id}.json", f"results/{job_id}.json"}
    left = json.dumps([aws.result(key) for key in keys(aws)])
    assert text[:20] not in left
    assert "Quackenbush" not in left


def test_who_deletes_anothers_job_by_its_id_leaves_no_trace_in_the_others_list(aws: Aws) -> None:
    job_id = create(authorizer=ALICE)["id"]
    kept = create(authorizer=ALICE)["id"]
    assert ask("DELETE", f"/v1/jobs/{job_id}", authorizer=BOB)[0] == 200
    assert ids(page(ALICE)) == [kept]


def test_a_page_is_full_though_jobs_in_between_were_deleted() -> None:
    made = [create(authorizer=ALICE)["id"] for _ in range(6)][::-1]
    for job_id in made[1:4]:
        ask("DELETE", f"/v1/jobs/{job_id}", authorizer=BOB)
    first = page(ALICE, "limit=2")
    assert (ids(first), first["has_more"]) == ([made[0], made[4]], True)
    assert ids(page(ALICE, f"after={made[2]}")) == made[4:]


def test_an_upload_that_comes_after_the_deletion_is_deleted_too(aws: Aws) -> None:
    made = create()
    assert ask("DELETE", f"/v1/jobs/{made['id']}")[0] == 200
    assert upload(made["upload"], SPEECH)[0] == 204
    work_until_empty(aws)
    assert aws.dead() == []
    assert keys(aws) == {f"jobs/{made['id']}.json", f"results/{made['id']}.json"}
    assert ask("GET", f"/v1/jobs/{made['id']}")[0] == 404


@pytest.mark.usefixtures("every_block")
def test_a_worker_whose_job_is_deleted_stops_and_writes_nothing(
    aws: Aws, settings: Settings, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = uploaded(tone(16_000 * 50))
    blocks = []
    note = progress.Progress.note

    def noted(self: Any, done_s: float) -> None:
        blocks.append(done_s)
        if len(blocks) == 2:
            assert ask("DELETE", f"/v1/jobs/{job_id}")[0] == 200
        note(self, done_s)

    monkeypatch.setattr(progress.Progress, "note", noted)
    assert work(aws) == 0
    assert len(blocks) == 2
    assert not aws.receive()["Records"]
    assert ask("GET", f"/v1/jobs/{job_id}")[0] == 404


def test_a_job_that_is_deleted_while_its_result_is_written_stays_deleted(
    aws: Aws, settings: Settings, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = uploaded(SPEECH)
    write = aws.storage.write_json

    def deleted_first(key: str, *arguments: Any, **options: Any) -> bool:
        if key.startswith("results/"):
            monkeypatch.setattr(aws.storage, "write_json", write)
            assert ask("DELETE", f"/v1/jobs/{job_id}")[0] == 200
        return write(key, *arguments, **options)

    monkeypatch.setattr(aws.storage, "write_json", deleted_first)
    Worker(settings, recognizer, aws.storage).take(
        aws.receive()["Records"][0]["body"],
        worker.Deadline(Context()),  # type: ignore[arg-type]
    )
    assert ask("GET", f"/v1/jobs/{job_id}")[0] == 404
    assert (aws.result(f"results/{job_id}.json") or {})["status"] == "deleted"


@pytest.mark.parametrize("prefix", ["uploads/", "callers/", "jobs/"])
def test_a_deletion_that_was_cut_short_can_be_repeated(aws: Aws, prefix: str) -> None:
    job_id = uploaded(SPEECH)
    work_until_empty(aws)
    aws.front.fault = lambda method, key: (
        UNAVAILABLE if method in ("DELETE", "PUT") and key.startswith(prefix) else None
    )
    assert ask("DELETE", f"/v1/jobs/{job_id}")[0] == 500
    assert ask("GET", f"/v1/jobs/{job_id}")[0] == 404
    aws.front.fault = lambda _method, _key: None
    assert ask("DELETE", f"/v1/jobs/{job_id}")[0] == 200
    assert keys(aws) == {f"jobs/{job_id}.json", f"results/{job_id}.json"}


def test_replies_are_as_the_contract_says() -> None:
    import jsonschema_rs

    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    made = [create()["id"] for _ in range(2)]
    replies = {"Jobs": page(query="limit=1"), "DeletedJob": ask("DELETE", f"/v1/jobs/{made[0]}")[2]}
    for name, content in replies.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": contract["components"]}
        assert jsonschema_rs.is_valid(schema, content), content


@pytest.mark.parametrize(
    ("authorizer", "expected"),
    [
        ({"lambda": {"keyName": "alice"}}, "key:alice"),
        ({"lambda": {"keyName": ""}}, ""),
        ({"lambda": None}, ""),
        ({"jwt": {"claims": {"iss": "https://id.example", "sub": "7"}, "scopes": None}}, "jwt:https://id.example 7"),
        ({"iam": {"userId": "AROAEXAMPLE:session-1", "userArn": "arn:aws:sts::1:assumed-role/r/session-1"}},
         "iam:AROAEXAMPLE"),
        ({"iam": {"userId": "AIDAEXAMPLE"}}, "iam:AIDAEXAMPLE"),
        ({}, ""),
        ("x", ""),
        ({"jwt": {"claims": []}}, ""),
    ],
)  # fmt: skip
def test_callers_are_told_apart_by_what_let_them_in(authorizer: Any, expected: str) -> None:
    event = http_event("GET", "/v1/jobs", {}, b"")
    assert caller.of(event) == ""
    event["requestContext"]["authorizer"] = authorizer
    assert caller.of(event) == expected
