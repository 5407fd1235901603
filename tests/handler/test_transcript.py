"""Tokens become words with times and confidences."""

import numpy as np
import pytest

from handler import render
from handler.ctc import Tokens
from handler.transcript import Transcript, Word, build
from tests.conftest import make_spec

SPEC = make_spec()
FRAME_S = 0.04


def tokens(text: str, first_frame: int = 0, confidence: float = 0.9) -> Tokens:
    starts = np.arange(len(text)) * 2 + first_frame
    labels = np.array([SPEC.labels.index(c) for c in text], np.intp)
    return Tokens(labels, starts, starts + 1, np.full(len(text), confidence))


def test_words_are_cut_at_spaces_and_timed_in_seconds() -> None:
    transcript = build([(0.0, tokens(" it's  so "))], SPEC, 10.0)
    assert transcript.text == "it's so"
    first, second = transcript.words
    assert (first.start_s, first.end_s) == pytest.approx((2 * FRAME_S, 9 * FRAME_S))
    assert (second.start_s, second.end_s) == pytest.approx((14 * FRAME_S, 17 * FRAME_S))


def test_windows_are_offset_and_end_words() -> None:
    transcript = build([(0.0, tokens("ab")), (5.0, tokens("cd", 1))], SPEC, 10.0)
    assert [word.word for word in transcript.words] == ["ab", "cd"]
    assert transcript.words[1].start_s == pytest.approx(5.04)


def test_no_word_ends_after_the_recording() -> None:
    (word,) = build([(0.0, tokens("ab"))], SPEC, 0.1).words
    assert word.end_s == 0.1


def test_confidence_is_the_geometric_mean_of_the_letters() -> None:
    spoken = tokens("ab")
    uneven = Tokens(spoken.labels, spoken.starts, spoken.ends, np.array([0.9, 0.4]))
    assert build([(0.0, uneven)], SPEC, 1.0).words[0].confidence == pytest.approx(0.6)


def test_no_tokens_make_an_empty_transcript() -> None:
    assert build([(0.0, tokens(""))], SPEC, 1.0) == Transcript((), 1.0)
    assert Transcript((), 1.0).text == ""


def test_rendering() -> None:
    transcript = Transcript((Word("ja", 0.1, 0.2, 0.5),), 1.23456)
    assert render.openai_json(transcript) == {"text": "ja"}
    assert render.openai_text(transcript) == "ja\n"
    assert render.full(transcript, SPEC) == {
        "text": "ja",
        "duration": 1.235,
        "words": [{"word": "ja", "start": 0.1, "end": 0.2, "confidence": 0.5}],
        "model": {"name": "test", "version": "1"},
    }
