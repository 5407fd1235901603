"""Writes days of a month, years, decades and eras, and tells them from numbers that count."""

from collections.abc import Sequence

from hark.itn import following, measures
from hark.itn.cardinals import Number, below_hundred
from hark.itn.draft import Draft
from hark.itn.items import ordinal
from hark.itn.vocabulary import (
    AFTER_PRONOUN,
    AFTER_YEAR,
    BEFORE_AMOUNT,
    BEFORE_DATE,
    BEFORE_YEAR,
    COUNTED,
    DECADES,
    ERAS,
    MEASURING,
    MONTHS,
    MULTIPLIERS,
    OH,
    POINTS,
    SCALES,
    SURE_BEFORE_YEAR,
    TENS,
    UNITS,
    VERB_AFTER,
    VERB_MONTHS,
    WEEKDAYS,
)

_SURE_MONTHS = MONTHS - VERB_MONTHS
# After "may six": six are persons or things.
_AFTER_COUNT = AFTER_PRONOUN - {"or", "that", "who", "has"}
# After "by nineteen hundred": what shows that a year was meant.
_SUBJECTS = frozenset({"the", "there", "it", "he", "she", "they", "we"})
# Before "fifteen hundred", where a year is likelier than an amount.
_BEFORE_FULL_YEAR = BEFORE_YEAR - {"of", "by", "from", "to"}


def day(draft: Draft, at: int) -> int:
    """Writes a cardinal after a month, "june six": small ones, and those that a year follows."""
    words = draft.words
    if words[at - 1] not in MONTHS:
        return 0
    number = below_hundred(words, at)
    if number is None or number.ordinal or not 1 <= number.value <= 31:
        return 0
    end = number.end
    if words[end] in OH:
        return 0  # "october nineteen oh five"
    if not is_year(words, end) and not _is_thousand(words, end):
        if below_hundred(words, end) or words[end] in MULTIPLIERS:
            return 0  # "may twenty twenty six"
        if following.measured(words, end) or (number.value < 10 and not _is_small_day(words, at, end)):
            return 0
    draft.after_date = end
    return draft.write(str(number.value), at, end, "number", number)


def _is_small_day(words: Sequence[str], at: int, end: int) -> bool:
    """Says whether a number below ten after a month is a day, though no year follows."""
    if words[end] in POINTS or words[end] in _AFTER_COUNT or following.plural(words, end):
        return False
    return words[at - 1] in _SURE_MONTHS or words[at - 2] in BEFORE_DATE


def ordinal_day(draft: Draft, at: int, number: Number) -> int:
    """Writes "may third" and "the third of may"; an ordinal that is no day of a month is left."""
    if not _is_date(draft.words, at, number):
        return 0
    draft.after_date = number.end
    return draft.write(ordinal(number.value), at, number.end, "ordinal", number, symbol="date")


def _is_date(words: Sequence[str], at: int, number: Number) -> bool:
    end, value = number.end, number.value
    if value > 31:
        return False
    before, second = words[at - 1], words[at - 2]
    if words[end] == "of" and words[end + 1] in MONTHS:
        return True
    if before == "the" and (second in WEEKDAYS or second in _SURE_MONTHS):
        return True
    if before not in MONTHS:
        return False
    if before in _SURE_MONTHS or value > 3:
        return True
    if is_year(words, end) or _is_thousand(words, end):
        return True
    return (second in BEFORE_DATE or second == "") and words[end] not in VERB_AFTER


def is_year(words: Sequence[str], at: int) -> bool:
    """Says whether a year of two groups stands here: "nineteen oh five"."""
    century = below_hundred(words, at)
    if century is None or century.ordinal or not 13 <= century.value <= 20:
        return False
    if words[century.end] in OH and UNITS.get(words[century.end + 1]):
        return True
    if words[century.end] == "hundred":
        return True
    rest = below_hundred(words, century.end)
    return rest is not None and not rest.ordinal and rest.value >= 10


def _is_thousand(words: Sequence[str], at: int) -> bool:
    return words[at] in ("one", "two") and words[at + 1] == "thousand"


def year(draft: Draft, at: int) -> int:
    """Writes two numbers below a hundred that make a year, and decades."""
    words = draft.words
    century = below_hundred(words, at)
    if century is None or century.ordinal or century.value < 10:
        if words[at] == "two" and words[at + 1] == "thousands":
            return draft.write("2000s", at, at + 2, "year")
        return 0
    end = century.end
    if words[end] in DECADES and 11 <= century.value <= 20:
        if words[end] == "hundreds" and century.value == 20:
            return 0
        return draft.write(f"{century.value * 100 + DECADES[words[end]]}s", at, end + 1, "year")
    if words[end] in OH and UNITS.get(words[end + 1]):
        return _write_two_groups(draft, at, end + 2, century.value * 100 + UNITS[words[end + 1]])
    rest = below_hundred(words, end)
    if rest is None or rest.ordinal or rest.value < 10 or words[rest.end] in MEASURING:
        return 0
    if words[rest.end] in ("hundred", "hundredth") or words[rest.end] in SCALES or words[rest.end] in POINTS:
        return 0
    if not following.street(words, rest.end):
        dated = words[at - 1] in BEFORE_YEAR or draft.after_date == at
        if century.value < 13 and rest.value < 60 and not dated:
            return 0
        if century.value > 20:
            return 0
        listed = century.value % 10 == 0 and rest.value % 10 == 0 and not dated
        if listed and (words[rest.end] in TENS or words[at - 1] in TENS):
            return 0
    return _write_two_groups(draft, at, rest.end, century.value * 100 + rest.value)


def _write_two_groups(draft: Draft, at: int, end: int, value: int) -> int:
    """Writes two groups as a year, or as an amount where something that it measures follows."""
    if following.measured(draft.words, end) and not era(draft.words, end):
        return measures.write(draft, at, end, f"{value:,}", Number(value, end, factor=value))
    return write_year(draft, at, end, value)


def names_year(draft: Draft, at: int, number: Number) -> bool:
    """Says whether a number of hundreds or thousands is a year: "in two thousand and eight"."""
    words, end, value = draft.words, number.end, number.value
    before, after = words[at - 1], words[end]
    if before == "year" and 1000 <= value <= 2999:
        return True
    if not 1100 <= value <= 2099 or before in BEFORE_AMOUNT or after in COUNTED:
        return False
    if before in SURE_BEFORE_YEAR or draft.after_date == at:
        return True
    counts = following.plural(words, end)
    if value > 2000 and not number.hundreds:
        return not counts or before in ("in", "since")
    if value == 2000:
        return before in ("in", "since", "by") and after in AFTER_YEAR
    if before == "by" and after in _SUBJECTS:
        return True
    return before in _BEFORE_FULL_YEAR and not counts and after in AFTER_YEAR


def era(words: Sequence[str], at: int) -> tuple[str, ...]:
    """Returns the words that say "B.C." or "A.D." here, or none."""
    for spoken in ERAS:
        if tuple(words[at : at + len(spoken)]) == spoken:
            return spoken
    return ()


def write_year(draft: Draft, at: int, end: int, value: int) -> int:
    """Writes a year, and its era if that is said."""
    draft.write(str(value), at, end, "year")
    spoken = era(draft.words, end)
    return draft.write(ERAS[spoken], end, end + len(spoken), "") if spoken else end
