"""Correcting a transcript where it stands, and what is taken along then."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile as sf
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.conftest import encode
from training.manifest import read_manifest

from .conftest import SAMPLE, Open, alone, give, paragraphs, until_ready, wait_for

NAMES = ("correct", "find", "fromReply", "join", "name", "replaceAll", "split", "textOf", "toReply", "wordsOf")


@pytest.fixture
def result(page: Page) -> Page:
    give(page, SAMPLE)
    wait_for(page, "result")
    return page


@pytest.fixture
def edits(browser: Browser) -> Iterator[Page]:
    """The module that changes transcripts, alone; to be called as functions of the window."""
    page = alone(browser, "edits.js", *NAMES)
    yield page
    page.close()


def text(page: Page) -> str:
    return " ".join(paragraphs(page))


def words(page: Page) -> Any:
    return page.locator("#transcript .word:visible")


def correct(page: Page, i: int, new: str) -> None:
    """Corrects a word as a visitor does."""
    words(page).nth(i).dblclick()
    page.keyboard.type(new)
    page.keyboard.press("Enter")


def downloaded(page: Page, selector: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.click(selector)
    return download.value.suggested_filename, download.value.path().read_bytes()


def as_json(page: Page) -> Any:
    return json.loads(downloaded(page, '[data-download="json"]')[1])


# --- by hand --------------------------------------------------------------------------------------------------------


def test_a_double_click_corrects_a_word_in_place_and_other_words_keep_their_times(
    result: Page, reply: dict[str, Any]
) -> None:
    correct(result, 1, "tram")
    assert text(result) == reply["text"].replace("train", "tram")
    changed = as_json(result)
    assert changed["text"] == text(result)
    for i, (before, after) in enumerate(zip(reply["words"], changed["words"], strict=True)):
        if i != 1:
            assert after == before
    corrected = changed["words"][1]
    assert (corrected["written"], corrected["word"], corrected["confidence"]) == ("tram", "tram", 1)
    assert (corrected["start"], corrected["end"]) == (reply["words"][1]["start"], reply["words"][1]["end"])
    assert corrected["corrected"] is True
    assert changed["segments"][0]["text"] == reply["segments"][0]["text"].replace("train", "tram")


def test_words_selected_with_the_mouse_are_corrected_together(result: Page, reply: dict[str, Any]) -> None:
    first, last = words(result).nth(1).bounding_box(), words(result).nth(4).bounding_box()
    assert first
    assert last
    result.mouse.move(first["x"] + 3, first["y"] + first["height"] / 2)
    result.mouse.down()
    result.mouse.move(last["x"] + last["width"] - 3, last["y"] + last["height"] / 2, steps=5)
    result.mouse.up()
    result.click("#correct")
    expect(result.get_by_role("textbox", name="Correct text")).to_have_text("train to the coast")
    result.keyboard.type("bus to Dover")
    result.keyboard.press("Enter")
    assert text(result).startswith("The bus to Dover leaves at nine")
    changed = as_json(result)["words"]
    assert changed[2] == reply["words"][2]  # "to" was not changed
    assert (changed[3]["start"], changed[3]["end"]) == (reply["words"][3]["start"], reply["words"][4]["end"])
    assert result.evaluate("document.getElementById('audio').paused")


def test_correcting_needs_only_the_keyboard_and_tab_goes_on(result: Page, reply: dict[str, Any]) -> None:
    words(result).first.focus()
    result.keyboard.press("ArrowRight")
    result.keyboard.press("e")
    result.keyboard.type("tram")
    result.keyboard.press("Tab")
    expect(result.get_by_role("textbox", name="Correct text")).to_have_text("to")
    result.keyboard.press("Shift+Tab")
    expect(result.get_by_role("textbox", name="Correct text")).to_have_text("tram")
    result.keyboard.press("Escape")
    expect(words(result).nth(1)).to_be_focused()
    result.keyboard.press("Shift+ArrowRight")
    result.keyboard.press("F2")
    expect(result.get_by_role("textbox", name="Correct text")).to_have_text("tram to")
    result.keyboard.type("ferry to")
    result.keyboard.press("Enter")
    assert text(result) == reply["text"].replace("train", "ferry")


def test_escape_drops_what_was_written(result: Page, reply: dict[str, Any]) -> None:
    words(result).nth(1).dblclick()
    result.keyboard.type("nonsense")
    result.keyboard.press("Escape")
    assert text(result) == reply["text"]
    expect(result.locator("#undo")).to_have_attribute("aria-disabled", "true")


def test_a_word_is_taken_out_by_writing_nothing(result: Page, reply: dict[str, Any]) -> None:
    words(result).nth(1).dblclick()
    result.keyboard.press("Delete")
    result.keyboard.press("Enter")
    assert text(result) == reply["text"].replace("train ", "")


def test_what_is_corrected_is_certain(page: Page, reply: dict[str, Any]) -> None:
    doubtful = [{**word, "confidence": 0.01 if i == 1 else 1} for i, word in enumerate(reply["words"])]
    page.route("**/transcribe", lambda route: route.fulfill(json={**reply, "words": doubtful}))
    give(page, SAMPLE)
    wait_for(page, "result")
    expect(page.locator("#doubtful-count")).to_have_text("1")
    correct(page, 1, "tram")
    expect(page.locator("#doubtful-count")).to_have_text("")
    assert page.locator("#transcript .wrong").count() == 0


def test_paragraphs_are_split_joined_and_named_and_all_of_it_undone_and_redone(
    result: Page, reply: dict[str, Any]
) -> None:
    elements = result.locator("#transcript p")
    correct(result, 1, "tram")
    words(result).nth(11).click()
    result.keyboard.press("s")
    expect(elements).to_have_count(2)
    result.keyboard.press("n")
    result.keyboard.type("Anna")
    result.keyboard.press("Enter")
    expect(result.locator(".speaker")).to_have_text("Anna")
    assert paragraphs(result)[1].startswith("and the old man")
    result.keyboard.press("m")
    expect(elements).to_have_count(1)
    seen = []
    for _ in range(4):
        result.keyboard.press("Control+z")
        seen.append((elements.count(), result.locator(".speaker").count(), "tram" in text(result)))
    assert seen == [(2, 1, True), (2, 0, True), (1, 0, True), (1, 0, False)]
    assert text(result) == reply["text"]
    assert as_json(result) == reply
    for _ in range(2):
        result.keyboard.press("Control+Shift+z")
    result.keyboard.press("Control+y")
    assert (elements.count(), result.locator(".speaker").count(), "tram" in text(result)) == (2, 1, True)
    expect(result.locator("#redo")).to_have_attribute("aria-disabled", "false")


def test_a_speaker_is_renamed_everywhere_or_here(result: Page) -> None:
    for i in (5, 10, 15):
        words(result).nth(i).click()
        result.keyboard.press("s")
    for i, name in ((5, "Anna"), (10, "Ben"), (15, "Anna")):
        words(result).nth(i).click()
        result.click("#speaker")
        result.keyboard.type(name)
        result.keyboard.press("Enter")
    speakers = result.locator(".speaker")
    assert speakers.all_text_contents() == ["Anna", "Ben", "Anna"]
    speakers.first.click()
    result.keyboard.type("Hanna")
    result.keyboard.press("Enter")
    assert speakers.all_text_contents() == ["Hanna", "Ben", "Hanna"]
    speakers.last.click()
    result.keyboard.type("Carl")
    result.get_by_label("Wherever it says Hanna").uncheck()
    result.get_by_role("button", name="Name", exact=True).click()
    assert speakers.all_text_contents() == ["Hanna", "Ben", "Carl"]


def test_find_and_replace(result: Page, reply: dict[str, Any]) -> None:
    result.keyboard.press("f")
    expect(result.locator("#query")).to_be_focused()
    result.keyboard.type("THE")
    expect(result.locator("#found")).to_have_text("1 of 5")
    result.keyboard.press("Enter")
    expect(result.locator("#found")).to_have_text("2 of 5")
    assert result.locator(".word.current").text_content() == "the"
    result.keyboard.press("Shift+Enter")
    result.keyboard.press("Shift+Enter")
    expect(result.locator("#found")).to_have_text("5 of 5")
    result.click("#match-case")
    expect(result.locator("#found")).to_have_text("None")
    result.fill("#query", "the")
    expect(result.locator("#found")).to_have_text("1 of 4")
    result.fill("#replacement", "this")
    result.click("#replace-one")
    assert text(result) == reply["text"].replace("the coast", "this coast")
    result.click("#replace-all")
    expect(result.locator("#found")).to_have_text("3 replaced")
    assert text(result) == reply["text"].replace("the ", "this ")
    result.keyboard.press("Escape")
    expect(result.locator("#find-bar")).to_be_hidden()
    result.click("#undo")
    result.click("#undo")
    assert text(result) == reply["text"]


def test_leaving_with_corrections_asks_first_where_the_browser_keeps_none(open_page: Open) -> None:
    page = open_page()
    page.add_init_script("indexedDB.open = () => { throw new DOMException('', 'SecurityError'); };")
    page.reload()
    until_ready(page)
    give(page, SAMPLE)
    wait_for(page, "result")
    correct(page, 1, "tram")
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    page.reload()
    assert asked == ["beforeunload"]


# --- taken along ----------------------------------------------------------------------------------------------------


def test_every_download_is_of_the_edit(result: Page) -> None:
    correct(result, 1, "tram & <bus>")
    words(result).nth(13).click()
    result.keyboard.press("s")
    result.keyboard.press("n")
    result.keyboard.type("Anna <A>")
    result.keyboard.press("Enter")
    first, second = paragraphs(result)
    taken = {each: downloaded(result, f'[data-download="{each}"]') for each in ("txt", "srt", "vtt", "json", "docx")}
    assert taken["txt"][1].decode() == f"{first}\n\nAnna <A>: {second}\n"
    srt, vtt = taken["srt"][1].decode(), taken["vtt"][1].decode()
    assert "The tram & <bus> to the coast" in srt.replace("\n", " ")
    assert f"Anna <A>: {second.split()[0]}" in srt
    assert "The tram &amp; &lt;bus&gt; to the coast" in vtt.replace("\n", " ")
    assert f"<v Anna &lt;A&gt;>{second.split()[0]}" in vtt
    segments = json.loads(taken["json"][1])["segments"]
    assert [segment.get("speaker") for segment in segments].count("Anna <A>") >= 1
    assert " ".join(segment["text"] for segment in segments) == f"{first} {second}"
    name, content = taken["docx"]
    assert name == "sample.docx"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        document = ElementTree.fromstring(archive.read("word/document.xml"))
        for part in ("[Content_Types].xml", "_rels/.rels"):
            ElementTree.fromstring(archive.read(part))
    space = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
    lines = ["".join(run.text or "" for run in each.iter(f"{space}t")) for each in document.iter(f"{space}p")]
    assert lines == ["sample.wav", f"0:00  {first}", f"{lines[2].split()[0]}  Anna <A>: {second}"]


def test_text_is_copied_with_times(result: Page) -> None:
    words(result).nth(11).click()
    result.keyboard.press("s")
    first, second = paragraphs(result)
    result.click("#copy-timed")
    expect(result.locator("#copy-timed")).to_have_text("Copied")
    stamps = result.locator(".stamp").all_text_contents()
    expected = f"[{stamps[0]}] {first}\n[{stamps[1]}] {second}"
    assert result.evaluate("navigator.clipboard.readText()") == expected
    result.click("#copy")
    assert result.evaluate("navigator.clipboard.readText()") == f"{first} {second}"


def test_corrections_are_a_manifest_with_recordings_that_training_reads(
    result: Page, reply: dict[str, Any], tmp_path: Path, speech: np.ndarray
) -> None:
    assert result.is_hidden("#corrections")
    correct(result, 1, "tram")
    name, content = downloaded(result, "#corrections")
    assert name == "sample.corrections.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    (utterance,) = read_manifest(tmp_path / "manifest.jsonl")
    segment = reply["segments"][0]
    assert utterance.text == segment["text"].replace("train", "tram")
    samples, rate_hz = sf.read(utterance.audio_path, dtype="float32")
    assert rate_hz == 16000
    assert utterance.duration_s == pytest.approx(len(samples) / rate_hz, abs=0.001)
    assert segment["end"] - segment["start"] <= utterance.duration_s <= segment["end"] - segment["start"] + 0.4
    start = int(max(0.0, segment["start"] - 0.15) * 16000)
    assert np.abs(samples - speech[start : start + len(samples)]).max() < 1e-3


# --- how times are shared out ---------------------------------------------------------------------------------------


def reply_of(spoken: list[tuple[str, float, float]], per_segment: int = 100) -> dict[str, Any]:
    """Makes a reply of words with marks, when each starts and ends."""
    made = []
    for word, start, end in spoken:
        body = word.rstrip(".,?")
        mark = word[len(body) :]
        made.append({
            "word": body.lower(), "written": body, "punctuation": mark,
            "start": start, "end": end, "confidence": 0.7,
        })  # fmt: skip
    parts = [spoken[first : first + per_segment] for first in range(0, len(spoken), per_segment)]
    segments = [
        {"id": i, "start": part[0][1], "end": part[-1][2], "text": " ".join(word for word, _, _ in part)}
        for i, part in enumerate(parts)
    ]
    texts = " ".join(word for word, _, _ in spoken)
    return {"text": texts, "duration": spoken[-1][2] + 1, "words": made, "segments": segments}


FOUR = [("One", 0.0, 0.4), ("two", 0.5, 0.9), ("three,", 1.0, 1.4), ("four.", 2.0, 2.4)]


def corrected(edits: Page, first: int, last: int, new: str) -> list[tuple[str, float, float]]:
    made = edits.evaluate(
        """([reply, first, last, text]) => wordsOf(correct(fromReply(reply), first, last, text))
            .map(({ text, mark, start, end }) => [text + mark, start, end])""",
        [reply_of(FOUR), first, last, new],
    )
    return [(word, round(start, 6), round(end, 6)) for word, start, end in made]


def test_words_that_replace_others_share_their_time_by_letters(edits: Page) -> None:
    assert corrected(edits, 1, 2, "a bcd") == [FOUR[0], ("a", 0.5, 0.725), ("bcd", 0.725, 1.4), FOUR[3]]


def test_words_in_common_keep_their_times(edits: Page) -> None:
    assert corrected(edits, 0, 3, "One big two three, five.") == [
        FOUR[0], ("big", 0.4, 0.5), FOUR[1], FOUR[2], ("five.", 2.0, 2.4),
    ]  # fmt: skip


def test_a_word_that_was_left_out_takes_the_silence(edits: Page) -> None:
    assert corrected(edits, 2, 2, "three, and") == [*FOUR[:3], ("and", 1.4, 1.7), FOUR[3]]
    assert corrected(edits, 3, 3, "four. End.") == [*FOUR, ("End.", 2.4, 2.7)]


def test_capitals_and_marks_are_no_other_word(edits: Page) -> None:
    assert corrected(edits, 1, 2, "Two. THREE") == [FOUR[0], ("Two.", 0.5, 0.9), ("THREE", 1.0, 1.4), FOUR[3]]


def test_no_change_is_none(edits: Page) -> None:
    same = "(reply) => { const made = fromReply(reply); return correct(made, 1, 2, ' two three, ') === made; }"
    assert edits.evaluate(same, reply_of(FOUR))


def test_a_number_with_a_space_in_it_stays_one_word(edits: Page) -> None:
    spoken = reply_of([("At", 0, 0.2), ("9:30 a.m.", 0.3, 0.9), ("Ishmael", 1.0, 1.5)])
    made = edits.evaluate(
        """(reply) => wordsOf(correct(fromReply(reply), 0, 2, "At 9:30 a.m. Ismael"))
            .map(({ text, mark, start, end }) => [text + mark, start, end])""",
        spoken,
    )
    assert made == [["At", 0, 0.2], ["9:30 a.m.", 0.3, 0.9], ["Ismael", 1.0, 1.5]]


def test_replacing_finds_words_across_spaces_and_several_times_in_one(edits: Page) -> None:
    spoken = reply_of([("New", 0, 1), ("York", 1, 2), ("banana", 2, 3), ("new", 3, 4), ("york.", 4, 5)])
    script = "([reply, query, replacement]) => textOf(wordsOf(replaceAll(fromReply(reply), query, { replacement })))"
    for query, replacement, expected in (
        ("new york", "Boston", "Boston banana Boston."),
        ("a", "aa", "New York baanaanaa new york."),
        ("rk.", "rk!", "New York banana new york!"),
        ("banana ", "", "New York new york."),
        ("(", "x", "New York banana new york."),
    ):
        assert edits.evaluate(script, [spoken, query, replacement]) == expected


def test_any_edits_keep_text_times_and_untouched_words_in_order(edits: Page) -> None:
    random = np.random.default_rng(0)
    spoken = [(f"w{i}" + ("." if i % 7 == 6 else ""), i * 0.5, i * 0.5 + 0.4) for i in range(60)]
    for _ in range(40):
        steps = []
        for _ in range(6):
            text = " ".join(random.choice(["w3", "new", "w10,", "x.", ""], int(random.integers(0, 5))))
            steps.append([str(random.choice(["correct", "split", "join"])), float(random.random()), text])
        script = """([reply, steps]) => {
            let made = fromReply(reply);
            for (const [what, share, text] of steps) {
                const at = Math.floor(share * wordsOf(made).length);
                if (!wordsOf(made).length) break;
                if (what === "split") made = split(made, at);
                else if (what === "join") made = join(made, at);
                else made = correct(made, at, Math.min(at + 2, wordsOf(made).length - 1), text);
            }
            return [toReply(made, reply), made.paragraphs.map(({ words }) => words.length)];
        }"""
        made, lengths = edits.evaluate(script, [reply_of(spoken, 10), steps])
        assert 0 not in lengths
        assert " ".join(segment["text"] for segment in made["segments"]) == made["text"]
        starts = [word["start"] for word in made["words"]]
        assert starts == sorted(starts)
        assert all(word["start"] <= word["end"] for word in made["words"])
        original = reply_of(spoken, 10)["words"]
        assert all(word in original for word in made["words"] if not word.get("corrected"))


def test_a_transcript_of_10000_words_is_usable(page: Page, reply: dict[str, Any]) -> None:
    spoken = [(f"word{i}" + ("." if i % 12 == 11 else ""), i * 0.36, i * 0.36 + 0.3) for i in range(10_000)]
    made = {**reply, **reply_of(spoken, 12)}
    page.route("**/transcribe", lambda route: route.fulfill(json=made))
    give(page, encode(np.zeros(16000, np.float32), 16000))
    wait_for(page, "result")
    assert words(page).count() == 10_000
    took_ms = page.evaluate(
        """async () => {
            const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            const since = performance.now();
            const word = document.querySelectorAll(".word")[5000];
            word.scrollIntoView();
            word.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
            document.querySelector(".correction").textContent = "changed twice";
            document.querySelector(".correction").dispatchEvent(new FocusEvent("blur"));
            document.querySelector("#split").click();
            document.querySelector("#undo").click();
            await frame();
            return performance.now() - since;
        }"""
    )
    assert took_ms < 2000
    assert "changed twice" in text(page)


def test_corrections_work_on_a_phone(open_page: Open, reply: dict[str, Any]) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    give(page, SAMPLE)
    wait_for(page, "result")
    words(page).nth(1).tap()
    page.locator("#correct").tap()
    page.keyboard.type("tram")
    page.keyboard.press("Enter")
    assert text(page) == reply["text"].replace("train", "tram")
