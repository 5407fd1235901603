"""Numbers, dates, times, money, units and addresses as they are written -> the words that people say, in English.

num2words spells the numbers themselves. Which number is a year, a price or a day of a month shows in what stands around
it: each rule below rewrites one kind, the most particular first, and leaves figures that it does not know to the next.
NVIDIA's NeMo text processing does the same with compiled grammars, but takes milliseconds a sentence and OpenFst, and
this runs over millions of sentences.

Where people say several things, the rules follow how `hark.itn` reads numbers back: "five dollars and fifty cents",
"two pounds fifty", "nineteen oh five", "january third", "three p m".
"""

import re
from collections.abc import Callable
from functools import lru_cache

from num2words import num2words

_Match = re.Match[str]
# More ungrouped digits than this are the name of something, and are read one by one; so are more than _LONGEST.
_LONGEST_UNGROUPED = 7
_LONGEST = 36
# Characters on either side that are looked at to tell what is meant.
_NEAR = 40
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_SHORT_MONTHS = {month[:3]: month for month in _MONTHS if month != "May"} | {"Sept": "September"}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT_DAYS = {day[:3]: day for day in _DAYS} | {"Tues": "Tuesday", "Thur": "Thursday", "Thurs": "Thursday"}
_MONTH = f"(?:{'|'.join(_MONTHS)}|{'|'.join(map(str.upper, _MONTHS))})"

# Each currency: one, several, a hundredth of it, several of these.
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"), "\u20ac": ("euro", "euros", "cent", "cents"),
    "\u00a3": ("pound", "pounds", "penny", "pence"), "\u00a5": ("yen", "yen", "", ""),
    "\u20b9": ("rupee", "rupees", "", ""), "\u20bd": ("ruble", "rubles", "", ""), "\u20a9": ("won", "won", "", ""),
    "\u20bf": ("bitcoin", "bitcoins", "", ""), "\u20ba": ("lira", "lira", "", ""), "\u20a6": ("naira", "naira", "", ""),
}  # fmt: skip
_CODES = {
    "EUR": "\u20ac",
    "USD": "$",
    "GBP": "\u00a3",
    "JPY": "\u00a5",
    **dict.fromkeys(("INR", "Rs", "Rs."), "\u20b9"),
}
_SCALES = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "mln": "million",
    "bn": "billion", "b": "billion", "B": "billion", "tn": "trillion", "T": "trillion",
    **{name: name for name in ("hundred", "thousand", "million", "billion", "trillion")},
}  # fmt: skip
_PER = {
    "mo": "month", "yr": "year", "hr": "hour", "h": "hour", "wk": "week", "kg": "kilogram", "lb": "pound", "l": "liter",
    **{name: name for name in ("month", "year", "day", "hour", "week", "night", "person", "head", "minute", "mile")},
}  # fmt: skip

_UNITS = {
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "\u03bcm": "micrometer", "nm": "nanometer", "m": "meter",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "\u03bcg": "microgram", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "ft": "foot", "yd": "yard", "mi": "mile", "in": "inch", "l": "liter", "L": "liter",
    "ml": "milliliter", "mL": "milliliter", "cl": "centiliter", "dl": "deciliter", "ha": "hectare",
    "h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "sec": "second", "secs": "second",
    "s": "second", "ms": "millisecond", "\u03bcs": "microsecond", "ns": "nanosecond",
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "dB": "decibel",
    "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "PB": "petabyte",
    "kbps": "kilobit per second", "Mbps": "megabit per second", "Gbps": "gigabit per second",
    "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "kWh": "kilowatt hour", "V": "volt",
    "mV": "millivolt", "kV": "kilovolt", "mA": "milliamp", "mAh": "milliamp hour", "\u03a9": "ohm",
    "kcal": "kilocalorie", "kJ": "kilojoule", "Pa": "pascal", "kPa": "kilopascal", "hPa": "hectopascal",
    "mph": "mile per hour", "kph": "kilometer per hour", "mpg": "mile per gallon", "rpm": "revolution per minute",
    "\u00b0C": "degree celsius", "\u00b0F": "degree fahrenheit", "\u00b0": "degree",
}  # fmt: skip
_UNCOUNTED = frozenset({"hertz", "kilohertz", "megahertz", "gigahertz"})
_SEVERAL = {"foot": "feet", "inch": "inches"}
# These stand for a unit only where they touch their number: "5 s" and "2 in" are other things as well.
_TOUCHING = frozenset({"s", "h", "in", "mi", "\u00b0"})
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))

_MONARCHS = (
    "henry|louis|lewis|edward|george|charles|james|william|richard|elizabeth|mary|napoleon|philip|john|paul|pius|benedict|"
    "gregory|leo|innocent|clement|boniface|urban|alexander|nicholas|peter|catherine|frederick|wilhelm|ferdinand|"
    "francis|joseph|leopold|christian|gustav|gustavus|haakon|harald|margaret|juan|felipe|alfonso|pedro|victor|"
    "emmanuel|ptolemy|ramses|rameses|darius|xerxes|antiochus|constantine|justinian|theodosius|otto|rudolf|maximilian|"
    "stephen|robert|david|baldwin|mehmed|murad|selim|sixtus|julius|adrian|umberto|carol|willem|albert"
)
_NUMBERED = (
    "chapter|book|part|act|scene|volume|section|article|type|phase|stage|war|figure|table|title|appendix|canto|level|"
    "class|bowl|grade|lesson|exercise|psalm|sonnet|symphony|page|unit|rule|amendment|verse|plate|episode"
)
_ROMAN_VALUES = {"M": 1000, "D": 500, "C": 100, "L": 50, "X": 10, "V": 5, "I": 1}
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_NUMERAL_ENDS = r"(?!\w|'(?!s\b))"
# Where "I" cannot be a person.
_NO_PERSON = r"(?=\s*(?:[.,;:!?)\"]|$)| of\b)"

_ADDRESS_ENDS = "com|org|net|edu|gov|info|io|ai|dev|app|tv|eu|co\\.uk|de|fr"
_ADDRESS_SIGNS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", "%": "percent", "+": "plus", "~": "tilde",
}  # fmt: skip
_SPELT_IN_ADDRESSES = frozenset({"www", "uk", "io", "ai", "tv", "eu", "de", "fr"})


@lru_cache(maxsize=10_000)
def _cardinal(value: int) -> str:
    return _words(num2words(value))


@lru_cache(maxsize=10_000)
def _year(value: int) -> str:
    return _words(num2words(value, to="year"))


@lru_cache(maxsize=1_000)
def _ordinal(value: int) -> str:
    return _words(num2words(value, to="ordinal"))


def _words(spelt: str) -> str:
    return spelt.replace("-", " ").replace(",", "")


def _digits(figures: str) -> str:
    return " ".join(_cardinal(int(each)) for each in figures if each.isdigit())


def _amount(figures: str) -> str:
    """Reads a number with or without commas and decimals; "2024" is 2024 of something."""
    whole, _, decimals = figures.partition(".")
    plain = whole.replace(",", "")
    longest = _LONGEST if "," in whole or plain.endswith("000") else _LONGEST_UNGROUPED
    if len(plain) > longest or (len(plain) > 1 and plain.startswith("0")):
        read = _digits(plain)
    else:
        read = _cardinal(int(plain)) if plain else ""
    return f"{read} point {_digits(decimals)}" if decimals else read


def _number(m: _Match) -> str:
    """Reads a number of which nothing else is known; of four digits it may be a year."""
    figures = m[0]
    if re.fullmatch(r"1[1-9]\d\d|20[1-9]\d", figures):
        return f" {_year(int(figures))} "
    return f" {_amount(figures)} "


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}es" if word.endswith("x") else f"{word}s"


def _decade(m: _Match) -> str:
    value = int(m[1])
    if m[1] == "00":
        return " two thousands "
    if value < 10 or value in (100, 1000):
        return f" {_plural(_cardinal(value).removeprefix('one ') if value > 1 else 'one')} "
    if value < 100 or value % 1000 == 0:
        return f" {_plural(_cardinal(value))} "
    return f" {_plural(_year(value))} "


def _before(m: _Match) -> str:
    """Returns the end of what stands before a match: enough for the words that decide, so that no rule is quadratic."""
    return m.string[max(m.start() - _NEAR, 0) : m.start()]


def _after(m: _Match) -> str:
    return m.string[m.end() : m.end() + _NEAR]


def _day_of_month(day: str) -> str:
    return _ordinal(int(day))


def _month_day(m: _Match) -> str:
    if not (1 <= int(m[2]) <= 31 and (m[3] is None or 1 <= int(m[3]) <= 31)):
        return m[0]
    until = f" to {_day_of_month(m[3])}" if m[3] else ""
    return f"{m[1]} {_day_of_month(m[2])}{until} "


def _day_month(m: _Match) -> str:
    if not 1 <= int(m[2]) <= 31:
        return m[0]
    return f"{m[1] or 'the '}{_day_of_month(m[2])} of {m[3]} "


def _days_month(m: _Match) -> str:
    if not (1 <= int(m[1]) <= 31 and 1 <= int(m[2]) <= 31):
        return m[0]
    return f"the {_day_of_month(m[1])} to the {_day_of_month(m[2])} of {m[3]} "


def _date(year: str, month: str, day: str, day_first: bool = False) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return ""
    value = int(year) if len(year) == 4 else 2000 + int(year)
    name = _MONTHS[int(month) - 1]
    said = f"the {_day_of_month(day)} of {name}" if day_first else f"{name} {_day_of_month(day)}"
    return f" {said} {_year(value)} "


def _slashed_date(m: _Match) -> str:
    if int(m[1]) > 12:
        return _date(m[3], m[2], m[1], day_first=True) or m[0]
    return _date(m[3], m[1], m[2]) or m[0]


def _time(m: _Match) -> str:
    hour, minute, second, half = int(m[1]), int(m[2]), m[3], m[4]
    if minute:
        said = f"{_cardinal(hour)} {'oh ' if minute < 10 else ''}{_cardinal(minute)}"
    elif half or second:
        said = _cardinal(hour) if half else f"{_cardinal(hour)} hundred"
    else:
        said = f"{_cardinal(hour)} o'clock" if 1 <= hour <= 12 else f"{_cardinal(hour)} hundred"
    if second:
        said += f" {'oh ' if int(second) < 10 else ''}{_cardinal(int(second))}"
    return f" {said} {half.lower() + ' m ' if half else ''}"


def _hour(m: _Match) -> str:
    return f" {m[1]} {m[2].lower()} m " if 1 <= int(m[1]) <= 12 else m[0]


def _ratio(m: _Match) -> str:
    return f"{m[1]} to {m[2]}" if "1" in (m[1], m[2]) else f"{m[1]} {m[2]}"


def _money(m: _Match) -> str:
    country, symbol, figures, until, scale, per = m.groups()
    return f" {_priced(country or '', symbol, figures, until, scale)}{f' per {_PER[per]}' if per else ''} "


def _money_after(m: _Match) -> str:
    return f" {_priced('', m[3], m[1], None, m[2])} "


def _priced(country: str, symbol: str, figures: str, until: str | None, scale: str | None) -> str:
    one, several, cent, cents = _CURRENCIES[symbol]
    name = "".join(f"{letter.lower()} " for letter in country)
    whole, _, decimals = figures.partition(".")
    if cent and len(decimals) == 2 and not scale and not until:
        count, part = int(whole.replace(",", "") or 0), int(decimals)
        parts = f"{_cardinal(part)} {cent if part == 1 else cents}"
        if part and not count:
            return parts
        said = f"{_amount(whole)} {name}{one if count == 1 else several}"
        if not part:
            return said
        return f"{said} {_cardinal(part)}" if symbol == "\u00a3" else f"{said} and {parts}"
    said = _amount(figures) + (f" to {_amount(until)}" if until else "") + (f" {_SCALES[scale]}" if scale else "")
    return f"{said} {name}{one if said == 'one' else several}"


def _part(m: _Match) -> str:
    whole, above, below = m[1], int(m[2]), int(m[3])
    if below in (10, 100) and above > 1 and not whole:
        return f" {_cardinal(above)} out of {_cardinal(below)} "
    if not 0 < above < below or not (2 <= below <= 10 or below in (12, 16, 32, 64, 100)):
        return m[0]
    if below == 2:
        if whole:
            return f" {_amount(whole)} and a half "
        return f" half {_article(m)}"
    name = {4: "quarter"}.get(below) or _ordinal(below)
    said = f"{_cardinal(above)} {name}{'s' if above > 1 else ''}"
    return f" {_amount(whole)} and {said} " if whole else f" {said} "


_NO_ARTICLE = frozenset({"of", "the", "a", "an", "or", "and", "my", "his", "her", "our", "your", "their", "is", "was"})
_NO_ARTICLE |= {"to", "in", "as", "for", "that", "this", "its", "past", "full", "empty", "price", "off", "way", "on"}


def _article(m: _Match) -> str:
    """Returns "a " in half a cup, but not in the first half, half of it, half cups."""
    following = re.match(r"\s+([A-Za-z]+)(?!\w)", _after(m))
    before = re.search(r"([A-Za-z]+)\s*$", _before(m))
    if not following or following[1].lower() in _NO_ARTICLE or re.search(r"[^s]s$", following[1]):
        return ""
    if before and before[1].lower() in ("a", "an", "the", "one", "first", "second", "other", "last", "and"):
        return ""
    return "an " if re.match(r"[aeio]|hour|honest", following[1].lower()) else "a "


def _measure(m: _Match) -> str:
    figures, space, unit, power, per = m.groups()
    if (space and unit in _TOUCHING) or (power and per):
        return m[0]
    if unit == "s" and len(figures) > 2 and figures.isdigit():  # 747s, which are no seconds
        return f" {_plural(_amount(figures))} "
    singular = figures == "1" or space == "-"
    name = _name_of_unit(unit, singular)
    if power:
        name = f"{'square' if power == '2' else 'cubic'} {name}"
    return f" {_amount(figures)} {name}{f' per {_name_of_unit(per, True)}' if per else ''} "


def _name_of_unit(unit: str, singular: bool) -> str:
    first, _, rest = _UNITS[unit].partition(" ")
    if rest.endswith("hour") and not rest.startswith("per"):  # kilowatt hours
        return f"{first} {rest}" + ("" if singular else "s")
    counted = first if singular or first in _UNCOUNTED else _SEVERAL.get(first, f"{first}s")
    return f"{counted} {rest}".strip()


def _scaled(m: _Match) -> str:
    if m[0] in ("4K", "8K"):  # of a screen
        return f"{m[1]} k"
    if m[2] == "B" and "." not in m[1]:  # of a house, a gate or a seat
        return f"{m[1]} b"
    return f" {_amount(m[1])} {_SCALES[m[2]]} "


def _range(m: _Match) -> str:
    following = re.match(r"\d+", _after(m))
    if following and (m[1] == following[0] or (m[1], following[0]) == ("24", "7")):  # 50-50, 24-7
        return f"{m[1]} {m[2]}"
    return f"{m[1]} to {m[2]}"


def _hyphened(m: _Match) -> str:
    parts = m[0].split("-")
    if any(len(part) > 2 for part in parts):
        return f" {_digits(m[0])} "
    return f" {' '.join(parts)} "


def _seven_digits(m: _Match) -> str:
    """Reads 555-1234 as a telephone's number, and 500-1000 as from ... to."""
    return f"{m[1]} to {m[2]}" if m[2].endswith("00") else f" {_digits(m[0])} "


def _telephone(m: _Match) -> str:
    return f" {'plus ' if '+' in m[0] else ''}{_digits(m[0])} "


def _network_address(m: _Match) -> str:
    return f" {' dot '.join(map(_amount, m[0].split('.')))} "


def _version(m: _Match) -> str:
    return f" {' point '.join(map(_amount, m[0].split('.')))} "


def _dotted_date(m: _Match) -> str:
    return _date(m[3], m[2], m[1], day_first=True) or m[0]


def _address(m: _Match) -> str:
    address = m[0].rstrip(".,;:!?)'\"")
    rest = m[0][len(address) :]
    address = re.sub(r"^[a-z]+://", "", address, flags=re.IGNORECASE).rstrip("/")
    said = []
    for part in re.findall(r"[A-Za-z]+|\d+|.", address):
        if part in _ADDRESS_SIGNS:
            said.append(_ADDRESS_SIGNS[part])
        elif part.isdigit():
            said.append(_amount(part))
        else:
            said.append(" ".join(part) if part.lower() in _SPELT_IN_ADDRESSES else part.lower())
    return f" {' '.join(said)} {rest}"


def _ordinal_number(m: _Match) -> str:
    plain = m[1].replace(",", "")
    return f" {_ordinal(int(plain)) if len(plain) <= _LONGEST_UNGROUPED else _digits(plain)} "


def _hashtag(m: _Match) -> str:
    return " hashtag " + re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", m[1].replace("_", " "))


def _saint_or_street(m: _Match) -> str:
    """Reads St. as street or saint; at the end of a text, where sentences were wrongly cut, it mostly stays."""
    before, after = _before(m), _after(m)
    if _STREET.search(before):
        return "street "
    if re.match(r"[A-Z]", after):
        return "saint "
    return "street " if after and re.search(r"\b[A-Z][a-z]+\s+$", before) else m[0]


_STREET = re.compile(r"\b(?:\d+(?:st|nd|rd|th)|\d+ [A-Z]\w+|Main|High|Wall|Market|Oak|Elm|Bond|Fleet|Baker|first|second"
                     r"|third|fourth|\w+th|(?:east|west|north|south) [A-Z]\w+)\s+$")  # fmt: skip


def _numbered(m: _Match) -> str:
    value = _roman(m[2])
    return f"{m[1]} {_cardinal(value)}" if value else m[0]


def _monarch(m: _Match) -> str:
    value = _roman(m[2])
    return f"{m[1]} the {_ordinal(value)}" if value else m[0]


def _bare_roman(m: _Match) -> str:
    if m[0] == "IV" and (
        re.search(r"\b[Aa]n\s+$", _before(m)) or re.match(r"\s+(?:drip|line|fluid|bag|antibiotic|therapy)", _after(m))
    ):
        return "i v"  # intravenous
    value = _roman(m[0])
    return _cardinal(value) if value else m[0]


def _roman(letters: str) -> int:
    """Returns the value of a Roman numeral; 0 where the letters are none."""
    if not _ROMAN.fullmatch(letters):
        return 0
    values = [_ROMAN_VALUES[letter] for letter in letters]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0], strict=True))


_Rule = tuple[re.Pattern[str], str | Callable[[_Match], str]]
_SYMBOL = "".join(map(re.escape, _CURRENCIES))
_SCALE = "|".join(sorted(_SCALES, key=len, reverse=True))

# Addresses, whose dots and figures the other rules must not see.
_ADDRESSES: list[_Rule] = [
    (re.compile(r"(?<![\w.])[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), _address),
    (re.compile(r"(?i:\bhttps?://|\bftp://|\bwww\.)[^\s<>\"]+"), _address),
    (re.compile(rf"(?i)(?<![\w@.])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:{_ADDRESS_ENDS})(?![\w-]|\.\w)(?:/[^\s<>\"]*)?"),
     _address),
]  # fmt: skip

_WITH_FIGURES: list[_Rule] = [
    # Names of something
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)"), _network_address),
    (re.compile(r"(?<!\w)\+\d[\d ()-]{6,}\d"), _telephone),
    (re.compile(r"(?<![\w.,-])(?:1[-. ])?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?![\d-])"), _telephone),
    (re.compile(r"(?<![\w.,-])(\d{3})-(\d{4})(?![\w-])"), _seven_digits),
    # Dates
    (re.compile(r"(?<![\w-])(\d{4})[-/](\d{2})[-/](\d{2})(?:T(?=\d\d:))?(?![\d-])"),
     lambda m: _date(m[1], m[2], m[3]) or m[0]),
    (re.compile(r"(?<![\w/])(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?![\w/])"), _slashed_date),
    (re.compile(r"(?<![\w.])(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\w)"), _dotted_date),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+){2,}(?!\w)"), _version),
    (re.compile(r"(?<![\w-])\d+(?:-\d+){2,}(?![\w-])"), _hyphened),
    (re.compile(rf"\b({'|'.join(_SHORT_MONTHS)})\b\.?(?=\s+\d)|(?<=\d )({'|'.join(_SHORT_MONTHS)})\b\.?"
                rf"|(?<=\d(?:st|nd|rd|th) )({'|'.join(_SHORT_MONTHS)})\b\.?"
                rf"|(?<=\bof )({'|'.join(_SHORT_MONTHS)})\b\.?"),
     lambda m: _SHORT_MONTHS[m[1] or m[2] or m[3] or m[4]]),
    (re.compile(rf"\b({'|'.join(_SHORT_DAYS)})\b\.?(?=,?\s+(?:\d{{1,2}}(?:st|nd|rd|th)?\s+)?{_MONTH})"),
     lambda m: _SHORT_DAYS[m[1]]),
    (re.compile(rf"\b({_MONTH}),?\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:\s?[-\u2013]\s?(\d{{1,2}})(?:st|nd|rd|th)?)?"
                r"(?![\w%]|[:.,/]\d|\s?[ap]\.?m\b)"),
     _month_day),
    (re.compile(rf"(?<![\w.,:/-])(\d{{1,2}})(?:st|nd|rd|th)?\s?[-\u2013]\s?(\d{{1,2}})(?:st|nd|rd|th)?\s+({_MONTH})\b"),
     _days_month),
    (re.compile(rf"(?<![\w.,:/-])([Tt]he\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\b"), _day_month),
    # Times
    (re.compile(r"(?<=\d)( ?[ap]\.?m\.?)? ?[-\u2013] ?(?=\d{1,2}(?::[0-5]\d| ?[ap]\.?m\b))"),
     lambda m: f"{m[1] or ''} to "),
    (re.compile(r"(?<![\d:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])(?:\s?([AaPp])\.?[Mm]\b\.?)?"), _time),
    (re.compile(r"(?<![\d:.,])(\d{1,2})\.([0-5]\d)()\s?([AaPp])\.?[Mm]\b\.?"), _time),
    (re.compile(r"(?<![\d:.,])(\d{1,2})\s?([AaPp])\.?[Mm]\b\.?"), _hour),
    (re.compile(r"(?<![\d:.])(\d{1,3}):(\d{1,3})(?![\d:])"), _ratio),
    (re.compile(r"(?<=\d) ?(BCE|BC|AD|CE)\b"), lambda m: f" {' '.join(m[1])}"),
    # From ... to
    (re.compile(rf"(?<![\w.,:/-])({_NUMBER}(?:%|'?s|st|nd|rd|th|k|m|bn|K|M)?)"
                rf"(?:-| ?\u2013 ?| - (?=[{_SYMBOL}]))([{_SYMBOL}]?(?={_NUMBER}(?!-)))"), _range),
    (re.compile(rf"(?<![\w)\]-])-(?=\.?\d|[{_SYMBOL}]\d)"), " minus "),
    # Money
    (re.compile(r"\b(EUR|USD|GBP|JPY|INR|Rs\.?) ?(?=\d)|(?<=\d) ?\b(EUR|USD|GBP|JPY|INR)\b"),
     lambda m: _CODES[m[1] or m[2]]),
    (re.compile(rf"(?:(?<!\w)(US|AU?|CA?|NZ|HK|S))?([{_SYMBOL}])\s?({_NUMBER}|\.\d+)(?: to ({_NUMBER}))?"
                rf"(?:\s?({_SCALE})(?!\w))?(?:\s?/\s?({'|'.join(_PER)})\b)?"),
     _money),
    (re.compile(rf"(?<![\w.,])({_NUMBER})\s?({_SCALE})?\s?([{_SYMBOL}])(?![\w])"), _money_after),
    (re.compile(rf"(?<![\w.,])({_NUMBER})\s?\u00a2"),
     lambda m: f" {_amount(m[1])} {'cent' if m[1] == '1' else 'cents'} "),
    (re.compile(r"(?<![\w.,])(\d{1,2})p\b"), lambda m: f" {_amount(m[1])} {'penny' if m[1] == '1' else 'pence'} "),
    # Parts and decades
    (re.compile(r"(?<![\w.,/])(?:(\d+)[ -])?(\d{1,3})/(\d{1,3})(?![\w/])"), _part),
    (re.compile(r"(?:(?<!\w)')?(?<![\w.,])(\d{3}0|100|00|[2-9]0|\d)'?s\b"), _decade),
    # Units
    (re.compile(r"(?<=\d) ?sq\.? ?(ft|m|km|mi|in|yd)\b"), r"\1^2"),
    (re.compile(r"\u00b0 (?=[CF]\b)"), "\u00b0"),
    (re.compile(r"(?<![\w.,])(\d)'\s?(\d{1,2})(?:\"|'')"), r"\1 foot \2"),
    (re.compile(rf"(?<![\w.,])({_NUMBER})([ -]?)({_UNIT})(?:\^?([23]))?(?:/({_UNIT}))?(?![\w'/])"), _measure),
    (re.compile(rf"(?<![\w.,])({_NUMBER})({_SCALE})\b(?<!m|b|T)"), _scaled),
    # Numbers
    (re.compile(r"\b(Nos?)\.\s?(?=\d)"), lambda m: "numbers " if m[1] == "Nos" else "number "),
    (re.compile(r"\b(?i:(vol|ch|fig|pp|p|sec))\.\s?(?=\d)"),
     lambda m: {"vol": "volume ", "ch": "chapter ", "fig": "figure ", "pp": "pages ", "p": "page ", "sec": "section "}[
         m[1].lower()]),
    (re.compile(r"#\s?(?=\d)"), " number "),
    (re.compile(r"~\s?(?=\d)"), " about "),
    (re.compile(r"(?:<|&lt;)\s?(?=\d)"), " less than "),
    (re.compile(r">\s?(?=\d)"), " greater than "),
    (re.compile(r"\^2(?!\d)"), " squared "),
    (re.compile(r"\^3(?!\d)"), " cubed "),
    (re.compile(r"\^(?=\d)"), " to the power of "),
    (re.compile(r"(?i)(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b"), _ordinal_number),
    (re.compile(r"\b([Ii]n|[Oo]f|[Ss]ince|[Uu]ntil|[Yy]ear) (10\d\d)(?![\w,.]*\d)"),
     lambda m: f"{m[1]} {_year(int(m[2]))}"),
    (re.compile(r"(?<![\w.])\.(\d+)"), lambda m: f" point {_digits(m[1])} "),
    (re.compile(_NUMBER), _number),
]  # fmt: skip

_WITHOUT_FIGURES: list[_Rule] = [
    (
        re.compile(r"\b(?i:(vol|ch|fig))\.\s?(?=[IVXLC]+\b)"),
        lambda m: {"vol": "volume ", "ch": "chapter ", "fig": "figure "}[m[1].lower()],
    ),
    (re.compile(r"\b((?i:world war)) (I)\b(?!')"), _numbered),
    (
        re.compile(rf"\b((?i:{_NUMBERED})s?)\s+([IVXLCDM]*[VXLCDM][IVXLCDM]*|II+|I{_NO_PERSON}){_NUMERAL_ENDS}"),
        _numbered,
    ),
    (re.compile(rf"\b((?i:{_MONARCHS}))\s+([IVXLC]{{2,}}|V|X|I{_NO_PERSON}){_NUMERAL_ENDS}"), _monarch),
    (re.compile(rf"(?<![\w'.-])[IVX]{{2,}}{_NUMERAL_ENDS}(?!\.\w)"), _bare_roman),
    (re.compile(r"\b(Mt|Ft)\.\s+(?=[A-Z])"), lambda m: "mount " if m[1] == "Mt" else "fort "),
    (re.compile(r"\bSt(?:\.\s*|\s+(?=[A-Z]))"), _saint_or_street),
    (re.compile(r"(?:\betc\b\.?|&c\b\.?)"), " et cetera "),
    (re.compile(r"\b([CF])#"), r"\1 sharp "),
    (re.compile(r"#([A-Za-z]\w*)"), _hashtag),
]

# What a text must have for any rule of the last list to apply, in one look.
MAY_STAND_FOR_WORDS = re.compile(
    r"\b(?:[IVXLC]{2,}|[IVX]\b(?<!I)|(?:St|Mt|Ft)\.|St [A-Z]|etc\b|war I\b|War I\b)|[A-Za-z] I(?=[.,;:!?)]|$)"
)


def verbalise(text: str) -> str:
    """Returns a text whose numbers, dates, money, units, Roman numerals and addresses are words.

    Capitals show what is meant ("IV", "5M", "May 3"), so they must still be there.

    >>> verbalise("Chapter IV costs $5.50 on Jan 3rd").split()
    ['Chapter', 'four', 'costs', 'five', 'dollars', 'and', 'fifty', 'cents', 'on', 'January', 'third']
    """
    if "." in text:
        text = _applied(_ADDRESSES, text)
    if any(c.isdigit() for c in text):
        text = _applied(_WITH_FIGURES, text)
    return _applied(_WITHOUT_FIGURES, text)


def _applied(rules: list[_Rule], text: str) -> str:
    for pattern, words in rules:
        text = pattern.sub(words, text)
    return text
