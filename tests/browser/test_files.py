"""From a file to the words: every way to give one, and what is said when it cannot be used."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import EVENTS, encode

from .conftest import SAMPLE, Open, ask, carried, drop, give, repeated, shown_words, until, until_ready, wait_for


def posts(page: Page) -> list[Any]:
    """Returns a list that the page's POSTs will be appended to."""
    found: list[Any] = []
    page.on("request", lambda request: found.append(request) if request.method == "POST" else None)
    return found


def test_a_dropped_file_is_transcribed(page: Page, reply: dict[str, Any]) -> None:
    drop(page, SAMPLE.read_bytes(), "speech.wav", "audio/wav")
    assert shown_words(page) == reply["text"].split()
    assert page.inner_text("#result-title") == "speech.wav"


def test_a_chosen_file_is_transcribed(page: Page, address: str) -> None:
    ogg = EVENTS / "sample.ogg"
    give(page, ogg)
    expected = json.loads(ask(f"{address}/transcribe", ogg.read_bytes())[2])
    assert shown_words(page) == expected["text"].split()


def test_a_pasted_file_is_transcribed(page: Page, reply: dict[str, Any]) -> None:
    transfer = carried(page, SAMPLE.read_bytes(), "pasted.wav", "audio/wav")
    page.evaluate(
        "(clipboardData) => { document.dispatchEvent(new ClipboardEvent('paste', { clipboardData })); }", transfer
    )
    assert shown_words(page) == reply["text"].split()


def test_a_file_that_is_not_audio_is_refused_in_words(page: Page) -> None:
    drop(page, b"These are notes.", "notes.txt", "text/plain")
    expect(page.locator("#problem-title")).to_have_text("This is not a recording")
    assert "Choose an audio file" in page.inner_text("#problem-message")
    assert page.is_visible("#intake")


def test_broken_audio_is_refused_in_the_words_of_the_api(page: Page, address: str) -> None:
    broken = SAMPLE.read_bytes()[:20_000]
    give(page, broken)
    message = json.loads(ask(f"{address}/transcribe", broken)[2])["error"]["message"]
    expect(page.locator("#problem-message")).to_have_text(message)
    expect(page.locator("#problem-title")).to_have_text("This recording could not be read")


def test_after_a_refusal_the_next_file_is_transcribed(page: Page, reply: dict[str, Any]) -> None:
    give(page, b"no audio")
    wait_for(page, "problem")
    give(page, SAMPLE)
    assert shown_words(page) == reply["text"].split()
    assert page.is_hidden("#problem")


def test_a_recording_over_the_limit_is_refused_before_it_is_sent(page: Page) -> None:
    sent = posts(page)
    give(page, encode(np.zeros(601 * 8000, np.float32), 8000, subtype="PCM_U8"))
    expect(page.locator("#problem-title")).to_have_text("This recording is too long")
    assert "10:01" in page.inner_text("#problem-message")
    assert "10:00" in page.inner_text("#problem-message")
    assert not sent


@pytest.mark.parametrize(
    ("seconds", "rate_hz", "channels", "sent_as"),
    [(30, 48000, 2, "audio/wav"), (160, 16000, 1, "audio/ogg")],
    ids=["fits as 16 kHz WAV", "fits as Opus only"],
)
def test_a_file_that_is_too_big_is_shrunk_by_the_browser(
    page: Page, speech: np.ndarray, reply: dict[str, Any], seconds: int, rate_hz: int, channels: int, sent_as: str
) -> None:
    import soxr

    sent = posts(page)
    samples = soxr.resample(repeated(speech, seconds), 16000, rate_hz)
    give(page, encode(np.stack([samples] * channels, axis=1), rate_hz))
    words = shown_words(page)
    assert page.is_hidden("#problem")
    assert [request.headers["content-type"] for request in sent] == [sent_as]
    assert page.evaluate("Number(document.getElementById('position').ariaValueMax)") == pytest.approx(seconds, abs=0.1)
    times_read = seconds / reply["duration"]
    assert len(words) == pytest.approx(times_read * len(reply["words"]), rel=0.15)


def test_how_far_shrinking_is_stands_in_per_cent(page: Page, speech: np.ndarray) -> None:
    page.evaluate(
        """() => {
            window.stages = [];
            const stage = document.getElementById("stage");
            new MutationObserver(() => stages.push(stage.textContent)).observe(stage, { childList: true });
        }"""
    )
    give(page, encode(repeated(speech, 240), 16000))
    wait_for(page, "result")
    stages = page.evaluate("stages")
    shares = [int(stage.split(", ")[1].split(" ")[0]) for stage in stages if stage.startswith("Making it smaller, ")]
    assert shares == sorted(shares)
    assert len(set(shares)) > 3


def test_channels_are_not_mixed_by_shrinking(page: Page, speech: np.ndarray) -> None:
    sent = posts(page)
    page.click("#options summary")
    page.select_option("[name=channels]", "separate")
    give(page, encode(np.stack([repeated(speech, 60)] * 2, axis=1), 48000, subtype="PCM_24"))
    expect(page.locator("#problem-title")).to_have_text("This file is too big")
    assert "one channel" in page.inner_text("#problem-message")
    assert not sent


def test_progress_is_shown_while_sending_and_can_be_cancelled(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 40_000}
    session.send("Network.emulateNetworkConditions", conditions)
    give(page, SAMPLE)
    until(page, "/^Sending, [1-9]/.test(document.getElementById('stage').textContent)")
    first = page.evaluate("document.getElementById('progress').value")
    page.wait_for_timeout(1000)
    assert page.evaluate("document.getElementById('progress').value") > first > 0
    page.click("#cancel")
    wait_for(page, "intake")
    page.wait_for_timeout(500)
    assert page.is_hidden("#result")
    assert page.is_hidden("#problem")


def test_an_endpoint_out_of_reach_is_said_and_can_be_tried_again(page: Page, reply: dict[str, Any]) -> None:
    page.context.set_offline(True)
    give(page, SAMPLE)
    expect(page.locator("#problem-title")).to_have_text("No answer")
    page.context.set_offline(False)
    page.click("#retry")
    assert shown_words(page) == reply["text"].split()


@pytest.mark.parametrize(("status", "title"), [(429, "Too many at once"), (503, "The endpoint failed")])
def test_refusals_of_the_gateway_are_said_in_plain_words(page: Page, status: int, title: str) -> None:
    # Its own replies, which are not in the API's form; they cannot be had without AWS.
    page.route("**/transcribe", lambda route: route.fulfill(status=status, json={"message": "Service Unavailable"}))
    give(page, SAMPLE)
    expect(page.locator("#problem-title")).to_have_text(title)
    assert page.is_visible("#retry")


def test_audio_without_words_is_said_to_have_none(page: Page) -> None:
    give(page, encode(np.zeros(16000, np.float32), 16000))
    wait_for(page, "result")
    assert page.inner_text("#nothing") == "No words were recognised."


def test_what_the_browser_cannot_play_is_transcribed_all_the_same(page: Page, speech: np.ndarray) -> None:
    give(page, encode(speech, 16000, "AIFF", "PCM_16"), "speech.aiff", "audio/aiff")
    assert shown_words(page)
    assert page.is_visible("#unplayable")
    assert page.is_hidden("#player")


def test_a_recording_of_hours_is_played_without_a_picture_of_it(
    page: Page, tmp_path: Path, reply: dict[str, Any]
) -> None:
    hours_s = 4600
    health = page.evaluate("fetch('health').then((response) => response.json())")
    limits = {"body_bytes": 1e9, "audio_s": 2 * hours_s}
    page.route("**/health", lambda route: route.fulfill(json={**health, "limits": limits}))
    page.route("**/transcribe", lambda route: route.fulfill(json={**reply, "duration": hours_s}))
    page.reload()
    until_ready(page)
    page.evaluate("() => { OfflineAudioContext.prototype.decodeAudioData = () => Promise.reject(Error('too much')); }")
    file = tmp_path / "hours.wav"
    file.write_bytes(encode(np.zeros(hours_s * 8000, np.float32), 8000, subtype="PCM_U8"))
    give(page, file)
    wait_for(page, "result")
    assert page.is_visible("#player")
    assert page.is_hidden("#unplayable")
    page.locator("#transcript .word").nth(1).click()
    until(page, "document.getElementById('audio').currentTime > 0.7")
    assert page.get_attribute("#others", "aria-disabled") == "true"


def test_names_are_text_and_never_markup(open_page: Open) -> None:
    page = open_page()
    give(page, SAMPLE.read_bytes(), "<img src=x onerror=alert(1)>.wav")
    wait_for(page, "result")
    assert page.inner_text("#result-title") == "<img src=x onerror=alert(1)>.wav"
    assert page.locator("#result-title img").count() == 0


def test_what_is_cancelled_before_it_is_sent_is_not_sent(page: Page) -> None:
    sent = posts(page)
    page.evaluate(
        """() => {
            const decode = OfflineAudioContext.prototype.decodeAudioData;
            OfflineAudioContext.prototype.decodeAudioData = async function (data) {
                await new Promise((resolve) => setTimeout(resolve, 600));
                return decode.call(this, data);
            };
        }"""
    )
    give(page, encode(np.zeros((30 * 48000, 2), np.float32), 48000))
    wait_for(page, "working")
    page.keyboard.press("Escape")
    page.wait_for_timeout(1200)
    assert page.is_visible("#intake")
    assert not sent
