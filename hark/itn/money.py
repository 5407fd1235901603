"""Writes money: "$5.50", "£3 million", "20p", and prices whose currency is not said."""

from collections.abc import Sequence

from hark.itn import following
from hark.itn.cardinals import Number, below_hundred
from hark.itn.draft import Draft
from hark.itn.vocabulary import (
    BEFORE_AMOUNT,
    BEFORE_TIME,
    BEFORE_YEAR,
    CENTS,
    COSTS,
    CURRENCIES,
    MEASURING,
    MULTIPLIERS,
    NOTES,
    NUMBER_WORDS,
    OH,
    OWNERS,
    PAID,
    POINTS,
    PORTIONS,
    PRICES,
    UNITS,
    WEIGHED,
)

# What shops like prices to end in.
_PENNIES_LESS = frozenset({45, 49, 79, 89, 95, 98, 99})


def price(draft: Draft, at: int) -> int:
    """Writes "it cost me three ninety nine" and "twelve fifty an hour": 3.99, 12.50, of what is not said."""
    words = draft.words
    whole = below_hundred(words, at)
    rest = below_hundred(words, whole.end) if whole and not whole.ordinal and whole.value else None
    if whole is None or rest is None or rest.ordinal or rest.value < 10:
        return 0
    end = rest.end
    if words[end] in NUMBER_WORDS or words[end] in MEASURING:
        return 0
    if following.measured(words, end) or following.plural(words, end):
        return 0
    if not _is_asked(words, at) and not _is_for_each(words, at, end, rest.value):
        return 0
    return draft.write(f"{whole.value}.{rest.value:02}", at, end, "number")


def _is_asked(words: Sequence[str], at: int) -> bool:
    """Says whether what stands before two numbers asks a price: "it costs about", "the bill is", "that'll be"."""
    third, second, before = words[at - 3 : at]
    if before in COSTS or (before in ("me", "us", "you", *BEFORE_AMOUNT) and second in COSTS):
        return True
    if before in ("is", "was"):
        return second in PRICES
    if before == "be":
        return second == "that'll" or (second == "will" and third == "that")
    return before == "to" and second in ("comes", "came")


def _is_for_each(words: Sequence[str], at: int, end: int, cents: int) -> bool:
    """Says whether what stands behind two numbers says what they pay: "an hour", "a dozen", "each"."""
    if following.portion(words, end):
        before = words[at - 1]
        return words[end + 1] in PORTIONS or (before not in BEFORE_YEAR and before not in BEFORE_TIME)
    return cents in _PENNIES_LESS and (words[end] == "each" or words[end : end + 2] == ["plus", "tax"])


def coin(draft: Draft, at: int) -> int:
    """Writes "a dollar fifty"; "a dollar" stays."""
    symbol = CURRENCIES.get(draft.words[at + 1])
    end, cents = _cents(draft.words, at + 2) if symbol else (0, 0)
    return draft.write(f"{symbol}1.{cents:02}", at, end, "money") if end else 0


def is_money(words: Sequence[str], at: int, end: int, number: Number | None, large: str) -> bool:
    """Tells pounds that are paid from pounds that are weighed.

    Args:
        words: ending in empty strings.
        at: index of the first word of the number.
        end: index of the currency.
        number: what was read; None for decimals.
        large: "million" between the two, or "".
    """
    word = words[end]
    if number and number.value == 1 and not large and words[at - 1] == "no":
        return False
    if CURRENCIES[word] != "£" or word == "pounds'":
        return True
    if any(near in WEIGHED for near in words[at - 4 : at]) or words[end + 1] in ("heavier", "lighter", "of"):
        return False
    if word == "pound":
        return words[end + 1] in NOTES
    if large or (number and number.value >= 1000):
        return True
    if words[end + 1] == "sterling" or _cents(words, end + 1)[0]:
        return True
    if words[end + 1] in ("a", "per", "an") and words[end + 2] in ("hour", "day", "week", "month", "year", "night"):
        return True
    return any(near in PAID for near in words[at - 5 : at])


def is_coins(words: Sequence[str], at: int, end: int, number: Number) -> bool:
    """Says whether cents or pence, at [end], are an amount and no coin or letter."""
    if words[end] == "p":
        return number.value >= 2 and words[end + 1] != "m" and len(words[end + 1]) != 1
    if words[end] == "penny" or (words[end] == "cent" and number.value == 1):
        return False
    return words[at - 1] not in OWNERS


def write(draft: Draft, at: int, end: int, text: str, number: Number | None, large: str) -> int:
    """Writes an amount with the symbol of its currency.

    Args:
        draft: gets the amount.
        at: index of the first word of the number.
        end: index of the currency.
        text: the number in figures.
        number: what was read; None for decimals.
        large: "million" between the two, or "".
    """
    words = draft.words
    symbol, after = CURRENCIES[words[end]], end + 1
    if text.startswith("-"):
        symbol, text = f"-{symbol}", text[1:]
    if large:
        if large == "thousand":
            text, large = f"{float(text.replace(',', '')) * 1000:,.0f}", ""
        return draft.write(f"{symbol}{text} {large}".rstrip(), at, after, "money", number, symbol)
    if number is None:
        whole, _, decimals = text.partition(".")
        return draft.write(f"{symbol}{whole}.{decimals:0<2}", at, after, "money", number, symbol)
    if tuple(words[after : after + 3]) == ("and", "a", "half"):
        return draft.write(f"{symbol}{text}.50", at, after + 3, "money", number, symbol)
    cents_end, cents = _cents(words, after)
    if cents_end:
        return draft.write(f"{symbol}{text}.{cents:02}", at, cents_end, "money", number, symbol)
    return draft.write(f"{symbol}{text}", at, after, "money", number, symbol)


def _cents(words: Sequence[str], at: int) -> tuple[int, int]:
    """Reads cents after a currency; returns the index after them, or 0, and how many."""
    conjunction = words[at] == "and"
    start = at + conjunction
    if words[start] in OH and UNITS.get(words[start + 1]) and not conjunction:
        return start + 2, UNITS[words[start + 1]]
    number = below_hundred(words, start)
    if number is None or number.ordinal or not number.value:
        return 0, 0
    end = number.end
    if words[end] in CENTS:
        return end + 1, number.value
    if conjunction or number.value < 10 or following.measured(words, end) or words[end] in MEASURING:
        return 0, 0
    if words[end] in MULTIPLIERS or words[end] in POINTS or following.plural(words, end):
        return 0, 0
    if below_hundred(words, end):
        return 0, 0
    return end, number.value
