"""What is too large for one request goes to a job by itself, and looks like any other recording."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import FilePayload, Page, Request, Route, expect

from tests.conftest import encode

from . import server
from .conftest import Open, ask, give, repeated, shown_words, until, wait_for

STAGES = ("Uploading", "Transcribing")
# A request may bring so much, and a job more.
AT_ONCE_S, AS_A_JOB_S = 8, 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the jobs are kept."""
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def jobs_address(folder: Path) -> Iterator[str]:
    """A server with jobs."""
    limits = {"HARK_MAX_AUDIO_S": str(AT_ONCE_S), "HARK_JOB_MAX_AUDIO_S": str(AS_A_JOB_S)}
    with server.serving("--jobs-folder", str(folder), **limits) as found:
        yield found


@pytest.fixture
def page(open_page: Open, jobs_address: str) -> Page:
    return open_page(jobs_address)


def listed(address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ask(f"{address}/v1/jobs")[2])["data"]
    return found


def stages(page: Page) -> None:
    """Lets the page note what it says of its progress, as `stages`."""
    page.evaluate(
        """() => {
            window.stages = [];
            const stage = document.getElementById("stage");
            new MutationObserver(() => stages.push(stage.textContent)).observe(stage, { childList: true });
        }"""
    )


def halfway(page: Page, progress: float) -> None:
    """Lets the page hear once that a job is being worked on, however soon it is done."""

    def answer(route: Route) -> None:
        reply = route.fetch()
        job = {name: value for name, value in reply.json().items() if name not in ("transcript", "error")}
        route.fulfill(response=reply, json=job | {"status": "processing", "progress": progress})

    page.route("**/v1/jobs/*", answer, times=1)


def long(speech: np.ndarray, seconds: float = 2 * AT_ONCE_S) -> bytes:
    return encode(repeated(speech, seconds), 16000)


def test_the_page_says_how_long_a_recording_may_be(page: Page) -> None:
    assert "up to 2 minutes" in page.inner_text("#limits")


def test_a_recording_over_the_limit_goes_to_a_job_by_itself(page: Page, jobs_address: str, speech: np.ndarray) -> None:
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request) if request.method == "POST" else None)
    stages(page)
    halfway(page, 40)
    page.click("#options summary")
    page.fill("[name=words]", "Quackenbush, Ahab")
    page.select_option("[name=style]", "spoken")
    give(page, long(speech))
    words = shown_words(page)
    assert [request.url.removeprefix(jobs_address) for request in requests] == ["/v1/jobs", "/local/uploads"]
    assert requests[0].post_data_json == {
        "content_type": "audio/wav",
        "content_length": len(long(speech)),
        "hotwords": ["Quackenbush", "Ahab"],
        "text_style": "spoken",
    }
    # The upload is signed; a key would be told to whoever keeps the recordings.
    assert "authorization" not in requests[1].headers
    said = page.evaluate("stages")
    assert said[0].startswith("Reading")
    uploading, transcribing = (next(i for i, stage in enumerate(said) if stage.startswith(name)) for name in STAGES)
    assert uploading < transcribing
    assert "40 %" in said[transcribing]
    assert " ".join(words) == listed_text(jobs_address)
    assert page.is_visible("#player")


def listed_text(address: str) -> str:
    [job, *_] = listed(address)
    assert job["status"] == "completed"
    text: str = json.loads(ask(f"{address}/v1/jobs/{job['id']}")[2])["transcript"]["text"]
    return text


def test_a_file_that_does_not_say_how_long_it_is_goes_to_a_job_once_it_is_refused(
    page: Page, speech: np.ndarray
) -> None:
    page.evaluate("HTMLMediaElement.prototype.__defineGetter__('duration', () => Infinity)")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if request.method == "POST" else None)
    give(page, long(speech))
    assert shown_words(page)
    assert [url.rsplit("/", 1)[1] for url in requests] == ["transcribe", "jobs", "uploads"]


def test_what_is_too_long_even_for_a_job_is_refused_before_it_is_sent(page: Page) -> None:
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request) if request.method == "POST" else None)
    give(page, encode(np.zeros((AS_A_JOB_S + 1) * 8000, np.float32), 8000, subtype="PCM_U8"))
    expect(page.locator("#problem-title")).to_have_text("This recording is too long")
    assert "takes up to 2:00" in page.inner_text("#problem-message")
    assert not requests


def test_cancelling_deletes_the_job(page: Page, jobs_address: str, speech: np.ndarray) -> None:
    before = {job["id"] for job in listed(jobs_address)}
    give(page, long(speech, AS_A_JOB_S - 1))
    until(page, "/^(Waiting for its turn|Transcribing)/.test(document.getElementById('stage').textContent)")
    with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        page.click("#cancel")
    assert deleted.value.status == 200
    wait_for(page, "intake")
    assert {job["id"] for job in listed(jobs_address)} <= before


def test_an_upload_that_fails_can_be_tried_again(page: Page, jobs_address: str, speech: np.ndarray) -> None:
    page.route("**/uploads", lambda route: route.abort())
    give(page, long(speech))
    wait_for(page, "problem")
    expect(page.locator("#problem-title")).to_have_text("The upload failed")
    page.unroute("**/uploads")
    page.click("#retry")
    assert shown_words(page)
    assert listed(jobs_address)[0]["status"] == "completed"


def test_a_job_goes_on_while_nobody_answers_and_another_try_finds_it(page: Page, speech: np.ndarray) -> None:
    made: list[Request] = []
    page.on("request", lambda request: made.append(request) if request.url.endswith("/v1/jobs") else None)
    failures: list[Route] = []

    def fail(route: Route) -> None:
        failures.append(route)
        if len(failures) == 2:
            route.fulfill(status=404, json={"error": {"message": "gone", "code": "unknown_url"}})
        else:
            route.abort()

    page.route("**/v1/jobs/job_*", fail)
    give(page, long(speech))
    wait_for(page, "problem")
    # Once nobody answers, it is asked again; what is answered and makes no sense is told.
    expect(page.locator("#problem-message")).to_have_text("gone")
    assert len(failures) == 2
    page.unroute("**/v1/jobs/job_*")
    page.click("#dismiss")
    give(page, long(speech))
    assert shown_words(page)
    assert len(made) == 2


def test_a_job_that_fails_is_told_in_its_words(page: Page, speech: np.ndarray) -> None:
    job = {
        "status": "failed",
        "progress": 0,
        "error": {"message": "The recording brought out a fault.", "code": "not_transcribed"},
    }
    page.route("**/v1/jobs/job_*", lambda route: route.fulfill(json=job))
    give(page, long(speech))
    wait_for(page, "problem")
    expect(page.locator("#problem-message")).to_have_text("The recording brought out a fault.")


def test_several_go_one_after_the_other(page: Page, speech: np.ndarray) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.rsplit("/", 1)[1]) if request.method == "POST" else None)
    page.set_input_files(
        "#file",
        files=[
            FilePayload(name=f"{name}.wav", mimeType="audio/wav", buffer=long(speech, seconds))
            for name, seconds in {"short": AT_ONCE_S - 2, "long": 2 * AT_ONCE_S}.items()
        ],
    )
    for name in ("short", "long"):
        page.get_by_role("button", name=f"Open {name}.wav").wait_for()
    assert [each.partition("?")[0] for each in sent] == ["transcribe", "jobs", "uploads"]
