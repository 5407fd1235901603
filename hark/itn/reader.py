"""Finds the numbers among words, and writes those that their surroundings leave no doubt about.

One pass from left to right. Each rule looks at a bounded number of words around it, or at no more than it then
writes, so that the time is linear in the words.
"""

from collections.abc import Sequence

from hark.itn.cardinals import Number, below_hundred, cardinal, digits
from hark.itn.items import Item, ordinal
from hark.itn.vocabulary import (
    AFTER_DEGREES,
    AFTER_ORDINAL_SECOND,
    AFTER_PRONOUN,
    AFTER_YEAR,
    BEFORE_AMOUNT,
    BEFORE_DATE,
    BEFORE_PRONOUN,
    BEFORE_TIME,
    BEFORE_YEAR,
    CENTS,
    CODES,
    COMPOUND_MEASURES,
    COSTS,
    COUNTED,
    CURRENCIES,
    DECADES,
    DIALS,
    DIGITS,
    DOLLARS_OF,
    ERAS,
    HALVES_OF_DAY,
    HALVES_OF_HOUR,
    IDIOMS,
    LONG_SYMBOLS,
    MEASURES,
    MEASURING,
    MONTHS,
    NO_PLURALS,
    NOTES,
    NUMBER_WORDS,
    NUMBERED,
    OFTEN_NUMBERED,
    OH,
    ORDINAL_TEENS,
    ORDINAL_UNITS,
    OWNERS,
    PAID,
    PARTS_OF_DAY,
    PERIODS,
    PHONES,
    PLURAL_NUMBERED,
    POINTS,
    PRICES,
    REPEATS,
    ROMAN,
    SCALES,
    SCORES,
    STREETS,
    SURE_BEFORE_YEAR,
    SYMBOLS,
    TEENS,
    TENS,
    TIMED,
    TOLD,
    UNITS,
    VERB_AFTER,
    VERB_MONTHS,
    WEEKDAYS,
    WEIGHED,
)

_STARTS = frozenset(
    {*UNITS, *TEENS, *TENS, *ORDINAL_UNITS, *ORDINAL_TEENS, *OH, *REPEATS, *HALVES_OF_HOUR}
    | {"a", "minus", "negative", "plus", "point", "hundred", *SCALES}
)
# More than any rule looks ahead or back, so that indices need no check.
_PADDING = [""] * 32
_LONGEST_NUMBER = 28
_LARGE = {10**6: "million", 10**9: "billion", 10**12: "trillion"}
_FRACTIONS = {("a", "half"): "5", ("a", "quarter"): "25", ("three", "quarters"): "75"}


def read(words: Sequence[str]) -> list[Item]:
    """Returns words and numbers, in order; numbers that belong together are not yet alike (`pairs.settle`)."""
    return _Reader(words).read()


class _Reader:
    """Words with padding around them, and what was made of them so far.

    Each rule takes the index of a word. It returns the index after what it has written, or 0 if it does not apply.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = [*_PADDING, *words, *_PADDING]
        self.count = len(words)
        self.items: list[Item] = []
        self.after_date = -1  # index after a day of a month, where a year may follow

    def read(self) -> list[Item]:
        at, offset = len(_PADDING), len(_PADDING)
        end = offset + self.count
        words, items = self.words, self.items
        while at < end:
            if words[at] in _STARTS:
                after = self.number(at)
                if after > at:
                    at = after
                    continue
            items.append(Item(words[at], at, at + 1))
            at += 1
        for item in items:
            item.first -= offset
            item.last -= offset
        return items

    def write(self, text: str, first: int, last: int, kind: str, number: Number | None = None, symbol: str = "") -> int:
        value, factor, scale = (number.value, number.factor, number.scale) if number else (0, 0, 1)
        self.items.append(Item(text, first, last, kind, value, factor, scale, symbol))
        return last

    def keep(self, first: int, last: int) -> int:
        """Leaves words as they are."""
        self.items += [Item(self.words[at], at, at + 1) for at in range(first, last)]
        return last

    def number(self, at: int) -> int:
        """Tries the rules in turn: the most particular first."""
        word = self.words[at]
        if word == "a":
            return self.idiom(at) or self.with_article(at) or self.coin(at)
        if word in HALVES_OF_HOUR:
            return self.told_time(at)
        if word in ("minus", "negative"):
            return self.negative(at)
        if word == "point":
            return self.bare_decimal(at)
        if word == "hundred" or word in SCALES:
            return self.uncounted(at)
        if word == "plus":
            return self.abroad(at)
        return (
            self.code(at)
            or self.idiom(at)
            or self.told_time(at)
            or self.old_number(at)
            or self.price(at)
            or self.military_time(at)
            or self.clock_time(at)
            or self.long_digits(at)
            or self.day(at)
            or self.year(at)
            or self.height(at)
            or self.joined_hundreds(at)
            or self.plain(at)
        )

    # What stays as spoken, or is written in a way of its own.

    def idiom(self, at: int) -> int:
        words = self.words
        for spoken, written in IDIOMS.get(words[at], ()):
            end = at + len(spoken)
            if tuple(words[at:end]) != spoken:
                continue
            if written is None:
                return self.keep(at, end)
            if len(spoken) == 2 and (words[at - 1] in BEFORE_TIME - {"since", "after", "before", "about"}):
                continue
            if self.measured(end) or self.half_of_day(end):
                continue
            if spoken == ("ten", "four") and words[end] in MEASURING:
                continue
            last = end - 1 if spoken[-1] == "vision" else end
            return self.write(written, at, last, "idiom")
        return 0

    def told_time(self, at: int) -> int:
        """Keeps "half past nine", "quarter to ten", "twenty past eleven"."""
        words = self.words
        word = words[at]
        if word in HALVES_OF_HOUR:
            if words[at + 1] in TOLD and self.hour(at + 2):
                return self.keep(at, self.hour(at + 2))
            if word == "half" and self.hour(at + 1) and words[at - 1] in BEFORE_TIME:
                return self.keep(at, self.hour(at + 1))
            return 0
        minutes = below_hundred(words, at)
        if minutes is None or minutes.ordinal or minutes.value not in (5, 10, 20, 25):
            return 0
        end = minutes.end + (words[minutes.end] == "minutes")
        hour = self.hour(end + 1)
        if not hour or words[end] not in ("past", "to"):
            return 0
        value = TEENS.get(words[end + 1], UNITS.get(words[end + 1], 0))
        before = words[at - 1]
        told = words[end] == "past" or minutes.value > value or end > minutes.end
        told = told or before in ("at", "until", "till", "it's") or (before == "is" and words[at - 2] in ("it", "time"))
        if not told:
            return 0
        self.keep(at, hour)
        return self.write_half_of_day(hour) if self.half_of_day(hour) else hour

    def hour(self, at: int) -> int:
        """Returns the index after an hour without minutes, or 0."""
        words = self.words
        value = TEENS.get(words[at], UNITS.get(words[at], 0))
        if not 1 <= value <= 12 or words[at + 1] in ("hundred", "o'clock", "percent", *SCALES, *POINTS):
            return 0
        if words[at + 1] in CURRENCIES or words[at + 1] in DIGITS or words[at + 1] in TENS:
            return 0
        return at + 1

    def old_number(self, at: int) -> int:
        """Keeps "five and twenty" and "three score and ten" as old books have them."""
        words = self.words
        if words[at - 1] == "and" and (
            words[at - 2] in SCORES or (words[at - 2] == "years" and words[at - 3] in SCORES)
        ):
            number = below_hundred(words, at)
            return self.keep(at, number.end) if number else 0
        if (
            not UNITS.get(words[at])
            or words[at + 1] != "and"
            or words[at - 1] in ("between", "from", "both", "hundred")
        ):
            return 0
        if words[at + 2] not in TENS and words[at + 2] not in ("twentieth", "thirtieth", "fortieth", "fiftieth"):
            return 0
        if words[at + 3] in UNITS or words[at + 3] in CURRENCIES or words[at + 3] == "percent":
            return 0
        end = at + 3
        while end < at + 6 and (words[end] == "hundred" or words[end] in SCALES):
            end += 1
        return self.keep(at, end)

    # Strings of digits.

    def cue(self, at: int) -> str:
        """Says what before a word shows that a numbered thing follows: "numbered", "often", "code", "letter" or ""."""
        words = self.words
        before, second = words[at - 1], words[at - 2]
        if before in NUMBERED:
            return "numbered"
        if before in OFTEN_NUMBERED:
            return "often"
        if before in ("is", "was", "are") and (second in CODES or second in PHONES):
            return "code"
        if len(before) == 1 and "a" <= before <= "z":
            if before == "m" and second in ("a", "p"):
                return ""
            if before in "aio" and not (len(second) == 1 and "a" <= second <= "z"):
                return ""
            return "letter"
        return ""

    def code(self, at: int) -> int:
        words = self.words
        if words[at - 1] == "war" and words[at - 2] == "world" and words[at] in ROMAN:
            return self.write(ROMAN[words[at]], at, at + 1, "idiom")
        cue = self.cue(at)
        if not cue:
            return 0
        found = digits(words, at, pairs=True)
        end, text, groups = found.end, found.text, len(found.spoken)
        if groups >= 2 and found.head and self.measured(end):  # "version two four megabytes"
            end, text, groups = found.head_end, found.head, 2
        elif groups < 2:
            number = cardinal(words, at)
            if number is None or number.ordinal or (number.scale >= 10**6):
                return 0
            end, text = number.end, str(number.value)
        after = words[end]
        if groups == 2 and found.spoken[1:] == [found.spoken[0] + 1] and after in ("and", "or"):
            return 0  # "pages one two and three"
        if groups < 2 and len(text) == 1 and after not in POINTS:
            if after in ("hundred", *SCALES) or words[at] in OH:
                return 0
            if after in COUNTED and after != "per":
                return 0  # "the page two people read"
            if (words[at] == "one" and after in AFTER_PRONOUN) or (cue in ("often", "letter") and after == "of"):
                return 0
            if cue == "often" and self.plural(end):
                return 0
            if cue == "letter" and self.plural(end):
                return 0
        if self.measured(end) or (groups < 2 and (self.half_of_day(end) or after == "o'clock")):
            return 0
        if groups < 2 and after == "and" and cue == "letter":
            return 0
        if after in POINTS and self.fraction(end + 1):
            end, text = self.points(end, text)
        elif cue != "numbered" or words[at - 1] == "number":
            text = self.telephone(text, at)
        self.write(text, at, end, "code")
        item = self.items[-1]
        item.plural = words[at - 1] in PLURAL_NUMBERED
        item.value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        return end

    def long_digits(self, at: int) -> int:
        """Writes three single digits or more, unless somebody counts."""
        words = self.words
        if words[at] not in DIGITS and words[at] not in REPEATS:
            return 0
        found = digits(words, at, pairs=False)
        if found.singles < 3 or (words[at] in OH and found.singles < 4):
            if found.singles == 2 and words[at] in REPEATS:
                return 0
            return 0
        end, text = found.end, found.text
        before = words[at - 1]
        steps = {later - earlier for earlier, later in zip(found.spoken, found.spoken[1:], strict=False)}
        pointed = words[end] in POINTS and self.fraction(end + 1)
        if steps in ({1}, {-1}) and not pointed and before not in DIALS and not self.names_code(at):
            for k in range(at, end):
                self.write(words[k], k, k + 1, "small")
            return end
        if words[end] in TEENS or words[end] in TENS:
            whole = digits(words, at, pairs=True)
            if len(whole.text) in (7, 10):
                end, text = whole.end, whole.text
        if pointed:
            end, text = self.points(end, text)
            return self.write(text, at, end, "code")
        if not text.startswith("0") and len(text) <= 6:
            written = self.measure(at, end, text, Number(int(text), end, factor=int(text)))
            if written:
                return written
        return self.write(self.telephone(text, at), at, end, "code")

    def abroad(self, at: int) -> int:
        """Writes "plus four four ..." of telephone numbers."""
        found = digits(self.words, at + 1, pairs=True)
        return self.write(f"+{found.text}", at, found.end, "code") if 10 <= len(found.text) <= 15 else 0

    def before_letters(self, at: int) -> bool:
        """Says whether letters are spelt here: "five w k r"."""
        letter, after = self.words[at], self.words[at + 1]
        spelt = len(letter) == 1 and "a" <= letter <= "z" and letter not in "aiop"
        return spelt and (after in DIGITS or (len(after) == 1 and "a" <= after <= "z"))

    def names_code(self, at: int) -> bool:
        near = self.words[at - 5 : at]
        return any(word in CODES or word in PHONES for word in near)

    def telephone(self, text: str, at: int) -> str:
        """Puts hyphens into what may be a number of North America's plan, where nothing says that it is another."""
        if any(word in CODES for word in self.words[at - 5 : at]):
            return text
        trunk = text[0] == "1" and len(text) == 11
        local = text[trunk:]
        if len(local) not in (7, 10) or local[0] in "01":
            return text
        parts = [local[:-7], local[-7:-4], local[-4:]]
        return "-".join(part for part in (["1"] if trunk else []) + parts if part)

    def fraction(self, at: int) -> bool:
        """Says whether decimals may begin here."""
        word = self.words[at]
        return word in DIGITS or word in TEENS or word in TENS or (word in REPEATS and self.words[at + 1] in DIGITS)

    def points(self, at: int, text: str) -> tuple[int, str]:
        """Reads on from a point: "3.14", "3.1.4", "192.168.1.1"."""
        words = self.words
        parts = [text]
        while words[at] in POINTS and self.fraction(at + 1):
            found = digits(words, at + 1, pairs=False, decimals=True)
            if found.text:
                parts.append(found.text)
                at = found.end
            else:
                number = below_hundred(words, at + 1)
                if number is None or number.ordinal:
                    break
                parts.append(str(number.value))
                at = number.end
        return at, ".".join(parts)

    # Times.

    def half_of_day(self, at: int) -> int:
        """Returns how many words say "a.m." or "p.m." here."""
        words = self.words
        for spoken in HALVES_OF_DAY:
            end = at + len(spoken)
            if tuple(words[at:end]) == spoken:
                return 0 if spoken[0] == "am" and words[end] in ("i", "not") else len(spoken)
        return 0

    def write_half_of_day(self, at: int) -> int:
        count = self.half_of_day(at)
        return self.write(HALVES_OF_DAY[tuple(self.words[at : at + count])], at, at + count, "")

    def military_time(self, at: int) -> int:
        """Writes "oh five hundred hours" and "oh nine thirty hours"."""
        words = self.words
        if (words[at] in OH or words[at] == "zero") and UNITS.get(words[at + 1]):
            hour = UNITS[words[at + 1]]
            if words[at + 2] == "hundred":
                return self.write(f"0{hour}00", at, at + 3, "time")
            minutes = below_hundred(words, at + 2)
            if minutes is None or minutes.ordinal or not 10 <= minutes.value < 60:
                return 0
            if words[minutes.end] == "hours" or words[at - 1] in BEFORE_TIME:
                return self.write(f"0{hour}{minutes.value}", at, minutes.end, "time")
            return 0
        number = below_hundred(words, at)
        if number is None or number.ordinal or not 10 <= number.value < 24:
            return 0
        if words[number.end : number.end + 2] == ["hundred", "hours"]:
            return self.write(f"{number.value}00", at, number.end + 1, "time")
        minutes = below_hundred(words, number.end)
        if minutes and not minutes.ordinal and 10 <= minutes.value < 60 and words[minutes.end] == "hours":
            return self.write(f"{number.value}{minutes.value}", at, minutes.end, "time")
        return 0

    def clock_time(self, at: int) -> int:
        words = self.words
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
            if self.is_minutes(at, hour, minutes):
                self.write(f"{hour.value}:{minutes.value:02}", at, minutes.end, "time")
                return self.after_time(minutes.end)
            return 0
        if hour.value > 12 or not self.is_hour(at, hour):
            return 0
        self.write(str(hour.value), at, end, "time", hour)
        return self.after_time(end)

    def after_time(self, at: int) -> int:
        if self.half_of_day(at):
            return self.write_half_of_day(at)
        if self.words[at] in ("o", "oh") and self.words[at + 1] == "clock":
            return self.write("o'clock", at, at + 2, "")
        return at

    def is_hour(self, at: int, hour: Number) -> bool:
        words, end = self.words, hour.end
        if self.half_of_day(end) or words[end] == "o'clock" or (words[end] in OH and words[end + 1] == "clock"):
            return True
        if hour.value == 12 and words[end] in ("noon", "midnight"):
            return True
        if words[at - 1] not in BEFORE_TIME:
            return False
        if words[end] == "sharp":
            return True
        return hour.value >= 10 and self.part_of_day(end)  # "at two in the morning" is prose

    def part_of_day(self, at: int) -> bool:
        words = self.words
        if words[at] == "in" and words[at + 1] == "the" and words[at + 2] in PARTS_OF_DAY:
            return True
        return words[at] == "at" and words[at + 1] == "night"

    def is_minutes(self, at: int, hour: Number, minutes: Number) -> bool:
        words, end = self.words, minutes.end
        before, second = words[at - 1], words[at - 2]
        if words[end] in ("hundred", "hundredth") or words[end] in SCALES or words[end] in POINTS:
            return False
        if self.measured(end) or words[end] in MEASURING or words[end] in COUNTED:
            return False
        if hour.value > 12:
            return before == "at"
        if self.on_street(end):
            return False
        if self.half_of_day(end) or words[end] in TIMED or self.part_of_day(end):
            return True
        if before in BEFORE_TIME or (before == "is" and second in ("it", "time", "now")):
            return True
        if before in ("to", "and", "or", "till") and self.items and len(self.items) > 1 and self.follows_time():
            return True
        if words[end] in ("tomorrow", "tonight") or (words[end] == "this" and words[end + 1] in PARTS_OF_DAY):
            return True
        if before in BEFORE_YEAR or before in TENS or self.plural(end) or words[end] in TENS:
            return False
        return hour.value >= 10 or minutes.value in (15, 30, 45)

    def follows_time(self) -> bool:
        """Says whether a time stands before the last word: "9:30 to"."""
        last = self.items[-2]
        return last.kind == "time" or (last.text in ("a.m.", "p.m.") and len(self.items) > 2)

    # Days and years.

    def day(self, at: int) -> int:
        """Writes a cardinal after a month, "june six": small ones, and those that a year follows."""
        words = self.words
        month = words[at - 1]
        if month not in MONTHS:
            return 0
        number = below_hundred(words, at)
        if number is None or number.ordinal or not 1 <= number.value <= 31:
            return 0
        if words[number.end] in OH:
            return 0  # "october nineteen oh five"
        following = below_hundred(words, number.end)
        year_follows = following is not None and not following.ordinal and self.is_year(number.end)
        if following is not None and not year_follows and not self.is_thousand(number.end):
            return 0  # "may twenty twenty six"
        if number.value < 10 and not year_follows and not self.is_thousand(number.end):
            if self.measured(number.end) or words[number.end] in ("hundred", *SCALES, *POINTS):
                return 0
            if self.plural(number.end) or words[number.end] in AFTER_PRONOUN - {"or", "that", "who", "has"}:
                return 0
            if month in VERB_MONTHS and words[at - 2] not in BEFORE_DATE:
                return 0
        elif words[number.end] in ("hundred", *SCALES):
            return 0
        if self.measured(number.end):
            return 0
        self.after_date = number.end
        return self.write(str(number.value), at, number.end, "number", number)

    def is_year(self, at: int) -> bool:
        """Says whether a year of two groups stands here: "nineteen oh five"."""
        words = self.words
        century = below_hundred(words, at)
        if century is None or century.ordinal or not 13 <= century.value <= 20:
            return False
        if words[century.end] in OH and UNITS.get(words[century.end + 1]):
            return True
        if words[century.end] == "hundred":
            return True
        rest = below_hundred(words, century.end)
        return rest is not None and not rest.ordinal and rest.value >= 10

    def is_thousand(self, at: int) -> bool:
        return self.words[at] in ("one", "two") and self.words[at + 1] == "thousand"

    def year(self, at: int) -> int:
        """Writes two numbers below a hundred that make a year, and decades."""
        words = self.words
        century = below_hundred(words, at)
        if century is None or century.ordinal or century.value < 10:
            if words[at] == "two" and words[at + 1] == "thousands":
                return self.write("2000s", at, at + 2, "year")
            return 0
        end = century.end
        if words[end] in DECADES and 11 <= century.value <= 20:
            if words[end] == "hundreds" and century.value == 20:
                return 0
            return self.write(f"{century.value * 100 + DECADES[words[end]]}s", at, end + 1, "year")
        if words[end] in OH and UNITS.get(words[end + 1]):
            return self.write_year(century.value * 100 + UNITS[words[end + 1]], at, end + 2)
        rest = below_hundred(words, end)
        if rest is None or rest.ordinal or rest.value < 10 or words[rest.end] in MEASURING:
            return 0
        if words[rest.end] in ("hundred", "hundredth") or words[rest.end] in SCALES or words[rest.end] in POINTS:
            return 0
        value = century.value * 100 + rest.value
        dated = words[at - 1] in BEFORE_YEAR or self.after_date == at
        if not self.on_street(rest.end):
            if century.value < 13 and rest.value < 60 and not dated:
                return 0
            if century.value > 20:
                return 0
            listed = century.value % 10 == 0 and rest.value % 10 == 0 and not dated
            if listed and (words[rest.end] in TENS or words[at - 1] in TENS):
                return 0
        return self.write_year(value, at, rest.end)

    def write_year(self, value: int, at: int, end: int) -> int:
        if self.measured(end) and not self.era(end):
            return self.measure(at, end, f"{value:,}", Number(value, end, factor=value))
        self.write(str(value), at, end, "year")
        return self.write_era(end)

    def era(self, at: int) -> tuple[str, ...]:
        words = self.words
        for spoken in ERAS:
            if tuple(words[at : at + len(spoken)]) == spoken:
                return spoken
        return ()

    def write_era(self, at: int) -> int:
        spoken = self.era(at)
        return self.write(ERAS[spoken], at, at + len(spoken), "") if spoken else at

    def on_street(self, at: int) -> bool:
        words = self.words
        return words[at + 1] in STREETS or (words[at + 2] in STREETS and words[at] not in ("", "the", "on", "a"))

    # Everything else.

    def height(self, at: int) -> int:
        """Writes the inches of "six foot two"."""
        words = self.words
        if words[at - 1] not in ("foot", "feet") or len(self.items) < 2 or self.items[-2].kind != "number":
            return 0
        number = below_hundred(words, at)
        if number is None or number.ordinal or not 1 <= number.value <= 11 or self.plural(number.end):
            return 0
        if words[number.end] in AFTER_PRONOUN or words[number.end] in ("hundred", *SCALES) or self.measured(number.end):
            return 0
        return self.write(str(number.value), at, number.end, "number", number)

    def price(self, at: int) -> int:
        """Writes "it cost me three ninety nine" and "twelve fifty an hour": 3.99, 12.50, of what is not said."""
        words = self.words
        before, second = words[at - 1], words[at - 2]
        paid = before in COSTS or (before in ("me", "us", "you") and second in COSTS)
        paid = paid or (before in ("is", "was") and second in PRICES)
        whole = below_hundred(words, at)
        rest = below_hundred(words, whole.end) if whole and not whole.ordinal and whole.value else None
        if whole is None or rest is None or rest.ordinal or rest.value < 10:
            return 0
        end = rest.end
        if not paid and words[end] in ("an", "a", "per") and words[end + 1] in PERIODS:
            paid = before not in BEFORE_YEAR and before not in BEFORE_TIME
        if not paid or self.measured(end) or self.plural(end) or words[end] in NUMBER_WORDS or words[end] in MEASURING:
            return 0
        return self.write(f"{whole.value}.{rest.value:02}", at, end, "number")

    def joined_hundreds(self, at: int) -> int:
        """Writes "two forty seven" as 247."""
        words = self.words
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
        if self.items and self.items[-1].kind == "small":
            return 0  # "two three twenty"
        if words[rest.end] in NUMBER_WORDS and words[rest.end] not in {*UNITS, *TEENS, *TENS, *ORDINAL_UNITS}:
            return 0
        if head == 1 and words[at - 1] in BEFORE_PRONOUN - {"the"}:
            return 0
        value = head * 100 + rest.value
        if words[rest.end] in POINTS and self.fraction(rest.end + 1):
            end, text = self.points(rest.end, str(value))
            return self.measure(at, end, text, None) or self.write(text, at, end, "number")
        return self.integer(at, Number(value, rest.end, factor=value))

    def negative(self, at: int) -> int:
        words = self.words
        number = cardinal(words, at + 1)
        if number is None or number.ordinal or (self.items and self.is_number(self.items[-1])):
            return 0  # "ten minus five"
        text, end = f"-{number.value:,}", number.end
        if words[end] in POINTS and self.fraction(end + 1):
            end, text = self.points(end, text)
            return self.measure(at, end, text, None) or self.write(text, at, end, "number")
        if number.value < 10 and words[end] in ("of", "s", "one"):
            return 0
        if words[end] in ("degrees", "degree") and not self.long_symbol(end):
            return self.write(text, at, end, "number", number)
        return self.measure(at, end, text, number) or self.write(text, at, end, "number", number)

    @staticmethod
    def is_number(item: Item) -> bool:
        return bool(item.kind) or any(character.isdigit() for character in item.text)

    def bare_decimal(self, at: int) -> int:
        """Writes "point five percent", where a unit shows that it is a number."""
        words = self.words
        if not self.fraction(at + 1) or (words[at - 1] in DIGITS or words[at - 1] in TENS):
            return 0
        end, text = self.points(at, "0")
        if words[end] in ("percent", "per") or words[end] in SYMBOLS or words[end] in ("million", "billion"):
            return self.measure(at, end, text, None)
        return 0

    def with_article(self, at: int) -> int:
        """Writes "a hundred and fifty"; "a hundred" is no exact number, but with money, percent or a unit."""
        words = self.words
        if words[at + 1] != "hundred" and words[at + 1] not in SCALES:
            return 0
        before, second = words[at - 1], words[at - 2]
        number = cardinal(["one", *words[at + 1 : at + _LONGEST_NUMBER], "", "", ""], 0)
        if number is None:
            return 0
        end = at + number.end
        exact = any(word in UNITS or word in TEENS or word in TENS for word in words[at + 1 : end])
        if not exact:
            vague = before in ("half", "quarter", "like", "many") or (before == "of" and second in ("quarter", "third"))
            sure = words[end] in ("percent", "dollars", "euros", "pounds") or self.per_cent(end)
            sure = sure or words[end] in SYMBOLS or bool(self.long_symbol(end))
            if vague or not sure or number.ordinal:
                return 0
        return self.integer(at, number._replace(end=end))

    def coin(self, at: int) -> int:
        """Writes "a dollar fifty"; "a dollar" stays."""
        symbol = CURRENCIES.get(self.words[at + 1])
        end, cents = self.cents(at + 2) if symbol else (0, 0)
        return self.write(f"{symbol}1.{cents:02}", at, end, "money") if end else 0

    def uncounted(self, at: int) -> int:
        """Writes "the hundred and fifty thousand", and keeps "several hundred and fifty"."""
        words = self.words
        if words[at + 1] not in NUMBER_WORDS and (words[at + 1] != "and" or words[at + 2] not in NUMBER_WORDS):
            return 0
        number = cardinal(["one", *words[at : at + _LONGEST_NUMBER], "", "", ""], 0)
        if number is None or number.end < 3:
            return 0
        end = at + number.end - 1
        if number.ordinal or words[at - 1] not in ("the", "that", "this", "these", "those", *OWNERS):
            return self.keep(at, end)
        return self.integer(at, number._replace(end=end))

    def plain(self, at: int) -> int:
        words = self.words
        number = cardinal(words, at, joined=True)
        if number is None:
            return 0
        if words[number.end] == "hundred" and number.value < 100 and not number.ordinal:
            return self.keep(at, number.end + 1)  # "ten hundred others"
        if words[at - 1] == "between" and words[number.end] != "and" and "and" in words[at : number.end]:
            number = cardinal(words, at, joined=False) or number
        if number.ordinal:
            return self.ordinal(at, number)
        end = number.end
        if words[end] in POINTS and self.fraction(end + 1):
            written = self.decimal(at, number)
            if written:
                return written
        return self.with_fraction(at, number) or self.integer(at, number)

    def decimal(self, at: int, number: Number) -> int:
        words = self.words
        end, text = self.points(number.end, f"{number.value:,}")
        written = self.measure(at, end, text, None)
        if written:
            return written
        before = words[at - 1]
        if number.value == 1 and (before == "at" or before in BEFORE_PRONOUN):
            return 0  # "at one point two people left"
        if number.value == 1 and before in ("is", "was", "make") and words[end] in AFTER_PRONOUN:
            return 0  # "there is one point one must make"
        return self.write(text, at, end, "number")

    def with_fraction(self, at: int, number: Number) -> int:
        """Writes "two and a half million" as 2.5 million; "two and a half" without such a word stays."""
        words, end = self.words, number.end
        if words[end] != "and":
            return 0
        decimals = _FRACTIONS.get((words[end + 1], words[end + 2]))
        if decimals is None:
            return 0
        after = end + 3
        if words[after] in SCALES or words[after] == "percent" or self.per_cent(after) or words[after] in CURRENCIES:
            return self.measure(at, after, f"{number.value:,}.{decimals}", None)
        return 0

    def integer(self, at: int, number: Number) -> int:
        words, end, value = self.words, number.end, number.value
        if self.era(end) and 1 <= value <= 9999:
            self.write(str(value), at, end, "year")
            return self.write_era(end)
        if number.scale >= 10**6:
            written = self.measure(at, end - 1, f"{number.factor:,}", number._replace(end=end - 1))
        else:
            written = self.measure(at, end, f"{value:,}", number)
        if written:
            return written
        if value < 10 and self.before_letters(end):
            return self.write(str(value), at, end, "code", number)
        if value < 10:
            return self.write(words[at], at, end, "small", number)
        if self.names_year(at, number):
            return self.write(str(value), at, end, "year")
        if number.hundreds and self.on_street(end):
            return self.write(str(value), at, end, "number", number)
        return self.write(f"{value:,}", at, end, "number", number)

    def names_year(self, at: int, number: Number) -> bool:
        words, end, value = self.words, number.end, number.value
        before, after = words[at - 1], words[end]
        sure = before in SURE_BEFORE_YEAR or self.after_date == at
        if before == "year" and 1000 <= value <= 2999:
            return True
        if not 1100 <= value <= 2099 or before in BEFORE_AMOUNT or after in COUNTED:
            return False
        if sure:
            return True
        counts = self.plural(end)
        if value > 2000 and not number.hundreds:
            return not counts or before in ("in", "since")
        if value == 2000:
            return before in ("in", "since", "by") and after in AFTER_YEAR
        return before in BEFORE_YEAR and before not in ("of", "by", "from", "to") and not counts and after in AFTER_YEAR

    def ordinal(self, at: int, number: Number) -> int:
        words, end, value = self.words, number.end, number.value
        if self.is_date(at, number):
            self.after_date = end
            return self.write(ordinal(value), at, end, "ordinal", number, symbol="date")
        if value < 10:
            return self.write(words[at], at, end, "small ordinal", number)
        before = words[at - 1]
        if before in ("one", "a", "an") and words[end] in ("of", "part", "share"):
            return self.keep(at, end)
        if self.items and self.items[-1].kind == "small":
            return self.keep(at, end)  # "nine tenth"
        if words[end - 1] == "second" and words[at] in TENS:
            named = words[end] in AFTER_ORDINAL_SECOND or words[end + 1] in ("street", "avenue")
            if not named and (before not in ("the", *OWNERS) or words[end] in ("delay", "clip", "rule", "ad", "timer")):
                return self.write(str(value - 2), at, end - 1, "number")
        return self.write(ordinal(value), at, end, "ordinal", number)

    def is_date(self, at: int, number: Number) -> bool:
        words, end, value = self.words, number.end, number.value
        if value > 31:
            return False
        before, second = words[at - 1], words[at - 2]
        if words[end] == "of" and words[end + 1] in MONTHS:
            return True
        if before == "the" and (second in WEEKDAYS or second in MONTHS - VERB_MONTHS):
            return True
        if before not in MONTHS:
            return False
        if before not in VERB_MONTHS or value > 3:
            return True
        if self.is_year(end) or self.is_thousand(end):
            return True
        return (second in BEFORE_DATE or second == "") and words[end] not in VERB_AFTER

    # What a number measures.

    def measured(self, at: int) -> bool:
        """Says whether percent, money or a unit follows a number that ends here."""
        word = self.words[at]
        if (
            word in ("percent", "percentage", "degrees", "degree")
            or word in CURRENCIES
            or word in SYMBOLS
            or word in DOLLARS_OF
        ):
            return True
        return self.per_cent(at) or word in ("cents", "pence") or bool(self.long_symbol(at)) or self.is_measure(at)

    def per_cent(self, at: int) -> bool:
        return self.words[at] == "per" and self.words[at + 1] == "cent"

    def long_symbol(self, at: int) -> tuple[str, ...]:
        for length in (3, 2):
            spoken = tuple(self.words[at : at + length])
            if spoken in LONG_SYMBOLS:
                return spoken
        return ()

    def is_measure(self, at: int) -> bool:
        word = self.words[at]
        if word not in MEASURES:
            return False
        return word not in ("square", "cubic", "light") or self.words[at + 1] in COMPOUND_MEASURES

    def plural(self, at: int) -> bool:
        word = self.words[at]
        if word in COUNTED:
            return True
        return len(word) > 3 and word.endswith("s") and not word.endswith("ss") and word not in NO_PLURALS

    def measure(self, at: int, end: int, text: str, number: Number | None) -> int:
        """Writes a number with what it measures.

        Args:
            at: its first word.
            end: index after its last word; "million" is not among them.
            text: in figures.
            number: what was read; None for decimals.
        """
        words = self.words
        after = end
        large = ""
        if words[end] in SCALES and (number is None or number.scale >= 10**6):
            large, after = words[end], end + 1
        word = words[after]
        if word == "percent" or self.per_cent(after):
            percent = f"{text} {large}%" if large else f"{text}%"
            return self.write(percent, at, after + 1 + (word == "per"), "percent", number)
        if word in DOLLARS_OF and words[after + DOLLARS_OF[word]] in ("dollar", "dollars"):
            after += DOLLARS_OF[word]
            word = words[after]
        if word in CURRENCIES and self.is_money(at, after, number, large):
            return self.money(at, after, text, number, large)
        if not large and word in CENTS and number and number.scale == 1 and self.is_coins(at, after, number):
            if word in ("pence", "p"):
                return self.write(f"{text}p", at, after + 1, "money", number)
            return self.write(text, at, after, "money", number)
        spoken = self.long_symbol(after)
        if spoken and LONG_SYMBOLS[spoken].startswith("°") and not large:
            return self.write(text + LONG_SYMBOLS[spoken], at, after + len(spoken), "number", number)
        symbol = LONG_SYMBOLS.get(spoken) or (SYMBOLS.get(word) if not self.is_spelled(after) else None)
        if large:
            self.write(text, at, end, "number", number)
            self.keep(end, after)
        elif symbol or self.counts_measure(at, after, number):
            self.write(text, at, end, "number", number)
        else:
            return 0
        if symbol:
            return self.write(symbol, after, after + (len(spoken) or 1), "")
        return after

    def is_spelled(self, at: int) -> bool:
        """Says whether a unit goes on in words that have no symbol: "kilograms per hectare"."""
        return self.words[at + 1] in ("per", "squared", "cubed") and self.words[at + 2] not in PARTS_OF_DAY

    def counts_measure(self, at: int, end: int, number: Number | None) -> bool:
        """Says whether what follows makes even a small number one in figures."""
        words = self.words
        word = words[end]
        if word == "percentage":
            return words[end + 1] in ("point", "points")
        if word in ("degrees", "degree"):
            return (
                number is None
                or number.value >= 10
                or words[end + 1] in AFTER_DEGREES
                or (words[end + 1] == "" and words[at - 1] in BEFORE_TIME | {"only", "just", "was", "is", "to"})
            )
        if word in SYMBOLS:
            return True
        if not self.is_measure(end):
            return False
        if number is None:
            return True
        if number.value == 1:
            return False
        return not (word in ("feet", "foot") and words[at - 1] in OWNERS)

    def is_money(self, at: int, end: int, number: Number | None, large: str) -> bool:
        """Tells pounds that are paid from pounds that are weighed."""
        words = self.words
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
        if words[end + 1] == "sterling" or self.cents(end + 1)[0]:
            return True
        if words[end + 1] in ("a", "per", "an") and words[end + 2] in ("hour", "day", "week", "month", "year", "night"):
            return True
        return any(near in PAID for near in words[at - 5 : at])

    def cents(self, at: int) -> tuple[int, int]:
        """Reads cents after a currency; returns the index after them, or 0, and how many."""
        words = self.words
        conjunction = words[at] == "and"
        start = at + conjunction
        if words[start] in OH and UNITS.get(words[start + 1]) and not conjunction:
            return start + 2, UNITS[words[start + 1]]
        number = below_hundred(words, start)
        if number is None or number.ordinal or not number.value:
            return 0, 0
        if words[number.end] in CENTS:
            return number.end + 1, number.value
        if conjunction or number.value < 10 or self.measured(number.end) or words[number.end] in MEASURING:
            return 0, 0
        if words[number.end] in ("hundred", *SCALES, *POINTS) or self.plural(number.end):
            return 0, 0
        if below_hundred(words, number.end):
            return 0, 0
        return number.end, number.value

    def money(self, at: int, end: int, text: str, number: Number | None, large: str) -> int:
        words = self.words
        symbol, after = CURRENCIES[words[end]], end + 1
        if text.startswith("-"):
            symbol, text = f"-{symbol}", text[1:]
        if large:
            if large == "thousand":
                text, large = f"{float(text.replace(',', '')) * 1000:,.0f}", ""
            return self.write(f"{symbol}{text} {large}".rstrip(), at, after, "money", number, symbol)
        if number is None:
            whole, _, decimals = text.partition(".")
            return self.write(f"{symbol}{whole}.{decimals:0<2}", at, after, "money", number, symbol)
        if tuple(words[after : after + 3]) == ("and", "a", "half"):
            return self.write(f"{symbol}{text}.50", at, after + 3, "money", number, symbol)
        cents_end, cents = self.cents(after)
        if cents_end:
            return self.write(f"{symbol}{text}.{cents:02}", at, cents_end, "money", number, symbol)
        return self.write(f"{symbol}{text}", at, after, "money", number, symbol)

    def is_coins(self, at: int, end: int, number: Number) -> bool:
        words = self.words
        if words[end] == "p":
            return number.value >= 2 and words[end + 1] != "m" and len(words[end + 1]) != 1
        if words[end] == "penny" or (words[end] == "cent" and number.value == 1):
            return False
        return words[at - 1] not in OWNERS
