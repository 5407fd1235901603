"""Languages: tags such as "it" and "pt-BR", their English names, and which model answers who asks for which.

`language_names.tsv` has a line for each language: its tag, its English name, and other codes that mean it. It was made
of CLDR's data by Babel 2.19. A library for that would weigh 10 MB or more in an image that is at its limit, and the
table hardly ages: the two-letter codes have been closed since 2003.

Sources: RFC 5646 (BCP 47) for tags; RFC 4647 for matching, simplified to what recognisers differ in: a language, and
the script it is written in.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

ENGLISH = "en"
# Whatever language there is: no model says so of itself.
ANY = "auto"

_TABLE = Path(__file__).with_name("language_names.tsv")
# A language, perhaps its script, perhaps a region, perhaps variants, perhaps what is private: no extensions.
_TAG = re.compile(
    r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(-x(-[a-z0-9]{1,8})+)?",
    re.ASCII,
)
_SCRIPT = re.compile(r"[A-Za-z]{4}", re.ASCII)
_PART = re.compile(r"[a-z0-9]+", re.ASCII)
_LONGEST = 64
# Ways to write one language, or names for it.
_WRITTEN_AS = {"nb": "no", "nn": "no", "tl": "fil", "tw": "ak"}


@cache
def _table() -> tuple[dict[str, str], dict[str, str]]:
    """Returns the names of languages by their tags, and tags by whatever else means the language."""
    names: dict[str, str] = {}
    tags: dict[str, str] = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        tag, name, codes = line.split("\t")
        names[tag] = name
        tags |= dict.fromkeys((name, *codes.split()), tag)
    # "ga" is Irish, though there is a language of that name.
    return names, {text: tag for text, tag in tags.items() if text not in names}


def is_tag(text: str) -> bool:
    """Says whether text is a BCP 47 tag in the usual case, as a model has it: "it", "pt-BR", "sr-Latn", "yue"."""
    return len(text) <= _LONGEST and _TAG.fullmatch(text) is not None


def canonical(text: str) -> str:
    """Returns the tag that somebody means, in the usual case: of "PT_br" that is "pt-BR", of "ita" or "Italian" "it".

    Raises:
        ValueError: it is none.
    """
    text, codes = text.strip()[: _LONGEST + 1], _table()[1]
    parts = [text] if text.lower() in codes else re.split("[-_]", text)
    language = parts[0].lower()
    language = codes.get(language, language)
    rest, is_private = [], False
    for part in parts[1:]:
        is_private = is_private or part.lower() == "x"
        usual = part.lower() if is_private else part.title() if _SCRIPT.fullmatch(part) else part
        rest.append(usual.upper() if len(part) == 2 and not is_private else usual if usual.istitle() else usual.lower())
    tag = "-".join([language, *rest])
    if not is_tag(tag):
        raise ValueError(f"{text[:_LONGEST]!r} is no language; give its BCP 47 tag, such as en, it or pt-BR")
    return tag


def name(tag: str) -> str:
    """Returns the English name of a tag's language in lower case, as OpenAI's API has it; the tag where it has none."""
    return _table()[0].get(tag.partition("-")[0], tag)


def pattern(tags: Iterable[str]) -> str:
    """Returns a regular expression, of JavaScript too, of what models of some languages answer; see `answers`."""
    spellings = []
    for language in dict.fromkeys(tag.partition("-")[0] for tag in tags):
        same = (text for text, tag in _table()[1].items() if tag == language)
        spellings += [language, *sorted(same, key=len)]
    by_case = ("".join(f"[{c}{c.upper()}]" if c.isalpha() else re.escape(c) for c in text) for text in spellings)
    return f"^(({'|'.join(by_case)})([-_][a-zA-Z0-9]+)*|[aA][uU][tT][oO])$"


def answers(has: str, asked: str) -> bool:
    """Says whether a model of a language answers who asks for another.

    It answers for its own in every region, as "en" does for "en-GB" and the other way round, but not in another script,
    and for any language that leaves it the choice.

    Args:
        has: the model's tag.
        asked: what was asked for: a tag in any case, a code of three letters, an English name, "auto", or "".
    """
    wanted = asked.strip().lower()
    if wanted in ("", ANY, has.lower()):  # without reading the table, which hardly any request needs
        return True
    if len(asked) > _LONGEST:
        return False
    language, script = _parts(has)
    asked_language, asked_script = _parts(asked)
    return language == asked_language and (not script or not asked_script or script == asked_script)


def best(asked: Iterable[str], tags: Sequence[str]) -> int | None:
    """Returns which of several tags answers best: that which was asked for, or the first that answers; None if none.

    Args:
        asked: what was asked for, any of which will do; nothing asks for any.
        tags: of the models, the first answering who leaves the choice.
    """
    wanted = list(asked) or [""]
    for one in wanted:
        exact = [number for number, tag in enumerate(tags) if tag.lower() == one.strip().lower().replace("_", "-")]
        fitting = exact or [number for number, tag in enumerate(tags) if answers(tag, one)]
        if fitting:
            return fitting[0]
    return None


def _parts(text: str) -> tuple[str, str]:
    """Returns the language and the script of a tag, or of a name: "" for what is none, or is not said."""
    text, codes = text.strip().lower(), _table()[1]
    language, *rest = [codes[text]] if text in codes else re.split("[-_]", text)
    language = codes.get(language, language)
    if not all(map(_PART.fullmatch, rest)):
        return "", ""
    script = rest[0] if rest and _SCRIPT.fullmatch(rest[0]) else ""
    return _WRITTEN_AS.get(language, language), script
