"""What else a word may be: asked for one word, and chosen, as an edit."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from .conftest import KEY, SAMPLE, Open, alone, give, paragraphs, until_ready, wait_for


@pytest.fixture
def module(browser: Browser) -> Iterator[Page]:
    page = alone(browser, "alternatives.js", "around", "changes", "choices")
    yield page
    page.close()


@pytest.fixture
def result(page: Page) -> Page:
    give(page, SAMPLE)
    wait_for(page, "result")
    return page


def text(page: Page) -> str:
    return " ".join(paragraphs(page))


def asked(page: Page) -> list[Request]:
    """Returns a list that fills with what is asked about words."""
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request) if "word_alternatives" in request.url else None)
    return requests


def focus(page: Page, i: int) -> None:
    page.locator("#transcript .word").first.focus()
    for _ in range(i):
        page.keyboard.press("ArrowRight")


def items(page: Page) -> Any:
    return page.get_by_role("menuitem")


def open_menu(page: Page) -> None:
    page.keyboard.press("a")
    items(page).first.wait_for()
    expect(items(page).first).to_be_focused()


def word(shown: str, i: int, **other: Any) -> dict[str, Any]:
    return {"text": shown, "spoken": shown.lower(), "mark": "", "start": float(i), "end": i + 0.5, **other}


def test_a_word_is_changed_into_another_by_keys_alone_and_back(result: Page) -> None:
    requests = asked(result)
    result.evaluate(
        """() => {
            window.sent = [];
            const { send } = XMLHttpRequest.prototype;
            XMLHttpRequest.prototype.send = function (body) {
                sent.push(body.size);
                return send.call(this, body);
            };
        }"""
    )
    before = text(result)
    focus(result, 1)
    old = result.evaluate("document.activeElement.textContent")
    open_menu(result)
    result.keyboard.press("ArrowDown")
    expect(items(result).nth(1)).to_be_focused()
    result.keyboard.press("ArrowUp")
    chosen = items(result).first.locator("span").first.inner_text()
    assert chosen.lower() != old.lower()
    result.keyboard.press("Enter")
    assert text(result) == before.replace(old, chosen, 1)
    expect(result.locator("#choices")).to_be_hidden()
    assert result.evaluate("document.activeElement.closest('#transcript') !== null")
    assert "in place of" in result.locator("#status").inner_text()
    result.keyboard.press("Control+z")
    assert text(result) == before
    [request] = requests
    query = parse_qs(urlsplit(request.url).query)
    assert query == {"word_alternatives": ["8"], "text_style": ["spoken"]}
    # The seconds around the word are sent, not the recording.
    [sent] = result.evaluate("sent")
    assert 16000 < sent < 0.8 * SAMPLE.stat().st_size


def test_a_choice_is_taken_by_its_number_and_counts_as_certain(result: Page) -> None:
    focus(result, 1)
    open_menu(result)
    second = items(result).nth(1).locator("span").first.inner_text()
    result.keyboard.press("2")
    with result.expect_download() as download:
        result.click('[data-download="json"]')
    changed = [each for each in json.loads(download.value.path().read_text())["words"] if each.get("corrected")]
    assert [(each["written"], each["confidence"]) for each in changed] == [(second, 1)]


def test_escape_and_a_press_elsewhere_change_nothing_and_it_is_asked_once(result: Page) -> None:
    requests = asked(result)
    before = text(result)
    focus(result, 1)
    for i, leave in enumerate((lambda: result.keyboard.press("Escape"), lambda: result.click("#result-title"), None)):
        result.click("#others") if leave is None else result.keyboard.press("a")
        items(result).first.wait_for()
        if leave:
            leave()
            expect(result.locator("#choices")).to_be_hidden()
        if not i:
            expect(result.locator("#transcript .word").nth(1)).to_be_focused()
    assert text(result) == before
    assert len(requests) == 1


def test_the_words_to_listen_for_count_and_the_fastest_search_is_not_asked(page: Page) -> None:
    page.click("#options summary")
    page.fill("[name=words]", "Quackenbush")
    give(page, SAMPLE)
    wait_for(page, "result")
    requests = asked(page)
    focus(page, 2)
    open_menu(page)
    assert parse_qs(urlsplit(requests[0].url).query)["hotwords[]"] == ["Quackenbush"]


def test_a_refusal_is_told_where_the_choices_would_be(result: Page) -> None:
    result.route("**/transcribe?*", lambda route: route.fulfill(status=429, body="{}"))
    focus(result, 1)
    result.keyboard.press("a")
    expect(result.locator("#choices-title")).to_have_text(
        "Too many at once. Others are using this endpoint. Wait a moment and try again."
    )
    result.keyboard.press("Escape")
    result.unroute("**/transcribe?*")
    open_menu(result)


def test_a_result_of_earlier_asks_for_the_key_and_goes_on(open_page: Open, guarded_address: str) -> None:
    page = open_page(guarded_address)
    give(page, SAMPLE)
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    wait_for(page, "result")
    page.reload()
    until_ready(page)
    page.get_by_role("button", name="Open sample.wav").click()
    wait_for(page, "result")
    focus(page, 1)
    page.keyboard.press("a")
    expect(page.locator("#key")).to_be_focused()
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    items(page).first.wait_for()
    expect(items(page).first).to_be_focused()
    expect(page.locator("#problem")).to_be_hidden()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a live cat", "a life cat", [[1, 2, "life"]]),
        ("it was of ten", "it was often", [[2, 4, "often"]]),
        ("it was often", "it was of ten", [[2, 3, "of ten"]]),
        ("a live cat", "a life hat", [[1, 2, "life"], [2, 3, "hat"]]),
        ("a cat", "a live cat", []),
        ("a the cat", "a cat", [[1, 2, ""]]),
        ("one two three four", "quite another text", []),
        ("one two", "one two", []),
    ],
)
def test_texts_are_taken_apart_into_changes(module: Page, one: str, other: str, expected: list[Any]) -> None:
    found = module.evaluate("([one, other]) => changes(one.split(' '), other.split(' '))", [one, other])
    assert [[each["from"], each["to"], " ".join(each["instead"])] for each in found] == expected


def test_choices_keep_capitals_marks_and_what_is_written_as_one(module: Page) -> None:
    words = [
        word("Of", 0),
        word("ten", 1),
        word("9:30", 2, mark=",", spoken="nine thirty"),
        word("I", 3),
        word("left", 4),
    ]
    heard: list[dict[str, Any]] = [
        {
            "word": "of",
            "alternatives": [{"text": "often", "words": 2, "score": -0.5}, {"text": "off", "words": 1, "score": -1}],
        },
        {"word": "ten"},
        {"word": "nine", "alternatives": [{"text": "mine", "words": 1, "score": -2}]},
        {"word": "thirty", "alternatives": [{"text": "dirty", "words": 1, "score": -1}]},
        {"word": "i", "alternatives": [{"text": "", "words": 1, "score": -3}]},
        {"word": "left"},
    ]

    def found(i: int) -> list[list[Any]]:
        listed = module.evaluate(
            "([words, i, heard]) => choices(words, i, { first: 0, last: 4 }, heard)", [words, i, heard]
        )
        return [[each["first"], each["last"], each["text"]] for each in listed]

    assert found(0) == [[0, 1, "Often"], [0, 0, "Off"]]
    assert found(1) == [[0, 1, "Often"]]
    # Each word of what is written as one may be another.
    assert found(2) == [[2, 2, "nine dirty,"], [2, 2, "mine thirty,"]]
    assert found(3) == [[3, 3, ""]]
    assert found(4) == []
    # What is heard otherwise in so few seconds is a choice, and the first.
    heard[5]["word"] = "lift"
    assert found(4) == [[4, 4, "lift"], [3, 4, "lift"]]


def test_the_words_near_a_word_are_asked_about_with_it(module: Page) -> None:
    words = [word("a", i, channel=1) for i in range(10)] + [word("b", i, channel=2) for i in range(10)]
    found = module.evaluate("(words) => around(words, 5, 10)", words)
    assert (found["first"], found["last"]) == (3, 7)
    assert (found["start_s"], found["end_s"]) == (2.75, 7.75)
    edge = module.evaluate("(words) => around(words, 0, 10)", words)
    assert (edge["first"], edge["last"], edge["start_s"]) == (0, 2, 0)
