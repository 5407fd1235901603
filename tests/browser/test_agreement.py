"""What two passes over the same sound agree on stays, and where the next pass begins to listen."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from .conftest import alone, until

# `said` makes words of 0.3 s with 0.1 s between them, a mark at their end where one stands in the text; `a|b` is
# written as one word. `texts` is how they are read.
HELPERS = """
    window.said = (text, start = 0) => text.split(" ").filter(Boolean).map((token, i) => {
        const [, spoken, mark] = /^(.*?)([.,?!]*)$/.exec(token);
        const words = spoken.split("|");
        const at = (k) => start + 0.4 * (text.split(" ").slice(0, i).join("|").split("|").filter(Boolean).length + k);
        const parts = words.map((word, k) => ({ word: word.toLowerCase(), start: at(k), end: at(k) + 0.3 }));
        const joined = words.join("").replace(/[^0-9a-z]/gi, "");
        const times = { start: parts[0].start, end: parts.at(-1).end };
        return { text: joined, mark, spoken: words.join(" ").toLowerCase(), ...times, parts };
    });
    window.texts = (words) => words.map(({ text, mark }) => text + mark).join(" ");
    window.pass = (agreement, text, end, start = 0) => {
        agreement.hear(said(text, start), end);
        return [texts(agreement.settled), texts(agreement.open)];
    };
"""


@pytest.fixture(scope="module")
def module(browser: Browser) -> Iterator[Page]:
    """A page that has the module, and `HELPERS`."""
    page = alone(browser, "agreement.js", "Agreement")
    until(page, "window.Agreement")
    page.evaluate(f"() => {{ {HELPERS} }}")
    yield page
    page.close()


def passes(page: Page, *heard: tuple[str, float]) -> list[list[str]]:
    """Returns what is settled and what is open after each pass: (text, where it ended in seconds)."""
    found: list[list[str]] = page.evaluate(
        """(heard) => {
            const agreement = new Agreement();
            return heard.map(([text, end]) => pass(agreement, text, end));
        }""",
        list(heard),
    )
    return found


def test_what_two_passes_heard_alike_is_settled(module: Page) -> None:
    assert passes(module, ("the train", 1), ("the train to the", 1.6)) == [["", "the train"], ["the", "train to the"]]


def test_the_first_word_that_differs_holds_up_those_behind_it(module: Page) -> None:
    found = passes(
        module, ("a brown fox jumps over", 2.1), ("a crown fox jumps over it", 2.5), ("a crown fox jumps over it", 5)
    )
    assert found[1] == ["a", "crown fox jumps over it"]
    assert found[2] == ["a crown fox jumps over", "it"]


def test_the_last_word_may_be_cut_off_and_ends_no_sentence(module: Page) -> None:
    # Heard twice with its end at once after it, it is open all the same; it is settled when silence follows.
    found = passes(
        module,
        ("He is at the State.", 2.1),
        ("He is at the State.", 2.2),
        ("He is at the station.", 3),
        ("He is at the station.", 4),
    )
    assert [open_ for _, open_ in found] == ["He is at the State", "State", "station.", ""]
    assert found[3][0] == "He is at the station."


def test_a_mark_that_differs_is_not_settled(module: Page) -> None:
    found = passes(module, ("We came. and went", 3), ("We came, and went", 3), ("We came, and went", 3))
    assert found[1] == ["We", "came, and went"]
    assert found[2] == ["We came, and went", ""]


def test_words_written_as_one_are_settled_as_one(module: Page) -> None:
    found = passes(module, ("paid 20 dollars", 3), ("paid 20|5 dollars", 3), ("paid 20|5 dollars", 3))
    assert found[1] == ["paid", "205 dollars"]
    assert found[2] == ["paid 205 dollars", ""]


def test_of_words_written_as_one_those_that_are_settled_are_not_said_again(module: Page) -> None:
    found = passes(module, ("room nine", 3), ("room nine", 3), ("room nine|five", 3))
    assert found[1:] == [["room nine", ""], ["room nine", "five"]]


def test_words_before_what_is_settled_are_not_taken_again(module: Page) -> None:
    settled = "one two three"
    found = passes(module, (settled, 3), (settled, 3), ("won too three four", 3))
    assert found[2] == [settled, "four"]


def test_a_word_that_is_repeated_is_kept_and_one_whose_time_moved_is_not(module: Page) -> None:
    found = passes(module, ("very", 2), ("very", 2), ("very very good", 2))
    assert found[2] == ["very", "very good"]
    moved = module.evaluate(
        """() => {
            const agreement = new Agreement();
            for (let i = 0; i < 2; i++) pass(agreement, "very", 2);
            return pass(agreement, "very good", 2, 0.2);
        }"""
    )
    assert moved == ["very", "good"]


def test_what_is_old_is_settled_as_it_was_shown(module: Page) -> None:
    found = module.evaluate(
        """() => {
            const agreement = new Agreement();
            pass(agreement, "a crown fox jumps", 1.6);
            const states = [agreement.freeze(0.2), agreement.freeze(1.0), agreement.freeze(1.0)];
            return [states, texts(agreement.settled), ...pass(agreement, "a brown fox jumped over", 2.1)];
        }"""
    )
    assert found == [[False, True, False], "a crown", "a crown fox", "jumped over"]


def test_however_passes_differ_what_was_settled_is_never_touched(module: Page) -> None:
    changed = module.evaluate(
        """() => {
            let seed = 7;
            const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
            const truth = Array.from({ length: 200 }, (_, i) => `w${i}${i % 9 ? "" : "."}`);
            const agreement = new Agreement();
            let [start, before, faults, longest] = [0, "", 0, 0];
            for (let end = 0.6; end < 80; end += 0.7) {
                const first = Math.ceil(start / 0.4);
                const misheard = () => `x${Math.floor(3 * random())}`;
                const spoken = truth.slice(first, Math.floor(end / 0.4));
                const heard = spoken.map((word) => (random() < 0.15 ? misheard() : word));
                agreement.freeze(end - 5);
                agreement.hear(said(heard.join(" "), first * 0.4), end);
                const now = texts(agreement.settled);
                faults += !now.startsWith(before);
                faults += agreement.open.some((word) => word.end < end - 5 - 0.7);
                faults += agreement.settled.some((word, i, all) => i && word.start < all[i - 1].start);
                before = now;
                start = agreement.trimmed(start, end);
                longest = Math.max(longest, end - start);
            }
            return { faults, longest, settled: agreement.settled.length };
        }"""
    )
    assert changed["faults"] == 0
    assert changed["longest"] < 8
    assert changed["settled"] > 170


def trimmed(page: Page, text: str, start_s: float, end_s: float, rounds: int = 2) -> float:
    """Returns where the next pass begins, after some equal ones from 0 to `end_s`."""
    given: dict[str, Any] = {"text": text, "start": start_s, "end": end_s, "rounds": rounds}
    found: float = page.evaluate(
        """({ text, start, end, rounds }) => {
            const agreement = new Agreement();
            for (let i = 0; i < rounds; i++) pass(agreement, text, end);
            return agreement.trimmed(start, end);
        }""",
        given,
    )
    return found


def test_a_short_window_stays(module: Page) -> None:
    assert trimmed(module, "one two. three four", 0.5, 6.4) == 0.5


def test_a_long_window_is_cut_where_a_sentence_ends(module: Page) -> None:
    # Words 0.4 s apart; sentences begin with the 6th (2.0 s) and the 11th (4.0 s).
    assert trimmed(module, "a b c d e. f g h i j. k l m n o p q r s", 0, 7.9) == pytest.approx(3.95)


def test_without_a_sentence_it_is_cut_between_words_that_are_settled(module: Page) -> None:
    found = trimmed(module, " ".join("abcdefghijklmnopqrs"), 0, 8)
    assert found == pytest.approx(7.5 - 2, abs=0.4)
    assert found % 0.4 == pytest.approx(0.35)  # half way through a gap


def test_where_nothing_is_settled_no_word_that_is_open_is_cut_off(module: Page) -> None:
    assert trimmed(module, " ".join("abcdefghij"), 0, 8, rounds=1) == 0
    assert trimmed(module, "", 0, 8) == 4
