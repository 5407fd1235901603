"""A job from its making to its transcript, against S3's and SQS's API over sockets."""

import dataclasses
import io
import json
import random
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from handler import app, job, worker
from handler.settings import Settings
from handler.worker import Worker
from hark.written import Writers
from local.event import http_event
from tests.conftest import EVENTS, ROOT, SPOKEN, encode, invoke
from tests.handler.fuzz import mutated

from .aws import Aws, upload
from .conftest import MAX_AUDIO_S, MAX_BYTES, ask, create, tone, work, work_until_empty

SPEECH = (EVENTS / "sample.ogg").read_bytes()
FORMATS = ["response_format=text", "response_format=srt", "response_format=vtt", "response_format=json",
           "response_format=verbose_json&timestamp_granularities[]=word&timestamp_granularities[]=segment",
           "response_format=json&include[]=logprobs", "stream=true"]  # fmt: skip


def zipped(length: int) -> bytes:
    """Returns a file that becomes a thousand times as long when it is unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(length))
    return buffer.getvalue()


def synchronous(query: str) -> Any:
    return invoke(http_event("POST", "/transcribe", {"content-type": "audio/ogg"}, SPEECH, query))[2]


def finished(aws: Aws, data: bytes) -> str:
    made = create()
    assert upload(made["upload"], data)[0] == 204
    work_until_empty(aws)
    job_id: str = made["id"]
    return job_id


def test_a_job_goes_from_queued_through_processing_to_completed(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    made = create()
    path = f"/v1/jobs/{made['id']}"
    assert made["status"] == ask("GET", path)[2]["status"] == "queued"
    assert upload(made["upload"], SPEECH)[0] == 204
    assert ask("GET", path)[2]["status"] == "queued"
    seen = []
    download = aws.storage.download

    def looked(*arguments: Any) -> None:
        seen.append(ask("GET", path)[2]["status"])
        download(*arguments)

    monkeypatch.setattr(aws.storage, "download", looked)
    assert work(aws) == 0
    status, _, reply = ask("GET", path)
    assert seen == ["processing"]
    assert (status, reply["status"]) == (200, "completed")
    assert reply["transcript"] == synchronous("")


@pytest.mark.parametrize("query", FORMATS)
def test_every_format_is_that_of_the_synchronous_route(aws: Aws, query: str) -> None:
    job_id = finished(aws, SPEECH)
    status, _, body = ask("GET", f"/v1/jobs/{job_id}", query=query)
    assert status == 200
    assert body == synchronous(query)


def test_a_job_is_decoded_as_it_was_asked_for(aws: Aws) -> None:
    made = create(decoder="beam", hotwords=["Queequeg"], alternatives=3, prompt="Glossary: Ahab, Pip")
    assert upload(made["upload"], SPEECH)[0] == 204
    work_until_empty(aws)
    expected = synchronous("decoder=beam&hotwords=Queequeg&alternatives=3&prompt=Glossary:+Ahab,+Pip")
    assert len(expected["alternatives"]) == 3
    path = f"/v1/jobs/{made['id']}"
    assert ask("GET", path)[2]["transcript"] == expected
    verbose = ask("GET", path, query="response_format=verbose_json")[2]
    assert verbose["alternatives"] == expected["alternatives"]


def test_the_text_of_a_job_is_readable_or_as_it_was_spoken(aws: Aws) -> None:
    made = create(hotwords=["COAST"], alternatives=3)
    assert upload(made["upload"], SPEECH)[0] == 204
    work_until_empty(aws)
    path, how = f"/v1/jobs/{made['id']}", "hotwords=COAST&alternatives=3"

    def get(query: str) -> Any:
        status, _, reply = ask("GET", path, query=query)
        assert status == 200
        return reply

    readable, spoken = (synchronous(f"{how}&text_style={style}") for style in ("written", "spoken"))
    assert "COAST" in readable["text"].split()
    assert get("")["transcript"] == get("text_style=written")["transcript"] == readable
    found = get("text_style=spoken")["transcript"]
    # Segments stay those of the sentences, and alternatives that read alike are one.
    assert {**found, "segments": None, "alternatives": None} == {**spoken, "segments": None, "alternatives": None}
    assert " ".join(segment["text"] for segment in found["segments"]) == found["text"] == SPOKEN
    listed = [each["text"] for each in found["alternatives"]]
    assert listed[0] == SPOKEN
    assert set(listed) <= {each["text"] for each in spoken["alternatives"]}
    for format_ in ("text", "srt", "vtt", "json", "json&include[]=logprobs"):
        query = f"text_style=spoken&response_format={format_}"
        expected = synchronous(f"hotwords=COAST&{query}")
        body = get(query)
        if isinstance(body, dict):
            assert body.pop("alternatives")
        assert body == expected
    stream = [json.loads(line[6:]) for line in get("text_style=spoken&stream=true").decode().splitlines() if line]
    assert "".join(event["delta"] for event in stream[:-1]) == stream[-1]["text"] == SPOKEN


def test_a_job_that_is_to_be_as_it_was_spoken_is_not_readable_later(aws: Aws) -> None:
    made = create(text_style="spoken")
    assert upload(made["upload"], SPEECH)[0] == 204
    work_until_empty(aws)
    path = f"/v1/jobs/{made['id']}"
    expected = synchronous("text_style=spoken")
    for query in ("", "text_style=spoken"):
        assert ask("GET", path, query=query)[2]["transcript"] == expected
    for query in ("text_style=written", "text_style=written&response_format=srt"):
        status, _, reply = ask("GET", path, query=query)
        assert (status, reply["error"]["code"], reply["error"]["param"]) == (
            422,
            "conflicting_parameters",
            "text_style",
        )
        assert "as it was spoken" in reply["error"]["message"]


def test_subtitles_of_a_job_have_lines_as_long_and_as_many_as_are_asked_for(aws: Aws) -> None:
    job_id = finished(aws, SPEECH)
    for query in (
        "response_format=vtt&max_line_length=20&max_lines=1",
        "response_format=srt&max_lines=3&text_style=spoken",
    ):
        assert ask("GET", f"/v1/jobs/{job_id}", query=query)[2] == synchronous(query)
    status, _, reply = ask("GET", f"/v1/jobs/{job_id}", query="max_lines=3")
    assert (status, reply["error"]["param"]) == (422, "max_lines")
    # It is said when subtitles are asked for, not when a job is made.
    status, _, reply = ask("POST", "/v1/jobs", {"content_type": "audio/wav", "max_lines": 3})
    assert (status, reply["error"]["param"]) == (400, "max_lines")


def test_a_failed_job_has_no_text_in_any_style(aws: Aws) -> None:
    job_id = finished(aws, b"these bytes are no recording")
    for style in ("written", "spoken"):
        status, _, reply = ask("GET", f"/v1/jobs/{job_id}", query=f"text_style={style}")
        assert (status, reply["status"]) == (200, "failed")
        query = f"text_style={style}&response_format=text"
        assert ask("GET", f"/v1/jobs/{job_id}", query=query)[0] == 422


def test_silence_is_readable_and_spoken_alike(aws: Aws) -> None:
    job_id = finished(aws, encode(np.zeros(16_000, np.float32), 16_000))
    for style in ("written", "spoken"):
        assert ask("GET", f"/v1/jobs/{job_id}", query=f"text_style={style}")[2]["transcript"]["text"] == ""


def test_where_there_is_no_punctuation_model_no_job_can_ask_for_readable_text(
    aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(app, "writers", Writers(tmp_path / "none.onnx"))
    status, _, reply = ask("POST", "/v1/jobs", {"text_style": "written"})
    assert (status, reply["error"]["param"]) == (422, "text_style")
    made = create()
    assert upload(made["upload"], SPEECH)[0] == 204
    without = dataclasses.replace(settings, punctuation_path=tmp_path / "none.onnx")
    monkeypatch.setattr(worker, "_worker", lambda: Worker(without, app.recognizer, aws.storage))
    work_until_empty(aws)
    assert ask("GET", f"/v1/jobs/{made['id']}")[2]["transcript"]["text"] == SPOKEN


@pytest.mark.parametrize("query", ["decoder=beam", "hotwords=Ahab", "alternatives=2"])
def test_how_to_decode_is_said_when_a_job_is_made_and_not_later(query: str) -> None:
    status, _, reply = ask("GET", f"/v1/jobs/{create()['id']}", query=query)
    assert (status, reply["error"]["param"]) == (400, query.split("=")[0])


def test_a_record_of_before_there_were_decoders_is_read(aws: Aws) -> None:
    old = {"id": "job_" + "a" * 32, "created_at": 1, "upload_expires_at": 2, "content_type": "audio/wav"}
    assert job.Job.from_json(old).decoding == {}


def test_a_transcript_that_is_not_there_yet_is_no_transcript() -> None:
    made = create()
    status, headers, body = ask("GET", f"/v1/jobs/{made['id']}", query="response_format=text")
    assert (status, body["status"]) == (202, "queued")
    assert int(headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"these bytes are no recording", "invalid_audio"),
        (SPEECH[: len(SPEECH) // 2], "invalid_audio"),
        (tone(0), "invalid_audio"),
        (zipped(1 << 24), "invalid_audio"),
        (encode(np.zeros(600 * 16_000, np.int16), 16_000, "FLAC"), "audio_too_long"),
        (tone(int((MAX_AUDIO_S + 1) * 16_000)), "audio_too_long"),
    ],
)
def test_what_cannot_be_transcribed_fails_with_a_reason_and_is_not_tried_again(
    aws: Aws, data: bytes, code: str
) -> None:
    job_id = finished(aws, data)
    reply = ask("GET", f"/v1/jobs/{job_id}")[2]
    assert reply["status"] == "failed"
    assert reply["error"]["code"] == code
    assert "transcript" not in reply
    status, _, body = ask("GET", f"/v1/jobs/{job_id}", query="response_format=srt")
    assert (status, body["error"]["code"]) == (422, "job_failed")
    assert reply["error"]["message"] in body["error"]["message"]
    assert aws.dead() == []


def test_a_finished_job_stays_as_it_is_when_other_bytes_are_uploaded(aws: Aws) -> None:
    made = create()
    assert upload(made["upload"], SPEECH)[0] == 204
    work_until_empty(aws)
    before = ask("GET", f"/v1/jobs/{made['id']}")[2]
    assert upload(made["upload"], tone(8_000))[0] == 204
    work_until_empty(aws)
    assert ask("GET", f"/v1/jobs/{made['id']}")[2] == before


@pytest.mark.parametrize(
    "job_id",
    [
        "job_" + "a" * 32,
        "../results/x",
        "..%2f..%2fuploads",
        "job_%2e%2e%2f",
        "job_" + "a" * 32 + "%0a",
        "%00",
        "job_" + "é" * 32,
    ],
)
def test_an_id_that_is_none_reaches_no_object(aws: Aws, job_id: str) -> None:
    asked = []
    aws.front.fault = lambda method, key: asked.append((method, key))
    status, _, body = ask("GET", f"/v1/jobs/{job_id}")
    assert status == 404
    assert body["error"]["code"] in ("job_not_found", "unknown_url")
    assert all(re.fullmatch(r"jobs/job_a{32}\.json", key) for _, key in asked)


def test_ids_are_unguessable_and_their_records_name_no_caller(aws: Aws) -> None:
    ids = {create()["id"] for _ in range(20)}
    assert len(ids) == 20
    assert all(job.is_id(job_id) and len(job_id) == 36 for job_id in ids)
    record = aws.result(job.record_key(ids.pop()))
    assert record is not None
    assert set(record) == {
        "id", "created_at", "upload_expires_at", "content_type", "webhook_url", "started_at", "webhook",
        "begun", "decoding", "progress", "status", "finished_at", "turn", "order", "model",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "param"),
    [
        ({"content_type": "text/html"}, "content_type"),
        ({"content_type": "audio/wav; codecs=1"}, "content_type"),
        ({"content_type": "audio/wav\r\nx: y"}, "content_type"),
        ({"content_type": 7}, "content_type"),
        ({"content_length": 0}, "content_length"),
        ({"content_length": True}, "content_length"),
        ({"content_length": "9"}, "content_length"),
        ({"language": "de"}, "language"),
        ({"decoder": "viterbi"}, "decoder"),
        ({"decoder": 1}, "decoder"),
        ({"hotwords": "Ahab"}, "hotwords"),
        ({"hotwords": ["Ahab", 1]}, "hotwords"),
        ({"hotwords": ["R2D2"]}, "hotwords"),
        ({"hotwords": ["Ahab"] * 101}, "hotwords"),
        ({"alternatives": "3"}, "alternatives"),
        ({"alternatives": 0}, "alternatives"),
        ({"alternatives": True}, "alternatives"),
        ({"prompt": ["Ahab"]}, "prompt"),
        ({"text_style": "aloud"}, "text_style"),
        ({"text_style": 1}, "text_style"),
        ({"max_line_length": 30}, "max_line_length"),
        ({"key": "uploads/mine"}, "key"),
        ({"webhook_url": "https://example.com/"}, "webhook_url"),  # none are sent here
        ({"\ud800": 1}, "?"),
    ],
)
def test_a_request_that_asks_for_what_cannot_be_names_the_field(content: dict[str, Any], param: str) -> None:
    status, _, body = ask("POST", "/v1/jobs", content)
    assert (status, body["error"]["param"]) == (400, param)


def test_a_field_with_another_name_is_told_as_in_a_form() -> None:
    _, _, body = ask("POST", "/v1/jobs", {"hotword": ["Ahab"]})
    assert body["error"]["message"] == "The field 'hotword' is not supported; send hotwords instead, or leave it out."


def test_an_empty_body_is_told_what_describes_a_recording() -> None:
    _, _, reply = invoke(http_event("POST", "/v1/jobs", {"content-type": "application/json"}, b""))
    assert reply["error"]["message"] == "The request body is empty; send a JSON object, such as {}."


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"a"', b"\xff", b"[" * 100_0, b"1" * 5000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    status, _, reply = invoke(http_event("POST", "/v1/jobs", {"content-type": "application/json"}, body))
    assert (status, reply["error"]["code"]) == (400, "invalid_body")


def test_five_hundred_damaged_requests_are_answered_with_a_mistake_of_the_caller_or_a_job() -> None:
    draw = random.Random(1)
    good = json.dumps({"content_type": "audio/mpeg", "content_length": 9, "language": "en", "model": "x"}).encode()
    values: list[Any] = [None, True, -1, 0, 1e300, 10**30, "", "audio/x", "\ud800", "a" * 99, [], {}, [[]], {"a": 1}]
    names = ["content_type", "content_length", "webhook_url", "model", "language", "x", "\ud800"]
    statuses = set()
    for _ in range(500):
        if draw.random() < 0.5:
            body = mutated(good, [b'{"a":', b"[" * 99, b"\\u", b"1e999"], draw)
        else:
            asked = {draw.choice(names): draw.choice(values) for _ in range(3)}
            body = json.dumps(asked, ensure_ascii=draw.random() < 0.9).encode(errors="surrogatepass")
        status, _, reply = invoke(http_event("POST", "/v1/jobs", {"content-type": "application/json"}, body))
        assert status in (201, 400, 413), (body, reply)
        statuses.add(status)
    assert {201, 400} <= statuses


def test_a_body_of_another_type_or_of_great_length_is_refused() -> None:
    assert invoke(http_event("POST", "/v1/jobs", {"content-type": "audio/wav"}, SPEECH))[0] == 415
    assert ask("POST", "/v1/jobs", {"model": "x" * 20_000})[0] == 413
    status, _, body = ask("POST", "/v1/jobs", {"content_length": MAX_BYTES + 1})
    assert (status, body["error"]["code"]) == (413, "body_too_large")


def test_the_path_answers_other_methods_with_the_right_ones() -> None:
    assert ask("PUT", "/v1/jobs")[1]["Allow"] == "GET, HEAD, POST"
    assert ask("POST", "/v1/jobs/job_x", {})[1]["Allow"] == "GET, HEAD, DELETE"
    assert ask("OPTIONS", "/v1/jobs")[0] == 204


def test_without_a_bucket_the_routes_say_why(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    import dataclasses

    from handler import app

    app._jobs.cache_clear()
    monkeypatch.setattr(app, "settings", dataclasses.replace(settings, bucket=""))
    for method, path, content in (("POST", "/v1/jobs", {}), ("GET", "/v1/jobs/" + job.new_id(), None)):
        status, _, body = ask(method, path, content)
        assert (status, body["error"]["code"]) == (404, "jobs_unavailable")
        assert "HARK_BUCKET" in body["error"]["message"]


# What is wrong with an upload, and S3's answer.
WRONG: dict[str, tuple[dict[str, Any], bytes, str]] = {
    "another key": ({"key": "uploads/job_" + "b" * 32}, SPEECH, "AccessDenied"),
    "a key that leads elsewhere": ({"key": "results/x.json"}, SPEECH, "AccessDenied"),
    "another type": ({"Content-Type": "text/html"}, SPEECH, "AccessDenied"),
    "no type": ({"Content-Type": None}, SPEECH, "AccessDenied"),
    "a field that was not signed": ({"acl": "public-read"}, SPEECH, "AccessDenied"),
    "no signature": ({"x-amz-signature": None}, SPEECH, "AccessDenied"),
    "a forged signature": ({"x-amz-signature": "0" * 64}, SPEECH, "SignatureDoesNotMatch"),
    "a forged policy": ({"policy": "eyJleHBpcmF0aW9uIjoiMjA5OSJ9"}, SPEECH, "SignatureDoesNotMatch"),
    "too many bytes": ({}, bytes(MAX_BYTES + 1), "EntityTooLarge"),
    "no bytes": ({}, b"", "EntityTooSmall"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_upload_that_was_not_signed_for_is_refused(aws: Aws, name: str) -> None:
    changes, data, code = WRONG[name]
    made = create()
    status, body = upload(made["upload"], data, **changes)
    assert (status, re.findall("<Code>(.*)</Code>", body)) == (400 if code.startswith("EntityToo") else 403, [code])
    assert not aws.receive()["Records"]


def test_an_upload_of_a_stated_length_must_have_it(aws: Aws) -> None:
    made = create(content_length=len(SPEECH))
    assert "EntityTooLarge" in upload(made["upload"], SPEECH + b"x")[1]
    assert "EntityTooSmall" in upload(made["upload"], SPEECH[:-1])[1]
    assert upload(made["upload"], SPEECH)[0] == 204


@pytest.mark.parametrize(("late", "status"), [(-5, 204), (0, 204), (5, 204), (14.9, 204), (15.1, 403), (60, 403)])
def test_uploads_expire_and_a_clock_that_is_five_minutes_off_does_no_harm(aws: Aws, late: float, status: int) -> None:
    made = create()
    aws.front.clock_offset = timedelta(minutes=late)
    assert upload(made["upload"], SPEECH)[0] == status


def test_replies_are_as_the_contract_says(aws: Aws) -> None:
    import jsonschema_rs

    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    made = create()
    upload(made["upload"], SPEECH)
    replies = {"NewJob": [made], "Job": [ask("GET", f"/v1/jobs/{made['id']}")[2]]}
    work_until_empty(aws)
    replies["Job"] += [ask("GET", f"/v1/jobs/{made['id']}")[2]]
    replies["Job"] += [ask("GET", f"/v1/jobs/{finished(aws, b'nothing')}")[2]]
    for name, contents in replies.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": contract["components"]}
        for content in contents:
            assert jsonschema_rs.is_valid(schema, content), content
