"""Readable text: no word is lost or moved, whatever is spoken, and callers' words are written as they write them."""

import dataclasses
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler import options
from hark import model_files
from hark.decoding import Decoding, asked_for
from hark.itn import NUMBER_WORDS
from hark.punctuation import CAPITAL, LOWER, MARKS, UPPER, Labels, Punctuator
from hark.transcript import Word, read_as_one
from hark.written import Writer, Writers, spellings_of

PAUSE = "|"


class Told:
    """Stands in for the network: labels words in order as a test wants it."""

    def __init__(self, labels: Sequence[Labels]) -> None:
        self.spec = SimpleNamespace(
            language="en",
            mixed_case={"mcdonald": "McDonald", "d'artagnan": "d'Artagnan"},
            lexicon={"iphone": "iPhone", "youtube": "YouTube"},
        )
        self._labels = labels

    def labels(self, words: Iterable[tuple[str, float | None]]) -> Iterator[Labels]:
        for _, label in zip(words, self._labels, strict=True):
            yield label


def spoken(words: Iterable[str]) -> list[Word]:
    """Words of 0.3 s with 0.1 s between them, and 1.5 s where there is a PAUSE."""
    made: list[Word] = []
    at_s = 0.0
    for word in words:
        if word == PAUSE:
            at_s += 1.4
            continue
        made.append(Word(word, round(at_s, 3), round(at_s + 0.3, 3), 0.9))
        at_s += 0.4
    return made


def told(text: str, *hot: str) -> list[Word]:
    """Has words written of which the network says what `text` has: marks, Capitals and UPPER case."""
    parts = [re.fullmatch(r"(.+?)([.,?]?)", part) for part in text.split() if part != PAUSE]
    pieces = [(part[1], part[2]) for part in parts if part]
    cases = [
        UPPER if each.isupper() and len(each) > 1 else CAPITAL if each[0].isupper() else LOWER for each, _ in pieces
    ]
    labels = [Labels(MARKS.index(mark), case) for (_, mark), case in zip(pieces, cases, strict=True)]
    words = spoken(part if part == PAUSE else part.rstrip(".,?").lower() for part in text.split())
    writer = Writer(Told(labels), spellings_of(hot))  # type: ignore[arg-type]
    return list(writer.words(words))


def text_of(words: Iterable[Word]) -> str:
    return " ".join(word.text for word in words if word.text)


@pytest.fixture(scope="module")
def writer() -> Writer:
    """Writes with the model that comes with Hark."""
    return Writer(Punctuator(model_files.PUNCTUATION))


def bare(text: str) -> str:
    return re.sub(r"[.,?]", "", text).lower()


KNOWN = st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=12)
NO_NUMBER = KNOWN.filter(lambda word: word not in NUMBER_WORDS)
NUMBER = st.sampled_from(sorted(NUMBER_WORDS))
UNKNOWN = st.text(
    st.characters(categories=["L"], exclude_characters="abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=8
)
WORDS = st.lists(st.one_of(NO_NUMBER, NUMBER, st.sampled_from(["'", "''", "a", "i", PAUSE]), UNKNOWN), max_size=250)


@settings(max_examples=60, deadline=None)
@given(WORDS)
def test_every_word_comes_back_once_in_its_place_with_its_times(writer: Writer, words: list[str]) -> None:
    given_words = spoken(words)
    written = list(writer.words(given_words))
    assert [dataclasses.replace(word, written=None, punctuation="") for word in written] == given_words
    for word in written:
        assert word.written is not None
        assert word.punctuation in MARKS
        assert word.text == word.written + word.punctuation
        assert word.written or not word.punctuation
    assert not written or written[0].written
    assert [word for words in read_as_one(written) for word in words] == written
    if NUMBER_WORDS.isdisjoint(words):
        assert all((word.written or "").lower() == word.word.lower() for word in written)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(NO_NUMBER, UNKNOWN), max_size=250))
def test_without_marks_and_capitals_what_was_spoken_is_left(writer: Writer, words: list[str]) -> None:
    assert bare(text_of(writer.words(spoken(words)))) == " ".join(words).lower()
    assert bare(writer.text(" ".join(words))) == " ".join(words).lower()


@settings(max_examples=30, deadline=None)
@given(st.lists(UNKNOWN, min_size=1, max_size=60))
def test_another_alphabet_is_left_as_it_was_spoken(writer: Writer, words: list[str]) -> None:
    assert text_of(writer.words(spoken(words))) == " ".join(words)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.one_of(NO_NUMBER, NUMBER), min_size=1, max_size=450))
def test_words_that_come_one_by_one_are_written_as_all_at_once_and_few_are_held(
    writer: Writer, words: list[str]
) -> None:
    given_words = spoken(words)
    taken = 0

    def coming() -> Iterator[Word]:
        nonlocal taken
        for taken, word in enumerate(given_words, 1):  # noqa: B007
            yield word

    most = 0
    written: list[Word] = []
    for word in writer.words(coming()):
        most = max(most, taken - len(written))
        written.append(word)
    assert written == list(writer.words(given_words))
    assert most <= 620


@pytest.mark.parametrize("words", [[], ["i"], ["a"], ["'"], ["one"], ["word"], ["жук"]])
def test_none_or_a_single_word_is_written(writer: Writer, words: list[str]) -> None:
    assert [word.word for word in writer.words(spoken(words))] == words
    assert writer.text(" ".join(words)).lower().rstrip(".?,") in (" ".join(words), "1")


@pytest.mark.parametrize("word", ["a", "'", "one"])
def test_sixty_thousand_words_take_bounded_time_and_memory(writer: Writer, word: str) -> None:
    count, most, written = 60_000, 0, 0
    taken = 0

    def coming() -> Iterator[Word]:
        nonlocal taken
        for taken in range(1, count + 1):
            yield Word(word, taken * 0.4, taken * 0.4 + 0.3, 0.9)

    since = time.process_time()
    for each in writer.words(coming()):
        assert each.word == word
        most = max(most, taken - written)
        written += 1
    assert written == count
    assert most <= 620
    # A tenth of a millisecond and less each; an hour of speech has ten thousand.
    assert time.process_time() - since < 60


def test_a_sentence_begins_with_a_capital_and_i_is_one() -> None:
    assert text_of(told("so i said. i'm here, and i know. 'tis late? o'brien came")) == (
        "So I said. I'm here, and I know. 'Tis late? O'Brien came"
    )
    assert text_of(told("at seven o'clock. o'clock it is")) == "At 7 o'clock. O'clock it is"


def test_capitals_are_those_of_the_network_and_of_its_lists() -> None:
    assert text_of(told("He told Mcdonald of NASA")) == "He told McDonald of NASA"
    assert text_of(told("a mcdonald told D'artagnan. D'artagnan left")) == (
        "A mcdonald told d'Artagnan. D'Artagnan left"
    )
    # Whatever the network says, and wherever they stand.
    assert text_of(told("an iphone. Iphone, youtube and YOUTUBE's iphone's")) == (
        "An iPhone. iPhone, YouTube and YouTube's iPhone's"
    )


def test_a_text_that_never_ends_is_written_in_parts_and_begins_no_sentence_in_between() -> None:
    words = told(" ".join(["word"] * 450))
    assert [word.written for word in words] == ["Word", *["word"] * 449]


def test_a_number_stands_at_its_first_word_and_ends_with_its_last() -> None:
    words = told("it leaves at nine thirty, in the morning.")
    assert [(word.word, word.written, word.punctuation) for word in words[3:5]] == [
        ("nine", "9:30", ","),
        ("thirty", "", ""),
    ]
    (number,) = [each for each in read_as_one(words) if len(each) > 1]
    assert (number[0].start_s, number[-1].end_s) == (words[3].start_s, words[4].end_s)
    assert text_of(words) == "It leaves at 9:30, in the morning."


def test_an_abbreviation_at_the_end_of_a_sentence_has_one_full_stop() -> None:
    assert text_of(told("we open at nine a m. come in")) == "We open at 9 a.m. Come in"
    assert text_of(told("do we open at nine a m? yes")) == "Do we open at 9 a.m.? Yes"
    assert text_of(told("it was Ahab jr. he left", "Ahab Jr.")) == "It was Ahab Jr. He left"


def test_pauses_and_commas_keep_numbers_apart_but_for_digits_said_one_by_one() -> None:
    assert "25" in text_of(told("it is twenty five miles away"))
    assert "25" not in text_of(told("it is twenty, five miles away"))
    # People think in the middle of a number, but do not begin another one so.
    assert "25" in text_of(told(f"it is twenty {PAUSE} five miles away"))
    assert "20 30" in text_of(told(f"it is twenty {PAUSE} {PAUSE} thirty miles away"))
    assert text_of(told("call five five five, zero one three four.")) == "Call 555-0134."


def test_hot_words_keep_the_callers_spelling() -> None:
    hot = ["Quackenbush", "van der Meer", "AcmeDB", "X-Ray", "O\u2019Brien", "Zoë"]
    assert text_of(told("quackenbush and Van Der Meer use acmedb.", *hot)) == "Quackenbush and van der Meer use AcmeDB."
    # At the beginning of a sentence, too: what is not written large is meant so.
    assert text_of(told("yes. van der meer came. zoe had an x ray", *hot)) == (
        "Yes. van der Meer came. Zoë had an X-Ray"
    )
    assert text_of(told("o'brien left", *hot)) == "O\u2019Brien left"


def test_several_words_that_are_written_as_many_keep_their_own_times() -> None:
    words = told("with van der meer.", "van der Meer")
    assert [(word.written, word.punctuation) for word in words] == [
        ("With", ""), ("van", ""), ("der", ""), ("Meer", "."),
    ]  # fmt: skip
    words = told("an x ray.", "X-Ray")
    assert [(word.written, word.punctuation) for word in words] == [("An", ""), ("X-Ray", "."), ("", "")]
    # A subtitle would end after "St.".
    assert [word.written for word in told("saint john st john", "St. John")] == ["Saint", "john", "St. John", ""]


def test_hot_words_beside_numbers_and_numbers_within_them() -> None:
    assert text_of(told("five Quackenbush twenty five", "Quackenbush")).split()[1:] == ["Quackenbush", "25"]
    assert text_of(told("studio fifty four at nine thirty", "Studio Fifty Four")) == "Studio Fifty Four at 9:30"


def test_no_mark_parts_a_hot_word() -> None:
    assert text_of(told("so acme, db is here", "Acme DB")) == "So Acme DB is here"
    assert text_of(told("so acme. db is? here.", "Acme DB")) == "So Acme DB is? Here."
    assert text_of(told("so acme. other is here", "Acme DB")) == "So acme. Other is here"


def test_the_longest_hot_word_wins_and_lower_case_is_left_to_the_sentence() -> None:
    hot = ["New York", "New York TIMES", "ahab"]
    assert text_of(told("the new york times of new york. ahab", *hot)) == "The New York TIMES of New York. Ahab"
    assert spellings_of(["ahab", "  Moby  Dick ", "", "\u2019"]) == {
        ("moby", "dick"): "Moby Dick",
        ("moby", "dick's"): "Moby Dick's",
    }


def test_what_is_dictated_one_by_one_is_one() -> None:
    assert text_of(told(f"call six zero zero. {PAUSE} four one? six seven. thanks")) == "Call 600-4167. Thanks"
    assert text_of(told("the u, s. a and the c. t, o.")) == "The U S A and the C T O."
    assert text_of(told("i have a d. in math")) == "I have a D. In math"
    assert text_of(told("one, two, three.")) == "One, two, three."


def test_a_telephone_number_is_one_however_its_end_is_said() -> None:
    for said, written in (
        ("four one five five five five, twenty six, seventy one", "415-555-2671"),
        ("eight hundred five five five. ten ten", "800-555-1010"),
        ("seven one eight five five five, ninety eight hundred", "718-555-9800"),
    ):
        assert text_of(told(f"call {said}. thanks")) == f"Call {written}. Thanks"
    # What is no such number keeps its marks.
    assert text_of(told("my pin is four seven one two. twenty people know it.")) == (
        "My pin is 4712. 20 people know it."
    )
    assert text_of(told("there were two. twenty more came.")) == "There were two. 20 more came."


def test_a_zero_said_as_oh_is_no_surprise() -> None:
    assert text_of(told("meet me at three. oh six tomorrow.")) == "Meet me at 3:06 tomorrow."
    assert text_of(told("at twelve, oh one, a m we left.")) == "At 12:01 a.m. we left."
    assert text_of(told("she is in room eleven, Oh six.")) == "She is in room 1106."
    # Nor is surprise a zero.
    assert text_of(told("there were three. Oh one more thing.")) == "There were three. Oh one more thing."
    assert text_of(told(f"there were three. {PAUSE} Oh six of them.")) == "There were three. Oh six of them."


def test_a_number_keeps_what_leads_it() -> None:
    assert text_of(told("plus or minus point, oh, five millimetres.")) == "Plus or minus 0.05 mm."
    assert text_of(told("it was minus, twenty five degrees celsius.")) == "It was -25°C."
    assert text_of(told("at that point, two people left.")) == "At that point, two people left."


def test_no_mark_parts_a_war_from_its_number() -> None:
    assert text_of(told("he fought in World War, two. then he came home.")) == (
        "He fought in World War II. Then he came home."
    )
    assert text_of(told("it was a war, two of them.")) == "It was a war, two of them."


def test_months_that_are_words_are_months_beside_a_day() -> None:
    assert text_of(told("on may third or the fourth of march we may march")) == (
        "On May 3rd or the 4th of March we may march"
    )


def test_a_prompts_capitals_hold_where_they_say_something() -> None:
    writers = Writers(model_files.PUNCTUATION)
    prompt = options.parse([("prompt", "Yesterday I met Will and Quackenbush from AcmeDB.")]).decoding
    writer = writers.writer(prompt)
    assert writer is not None
    text = writer.text("they will go and quackenbush uses acmedb")
    assert " will go" in text
    assert "Quackenbush" in text
    assert "AcmeDB" in text
    explicit = writers.writer(asked_for(hot=["Will"]))
    assert explicit is not None
    assert " Will go" in explicit.text("they will go")


def test_a_part_of_a_long_sentence_may_end_in_a_hot_word() -> None:
    words = told(" ".join(["word"] * 199 + ["van", "der", "meer"] + ["word"] * 99), "van der Meer")
    assert [word.written for word in words[199:202]] == ["van", "der", "Meer"]
    assert len(words) == 301


def test_who_asks_for_spoken_words_has_no_writer() -> None:
    writers = Writers(model_files.PUNCTUATION)
    assert writers.writer(Decoding(text_style="spoken")) is None
    assert writers.writer(asked_for(hot=["Ahab"])) is not None
    assert writers.writer(asked_for(text_style="written")) is not None


def test_hot_words_are_spelt_as_the_caller_asked(writer: Writer) -> None:
    made = Writers(model_files.PUNCTUATION).writer(asked_for(hot=["van der Meer", "AcmeDB"]))
    assert made
    text = made.text("i think van der meer would buy acmedb at once")
    assert "van der Meer" in text
    assert "AcmeDB" in text
    assert bare(text) == "i think van der meer would buy acmedb at once"
