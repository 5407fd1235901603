"""Tokens become words with times and confidences."""

import numpy as np
import pytest

from hark import cues
from hark.ctc import Tokens
from hark.transcript import Alternative, DecodedWindow, Transcript, build
from tests.conftest import make_spec

SPEC = make_spec()
FRAME_S = 0.04


def tokens(text: str, first_frame: int = 0, confidence: float = 0.9) -> Tokens:
    starts = np.arange(len(text)) * 2 + first_frame
    labels = np.array([SPEC.labels.index(c) for c in text], np.intp)
    return Tokens(labels, starts, starts + 1, np.full(len(text), confidence))


def test_words_are_cut_at_spaces_and_timed_in_seconds() -> None:
    transcript = build([DecodedWindow(0.0, tokens(" it's  so "))], SPEC, 10.0)
    assert transcript.text == "it's so"
    first, second = transcript.words
    assert (first.start_s, first.end_s) == pytest.approx((2 * FRAME_S, 9 * FRAME_S))
    assert (second.start_s, second.end_s) == pytest.approx((14 * FRAME_S, 17 * FRAME_S))


def test_windows_are_offset_and_end_words() -> None:
    transcript = build([DecodedWindow(0.0, tokens("ab")), DecodedWindow(5.0, tokens("cd", 1))], SPEC, 10.0)
    assert [word.word for word in transcript.words] == ["ab", "cd"]
    assert transcript.words[1].start_s == pytest.approx(5.04)


def test_no_word_ends_after_the_recording() -> None:
    (word,) = build([DecodedWindow(0.0, tokens("ab"))], SPEC, 0.1).words
    assert word.end_s == 0.1


def test_confidence_is_the_geometric_mean_of_the_letters() -> None:
    spoken = tokens("ab")
    uneven = Tokens(spoken.labels, spoken.starts, spoken.ends, np.array([0.9, 0.4]))
    assert build([DecodedWindow(0.0, uneven)], SPEC, 1.0).words[0].confidence == pytest.approx(0.6)


def test_no_tokens_make_an_empty_transcript() -> None:
    assert build([DecodedWindow(0.0, tokens(""))], SPEC, 1.0) == Transcript((), 1.0)
    assert Transcript((), 1.0).text == ""


def test_a_long_pause_ends_a_segment_also_within_a_window() -> None:
    spoken = tokens("ab cd")
    paused = Tokens(spoken.labels, spoken.starts + 25 * (np.arange(5) > 2), spoken.ends + 25 * (np.arange(5) > 2),
                    spoken.confidences)  # fmt: skip
    assert [segment.text for segment in build([DecodedWindow(0.0, spoken)], SPEC, 10.0).segments] == ["ab cd"]
    assert [segment.text for segment in build([DecodedWindow(0.0, paused)], SPEC, 10.0).segments] == ["ab", "cd"]


def test_a_segment_reaches_across_windows_where_nobody_pauses() -> None:
    (segment,) = build([DecodedWindow(0.0, tokens("ab")), DecodedWindow(0.5, tokens("cd"))], SPEC, 10.0).segments
    assert segment.text == "ab cd"
    assert (segment.start_s, segment.end_s) == pytest.approx((0.0, 0.5 + 3 * FRAME_S))


def random_speech(rng: np.random.Generator) -> str:
    lengths = rng.integers(1, 12, rng.integers(1, 400))
    return " ".join("".join(rng.choice(list("abcdefg'"), length)) for length in lengths)


@pytest.mark.parametrize("seed", range(8))
def test_every_segment_fits_into_a_subtitle_and_none_is_lost(seed: int) -> None:
    text = random_speech(np.random.default_rng(seed))
    transcript = build([DecodedWindow(0.0, tokens(text))], SPEC, len(text))
    assert transcript.text == text
    for segment in transcript.segments:
        assert cues.DEFAULT.fits(segment.text, segment.end_s - segment.start_s)


@pytest.mark.parametrize("seed", range(8))
def test_a_text_is_not_parted_into_more_segments_than_needed(seed: int) -> None:
    text = random_speech(np.random.default_rng(seed))
    segments = build([DecodedWindow(0.0, tokens(text))], SPEC, len(text)).segments
    # A third of what fits at least, wherever there is a break near the middle.
    assert len(segments) <= 3 + len(text) / (cues.DEFAULT.max_lines * cues.DEFAULT.max_line_length / 3)


def test_a_long_segment_is_broken_at_its_longest_pause_near_the_middle() -> None:
    text = " ".join(["word"] * 20)
    spoken = tokens(text)
    after = 5 * 9  # the first letter of the tenth word
    shift = 10 * (np.arange(len(text)) >= after)
    paused = Tokens(spoken.labels, spoken.starts + shift, spoken.ends + shift, spoken.confidences)
    transcript = build([DecodedWindow(0.0, paused)], SPEC, 60.0)
    assert [len(segment.words) for segment in transcript.segments] == [9, 11]


def test_the_tokens_of_a_segment_spell_its_text() -> None:
    transcript = build([DecodedWindow(0.0, tokens("  it's  so ")), DecodedWindow(2.0, tokens("be it"))], SPEC, 10.0)
    for segment in transcript.segments:
        assert "".join(SPEC.labels[token] for token in segment.token_ids) == segment.text
        assert len(segment.token_log_probs) == len(segment.token_ids)


def test_log_probabilities_follow_from_the_tokens_confidences() -> None:
    spoken = tokens("a b")
    uneven = Tokens(spoken.labels, spoken.starts, spoken.ends, np.array([0.5, 0.25, 0.8]))
    (segment,) = build([DecodedWindow(0.0, uneven)], SPEC, 1.0).segments
    assert np.exp(segment.token_log_probs) == pytest.approx([0.5, 0.25, 0.8])
    assert segment.avg_log_prob == pytest.approx(np.log([0.5, 0.25, 0.8]).mean())
    assert segment.no_speech_prob == pytest.approx(0.5 * 0.75 * 0.2)


def test_a_confidence_of_zero_has_a_finite_log_probability() -> None:
    (segment,) = build([DecodedWindow(0.0, tokens("ab", confidence=0.0))], SPEC, 1.0).segments
    assert np.isfinite(segment.avg_log_prob)


def test_a_model_without_spaces_has_segments_of_its_words() -> None:
    spec = make_spec(labels=("", "yes", "no"))
    heard = Tokens(np.array([1]), np.array([0]), np.array([1]), np.array([0.9]))
    (segment,) = build([DecodedWindow(0.0, heard), DecodedWindow(0.5, heard)], spec, 1.0).segments
    assert (segment.text, segment.token_ids) == ("yes yes", (1, 1))


def test_alternatives_of_windows_are_put_together_by_their_scores() -> None:
    first = DecodedWindow(0.0, tokens("ab"), alternatives=(Alternative("ab", -1.0), Alternative("abe", -2.0)))
    silent = DecodedWindow(3.0, tokens(""), alternatives=(Alternative("", -0.5),))
    second = DecodedWindow(5.0, tokens("cd"), alternatives=(Alternative("cd", -1.0), Alternative("", -1.5)))
    transcript = build([first, silent, second], SPEC, 10.0, alternatives=3)
    assert transcript.text == "ab cd"
    assert transcript.alternatives == (
        Alternative("ab cd", -2.5),
        Alternative("ab", -3.0),
        Alternative("abe cd", -3.5),
    )


def test_texts_that_windows_make_in_two_ways_are_listed_once() -> None:
    both = (Alternative("ab", -1.0), Alternative("", -2.0))
    windows = [DecodedWindow(start_s, tokens("ab"), alternatives=both) for start_s in (0.0, 5.0)]
    found = build(windows, SPEC, 10.0, alternatives=5).alternatives
    assert [each.text for each in found] == ["ab ab", "ab", ""]


def test_alternatives_are_listed_on_demand_only() -> None:
    window = DecodedWindow(0.0, tokens("ab"), alternatives=(Alternative("ab", -1.0),))
    assert build([window], SPEC, 10.0).alternatives == ()
    assert build([], SPEC, 10.0, alternatives=3).alternatives == (Alternative("", 0.0),)
