"""Writes whole numbers that no more particular rule has taken: cardinals, ordinals, and those with a minus."""

from collections.abc import Sequence

from hark.itn import dates, decimals, following, measures
from hark.itn.cardinals import Number, below_hundred, cardinal
from hark.itn.draft import Draft
from hark.itn.items import Item, ordinal
from hark.itn.vocabulary import (
    AFTER_ORDINAL_SECOND,
    AFTER_PERCENT,
    BEFORE_NEGATIVE,
    BEFORE_PRONOUN,
    BEFORE_YEAR,
    CENTS,
    COUNTED,
    LAST_SECONDS,
    MEASURING,
    MULTIPLIERS,
    NOTES,
    NUMBER_WORDS,
    OH,
    ORDINAL_UNITS,
    OWNERS,
    SCALES,
    SIZES,
    SYMBOLS,
    TEENS,
    TENS,
    UNITS,
)

# More words than a number has.
_LONGEST_NUMBER = 48
# After "ten years": what shows that "one" before it is a pronoun.
_AFTER_LENGTH = frozenset({"ago", "later", "earlier", "before", "away", "from", "back", "after", "apart"})
_FEET = range(4, 8)
_GUESSES = frozenset({(10, 12), (12, 15), (18, 20)})
_LEAST_CENTURY = 13
_BELOW_HUNDRED = frozenset({*UNITS, *TEENS, *TENS})
# After "two forty seven", these begin another number; any other number word makes a larger one of it.
_NEXT_NUMBER = _BELOW_HUNDRED | frozenset(ORDINAL_UNITS)


def plain(draft: Draft, at: int) -> int:
    """Writes a number as it was said, in full."""
    words = draft.words
    number = cardinal(words, at, joined=True)
    if number is None:
        return 0
    if words[number.end] == "hundred" and number.value < 100 and not number.ordinal:
        return draft.keep(at, number.end + 1)  # "ten hundred others"
    if words[at - 1] == "between" and words[number.end] != "and" and "and" in words[at : number.end]:
        number = cardinal(words, at, joined=False) or number
    if number.ordinal:
        return _ordinal(draft, at, number)
    written = decimals.decimal(draft, at, number) if decimals.begin(words, number.end) else 0
    return written or decimals.mixed_number(draft, at, number) or _integer(draft, at, number)


def joined_hundreds(draft: Draft, at: int) -> int:
    """Writes "two forty seven" as 247."""
    words = draft.words
    head = UNITS.get(words[at], 0)
    if not head:
        return 0
    if words[at + 1] in OH and UNITS.get(words[at + 2]):
        rest: Number | None = Number(UNITS[words[at + 2]], at + 3)
    else:
        rest = below_hundred(words, at + 1)
        if rest is not None and rest.value < 10:
            return 0
    if rest is None or rest.ordinal or words[rest.end] in MEASURING:
        return 0
    if draft.items and draft.items[-1].kind == "small":
        return 0  # "two three twenty"
    if words[rest.end] in NUMBER_WORDS and words[rest.end] not in _NEXT_NUMBER:
        return 0
    if head == 1 and words[at - 1] in BEFORE_PRONOUN and words[at - 1] != "the":
        return 0
    if head == 1 and following.plural(words, rest.end) and words[rest.end + 1] in _AFTER_LENGTH:
        return 0  # "i had one ten years ago"
    if words[rest.end] in CENTS and words[rest.end + 1] in NOTES:
        return 0  # "two ten pence coins"
    if words[rest.end] in SIZES and following.plural(words, rest.end + 1):
        return 0  # "four ten millimetre bolts"
    if head in _FEET and rest.value < 12 and _is_somebody(words, at):
        return draft.keep(at, rest.end)  # how tall somebody is
    value = head * 100 + rest.value
    if decimals.begin(words, rest.end):
        return decimals.write(draft, at, rest.end, str(value))
    return _integer(draft, at, Number(value, rest.end, factor=value))


def _is_somebody(words: Sequence[str], at: int) -> bool:
    """Says whether what is told here is about a person: "he's", "i am"."""
    before, second = words[at - 1], words[at - 2]
    return before in ("he's", "she's", "i'm") or (before in ("is", "am", "was") and second in ("he", "she", "i"))


def guess(draft: Draft, at: int) -> int:
    """Keeps two numbers that are one guess: "fifteen twenty minutes", "four five hundred people"."""
    words = draft.words
    low = below_hundred(words, at)
    high = below_hundred(words, low.end) if low and not low.ordinal else None
    if low is None or high is None or high.ordinal or not _are_near(low.value, high.value):
        return 0
    if (draft.items and draft.items[-1].kind) or words[high.end] in MEASURING:
        return 0  # somebody counts, or "ten twenty dollar bills"
    end = high.end
    if high.value < 10:
        while words[end] in MULTIPLIERS:
            end += 1
        return draft.keep(at, end) if end > high.end and words[end] not in NUMBER_WORDS else 0
    if words[at - 1] in BEFORE_YEAR and low.value >= _LEAST_CENTURY and words[end] in COUNTED:
        return 0  # "in nineteen twenty people"
    return draft.keep(at, end) if following.measured(words, end) or following.counted(words, end) else 0


def _are_near(low: int, high: int) -> bool:
    """Says whether people guess so: "five six", "ten fifteen", "twenty thirty"."""
    round_numbers = low % 5 == high % 5 == 0 and low < high <= min(2 * low, low + 10)
    return high == low + 1 or round_numbers or (low, high) in _GUESSES


def negative(draft: Draft, at: int) -> int:
    """Writes "minus five" as -5, unless it is taken from another number."""
    words = draft.words
    number = cardinal(words, at + 1)
    if number is None or number.ordinal or (draft.items and _is_number(draft.items[-1])):
        return 0  # "ten minus five"
    if words[at - 1] not in BEFORE_NEGATIVE or (words[at - 1] == "or" and words[at - 2] == "plus"):
        return 0  # "the price minus ten percent"
    text, end = f"-{number.value:,}", number.end
    if words[end] not in ("degrees", "degree") and not following.measured(words, end) and following.counted(words, end):
        return 0  # "tested negative two days ago"
    if decimals.begin(words, end):
        return decimals.write(draft, at, end, text)
    if number.value < 10 and words[end] in ("of", "s", "one"):
        return 0
    if words[end] in ("degrees", "degree") and not following.long_symbol(words, end):
        return draft.write(text, at, end, "number", number)
    return measures.write(draft, at, end, text, number) or draft.write(text, at, end, "number", number)


def _is_number(item: Item) -> bool:
    return bool(item.kind) or any(character.isdigit() for character in item.text)


def with_article(draft: Draft, at: int) -> int:
    """Writes "a hundred and fifty"; "a hundred" is no exact number, but with money, percent or a unit."""
    words = draft.words
    if words[at + 1] != "hundred" and words[at + 1] not in SCALES:
        return 0
    before, second = words[at - 1], words[at - 2]
    number = cardinal(["one", *words[at + 1 : at + _LONGEST_NUMBER], "", "", ""], 0)
    if number is None:
        return 0
    end = at + number.end
    if number.ordinal and number.value % 100:  # "a hundred and fiftieth anniversary"
        draft.keep(at, at + 1)
        return draft.write(ordinal(number.value), at + 1, end, "ordinal", number)
    if decimals.begin(words, end) and not number.ordinal:
        return decimals.write(draft, at, end, f"{number.value:,}")
    if _BELOW_HUNDRED.isdisjoint(words[at + 1 : end]):
        vague = before in ("half", "quarter", "like", "many") or (before == "of" and second in ("quarter", "third"))
        sure = words[end] in ("percent", "dollars", "euros", "pounds") or following.per_cent(words, end)
        sure = sure or words[end] in SYMBOLS or bool(following.long_symbol(words, end))
        if vague or not sure or number.ordinal:
            return 0
    if words[end - 1] == "one" and words[end - 2] in MULTIPLIERS and words[end] in MEASURING:
        return draft.keep(at, end - 1)  # "a hundred one dollar bills"
    if _is_of_noun(words, end):
        draft.keep(at, at + 1)
        at += 1
    return _integer(draft, at, number._replace(end=end))


def _is_of_noun(words: Sequence[str], at: int) -> bool:
    """Says whether the article before a number is that of a noun behind it: "a hundred and fifty percent increase"."""
    percent = 1 if words[at] == "percent" else 2 * following.per_cent(words, at)
    if percent:
        return words[at + percent] in AFTER_PERCENT
    return words[at] in MEASURING or words[at] in ("volt", "amp", "ton", "acre", "degree")


def uncounted(draft: Draft, at: int) -> int:
    """Writes "the hundred and fifty thousand", and keeps "several hundred and fifty"."""
    words = draft.words
    if words[at + 1] not in NUMBER_WORDS and (words[at + 1] != "and" or words[at + 2] not in NUMBER_WORDS):
        return 0
    number = cardinal(["one", *words[at : at + _LONGEST_NUMBER], "", "", ""], 0)
    if number is None or number.end < 3:
        return 0
    end = at + number.end - 1
    if words[at - 1] not in ("the", "that", "this", "these", "those", *OWNERS):
        return draft.keep(at, end)
    if number.ordinal:
        return draft.write(ordinal(number.value), at, end, "ordinal", number)
    return _integer(draft, at, number._replace(end=end))


def _integer(draft: Draft, at: int, number: Number) -> int:
    """Writes a cardinal in figures; below ten it stays a word, unless what follows says otherwise."""
    words, end, value = draft.words, number.end, number.value
    if dates.era(words, end) and 1 <= value <= 9999:
        return dates.write_year(draft, at, end, value)
    if number.scale >= 10**6:
        written = measures.write(draft, at, end - 1, f"{number.factor:,}", number._replace(end=end - 1))
    else:
        written = measures.write(draft, at, end, f"{value:,}", number)
    if written:
        return written
    if value < 10:
        if following.letters(words, end):
            return draft.write(str(value), at, end, "code", number)
        return draft.write(words[at], at, end, "small", number)
    if dates.names_year(draft, at, number):
        return dates.write_year(draft, at, end, value)
    if number.hundreds and following.street(words, end):
        return draft.write(str(value), at, end, "number", number)
    return draft.write(f"{value:,}", at, end, "number", number)


def _ordinal(draft: Draft, at: int, number: Number) -> int:
    """Writes an ordinal; below ten it stays a word, unless it is a day of a month."""
    words, end, value = draft.words, number.end, number.value
    written = dates.ordinal_day(draft, at, number)
    if written:
        return written
    if value < 10:
        return draft.write(words[at], at, end, "small ordinal", number)
    before = words[at - 1]
    if before in ("one", "a", "an") and words[end] in ("of", "part", "share"):
        return draft.keep(at, end)
    if words[at] == "one" and value in (100, 1000, 10**6) and before not in ("the", *OWNERS) and words[end] != "":
        return draft.keep(at, end)  # "one hundredth of a second"
    if draft.items and draft.items[-1].kind == "small":
        return draft.keep(at, end)  # "nine tenth"
    if words[end - 1] == "second" and words[at] in TENS:
        named = words[end] in AFTER_ORDINAL_SECOND or words[end + 1] in ("street", "avenue")
        if not named and (before not in ("the", *OWNERS) or words[end] in LAST_SECONDS):
            return draft.write(str(value - 2), at, end - 1, "number")
    return draft.write(ordinal(value), at, end, "ordinal", number)
