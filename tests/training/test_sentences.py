"""Sentences to be read aloud: rare words are covered, and nothing that engines read in several ways is chosen."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from training import sentences

COMMON = [
    f"The captain of the ship looked at the sea for the {word} time" for word in ("first", "last", "next", "best")
]
RARE = [
    f"A {word} lay beside the {other} on the table" for word, other in [("pewter", "sextant"), ("thimble", "ratchet")]
]
TEXT = [*COMMON, *RARE] * 3  # each word often enough to be no misprint


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("The captain looked at the sea, and sighed.", True),
        ("It's an old-fashioned way; isn't it?", True),
        ("Too short", False),
        ("In 1851 the captain looked at the sea.", False),
        ("Mr. Starbuck looked at the sea for long.", False),
        ("The USS Enterprise is a very large ship.", False),
        ("He looked at the café beside the harbour.", False),
        ("word " * 60, False),
    ],
)
def test_only_what_engines_read_alike_is_chosen(line: str, expected: bool) -> None:
    assert sentences.readable(line) is expected


def test_rare_words_come_first_and_each_sentence_once() -> None:
    chosen = sentences.choose([TEXT], 4, seed=1, times=1)
    assert len(chosen) == len(set(chosen)) == 4


def test_a_word_that_was_chosen_often_enough_is_no_longer_rare() -> None:
    many = [f"The heavy anchor number {word} lay upon the quay all night" for word in "abcdefghijklmnop"]
    chosen = sentences.choose([many], 16, seed=1, times=2)
    covering = sentences._covering(
        {line: frozenset(line.lower().split()) for line in many},
        Counter(word for line in many for word in line.lower().split()),
        Counter(),
        2,
        16,
    )
    assert len(covering) == 2
    assert len(chosen) == 16


def test_the_same_seed_chooses_the_same_and_another_others() -> None:
    first, again, other = (sentences.choose([TEXT, COMMON], 6, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_command_reads_several_texts_and_writes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, zipped, output = tmp_path / "a.txt", tmp_path / "b.txt.gz", tmp_path / "read.txt"
    plain.write_text("\n".join(TEXT))
    zipped.write_bytes(gzip.compress("\n".join(COMMON).encode()))
    assert sentences.main(["--text", str(plain), str(zipped), "--output", str(output), "--count", "8"]) == 0
    assert set(output.read_text().splitlines()) <= set(TEXT)
    assert "sentences" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "count", "message"),
    [("1 2 3\n", "10", "no sentences"), ("\n".join(TEXT), "0", "--count must be"), (None, "10", "none.txt")],
)
def test_what_cannot_work_is_said(
    text: str | None, count: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.txt"
    if text is not None:
        path.write_text(text)
    assert sentences.main(["--text", str(path), "--output", str(tmp_path / "out.txt"), "--count", count]) == 1
    assert message in capsys.readouterr().err
