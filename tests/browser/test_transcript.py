"""The transcript: lit as it is heard, a way into the recording, and something to take along."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from hark import cues, subtitles
from hark.transcript import Segment, Transcript, Word
from tests.conftest import DATA, encode

from .conftest import SAMPLE, Open, alone, ask, give, paragraphs, until, wait_for


@pytest.fixture
def result(page: Page) -> Page:
    give(page, SAMPLE)
    wait_for(page, "result")
    return page


def now_s(page: Page) -> float:
    seconds: float = page.evaluate("document.getElementById('audio').currentTime")
    return seconds


def test_words_light_up_as_the_audio_plays(result: Page, reply: dict[str, Any]) -> None:
    result.click("#play")
    seen = result.evaluate(
        """() => new Promise((resolve) => {
            const audio = document.getElementById("audio");
            const seen = [];
            const words = [...document.querySelectorAll("#transcript .word")];
            const look = () => {
                const lit = document.querySelectorAll('.word[aria-current="true"]');
                seen.push([audio.currentTime, [...lit].map((word) => words.indexOf(word))]);
                if (audio.currentTime < 4.5) requestAnimationFrame(look);
                else resolve(seen);
            };
            look();
        })"""
    )
    words = reply["words"]
    frame_s = 0.1
    for time_s, lit in seen:
        assert len(lit) <= 1
        for i in lit:
            assert words[i]["start"] - frame_s <= time_s <= words[i]["end"] + 0.2 + frame_s
    was_lit = {i for _, lit in seen for i in lit}
    begun = {i for i, word in enumerate(words) if word["start"] < 4.5 - frame_s}
    assert begun <= was_lit


def test_a_click_on_a_word_plays_from_there(result: Page, reply: dict[str, Any]) -> None:
    result.locator(".word").nth(14).click()
    until(result, "!document.getElementById('audio').paused")
    start_s = reply["words"][14]["start"]
    assert start_s <= now_s(result) < start_s + 1.5
    # The audio is not paused from the click on; its "play" event, which names the button, comes a little later.
    expect(result.locator("#play")).to_have_attribute("aria-label", "Pause")


def test_arrow_keys_move_from_word_to_word_and_enter_plays(result: Page, reply: dict[str, Any]) -> None:
    words = result.locator(".word")
    words.first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        result.keyboard.press(key)
    expect(words.nth(2)).to_be_focused()
    result.keyboard.press("End")
    expect(words.last).to_be_focused()
    result.keyboard.press("Enter")
    until(result, "!document.getElementById('audio').paused")
    assert now_s(result) >= reply["words"][-1]["start"]
    assert result.locator('.word[tabindex="0"]').count() == 1


def test_a_click_on_the_spectrogram_and_its_keys_move_the_playhead(result: Page, reply: dict[str, Any]) -> None:
    position = result.locator("#position")
    box = position.bounding_box()
    assert box
    result.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    assert now_s(result) == pytest.approx(reply["duration"] / 2, abs=0.05)
    position.focus()
    result.keyboard.press("ArrowLeft")
    assert now_s(result) == pytest.approx(reply["duration"] / 2 - 2, abs=0.05)
    result.keyboard.press("Home")
    assert now_s(result) == 0
    expect(position).to_have_attribute("aria-valuetext", "0:00 of 0:06")  # said at the next picture


def test_the_spectrogram_shows_sound_where_there_is_sound(page: Page) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    give(page, encode(np.concatenate([np.zeros(16000, np.float32), tone]), 16000))
    wait_for(page, "result")
    alpha = page.evaluate(
        """() => {
            const { width, height } = document.getElementById("spectrogram");
            const image = document.getElementById("spectrogram").getContext("2d").getImageData(0, 0, width, height);
            return [width, height, [...image.data].filter((_, i) => i % 4 === 3)];
        }"""
    )
    picture = np.array(alpha[2]).reshape(alpha[1], alpha[0])
    half = alpha[0] // 2
    assert picture[:, 10 : half - 20].max() == 0  # the playhead is at the left edge
    loudest = picture[:, half + 20 :].mean(axis=1).argmax()

    def mel(hz: float) -> float:
        return 2595 * float(np.log10(1 + hz / 700))

    height = (mel(1000) - mel(60)) / (mel(7600) - mel(60))
    assert 1 - loudest / alpha[1] == pytest.approx(height, abs=0.03)


@pytest.mark.parametrize("ratio", [1, 2, 3])
def test_the_spectrogram_is_as_fine_as_the_screen(open_page: Open, ratio: int) -> None:
    page = open_page(device_scale_factor=ratio)
    give(page, SAMPLE)
    wait_for(page, "result")
    wide, css = page.evaluate(
        "(({ width, clientWidth }) => [width, clientWidth])(document.querySelector('#spectrogram'))"
    )
    assert wide == ratio * css


def test_words_are_marked_in_three_grades_which_are_explained(page: Page, reply: dict[str, Any]) -> None:
    # What the model is unsure of changes with every model: the confidences here are the test's.
    graded = {3: 0.01, 5: 0.8}
    shown(page, {**reply, "words": [{**word, "confidence": graded.get(i, 1)} for i, word in enumerate(reply["words"])]})
    words = page.locator("#transcript .word")
    lines = words.evaluate_all(
        "(words) => words.map((word) => getComputedStyle(word.firstElementChild ?? word).textDecorationStyle)"
    )
    assert {i: line for i, line in enumerate(lines) if line != "solid"} == {3: "wavy", 5: "dotted"}
    assert "1 % sure" in (words.nth(3).get_attribute("title") or "")
    assert page.is_visible("#doubts")
    expect(page.locator("#doubtful-count")).to_have_text("2")


def test_what_is_certain_needs_no_explanation(page: Page, reply: dict[str, Any]) -> None:
    shown(page, {**reply, "words": [{**word, "confidence": 1} for word in reply["words"]]})
    assert page.is_hidden("#doubts")
    expect(page.locator("#doubtful")).to_have_attribute("aria-disabled", "true")


def test_a_screen_reader_finds_running_text(result: Page, reply: dict[str, Any]) -> None:
    snapshot = result.locator("#transcript").aria_snapshot()
    assert f"paragraph: {reply['text']}" in snapshot
    assert "option" not in snapshot


def test_keys_go_from_one_doubtful_word_to_the_next(page: Page, reply: dict[str, Any]) -> None:
    words = [{**word, "confidence": 0.1 if i in (3, 9) else 1} for i, word in enumerate(reply["words"])]
    shown(page, {**reply, "words": words})
    elements = page.locator("#transcript .word")
    for key, i in {"d": 3, "D": 3}.items():
        page.keyboard.press(key)
        expect(elements.nth(i)).to_be_focused()
    page.keyboard.press("d")
    expect(elements.nth(9)).to_be_focused()
    expect(page.locator("#status")).to_contain_text("likely wrong, 10 % sure")
    assert now_s(page) == pytest.approx(reply["words"][9]["start"], abs=0.05)
    page.keyboard.press("d")
    expect(page.locator("#status")).to_have_text("No more doubtful words in this direction")


def test_segments_are_read_as_paragraphs_that_end_at_pauses(page: Page, reply: dict[str, Any]) -> None:
    times_s = [(0, 6), (6.2, 12), (13.5, 20), (20, 26), (26, 32), (32, 38), (38, 44), (44, 50)]
    words = reply["text"].split()[: len(times_s)]
    segments = [{"start": start, "end": end, "text": word} for (start, end), word in zip(times_s, words, strict=True)]
    timed = [{"word": s["text"], "start": s["start"], "end": s["end"], "confidence": 1} for s in segments]
    made = {**reply, "text": " ".join(words), "segments": segments, "words": timed, "duration": 50}
    page.route("**/transcribe", lambda route: route.fulfill(json=made))
    give(page, SAMPLE)
    wait_for(page, "result")
    assert page.locator(".stamp").all_text_contents() == ["0:00", "0:13", "0:38"]
    expected = [" ".join(words[:2]), " ".join(words[2:6]), " ".join(words[6:])]
    assert paragraphs(page) == expected


def shown(page: Page, made: dict[str, Any]) -> None:
    """Shows a reply that the test made."""
    page.route("**/transcribe", lambda route: route.fulfill(json=made))
    give(page, SAMPLE)
    wait_for(page, "result")


def replied(reply: dict[str, Any], segments: list[list[tuple[str, str, str, float, float]]]) -> dict[str, Any]:
    """Makes a reply of segments of words: spoken, written, the mark after it, where it starts and ends in seconds."""
    texts = [" ".join(written + mark for _, written, mark, _, _ in words if written) for words in segments]
    return {
        **reply,
        "text": " ".join(texts),
        "duration": segments[-1][-1][-1],
        "words": [
            {"word": word, "written": written, "punctuation": mark, "start": start, "end": end, "confidence": 1}
            for words in segments
            for word, written, mark, start, end in words
        ],
        "segments": [
            {"id": i, "start": words[0][3], "end": words[-1][4], "text": text, "confidence": 1}
            for i, (words, text) in enumerate(zip(segments, texts, strict=True))
        ],
    }


def test_the_text_is_shown_as_it_is_read(result: Page, reply: dict[str, Any]) -> None:
    assert paragraphs(result) == [reply["text"]]
    assert (reply["text"][:4], reply["text"][-1]) == ("The ", ".")


def test_words_that_are_one_number_are_one_to_choose_with_the_times_of_all(page: Page, reply: dict[str, Any]) -> None:
    segment = [
        ("we", "We", "", 0.5, 0.7),
        ("leave", "leave", "", 0.8, 1.0),
        ("at", "at", "", 1.1, 1.3),
        ("nine", "9:30 a.m.", ",", 1.4, 1.8),
        ("thirty", "", "", 1.9, 2.3),
        ("a", "", "", 2.4, 2.5),
        ("m", "", "", 2.6, 2.9),
        ("ishmael", "Ishmael", ".", 3.2, 3.9),
    ]
    made = replied(reply, [segment])
    made["words"][5]["confidence"] = 0.3  # the doubt about a part is one about the whole
    shown(page, made)
    words = page.locator("#transcript .word")
    assert words.all_text_contents() == ["We", "leave", "at", "9:30 a.m.,", "Ishmael."]
    number = words.nth(3)
    assert number.get_attribute("title") == "0:01, 30 % sure, spoken “nine thirty a m”"
    assert words.nth(4).get_attribute("title") == "0:03, 100 % sure"  # but for a capital it was spoken so
    page.evaluate("document.getElementById('audio').currentTime = 2.7")
    expect(number).to_have_attribute("aria-current", "true")
    page.evaluate("document.getElementById('audio').currentTime = 3.5")
    expect(words.nth(4)).to_have_attribute("aria-current", "true")
    number.click()
    until(page, "!document.getElementById('audio').paused")
    assert 1.4 <= now_s(page) < 2.9


def test_marks_are_not_underlined_with_doubtful_words(page: Page, reply: dict[str, Any]) -> None:
    words = [{**word, "confidence": 0.01} for word in reply["words"]]
    shown(page, {**reply, "words": words})
    last = page.locator("#transcript .wrong").last
    assert last.text_content() == "station."
    assert last.locator(".text").text_content() == "station"
    assert last.evaluate("(word) => getComputedStyle(word).textDecorationLine") == "none"


def test_paragraphs_end_with_sentences(page: Page, reply: dict[str, Any]) -> None:
    times_s = [(0.0, 6.0), (7.5, 14.0), (14.0, 20.0), (20.0, 26.0), (26.0, 33.0), (34.5, 36.0), (37.5, 40.0)]
    texts = ["One", "two.", "Three a.m.", "four", "five?", "Six.", "Seven"]
    segments = [
        [(text.lower(), text.rstrip(".?"), text[len(text.rstrip(".?")) :], start, end)]
        for text, (start, end) in zip(texts, times_s, strict=True)
    ]
    shown(page, replied(reply, segments))
    # Not at the pause in the first sentence, nor in the one during which half a minute is over.
    assert paragraphs(page) == ["One two.", "Three a.m. four five?", "Six.", "Seven"]
    assert page.locator(".stamp").all_text_contents() == ["0:00", "0:14", "0:34", "0:37"]


def test_a_sentence_without_end_is_parted_all_the_same(page: Page, reply: dict[str, Any]) -> None:
    segments = [[("on", "on", "", 5.0 * i, 5.0 * i + 4.9)] for i in range(30)]
    shown(page, replied(reply, segments))
    assert [len(text.split()) for text in paragraphs(page)] == [12, 12, 6]


def test_a_reply_without_readable_text_is_shown_as_it_was_spoken(page: Page, reply: dict[str, Any]) -> None:
    spoken = [{name: word[name] for name in ("word", "start", "end", "confidence")} for word in reply["words"]]
    text = " ".join(word["word"] for word in spoken)
    segments = [{"id": 0, "start": spoken[0]["start"], "end": spoken[-1]["end"], "text": text, "confidence": 0.9}]
    shown(page, {**reply, "text": text, "words": spoken, "segments": segments})
    words = page.locator("#transcript .word")
    assert words.all_text_contents() == [word["word"] for word in spoken]
    assert not any("spoken" in (word.get_attribute("title") or "") for word in words.all())


def test_a_transcript_longer_than_the_screen_scrolls_on_as_it_is_heard(open_page: Open, reply: dict[str, Any]) -> None:
    page = open_page(viewport={"width": 360, "height": 400})
    give(page, SAMPLE)
    wait_for(page, "result")
    words = page.locator(".word")
    words.nth(2).click()
    until(page, "document.getElementById('audio').currentTime > 4")
    page.evaluate("document.getElementById('audio').pause()")
    expect(page.locator('.word[aria-current="true"]')).to_be_in_viewport()


def test_the_text_is_copied(result: Page, reply: dict[str, Any]) -> None:
    result.click("#copy")
    expect(result.locator("#copy")).to_have_text("Copied")
    assert result.evaluate("navigator.clipboard.readText()") == reply["text"]


def conversation() -> bytes:
    """Returns utterances of the tests one after the other, enough for several subtitles."""
    import soundfile as sf

    clips = [sf.read(DATA / f"{i:02}.ogg", dtype="float32")[0] for i in range(8)]
    return encode(np.concatenate(clips), 16000)


def downloaded(page: Page, extension: str) -> tuple[str, str]:
    with page.expect_download() as download:
        page.click(f'[data-download="{extension}"]')
    return download.value.suggested_filename, download.value.path().read_text()


def test_downloads_are_what_the_api_itself_renders(page: Page, address: str) -> None:
    audio = conversation()
    give(page, audio, "My meeting.wav")
    wait_for(page, "result")
    for extension, response_format in {"txt": "text", "srt": "srt", "vtt": "vtt"}.items():
        name, content = downloaded(page, extension)
        assert name == f"My meeting.{extension}"
        assert content == ask(f"{address}/transcribe?response_format={response_format}", audio)[2]
    assert json.loads(downloaded(page, "json")[1]) == json.loads(ask(f"{address}/transcribe", audio)[2])


def test_subtitles_of_any_text_are_laid_out_as_by_the_api(browser: Browser) -> None:
    random = np.random.default_rng(0)
    transcripts = [Transcript(tuple(_segments(random)), 600.0) for _ in range(200)]
    replies = [
        {"segments": [{"start": each.start_s, "end": each.end_s, "text": each.text} for each in transcript.segments]}
        for transcript in transcripts
    ]
    script = "(replies) => replies.map((reply) => [FORMATS.srt[1](reply), FORMATS.vtt[1](reply)])"
    page = alone(browser, "captions.js", "FORMATS")
    for transcript, (srt, vtt) in zip(transcripts, page.evaluate(script, replies), strict=True):
        # Python's textwrap leaves a space at the end of a line before a word that it breaks.
        assert srt == subtitles.srt(transcript).replace(" \n", "\n")
        assert vtt == subtitles.vtt(transcript).replace(" \n", "\n")
    page.close()


def _segments(random: np.random.Generator) -> Iterator[Segment]:
    """Yields the segments of a text of any words, some of which are parts of the number before."""
    words, end_s = [], 0.0
    for i in range(random.integers(0, 60)):
        length = random.integers(1, 120 if random.random() < 0.02 else 9)
        written = "".join(random.choice(list("ab'&<"), length)) if i == 0 or random.random() < 0.9 else ""
        mark = str(random.choice(["", ",", ".", "?"], p=[0.7, 0.15, 0.1, 0.05])) if written else ""
        start_s = round(end_s + float(random.uniform(0, 2 if random.random() < 0.1 else 0.2)), 3)
        end_s = round(start_s + float(random.uniform(0.05, 9 if random.random() < 0.02 else 0.6)), 3)
        words.append(Word("a", start_s, end_s, 1.0, written, mark))
    first = 0
    for count in cues.spans(words):
        yield Segment(tuple(words[first : first + count]), (), ())
        first += count
