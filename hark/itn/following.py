"""What the words after a number say about it: what it measures or counts, the half of the day, a street.

Words are a list that ends in empty strings, as for `cardinals`; `at` is the index after the number.
"""

from collections.abc import Sequence

from hark.itn.vocabulary import (
    AFTER_COUNTED,
    COMPOUND_MEASURES,
    COUNTED,
    COUNTS,
    CURRENCIES,
    DIGITS,
    DOLLARS_OF,
    HALVES_OF_DAY,
    LONG_SYMBOLS,
    MEASURES,
    NO_PLURALS,
    PERIODS,
    PORTIONS,
    STREETS,
    SYMBOLS,
)

_MEASURED = frozenset(
    {*("percent", "percentage", "degrees", "degree", "cents", "pence"), *CURRENCIES, *SYMBOLS, *DOLLARS_OF}
)
# First words, since most words begin none of these, and slices of all words take longer.
_BEGIN_LONG_SYMBOL = frozenset(spoken[0] for spoken in LONG_SYMBOLS)
_BEGIN_HALF_OF_DAY = frozenset(spoken[0] for spoken in HALVES_OF_DAY)


def measured(words: Sequence[str], at: int) -> bool:
    """Says whether percent, money or a unit follows."""
    if words[at] in _MEASURED:
        return True
    return per_cent(words, at) or bool(long_symbol(words, at)) or unit(words, at)


def per_cent(words: Sequence[str], at: int) -> bool:
    """Says whether "per cent" follows, in two words."""
    return words[at] == "per" and words[at + 1] == "cent"


def long_symbol(words: Sequence[str], at: int) -> tuple[str, ...]:
    """Returns the words of a unit whose symbol stands for several, "miles per hour", or none."""
    if words[at] not in _BEGIN_LONG_SYMBOL:
        return ()
    for length in (3, 2):
        spoken = tuple(words[at : at + length])
        if spoken in LONG_SYMBOLS:
            return spoken
    return ()


def unit(words: Sequence[str], at: int) -> bool:
    """Says whether a unit follows that is written as a word: "miles", "square feet"."""
    word = words[at]
    if word not in MEASURES:
        return False
    return word not in ("square", "cubic", "light") or words[at + 1] in COMPOUND_MEASURES


def plural(words: Sequence[str], at: int) -> bool:
    """Says whether the next word looks like things that are counted."""
    word = words[at]
    if word in COUNTED:
        return True
    return len(word) > 3 and word.endswith("s") and not word.endswith("ss") and word not in NO_PLURALS


def counted(words: Sequence[str], at: int) -> bool:
    """Says whether the next word is surely counted by the number before it: "minutes", "bugs were".

    Other plurals may be verbs: "flight 247 leaves".
    """
    return words[at] in COUNTS or words[at] in COUNTED or (plural(words, at) and words[at + 1] in AFTER_COUNTED)


def portion(words: Sequence[str], at: int) -> bool:
    """Says whether the number is what something costs each: "a dozen", "an hour", "per head"."""
    return words[at] in ("a", "an", "per") and (words[at + 1] in PERIODS or words[at + 1] in PORTIONS)


def half_of_day(words: Sequence[str], at: int) -> int:
    """Returns how many words say "a.m." or "p.m." here."""
    if words[at] not in _BEGIN_HALF_OF_DAY:
        return 0
    for spoken in HALVES_OF_DAY:
        end = at + len(spoken)
        if tuple(words[at:end]) == spoken:
            return 0 if spoken[0] == "am" and words[end] in ("i", "not") else len(spoken)
    return 0


def street(words: Sequence[str], at: int) -> bool:
    """Says whether the number is that of a house: "main street" follows."""
    return (
        words[at] == "broadway"
        or words[at + 1] in STREETS
        or (words[at + 2] in STREETS and words[at] not in ("", "the", "on", "a"))
    )


def letters(words: Sequence[str], at: int) -> bool:
    """Says whether letters are spelt here: "five w k r"."""
    letter, after = words[at], words[at + 1]
    spelt = len(letter) == 1 and "a" <= letter <= "z" and letter not in "aiop"
    return spelt and (after in DIGITS or (len(after) == 1 and "a" <= after <= "z"))
