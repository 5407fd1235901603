"""Transcripts as their sources wrote them -> the alphabet of the model -> ids, and back."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from training.markup import spoken_part
from training.verbalise import MAY_STAND_FOR_WORDS, verbalise

# English letters, the apostrophe and the space; the blank comes first and is written "".
ENGLISH_LABELS = ("", " ", "'", *"abcdefghijklmnopqrstuvwxyz")

# Abbreviations and how they are spoken; a full stop after the abbreviation is part of it.
_ABBREVIATIONS = {
    "mr": "mister", "mrs": "missus", "messrs": "messieurs", "dr": "doctor", "prof": "professor",
    "capt": "captain", "col": "colonel", "gen": "general", "lieut": "lieutenant", "sergt": "sergeant",
    "lt": "lieutenant", "sgt": "sergeant", "gov": "governor", "sen": "senator",
    "rev": "reverend", "hon": "honorable", "esq": "esquire", "jr": "junior", "sr": "senior", "vs": "versus",
}  # fmt: skip
_ABBREVIATION = re.compile(rf"\b({'|'.join(_ABBREVIATIONS)})\.")
_TITLE = re.compile(r"\b(mr|mrs|dr|vs)\b")
_SYMBOLS = {
    "&": " and ",
    "%": " percent ",
    "+": " plus ",
    "=": " equals ",
    "@": " at ",
    "\u00b0c": " degrees celsius ",
    "\u00b0f": " degrees fahrenheit ",
    "\u00b0": " degrees ",
    "\u00a3": " pounds ",
    "\u20ac": " euros ",
    "\u00d7": " times ",
    "\u00f7": " divided by ",
    "\u00b1": " plus or minus ",
    "\u2248": " approximately ",
    "\u2264": " less than or equal to ",
    "\u2265": " greater than or equal to ",
    "\u221a": " square root of ",
    "\u221e": " infinity ",
    "\u00a7": " section ",
}
_GREEK = {chr(code): unicodedata.name(chr(code)).rpartition(" ")[2].lower() for code in range(0x3B1, 0x3CA)}
_GREEK_LETTER = re.compile(r"(?<![^\W\d_])[\u03b1-\u03c9](?![^\W\d_])")
_EDGE_APOSTROPHE = re.compile(r"(?<![a-z])'+|'+(?![a-z])")

# Nothing here can stand for anything but its letters, unless `MAY_STAND_FOR_WORDS` or _MARKUP finds something.
_ONLY_WORDS = re.compile(r"[A-Za-z',.;:!?\" -]*")
_MARKUP = re.compile(r"^.{0,30}:\s|:-?[DPO]\b|[A-Za-z]{2}\.[A-Za-z]{2}|---", re.MULTILINE)
_NO_LETTERS = str.maketrans(dict.fromkeys(',.;:!?"-', " "))


def normalise(text: str) -> str:
    """Writes a transcript the way it is spoken: lower case, numbers as words, no punctuation, accents folded.

    Markup and the tags of noises and speakers are removed (`training.markup`); numbers, dates, money, units and
    addresses become words (`training.verbalise`). The apostrophe stays inside words ("don't") and is removed as a
    quotation mark. Letters that cannot be folded to a-z stay as they are, so that `encode` can name them; every other
    character that nobody speaks is dropped.

    >>> normalise("Mrs. Dashwood's 2 cafés -- 'sold' in 1811 [laughter]!")
    "missus dashwood's two cafes sold in eighteen eleven"
    """
    if _ONLY_WORDS.fullmatch(text) and not MAY_STAND_FOR_WORDS.search(text) and not _MARKUP.search(text):
        text = _abbreviations_to_words(text.lower()).translate(_NO_LETTERS)
    else:
        text = _letters(english_words(spoken_part(text)))
    if "'" in text:
        text = _EDGE_APOSTROPHE.sub(" ", text)
    return " ".join(text.split())


def english_words(text: str) -> str:
    """Returns an English text in lower case whose numbers, abbreviations and signs are words."""
    text = _abbreviations_to_words(verbalise(text).lower())
    for symbol, words in _SYMBOLS.items():
        text = text.replace(symbol, words)
    return text


def _abbreviations_to_words(text: str) -> str:
    if "." in text:
        text = _ABBREVIATION.sub(lambda m: _ABBREVIATIONS[m[1]] + " ", text)
    return _TITLE.sub(lambda m: _ABBREVIATIONS[m[1]], text)


def _letters(text: str) -> str:
    """Folds accents, and leaves letters and apostrophes only."""
    folded = unicodedata.normalize("NFKD", text)
    if not folded.isascii():
        folded = "".join(c for c in folded if not unicodedata.combining(c) and unicodedata.category(c) != "Lm")
        folded = _GREEK_LETTER.sub(lambda m: f" {_GREEK[m[0]]} ", folded)
    return "".join(c if c.isalpha() or c == "'" else " " for c in folded)


class _Speller:
    """Spells texts in the labels of a model, the longest that fits first.

    Args:
        labels: letters, and perhaps subwords of several; those that begin a word begin with the space before it.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._ids = {label: i for i, label in enumerate(labels) if label}
        self._longest = max(map(len, self._ids), default=1)
        self._before = " " if any(len(label) > 1 and label.startswith(" ") for label in labels) else ""

    def spell(self, text: str) -> tuple[list[int], set[str]]:
        """Returns label ids, and the characters that no label has."""
        if self._longest == 1:
            ids = self._ids
            return [ids[c] for c in text if c in ids], set(text) - ids.keys()
        found, unknown, at = [], set(), 0
        text = self._before + text if text else text
        while at < len(text):
            for length in range(min(self._longest, len(text) - at), 0, -1):
                if (number := self._ids.get(text[at : at + length])) is not None:
                    found.append(number)
                    break
            else:
                unknown.add(text[at])
            at += length
        return found, unknown


_speller = lru_cache(maxsize=8)(_Speller)


def unknown_characters(text: str, labels: Sequence[str]) -> set[str]:
    """Returns the characters of a normalised transcript that the labels do not have."""
    return _speller(tuple(labels)).spell(text)[1]


def encode(text: str, labels: Sequence[str]) -> list[int]:
    """Turns a normalised transcript into label ids, the longest label that fits first.

    Raises:
        ValueError: a character is not among the labels.
    """
    ids, unknown = _speller(tuple(labels)).spell(text)
    if unknown:
        raise ValueError(f"no label for {', '.join(map(repr, sorted(unknown)))} in {text!r}")
    return ids


def decode(ids: Sequence[int], labels: Sequence[str]) -> str:
    """Turns label ids into text; words are separated by single spaces."""
    return " ".join("".join(labels[i] for i in ids).split())
