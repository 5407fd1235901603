"""Writes numbers with what they measure: percent, money, degrees and other units."""

from collections.abc import Sequence

from hark.itn import following, money
from hark.itn.cardinals import Number, below_hundred
from hark.itn.draft import Draft
from hark.itn.vocabulary import (
    AFTER_DEGREES,
    AFTER_PRONOUN,
    BEFORE_TIME,
    CENTS,
    CURRENCIES,
    DOLLARS_OF,
    LONG_SYMBOLS,
    MULTIPLIERS,
    OWNERS,
    PARTS_OF_DAY,
    SCALES,
    SYMBOLS,
)

_BEFORE_DEGREES = BEFORE_TIME | {"only", "just", "was", "is", "to"}


def height(draft: Draft, at: int) -> int:
    """Writes the inches of "six foot two"."""
    words, items = draft.words, draft.items
    if words[at - 1] not in ("foot", "feet") or len(items) < 2 or items[-2].kind != "number":
        return 0
    number = below_hundred(words, at)
    if number is None or number.ordinal or not 1 <= number.value <= 11:
        return 0
    end = number.end
    if words[end] in AFTER_PRONOUN or words[end] in MULTIPLIERS:
        return 0
    if following.plural(words, end) or following.measured(words, end):
        return 0
    return draft.write(str(number.value), at, end, "number", number)


def write(draft: Draft, at: int, end: int, text: str, number: Number | None) -> int:
    """Writes a number with what it measures.

    Args:
        draft: gets the number.
        at: index of its first word.
        end: index after its last word; "million" is not among them.
        text: in figures.
        number: what was read; None for decimals.

    Returns:
        The index after what was written; 0 if nothing makes it a number in figures.
    """
    words = draft.words
    after = end
    large = ""
    if words[end] in SCALES and (number is None or number.scale >= 10**6):
        large, after = words[end], end + 1
    word = words[after]
    if word == "percent" or following.per_cent(words, after):
        percent = f"{text} {large}%" if large else f"{text}%"
        return draft.write(percent, at, after + 1 + (word == "per"), "percent", number)
    if word in DOLLARS_OF and words[after + DOLLARS_OF[word]] in ("dollar", "dollars"):
        after += DOLLARS_OF[word]
        word = words[after]
    if word in CURRENCIES and money.is_money(words, at, after, number, large):
        return money.write(draft, at, after, text, number, large)
    if not large and word in CENTS and number and number.scale == 1 and money.is_coins(words, at, after, number):
        if word in ("pence", "p"):
            return draft.write(f"{text}p", at, after + 1, "money", number)
        return draft.write(text, at, after, "money", number)
    spoken = following.long_symbol(words, after)
    if spoken and LONG_SYMBOLS[spoken].startswith("°") and not large:
        return draft.write(text + LONG_SYMBOLS[spoken], at, after + len(spoken), "number", number)
    symbol = LONG_SYMBOLS.get(spoken) or (SYMBOLS.get(word) if not _is_spelled(words, after) else None)
    if large:
        draft.write(text, at, end, "number", number)
        draft.keep(end, after)
    elif symbol or _in_figures(words, at, after, number):
        draft.write(text, at, end, "number", number)
    else:
        return 0
    if symbol:
        return draft.write(symbol, after, after + (len(spoken) or 1), "")
    return after


def _is_spelled(words: Sequence[str], at: int) -> bool:
    """Says whether a unit goes on in words that have no symbol: "kilograms per hectare"."""
    return words[at + 1] in ("per", "squared", "cubed") and words[at + 2] not in PARTS_OF_DAY


def _in_figures(words: Sequence[str], at: int, end: int, number: Number | None) -> bool:
    """Says whether what follows makes even a small number one in figures."""
    word, after = words[end], words[end + 1]
    if word == "percentage":
        return after in ("point", "points")
    if word in ("degrees", "degree"):
        if number is None or number.value >= 10 or after in AFTER_DEGREES:
            return True
        return after == "" and words[at - 1] in _BEFORE_DEGREES
    if word in SYMBOLS:
        return True
    if not following.unit(words, end):
        return False
    if number is None:
        return True
    if number.value == 1:
        return False
    return not (word in ("feet", "foot") and words[at - 1] in OWNERS)
