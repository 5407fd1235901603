"""The page says what language answers, lets a visitor choose among several, and writes from right to left where due."""

import io
import zipfile
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, Route, expect

from .conftest import SAMPLE, Open, alone, give, wait_for
from .test_editing import downloaded

HEBREW = ("הרכבת", "יוצאת", "בתשע")


def reply() -> dict[str, Any]:
    """A Hebrew transcript of the sample."""
    words = [
        {"word": word, "written": word, "punctuation": "", "start": i, "end": i + 0.5, "confidence": 0.9}
        for i, word in enumerate(HEBREW)
    ]
    text = " ".join(HEBREW)
    segments = [{"id": 0, "start": 0, "end": 2.5, "text": text, "confidence": 0.9}]
    model = {"name": "hark-he", "version": "1"}
    return {"text": text, "language": "he", "duration": 6.4, "words": words, "segments": segments, "model": model}


def with_models(page: Page, *languages: str) -> None:
    """Has the endpoint say that it has a model of each language."""

    def answer(route: Route) -> None:
        health = route.fetch().json()
        models = [{**health["models"][0], "name": f"hark-{tag}", "language": tag} for tag in languages]
        route.fulfill(json={**health, "model": models[0], "models": models})

    page.route("**/health", answer)
    page.reload()
    expect(page.locator("#model")).to_contain_text(f"hark-{languages[0]}")


def test_one_language_is_named_and_there_is_nothing_to_choose(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#limits")).to_have_text("English, up to 10 minutes.")
    page.click("#options summary")
    assert page.is_hidden("[name=language]")
    with_models(page, "pt-BR")
    expect(page.locator("#limits")).to_contain_text("Brazilian Portuguese, up to")


def test_of_several_a_visitor_chooses_and_the_text_runs_as_its_script_does(open_page: Open) -> None:
    page = open_page()
    with_models(page, "en", "it", "he")
    expect(page.locator("#limits")).to_contain_text("English, Italian, and Hebrew, up to")
    page.click("#options summary")
    assert page.locator("[name=language] option").all_inner_texts() == ["English", "Italian", "Hebrew"]
    page.select_option("[name=language]", "he")
    page.route("**/transcribe*", lambda route: route.fulfill(json=reply()))
    with page.expect_request("**/transcribe*") as sent:
        give(page, SAMPLE)
    wait_for(page, "result")
    assert parse_qs(urlsplit(sent.value.url).query)["language"] == ["he"]
    assert page.get_attribute("#transcript", "lang") == "he"
    paragraph = page.locator("#transcript p").first
    assert paragraph.evaluate("element => getComputedStyle(element).direction") == "rtl"
    first, last = (page.locator("#transcript .word").nth(at).bounding_box() for at in (0, 2))
    assert first
    assert last
    assert first["x"] > last["x"]


def test_downloads_keep_their_names_and_documents_run_from_right_to_left(open_page: Open) -> None:
    page = open_page()
    page.route("**/transcribe*", lambda route: route.fulfill(json=reply()))
    give(page, SAMPLE.read_bytes(), name="הרצאה ראשונה.wav")
    wait_for(page, "result")
    name, content = downloaded(page, '[data-download="docx"]')
    assert name == "הרצאה ראשונה.docx"
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        document = parts.read("word/document.xml").decode()
    assert '<w:pPr><w:bidi/><w:spacing w:after="160"/></w:pPr><w:r><w:rPr><w:rtl/></w:rPr>' in document
    assert f'<w:t xml:space="preserve">{" ".join(HEBREW)}</w:t>' in document


def test_marks_of_every_script_part_sentences(browser: Browser) -> None:
    page = alone(browser, "edits.js", "fromReply", "textOf")
    for mark in "\u061f\u06d4\u0964\u3002\u0589\u1362":
        answer = reply()
        answer["words"][0]["punctuation"] = mark
        answer["segments"] = [
            {"id": i, "start": i, "end": i + 0.5, "text": word + (mark if i == 0 else ""), "confidence": 0.9}
            for i, word in enumerate(HEBREW)
        ]
        answer["text"] = f"{HEBREW[0]}{mark} {' '.join(HEBREW[1:])}"
        shown = page.evaluate("reply => fromReply(reply).paragraphs.map(({words}) => textOf(words)).join(' ')", answer)
        assert shown == answer["text"]
    page.close()
