"""Numbers are written as people write them, ambiguous words are left alone, and no word is ever lost."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words

from hark.itn import Token, tokens
from hark.itn import vocabulary as v
from tests.conftest import ROOT
from tests.hark.itn.cases import Case, cases
from tests.patience import PATIENCE_S

# The issue asks for 0.95 on cases of others; these are known, so anything less is a change of the rules.
LEAST_RIGHT = 0.99


def written(text: str) -> str:
    return " ".join(token.text for token in tokens(text.split()))


def spoken(number: int, to: str = "cardinal") -> str:
    return num2words(number, to=to).replace("-", " ").replace(",", "")


def kinds() -> list[str]:
    return sorted({case.kind for case in cases()})


@pytest.mark.parametrize("kind", kinds())
def test_cases_are_written_as_an_editor_writes_them(kind: str) -> None:
    chosen = [case for case in cases() if case.kind == kind]
    wrong = [(case.written, got) for case in chosen if (got := _join(case)) != case.written]
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(chosen), wrong


def test_there_are_enough_cases_and_a_third_of_them_has_nothing_to_write() -> None:
    assert len(cases()) >= 600
    assert len({" ".join(case.words) for case in cases()}) == len(cases())
    assert 0.28 < sum(case.unchanged for case in cases()) / len(cases()) < 0.4


def _join(case: Case) -> str:
    return " ".join(token.text for token in tokens(case.words, case.breaks))


# Words that the rules know, words that they don't, and strings that no recogniser gives.
_KNOWN = sorted(
    {
        *(
            "a",
            "an",
            "the",
            "and",
            "of",
            "in",
            "at",
            "to",
            "or",
            "by",
            "per",
            "is",
            "it's",
            "may",
            "hundred",
            "percent",
        ),
        *("cent", "o'clock", "clock", "a", "m", "p", "b", "c", "d", "half", "quarter", "past", "point", "dot", "minus"),
        *("between", "from", "out", "war", "world", "noon", "hours", "minutes", "years", "people", "hundredth", "plus"),
        *v.UNITS,
        *v.TEENS,
        *v.TENS,
        *v.SCALES,
        *v.ORDINAL_UNITS,
        *v.ORDINAL_TEENS,
        *v.ORDINAL_SCALES,
        *v.OH,
        *v.REPEATS,
        *v.DECADES,
        *v.CURRENCIES,
        *v.CENTS,
        *v.SYMBOLS,
        *v.MEASURES,
        *v.NUMBERED,
        *v.OFTEN_NUMBERED,
        *(word for spoken in (*v.LONG_SYMBOLS, *v.ERAS, *v.HALVES_OF_DAY) for word in spoken),
        *(word for idioms in v.IDIOMS.values() for spoken, _ in idioms for word in spoken),
    }
)
_NUMBERS = sorted({*v.UNITS, *v.TEENS, *v.TENS, *v.SCALES, "hundred", "and", "oh", "point", "a", "to", "or"})
_STRANGE = ["", "'", "''", "9", "9:30", "привет", "二十", "É", "ONE", "$5", " ", "\n", "\u0000", "twenty-one", "½"]
_WORDS = st.lists(
    st.one_of(st.sampled_from(_NUMBERS), st.sampled_from(_KNOWN), st.sampled_from([*_STRANGE, "hark", "we", "cats"])),
    max_size=14,
)


@settings(max_examples=1500, deadline=None)
@given(_WORDS, st.randoms())
def test_each_word_is_in_exactly_one_token_in_order(words: list[str], chance: random.Random) -> None:
    breaks = [chance.random() < 0.1 for _ in words]
    _check_spans(words, breaks, tokens(words, breaks))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=6), max_size=8))
def test_any_strings_come_back(words: list[str]) -> None:
    _check_spans(words, None, tokens(words))


def _check_spans(words: Sequence[str], breaks: Sequence[bool] | None, found: list[Token]) -> None:
    at = 0
    for token in found:
        assert token.first == at < token.last
        at = token.last
        assert breaks is None or not any(breaks[token.first : token.last - 1])
        if not any(character.isdigit() for character in token.text):
            assert _is_spelt(token, words), token
    assert at == len(words)


def _is_spelt(token: Token, words: Sequence[str]) -> bool:
    """Says whether a token without figures is its word, or one of the few that are written in another way."""
    if token.text == words[token.first] and token.last == token.first + 1:
        return True
    spelt = {"o'clock", *v.HALVES_OF_DAY.values(), *v.ERAS.values(), *v.ROMAN.values(), *v.SYMBOLS.values()}
    return token.text in spelt | set(v.LONG_SYMBOLS.values())


@settings(max_examples=1500, deadline=None)
@given(_WORDS)
def test_what_is_written_is_left_as_it_is(words: list[str]) -> None:
    once = [token.text for token in tokens(words)]
    assert [token.text for token in tokens(once)] == once


def test_the_cases_are_left_as_they_are_once_written() -> None:
    for case in cases():
        once = [token.text for token in tokens(case.words)]
        assert [token.text for token in tokens(once)] == once


def test_the_same_words_give_the_same_tokens_and_are_not_changed() -> None:
    for case in cases():
        words = list(case.words)
        assert tokens(words, case.breaks) == tokens(tuple(words), tuple(case.breaks))
        assert words == case.words


def test_a_break_ends_every_token() -> None:
    words = ["he", "counted", "twenty", "five", "dollars"]
    assert [token.text for token in tokens(words)] == ["he", "counted", "$25"]
    broken = [token.text for token in tokens(words, [False, False, True, False, False])]
    assert broken == ["he", "counted", "20", "$5"]
    assert [token.text for token in tokens(words, [True] * 9)] == ["he", "counted", "20", "five", "dollars"]
    assert tokens([], []) == tokens([]) == []


def test_tokens_say_which_words_they_stand_for() -> None:
    assert tokens(["leave", "at", "nine", "thirty", "on", "the", "third", "of", "may"]) == [
        Token("leave", 0, 1),
        Token("at", 1, 2),
        Token("9:30", 2, 4),
        Token("on", 4, 5),
        Token("the", 5, 6),
        Token("3rd", 6, 7),
        Token("of", 7, 8),
        Token("may", 8, 9),
    ]


@pytest.mark.parametrize("step", [1, 977, 123_457, 98_765_431])
def test_cardinals_read_back(step: int) -> None:
    for number in range(10, 1000 * step, step):
        text = f"they have {spoken(number)} things"
        expected = f"{number:,}"
        for scale, word in ((10**9, "billion"), (10**6, "million")):
            if number % scale == 0 and number < 1000 * scale:
                expected = f"{number // scale} {word}"
                break
        assert written(text) == f"they have {expected} things", text


@pytest.mark.parametrize("said", [spoken, lambda number: spoken(number).replace(" and ", " ")])
def test_cardinals_read_back_with_and_without_and(said: Callable[[int], str]) -> None:
    for number in range(101, 1000):
        assert written(f"they have {said(number)} things") == f"they have {number} things"


def test_negative_numbers_read_back() -> None:
    for number in range(1, 200):
        assert written(f"it was minus {spoken(number)} degrees") == f"it was -{number} degrees"


def test_ordinals_read_back() -> None:
    for number in [*range(10, 1100), *range(1100, 900_000, 4567)]:
        said = spoken(number, to="ordinal")
        if said.endswith(("hundredth", "thousandth")) and said.split()[0] == "a":
            continue
        written_as = num2words(number, to="ordinal_num")
        expected = f"{number:,}{written_as[-2:]}"
        assert written(f"the {said} attempt of") == f"the {expected} attempt of" or said.endswith("second")
        assert written(f"on the {said} of") == f"on the {expected} of"


def test_years_read_back() -> None:
    for year in range(1100, 2100):
        said = num2words(year, to="year").replace("-", " ")
        assert written(f"it was in the year {said}") == f"it was in the year {year}", said
        if year >= 1300 and year % 100:
            assert written(f"it happened in {said} or so") == f"it happened in {year} or so", said
    for year in range(1910, 2000, 10):
        decade = spoken(year % 100)
        decade = "tens" if decade == "ten" else decade[:-1] + "ies"
        assert written(f"music of the nineteen {decade} is back") == f"music of the {year}s is back"


def test_money_and_times_read_back() -> None:
    for cents in range(101, 9_999, 37):
        whole, rest = divmod(cents, 100)
        said = f"{spoken(whole)} dollars" + (f" and {spoken(rest)} cents" if rest else "")
        assert written(f"it is {said} now") == f"it is ${whole}" + (f".{rest:02}" if rest else "") + " now"
    for hour in range(1, 13):
        for minute in range(1, 60):
            said = f"oh {spoken(minute)}" if minute < 10 else spoken(minute)
            assert written(f"we left at {spoken(hour)} {said} today") == f"we left at {hour}:{minute:02} today"
            assert written(f"{spoken(hour)} {said} p m") == f"{hour}:{minute:02} p.m."


def test_decimals_read_back() -> None:
    for hundredths in range(1, 20_000, 7):
        number = f"{hundredths / 100:.2f}"
        whole, _, decimals = number.partition(".")
        said = f"{spoken(int(whole))} point {' '.join(spoken(int(digit)) for digit in decimals)}"
        assert written(f"a factor of {said} was found") == f"a factor of {number} was found", said


@pytest.mark.parametrize(
    "pattern",
    [
        *(["one"], ["hundred"], ["twenty"], ["nineteen", "eighty"], ["twenty", "nineteen"], ["a", "hundred", "and"]),
        *(["oh"], ["double"], ["double", "seven"], ["one", "point"], ["point"], ["five", "and", "twenty"], ["minus"]),
        *(["one", "million"], ["nine", "or"], ["four", "or", "five", "hundred"], ["b", "five"], ["may", "third"]),
        *(["half", "past", "nine"], ["five", "dollars", "and"], ["a"], ["plus"], ["plus", "one"], ["score", "and"]),
        *(["one", "two", "three"], ["first"], ["twenty", "first"], ["one", "hundred", "thousand"], ["page", "one"]),
        *(["thousand"], ["hundred", "and", "one"], ["seven", "eleven"], ["ten", "to"], ["the"], ["minus", "five"]),
    ],
)
def test_the_time_is_linear(pattern: list[str]) -> None:
    words = (pattern * 60_000)[:60_000]
    start = time.process_time()
    found = tokens(words)
    # A second at most, and minutes if a rule looked at all words for each.
    assert time.process_time() - start < 8
    _check_spans(words, None, found)


def test_ordinary_speech_takes_next_to_no_time() -> None:
    words = [word for case in cases() for word in case.words] * 4
    best = min(_timed(words) for _ in range(5))
    # At 2.5 words a second of speech; 0.05 ms is the aim on an idle machine.
    assert best / (len(words) / 2.5) < 0.0005


def _timed(words: list[str]) -> float:
    start = time.process_time()
    tokens(words)
    return time.process_time() - start


def test_it_imports_next_to_nothing() -> None:
    program = (
        "import sys, dataclasses, collections.abc, typing; before = set(sys.modules); import hark; "
        "before |= set(sys.modules); import hark.itn; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_S
    )
    assert {name for name in done.stdout.split() if not name.startswith("hark.itn")} == set()
