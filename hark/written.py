"""Spoken words -> the text that people read: sentences with marks and capitals, numbers in digits.

The network (`hark.punctuation`) says what follows each word and how it is written; `hark.itn` writes numbers; what is
left are rules that hold for every sentence, and the spelling of the words that a caller listens for. No word is lost,
added or moved: without capitals, marks and numbers, what was spoken is left.

Numbers are written in English alone. A language without a network has its sentences by pauses (`hark.pauses`).
"""

import dataclasses
import math
import re
import string
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Protocol

from hark import alphabet, cues, dictated, hotwords, itn, languages
from hark.alphabet import ENGLISH_ALPHABET, Alphabet
from hark.decoding import Decoding
from hark.dictated import DIGITS, Read
from hark.errors import ConflictingParameters, ModelError
from hark.pauses import Pauses, PauseSpec, marks_of
from hark.punctuation import (
    CAPITAL,
    COMMA,
    FULL_STOP,
    LOWER,
    NOTHING,
    SENTENCE_ENDS,
    UPPER,
    Labels,
    PunctuationSpec,
    Punctuator,
)
from hark.spec import ModelSpec
from hark.transcript import Word

# A sentence without an end is written in parts of so many words.
_LONGEST_SENTENCE = 200
# Written alike wherever they stand; in English, as what follows of words.
_ALWAYS = {"i": "I", "i'm": "I'm", "i'll": "I'll", "i've": "I've", "i'd": "I'd"}
# Within a number people pause for longer than between phrases.
_NUMBER_PAUSE_S, _UNIT_PAUSE_S = 1.5, 2.5
# What an English network has learned to read. Other words it leaves as they are.
_KNOWN = re.compile(r"[a-z']+")
_SMALL = frozenset(string.ascii_lowercase)
_NO_NAMES = frozenset(("O'clock", "O'er"))
# Months that are words, too.
_MONTHS = frozenset(("may", "march"))
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")
_UNREAD = Labels(NOTHING, LOWER)


class Labeller(Protocol):
    """What says of words which mark follows them and how they are written: a network, or `hark.pauses.Pauses`."""

    @property
    def spec(self) -> PunctuationSpec | PauseSpec:
        """What is known of its language."""

    def labels(self, words: Iterable[tuple[str, float | None]]) -> Iterator[Labels]:
        """Labels words, each with the pause after it in seconds."""


class Writer:
    """Makes readable text. Safe to use from several threads.

    Args:
        punctuator: the network, or what stands in for it.
        spellings: how to write what a caller listens for, as `spellings_of` returns them.
    """

    def __init__(self, punctuator: Labeller, spellings: Mapping[tuple[str, ...], str] | None = None) -> None:
        self._punctuator = punctuator
        self._language = punctuator.spec.language
        self._is_english = languages.answers(languages.ENGLISH, self._language)
        self._marks = marks_of(self._language)
        self._spellings = spellings or {}
        self._longest = max(map(len, self._spellings), default=0)

    def words(self, words: Iterable[Word]) -> Iterator[Word]:
        """Yields words with `written` and `punctuation`, sentence by sentence.

        Args:
            words: in order, with their times. Some hundreds of them are held.
        """
        return self._sentences(_with_gaps(words))

    def text(self, spoken: str) -> str:
        """Writes words of which no times are known."""
        words = ((Word(word, 0.0, 0.0, 0.0), None) for word in spoken.split())
        return " ".join(word.text for word in self._sentences(words) if word.text)

    def _sentences(self, words: Iterable[tuple[Word, float | None]]) -> Iterator[Word]:
        sentence: list[Read] = []
        spelt: dict[int, tuple[str, int]] = {}  # {first word: (how it is written, how many words it is)}
        begins = True
        for spelling, phrase in self._phrases(
            dictated.joined(self._read(words)) if self._is_english else self._read(words)
        ):
            if spelling:
                spelt[len(sentence)] = spelling, len(phrase)
            sentence += phrase
            ends = phrase[-1].labels.mark in SENTENCE_ENDS
            # No number is cut, unless there are hundreds.
            too_long = len(sentence) >= _LONGEST_SENTENCE and phrase[-1].word.word not in itn.NUMBER_WORDS
            if ends or too_long or len(sentence) >= 2 * _LONGEST_SENTENCE:
                yield from self._write(sentence, spelt, begins)
                sentence, spelt, begins = [], {}, ends
        if sentence:
            yield from self._write(sentence, spelt, begins)

    def _phrases(self, reads: Iterable[Read]) -> Iterator[tuple[str, list[Read]]]:
        """Yields what the caller spells with all its words, between which there is no mark, and "" with any other."""
        coming = iter(reads)
        ahead = deque(islice(coming, max(self._longest, 1)))
        while ahead:
            spoken = tuple(read.word.word for read in ahead)
            count = next((count for count in range(len(spoken), 0, -1) if spoken[:count] in self._spellings), 0)
            phrase = [ahead.popleft() for _ in range(max(count, 1))]
            ahead.extend(islice(coming, len(phrase)))
            inner = (dataclasses.replace(read, labels=_UNREAD) for read in phrase[:-1])
            yield self._spellings.get(spoken[:count], ""), [*inner, phrase[-1]]

    def _read(self, words: Iterable[tuple[Word, float | None]]) -> Iterator[Read]:
        held: deque[tuple[Word, float | None]] = deque()

        def spoken() -> Iterator[tuple[str, float | None]]:
            for word, gap_s in words:
                held.append((word, gap_s))
                yield word.word, gap_s

        for labels in self._punctuator.labels(spoken()):
            word, gap_s = held.popleft()
            yield Read(word, gap_s, labels if self._is_known(word.word) else _UNREAD)

    def _is_known(self, word: str) -> bool:
        """Says whether a word is none that the network has never seen the like of, such as one with digits."""
        if self._is_english:
            return _KNOWN.fullmatch(word) is not None
        return not any(letter.isnumeric() for letter in word)

    def _write(self, sentence: Sequence[Read], spelt: Mapping[int, tuple[str, int]], begins: bool) -> Iterator[Word]:
        """Writes the words of one sentence, or of a part of one."""
        spoken = [read.word.word for read in sentence]
        own = {place for at, (_, count) in spelt.items() for place in range(at, at + count)}
        tokens = list(_tokens(sentence, spelt, self._is_english))
        for place, token in enumerate(tokens):
            earlier, following = tokens[max(place - 2, 0) : place], tokens[place + 1 : place + 2]
            last = sentence[token.last - 1]
            text = token.text
            if token.first not in own:  # what a caller spells stays so at the beginning of a sentence, too
                first = begins and not token.first
                if token.last == token.first + 1 and text == spoken[token.first]:
                    is_month = self._is_english and text in _MONTHS and _is_date(earlier, following)
                    text = self._cased(text, CAPITAL if is_month else last.labels.case, first)
                elif first:
                    text = self._capitalised(text)
            # "a.m." at the end of a sentence has its full stop.
            mark = "" if text.endswith(".") and last.labels.mark == FULL_STOP else self._marks[last.labels.mark]
            yield dataclasses.replace(sentence[token.first].word, written=text, punctuation=mark)
            for read in sentence[token.first + 1 : token.last]:
                yield dataclasses.replace(read.word, written="")

    def _cased(self, word: str, case: int, first: bool) -> str:
        """Writes a word that is no number; [first] of a sentence: "iPhone" stays, and "d'Artagnan" does not."""
        if self._is_english and word in _ALWAYS:
            return _ALWAYS[word]
        spec = self._punctuator.spec
        stem, apostrophe, ending = word.partition("'s") if self._is_english else (word, "", "")
        if stem in spec.lexicon and not ending:
            return spec.lexicon[stem] + apostrophe
        if case == UPPER:
            return alphabet.upper(word, self._language)
        text = spec.mixed_case.get(word) or self._capitalised(word) if case == CAPITAL else word
        return self._capitalised(text) if first else text

    def _capitalised(self, text: str) -> str:
        return _capitalised(text) if self._is_english else alphabet.capitalised(text, self._language)


def spellings_of(words: Iterable[str], letters: Alphabet = ENGLISH_ALPHABET) -> dict[tuple[str, ...], str]:
    """Returns how a caller writes hot words, by the words that are spoken.

    Words that are all lower case are left to the sentence they stand in: so people type who do not care.

    Args:
        words: as the caller writes them.
        letters: of the model.
    """
    spellings = {}
    is_english = languages.answers(languages.ENGLISH, letters.language)
    for word in words:
        spoken, written = tuple(hotwords.spelt(word, letters).split()), " ".join(word.split())
        if spoken and written != alphabet.lower(written, letters.language):
            spellings[spoken] = written
            if is_english:
                spellings.setdefault((*spoken[:-1], f"{spoken[-1]}'s"), f"{written}'s")
    return spellings


def _tokens(
    sentence: Sequence[Read], spelt: Mapping[int, tuple[str, int]], with_numbers: bool = True
) -> Iterator[itn.Token]:
    """Writes numbers in digits, but for those in what the caller spells himself; or leaves them as they were spoken."""
    words = [read.word.word for read in sentence]
    breaks = [_parts(read, following) for read, following in zip(sentence, [*words[1:], ""], strict=True)]
    start = 0
    for at, (written, count) in [*spelt.items(), (len(words), ("", 0))]:
        if with_numbers:
            for token in itn.tokens(words[start:at], breaks[start:at]):
                yield dataclasses.replace(token, first=token.first + start, last=token.last + start)
        else:
            yield from (itn.Token(words[place], place, place + 1) for place in range(start, at))
        if count:
            parts = written.split()
            # Where parts are as many as words, each has its times; but "St. John" is not to be parted.
            if len(parts) == count and not any(part.endswith(".") for part in parts[:-1]):
                yield from (itn.Token(part, at + i, at + i + 1) for i, part in enumerate(parts))
            else:
                yield itn.Token(written, at, at + count)
        start = at + count


def _parts(read: Read, following: str) -> bool:
    """Says whether no number goes on from a word to the next."""
    word = read.word.word
    if read.labels.mark == COMMA and not (word in DIGITS and following in DIGITS):
        return True
    longest_s = cues.PAUSE_S
    if word in itn.NUMBER_WORDS:
        goes_on = following in DIGITS or following not in itn.NUMBER_WORDS
        longest_s = _UNIT_PAUSE_S if goes_on else _NUMBER_PAUSE_S
    return read.gap_s is not None and read.gap_s >= longest_s


def _is_date(earlier: Sequence[itn.Token], following: Sequence[itn.Token]) -> bool:
    """Says whether what stands between these is a month: "3rd of may", "may 3rd"."""
    behind_day = len(earlier) == 2 and earlier[1].text == "of" and _ORDINAL.fullmatch(earlier[0].text)
    return bool(behind_day or (following and _ORDINAL.fullmatch(following[0].text)))


def _capitalised(text: str) -> str:
    """Makes the first letter a capital, and that after O' in a name; what begins with anything else stays."""
    at = len(text) - len(text.lstrip("'"))
    if text[at : at + 1] in _SMALL:
        text = text[:at] + text[at : at + 1].upper() + text[at + 1 :]
    if text.startswith("O'") and text not in _NO_NAMES:
        text = text[:2] + text[2:3].upper() + text[3:]
    return text


def _with_gaps(words: Iterable[Word]) -> Iterator[tuple[Word, float | None]]:
    """Adds to each word the pause after it, in seconds; no pause is longer than that after the last."""
    before: Word | None = None
    for word in words:
        if before:
            yield before, max(word.start_s - before.end_s, 0.0)
        before = word
    if before:
        yield before, math.inf


class Writers:
    """Gives each request the writer it asks for. Safe to use from several threads.

    Args:
        path: of the punctuation model. It need not be there: then English text stays as it was spoken, and that of
            other languages has its sentences by pauses.
        spec: of the recogniser; None for an English one.
    """

    def __init__(self, path: Path, spec: ModelSpec | None = None) -> None:
        self._path = path
        self._language = spec.language if spec else languages.ENGLISH
        self._letters = alphabet.of(spec.labels, spec.language) if spec else ENGLISH_ALPHABET

    @cached_property
    def _punctuator(self) -> Punctuator | Pauses:
        if not self._path.is_file():
            return Pauses(self._language)
        punctuator = Punctuator(self._path)
        if not languages.answers(punctuator.spec.language, self._language):
            raise ModelError(
                f"The punctuation model {self._path} is for {languages.name(punctuator.spec.language).title()}, and "
                f"the recogniser writes {languages.name(self._language).title()}; name another one (HARK_PUNCTUATION "
                "for the endpoint), or none."
            )
        return punctuator

    @property
    def _writes(self) -> bool:
        """Whether there is a model for readable text, or a language that does without one."""
        return self._path.is_file() or not languages.answers(languages.ENGLISH, self._language)

    def load(self) -> None:
        """Loads the model, if there is one, so that a file that cannot be read is found at the start.

        Raises:
            ModelError: it cannot be read, or is for another language.
        """
        if self._path.is_file():
            _ = self._punctuator

    def check(self, asked: Decoding) -> None:
        """Says whether there is what a request asks for.

        Raises:
            ConflictingParameters: it asks for readable text, and there is no model for it.
        """
        if asked.text_style == "written" and not self._writes:
            raise ConflictingParameters(
                "There is no punctuation model here, so text stays as it was spoken; leave text_style out.",
                param="text_style",
            )

    def writer(self, asked: Decoding) -> Writer | None:
        """Returns what writes as a request asks for it; None where text stays as it was spoken.

        Raises:
            ConflictingParameters: see `check`.
            ModelError: the model's file cannot be read.
        """
        self.check(asked)
        if asked.text_style == "spoken" or not self._writes:
            return None
        names = filter(self._is_name(asked), asked.spellings)
        return Writer(self._punctuator, spellings_of(names, self._letters))

    def _is_name(self, asked: Decoding) -> Callable[[str], bool]:
        """Says of a spelling whether it holds everywhere: a prompt has capitals of words that are names only there."""

        def holds(written: str) -> bool:
            spoken = hotwords.spelt(written, self._letters)
            inner = any(letter.isupper() for part in written.split() for letter in part[1:])
            return spoken in asked.hotwords or inner or not all(map(self._punctuator.spec.knows, spoken.split()))

        return holds
