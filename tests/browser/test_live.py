"""Text while somebody speaks."""

import json
import time
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Route, expect

from local import gateway
from tests.conftest import DATA, encode

from . import live, server
from .conftest import KEY, WAIT_MS, Open, ask, shown_words, until, until_ready, wait_for
from .test_access import RULES
from .test_options import unfold
from .test_recordings import record

# The passes have the text's own query, if any; the whole recording has none.
PASSES = "**/transcribe*"
HELLO = "() => [['hello', 0.1]]"


@pytest.fixture(scope="module")
def dictation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen utterances with pauses between them, and silence around them."""
    parts = [np.zeros(16000, np.float32)]
    for path in sorted(DATA.glob("*.ogg")):
        parts += [sf.read(path, dtype="float32")[0], np.zeros(4800, np.float32)]
    path = tmp_path_factory.mktemp("microphone") / "dictation.wav"
    sf.write(path, np.concatenate([*parts, np.zeros(16000, np.float32)]), 16000, subtype="PCM_16")
    return path


def hear(page: Page) -> None:
    """Records until there is text."""
    page.click("#record")
    expect(page.locator("#live-text p").first).to_be_visible(timeout=WAIT_MS)


def passes_of(page: Page) -> list[Request]:
    """Returns a list that fills with what is sent."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if "/transcribe" in request.url else None)
    return found


def test_a_dictation_is_read_while_it_is_spoken_and_the_end_is_that_of_the_whole(
    browser: Browser, address: str, dictation: Path
) -> None:
    with live.hearing(browser, dictation) as hears:
        page = hears.new_context(permissions=["microphone"]).new_page()
        page.goto(f"{address}/")
        until_ready(page)
        live.watch(page)
        requests = passes_of(page)
        record(page, sf.info(dictation).duration)
        until(page, "document.querySelectorAll('#live-text .open').length === 0")  # nobody speaks
        until(page, "seen.length && performance.now() - seen.at(-1).at_ms > 3000")
        asked = len(requests)
        page.wait_for_timeout(2000)
        assert len(requests) == asked  # silence is not sent
        while_speaking = live.seen(page)
        page.click("#stop")
        words = shown_words(page)
        bodies = live.passes_bytes(page)
        again = json.loads(ask(f"{address}/transcribe", live.sent(page))[2])
        page.context.close()
    assert words == again["text"].split()
    assert while_speaking[-1].settled == while_speaking[-1].whole
    for before, after in pairwise(while_speaking):
        assert after.settled.startswith(before.settled)
    # From its beginning to its end, much the same as in the end.
    assert SequenceMatcher(None, while_speaking[-1].whole.split(), words).ratio() > 0.6
    # Sent are the last seconds, however long it lasts.
    assert len(bodies) == asked
    assert 0 < max(bodies) < 44 + 32_000 * 12.1
    expected = json.loads(ask(f"{address}/transcribe", dictation.read_bytes())[2])["text"].split()
    assert SequenceMatcher(None, words, expected).ratio() > 0.85


def answer_passes(page: Page, words: str) -> None:
    """Answers what is sent while somebody speaks, in the page itself, and notes it in `passes`.

    Args:
        page: where nothing is recorded yet.
        words: a function of JavaScript, of the seconds that were sent and of how many passes there were; returns
            [[word, start]], or a promise of it.
    """
    page.evaluate(
        f"""() => {{
            window.passes = [];
            let atOnce = 0;
            window.fetch = async (path, {{ body }}) => {{
                passes.push({{ path, type: body.type, atOnce: ++atOnce }});
                const words = await ({words})((body.size - 44) / 32000, passes.length);
                atOnce--;
                const reply = words.map(([word, start]) => {{
                    return {{ word, written: word, punctuation: "", start, end: start + 0.3, confidence: 1 }};
                }});
                return new Response(JSON.stringify({{ words: reply }}));
            }};
        }}"""
    )


def test_what_is_older_than_five_seconds_stays_however_passes_differ(page: Page) -> None:
    # Every pass hears something else in every place.
    answer_passes(page, "(seconds, n) => Array.from({ length: 2 * seconds }, (_, i) => [`w${n}x${i}`, i / 2])")
    live.watch(page)
    record(page, 14)
    found = live.seen(page)
    page.click("#discard")
    assert len(found) > 4
    assert all(after.settled.startswith(before.settled) for before, after in pairwise(found))
    # Two words a second, of which those of the last five seconds may be open.
    assert len(found[-1].settled.split()) > 2 * (found[-1].at_s - 5 - 2)


def test_silence_is_not_sent(browser: Browser, address: str, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    silence.write_bytes(encode(np.zeros(16000 * 5, np.float32), 16000, "WAV", "PCM_16"))
    with live.hearing(browser, silence) as hears:
        page = hears.new_context(permissions=["microphone"]).new_page()
        page.goto(f"{address}/")
        until_ready(page)
        requests = passes_of(page)
        record(page, 4)
        assert not requests
        assert page.locator("#live-text").is_visible()
        page.context.close()


def test_one_request_follows_the_other_and_a_slow_endpoint_is_asked_for_less(page: Page) -> None:
    answer_passes(page, "() => new Promise((resolve) => setTimeout(resolve, 1300, [['hello', 0.1]]))")
    page.click("#record")
    until(page, "passes.length >= 5")
    passes = page.evaluate("passes")
    page.click("#discard")
    assert {each["atOnce"] for each in passes} == {1}
    assert (passes[0]["path"], passes[0]["type"]) == ("transcribe", "audio/wav")
    assert (passes[-1]["path"], passes[-1]["type"]) == ("transcribe?decoder=beam", "audio/ogg")


def test_a_throttled_page_waits_and_goes_on(page: Page) -> None:
    at: list[float] = []

    def answer(route: Route) -> None:
        at.append(time.monotonic())
        if len(at) > 3:
            route.continue_()
        else:
            route.fulfill(status=429, headers={"Retry-After": "3"}, body=gateway.THROTTLED_BODY)

    page.route(PASSES, answer)
    page.click("#record")
    expect(page.locator("#live-problem")).to_contain_text("busy", timeout=WAIT_MS)
    expect(page.locator("#live-text p").first).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#live-problem")).to_have_text("")
    waits = np.diff(at[:4])
    assert waits.min() > 2.9
    assert waits[-1] > 7  # twice as long each time, whatever was asked for
    page.click("#discard")


def test_speaking_stays_below_the_throttle_that_the_template_has(open_page: Open) -> None:
    with server.throttled() as (address, requests):
        pages = [open_page(address) for _ in range(2)]
        for page in pages:
            hear(page)
        pages[0].wait_for_timeout(4000)
        for page in pages:
            page.click("#stop")
        for page in pages:
            assert shown_words(page)
            page.context.close()
    assert {status for _, status in requests} == {200}
    assert [path for path, _ in requests].count("/transcribe") > 6


def test_the_end_need_not_wait_for_a_request_under_way(page: Page) -> None:
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url) if "/transcribe" in request.url else None)
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(PASSES, hold_the_first)
    page.click("#record")
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(1500)
    page.click("#stop")
    assert shown_words(page)
    assert len(failed) == 1


def test_text_stays_in_sight_until_that_of_the_whole_is_there(page: Page) -> None:
    answer_passes(page, HELLO)
    hear(page)
    held: list[Route] = []
    page.route(PASSES, lambda route: held.append(route))
    page.click("#stop")
    wait_for(page, "working")
    assert page.locator("#live-text p").first.is_visible()
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(100)
    held[-1].continue_()
    wait_for(page, "result")
    assert page.locator("#live").is_hidden()
    assert page.evaluate("document.getElementById('live-text').childNodes.length") == 0


def test_it_can_be_switched_off_and_the_browser_remembers(page: Page) -> None:
    unfold(page)
    expect(page.locator("[name=live]")).to_be_checked()
    page.locator("[name=live]").press("Space")
    page.reload()
    until_ready(page)
    unfold(page)
    expect(page.locator("[name=live]")).not_to_be_checked()
    requests = passes_of(page)
    record(page, 3)
    assert page.locator("#live").is_hidden()
    page.click("#discard")
    assert not requests
    page.check("[name=live]")
    assert page.evaluate("localStorage.length") == 0
    answer_passes(page, HELLO)
    hear(page)


def test_nothing_is_sent_after_discarding(page: Page) -> None:
    answer_passes(page, HELLO)
    hear(page)
    page.click("#discard")
    count = page.evaluate("passes.length")
    page.wait_for_timeout(2000)
    assert page.evaluate("passes.length") == count
    assert page.locator("#live").is_hidden()


def test_nothing_is_sent_while_nobody_looks(page: Page) -> None:
    answer_passes(page, HELLO)
    hear(page)
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    count = page.evaluate("passes.length")
    page.wait_for_timeout(2500)
    assert page.evaluate("passes.length") == count
    page.evaluate("delete document.hidden")
    until(page, f"passes.length > {count}")


def test_what_was_chosen_holds_for_it_too(page: Page) -> None:
    unfold(page)
    page.fill("[name=words]", "Quackenbush")
    page.select_option("[name=style]", "spoken")
    page.select_option("[name=channels]", "separate")
    with page.expect_request(PASSES) as sent:
        page.click("#record")
    assert sent.value.url.rpartition("?")[2] == "hotwords%5B%5D=Quackenbush&text_style=spoken"


def test_without_a_key_it_says_so_once_and_with_one_what_it_counts(open_page: Open, guarded_address: str) -> None:
    page = open_page(guarded_address)
    requests = passes_of(page)
    page.click("#record")
    told = "This endpoint wants a key. The text comes when you stop."
    expect(page.locator("#live-problem")).to_have_text(told, timeout=WAIT_MS)
    expect(page.locator("#live-cost")).to_be_hidden()
    page.wait_for_timeout(2000)
    assert len(requests) == 1
    page.click("#stop")
    page.fill("#key", KEY)
    page.click("#key-form button")
    wait_for(page, "result")
    page.click("#again")
    hear(page)
    expect(page.locator("#live-cost")).to_contain_text("minutes of audio")


def test_a_key_without_minutes_is_told_and_not_tried_again(page: Page) -> None:
    error = {"message": "This key's 60 minutes of audio a day are used up.", "code": "insufficient_quota"}
    page.route(PASSES, lambda route: route.fulfill(status=429, headers={"Retry-After": "9"}, json={"error": error}))
    requests = passes_of(page)
    page.click("#record")
    told = "This key has no minutes left. The text comes when you stop."
    expect(page.locator("#live-problem")).to_have_text(told, timeout=WAIT_MS)
    page.wait_for_timeout(3000)
    assert len(requests) == 1
    page.click("#stop")
    expect(page.locator("#problem-message")).to_have_text(error["message"], timeout=WAIT_MS)


def test_a_browser_without_audio_worklets_records_all_the_same(page: Page) -> None:
    page.evaluate("() => { AudioWorklet.prototype.addModule = () => Promise.reject(new DOMException('')); }")
    record(page, 2)
    expect(page.locator("#live-problem")).to_contain_text("This browser shows no text", timeout=WAIT_MS)
    page.click("#stop")
    assert shown_words(page)


def test_a_browser_that_does_not_resample_microphones_is_heard_too(page: Page) -> None:
    page.evaluate(
        """() => {
            window.AudioContext = class extends AudioContext {
                constructor({ sampleRate } = {}) {
                    if (sampleRate) throw new DOMException("", "NotSupportedError");
                    super();
                }
            };
        }"""
    )
    answer_passes(page, "(seconds) => [[seconds.toFixed(1), 0.1]]")
    page.click("#record")
    until(page, "passes.length >= 4")
    sent_s = [float(text) for text in page.inner_text("#live-text").split()]
    # As long at the model's rate as it was: at 44.1 or 48 kHz it would be three times as much.
    assert 0 < sent_s[-1] < page.evaluate("Number(document.getElementById('elapsed').textContent.split(':')[1])") + 2
    page.click("#discard")


def test_it_follows_what_is_said_unless_somebody_reads_what_was(page: Page) -> None:
    answer_passes(page, "() => Array.from({ length: 400 }, (_, i) => [`word${i}`, i / 1000])")
    page.click("#record")
    below = "(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight)"
    until(page, "document.getElementById('live-text').scrollTop > 100")
    assert page.evaluate(f"{below}(document.getElementById('live-text'))") < 2
    page.evaluate("document.getElementById('live-text').scrollTop = 0")
    page.wait_for_timeout(2500)
    assert page.evaluate("document.getElementById('live-text').scrollTop") == 0


def test_a_screen_reader_reads_it_only_when_asked_to(page: Page) -> None:
    # Read aloud by itself, the microphone would hear it again.
    answer_passes(page, HELLO)
    hear(page)
    text = page.locator("#live-text")
    assert text.get_attribute("aria-live") == "off"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(text).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_no_barrier_and_the_button_stays_in_sight(open_page: Open, scheme: Any, width: int) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    answer_passes(page, "() => Array.from({ length: 400 }, (_, i) => [`word${i}`, i / 1000])")
    page.click("#record")
    until(page, "document.querySelector('#live-text .open') && document.getElementById('live-text').scrollTop > 100")
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.scrollHeight") <= 800
    box = page.locator("#stop").bounding_box()
    assert box
    assert box["y"] + box["height"] < 800
