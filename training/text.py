"""Transcripts as their sources wrote them -> the alphabet of the model -> ids, and back."""

import re
import unicodedata
from collections.abc import Sequence

from num2words import num2words

# English letters, the apostrophe and the space; the blank comes first and is written "".
ENGLISH_LABELS = ("", " ", "'", *"abcdefghijklmnopqrstuvwxyz")

# Abbreviations and how they are spoken; a full stop after the abbreviation is part of it.
_ABBREVIATIONS = {
    "mr": "mister", "mrs": "missus", "messrs": "messieurs", "dr": "doctor", "prof": "professor",
    "capt": "captain", "col": "colonel", "gen": "general", "lieut": "lieutenant", "sergt": "sergeant",
    "rev": "reverend", "hon": "honorable", "esq": "esquire", "jr": "junior", "sr": "senior", "vs": "versus",
}  # fmt: skip
_ABBREVIATION = re.compile(rf"\b({'|'.join(_ABBREVIATIONS)})\.")
_TITLE = re.compile(r"\b(mr|mrs|dr)\b")
_SYMBOLS = {
    "&": " and ",
    "%": " percent ",
    "+": " plus ",
    "=": " equals ",
    "@": " at ",
    "°": " degrees ",
    "£": " pounds ",
}
_ORDINAL = re.compile(r"\b(\d+)(st|nd|rd|th)\b")
_DOLLARS = re.compile(r"\$\s?(\d+(?:,\d{3})*)")
_DECIMAL = re.compile(r"\b(\d+)\.(\d+)\b")
_THOUSANDS = re.compile(r"\b\d{1,3}(?:,\d{3})+\b")
_YEAR = re.compile(r"\b(1[1-9]\d\d)\b")
_NUMBER = re.compile(r"\d+")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`\u2032", "'"))
_EDGE_APOSTROPHE = re.compile(r"(?<![a-z])'+|'+(?![a-z])")


def normalise(text: str) -> str:
    """Writes a transcript the way it is spoken: lower case, numbers as words, no punctuation, accents folded.

    The apostrophe stays inside words ("don't") and is removed as a quotation mark. Letters that cannot be folded to a-z
    stay as they are, so that `encode` can name them.

    >>> normalise("Mrs. Dashwood's 2 cafés -- 'sold' in 1811!")
    "missus dashwood's two cafes sold in eighteen eleven"
    """
    text = text.lower().translate(_APOSTROPHES)
    text = _ABBREVIATION.sub(lambda m: _ABBREVIATIONS[m[1]] + " ", text)
    text = _TITLE.sub(lambda m: _ABBREVIATIONS[m[1]], text)
    if any(c.isdigit() for c in text):
        text = _numbers_to_words(text)
    for symbol, words in _SYMBOLS.items():
        text = text.replace(symbol, words)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = "".join(c if c.isalpha() or c == "'" else " " for c in text)
    return " ".join(_EDGE_APOSTROPHE.sub(" ", text).split())


def _numbers_to_words(text: str) -> str:
    text = _DOLLARS.sub(r"\1 dollars", text)
    text = _THOUSANDS.sub(lambda m: num2words(int(m[0].replace(",", ""))), text)
    text = _ORDINAL.sub(lambda m: num2words(int(m[1]), to="ordinal"), text)
    text = _DECIMAL.sub(lambda m: f"{num2words(int(m[1]))} point {' '.join(num2words(int(d)) for d in m[2])}", text)
    text = _YEAR.sub(lambda m: num2words(int(m[1]), to="year"), text)
    return _NUMBER.sub(lambda m: f" {num2words(int(m[0]))} ", text)


def unknown_characters(text: str, labels: Sequence[str]) -> set[str]:
    """Returns the characters of a normalised transcript that the labels do not have."""
    return set(text) - set(labels)


def encode(text: str, labels: Sequence[str]) -> list[int]:
    """Turns a normalised transcript into label ids.

    Raises:
        ValueError: a character is not among the labels.
    """
    ids = {label: i for i, label in enumerate(labels)}
    unknown = unknown_characters(text, labels)
    if unknown:
        raise ValueError(f"no label for {', '.join(map(repr, sorted(unknown)))} in {text!r}")
    return [ids[c] for c in text]


def decode(ids: Sequence[int], labels: Sequence[str]) -> str:
    """Turns label ids into text; words are separated by single spaces."""
    return " ".join("".join(labels[i] for i in ids).split())
