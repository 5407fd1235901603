"""Where a text is parted into subtitles, and how their lines are laid out."""

import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hark import cues, subtitles
from hark.ctc import Tokens
from hark.cues import DEFAULT, Layout
from hark.errors import InvalidParameter
from hark.punctuation import FULL_STOP, LOWER, NOTHING, Labels
from hark.transcript import DecodedWindow, Segment, Transcript, Word, build
from hark.written import Writer
from tests.conftest import make_spec
from tests.hark.test_written import Told


@dataclass(frozen=True)
class Spoken:
    """A word, or a part of the number before it where `text` is empty."""

    text: str
    start_s: float
    end_s: float


def speech(text: str, word_s: float = 0.3, gap_s: float = 0.1) -> list[Spoken]:
    """Words of one length; "|" is a pause of 1.2 s, "~" one of 0.5 s, and "_" a word that a number has in it."""
    words, at_s = [], 0.0
    for part in text.split():
        if part in "|~":
            at_s += 1.2 - gap_s if part == "|" else 0.5 - gap_s
            continue
        words.append(Spoken("" if part == "_" else part, round(at_s, 3), round(at_s + word_s, 3)))
        at_s += word_s + gap_s
    return words


def parted(words: list[Spoken], layout: Layout = DEFAULT) -> list[str]:
    """The texts of the parts."""
    texts, first = [], 0
    for count in cues.spans(words, layout):
        assert count > 0
        texts.append(" ".join(word.text for word in words[first : first + count] if word.text))
        first += count
    assert first == len(words)
    return texts


def test_a_part_ends_with_its_sentence() -> None:
    assert parted(speech("We came home late. Who was there? It was Ahab")) == [
        "We came home late.",
        "Who was there?",
        "It was Ahab",
    ]


def test_a_short_sentence_goes_with_the_next() -> None:
    assert parted(speech("Yes. We came home late. No. Never. Why not? Because.")) == [
        "Yes. We came home late.",
        "No. Never. Why not?",
        "Because.",
    ]
    # But not over a pause, nor where both do not fit.
    assert parted(speech("Yes. | We came home late.")) == ["Yes.", "We came home late."]
    long = "Yes. " + "Nobody " * 10 + "came home."
    assert parted(speech(long)) == ["Yes.", long.removeprefix("Yes. ")]


def test_the_full_stop_of_an_abbreviation_ends_no_sentence() -> None:
    assert parted(speech("We leave for home at 9 _ _ a.m. on Sunday")) == ["We leave for home at 9 a.m. on Sunday"]
    assert parted(speech("We leave for home at 9 _ _ a.m. On Sunday we stay")) == [
        "We leave for home at 9 a.m.",
        "On Sunday we stay",
    ]


def test_what_is_too_long_ends_with_a_clause_before_it_ends_with_a_pause() -> None:
    clause = "word word word word word word word, word word ~ word word word word word word word word word word"
    assert parted(speech(clause)) == ["word word word word word word word,", " ".join(["word"] * 12)]
    assert parted(speech(clause.replace(",", ""))) == [" ".join(["word"] * 9), " ".join(["word"] * 10)]
    # A clause near the beginning or the end would leave a scrap.
    assert parted(speech("word, " + "word " * 9 + "~ " + "word " * 9))[0] == "word, " + " ".join(["word"] * 9)


def test_a_long_pause_always_ends_a_part_and_a_number_is_never_parted() -> None:
    assert parted(speech("so we | came home")) == ["so we", "came home"]
    assert parted(speech("call 555-0134 _ | _ _ | _ _ | now")) == ["call 555-0134", "now"]
    assert parted(speech("It is done. 555-0134" + " _" * 40)) == ["It is done.", "555-0134"]
    # Longer than any subtitle stays, and than what is looked at.
    assert parted(speech("1" + " _" * 400 + " miles")) == ["1", "miles"]


@pytest.mark.parametrize("length_s", [0.0, 7.0, 7.1, 61.0, 600.0])
def test_a_word_of_any_length_is_a_part(length_s: float) -> None:
    assert parted([Spoken("well", 0.0, length_s)]) == ["well"]
    assert parted([Spoken("x" * 500, 0.0, length_s)]) == ["x" * 500]
    assert parted([]) == []


def test_a_phrase_without_any_end_is_parted_while_it_is_spoken() -> None:
    taken = 0

    def coming():
        nonlocal taken
        for taken in range(1, 1001):
            yield Spoken("word", taken * 0.4, taken * 0.4 + 0.35)

    parts = cues.spans(coming())
    next(parts)
    assert taken <= 61 / 0.4
    assert 1 + sum(1 for _ in parts) <= 1000 / 8


@pytest.mark.parametrize("text", ["a", "", "a.", "x" * 40])
def test_sixty_thousand_words_are_parted_in_no_time(text: str) -> None:
    words = [Spoken(text if i else "one", i * 0.4, i * 0.4 + 0.35) for i in range(60_000)]
    since = time.process_time()
    assert sum(cues.spans(words)) == 60_000
    assert time.process_time() - since < 20


def test_lines_are_as_equal_as_words_allow_and_as_many_as_there_are() -> None:
    text = "one two three four five six seven eight nine ten"
    assert Layout(50, 2).lines(text) == [text]
    assert Layout(30, 2).lines(text) == ["one two three four five", "six seven eight nine ten"]
    assert Layout(20, 3).lines(text) == ["one two three four", "five six seven eight", "nine ten"]
    assert Layout(20, 2).fits("one two three four", 7.0)
    assert not Layout(20, 2).fits("one two three four", 7.1)
    assert not Layout(20, 2).fits(text, 1.0)
    assert not Layout(30, 1).fits(text, 1.0)
    assert DEFAULT.lines("") == []


def test_a_layout_is_what_is_asked_for_and_has_bounds() -> None:
    assert cues.layout() == DEFAULT == Layout(42, 2)
    assert cues.layout(max_lines=1) == Layout(42, 1)
    assert cues.layout(10, 10) == Layout(10, 10)
    assert cues.layout(200, 1) == Layout(200, 1)
    for asked in ({"max_line_length": 9}, {"max_line_length": 201}, {"max_lines": 0}, {"max_lines": 11}):
        (name,) = asked
        with pytest.raises(InvalidParameter, match=f"^{name} must be a number from") as caught:
            cues.layout(**asked)
        assert caught.value.param == name


WORD = st.builds(
    lambda letters, written, mark, length_s, gap_s: (letters, written, mark if written else "", length_s, gap_s),
    st.text("abc'", min_size=1, max_size=30),
    st.one_of(st.just(""), st.text("abcA1.&", min_size=1, max_size=120)),
    st.sampled_from(["", "", "", ",", ".", "?"]),
    st.sampled_from([0.0, 0.05, 0.3, 0.9, 8.0]),
    st.sampled_from([-0.05, 0.0, 0.1, 0.7, 1.0, 5.0]),
)
LAYOUT = st.builds(Layout, st.integers(*cues.LINE_LENGTHS), st.integers(*cues.LINE_COUNTS))


@settings(max_examples=150, deadline=None)
@given(st.lists(WORD, max_size=150), st.one_of(st.just(DEFAULT), LAYOUT))
def test_any_words_are_laid_out_whole_and_in_order_within_the_rules(
    drawn: list[tuple[str, str, str, float, float]], layout: Layout
) -> None:
    words, now_s = [], 0.0
    for number, (letters, written, mark, length_s, gap_s) in enumerate(drawn):
        start_s = round(max(now_s + gap_s, 0.0), 3)
        now_s = round(start_s + length_s, 3)
        words.append(Word(letters, start_s, now_s, 0.9, written if number else written or "A", mark))
    first = 0
    for count in cues.spans(words, layout):
        part = words[first : first + count]
        shown = [word for word in part if word.text]
        assert part[0].text  # no number is parted
        if len(shown) > 1:
            assert layout.fits(" ".join(word.text for word in shown), part[-1].end_s - part[0].start_s)
        first += count
    assert first == len(words)
    transcript = Transcript((Segment(tuple(words), (1,), (-0.1,)),) if words else (), now_s + 1)
    laid_out = subtitles.lay_out(transcript, layout)
    for cue in laid_out:
        assert 1000 <= cue.end_ms - cue.start_ms <= 7000
        assert 1 <= len(cue.lines) <= layout.max_lines
        assert all(1 <= len(line) <= layout.max_line_length for line in cue.lines)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(laid_out))
    assert "".join("".join(cue.lines) for cue in laid_out).replace(" ", "") == transcript.text.replace(" ", "")


@pytest.mark.parametrize("seed", range(6))
def test_by_default_the_cues_are_the_segments(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spec = make_spec()
    words = ["".join(rng.choice(list("abcdefg'"), rng.integers(1, 12))) for _ in range(rng.integers(1, 300))]
    text = " ".join(words)
    starts = np.arange(len(text)) * 2 + np.cumsum(rng.choice([0, 40], len(text), p=[0.98, 0.02]))
    labels = np.array([spec.labels.index(letter) for letter in text])
    window = DecodedWindow(0.0, Tokens(labels, starts, starts + 1, np.full(len(text), 0.9)))
    marks = [Labels(FULL_STOP if rng.random() < 0.1 else NOTHING, LOWER) for _ in words]
    for writer in (None, Writer(Told(marks))):  # type: ignore[arg-type]
        found = build([window], spec, 1e6, writer=writer)
        assert found.spoken == text
        assert [" ".join(cue.lines) for cue in subtitles.lay_out(found)] == [each.text for each in found.segments]
        for segment in found.segments:
            assert "".join(spec.labels[token] for token in segment.token_ids) == segment.spoken
            assert DEFAULT.fits(segment.text, segment.end_s - segment.start_s) or len(segment.words) == 1
