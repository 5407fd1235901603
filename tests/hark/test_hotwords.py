"""Hot words: what a prompt names, and what letters earn."""

import numpy as np
import pytest

from hark import hotwords

LABELS = ("", " ", "'", *"abcdefghijklmnopqrstuvwxyz")


def earned(words: list[str], text: str) -> float:
    """Letters earned by a text, with the end of the window behind it."""
    table = hotwords.table(words, LABELS)
    state, letters = 0, 0.0
    for character in text:
        label = LABELS.index(character)
        letters += table.gains[state, label]
        state = int(table.next[state, label])
    return letters + float(table.end_gains[state])


@pytest.mark.parametrize(
    ("words", "text", "letters"),
    [
        (["ahab"], "ahab", 4),
        (["ahab"], "captain ahab spoke", 4),
        (["ahab"], "aha", 0),
        (["ahab"], "ahabs", 0),
        (["ahab"], "ahab ahab", 8),
        (["ahab"], "bahab", 0),
        (["ahab"], "", 0),
        (["art", "artist"], "artist", 6),
        (["art", "artist"], "art is", 3),
        (["art", "artist"], "artis", 0),
        (["moby dick"], "moby dick", 9),
        (["moby dick"], "moby duck", 0),
        (["moby dick", "moby"], "moby duck", 4),
        (["moby dick", "moby"], "moby", 4),
        (["moby dick", "moby"], "moby ", 4),
        (["moby dick"], "moby moby dick", 9),
        (["moby dick", "dickens"], "moby dickens", 7),
        (["moby dick", "moby", "dickens"], "moby dickens", 11),
        (["o'brien"], "o'brien", 7),
        (["zoë"], "zo", 0),
        (["a b c d", "b c", "c x"], "a b c x", 3),
        (["a b c d", "b c", "c d e"], "a b c d e", 12),
        (["a b a b c", "a b"], "a b a b a b", 6),
        (["a a a", "a a"], "a a a a", 10),
        (["zoë b", "b c"], "b c", 3),
        ([], "ahab", 0),
    ],
)
def test_only_finished_words_earn_their_letters(words: list[str], text: str, letters: int) -> None:
    assert earned(words, text) == letters


def test_within_a_word_what_was_earned_so_far_counts() -> None:
    table = hotwords.table(["ahab"], LABELS)
    a, h = LABELS.index("a"), LABELS.index("h")
    assert table.gains[0, a] == 1
    assert table.gains[table.next[0, a], h] == 1


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", []),
        ("Quackenbush", ["Quackenbush"]),
        ("Quackenbush.", []),
        ("Is it?\u201d", []),
        ("ships", ["ships"]),
        ("Dr. Maria van Buren", ["Dr. Maria van Buren"]),
        ("Maria van der Meer speaks", ["Meer"]),
        ("Name: Quackenbush", ["Quackenbush"]),
        ("A talk about ships.", []),
        ("A talk by Ishmael about Queequeg. He sailed.", ["Ishmael", "Queequeg"]),
        ("We met Dr. Bunger and Mr. Starbuck.", ["Dr", "Bunger", "Mr", "Starbuck"]),
        ("OpenAI made it.", ["OpenAI"]),
        ("It runs on the iPhone.", ["iPhone"]),
        ("We saw O'Brien there.", ["O'Brien"]),
        ("Glossary: Ishmael, Queequeg", ["Ishmael", "Queequeg"]),
        ("ishmael; queequeg\npip", ["ishmael", "queequeg", "pip"]),
        ("moby dick, moby dick, ahab.", ["moby dick", "ahab"]),
        ('He says "Moby Dick" and \u201cPequod\u201d, Ahab.', ["Moby Dick", "Pequod"]),
        ("Well, I think that it is, after all, what Ahab had wanted to say.", ["I", "Ahab"]),
    ],
)
def test_a_prompt_names_hot_words_in_quotes_in_a_list_or_with_capitals(prompt: str, words: list[str]) -> None:
    assert hotwords.of_prompt(prompt) == words


def test_a_prompt_names_no_more_than_the_limits_allow() -> None:
    many = ", ".join(f"word{i}x" for i in range(hotwords.MOST + 20))
    assert len(hotwords.of_prompt(many)) == hotwords.MOST
    assert hotwords.of_prompt(f"{'a' * (hotwords.LONGEST + 1)}, ahab") == ["ahab"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Zoë", "zoe"),
        ("O\u2019Brien", "o'brien"),
        ("Moby-Dick.", "moby dick"),
        ("'Ahab'", "ahab"),
        ("...", ""),
        ("R2", "r2"),
    ],
)
def test_hot_words_are_spelt_as_the_model_spells(text: str, written: str) -> None:
    assert hotwords.spelt(text) == written


def test_a_table_leads_from_every_state_to_a_state() -> None:
    table = hotwords.table(["moby dick", "dick", "ahab"], LABELS)
    assert table.next.shape == table.gains.shape == (len(table.end_gains), len(LABELS))
    assert np.all((table.next >= 0) & (table.next < len(table.next)))
