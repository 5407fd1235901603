"""Reads one number from spoken words: cardinals, ordinals and strings of digits, without looking around them.

Words are a list that ends in empty strings, so that every look ahead finds something. All functions look at a bounded
number of words, except `digits`, which looks at no more than it reads.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hark.itn.vocabulary import (
    DIGITS,
    OH,
    ORDINAL_SCALES,
    ORDINAL_TEENS,
    ORDINAL_UNITS,
    REPEATS,
    SCALES,
    TEENS,
    TENS,
    UNITS,
)


class Number(NamedTuple):
    """A number as it was spoken.

    Attributes:
        value: of all its words.
        end: index after its last word.
        ordinal: "twenty first".
        factor, scale: of a round number, "thirty thousand": 30 and 1000; otherwise the value and 1.
        hundreds: it was spoken in hundreds, "fifteen hundred", from 1100 on.
    """

    value: int
    end: int
    ordinal: bool = False
    factor: int = 0
    scale: int = 1
    hundreds: bool = False


def below_hundred(words: Sequence[str], at: int) -> Number | None:
    """Reads "seven", "seventeen", "seventy", "seventy seven" and their ordinals."""
    word = words[at]
    tens = TENS.get(word)
    if tens is not None:
        unit = UNITS.get(words[at + 1], 0)
        if unit:
            return Number(tens + unit, at + 2, factor=tens + unit)
        unit = ORDINAL_UNITS.get(words[at + 1], 0)
        if unit:
            return Number(tens + unit, at + 2, ordinal=True)
        return Number(tens, at + 1, factor=tens)
    value = TEENS.get(word, UNITS.get(word))
    if value is not None:
        return Number(value, at + 1, factor=value)
    value = ORDINAL_TEENS.get(word, ORDINAL_UNITS.get(word))
    return None if value is None else Number(value, at + 1, ordinal=True)


def _below_ten_thousand(words: Sequence[str], at: int, joined: bool) -> Number | None:
    """Reads up to "ninety nine hundred and ninety nine"; [joined] says whether "and" may join its parts."""
    head = below_hundred(words, at)
    if head is None or head.ordinal or not head.value or (head.value >= 10 and head.value % 10 == 0):
        return head
    if words[head.end] == "hundredth":
        return Number(head.value * 100, head.end + 1, ordinal=True)
    if words[head.end] != "hundred":
        return head
    value, end, in_hundreds = head.value * 100, head.end + 1, head.value > 10
    round_number = Number(value, end, factor=head.value, scale=100, hundreds=in_hundreds)
    tail = _tail(words, end, joined)
    if tail is None or words[tail.end] in ("hundred", "hundredth"):
        return round_number
    return Number(value + tail.value, tail.end, tail.ordinal, value + tail.value, 1, in_hundreds)


def _tail(words: Sequence[str], at: int, joined: bool) -> Number | None:
    """Reads what follows "hundred" or a scale, below hundred."""
    conjunction = words[at] == "and"
    if conjunction and not joined:
        return None
    tail = below_hundred(words, at + conjunction)
    if tail is None or not tail.value:
        return None
    if tail.ordinal and tail.value < 10 and not conjunction and words[tail.end]:
        return None  # "one hundred first graders"
    return tail


def cardinal(words: Sequence[str], at: int, joined: bool = True) -> Number | None:
    """Reads the longest number that begins at a word, cardinal or ordinal; [joined]: "and" may be within."""
    total, end, limit = 0, at, 10**15
    factor, scale, in_hundreds = 0, 1, False
    start = at
    while True:
        part = _below_ten_thousand(words, start, joined)
        if part is None or (start > at and not part.value):
            break
        next_scale = SCALES.get(words[part.end], 0) or ORDINAL_SCALES.get(words[part.end], 0)
        if part.ordinal or not next_scale or not part.value:
            if start > at and part.ordinal and part.value < 10 and words[start - 1] != "and":
                break
            if start > at and part.value >= limit:
                break
            first = start == at
            factor, scale = (part.factor, part.scale) if first else (total + part.value, 1)
            return Number(total + part.value, part.end, part.ordinal, factor, scale, part.hundreds and first)
        if next_scale >= limit:
            break
        factor, scale = (part.value, next_scale) if not total else (total + part.value * next_scale, 1)
        total += part.value * next_scale
        limit, end = next_scale, part.end + 1
        if words[part.end] in ORDINAL_SCALES:
            return Number(total, end, ordinal=True)
        start = end
        if words[start] == "and":
            if not joined:
                break
            start += 1
    return Number(total, end, False, factor, scale, in_hundreds) if total else None


class Digits(NamedTuple):
    """A string of digits as it was spoken.

    Attributes:
        text: the digits.
        end: index after the last word.
        spoken: [groups] value of each group: one digit, or a number below a hundred.
        singles: the leading groups that are single digits, repeated ones counted as often.
        head, head_end: the digits without the last group, and the index after them.
    """

    text: str
    end: int
    spoken: list[int]
    singles: int
    head: str
    head_end: int


def _is_digit(word: str) -> bool:
    return word in DIGITS or word in REPEATS


def digits(words: Sequence[str], at: int, pairs: bool, decimals: bool = False) -> Digits:
    """Reads "five five five", "double seven four".

    Args:
        words: ending in empty strings.
        at: index of the first.
        pairs: whether numbers below a hundred are read as well, "one seventy five".
        decimals: whether these are what follows a point: "million" may come after, and "oh" ends them too.
    """
    parts: list[str] = []
    spoken: list[int] = []
    singles, single = 0, True
    head_end = at
    while True:
        word = words[at]
        before = at
        if word in REPEATS and words[at + 1] in DIGITS:
            count, value = REPEATS[word], DIGITS[words[at + 1]]
            parts.append(str(value) * count)
            spoken += [value] * count
            singles += count if single else 0
            at += 2
        elif word in DIGITS:
            value = DIGITS[word]
            if words[at + 1] == "hundred" and not decimals:
                if not all(map(_is_digit, words[at + 2 : at + 5])):
                    break
                parts.append(f"{value}00")  # as in 1-800-555-1234
                spoken += [value, 0, 0]
                singles += 3 if single else 0
                at += 2
                head_end = before
                continue
            if words[at + 1] in SCALES and not decimals:
                break
            if word in OH and not _is_digit(words[at + 1]) and len(parts) < 2 and not decimals:
                break
            parts.append(str(value))
            spoken.append(value)
            singles += single
            at += 1
        elif pairs and (word in TEENS or word in TENS):
            number = below_hundred(words, at)
            if number is None or number.ordinal or words[number.end] == "hundred" or words[number.end] in SCALES:
                break
            parts.append(str(number.value))
            spoken.append(number.value)
            single = False
            at = number.end
        else:
            break
        head_end = before
    return Digits("".join(parts), at, spoken, singles, "".join(parts[:-1]), head_end)
