"""Writes what names a thing and counts nothing: "chapter 5", "flight 247", PINs and telephone numbers."""

from collections.abc import Sequence

from hark.itn import dates, decimals, following, measures
from hark.itn.cardinals import Number, below_hundred, cardinal, digits
from hark.itn.draft import Draft
from hark.itn.vocabulary import (
    AFTER_PRONOUN,
    BEFORE_PRONOUN,
    CODES,
    COUNTED,
    DIALS,
    DIGITS,
    MULTIPLIERS,
    NUMBER_WORDS,
    NUMBERED,
    OFTEN_NUMBERED,
    OH,
    PHONES,
    PLURAL_NUMBERED,
    POINTS,
    REPEATS,
    SECRETS,
    TEENS,
    TENS,
    UNITS,
)

# What is numbered has no number after these: "at this stage two of us were out".
_BEFORE_UNNUMBERED = BEFORE_PRONOUN - {"the", "only", "another"} | {"these", "those", "first", "same"}


def code(draft: Draft, at: int) -> int:
    """Writes the number of what is numbered: "flight two four seven", "page one hundred and five", "b five"."""
    words = draft.words
    cue = _cue(words, at)
    if not cue:
        return 0
    found = digits(words, at, pairs=True)
    end, text, groups = found.end, found.text, len(found.spoken)
    if cue == "letter" and words[at - 1] == "q" and groups > 1 and dates.is_year(words, at + 1):  # quarters of a year
        return draft.write(str(UNITS[words[at]]), at, at + 1, "code") if UNITS.get(words[at]) else 0
    counts = following.measured(words, end) or following.counted(words, end) or words[end] in ("of", "more")
    if groups >= 2 and found.head and counts and words[found.head_end - 1] not in OH:  # "version two four megabytes"
        end, text, groups = found.head_end, found.head, 2
    elif groups < 2:
        number = cardinal(words, at)
        if number is None or number.ordinal or number.scale >= 10**6:
            return 0
        end, text = number.end, str(number.value)
    if groups == 2 and found.spoken[1:] == [found.spoken[0] + 1] and words[end] in ("and", "or"):
        return 0  # "pages one two and three"
    if words[end : end + 3] == ["and", "a", "half"]:
        return 0  # "size nine and a half"
    if following.measured(words, end) or (groups < 2 and _is_no_code(words, at, end, text, cue)):
        return 0
    if decimals.begin(words, end):
        end, text = decimals.read(words, end, text)
    elif cue != "numbered" or words[at - 1] == "number":
        text = _telephone(words, at, text)
    draft.write(text, at, end, "code")
    item = draft.items[-1]
    item.plural = words[at - 1] in PLURAL_NUMBERED
    item.value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return end


def _cue(words: Sequence[str], at: int) -> str:
    """Says what before a word shows that a numbered thing follows: "numbered", "often", "code", "letter" or ""."""
    before, second = words[at - 1], words[at - 2]
    if before in NUMBERED:
        return "numbered"
    if before in OFTEN_NUMBERED:
        return "often"
    if before in ("is", "was", "are") and (second in CODES or second in PHONES):
        return "code"
    if before in ("is", "was") and not SECRETS.isdisjoint(words[at - 7 : at - 1]):
        return "code"
    if len(before) == 1 and "a" <= before <= "z":
        if (before == "m" and second in ("a", "p")) or (before == "c" and words[at] == "o"):  # "c o two"
            return ""
        if before in "aio" and not (len(second) == 1 and "a" <= second <= "z"):
            return ""
        return "letter"
    return ""


def _is_no_code(words: Sequence[str], at: int, end: int, text: str, cue: str) -> bool:
    """Says whether a single number after a cue is a time, counts something or is a pronoun all the same."""
    after = words[end]
    if after == "o'clock" or (after == "and" and cue == "letter") or following.half_of_day(words, end):
        return True
    if len(text) > 1 or after in POINTS:
        return False
    if after in MULTIPLIERS or words[at] in OH or words[at - 2] in _BEFORE_UNNUMBERED:
        return True
    if after != "per" and (after in COUNTED or following.counted(words, end)):
        return True  # "the page two people read"
    if words[at] == "one" and after in AFTER_PRONOUN:
        return True
    return cue in ("often", "letter") and (after == "of" or following.plural(words, end))


def long_digits(draft: Draft, at: int) -> int:
    """Writes three single digits or more, unless somebody counts."""
    words = draft.words
    if words[at] not in DIGITS and words[at] not in REPEATS:
        return 0
    found = digits(words, at, pairs=False)
    if found.singles < 3 or (words[at] in OH and found.singles < 4):
        return 0
    end, text = found.end, found.text
    steps = {later - earlier for earlier, later in zip(found.spoken, found.spoken[1:], strict=False)}
    pointed = decimals.begin(words, end)
    if steps in ({1}, {-1}) and not pointed and words[at - 1] not in DIALS and not _names_code(words, at):
        for k in range(at, end):
            draft.write(words[k], k, k + 1, "small")
        return end
    if words[end] in TEENS or words[end] in TENS:
        whole = digits(words, at, pairs=True)
        if len(whole.text) in (7, 10):
            end, text = whole.end, whole.text
    if found.singles in (3, 6):
        round_end, round_text = _round_end(words, found.end)
        if round_end:
            end, text = round_end, found.text + round_text
    if pointed:
        end, text = decimals.read(words, end, text)
        return draft.write(text, at, end, "code")
    if not text.startswith("0") and len(text) <= 6:
        written = measures.write(draft, at, end, text, Number(int(text), end, factor=int(text)))
        if written:
            return written
    return draft.write(_telephone(words, at, text), at, end, "code")


def _round_end(words: Sequence[str], at: int) -> tuple[int, str]:
    """Reads four round digits that end a telephone number, "forty two hundred"; returns the index after them, or 0."""
    number = below_hundred(words, at)
    if number is None or number.ordinal or words[number.end + 1] in NUMBER_WORDS:
        return 0, ""
    if words[number.end] == "hundred" and number.value >= 10:
        return number.end + 1, f"{number.value}00"
    if words[number.end] == "thousand" and number.value in range(1, 10):
        return number.end + 1, f"{number.value}000"
    return 0, ""


def _names_code(words: Sequence[str], at: int) -> bool:
    """Says whether a code or a telephone is spoken of shortly before."""
    return any(word in CODES or word in PHONES for word in words[at - 5 : at])


def abroad(draft: Draft, at: int) -> int:
    """Writes "plus four four ..." of telephone numbers."""
    found = digits(draft.words, at + 1, pairs=True)
    return draft.write(f"+{found.text}", at, found.end, "code") if 10 <= len(found.text) <= 15 else 0


def _telephone(words: Sequence[str], at: int, text: str) -> str:
    """Puts hyphens into what may be a number of North America's plan, where nothing says that it is another."""
    if any(word in CODES for word in words[at - 5 : at]):
        return text
    trunk = text[0] == "1" and len(text) == 11
    local = text[trunk:]
    if len(local) not in (7, 10) or local[0] in "01":
        return text
    parts = [local[:-7], local[-7:-4], local[-4:]]
    return "-".join(part for part in (["1"] if trunk else []) + parts if part)
