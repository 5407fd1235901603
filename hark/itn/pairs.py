"""Two numbers that belong together are written alike: "between 5 and 10", "$200 to $300", "two or three hundred"."""

from hark.itn.items import Item, ordinal
from hark.itn.vocabulary import AFTER_PRONOUN, BEFORE_PRONOUN, BEFORE_TIME, NUMBER_WORDS

_FIGURES = frozenset({"number", "time", "money", "percent", "code"})
# Between "one" and "ten", in "one in ten"; before these it is how long something took.
_DURATIONS = frozenset({"seconds", "minutes", "hours", "days", "weeks", "months", "years", "games", "matches"})
_WORDS = (
    *("zero", "one", "two", "three", "four"),
    *("five", "six", "seven", "eight", "nine"),
)


_SCALES = {100: "hundred", 1000: "thousand"}


def settle(items: list[Item]) -> list[Item]:
    """Writes the numbers of each pair alike."""
    texts = [item.text for item in items]
    count = len(items)
    for at in range(count - 2):
        left = items[at]
        if not left.kind and not (at and texts[at] in ("a.m.", "p.m.")):
            continue
        join, right_at = texts[at + 1], at + 2
        if join == "out" and texts[at + 2] == "of" and right_at + 1 < count:
            join, right_at = "out of", at + 3
        elif join == "to" and texts[right_at] == "the" and right_at + 1 < count:
            right_at += 1
        right = items[right_at]
        if not right.kind:
            continue
        if not left.kind:
            left = items[at - 1]
            if left.kind != "time":
                continue
        before = texts[at - 1] if at else ""
        after = texts[right_at + 1] if right_at + 1 < count else ""
        _pair(left, join, right, before, after)
    return [part for item in items for part in _parts(item)]


def _parts(item: Item) -> tuple[Item, ...]:
    """Splits what is words again: "five hundred"."""
    if item.kind != "spoken":
        return (item,)
    count, scale = item.text.split()
    return Item(count, item.first, item.first + 1), Item(scale, item.first + 1, item.last)


def _pair(left: Item, join: str, right: Item, before: str, after: str) -> None:
    if join in ("and", "or", "to", "through") and {left.kind, right.kind} == {"ordinal", "small ordinal"}:
        # "the 3rd and 4th of may"; "the first and the 21st" are not a date.
        if max(left.value, right.value) <= 31 and "date" in (left.symbol, right.symbol):
            for item in (left, right):
                item.text, item.kind, item.symbol = ordinal(item.value), "ordinal", "date"
        return
    if "small" in (left.kind, right.kind) and not {left.kind, right.kind} <= _FIGURES | {"small"}:
        return
    if not _joined(left, join, right, before, after):
        return
    if _leaves_out(left, join, right):
        _scale(left, join, right)
        return
    if _leaves_out_hundred(left, join, right):
        left.value *= 100
        left.text, left.kind = f"{left.value:,}", "number"
    if right.kind == "money" and right.symbol and left.kind in ("small", "number") and left.scale == 1:
        large = right.text.partition(" ")[2]
        left.text = f"{right.symbol}{left.value:,}" + (f" {large}" if large else "")
        left.kind = "money"
    for item, other in ((left, right), (right, left)):
        if item.kind == "small" and other.kind in _FIGURES:
            item.text, item.kind = str(item.value), "number"


def _joined(left: Item, join: str, right: Item, before: str, after: str) -> bool:
    """Says whether one word joins these numbers, and not what is around them."""
    if left.kind == "small" and left.value == 1 and before in BEFORE_PRONOUN:
        return False
    if right.kind == "small" and (after in AFTER_PRONOUN or after in NUMBER_WORDS):
        return False
    if join == "and":
        if right.kind == "time" and left.kind == "small":
            return before in BEFORE_TIME or before == "between"  # "at seven and eight o'clock"
        return before in ("between", "aged", "ages") or left.plural
    if join == "in":
        return left.kind == "small" and right.kind == "number" and after not in _DURATIONS
    return join in ("to", "or", "through", "by", "out of", "plus", "minus", "times")


def _leaves_out(left: Item, join: str, right: Item) -> bool:
    """Says whether the left number lacks the hundred or thousand that the right one has: "two to three hundred"."""
    if join not in ("to", "or", "and") or right.scale not in (100, 1000) or right.kind not in ("number", "money"):
        return False
    if right.scale == 1000 and left.kind == "number" and left.scale == 100:  # "seven hundred to eight hundred thousand"
        return left.value < right.factor
    return left.kind in ("small", "number") and left.scale == 1 and 0 < left.value < right.factor


def _leaves_out_hundred(left: Item, join: str, right: Item) -> bool:
    """Says whether the left number lacks the hundred of the right one's: "two to three hundred million"."""
    if join not in ("to", "or") or right.factor < 100 or right.factor % 100 or right.scale == 1:
        return False
    return left.kind == "small" and 0 < left.value < right.factor // 100


def _scale(left: Item, join: str, right: Item) -> None:
    if right.kind == "number" and join == "or" and right.factor < 10:
        # "four or five hundred" is a guess, and "400 or 500" looks like none.
        right.text, right.kind = f"{_WORDS[right.factor]} {_SCALES[right.scale]}", "spoken"
        return
    hundreds = 100 if _leaves_out_hundred(left, join, right) else 1
    left.text = f"{right.symbol}{left.value * hundreds * right.scale:,}"
    left.kind = right.kind
