"""An endpoint that wants a key: the page asks for it, sends it in a header, and forgets it unless told otherwise."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .conftest import KEY, SAMPLE, Open, give, shown_words, until_ready, wait_for


@pytest.fixture
def page(open_page: Open, guarded_address: str) -> Page:
    return open_page(guarded_address)


def ask(page: Page) -> None:
    give(page, SAMPLE)
    page.wait_for_selector("#key-form:not([hidden])")


def answer(page: Page, key: str) -> None:
    page.fill("#key", key)
    page.keyboard.press("Enter")


def test_no_key_field_is_shown_where_none_is_wanted(open_page: Open) -> None:
    assert open_page().is_hidden("#key-form")


def test_the_field_appears_with_focus_and_the_right_key_goes_on_with_the_recording(
    page: Page, reply: dict[str, Any]
) -> None:
    ask(page)
    assert page.inner_text("#problem-title") == "This endpoint wants a key"
    expect(page.locator("#key")).to_be_focused()
    assert page.get_attribute("#key", "type") == "password"
    answer(page, KEY)
    assert shown_words(page) == reply["text"].split()


def test_a_wrong_key_is_said_and_asked_for_again(page: Page, reply: dict[str, Any]) -> None:
    ask(page)
    answer(page, "wrong")
    expect(page.locator("#problem-title")).to_have_text("This key was not accepted")
    expect(page.locator("#key")).to_be_focused()
    answer(page, KEY)
    assert shown_words(page) == reply["text"].split()


def test_the_key_is_sent_in_a_header_and_never_in_an_address(page: Page) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    ask(page)
    with page.expect_request("**/transcribe") as sent:
        answer(page, KEY)
    wait_for(page, "result")
    assert sent.value.headers["authorization"] == f"Bearer {KEY}"
    assert not any(KEY in address for address in [*addresses, page.url])


@pytest.mark.parametrize("remember", [False, True])
def test_the_key_outlives_a_reload_only_if_the_visitor_ticks_the_box(page: Page, remember: bool) -> None:
    ask(page)
    page.set_checked("#remember", remember)
    answer(page, KEY)
    wait_for(page, "result")
    page.reload()
    until_ready(page)
    give(page, SAMPLE)
    wait_for(page, "result" if remember else "problem")
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    assert page.evaluate("sessionStorage.length") == int(remember)
