"""What is always said in the same words: idioms, written in a way of their own or not at all, and old numbers."""

from hark.itn import following
from hark.itn.cardinals import below_hundred
from hark.itn.draft import Draft
from hark.itn.vocabulary import (
    BEFORE_TIME,
    CURRENCIES,
    IDIOMS,
    MEASURING,
    MULTIPLIERS,
    ROMAN,
    SCORES,
    TENS,
    TIMED,
    UNITS,
)

# After these, "nine eleven" and the like are times.
_BEFORE_TIME = BEFORE_TIME - {"since", "after", "before", "about"}
_SIGHT = frozenset({"hindsight", "vision", "eyesight", "sight", "see", "sees"})
_OLD_TENS = frozenset({*TENS, "twentieth", "thirtieth", "fortieth", "fiftieth"})


def idiom(draft: Draft, at: int) -> int:
    """Writes "twenty four seven" as 24/7, and the II of World War II; keeps "the eleventh hour"."""
    words = draft.words
    if words[at] in ROMAN and words[at - 1] == "war" and words[at - 2] == "world":
        return draft.write(ROMAN[words[at]], at, at + 1, "idiom")
    if words[at : at + 2] == ["twenty", "twenty"] and not _SIGHT.isdisjoint(words[at - 3 : at]):
        return draft.write("20/20", at, at + 2, "idiom")
    for spoken, written in IDIOMS.get(words[at], ()):
        end = at + len(spoken)
        if tuple(words[at:end]) != spoken:
            continue
        if written is None:
            return draft.keep(at, end)
        if len(spoken) == 2 and words[at - 1] in _BEFORE_TIME:
            continue
        if following.measured(words, end) or following.half_of_day(words, end):
            continue
        if len(spoken) == 2 and (following.street(words, end) or words[end] in TIMED):
            continue
        if spoken == ("ten", "four") and words[end] in MEASURING:
            continue
        last = end - 1 if spoken[-1] == "vision" else end
        return draft.write(written, at, last, "idiom")
    return 0


def old_number(draft: Draft, at: int) -> int:
    """Keeps "five and twenty" and "three score and ten" as old books have them."""
    words = draft.words
    if words[at - 1] == "and" and (words[at - 2] in SCORES or (words[at - 2] == "years" and words[at - 3] in SCORES)):
        number = below_hundred(words, at)
        return draft.keep(at, number.end) if number else 0
    if not UNITS.get(words[at]) or words[at + 1] != "and" or words[at - 1] in ("between", "from", "both", "hundred"):
        return 0
    end = at + 3
    if words[at + 2] not in _OLD_TENS or words[end] in UNITS or words[end] in CURRENCIES or words[end] == "percent":
        return 0
    while end < at + 6 and words[end] in MULTIPLIERS:
        end += 1
    return draft.keep(at, end)
