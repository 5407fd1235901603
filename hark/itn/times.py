"""Writes times of day: "9:30", "0500 hours", "7 p.m."; "half past nine" stays as spoken."""

from collections.abc import Sequence

from hark.itn import following
from hark.itn.cardinals import Number, below_hundred
from hark.itn.draft import Draft
from hark.itn.items import Item
from hark.itn.vocabulary import (
    AMOUNTS,
    BEFORE_TIME,
    BEFORE_YEAR,
    COUNTED,
    CURRENCIES,
    DIGITS,
    HALVES_OF_DAY,
    MEASURING,
    MULTIPLIERS,
    OH,
    PARTS_OF_DAY,
    POINTS,
    REPEATS,
    SCALES,
    TEENS,
    TENS,
    TIMED,
    TOLD,
    UNITS,
)


def told_quarter(draft: Draft, at: int) -> int:
    """Keeps "half past nine", "quarter to ten" and "half nine"."""
    words = draft.words
    if words[at + 1] in TOLD:
        hour = _hour(words, at + 2)
        if hour:
            return draft.keep(at, hour)
    if words[at] == "half" and words[at - 1] in BEFORE_TIME:
        hour = _hour(words, at + 1)
        if hour:
            return draft.keep(at, hour)
    return 0


def told_minutes(draft: Draft, at: int) -> int:
    """Keeps "twenty past eleven" and "ten minutes to nine"."""
    words = draft.words
    minutes = below_hundred(words, at)
    if minutes is None or minutes.ordinal or minutes.value not in (5, 10, 20, 25):
        return 0
    end = minutes.end + (words[minutes.end] == "minutes")
    hour = _hour(words, end + 1)
    if not hour or words[end] not in ("past", "to"):
        return 0
    value = TEENS.get(words[end + 1], UNITS.get(words[end + 1], 0))
    before = words[at - 1]
    told = words[end] == "past" or minutes.value > value or end > minutes.end
    told = told or before in ("at", "until", "till", "it's") or (before == "is" and words[at - 2] in ("it", "time"))
    if not told:
        return 0
    draft.keep(at, hour)
    return _write_half_of_day(draft, hour)


def _hour(words: Sequence[str], at: int) -> int:
    """Returns the index after an hour without minutes, or 0."""
    value = TEENS.get(words[at], UNITS.get(words[at], 0))
    after = words[at + 1]
    if not 1 <= value <= 12 or after in ("o'clock", "percent") or after in MULTIPLIERS or after in POINTS:
        return 0
    return 0 if after in CURRENCIES or after in DIGITS or after in TENS else at + 1


def military_time(draft: Draft, at: int) -> int:
    """Writes "oh five hundred hours" and "oh nine thirty hours"."""
    words = draft.words
    if (words[at] in OH or words[at] == "zero") and UNITS.get(words[at + 1]):
        hour = UNITS[words[at + 1]]
        if words[at + 2] == "hundred":
            if words[at + 3] in DIGITS or words[at + 3] in REPEATS:
                return 0  # a telephone number
            if words[at + 3] != "hours" and words[at - 1] not in BEFORE_TIME:
                return 0  # "oh five hundred is fine"
            return draft.write(f"0{hour}00", at, at + 3, "time")
        minutes = below_hundred(words, at + 2)
        if minutes is None or minutes.ordinal or not 10 <= minutes.value < 60:
            return 0
        if words[minutes.end] == "hours" or words[at - 1] in BEFORE_TIME:
            return draft.write(f"0{hour}{minutes.value}", at, minutes.end, "time")
        return 0
    number = below_hundred(words, at)
    if number is None or number.ordinal or not 10 <= number.value < 24:
        return 0
    if words[number.end : number.end + 2] == ["hundred", "hours"]:
        return draft.write(f"{number.value}00", at, number.end + 1, "time")
    minutes = below_hundred(words, number.end)
    if minutes and not minutes.ordinal and 10 <= minutes.value < 60 and words[minutes.end] == "hours":
        return draft.write(f"{number.value}{minutes.value}", at, minutes.end, "time")
    return 0


def clock_time(draft: Draft, at: int) -> int:
    """Writes "nine thirty", "five oh five p m" and "seven o'clock"."""
    words = draft.words
    hour = below_hundred(words, at)
    if hour is None or hour.ordinal or not 1 <= hour.value < 24:
        return 0
    end = hour.end
    minutes = below_hundred(words, end)
    if words[end] in OH and UNITS.get(words[end + 1]) and words[end + 2] not in DIGITS:
        minutes = Number(UNITS[words[end + 1]], end + 2)
    elif minutes and (minutes.ordinal or not 10 <= minutes.value < 60):
        minutes = None
    if minutes:
        if not _is_minutes(draft, at, hour, minutes):
            return 0
        draft.write(f"{hour.value}:{minutes.value:02}", at, minutes.end, "time")
        return _after_time(draft, minutes.end)
    if hour.value > 12 or not _is_hour(words, at, hour):
        return 0
    draft.write(str(hour.value), at, end, "time", hour)
    return _after_time(draft, end)


def _after_time(draft: Draft, at: int) -> int:
    if draft.words[at] in OH and draft.words[at + 1] == "clock":
        return draft.write("o'clock", at, at + 2, "")
    return _write_half_of_day(draft, at)


def _write_half_of_day(draft: Draft, at: int) -> int:
    """Writes "a.m." or "p.m.", if it is said here; returns the index after it."""
    end = at + following.half_of_day(draft.words, at)
    return draft.write(HALVES_OF_DAY[tuple(draft.words[at:end])], at, end, "") if end > at else at


def _is_hour(words: Sequence[str], at: int, hour: Number) -> bool:
    end = hour.end
    if words[end] == "o'clock" or (words[end] in OH and words[end + 1] == "clock"):
        return True
    if following.half_of_day(words, end) or (hour.value == 12 and words[end] in ("noon", "midnight")):
        return True
    if words[at - 1] not in BEFORE_TIME:
        return False
    if words[end] == "sharp":
        return True
    return hour.value >= 10 and _part_of_day(words, end)  # "at two in the morning" is prose


def _part_of_day(words: Sequence[str], at: int) -> bool:
    if words[at] == "in" and words[at + 1] == "the" and words[at + 2] in PARTS_OF_DAY:
        return True
    return words[at] == "at" and words[at + 1] == "night"


def _is_minutes(draft: Draft, at: int, hour: Number, minutes: Number) -> bool:
    """Says whether two numbers are an hour and its minutes, not a year, a price or a house in a street."""
    words, end = draft.words, minutes.end
    before, second, after = words[at - 1], words[at - 2], words[end]
    if after in ("hundred", "hundredth") or after in SCALES or after in POINTS:
        return False
    if after in MEASURING or after in COUNTED or following.measured(words, end):
        return False
    if hour.value > 12:
        return before == "at"
    if following.half_of_day(words, end):
        return True
    if not AMOUNTS.isdisjoint(words[at - 6 : at]) or following.portion(words, end) or after == "over":
        return False  # "she weighs about one fifty"
    if before == "from" and after in ("to", "and") and words[end + 2] == "hundred":
        return False
    if words[hour.end] in OH and minutes.value % 5 and after == "bus":
        return False  # a bus has a number, and comes at a round time
    if following.street(words, end):
        return False
    if after in TIMED or _part_of_day(words, end):
        return True
    if before in BEFORE_TIME or (before == "is" and second in ("it", "time", "now")):
        return True
    if before in ("to", "and", "or", "till") and _follows_time(draft.items):
        return True
    if after in ("tomorrow", "tonight") or (after == "this" and words[end + 1] in PARTS_OF_DAY):
        return True
    if before in BEFORE_YEAR or before in TENS or after in TENS or following.plural(words, end):
        return False
    return hour.value >= 10 or minutes.value in (15, 30, 45)


def _follows_time(items: Sequence[Item]) -> bool:
    """Says whether a time stands before the last word: "9:30 to"."""
    if len(items) < 2:
        return False
    last = items[-2]
    return last.kind == "time" or (last.text in ("a.m.", "p.m.") and len(items) > 2)
