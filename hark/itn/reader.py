"""Finds the numbers among words, and writes those that their surroundings leave no doubt about.

One pass from left to right. Each subject has a module of rules; this one says which of them are tried, and in what
order. A rule takes the index of a word. It returns the index after what it has written, or 0 if it does not apply; then
it has written nothing. It looks at a bounded number of words around it, or at no more than it then writes, so that the
time is linear in the words.

What takes a `Draft` may write, what takes `words` only looks at them. Subjects build on each other without a circle:
all on `following`, `measures` on `money`, `decimals` and `dates` on `measures`, `codes` and `integers` on these.
"""

from collections.abc import Callable, Sequence

from hark.itn import codes, dates, decimals, idioms, integers, measures, money, times
from hark.itn.draft import Draft
from hark.itn.items import Item
from hark.itn.vocabulary import (
    HALVES_OF_HOUR,
    MULTIPLIERS,
    OH,
    ORDINAL_TEENS,
    ORDINAL_UNITS,
    REPEATS,
    TEENS,
    TENS,
    UNITS,
)

_Rule = Callable[[Draft, int], int]

# The most particular first: the last one takes any number.
_NUMBER: tuple[_Rule, ...] = (
    codes.code,
    idioms.idiom,
    integers.guess,
    times.told_minutes,
    idioms.old_number,
    money.price,
    times.military_time,
    times.clock_time,
    codes.long_digits,
    dates.day,
    dates.year,
    measures.height,
    integers.joined_hundreds,
    integers.plain,
)
# By the word that they begin with.
_RULES: dict[str, tuple[_Rule, ...]] = {
    **dict.fromkeys((*UNITS, *TEENS, *TENS, *ORDINAL_UNITS, *ORDINAL_TEENS, *OH, *REPEATS), _NUMBER),
    **dict.fromkeys(HALVES_OF_HOUR, (times.told_quarter,)),
    **dict.fromkeys(MULTIPLIERS, (integers.uncounted,)),
    **dict.fromkeys(("minus", "negative"), (integers.negative,)),
    "a": (idioms.idiom, integers.with_article, money.coin),
    "point": (decimals.bare_decimal,),
    "plus": (codes.abroad,),
}


def read(words: Sequence[str]) -> list[Item]:
    """Returns words and numbers, in order; numbers that belong together are not yet alike (`pairs.settle`)."""
    draft = Draft(words)
    padded, items = draft.words, draft.items
    at, end = draft.start, draft.end
    while at < end:
        word = padded[at]
        for rule in _RULES.get(word, ()):
            after = rule(draft, at)
            if after:
                at = after
                break
        else:
            items.append(Item(word, at, at + 1))
            at += 1
    return draft.finish()
