"""Words are joined from their characters pair by pair, as byte-pair encoding does."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hark.subwords import Subwords
from training.attention.vocabulary import choose

CHARACTERS = (" ", "'", *"abcdefghijklmnopqrstuvwxyz")
# In the order in which they were learnt.
LEARNT = ("th", "he", " t", "in", " the", "the", "er", "ing", "'t", "'s", " a", "an", " an", "thing", "ther")
JOINED = (*CHARACTERS, *LEARNT)
WORDS = st.text(alphabet="abcdeghinrst'", min_size=1, max_size=12)


def spelt(text: str, joined: Sequence[str] = JOINED, kept: Sequence[str] | None = None) -> list[str] | None:
    vocabulary = Subwords(joined, kept or joined)
    ids = vocabulary.ids(text)
    return None if ids is None else [vocabulary.tokens[each] for each in ids]


def reference(piece: str, ranks: Sequence[str]) -> list[str]:
    """One subword after another, in the order in which they were learnt: joins all its pairs from the left."""
    parts = list(piece)
    while True:
        pairs = {parts[i] + parts[i + 1] for i in range(len(parts) - 1)}
        known = [token for token in ranks if token in pairs]
        if not known:
            return parts
        i = 0
        while i < len(parts) - 1:
            if parts[i] + parts[i + 1] == known[0]:
                parts[i : i + 2] = [known[0]]
            i += 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the", [" the"]),
        # "th" was learnt before " t", which is then no pair of neighbours any more.
        ("thing", [" ", "thing"]),
        ("tin", [" t", "in"]),
        ("an ant", [" an", " an", "t"]),
        ("a", [" a"]),
        ("she", [" ", "s", "he"]),
        ("  the \n tin ", [" the", " t", "in"]),
        ("", []),
        ("   ", []),
    ],
)
def test_of_all_pairs_the_one_that_was_learnt_first_is_joined_first(text: str, expected: list[str]) -> None:
    assert spelt(text) == expected


@settings(deadline=None)
@given(WORDS.filter(lambda word: "'" not in word))
def test_words_are_joined_as_a_plain_loop_joins_them(word: str) -> None:
    assert spelt(word) == reference(f" {word}", JOINED)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("can't", [" ", "c", "an", "'t"]),
        ("it's", [" ", "i", "t", "'s"]),
        ("shan't've", [" ", "s", "h", "an", "'t", "'", "v", "e"]),
        ("'t", [" ", "'t"]),
        ("o'", [" ", "o", "'"]),
        ("'", [" ", "'"]),
    ],
)
def test_what_an_apostrophe_begins_is_joined_by_itself(word: str, expected: list[str]) -> None:
    assert spelt(word, (*JOINED, "n'")) == expected  # "n'" would be joined across


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (JOINED, [" ", "thing"]),
        (tuple(token for token in JOINED if token != "thing"), [" ", "th", "ing"]),
        (tuple(token for token in JOINED if token not in ("thing", "ing")), [" ", "th", "in", "g"]),
        (CHARACTERS, list(" thing")),
    ],
)
def test_what_is_not_kept_is_taken_apart_into_what_it_was_joined_from(
    kept: tuple[str, ...], expected: list[str]
) -> None:
    assert spelt("thing", JOINED, kept) == expected


@settings(deadline=None)
@given(st.lists(WORDS, max_size=6), st.sets(st.sampled_from(LEARNT)))
def test_subwords_spell_the_text_that_they_were_made_of(words: list[str], dropped: set[str]) -> None:
    vocabulary = Subwords(JOINED, tuple(token for token in JOINED if token not in dropped))
    text = " ".join(words)
    ids = vocabulary.ids(text)
    assert ids is not None
    assert vocabulary.text(ids) == text
    # A word has the same subwords wherever it stands.
    assert ids == [each for word in words for each in vocabulary.ids(word) or ()]


@pytest.mark.parametrize("text", ["naïve", "the 3", "the The", "a-b", "the \0"])
def test_a_text_with_a_character_that_is_none_cannot_be_spelt(text: str) -> None:
    assert spelt(text) is None


@pytest.mark.parametrize(
    ("joined", "kept", "message"),
    [
        ((*JOINED, "th"), JOINED, "twice"),
        (JOINED, (*JOINED, "th"), "twice"),
        (JOINED, JOINED[1:], "no subwords"),
        (JOINED, tuple(token for token in JOINED if token not in ("a", "b")), "no subwords: a b"),
        (JOINED, (*JOINED, "bat"), "joined: bat"),
    ],
)
def test_a_vocabulary_that_cannot_be_is_refused(joined: tuple[str, ...], kept: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Subwords(joined, kept)


def test_the_subwords_that_texts_use_most_are_kept_with_all_characters() -> None:
    counts = {"thing": 50, "tin": 20, "her": 3, "naïve": 1000}
    chosen = choose(counts, JOINED, len(CHARACTERS) + 2)
    assert set(chosen.tokens) == {*CHARACTERS, "thing", " t"}  # "in" comes with " t", and is after it
    assert chosen.joined == JOINED
    assert list(chosen.tokens) == sorted(chosen.tokens, key=JOINED.index)
    everything = choose(counts, JOINED, 1000)
    assert everything.tokens == JOINED


def test_parts_of_what_is_not_kept_count_too() -> None:
    # Kept are two of: "thing" is used 50 times, and " t" and "in" 60 times each. "in" is a part of "thing" besides.
    chosen = choose({"thing": 50, "tin": 60}, JOINED, len(CHARACTERS) + 2)
    assert set(chosen.tokens) - set(CHARACTERS) == {" t", "in"}


def test_too_few_for_the_characters_are_refused() -> None:
    with pytest.raises(ValueError, match="no subwords"):
        choose({"the": 1}, JOINED, 10)
