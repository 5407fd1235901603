"""Figures -> the words that people say, in any language that num2words knows or that has a table of its own.

English has rules for dates, money and much else (`training.verbalise`). Here a number is a number: whole ones,
decimals, ordinals that are marked as such, years where they are read unlike other numbers. Dates and times are read
number by number.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from num2words import CONVERTER_CLASSES, num2words

from training.language_rules import Rules

# As in `training.verbalise`: more figures are the name of something, and read one by one.
_LONGEST_UNGROUPED, _LONGEST = 7, 36
_YEAR = re.compile(r"1[1-9]\d\d")
_BETWEEN_THOUSANDS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f'\u2019\u066c](?=\d{3}(?!\d))|(?<=\d) (?=000(?!\d))")
_ARABIC_DECIMAL = re.compile(r"(?<=\d)\u066b(?=\d)")
# A currency that is named before its amount is said after it; of the next smaller coin only what there is.
_CURRENCY = re.compile(
    r"((?:(?<!\w)[a-z]{1,2})?[$\u20ac\u00a3\u00a5\u20b9\u20bd\u20b4\u20ba\u20bf])\s?(\d[\d.,]*?)(?:[.,]00)?(?![\d]|[.,]\d)"
)


def joined(text: str) -> str:
    """Takes out spaces and apostrophes between the thousands of a number: "10 000" -> "10000"."""
    return _BETWEEN_THOUSANDS.sub("", _ARABIC_DECIMAL.sub(".", text))


class Numbers:
    """Reads numbers in one language.

    Args:
        rules: of the language.

    Attributes:
        known: whether it can read any; figures stay as they are where it cannot.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._code = _code(rules)
        self._cardinal = lru_cache(maxsize=10_000)(self._spelt_cardinal)
        self._ordinal = lru_cache(maxsize=1_000)(lambda value: self._asked(value, "ordinal"))
        self._year = lru_cache(maxsize=1_000)(lambda value: self._asked(value, "year"))
        self.known = self._cardinal(1) is not None
        if not self.known:
            return
        self._point = rules.point or self._said_between()
        self._minus = self._said_before()
        group = "." if rules.decimal == "," else ","
        number = rf"\d{{1,3}}(?:\{group}\d{{3}})+(?![\d])(?:\{rules.decimal}\d+)?|\d+(?:[.,]\d+)?"
        endings = "|".join(sorted(map(re.escape, rules.ordinals), key=len, reverse=True)) or "(?!)"
        self._rules_in_turn: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
            (_CURRENCY, lambda m: f"{m[2]} {m[1]} "),
            (re.compile(rf"(?<![\d.,])(\d{{1,6}})\.?({endings})(?!\w)"), self._marked),
            (re.compile(r"(?<![\w)])-(?=\d)"), lambda _: f" {self._minus} "),
            (re.compile(number), lambda m: self._number(m, group)),
        ]

    def words(self, text: str) -> str:
        """Returns a text, in lower case, whose figures are words; those that cannot be read stay."""
        if self.known and any(map(str.isdigit, text)):
            for pattern, read in self._rules_in_turn:
                text = pattern.sub(read, text)
        return text

    def _number(self, m: re.Match[str], group: str) -> str:
        figures = m[0]
        if re.fullmatch(rf"\d{{1,3}}(?:\{group}\d{{3}})+.*", figures):
            figures, is_grouped = figures.replace(group, ""), True
        else:
            is_grouped = False
        whole, _, decimals = figures.replace(",", ".").partition(".")
        said = self._whole(whole, is_grouped)
        if decimals:
            parts = [said, self._point, self._one_by_one(decimals)]
            said = None if None in parts else " ".join(filter(None, parts))
        return f" {said} " if said is not None else m[0]

    def _whole(self, figures: str, is_grouped: bool) -> str | None:
        if self._rules.years and not is_grouped and _YEAR.fullmatch(figures) and (year := self._year(int(figures))):
            return year
        longest = _LONGEST if is_grouped or figures.endswith("000") else _LONGEST_UNGROUPED
        if len(figures) > longest or (len(figures) > 1 and figures.startswith("0")):
            return self._one_by_one(figures)
        return self._cardinal(int(figures)) or self._one_by_one(figures)

    def _one_by_one(self, figures: str) -> str | None:
        said = [self._cardinal(int(figure)) for figure in figures]
        return None if None in said else " ".join(filter(None, said))

    def _marked(self, m: re.Match[str]) -> str:
        said = self._ordinal(int(m[1]))
        if said is None:
            return m[0]
        ending, instead = self._rules.ordinals[m[2]]
        return f" {said.removesuffix(ending) + instead if ending and said.endswith(ending) else said} "

    def _spelt_cardinal(self, value: int) -> str | None:
        if self._rules.numbers:
            return self._rules.numbers.get(value)
        return self._asked(value, "cardinal")

    def _asked(self, value: float, to: str) -> str | None:
        if not self._code:
            return None
        try:
            said = num2words(value, lang=self._code, to=to)
        # What num2words has no words for raises whatever its language does: OverflowError, NotImplementedError,
        # IndexError, KeyError, TypeError ...
        except Exception:
            return None
        return " ".join(str(said).replace(",", " ").lower().split()) or None

    def _said_between(self) -> str:
        """Returns how the mark before decimals is said, as num2words says it; "" where it cannot be told."""
        said, one, five = self._asked(1.5, "cardinal"), self._cardinal(1), self._cardinal(5)
        words = said.split() if said else []
        return words[1] if len(words) == 3 and (words[0], words[2]) == (one, five) else ""

    def _said_before(self) -> str:
        """Returns how a minus is said; "" where it cannot be told."""
        said, one = self._asked(-1, "cardinal"), self._asked(1, "cardinal")
        return said.removesuffix(one).strip() if said and one and said.endswith(one) else ""


def _code(rules: Rules) -> str:
    """Returns num2words' code for a language; "" where it has none."""
    language, _, region = rules.tag.partition("-")
    own = f"{language}_{region}", {"nb": "no", "nn": "no"}.get(language, language)
    wanted = (rules.num2words,) if rules.num2words else own
    return next((code for code in wanted if code in CONVERTER_CLASSES), "")
