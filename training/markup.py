"""Takes out of a transcript what nobody said: markup, tags of noises and speakers, invisible characters.

What is meant by compatibility characters is written plainly: full-width digits and ligatures, fractions such as "½" as
"1/2", "²" as "^2", "℃" as "°C".
"""

import html
import re
import unicodedata
from functools import cache

_ENTITY = re.compile(r"&#?\w{1,31};")
# Soft hyphens, characters without a width, marks of direction, variants of emoji.
_INVISIBLE = re.compile(r"[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_PLAIN = str.maketrans({
    **dict.fromkeys("\u2018\u2019\u02bc\u00b4`\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033", '"'),
    **dict.fromkeys("\u2010\u2011\u2212\ufe63\uff0d", "-"),
    **dict.fromkeys("\u2122\u2120\u00ae\u00a9", " "),
    "\u2103": "\u00b0C", "\u2109": "\u00b0F",
})  # fmt: skip
_ENGLISH_WORDS = str.maketrans({
    "\u2116": " number ",
    "\u2260": " not equal to ",  # it would be taken apart into "=" and a mark
})  # fmt: skip
_FRACTION = re.compile(r"(?<=(\d))?([\u00bc-\u00be\u2150-\u215e\u2189])")
_RAISED = re.compile(r"(?<![A-Za-z])([A-Za-z]*)([\u00b2\u00b3\u00b9\u2070\u2074-\u2079]+)")
_RAISED_UNITS = frozenset({"mm", "cm", "dm", "km", "ft", "in", "yd", "mi"})
_THOUSANDS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))|(?<=\d) (?=000(?!\d))")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")

_TAG = re.compile(r"</?[A-Za-z!?|][^<>]{0,300}>|<[\d:.,]+>")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_CUE_TIMES = re.compile(r"(?:\d{1,3}:)?\d\d:\d\d[.,]\d{3} *--> *\S+[^\n]*")
_PART_OF_A_WORD = re.compile(r"(?<=[A-Za-z])\[(\w+)\]|\[(\w+)\](?=[a-z])")
_SQUARE = re.compile(r"\[([^\[\]]*)\]|\{([^{}]*)\}")
_ASIDE = re.compile(r"\(([^()]*)\)|\*([^*]+)\*")
_OUTSIDE_SPEECH = re.compile(r"\+\+\w+\+\+")
_HESITATION = re.compile(r"(?<![\w%])%(?=[A-Za-z])")  # %HESITATION, %uh
_EMOTICON = re.compile(r"(?<![\w:])[:;=][-'o]?[()DPpOo3](?!\w)")
_RULE = re.compile(r"[=*~_#@-]{3,}|[=@]{2,}")
_SPEAKER = re.compile(
    r"^[ \t]*(?:>>+[ \t]*|[-\u2013\u2014][ \t]+)?"
    r"(?:(?i:(?:unknown |unidentified )?speaker(?:[ _-]?\w{1,3})?|interview(?:er|ee)|moderator|narrator|operator"
    r"|caller)|Host|Agent|Customer|[QA]|(?:Mrs?|Ms|Dr)\.? [A-Z][a-z]+|[A-Z][A-Z.'-]+(?: [A-Z][A-Z.'-]*){0,2})"
    r"(?: ?\(?\d?\d:[\d:.]+\)?)? ?:(?=\s|$)",
    re.MULTILINE,
)
# A note in square or curly brackets has no more words than this; longer ones are sentences.
_NOTE_WORDS = 6
# What is written in round brackets or between asterisks is mostly said; these words alone are a noise.
_NOISES = frozenset({
    *("laugh", "laughs", "laughing", "laughter", "chuckle", "chuckles", "chuckling", "giggle", "giggles", "giggling"),
    *("cough", "coughs", "coughing", "sneeze", "sneezes", "sniff", "sniffs", "sniffles", "sigh", "sighs", "sighing"),
    *("breath", "breaths", "breathes", "breathing", "inhales", "exhales", "gasp", "gasps", "yawns", "groans", "grunts"),
    *("sobs", "sobbing", "crying", "screams", "screaming", "shouts", "hums", "humming", "whistles", "whistling"),
    *("applause", "applauds", "clapping", "claps", "cheering", "cheers", "music", "singing", "noise", "noises"),
    *("silence", "pause", "pauses", "static", "beep", "beeps", "ringing", "rings", "knock", "knocking", "footsteps"),
    *("inaudible", "unintelligible", "indiscernible", "crosstalk", "overlapping", "clears", "throat", "mumbles"),
    *("lipsmack", "smack", "clicks", "bleep"),
})  # fmt: skip
_OF_NOISES = frozenset({
    *("background", "audience", "crowd", "phone", "door", "loud", "loudly", "soft", "softly", "nervous", "nervously"),
    *("quietly", "heavily", "deeply", "speech", "foreign", "language", "talking", "in", "and", "the", "with", "his"),
    *("her", "their", "playing", "continues", "starts", "stops", "long", "short", "all", "both", "everyone"),
})  # fmt: skip


def spoken_part(text: str, kept: frozenset[str] = frozenset(), english: bool = True) -> str:
    """Returns a text without what nobody said, its other characters plain; letters keep their case and accents.

    Args:
        text: as its source wrote it.
        kept: characters that stay as they are: those of an alphabet, and those that a later step reads.
        english: whether a few signs become English words; otherwise they stay.

    >>> spoken_part("INTERVIEWER: <i>So</i> [laughter] \u00bd cup?").split()
    ['So', '1/2', 'cup?']
    """
    text = _ENTITY.sub(_unescaped, _ENTITY.sub(_unescaped, text))  # twice: some programs escape what is escaped
    invisible = _INVISIBLE.sub(lambda m: m[0] if m[0] in kept else "", text) if kept else _INVISIBLE.sub("", text)
    text = _THOUSANDS.sub(",", invisible.translate(_plain(kept, english)))
    text = _RAISED.sub(_power, _FRACTION.sub(_written_fraction, text))
    if not text.isascii():
        text = _compatible(text, kept).replace("\u2044", "/")
        text = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    text = _CUE_TIMES.sub(" ", _TAG.sub(" ", text))
    text = _PART_OF_A_WORD.sub(lambda m: m[1] or m[2], _LINK.sub(r"\1", text))
    text = _ASIDE.sub(_said_aside, _SQUARE.sub(_said_in_brackets, text))
    text = _HESITATION.sub("", _OUTSIDE_SPEECH.sub(" ", text))
    return _SPEAKER.sub(" ", _RULE.sub(" ", _EMOTICON.sub(" ", text)))


@cache
def _plain(kept: frozenset[str], english: bool) -> dict[int, str]:
    table = _PLAIN | _ENGLISH_WORDS if english else _PLAIN
    return {code: plain for code, plain in table.items() if chr(code) not in kept}


def _compatible(text: str, kept: frozenset[str]) -> str:
    """Returns a text in NFKC, but for the characters that stay as they are."""
    if not kept:
        return unicodedata.normalize("NFKC", text)
    text = unicodedata.normalize("NFC", text)
    parts = (each if each in kept else unicodedata.normalize("NFKC", each) for each in text)
    return unicodedata.normalize("NFC", "".join(parts))


def _unescaped(entity: re.Match[str]) -> str:
    return html.unescape(entity[0])


def _written_fraction(fraction: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", fraction[2]).replace("\u2044", "/")
    return f" {plain}" if fraction[1] else plain


def _power(raised: re.Match[str]) -> str:
    """Writes a power with "^"; what is raised after a word is the mark of a footnote."""
    letters, digits = raised[1], unicodedata.normalize("NFKC", raised[2])
    return f"{letters}^{digits}" if len(letters) < 2 or letters in _RAISED_UNITS else letters


def _said_in_brackets(note: re.Match[str]) -> str:
    inside = note[1] if note[1] is not None else note[2]
    return f" {inside} " if len(inside.split()) > _NOTE_WORDS else " "


def _said_aside(aside: re.Match[str]) -> str:
    inside: str = aside[1] if aside[1] is not None else aside[2]
    words = re.findall(r"[a-z]+", inside.lower())
    noise = not _NOISES.isdisjoint(words) and _NOISES.union(_OF_NOISES).issuperset(words)
    return " " if noise else f" {inside} " if aside[2] is not None else aside[0]
