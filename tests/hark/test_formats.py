"""What JSON says of words that are read otherwise than they were spoken."""

import dataclasses

import pytest

from hark import cli, formats
from hark.transcript import Segment, Transcript, Word, read_as_one
from tests.conftest import make_spec

WORDS = (
    Word("nine", 0.4, 0.6, 0.8, "9:30 a.m.", ","),
    Word("thirty", 0.7, 0.9, 0.5, "", ""),
    Word("a", 1.0, 1.1, 0.7, "", ""),
    Word("m", 1.2, 1.3, 0.7, "", ""),
    Word("i", 1.4, 1.5, 0.6, "I", ""),
    Word("left", 1.6, 1.9, 0.9, "left", "."),
)
READABLE = Transcript((Segment(WORDS, (3,), (-0.1,)),), 2.0)
BOTH = frozenset({"word", "segment"})


def test_harks_own_format_has_each_word_as_it_was_spoken_and_what_is_read_of_it() -> None:
    body = formats.full(READABLE, make_spec())
    assert [(word["word"], word["written"], word["punctuation"]) for word in body["words"]] == [
        ("nine", "9:30 a.m.", ","), ("thirty", "", ""), ("a", "", ""), ("m", "", ""), ("i", "I", ""),
        ("left", "left", "."),
    ]  # fmt: skip
    read = " ".join(word["written"] + word["punctuation"] for word in body["words"] if word["written"])
    assert read == body["text"] == body["segments"][0]["text"] == "9:30 a.m., I left."


def test_verbose_json_has_numbers_as_one_word_with_the_times_of_all_and_no_marks() -> None:
    body = formats.verbose(READABLE, make_spec(), BOTH)
    assert body["text"] == body["segments"][0]["text"] == "9:30 a.m., I left."
    assert body["words"] == [
        {"word": "9:30 a.m.", "start": 0.4, "end": 1.3},
        {"word": "I", "start": 1.4, "end": 1.5},
        {"word": "left", "start": 1.6, "end": 1.9},
    ]


def test_spoken_words_are_listed_one_by_one_in_both() -> None:
    spoken = READABLE.as_spoken()
    assert [set(word) for word in formats.full(spoken, make_spec())["words"]] == [
        {"word", "start", "end", "confidence"}
    ] * len(WORDS)
    assert [word["word"] for word in formats.verbose(spoken, make_spec(), BOTH)["words"]] == [
        word.word for word in WORDS
    ]
    assert formats.verbose(spoken, make_spec(), BOTH)["segments"][0]["text"] == "nine thirty a m i left"


def test_a_table_of_words_has_numbers_in_one_line_with_the_least_of_their_confidences() -> None:
    table = list(cli._text(READABLE, with_words=True))[3:]
    assert [line.split(maxsplit=3) for line in table] == [
        ["0.40", "1.30", "0.50", "9:30 a.m.,"],
        ["1.40", "1.50", "0.60", "I"],
        ["1.60", "1.90", "0.90", "left."],
    ]


@pytest.mark.parametrize("count", [0, 1, len(WORDS)])
def test_words_that_are_read_as_one_are_all_the_words_in_order(count: int) -> None:
    assert [word for words in read_as_one(WORDS[:count]) for word in words] == list(WORDS[:count])
    spoken = [dataclasses.replace(word, written=None) for word in WORDS[:count]]
    assert list(read_as_one(spoken)) == [[word] for word in spoken]
