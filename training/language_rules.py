"""What has to be known of a language to write its texts as they are spoken: a table for each, `languages/TAG.yaml`.

A table may have any of these fields, and a language without a table does with what they are by default:

    letters: "abc\u00e7...xyz'"    # of the alphabet, in lower case; with ' or - they stay within words
    fold: {"\u0153": oe}         # letters that the alphabet lacks -> what is written instead
    spoken: {"%": per cento}   # signs and abbreviations, in lower case -> what is said
    edges: [po', "'s"]         # words that keep an apostrophe at their beginning or end
    num2words: kz              # the code by which num2words knows the language, where it is another; or none
    numbers: {0: nulla, 1: um} # words for numbers, instead of num2words'
    decimal: ","               # the mark before decimals
    point: virgola             # how it is said
    ordinals: {"\u00ba": [o, a]}    # what follows a number to make it an ordinal -> an ending and what replaces it
    years: true                # num2words reads four figures as a year: "neunzehnhundert"

A table of your own is another file in this folder; `pt-BR.yaml` is taken for pt-BR before `pt.yaml` is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hark import languages
from training.errors import ConfigError

FOLDER = Path(__file__).with_name("languages")


@dataclass(frozen=True)
class Rules:
    """One language's table; the module says what the fields mean.

    Attributes:
        tag: the language.
        letters, fold, spoken, edges, num2words, numbers, decimal, point, ordinals, years: see the module.
    """

    tag: str
    letters: str = ""
    fold: Mapping[str, str] = field(default_factory=dict)
    spoken: Mapping[str, str] = field(default_factory=dict)
    edges: tuple[str, ...] = ()
    num2words: str = ""
    numbers: Mapping[int, str] = field(default_factory=dict)
    decimal: str = ","
    point: str = ""
    ordinals: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    years: bool = False


@cache
def rules_of(tag: str, folder: Path = FOLDER) -> Rules:
    """Returns the table of a language, or of the language without its region and script; else an empty one.

    Args:
        tag: BCP 47, in the usual case.
        folder: of the tables.

    Raises:
        ConfigError: the table cannot be read.
    """
    name = tag
    while name:
        if (path := folder / f"{name}.yaml").is_file():
            return _read(path, tag)
        name = name.rpartition("-")[0]
    return Rules(tag)


def checked_tag(text: str) -> str:
    """Returns a language's tag in the usual case.

    Raises:
        ConfigError: it is none.
    """
    try:
        return languages.canonical(text)
    except ValueError as error:
        raise ConfigError(f"language: {error}.") from error


def _read(path: Path, tag: str) -> Rules:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"The language's table {path} cannot be read: {' '.join(str(error).split())}.") from error
    known = {each.name: each for each in fields(Rules)}
    if not isinstance(values, dict) or (wrong := [name for name in values if name not in known or name == "tag"]):
        named = f"has the field {wrong[0]!r}" if isinstance(values, dict) else "is no table"
        fields_there_are = ", ".join(sorted(known.keys() - {"tag"}))
        raise ConfigError(f"The language's table {path} {named}; it may have {fields_there_are}.")
    try:
        return Rules(tag, **{name: _FIELDS.get(name, _text)(value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The language's table {path} cannot be used: {error}.") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} should be text: put it between quotation marks")
    return value


def _texts(value: Any) -> dict[str, str]:
    return {_text(key): _text(each) for key, each in dict(value).items()}


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} should be true or false")
    return value


def _numbers(value: Any) -> dict[int, str]:
    return {int(key): _text(each) for key, each in dict(value).items()}


def _pairs(value: Any) -> dict[str, tuple[str, str]]:
    pairs = {}
    for key, each in dict(value).items():
        ending, instead = each
        pairs[_text(key)] = (_text(ending), _text(instead))
    return pairs


_FIELDS: dict[str, Any] = {
    "fold": _texts,
    "spoken": _texts,
    "edges": lambda value: tuple(map(_text, value)),
    "numbers": _numbers,
    "ordinals": _pairs,
    "years": _flag,
}
