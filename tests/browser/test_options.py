"""What a visitor may ask for besides the transcript, folded away until somebody wants it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.conftest import encode

from .conftest import SAMPLE, Open, give, shown_words, until_ready, wait_for
from .test_access import RULES


def unfold(page: Page) -> None:
    page.click("#options summary")


def asked(page: Page, audio: Path | bytes = SAMPLE) -> dict[str, list[str]]:
    """Sends a recording; returns the query it was sent with."""
    with page.expect_request("**/transcribe*") as sent:
        give(page, audio)
    wait_for(page, "result")
    return parse_qs(urlsplit(sent.value.url).query, keep_blank_values=True)


def test_they_are_folded_away_and_nothing_is_asked_for_unless_somebody_does(page: Page) -> None:
    assert page.is_hidden("[name=words]")
    assert asked(page) == {}


def test_words_to_listen_for_are_sent_and_remembered(page: Page) -> None:
    unfold(page)
    page.fill("[name=words]", "Quackenbush, Dover ,,coast")
    assert asked(page) == {"hotwords[]": ["Quackenbush", "Dover", "coast"]}
    page.reload()
    until_ready(page)
    unfold(page)
    assert page.input_value("[name=words]") == "Quackenbush, Dover ,,coast"
    page.fill("[name=words]", "")
    assert page.evaluate("localStorage.length") == 0


def test_text_as_it_was_spoken(page: Page, reply: dict[str, Any]) -> None:
    unfold(page)
    page.select_option("[name=style]", "spoken")
    give(page, SAMPLE)
    assert shown_words(page) == [word["word"] for word in reply["words"]]


def test_the_fastest_search_listens_for_no_words(page: Page) -> None:
    unfold(page)
    page.fill("[name=words]", "Quackenbush")
    page.select_option("[name=decoder]", "greedy")
    assert page.is_disabled("[name=words]")
    assert asked(page) == {"decoder": ["greedy"]}


def test_channels_become_speakers_with_names(page: Page, speech: np.ndarray) -> None:
    unfold(page)
    assert page.is_hidden("[name=names]")
    page.select_option("[name=channels]", "separate")
    page.fill("[name=names]", "Anna, Ben")
    silence = np.zeros_like(speech)
    two = np.stack([np.concatenate([speech, silence]), np.concatenate([silence, speech])], axis=1)
    query = asked(page, encode(two, 16000))
    assert query == {"channels": ["separate"], "channel_names[]": ["Anna", "Ben"]}
    assert page.locator(".speaker").all_text_contents() == ["Anna", "Ben"]
    with page.expect_download() as download:
        page.click('[data-download="vtt"]')
    assert "<v Ben>" in download.value.path().read_text()
    page.locator(".speaker").first.click()
    page.keyboard.type("Hanna")
    page.keyboard.press("Enter")
    with page.expect_download() as download:
        page.click('[data-download="json"]')
    segments = json.loads(download.value.path().read_text())["segments"]
    assert {segment["speaker"] for segment in segments} == {"Hanna", "Ben"}


@pytest.mark.parametrize(("width", "longest"), [("20", 20), ("5", 42)])
def test_the_width_of_subtitles(page: Page, width: str, longest: int) -> None:
    unfold(page)
    page.fill("[name=width]", width)
    give(page, SAMPLE)
    wait_for(page, "result")
    with page.expect_download() as download:
        page.click('[data-download="srt"]')
    lines = download.value.path().read_text().splitlines()
    texts = [line for line in lines if line and not line.isdigit() and "-->" not in line]
    assert longest / 2 < max(map(len, texts)) <= longest


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_in_them(open_page: Open, scheme: Any) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": 390, "height": 844})
    unfold(page)
    page.select_option("[name=channels]", "separate")
    expect(page.locator("[name=names]")).to_be_visible()
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
