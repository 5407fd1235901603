"""The page at /docs: each operation can be tried out where it is described."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from .conftest import KEY, SAMPLE, WAIT_MS
from .test_access import RULES


@pytest.fixture
def open_docs(browser: Browser) -> Iterator[Any]:
    contexts = []
    faults: list[str] = []

    def open_(address: str, **settings: Any) -> Page:
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
        page.goto(f"{address}/docs")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not faults


def unfolded(page: Page, operation: str) -> Locator:
    """Opens the form of an operation, by keyboard."""
    form = page.get_by_role("form", name=operation, exact=True)
    page.locator("details.try", has=page.locator(f'form[aria-label="{operation}"]')).locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(form).to_be_visible()
    return form


def answer(form: Locator) -> tuple[str, str]:
    """Sends a form; returns the first line of the answer, and its body."""
    form.get_by_role("button", name="Send").click()
    expect(form.locator("output pre")).to_be_visible(timeout=WAIT_MS)
    head, _, body = form.locator("output pre").inner_text().partition("\n\n")
    return head.splitlines()[0], body


def test_a_recording_is_sent_with_options(open_docs: Any, address: str, reply: dict[str, Any]) -> None:
    form = unfolded(open_docs(address), "POST /v1/audio/transcriptions")
    form.get_by_label("file", exact=True).set_input_files(SAMPLE)
    form.get_by_text("More fields").click()
    form.get_by_label("response_format").select_option("verbose_json")
    form.get_by_label("hotwords").fill("Dover, coast")
    status, body = answer(form)
    assert status.startswith("200")
    assert json.loads(body)["text"] == reply["text"]


def test_bytes_and_queries_are_sent(open_docs: Any, address: str, reply: dict[str, Any]) -> None:
    form = unfolded(open_docs(address), "POST /transcribe")
    form.locator("input[type=file]").set_input_files(SAMPLE)
    form.get_by_text("More fields").click()
    form.get_by_label("text_style").select_option("spoken")
    status, body = answer(form)
    assert status.startswith("200")
    assert json.loads(body)["text"] == " ".join(word["word"] for word in reply["words"])


def test_keys_and_refusals_are_shown_as_they_come(open_docs: Any, guarded_address: str) -> None:
    page = open_docs(guarded_address)
    form = unfolded(page, "GET /v1/models/{model}")
    form.get_by_label("model").fill("no/such model")
    status, body = answer(form)
    assert status.startswith("401")
    assert json.loads(body)["error"]["code"] == "invalid_api_key"
    form.get_by_label("Key").fill(KEY)
    form.get_by_role("button", name="Send").click()
    expect(form.locator("output p")).to_contain_text("Answered 404", timeout=WAIT_MS)
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_and_nothing_scrolls_sideways(open_docs: Any, address: str, scheme: str) -> None:
    page = open_docs(address, color_scheme=scheme, viewport={"width": 390, "height": 844})
    form = unfolded(page, "GET /health")
    assert answer(form)[0].startswith("200")
    jobs = unfolded(page, "POST /v1/jobs")
    expect(jobs.locator("textarea")).to_be_visible()
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
