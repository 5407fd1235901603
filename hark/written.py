"""Spoken words -> the text that people read: sentences with marks and capitals, numbers in digits.

The network (`hark.punctuation`) says what follows each word and how it is written; `hark.itn` writes numbers; what is
left are rules that hold for every sentence, and the spelling of the words that a caller listens for. No word is lost,
added or moved: without capitals, marks and numbers, what was spoken is left.
"""

import dataclasses
import math
import re
import string
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path

from hark import cues, hotwords, itn
from hark.decoding import Decoding
from hark.errors import ConflictingParameters
from hark.punctuation import CAPITAL, COMMA, FULL_STOP, LOWER, MARKS, NOTHING, SENTENCE_ENDS, UPPER, Labels, Punctuator
from hark.transcript import Word

# A sentence without an end is written in parts of so many words.
_LONGEST_SENTENCE = 200
# Written alike wherever they stand.
_ALWAYS = {"i": "I", "i'm": "I'm", "i'll": "I'll", "i've": "I've", "i'd": "I'd"}
# Said one by one, with pauses that no reader sees: 555-0134.
_DIGITS = frozenset(
    ("double", "triple", "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
)
# Runs of so many digits are one number, however it is dictated; and runs of so many letters are spelt.
_LEAST_DIGITS, _LEAST_LETTERS, _LONGEST_RUN = 4, 2, 40
# Within a number people pause for longer than between phrases.
_NUMBER_PAUSE_S, _UNIT_PAUSE_S = 1.5, 2.5
# What the network has learned to read. Other words it leaves as they are.
_KNOWN = re.compile(r"[a-z']+")
_SMALL = frozenset(string.ascii_lowercase)
_NO_NAMES = frozenset(("O'clock", "O'er"))
# Months that are words, too.
_MONTHS = frozenset(("may", "march"))
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")
_UNREAD = Labels(NOTHING, LOWER)


@dataclass(frozen=True)
class _Read:
    """A word, the pause after it in seconds (None where it is not known), and what the network says of it."""

    word: Word
    gap_s: float | None
    labels: Labels


class Writer:
    """Makes readable text. Safe to use from several threads.

    Args:
        punctuator: the network.
        spellings: how to write what a caller listens for, as `spellings_of` returns them.
    """

    def __init__(self, punctuator: Punctuator, spellings: Mapping[tuple[str, ...], str] | None = None) -> None:
        self._punctuator = punctuator
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
        sentence: list[_Read] = []
        spelt: dict[int, tuple[str, int]] = {}  # {first word: (how it is written, how many words it is)}
        begins = True
        for spelling, phrase in self._phrases(_runs(self._read(words))):
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

    def _phrases(self, reads: Iterable[_Read]) -> Iterator[tuple[str, list[_Read]]]:
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

    def _read(self, words: Iterable[tuple[Word, float | None]]) -> Iterator[_Read]:
        held: deque[tuple[Word, float | None]] = deque()

        def spoken() -> Iterator[tuple[str, float | None]]:
            for word, gap_s in words:
                held.append((word, gap_s))
                yield word.word, gap_s

        for labels in self._punctuator.labels(spoken()):
            word, gap_s = held.popleft()
            yield _Read(word, gap_s, labels if _KNOWN.fullmatch(word.word) else _UNREAD)

    def _write(self, sentence: Sequence[_Read], spelt: Mapping[int, tuple[str, int]], begins: bool) -> Iterator[Word]:
        """Writes the words of one sentence, or of a part of one."""
        spoken = [read.word.word for read in sentence]
        own = {place for at, (_, count) in spelt.items() for place in range(at, at + count)}
        tokens = list(_tokens(sentence, spelt))
        for place, token in enumerate(tokens):
            earlier, following = tokens[max(place - 2, 0) : place], tokens[place + 1 : place + 2]
            last = sentence[token.last - 1]
            text = token.text
            if token.first not in own:  # what a caller spells stays so at the beginning of a sentence, too
                first = begins and not token.first
                if token.last == token.first + 1 and text == spoken[token.first]:
                    case = CAPITAL if text in _MONTHS and _is_date(earlier, following) else last.labels.case
                    text = self._cased(text, case, first)
                elif first:
                    text = _capitalised(text)
            # "a.m." at the end of a sentence has its full stop.
            mark = "" if text.endswith(".") and last.labels.mark == FULL_STOP else MARKS[last.labels.mark]
            yield dataclasses.replace(sentence[token.first].word, written=text, punctuation=mark)
            for read in sentence[token.first + 1 : token.last]:
                yield dataclasses.replace(read.word, written="")

    def _cased(self, word: str, case: int, first: bool) -> str:
        """Writes a word that is no number; [first] of a sentence: "iPhone" stays, and "d'Artagnan" does not."""
        if word in _ALWAYS:
            return _ALWAYS[word]
        spec = self._punctuator.spec
        stem, apostrophe, ending = word.partition("'s")
        if stem in spec.lexicon and not ending:
            return spec.lexicon[stem] + apostrophe
        if case == UPPER:
            return word.upper()
        text = spec.mixed_case.get(word) or _capitalised(word) if case == CAPITAL else word
        return _capitalised(text) if first else text


def spellings_of(words: Iterable[str]) -> dict[tuple[str, ...], str]:
    """Returns how a caller writes hot words, by the words that are spoken.

    Words that are all lower case are left to the sentence they stand in: so people type who do not care.
    """
    spellings = {}
    for word in words:
        spoken, written = tuple(hotwords.spelt(word).split()), " ".join(word.split())
        if spoken and written != written.lower():
            spellings[spoken] = written
            spellings.setdefault((*spoken[:-1], f"{spoken[-1]}'s"), f"{written}'s")
    return spellings


def _tokens(sentence: Sequence[_Read], spelt: Mapping[int, tuple[str, int]]) -> Iterator[itn.Token]:
    """Writes numbers in digits, but for those in what the caller spells himself."""
    words = [read.word.word for read in sentence]
    breaks = [_parts(read, following) for read, following in zip(sentence, [*words[1:], ""], strict=True)]
    start = 0
    for at, (written, count) in [*spelt.items(), (len(words), ("", 0))]:
        for token in itn.tokens(words[start:at], breaks[start:at]):
            yield dataclasses.replace(token, first=token.first + start, last=token.last + start)
        if count:
            parts = written.split()
            # Where parts are as many as words, each has its times; but "St. John" is not to be parted.
            if len(parts) == count and not any(part.endswith(".") for part in parts[:-1]):
                yield from (itn.Token(part, at + i, at + i + 1) for i, part in enumerate(parts))
            else:
                yield itn.Token(written, at, at + count)
        start = at + count


def _parts(read: _Read, following: str) -> bool:
    """Says whether no number goes on from a word to the next."""
    word = read.word.word
    if read.labels.mark == COMMA and not (word in _DIGITS and following in _DIGITS):
        return True
    longest_s = cues.PAUSE_S
    if word in itn.NUMBER_WORDS:
        goes_on = following in _DIGITS or following not in itn.NUMBER_WORDS
        longest_s = _UNIT_PAUSE_S if goes_on else _NUMBER_PAUSE_S
    return read.gap_s is not None and read.gap_s >= longest_s


def _runs(reads: Iterable[_Read]) -> Iterator[_Read]:
    """Takes marks and pauses out of runs of digits and of letters, which are dictated one by one."""
    for kind, run in groupby(reads, key=lambda read: _run_kind(read.word.word)):
        if not kind:
            yield from run
            continue
        while part := list(islice(run, _LONGEST_RUN)):
            yield from _joined(kind, part)


def _joined(kind: str, run: list[_Read]) -> list[_Read]:
    if kind == "digits":
        return [*map(_without_mark, run[:-1]), run[-1]] if len(run) >= _LEAST_DIGITS else run
    # "a" and "I" are words, too: "I have a D".
    first = run[:1] if run[0].word.word in ("a", "i") and len(run) == _LEAST_LETTERS else []
    spelt = run[len(first) :]
    if len(run) < _LEAST_LETTERS or {read.word.word for read in spelt} <= {"a", "i"}:
        return run
    upper = [dataclasses.replace(read, labels=Labels(read.labels.mark, UPPER)) for read in spelt]
    return [*first, *map(_without_mark, upper[:-1]), upper[-1]]


def _is_date(earlier: Sequence[itn.Token], following: Sequence[itn.Token]) -> bool:
    """Says whether what stands between these is a month: "3rd of may", "may 3rd"."""
    behind_day = len(earlier) == 2 and earlier[1].text == "of" and _ORDINAL.fullmatch(earlier[0].text)
    return bool(behind_day or (following and _ORDINAL.fullmatch(following[0].text)))


def _without_mark(read: _Read) -> _Read:
    gap_s = None if read.gap_s is None else 0.0
    return _Read(read.word, gap_s, Labels(NOTHING, read.labels.case))


def _run_kind(word: str) -> str:
    if word in _DIGITS:
        return "digits"
    return "letters" if len(word) == 1 and word in _SMALL else ""


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
        path: of the punctuation model. It need not be there: then text stays as it was spoken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _punctuator(self) -> Punctuator:
        return Punctuator(self._path)

    def load(self) -> None:
        """Loads the model, if there is one, so that a file that cannot be read is found at the start.

        Raises:
            ModelError: it cannot be read.
        """
        if self._path.is_file():
            _ = self._punctuator

    def check(self, asked: Decoding) -> None:
        """Says whether there is what a request asks for.

        Raises:
            ConflictingParameters: it asks for readable text, and there is no model for it.
        """
        if asked.text_style == "written" and not self._path.is_file():
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
        if asked.text_style == "spoken" or not self._path.is_file():
            return None
        return Writer(self._punctuator, spellings_of(filter(self._is_name(asked), asked.spellings)))

    def _is_name(self, asked: Decoding) -> Callable[[str], bool]:
        """Says of a spelling whether it holds everywhere: a prompt has capitals of words that are names only there."""

        def holds(written: str) -> bool:
            spoken = hotwords.spelt(written)
            inner = any(letter.isupper() for part in written.split() for letter in part[1:])
            return spoken in asked.hotwords or inner or not all(map(self._punctuator.spec.knows, spoken.split()))

        return holds
