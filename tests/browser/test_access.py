"""Everyone can use it: by keyboard alone, on a narrow phone, in the dark, with a screen reader, without motion."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import SAMPLE, Open, drop, give, until, wait_for

STATES = ("intake", "recording", "working", "result", "problem")
# What the result has besides, and what brings it there.
EDITING = {
    "correcting": lambda page: page.keyboard.press("F2"),
    "naming": lambda page: page.keyboard.press("n"),
    "named": lambda page: name_speaker(page, "Anna"),
    "choosing": lambda page: choose(page),
    "finding": lambda page: find(page, "the"),
    "keys": lambda page: page.keyboard.press("?"),
    "repeating": lambda page: page.keyboard.press("r"),
    "closer": lambda page: page.keyboard.press("+"),
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def bring_to(page: Page, state: str) -> None:
    """Leads the page to a state."""
    if state == "recording":
        page.click("#record")
    elif state == "working":
        session = page.context.new_cdp_session(page)
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 10_000}
        session.send("Network.emulateNetworkConditions", conditions)
        give(page, SAMPLE)
    elif state == "result":
        give(page, SAMPLE)
    elif state == "problem":
        drop(page, b"notes", "notes.txt", "text/plain")
    wait_for(page, state)


def name_speaker(page: Page, name: str) -> None:
    page.keyboard.press("n")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator(".speaker")).to_have_text(name)


def choose(page: Page) -> None:
    page.keyboard.press("a")
    page.get_by_role("menuitem").first.wait_for()


def find(page: Page, text: str) -> None:
    page.keyboard.press("f")
    page.fill("#query", text)


def bring_to_editing(page: Page, state: str) -> None:
    """Leads the page to something done with a transcript."""
    bring_to(page, "result")
    page.keyboard.press("Tab")
    EDITING[state](page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", EDITING)
def test_axe_finds_no_barrier_to_editing(open_page: Open, scheme: Any, state: str) -> None:
    page = open_page(color_scheme=scheme)
    bring_to_editing(page, state)
    page.wait_for_timeout(300)
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("state", EDITING)
def test_editing_needs_no_sideways_scrolling_and_no_small_fingers(open_page: Open, state: str) -> None:
    page = open_page(viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    bring_to_editing(page, state)
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for button in page.locator("button:visible, input:visible:not([type=checkbox])").all():
            box = button.bounding_box()
            assert box
            assert min(box["width"], box["height"]) >= 43.9, button.get_attribute("id")
            assert box["x"] + box["width"] <= width, button.get_attribute("id")


@pytest.mark.parametrize("touch", [False, True])
def test_the_tools_are_one_row_in_a_narrow_window(open_page: Open, touch: bool) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=touch, is_mobile=touch)
    bring_to(page, "result")
    boxes = [each.bounding_box() for each in page.locator("#tools button:visible").all()]
    assert len(boxes) >= 7
    assert len({box and round(box["y"]) for box in boxes}) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_no_barrier(open_page: Open, scheme: Any, state: str) -> None:
    page = open_page(color_scheme=scheme)
    bring_to(page, state)
    page.wait_for_timeout(300)  # colours that fade in are measured when they are there
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [320, 430])
@pytest.mark.parametrize("state", STATES)
def test_nothing_needs_sideways_scrolling_on_a_phone(open_page: Open, width: int, state: str) -> None:
    page = open_page(viewport={"width": width, "height": 700}, has_touch=True, is_mobile=True)
    bring_to(page, state)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    too_wide = page.evaluate(
        """(width) => [...document.querySelectorAll("main *")]
            .filter((element) => element.checkVisibility() && !element.closest(".unseen, .position"))
            .filter((element) => element.getBoundingClientRect().right > width + 0.5)
            .map((element) => element.outerHTML)""",
        width,
    )
    assert not too_wide


def test_buttons_are_large_enough_for_fingers(open_page: Open) -> None:
    page = open_page(viewport={"width": 320, "height": 700}, has_touch=True, is_mobile=True)
    bring_to(page, "result")
    for button in page.locator("button:visible").all():
        box = button.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 44


def test_both_themes_are_drawn(open_page: Open) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        ground, ink = page.evaluate(
            "(({ backgroundColor, color }) => [backgroundColor, color])(getComputedStyle(document.body))"
        )
        grounds[scheme] = [sum(map(int, colour[4:-1].split(","))) for colour in (ground, ink)]
    assert grounds["light"][0] > 600 > 200 > grounds["light"][1]
    assert grounds["dark"][0] < 200 < 600 < grounds["dark"][1]


def test_recording_and_listening_need_only_the_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")  # the link to the API
    page.keyboard.press("Tab")
    expect(page.locator("#record")).to_be_focused()
    page.keyboard.press("Enter")
    wait_for(page, "recording")
    expect(page.locator("#stop")).to_be_focused()
    page.wait_for_timeout(3000)
    page.keyboard.press("Space")
    wait_for(page, "result")
    expect(page.locator("#result-title")).to_be_focused()
    for stop in ("#again", "#position", "#back", "#play"):
        page.keyboard.press("Tab")
        expect(page.locator(stop)).to_be_focused()
    page.keyboard.press("Space")
    until(page, "document.getElementById('audio').currentTime > 0.2")
    for stop in ("#forward", "#speed", "#loop", "#zoom-out", "#zoom-in"):
        page.keyboard.press("Tab")
        expect(page.locator(stop)).to_be_focused()
    for stop in (
        "#correct",
        "#split",
        "#join",
        "#speaker",
        "#doubtful",
        "#others",
        "#search",
        "#undo",
        "#redo",
        "#help",
    ):
        page.keyboard.press("Tab")
        expect(page.locator(stop)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".word").first).to_be_focused()
    page.keyboard.press("Tab")  # the whole transcript is one stop
    expect(page.locator("#copy")).to_be_focused()


def test_a_file_is_chosen_with_the_keyboard(page: Page) -> None:
    # Set before anything is pressed: Chromium is told in the background not to open its own window.
    page.on("filechooser", lambda chooser: chooser.set_files(SAMPLE))
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    page.keyboard.press("Space")
    wait_for(page, "result")


@pytest.mark.parametrize("state", STATES)
def test_focus_is_seen_wherever_it_is(page: Page, state: str) -> None:
    bring_to(page, state)
    stops = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
                const focused = document.activeElement;
                const drawn = focused.id === "file" ? document.querySelector(".button") : focused;
                const { outlineStyle, outlineWidth } = getComputedStyle(drawn);
                return [focused.outerHTML.slice(0, 80), outlineStyle === "none" ? 0 : parseFloat(outlineWidth)];
            }"""
        )
        if name.startswith("<body"):
            continue  # once around
        stops.add(name)
        assert outline >= 2, name
    assert len(stops) >= 2


def test_what_happens_is_announced(page: Page) -> None:
    page.evaluate(
        """() => {
            window.said = [];
            const note = () => window.said.push(document.getElementById("status").textContent);
            new MutationObserver(note).observe(document.getElementById("status"), { childList: true });
        }"""
    )
    give(page, SAMPLE)
    wait_for(page, "result")
    said = page.evaluate("said")
    assert [text.split(":")[0] for text in said] == ["Reading", "Sending", "Transcribing", "Transcribed"]
    assert page.get_attribute("#status", "role") == "status"
    assert page.get_attribute("#problem", "role") == "alert"


@pytest.mark.parametrize("state", ["recording", "working"])
def test_nothing_moves_by_itself_for_those_who_want_no_motion(open_page: Open, state: str) -> None:
    page = open_page(reduced_motion="reduce")
    bring_to(page, state)
    assert page.evaluate("document.getAnimations().length") == 0
