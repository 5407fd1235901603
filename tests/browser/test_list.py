"""Several recordings one after the other, and results that the browser keeps until somebody deletes them."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Dialog, FilePayload, Page, Route, expect

from tests.conftest import DATA

from .conftest import KEY, SAMPLE, WAIT_MS, Open, give, paragraphs, until, until_ready, wait_for
from .test_access import RULES


def audio(name: str, content: bytes | None = None) -> FilePayload:
    return FilePayload(name=name, mimeType="audio/wav", buffer=SAMPLE.read_bytes() if content is None else content)


def give_all(page: Page, *files: FilePayload) -> None:
    page.set_input_files("#file", files=list(files))


def opened(page: Page) -> list[str]:
    """Returns the names of what is kept, the latest first."""
    return page.locator("#recordings button.name").all_inner_texts()


def until_kept(page: Page, count: int) -> None:
    expect(page.locator("#recordings button.name")).to_have_count(count, timeout=WAIT_MS)


def test_several_files_wait_for_their_turn_and_are_opened_when_done(page: Page, reply: dict[str, Any]) -> None:
    give_all(page, audio("a.wav"), audio("notes.txt", b"no audio"), audio("b.ogg", (DATA / "00.ogg").read_bytes()))
    rows = page.locator("#recordings li")
    expect(rows).to_have_count(3)
    until_kept(page, 2)
    assert opened(page) == ["b.ogg", "a.wav"]
    assert "This recording could not be read" in rows.nth(0).inner_text()
    assert "22 words" in rows.nth(2).inner_text()
    page.get_by_role("button", name="Remove notes.txt").click()
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Open a.wav").click()
    wait_for(page, "result")
    assert page.inner_text("#result-title") == "a.wav"
    assert paragraphs(page) == [reply["text"]]


def test_what_waits_can_be_removed_and_states_are_shown(page: Page) -> None:
    held: list[Route] = []
    page.route("**/transcribe", lambda route: held.append(route))
    give_all(page, audio("a.wav"), audio("b.wav"))
    rows = page.locator("#recordings li")
    expect(rows.nth(0).locator(".note")).to_have_text(re.compile("^(Sending|Transcribing)$"))
    expect(rows.nth(1).locator(".note")).to_have_text("Waiting")
    page.get_by_role("button", name="Remove b.wav").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Remove a.wav").click()
    expect(page.locator("#recordings")).to_be_hidden()
    assert len(held) == 1


def test_files_in_a_dropped_folder_are_taken_that_sound(page: Page) -> None:
    # Folders exist only in a real drag: entries of the same shape are given to the page.
    page.evaluate(
        """() => {
            const blob = new Blob(["no audio"]);
            const file = (name) => ({ isFile: true, name, file: (done) => done(new File([blob], name)) });
            const folder = (name, entries) => ({ isDirectory: true, name, createReader: () => {
                const parts = [entries, []];
                return { readEntries: (done) => done(parts.shift()) };
            } });
            const more = folder("more", [file("3.FLAC")]);
            const entry = folder("talks", [file("2.mp3"), file("cover.jpg"), more, file("1.wav")]);
            const transfer = { types: ["Files"], files: [], items: [{ kind: "file", webkitGetAsEntry: () => entry }] };
            const event = new Event("drop", { bubbles: true, cancelable: true });
            Object.defineProperty(event, "dataTransfer", { value: transfer });
            document.body.dispatchEvent(event);
        }"""
    )
    expect(page.locator("#recordings li")).to_have_count(3)
    assert page.locator("#recordings .name").all_inner_texts() == ["1.wav", "2.mp3", "3.FLAC"]


def test_a_busy_endpoint_is_asked_again_later(page: Page) -> None:
    refused: list[Route] = []

    def answer(route: Route) -> None:
        if len(refused) < 2:
            refused.append(route)
            route.fulfill(status=429, json={"message": "Too Many Requests"})
        else:
            route.continue_()

    page.route("**/transcribe", answer)
    give_all(page, audio("a.wav"), audio("b.wav"))
    until_kept(page, 2)
    assert len(refused) == 2


def test_the_list_goes_on_when_the_key_is_given(open_page: Open, guarded_address: str) -> None:
    page = open_page(guarded_address)
    give_all(page, audio("a.wav"), audio("b.wav"))
    page.wait_for_selector("#key-form:not([hidden])")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    until_kept(page, 2)
    assert page.is_hidden("#problem")


def test_results_and_corrections_outlive_a_reload_and_are_undone_after_it(page: Page, reply: dict[str, Any]) -> None:
    give(page, SAMPLE)
    wait_for(page, "result")
    page.locator(".word").nth(1).dblclick()
    page.keyboard.type("tram")
    page.keyboard.press("Enter")
    text = reply["text"].replace("train", "tram")
    assert paragraphs(page) == [text]
    page.reload()
    until_ready(page)
    expect(page.locator("#recordings li")).to_contain_text("corrected")
    page.get_by_role("button", name="Open sample.wav").click()
    wait_for(page, "result")
    assert paragraphs(page) == [text]
    page.click("#play")
    until(page, "document.getElementById('audio').currentTime > 0.1")
    page.click("#undo")
    assert paragraphs(page) == [reply["text"]]
    page.click("#again")
    expect(page.locator("#recordings li")).not_to_contain_text("corrected")


def test_what_the_endpoint_was_too_busy_for_can_be_tried_again(page: Page) -> None:
    page.clock.install()
    tries = []
    page.route("**/transcribe*", lambda route: (tries.append(route), route.fulfill(status=503, json={})))
    give_all(page, audio("a.wav"), audio("notes.txt", b"no audio"))
    again = page.get_by_role("button", name="Try a.wav again")
    while not again.is_visible() and len(tries) < 10:
        page.clock.run_for(5000)
        page.wait_for_timeout(50)
    page.unroute("**/transcribe*")
    again.click()
    expect(page.get_by_role("button", name="Remove a.wav")).to_be_focused()
    until_kept(page, 1)
    # What cannot be used does not become usable.
    expect(page.get_by_role("button", name="Try notes.txt again")).to_have_count(0)


def test_one_or_all_are_deleted(page: Page) -> None:
    give_all(page, audio("a.wav"), audio("b.wav"), audio("c.wav"))
    until_kept(page, 3)
    page.get_by_role("button", name="Delete b.wav").click()
    until_kept(page, 2)
    answers = ["dismiss", "accept"]

    def answer(dialog: Dialog) -> None:
        getattr(dialog, answers.pop(0))()

    page.on("dialog", answer)
    page.click("#delete-all")
    assert opened(page) == ["c.wav", "a.wav"]
    page.click("#delete-all")
    expect(page.locator("#recordings")).to_be_hidden()
    page.reload()
    until_ready(page)
    assert page.is_hidden("#recordings")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_in_the_list(open_page: Open, scheme: Any) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    give_all(page, audio("a.wav"), audio("notes.txt", b"no audio"))
    until_kept(page, 1)
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
