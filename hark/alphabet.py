"""How words are written in the letters of one model: whatever script they have, and however a caller types them.

A caller's hot words are written as the texts were that the model learned from: in small letters by the rules of the
language, in NFC, with the accents that the alphabet has and without those that it lacks. `training.normaliser` does the
same to texts, and more.

Sources: The Unicode Standard, chapter 3.13 (case) and `SpecialCasing.txt` (the two letters i of
Turkic languages).
"""

import unicodedata
from collections.abc import Container, Iterable, Sequence
from functools import cache, lru_cache

from hark.languages import ENGLISH

# In these, an i without a dot has a capital without one, and an i with a dot one with it.
_TURKIC = frozenset(("tr", "az", "crh", "gag", "tt-Latn"))
_APOSTROPHES = "'\u2018\u2019\u02bc\u02bb\u00b4`\u2032\uff07"
# Combining classes of marks that a writer may leave out: accents, and the vowels of Hebrew and Arabic. Others are
# vowels and tones of India and South-East Asia, without which a word is another.
_ACCENTS = (range(10, 36), range(200, 241))
# What parts words, beside spaces, where it is no letter: a full stop, dashes, and Hebrew's.
_PARTS = ".-\u00b7\u05be\u2010\u2011\u2013\u2014\u30fb"
_INVISIBLE = "\u00ad\u200b\u2060\ufeff\u0640"  # the last one lengthens Arabic letters
_REMEMBERED = 32


def is_turkic(language: str) -> bool:
    """Says whether a language tells a dotted i from one without in capitals, too."""
    parts = language.split("-")
    return parts[0] in _TURKIC or "-".join(parts[:2]) in _TURKIC


def lower(text: str, language: str) -> str:
    """Returns text in small letters by the rules of a language."""
    if is_turkic(language):
        text = text.replace("I\u0307", "i").replace("\u0130", "i").replace("I", "\u0131")
    return text.lower()


def upper(text: str, language: str) -> str:
    """Returns text in capitals by the rules of a language."""
    return (text.replace("i", "\u0130") if is_turkic(language) else text).upper()


def capitalised(text: str, language: str) -> str:
    """Returns a word with its first letter, if it begins with one, as one that begins a sentence has it.

    Signs in front, such as the apostrophe of "'tis", are passed over. Scripts without capitals stay as they are, and so
    does Georgian, whose capitals are for headlines.
    """
    at = next((place for place, letter in enumerate(text) if letter.isalnum()), len(text))
    first = text[at : at + 1]
    if language.partition("-")[0] == "nl" and text[at : at + 2] == "ij":
        return f"{text[:at]}IJ{text[at + 2 :]}"
    return text[:at] + ("\u0130" if first == "i" and is_turkic(language) else first.title()) + text[at + 1 :]


def is_letter(character: str) -> bool:
    """Says whether a character is a letter, or a mark that belongs to one, as the vowels of Hindi do."""
    return unicodedata.category(character)[0] in "LM"


class Alphabet:
    """The letters that a model spells with.

    Args:
        labels: of the model; see `hark.spec.ModelSpec`.
        language: BCP 47 tag.
    """

    def __init__(self, labels: Sequence[str], language: str = ENGLISH) -> None:
        self.language = language
        self.letters = frozenset("".join(labels)) - {" "}
        self._ids = {label: number for number, label in enumerate(labels) if label}
        self._longest = max(map(len, self._ids), default=1)
        # Subwords with a space in front begin words, the first one of a text, too.
        self._before = " " if any(len(label) > 1 and label.startswith(" ") for label in self._ids) else ""
        self._has_capitals = any(letter != lower(letter, language) for letter in self.letters)

    def spelt(self, text: str) -> str:
        """Writes what somebody typed as the model would: words apart by single spaces.

        What the model has no letter for stays, so that it can be named; a sign between words parts them.
        """
        text = unicodedata.normalize("NFC", text if self._has_capitals else lower(text, self.language))
        # A letter and its mark may only together be one of the model's.
        text = unicodedata.normalize("NFC", "".join(map(self._folded, text)))
        words = " ".join("".join(c if c in self.letters or self._is_part_of_word(c) else " " for c in text).split())
        return words if "'" not in words else " ".join(filter(None, map(self._without_quotes, words.split())))

    def _is_part_of_word(self, character: str) -> bool:
        return is_letter(character) or unicodedata.category(character)[0] == "N"

    def _folded(self, character: str) -> str:
        """Returns a character in the model's letters, if these can stand for it."""
        if character in self.letters:
            return character
        if character in _APOSTROPHES and "'" in self.letters:
            return "'"
        if character in _INVISIBLE:
            return ""
        for folded in (lower(character, self.language), character.casefold(), *_decompositions(character)):
            # Marks go only where the letter they are on is there; alone, as vowels are, they mean something.
            if folded and self.letters.issuperset(folded):
                return folded
        return "" if _is_accent(character) else character

    def _without_quotes(self, word: str) -> str:
        """Takes quotation marks off, which an apostrophe may be: in English at either side, elsewhere around a word.

        Other languages have words that end in one, such as Italian "po'".
        """
        if self.language.partition("-")[0] == ENGLISH or word[:1] == word[-1:] == "'":
            return word.strip("'")
        return word

    def can_spell(self, text: str) -> bool:
        """Says whether a text, as `spelt` returns it, has only letters of the model."""
        return self.letters.issuperset(text.replace(" ", ""))

    def can_write(self, text: str) -> bool:
        """Says whether the model can spell all that somebody typed, but for what parts words and spaces."""
        folded = unicodedata.normalize("NFC", "".join(map(self._folded, unicodedata.normalize("NFC", text))))
        signs = (*_PARTS, *_APOSTROPHES, " ")
        return all(character in self.letters or character in signs for character in self._lowered(folded))

    def _lowered(self, text: str) -> str:
        return text if self._has_capitals else lower(text, self.language)

    def spell(self, text: str) -> list[int] | None:
        """Returns a text's labels; of subwords the longest that fits first. None where there are none for it."""
        ids = self._ids
        if self._longest == 1:
            return [ids[letter] for letter in text] if ids.keys() >= set(text) else None
        # A window may begin within a word, so that its first subword has no space.
        spelt = self._longest_first(self._before + text) if text else []
        return self._longest_first(text) if spelt is None and self._before else spelt

    def _longest_first(self, text: str) -> list[int] | None:
        ends: list[int] = [0]
        found: list[int] = []
        dead: set[int] = set()
        length = self._longest
        while ends[-1] < len(text):
            at = ends[-1]
            length = next((each for each in range(length, 0, -1) if self._fits(text, at, each, dead)), 0)
            if length:
                found.append(self._ids[text[at : at + length]])
                ends.append(at + length)
                length = self._longest
            elif not found:
                return None
            else:  # nothing goes on from here, so that a shorter one must come before
                dead.add(at)
                found.pop()
                length = ends.pop() - ends[-1] - 1
        return found

    def _fits(self, text: str, at: int, length: int, dead: Container[int]) -> bool:
        return at + length <= len(text) and at + length not in dead and text[at : at + length] in self._ids


@lru_cache(maxsize=_REMEMBERED)
def of(labels: tuple[str, ...], language: str = ENGLISH) -> Alphabet:
    """Returns the alphabet of a model's labels and language."""
    return Alphabet(labels, language)


def joined(labels: Iterable[str]) -> str:
    """Returns the text that labels spell: words apart by single spaces, letters composed with their marks."""
    return unicodedata.normalize("NFC", " ".join("".join(labels).split()))


def _is_accent(character: str) -> bool:
    return any(unicodedata.combining(character) in classes for classes in _ACCENTS)


@cache
def _decompositions(character: str) -> tuple[str, ...]:
    """Returns what may be written instead of a character, the closest first: its parts, those without accents."""
    found = []
    for form in ("NFKC", "NFKD"):
        parts = unicodedata.normalize(form, character).lower()
        plain = "".join(part for part in parts if not _is_accent(part))
        found += [parts, unicodedata.normalize("NFC", plain), plain]
    return tuple(found)


ENGLISH_ALPHABET = Alphabet(("", " ", "'", *"abcdefghijklmnopqrstuvwxyz"))
