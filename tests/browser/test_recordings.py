"""From the microphone to the words."""

import re
from difflib import SequenceMatcher
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .conftest import Open, shown_words, until, wait_for


def record(page: Page, seconds: float) -> None:
    page.click("#record")
    wait_for(page, "recording")
    page.wait_for_timeout(1000 * seconds)


def test_what_the_microphone_hears_is_transcribed(page: Page, reply: dict[str, Any]) -> None:
    record(page, 6.8)
    page.click("#stop")
    words = shown_words(page)
    # The browser's encoder and noise suppression lie between: nearly the same words, not quite.
    assert SequenceMatcher(None, words, reply["text"].split()).ratio() > 0.6
    assert re.match(r"Recording, \d", page.inner_text("#result-title"))


def test_level_and_time_are_shown_while_recording(page: Page) -> None:
    page.click("#record")
    levels, clocks = set(), set()
    for _ in range(25):
        page.wait_for_timeout(100)
        levels.add(int(page.get_attribute("#level", "aria-valuenow") or 0))
        clocks.add(page.inner_text("#elapsed"))
    assert max(levels) > 50
    assert min(levels) < 30
    assert {"0:00", "0:01", "0:02"} <= clocks
    painted = page.evaluate(
        """() => {
            const canvas = document.getElementById("level-canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, i) => i % 4 === 3 && value > 200).length;
        }"""
    )
    assert painted > 500


def test_the_microphone_is_let_go_after_the_recording(page: Page) -> None:
    page.evaluate(
        """() => {
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wish) => (window.given = await ask(wish));
        }"""
    )
    for button in ("#stop", "#discard"):
        record(page, 1)
        page.click(button)
        until(page, "given.getTracks().every((track) => track.readyState === 'ended')")
        if button == "#stop":
            wait_for(page, "result")
            page.click("#again")


def test_a_discarded_recording_is_not_sent_without_text_while_speaking(page: Page) -> None:
    page.click("#options summary")
    page.uncheck("[name=live]")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    record(page, 0.5)
    page.keyboard.press("Escape")
    wait_for(page, "intake")
    page.wait_for_timeout(300)
    assert "POST" not in sent


def test_a_recording_is_sent_as_audio_that_every_endpoint_reads(page: Page) -> None:
    record(page, 1.5)
    with page.expect_request("**/transcribe") as sent:
        page.click("#stop")
    assert sent.value.headers["content-type"] == "audio/wav"


@pytest.mark.parametrize("type_", ["audio/webm;codecs=opus", "audio/mp4"])
def test_the_endpoint_reads_what_a_browser_records(page: Page, reply: dict[str, Any], type_: str) -> None:
    # In slices, as pages record that send while they record: a container without an index, length or end.
    status, heard = page.evaluate(
        """async (type) => {
            const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
            const recorder = new MediaRecorder(stream, { mimeType: type });
            const slices = [];
            recorder.ondataavailable = (event) => slices.push(event.data);
            const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
            recorder.start(250);
            setTimeout(() => recorder.stop(), 6800);
            await stopped;
            stream.getTracks().forEach((track) => track.stop());
            const reply = await fetch("transcribe", { method: "POST", body: new Blob(slices, { type }) });
            return [reply.status, await reply.json()];
        }""",
        type_,
    )
    assert status == 200, heard
    assert heard["duration"] == pytest.approx(6.8, abs=0.4)
    assert SequenceMatcher(None, heard["text"].split(), reply["text"].split()).ratio() > 0.6


def test_a_denied_microphone_is_explained(open_page: Open) -> None:
    page = open_page(microphone=False)
    page.click("#record")
    expect(page.locator("#problem-title")).to_have_text("The microphone is not allowed")
    assert "address bar" in page.inner_text("#problem-message")
    assert page.is_visible("#intake")


def test_a_missing_microphone_is_explained(page: Page) -> None:
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }; }"
    )
    page.click("#record")
    expect(page.locator("#problem-title")).to_have_text("No microphone was found")


def test_a_recording_of_an_instant_is_said_to_be_too_short(page: Page) -> None:
    page.evaluate(
        "() => { document.getElementById('stop').addEventListener('focus', (event) => event.target.click()); }"
    )
    page.click("#record")
    expect(page.locator("#problem-title")).to_have_text("That was too short")
