"""The main ways through the page in Firefox, as Debian packages it; where it is not installed they are skipped."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, expect

from tests.conftest import encode

from . import server
from .conftest import SAMPLE, WAIT_MS, give, paragraphs, repeated, shown_words, until, until_ready, wait_for

_PROGRAM = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
pytestmark = pytest.mark.skipif(not _PROGRAM, reason="Firefox is not installed")
# A microphone that hums, and is not asked about; nothing is asked of Firefox's makers.
_PREFERENCES: dict[str, str | float | bool] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


@pytest.fixture(scope="module")
def firefox(driver: Playwright) -> Iterator[Browser]:
    """Debian's Firefox, which speaks WebDriver BiDi."""
    program = driver.firefox.launch(channel="moz-firefox", executable_path=_PROGRAM, firefox_user_prefs=_PREFERENCES)
    version = program.version
    try:
        program.new_page().close()
    except Error as error:
        program.close()
        if "unknown command" not in str(error):
            raise
        pytest.skip(f"this Playwright asks for what Firefox {version} does not know: {error}")
    yield program
    program.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that takes ten seconds at once, and more as a job."""
    with server.serving(HARK_MAX_AUDIO_S="10") as found:
        yield found


@pytest.fixture
def page(firefox: Browser, address: str) -> Iterator[Page]:
    """The page as a visitor finds it; no script of it may fail."""
    page = firefox.new_page()
    page.set_default_timeout(WAIT_MS)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{address}/")
    until_ready(page)
    yield page
    page.close()
    assert not faults


@pytest.fixture
def result(page: Page) -> Page:
    give(page, SAMPLE)
    wait_for(page, "result")
    return page


def text(page: Page) -> str:
    return " ".join(paragraphs(page))


def test_a_file_is_transcribed_heard_and_looked_at(result: Page) -> None:
    assert len(shown_words(result)) > 10
    assert result.is_visible("#player")
    drawn = "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 == 3 && v))"
    until(result, f"{drawn}(document.getElementById('spectrogram'))")
    result.click("#play")
    until(result, "document.getElementById('audio').currentTime > 0.2")
    until(result, "document.querySelector('.word[aria-current]')")
    result.click("#play")
    result.click("#zoom-in")
    until(result, "document.getElementById('position').scrollWidth > document.getElementById('position').clientWidth")


def test_a_transcript_is_corrected_searched_and_saved(result: Page) -> None:
    before = text(result)
    result.locator("#transcript .word").first.focus()
    result.keyboard.press("ArrowRight")
    result.keyboard.press("F2")
    result.keyboard.type("tram")
    result.keyboard.press("Enter")
    assert "tram" in text(result)
    result.keyboard.press("Control+z")
    assert text(result) == before
    result.keyboard.press("Control+y")
    result.keyboard.press("f")
    result.fill("#query", "tram")
    expect(result.locator("#found")).to_have_text("1 of 1")
    result.fill("#replacement", "bus")
    result.click("#replace-all")
    assert "bus" in text(result)
    result.keyboard.press("Escape")
    # Playwright hears of no download in this Firefox.
    result.evaluate(
        """() => {
            const make = URL.createObjectURL;
            URL.createObjectURL = (blob) => make.call(URL, (window.saved = blob));
        }"""
    )
    result.click('[data-download="json"]')
    assert json.loads(result.evaluate("saved.text()"))["text"] == text(result)


def test_other_words_are_chosen_by_keys(result: Page) -> None:
    before = text(result)
    result.locator("#transcript .word").first.focus()
    result.keyboard.press("ArrowRight")
    result.keyboard.press("a")
    result.get_by_role("menuitem").first.wait_for()
    result.keyboard.press("1")
    assert text(result) != before


def test_a_result_is_found_again_and_deleted(result: Page) -> None:
    expected = text(result)
    result.reload()
    until_ready(result)
    result.get_by_role("button", name="Open sample.wav").first.click()
    wait_for(result, "result")
    assert text(result) == expected
    result.click("#again")
    result.on("dialog", lambda dialog: dialog.accept())
    result.click("#delete-all")
    expect(result.locator("#recordings")).to_be_hidden()


def test_the_microphone_is_heard(page: Page) -> None:
    page.click("#record")
    wait_for(page, "recording")
    page.wait_for_timeout(2000)
    page.click("#stop")
    until(page, "!document.getElementById('result').hidden || !document.getElementById('problem').hidden")
    assert page.is_hidden("#problem"), page.inner_text("#problem-message")


def test_what_is_too_long_goes_to_a_job(page: Page, speech: np.ndarray) -> None:
    made: list[Any] = []
    page.on("request", lambda request: made.append(request) if request.url.endswith("/v1/jobs") else None)
    give(page, encode(repeated(speech, 14), 16000))
    assert shown_words(page)
    assert len(made) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(firefox: Browser, address: str, scheme: Any) -> None:
    page = firefox.new_page(viewport={"width": 390, "height": 700}, color_scheme=scheme)
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{address}/")
    until_ready(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    give(page, SAMPLE)
    wait_for(page, "result")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
