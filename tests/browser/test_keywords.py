"""Say a word, see the bars move."""

import json

from playwright.sync_api import Page, Route, expect

from .conftest import KEY, Open, until


def test_bars_show_what_the_microphone_hears_and_move(page: Page) -> None:
    seen: set[str] = set()
    page.click("#listen")
    expect(page.locator("#stop-listening")).to_be_visible()
    expect(page.locator("#bars li")).to_have_count(5)
    for _ in range(20):
        page.wait_for_timeout(150)
        seen.add(page.inner_text("#bars"))
    assert len(seen) > 3
    scores = page.locator("#bars meter").evaluate_all("(bars) => bars.map((bar) => bar.value)")
    assert scores == sorted(scores, reverse=True)
    page.click("#stop-listening")
    expect(page.locator("#listen")).to_be_visible()


def test_a_second_of_sound_is_sent_and_nothing_after_stop(page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.headers["content-type"]))
    with page.expect_response("**/v1/audio/keywords") as answer:
        page.click("#listen")
    assert answer.value.json()["duration"] == 1.024
    until(page, "document.querySelectorAll('#bars li').length === 5")
    page.click("#stop-listening")
    expect(page.locator("#listen")).to_be_visible()
    assert set(sent) == {"audio/wav"}
    before = len(sent)
    page.wait_for_timeout(800)
    assert len(sent) == before


def test_the_microphone_is_let_go(page: Page) -> None:
    page.evaluate(
        """() => {
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wish) => (window.given = await ask(wish));
        }"""
    )
    page.click("#listen")
    expect(page.locator("#bars li")).to_have_count(5)
    page.click("#stop-listening")
    until(page, "given.getTracks().every((track) => track.readyState === 'ended')")


def test_a_word_is_told_to_those_who_do_not_see_it(page: Page) -> None:
    def answer(route: Route) -> None:
        top = [{"label": "seven", "score": 0.9}, *({"label": name, "score": 0.02} for name in "abcd")]
        reply = {"label": "seven", "score": 0.9, "top": top, "duration": 1, "detections": []}
        route.fulfill(status=200, content_type="application/json", body=json.dumps(reply))

    page.route("**/v1/audio/keywords", answer)
    page.click("#listen")
    expect(page.locator("#heard-word")).to_have_text("seven")
    assert page.locator("#heard-word").get_attribute("role") == "status"
    page.click("#stop-listening")


def test_the_endpoint_that_wants_a_key_gets_it_and_listening_goes_on(open_page: Open, guarded_address: str) -> None:
    page = open_page(guarded_address)
    page.click("#listen")
    expect(page.locator("#problem-title")).to_have_text("This endpoint wants a key")
    page.fill("#key", KEY)
    page.click("#key-form button")
    expect(page.locator("#bars li")).to_have_count(5)
    expect(page.locator("#problem")).to_be_hidden()
    page.click("#stop-listening")


def test_a_denied_microphone_is_explained(open_page: Open) -> None:
    page = open_page(microphone=False)
    page.click("#listen")
    expect(page.locator("#problem-title")).to_have_text("The microphone is not allowed")


def test_recording_ends_listening(page: Page) -> None:
    page.click("#listen")
    expect(page.locator("#bars li")).to_have_count(5)
    page.click("#record")
    expect(page.locator("#recording")).to_be_visible()
    expect(page.locator("#keywords")).to_be_hidden()
    page.click("#discard")
    expect(page.locator("#listen")).to_be_visible()


def test_where_there_is_no_keyword_model_there_is_no_such_part(open_page: Open, address: str) -> None:
    page = open_page(address)
    assert page.is_visible("#keywords")
    page.route("**/health", lambda route: route.fulfill(json={"status": "ok", "model": {"name": "a", "version": "1"}}))
    page.reload()
    expect(page.locator("#model")).not_to_be_empty()
    expect(page.locator("#keywords")).to_be_hidden()
