"""Texts as their sources wrote them -> what is said, in the letters of a model: one function for every language.

Training, its references and the language model all use it, so that they agree on what a word is. For English and the
letters a to z it is `training.text.normalise`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from hark import alphabet
from hark.languages import ENGLISH
from training.language_rules import FOLDER, Rules, rules_of
from training.markup import spoken_part
from training.numbers import Numbers, joined
from training.text import ENGLISH_LABELS, english_words, normalise

# What is written instead of letters that do not decompose, where an alphabet lacks them.
_WRITTEN_AS = {
    "\u00df": "ss", "\u00e6": "ae", "\u0153": "oe", "\u00f8": "o", "\u0142": "l", "\u0111": "d", "\u00f0": "d",
    "\u00fe": "th", "\u0131": "i", "\u03c2": "\u03c3", "\u0149": "'n", "\u0138": "k", "\u014b": "ng",
}  # fmt: skip
_APOSTROPHES = "\u02bc\u2019\u02bb\u2018"
_SIGMA, _LAST_SIGMA = "\u03c3", "\u03c2"
_TATWEEL = "\u0640"
# Combining classes of marks that can be left out, as accents and the vowels of Arabic and Hebrew are; the others are
# vowels and tones of India and South-East Asia, without which a word is another.
_ACCENTS = (*range(10, 36), *range(200, 241))
_PUNCTUATION = ' ,.;!?"'


@cache
def normaliser(
    language: str = ENGLISH, labels: tuple[str, ...] = ENGLISH_LABELS, folder: Path = FOLDER
) -> Callable[[str], str]:
    """Returns what writes a language's texts in a model's letters.

    Args:
        language: BCP 47 tag.
        labels: of the model; "" is the blank.
        folder: of the languages' tables.

    Raises:
        ConfigError: the language's table cannot be read.
    """
    if is_english(language) and set("".join(labels)) == set("".join(ENGLISH_LABELS)):
        return normalise
    return Normaliser(rules_of(language, folder), labels)


def figures_hint(unknown: Iterable[str], language: str, labels: tuple[str, ...]) -> str:
    """Returns what to do about figures among the characters that a model has no label for; "" where there are none."""
    written = normaliser(language, labels)
    if not any(map(str.isdigit, unknown)) or (isinstance(written, Normaliser) and written.reads_numbers):
        return ""
    return (
        f" (no figures are read in {language}: spell them out, or give numbers in training/languages/{language}.yaml)"
    )


def is_english(language: str) -> bool:
    """Whether a tag is that of English, in any region."""
    return language.partition("-")[0] == ENGLISH


class Normaliser:
    """Writes texts of one language the way they are spoken, in the letters of one alphabet.

    Numbers, and the signs and abbreviations of the language's table, become words; letters become small by the rules
    of the language; those that the alphabet lacks are folded to those that it has (accents, ligatures, presentation
    forms). What cannot be folded stays, so that it can be named; what nobody speaks is dropped. An apostrophe, a hyphen
    or another mark that is of the alphabet stays within words.

    Args:
        rules: of the language.
        labels: of the model.
    """

    def __init__(self, rules: Rules, labels: Sequence[str]) -> None:
        self.rules = rules
        self.letters = frozenset("".join(labels)) - {" "}
        self._between = " " if any(" " in label for label in labels) else ""
        self._english = is_english(rules.tag)
        self._numbers = Numbers(rules)
        self.reads_numbers = self._english or self._numbers.known or any(c.isdigit() for c in self.letters)
        self._spells_numbers = not any(c.isdigit() for c in self.letters)
        self._kept = self.letters.union(*rules.spoken, *rules.fold, *rules.ordinals)
        self._spoken = _pattern(rules.spoken)
        self._edges = frozenset(rules.edges)
        marks = "".join(sorted(c for c in self.letters if not is_letter(c) and not c.isdigit()))
        self._marks = marks
        self._runs = re.compile(f"[{re.escape(marks)}]{{2,}}") if marks else None
        self._of: dict[str, str] = {}
        # Texts of nothing but these need no look at each character.
        small = "".join(c for c in self.letters if is_letter(c))
        capitals = "".join(c for c in small.upper() if self.lower(c) in self.letters)
        plain = {*small, *capitals, *_PUNCTUATION} - rules.fold.keys()
        self._plain = re.compile(f"[{re.escape(''.join(sorted(plain)))}]*")

    def __call__(self, text: str) -> str:
        """Returns a text as it is spoken, words apart by single spaces."""
        if not self._english and self._plain.fullmatch(text):
            small = self.lower(text)
            if self._spoken is None or not self._spoken.search(small):
                return self._with_sigmas(self._between.join(small.translate(_NO_LETTERS).split()))
        text = self._folded(self.said(text))
        if self._runs:
            text = self._runs.sub(" ", text)
        words = map(self._word, text.split()) if self._marks else text.split()
        return self._with_sigmas(self._between.join(filter(None, words)))

    def said(self, text: str) -> str:
        """Turns numbers, signs and abbreviations into words, and capitals into small letters."""
        if self._english:
            return english_words(spoken_part(text, self._kept))
        text = self.lower(spoken_part(joined(text), self._kept, english=False))
        if self._spells_numbers:
            text = self._numbers.words(text)
        if self._spoken:
            text = self._spoken.sub(lambda m: f" {self.rules.spoken[m[0]]} ", text)
        return text

    def _with_sigmas(self, text: str) -> str:
        """Returns a text whose sigmas have another form where they end a word, if the alphabet has both."""
        if _LAST_SIGMA not in self.letters or (_SIGMA not in text and _LAST_SIGMA not in text):
            return text
        text = re.sub(rf"(?<=\w){_SIGMA}(?!\w)", _LAST_SIGMA, text)
        return re.sub(rf"{_LAST_SIGMA}(?=\w)", _SIGMA, text)

    def lower(self, text: str) -> str:
        """Makes letters small by the language's rules."""
        return alphabet.lower(text, self.rules.tag).replace("i\u0307", "i")

    def _folded(self, text: str) -> str:
        return "".join(map(self.fold, unicodedata.normalize("NFC", text)))

    def fold(self, character: str) -> str:
        """Returns what is written instead of a character: itself, others, " ", or nothing."""
        found = self._of.get(character)
        if found is None:
            found = self._of[character] = self._new_fold(character)
        return found

    def _new_fold(self, character: str) -> str:
        if character in self.letters:
            return character
        if character.isspace():
            return " "
        for instead in self._instead(character):
            if all(each in self.letters or each == " " for each in instead):
                return instead
        if character == _TATWEEL:
            return ""
        category = unicodedata.category(character)
        if category[0] == "M":
            return "" if unicodedata.combining(character) in _ACCENTS else character
        return character if category[0] == "L" or character.isdigit() else " "

    def _instead(self, character: str) -> Iterable[str]:
        """Yields what may be written instead of a character, the best first."""
        if character in self.rules.fold:
            yield self.rules.fold[character]
        if character == "'":
            yield from _APOSTROPHES
        if character in _APOSTROPHES:
            yield "'"
        if (plain := unicodedata.normalize("NFKC", character)) != character:
            yield "".join(map(self.fold, plain))
        if (parts := unicodedata.normalize("NFD", character)) != character:
            # Without one mark after the other: "\u1ec7" becomes "\u00ea" where there is that, before it becomes "e".
            for length in range(len(parts) - 1, 0, -1):
                yield unicodedata.normalize("NFC", parts[:length])
        if character in _WRITTEN_AS and not self._english:
            yield _WRITTEN_AS[character]

    def _word(self, word: str) -> str:
        """Returns a word without the marks at its edges, unless they are part of it."""
        left, right = word.lstrip(self._marks), word.rstrip(self._marks)
        return next((each for each in (word, left, right) if each in self._edges), left.rstrip(self._marks))


_NO_LETTERS = str.maketrans(dict.fromkeys(_PUNCTUATION, " "))


def is_letter(character: str) -> bool:
    """Whether a character is a letter, or a mark on one."""
    return unicodedata.category(character)[0] in "LM"


def _pattern(keys: Iterable[str]) -> re.Pattern[str] | None:
    """Returns what finds any of several signs and abbreviations; the latter not within words."""
    found = [
        (r"(?<!\w)" if key[0].isalnum() else "") + re.escape(key) + (r"(?!\w)" if key[-1].isalnum() else "")
        for key in sorted(filter(None, keys), key=len, reverse=True)
    ]
    return re.compile("|".join(found)) if found else None
