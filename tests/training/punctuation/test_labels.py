"""Written text becomes spoken words, marks and cases."""

import pytest

from hark.punctuation import CAPITAL, CASES, LOWER, MARKS, UPPER
from training.punctuation.labels import Labelled, label, mixed_case, read_texts, small_words


def shown(found: Labelled) -> str:
    """The text that the labels stand for."""
    return " ".join(word + MARKS[mark] for word, mark in zip(found.written, found.marks, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was late. He slept.", "It was late. He slept."),
        ('"Are you well?" asked Tom.', "Are you well? asked Tom."),
        ('"Stop!" cried the boy; "you are lost!"', "Stop, cried the boy, you are lost."),
        ("Go away! Never come back!", "Go away. Never come back."),
        ("He came--as always--too late: alone.", "He came, as always, too late, alone."),
        ("He came \u2014 she went \u2013 alone.", "He came, she went, alone."),
        ("Well... I do not know... yet.", "Well. I do not know, yet."),
        ("Mr. Smith of St. Ives met Dr. J. Brown.", "Mister Smith of St Ives met Doctor J Brown."),
        ("The jack-boots (and spurs) were five-and-twenty.", "The jack boots and spurs were five and twenty."),
        ("_Never_ say \u2018never\u2019, they said.", "Never say never, they said."),
        ("Anglo-Saxon times, e.g. the tenth century.", "Anglo Saxon times, e g the tenth century."),
    ],
)
def test_marks_are_learnt_and_the_rest_is_mapped(text: str, expected: str) -> None:
    assert shown(label([text])) == expected


def test_words_are_those_that_are_spoken() -> None:
    found = label(["In 1811 Mrs. Dashwood paid 20 pounds."])
    assert found.words == ["in", "eighteen", "eleven", "missus", "dashwood", "paid", "twenty", "pounds"]
    assert len(found) == len(found.marks) == len(found.cases) == len(found.written)


def test_cases_are_lower_capital_and_upper() -> None:
    found = label(["I saw the BBC and McDonald in London."])
    assert dict(zip(found.words, [CASES[case] for case in found.cases], strict=True)) == {
        "i": CASES[CAPITAL],
        "saw": CASES[LOWER],
        "the": CASES[LOWER],
        "bbc": CASES[UPPER],
        "and": CASES[LOWER],
        "mcdonald": CASES[CAPITAL],
        "in": CASES[LOWER],
        "london": CASES[CAPITAL],
    }


def test_capitals_for_emphasis_are_lower_case() -> None:
    lines = ["She is always the woman. He never said the word.", "To Holmes she is THE woman."]
    assert shown(label(lines)).endswith("To Holmes she is the woman.")


def test_a_sentence_that_was_parted_at_an_abbreviation_is_one_again() -> None:
    found = label(["I am sure we owe you an apology, Mrs.", "Toller, and here she comes."])
    assert shown(found) == "I am sure we owe you an apology, Missus Toller, and here she comes."


def test_headings_in_capitals_are_left_out() -> None:
    assert label(["CHAPTER ONE", "It began."]).words == ["it", "began"]


def test_sentence_ends_are_where_the_next_begins() -> None:
    assert label(["It was late. Was it? Yes."]).sentence_ends.tolist() == [3, 5, 6]
    assert label([]).sentence_ends.tolist() == []


def test_only_capitals_that_no_rule_gives_are_kept() -> None:
    first = label(["McDonald met LaTeX in London. BBC and GEnie saw d'Artagnan. D'Artagnan and a genie."])
    second = label(["Old McDonald of London saw the BBC. He met d'Artagnan and d'Artagnan, d'Artagnan and a genie."])
    assert mixed_case([first, second]) == {"mcdonald": "McDonald", "d'artagnan": "d'Artagnan"}


def test_texts_are_read_one_by_one(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("One went.\nTwo came.\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Three.\n", encoding="utf-8")
    assert [len(text) for text in read_texts([tmp_path / "a.txt", tmp_path / "b.txt"])] == [4, 1]


def test_words_without_capitals_within_sentences_are_found() -> None:
    line = "The dog saw Anna and the captain. He saw the Captain of Paris."
    assert set(small_words([label([line] * 300)])) == {"the", "dog", "saw", "and", "of"}
    assert small_words([label([line] * 99)]) == []
