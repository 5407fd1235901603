"""Subtitle files are what players read: checked by webvtt-py, which reads both kinds."""

import io
from itertools import pairwise

import numpy as np
import pytest
import webvtt

from hark import cues, subtitles
from hark.transcript import Segment, Transcript, Word


def segment(text: str, start_s: float, end_s: float) -> Segment:
    """A segment whose words share its time."""
    parts = text.split(" ")
    spans_s = pairwise(np.linspace(start_s, end_s, len(parts) + 1).tolist())
    words = tuple(Word(part, *span_s, 0.9) for part, span_s in zip(parts, spans_s, strict=True))
    return Segment(words, (1,), (-0.1,))


def transcript(*segments: Segment) -> Transcript:
    return Transcript(segments, max((one.end_s for one in segments), default=1.0))


LONG = "a sentence as long as a speaker says it in one breath needs two lines"
TALK = transcript(
    segment("good morning", 0.2, 1.4),
    segment(LONG, 2.5, 7.25),
    segment("i", 3599.99, 3600.01),
    segment("see&<hear>", 3661.5, 3670.0),
)


def read_srt(text: str) -> list[webvtt.Caption]:
    return webvtt.from_buffer(io.StringIO(text), format="srt").captions


def read_vtt(text: str) -> list[webvtt.Caption]:
    return webvtt.from_buffer(io.StringIO(text), format="vtt", strict=True).captions


def test_srt_is_read_by_a_parser_with_numbers_times_and_text() -> None:
    text = subtitles.srt(TALK)
    assert [block.split("\n")[0] for block in text.split("\n\n")] == ["1", "2", "3", "4"]
    read = read_srt(text)
    assert [(caption.start, caption.end) for caption in read] == [
        ("00:00:00.200", "00:00:01.400"),
        ("00:00:02.500", "00:00:07.250"),
        ("00:59:59.990", "01:00:00.990"),
        ("01:01:01.500", "01:01:08.500"),
    ]
    assert [" ".join(caption.lines) for caption in read] == [one.text for one in TALK.segments]


def test_vtt_is_read_by_a_parser_with_times_and_escaped_text() -> None:
    text = subtitles.vtt(TALK)
    assert text.startswith("WEBVTT\n\n")
    read = read_vtt(text)
    assert [(caption.start_in_seconds, caption.end_in_seconds) for caption in read][2:] == [(3599, 3600), (3661, 3668)]
    assert read[3].raw_text == "see&amp;&lt;hear&gt;"
    assert [" ".join(caption.lines) for caption in read[:2]] == ["good morning", LONG]


def test_milliseconds_follow_a_comma_in_srt_and_a_point_in_vtt() -> None:
    assert "00:00:00,200 --> 00:00:01,400" in subtitles.srt(TALK)
    assert "00:00:00.200 --> 00:00:01.400" in subtitles.vtt(TALK)


def test_a_transcript_without_words_makes_valid_empty_files() -> None:
    assert subtitles.srt(transcript()) == ""
    assert subtitles.vtt(transcript()) == "WEBVTT\n"
    assert read_vtt(subtitles.vtt(transcript())) == []


def test_two_lines_are_as_equal_as_words_allow() -> None:
    assert cues.DEFAULT.lines("short") == ["short"]
    assert cues.DEFAULT.lines("one two three four five six seven eight nine ten") == [
        "one two three four five",
        "six seven eight nine ten",
    ]


@pytest.mark.parametrize("length", [42, 43, 44, 84, 85, 200])
def test_only_a_word_longer_than_a_line_is_broken(length: int) -> None:
    lines = cues.DEFAULT.lines("x" * length)
    assert "".join(lines) == "x" * length
    assert max(map(len, lines)) <= cues.DEFAULT.max_line_length


@pytest.mark.parametrize("seed", range(10))
def test_cues_keep_the_rules_and_never_go_back_in_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    segments, now_s = [], 0.0
    for _ in range(50):
        words = ["".join(rng.choice(list("abc"), rng.choice([1, 5, 9, 120], p=[0.3, 0.4, 0.29, 0.01])))
                 for _ in range(rng.integers(1, 9))]  # fmt: skip
        length_s = float(rng.choice([0.0, 0.02, 0.5, 2.0, 9.0]))
        # Corrected word times may overlap a little.
        now_s = max(0.0, now_s + float(rng.choice([-0.05, 0.0, 0.3, 2.0])))
        segments.append(segment(" ".join(words), now_s, now_s + length_s))
        now_s += length_s
    laid_out = subtitles.lay_out(transcript(*segments))
    for cue in laid_out:
        assert 1000 <= cue.end_ms - cue.start_ms <= 7000
        assert 1 <= len(cue.lines) <= 2
        assert all(1 <= len(line) <= 42 for line in cue.lines)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(laid_out))
    shown = "".join("".join(cue.lines) for cue in laid_out).replace(" ", "")
    assert shown == "".join(one.text for one in segments).replace(" ", "")
