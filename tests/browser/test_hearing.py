"""The recording beside its transcript: heard at any speed, again and again, looked at closely, and followed."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import encode

from .conftest import SAMPLE, Open, give, repeated, until, wait_for


@pytest.fixture
def result(page: Page) -> Page:
    give(page, SAMPLE)
    wait_for(page, "result")
    return page


def now_s(page: Page) -> float:
    seconds: float = page.evaluate("document.getElementById('audio').currentTime")
    return seconds


def at(page: Page, seconds: float) -> None:
    page.evaluate(f"document.getElementById('audio').currentTime = {seconds}")
    until(page, "!document.getElementById('audio').seeking")


def drag(page: Page, start: float, end: float) -> None:
    """Drags over the picture, from one share of its width to another."""
    box = page.locator("#position").bounding_box()
    assert box
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 30, steps=4)
    page.mouse.up()


def test_speed_is_chosen_and_kept_for_the_next_recording(page: Page) -> None:
    speed = "document.getElementById('audio').playbackRate"
    give(page, SAMPLE)
    wait_for(page, "result")
    assert page.locator("#speed option").all_inner_texts() == ["0.5×", "0.75×", "1×", "1.25×", "1.5×", "1.75×", "2×"]
    page.select_option("#speed", "0.5")
    assert page.evaluate(speed) == 0.5
    page.click("#result-title")
    page.keyboard.press("Shift+>")
    assert page.evaluate(speed) == 0.75
    page.click("#again")
    give(page, SAMPLE)
    wait_for(page, "result")
    page.click("#play")
    assert page.evaluate(speed) == 0.75


def test_five_seconds_back_and_on(result: Page, reply: dict[str, Any]) -> None:
    at(result, 5.5)
    result.click("#back")
    assert now_s(result) == pytest.approx(0.5, abs=0.05)
    result.keyboard.press("l")
    assert now_s(result) == pytest.approx(5.5, abs=0.05)
    result.keyboard.press("L")
    assert now_s(result) == pytest.approx(reply["duration"], abs=0.05)
    result.keyboard.press("j")
    result.keyboard.press("j")
    assert now_s(result) == 0


def test_space_plays_wherever_no_letters_are_written(result: Page) -> None:
    result.keyboard.press("Space")
    until(result, "!document.getElementById('audio').paused")
    result.locator(".word").first.focus()
    result.keyboard.press("Space")
    until(result, "document.getElementById('audio').paused")
    result.keyboard.press("f")
    result.keyboard.type("at nine")
    assert result.input_value("#query") == "at nine"
    assert result.evaluate("document.getElementById('audio').paused")


def test_a_segment_is_repeated_until_somebody_goes_elsewhere(result: Page, reply: dict[str, Any]) -> None:
    segment = reply["segments"][0]
    result.locator(".word").nth(2).click()
    result.select_option("#speed", "2")
    result.click("#loop")
    expect(result.locator("#loop")).to_have_attribute("aria-pressed", "true")
    seen = result.evaluate(
        """() => new Promise((resolve) => {
            const audio = document.getElementById("audio");
            const [seen, since] = [[], performance.now()];
            const look = () => {
                seen.push(audio.currentTime);
                if (performance.now() - since < 2500) requestAnimationFrame(look);
                else resolve(seen);
            };
            look();
        })"""
    )
    turns = sum(b < a - 0.5 for a, b in pairwise(seen))
    assert turns >= 1
    assert max(seen) < segment["end"] + 0.3
    assert min(seen) > segment["start"] - 0.1
    result.locator(".word").last.click()
    expect(result.locator("#loop")).to_have_attribute("aria-pressed", "false")


def test_dragging_selects_a_stretch_and_its_words(result: Page, reply: dict[str, Any]) -> None:
    length = reply["duration"]
    drag(result, 1.0 / length, 2.0 / length)
    inside = [i for i, word in enumerate(reply["words"]) if word["start"] < 2.0 and word["end"] > 1.0]
    chosen = result.locator(".word").evaluate_all(
        "(words) => words.flatMap((word, i) => word.classList.contains('chosen') ? [i] : [])"
    )
    assert chosen == inside
    assert now_s(result) == pytest.approx(1.0, abs=0.05)
    result.keyboard.press("r")
    until(result, "document.getElementById('loop').ariaPressed === 'true'")
    expect(result.locator("#status")).to_have_text("Repeats 0:01 to 0:02")
    result.keyboard.press("e")
    expect(result.get_by_role("textbox", name="Correct text")).to_have_text(
        " ".join(reply["words"][i]["written"] + reply["words"][i]["punctuation"] for i in inside)
    )


def test_zooming_keeps_the_moment_and_scrolls(result: Page, reply: dict[str, Any]) -> None:
    scroll = "(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.getElementById('position'))"
    expect(result.locator("#zoom-out")).to_have_attribute("aria-disabled", "true")
    at(result, 3)
    result.click("#zoom-in")
    all_px, shown_px = result.evaluate(scroll)
    assert all_px == pytest.approx(2 * shown_px, abs=2)
    left = result.evaluate("document.getElementById('position').scrollLeft")
    at_px = 3 / reply["duration"] * all_px
    assert at_px - left == pytest.approx(at_px / 2, abs=3)  # where it was on the screen
    box = result.locator("#position").bounding_box()
    assert box
    result.mouse.click(box["x"] + 10, box["y"] + 30)
    assert now_s(result) == pytest.approx((left + 10) / all_px * reply["duration"], abs=0.05)
    while result.get_attribute("#zoom-in", "aria-disabled") == "false":
        result.click("#zoom-in")
    ink = result.evaluate(
        """() => {
            const { width, height } = document.getElementById("spectrogram");
            const image = document.getElementById("spectrogram").getContext("2d").getImageData(0, 0, width, height);
            return image.data.filter((value, i) => i % 4 === 3 && value > 60).length;
        }"""
    )
    assert ink > 500
    result.keyboard.press("-")
    assert result.evaluate(scroll)[0] < 100 * shown_px


def test_an_hour_stays_smooth_and_only_what_is_seen_is_drawn(
    open_page: Open, reply: dict[str, Any], speech: np.ndarray
) -> None:
    page = open_page()
    page.route("**/transcribe", lambda route: route.fulfill(json={**reply, "duration": 3600.0}))
    page.route("**/health", lambda route: route.fulfill(json={"model": {"name": "a", "version": "1"}}))
    page.reload()
    hour = encode(repeated(speech, 3600)[::2], 8000, subtype="PCM_U8")  # 29 MB, at a telephone's rate
    give(page, hour)
    wait_for(page, "result")
    for _ in range(9):
        page.click("#zoom-in")
    frames_ms = page.evaluate(
        """() => new Promise((resolve) => {
            const position = document.getElementById("position");
            const frames = [];
            let before = performance.now();
            const step = (now) => {
                frames.push(now - before);
                before = now;
                position.scrollLeft += 400;
                if (frames.length < 120) requestAnimationFrame(step);
                else resolve(frames.slice(5));
            };
            requestAnimationFrame(step);
        })"""
    )
    assert float(np.median(frames_ms)) < 40
    assert float(np.percentile(frames_ms, 95)) < 120
    canvas = page.evaluate("(({ width, height }) => width * height)(document.getElementById('spectrogram'))")
    assert canvas < 2_000_000  # of a picture some hundred thousand columns wide


def long(reply: dict[str, Any]) -> dict[str, Any]:
    """Makes a reply of a minute in many short sentences."""
    words: list[dict[str, Any]] = [
        {
            "word": f"word{i}",
            "written": f"word{i}",
            "punctuation": "." if i % 4 == 3 else "",
            "start": i * 0.2 + (i // 12) * 1.2,
            "end": i * 0.2 + (i // 12) * 1.2 + 0.19,
            "confidence": 1,
        }
        for i in range(200)
    ]
    parts = [words[first : first + 4] for first in range(0, 200, 4)]
    texts = [" ".join(word["written"] + word["punctuation"] for word in part) for part in parts]
    segments = [
        {"id": i, "start": part[0]["start"], "end": part[-1]["end"], "text": text, "confidence": 1}
        for i, (part, text) in enumerate(zip(parts, texts, strict=True))
    ]
    return {**reply, "duration": 60.0, "words": words, "segments": segments, "text": " ".join(texts)}


def test_what_is_heard_is_followed_until_the_reader_scrolls_away(
    open_page: Open, reply: dict[str, Any], speech: np.ndarray
) -> None:
    page = open_page(viewport={"width": 390, "height": 700})
    page.route("**/transcribe", lambda route: route.fulfill(json=long(reply)))
    give(page, encode(repeated(speech, 60), 16000))
    wait_for(page, "result")
    lit = page.locator('.word[aria-current="true"]')
    at(page, 20)
    page.click("#play")
    expect(lit).to_be_in_viewport()
    page.mouse.move(200, 600)
    page.mouse.wheel(0, 3000)
    expect(page.locator("#follow")).to_be_visible()
    before = page.evaluate("scrollY")
    page.wait_for_timeout(2500)
    assert page.evaluate("scrollY") == before
    page.click("#follow")
    expect(lit).to_be_in_viewport()
    expect(page.locator("#follow")).to_be_hidden()


@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (844, 390)])
def test_player_and_tools_stay_in_view(
    open_page: Open, reply: dict[str, Any], speech: np.ndarray, size: tuple[int, int]
) -> None:
    page = open_page(viewport={"width": size[0], "height": size[1]})
    page.route("**/transcribe", lambda route: route.fulfill(json=long(reply)))
    give(page, encode(repeated(speech, 60), 16000))
    wait_for(page, "result")
    page.mouse.wheel(0, 1500)
    page.wait_for_timeout(300)
    for tool in ("#play", "#correct", "#undo"):
        expect(page.locator(tool)).to_be_in_viewport(ratio=1)
    free = size[1] - page.locator("#desk").evaluate("(desk) => desk.getBoundingClientRect().bottom")
    assert free > 0.5 * size[1]


def test_keys_are_listed_and_can_be_turned_off(result: Page) -> None:
    result.keyboard.press("Shift+?")
    dialog = result.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    listed = dialog.locator("dt").all_inner_texts()
    assert {"Space", "J", "L", "E or F2", "Ctrl Z", "?", "D", "Shift D"} <= set(listed)
    dialog.get_by_label("Single keys act").uncheck()
    result.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    result.keyboard.press("l")
    result.keyboard.press("f")
    assert now_s(result) == 0
    assert result.is_hidden("#find-bar")
    result.click("#help")
    dialog.get_by_label("Single keys act").check()
    dialog.get_by_role("button", name="Close").click()
    result.keyboard.press("l")
    assert now_s(result) == pytest.approx(5, abs=0.05)
    assert result.evaluate("localStorage.length") == 0
