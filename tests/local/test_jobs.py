"""Jobs of `make serve`: the same replies as on AWS, with a folder in place of the bucket and the queue."""

import http.client
import io
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import waitress
from werkzeug.test import EnvironBuilder

from handler import app, webhook, webhook_secret, worker
from handler.storage import Gone, Superseded
from local import serve as server
from local.folder import FolderStorage, UploadRefused, kept_secret
from local.jobs import WEBHOOK_SECRET_NAME, LocalJobs
from local.queue import FolderQueue
from local.serve import LocalServer
from local.worker import LocalWorker
from tests.conftest import EVENTS
from tests.jobs.aws import upload
from tests.jobs.conftest import tone
from tests.patience import PATIENCE_S
from tests.server import serve

SPEECH = (EVENTS / "sample.ogg").read_bytes()
MAX_BYTES = 2_000_000


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalJobs]:
    """Jobs whose worker is called by the test."""
    monkeypatch.setattr(LocalJobs, "_start", lambda self: None)
    made = LocalJobs(tmp_path / "jobs", MAX_BYTES)
    yield made
    app.job_storage = None
    app._jobs.cache_clear()


@pytest.fixture
def address(jobs: LocalJobs) -> tuple[str, int]:
    listening = waitress.create_server(LocalServer(jobs=jobs, origins=["https://notes.example"]), port=0, threads=4)
    threading.Thread(target=listening.run, daemon=True).start()
    return "127.0.0.1", listening.effective_port


@pytest.fixture
def local_worker(jobs: LocalJobs) -> LocalWorker:
    return LocalWorker(jobs.storage.folder)


def ask(address: tuple[str, int], method: str, path: str, content: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    body = None if content is None else json.dumps(content)
    connection.request(method, path, body, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if response.headers["Content-Type"] == "application/json" else text


def create(address: tuple[str, int], **fields: Any) -> Any:
    status, made = ask(address, "POST", "/v1/jobs", {"content_type": "audio/ogg", **fields})
    assert status == 201, made
    return made


def wait(address: tuple[str, int], job_id: str, *statuses: str) -> Any:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        reply = ask(address, "GET", f"/v1/jobs/{job_id}")[1]
        if reply["status"] in statuses:
            return reply
        time.sleep(0.1)
    raise AssertionError(reply)


def test_a_job_of_make_serve_ends_as_the_transcript_of_the_synchronous_route(tmp_path: Path) -> None:
    """With everything as `make serve` starts it."""
    folder = tmp_path / "kept"
    with serve("--jobs-folder", str(folder)) as running:
        address = "127.0.0.1", running.port
        made = create(address)
        assert made["upload"]["url"].startswith(f"{running.url}/")
        assert upload(made["upload"], SPEECH)[0] == 204
        reply = wait(address, made["id"], "completed", "failed")
        assert (reply["status"], reply["progress"]) == ("completed", 100)
        status, subtitles = ask(address, "GET", f"/v1/jobs/{made['id']}?response_format=srt")
        assert (status, subtitles[:13]) == (200, b"1\n00:00:00,57")
        assert [each["id"] for each in ask(address, "GET", "/v1/jobs")[1]["data"]] == [made["id"]]
    with serve("--jobs-folder", str(folder)) as running:  # the folder stays, and another server goes on with it
        address = "127.0.0.1", running.port
        assert ask(address, "GET", f"/v1/jobs/{made['id']}")[1]["transcript"] == reply["transcript"]
        assert ask(address, "DELETE", f"/v1/jobs/{made['id']}") == (
            200,
            {"id": made["id"], "object": "job", "deleted": True},
        )
        assert ask(address, "GET", f"/v1/jobs/{made['id']}")[0] == 404


def test_without_a_folder_the_jobs_go_with_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serve() as running:
        create(("127.0.0.1", running.port))
        assert len(list(tmp_path.glob("hark-jobs-*"))) == 1
    assert list(tmp_path.glob("hark-jobs-*")) == []


def test_jobs_can_be_turned_off() -> None:
    with serve("--no-jobs") as running:
        status, reply = ask(("127.0.0.1", running.port), "POST", "/v1/jobs", {})
        assert (status, reply["error"]["code"]) == (404, "jobs_unavailable")


def test_a_folder_that_cannot_be_made_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert server.main(["--jobs-folder", str(tmp_path / "file" / "jobs")]) != 0
    assert "name another --jobs-folder" in capsys.readouterr().err


def finished(address: tuple[str, int], local_worker: LocalWorker, data: bytes, **fields: Any) -> Any:
    made = create(address, **fields)
    assert upload(made["upload"], data)[0] == 204
    assert local_worker.step()
    return ask(address, "GET", f"/v1/jobs/{made['id']}")[1]


def test_options_and_failures_are_as_on_aws(address: tuple[str, int], local_worker: LocalWorker) -> None:
    reply = finished(address, local_worker, SPEECH, hotwords=["Queequeg"], alternatives=2, text_style="spoken")
    assert len(reply["transcript"]["alternatives"]) == 2
    assert reply["transcript"]["text"].islower()
    reply = finished(address, local_worker, b"no recording")
    assert (reply["status"], reply["error"]["code"]) == ("failed", "invalid_audio")
    assert ask(address, "POST", "/v1/jobs", {"content_length": 10**10})[0] == 413


# What is wrong with an upload, and the answer.
WRONG: dict[str, tuple[dict[str, Any], bytes, int, str]] = {
    "another key": ({"key": "uploads/job_" + "b" * 32}, SPEECH, 403, "AccessDenied"),
    "a key that leads elsewhere": ({"key": "../../x"}, SPEECH, 403, "AccessDenied"),
    "another type": ({"Content-Type": "text/html"}, SPEECH, 403, "AccessDenied"),
    "no type": ({"Content-Type": None}, SPEECH, 403, "AccessDenied"),
    "a field that was not signed": ({"acl": "public-read"}, SPEECH, 403, "AccessDenied"),
    "no signature": ({"signature": None}, SPEECH, 403, "SignatureDoesNotMatch"),
    "a forged signature": ({"signature": "0" * 64}, SPEECH, 403, "SignatureDoesNotMatch"),
    "a forged policy": ({"policy": "eyJrZXkiOiAieCJ9"}, SPEECH, 403, "SignatureDoesNotMatch"),
    "a signature that is no text of ours": ({"signature": "é"}, SPEECH, 403, "SignatureDoesNotMatch"),
    "too many bytes": ({}, bytes(MAX_BYTES + 1), 400, "EntityTooLarge"),
    "far too many bytes": ({}, bytes(2 * MAX_BYTES), 400, "EntityTooLarge"),
    "no bytes": ({}, b"", 400, "EntityTooSmall"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_upload_that_was_not_signed_for_is_refused_and_leaves_nothing(
    address: tuple[str, int], jobs: LocalJobs, name: str
) -> None:
    changes, data, status, code = WRONG[name]
    made = create(address, content_length=MAX_BYTES if len(data) > MAX_BYTES else None)
    if not data:
        made = create(address)
    found, body = upload(made["upload"], data, **changes)
    assert (found, code in body) == (status, True), body
    assert FolderQueue(jobs.storage.folder / "queue").is_empty()
    assert list(jobs.storage.incoming.iterdir()) == []
    assert jobs.storage.etag(f"uploads/{made['id']}") is None


def test_an_upload_that_begins_too_late_is_refused(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    made = create(address)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 901)
    assert upload(made["upload"], SPEECH)[0] == 403


@pytest.mark.parametrize("body", [b"", b"no form", b"--x\r\n"])
def test_what_is_no_form_is_refused(jobs: LocalJobs, body: bytes) -> None:
    for type_ in ("multipart/form-data; boundary=x", "text/plain"):
        builder = EnvironBuilder(
            method="POST", path="/local/uploads", input_stream=io.BytesIO(body), content_type=type_
        )
        assert jobs.upload(builder.get_environ()).status_code == 400
    assert jobs.upload(EnvironBuilder(method="GET", path="/local/uploads").get_environ()).status_code == 405


def test_pages_of_an_allowed_origin_may_upload(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    connection.request("POST", "/local/uploads", b"", {"Origin": "https://notes.example"})
    response = connection.getresponse()
    response.read()
    assert response.headers["Access-Control-Allow-Origin"] == "https://notes.example"
    connection.close()


def test_an_upload_needs_no_key_beside_its_signature(jobs: LocalJobs) -> None:
    guarded = LocalServer("secret", jobs=jobs)
    listening = waitress.create_server(guarded, port=0)
    threading.Thread(target=listening.run, daemon=True).start()
    address = "127.0.0.1", listening.effective_port
    assert ask(address, "POST", "/v1/jobs", {})[0] == 401
    made = ask(address, "POST", "/v1/jobs", {}, Authorization="Bearer secret")[1]
    assert upload(made["upload"], SPEECH)[0] == 204
    assert ask(address, "GET", "/v1/jobs")[0] == 401


def test_webhooks_are_signed_with_the_secret_of_the_folder(
    address: tuple[str, int], jobs: LocalJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARK_WEBHOOK_SECRET_ARN", WEBHOOK_SECRET_NAME)
    monkeypatch.setattr(app, "settings", app.Settings.from_environment(os.environ))
    app._jobs.cache_clear()
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr(webhook, "send", lambda *arguments: sent.append(arguments))
    reply = finished(address, LocalWorker(jobs.storage.folder), SPEECH, webhook_url="https://example.com/hook")
    secret = (jobs.storage.folder / "webhook-secret").read_bytes()
    assert sent == [("https://example.com/hook", secret, reply["id"], "completed")]
    monkeypatch.setenv("HARK_LOCAL_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    finished(address, LocalWorker(jobs.storage.folder), SPEECH, webhook_url="https://example.com/hook")
    assert sent[1][1] == webhook_secret.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_a_recording_that_ends_its_workers_is_given_up_after_two(
    address: tuple[str, int], jobs: LocalJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    made = create(address)
    assert upload(made["upload"], SPEECH)[0] == 204
    real, ahead = time.time, [0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    with monkeypatch.context() as patch:
        patch.setattr(worker, "transcribe", die)
        for _ in range(2):
            ahead[0] += 2
            with pytest.raises(Killed):
                LocalWorker(jobs.storage.folder).step()
    ahead[0] += 2
    assert LocalWorker(jobs.storage.folder).step()
    reply = ask(address, "GET", f"/v1/jobs/{made['id']}")[1]
    assert (reply["status"], reply["error"]["code"]) == ("failed", "not_transcribed")
    assert not LocalWorker(jobs.storage.folder).step()


def test_a_killed_process_is_followed_by_another(tmp_path: Path) -> None:
    made_ = LocalJobs(tmp_path, MAX_BYTES)
    try:
        made_._start()
        end = time.monotonic() + PATIENCE_S
        while made_._process is None and time.monotonic() < end:
            time.sleep(0.01)
        assert made_._process
        first = made_._process.pid
        os.kill(first, signal.SIGKILL)
        while made_._process.pid == first and time.monotonic() < end:
            time.sleep(0.05)
        assert made_._process.pid != first
    finally:
        made_.close()
    assert isinstance(made_._process, subprocess.Popen)
    assert made_._process.returncode is not None


def test_a_server_that_ends_leaves_its_recording_to_the_next_as_if_nobody_had_tried(
    address: tuple[str, int], jobs: LocalJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(address)
    assert upload(made["upload"], SPEECH)[0] == 204
    for _ in range(8):  # more often than a recording is tried
        ending = LocalWorker(jobs.storage.folder)
        with monkeypatch.context() as patch:
            patch.setattr(worker, "transcribe", lambda *_, ending=ending: ending.end(15, None))
            assert ending.step()
        assert ending.is_ending
    assert LocalWorker(jobs.storage.folder).step()
    assert ask(address, "GET", f"/v1/jobs/{made['id']}")[1]["status"] == "completed"


def test_what_fails_at_every_try_is_given_up_with_its_reason(
    address: tuple[str, int], jobs: LocalJobs, local_worker: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(address)
    assert upload(made["upload"], SPEECH)[0] == 204
    real, ahead = time.time, [0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(FolderStorage, "download", fail)
    for _ in range(6):
        assert local_worker.step()
        assert not local_worker.step()  # not at once
        ahead[0] += 40
    reply = ask(address, "GET", f"/v1/jobs/{made['id']}")[1]
    assert (reply["status"], reply["error"]["code"]) == ("failed", "laid_aside")
    assert FolderQueue(jobs.storage.folder / "queue").is_empty()


def test_of_many_who_write_at_once_one_does(tmp_path: Path) -> None:
    storages = [FolderStorage(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for turn in range(5):
            key = f"results/{turn}.json"
            made = list(pool.map(lambda s: s.write_json(key, {"by": 0}, None), storages))  # noqa: B023
            assert made.count(True) == 1
            seen = storages[0].read_json(key)
            replaced = list(pool.map(lambda s: s.write_json(key, {"by": 0}, seen), storages))  # noqa: B023
            assert replaced.count(True) == 1
    assert list(storages[0].incoming.iterdir()) == []


def test_the_folder_keeps_the_conditions_that_s3_keeps(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    assert storage.read_json("jobs/a.json") is None
    assert storage.write_json("jobs/a.json", {"é": 1}, None)
    assert not storage.write_json("jobs/a.json", {"é": 2}, None)
    seen = storage.read_json("jobs/a.json")
    assert seen
    assert seen.content == {"é": 1}
    assert storage.write_json("jobs/a.json", {"é": 1}, seen)
    assert not storage.write_json("jobs/a.json", {"é": 3}, seen)  # the same content, and another writing
    storage.delete("jobs/a.json")
    storage.delete("jobs/a.json")
    assert not storage.write_json("jobs/a.json", {}, seen)
    with pytest.raises(Gone):
        storage.download("uploads/x", "1", io.BytesIO())
    storage.write_json("uploads/x", {}, None)
    with pytest.raises(Superseded):
        storage.download("uploads/x", "1", io.BytesIO())
    for key in ("../x", "a//b", "a/./b", "/etc/passwd"):
        with pytest.raises(ValueError, match="elsewhere"):
            storage.read_json(key)
    for name in "cab":
        storage.write_json(f"callers/x/{name}", {}, None)
    assert [found.key for found in storage.listed("callers/x/", "callers/x/a")] == ["callers/x/b", "callers/x/c"]
    assert list(storage.listed("nothing/here")) == []


def test_the_secrets_are_for_their_owner_alone_and_stay(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path / "secret")
    assert kept_secret(tmp_path / "secret") == secret
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
    assert len(secret) > 40
    with pytest.raises(UploadRefused):
        FolderStorage(tmp_path / "jobs").take_upload({}, tmp_path / "secret")


def test_a_tone_is_a_recording_too(address: tuple[str, int], local_worker: LocalWorker) -> None:
    reply = finished(address, local_worker, tone(8_000))
    assert reply["transcript"]["duration"] == 0.5
