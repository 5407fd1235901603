"""Written text -> the words that are spoken, and for each what a reader sees: the mark after it, and its capitals.

What is mapped, and not learnt: quotation marks and brackets are left out; dashes, semicolons and colons are commas; an
exclamation mark is a full stop, or a comma where the sentence goes on after it. Capitals for emphasis are lower case.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hark.punctuation import CAPITAL, COMMA, FULL_STOP, LOWER, NOTHING, QUESTION_MARK, SENTENCE_ENDS, UPPER
from training.lines import read_lines
from training.text import normalise

# A full stop after these ends no sentence.
_ABBREVIATIONS = frozenset({
    *("mr", "mrs", "ms", "messrs", "mme", "mlle", "dr", "prof", "capt", "col", "gen", "lieut", "sergt", "rev", "hon"),
    *("esq", "jr", "sr", "st", "m", "mt", "ave", "co", "inc", "ltd", "corp", "ch", "no", "vol", "fig", "pp"),
    *("etc", "vs", "viz", "e.g", "i.e", "cf"),
    *("jan", "feb", "mar", "apr", "jun", "jul", "aug", "sept", "oct", "nov", "dec"),
})  # fmt: skip
_DASH = re.compile(r"\s*(?:-{2,}|[\u2013\u2014\u2015]+|\s-\s)\s*")
_ELLIPSIS = re.compile(r"\s*(?:\.\s?){2,}\.?|\u2026")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`\u2032", "'"))
# A word, which begins and ends with a letter or a digit (or says how much money it is), and what follows it.
_TOKEN = re.compile(r"[\w$\u00a3\u20ac](?:[^\s]*[\w%\u00b0])?|[\w%&]")
_PIECES = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# Names are written in one way in so many texts, and nearly everywhere.
_LEAST_TEXTS, _LEAST_SHARE = 2, 0.8
# Words that are said so often, and so seldom with a capital within a sentence, have none there.
_LEAST_SMALL, _SMALL, _MOST_SMALL = 300, 0.9895, 150


@dataclass(frozen=True)
class Labelled:
    """Spoken words of a text, in order.

    Attributes:
        words: as `training.text.normalise` writes them.
        marks: what follows each, one of `hark.punctuation.MARKS`' indices.
        cases: how each is written, one of `hark.punctuation.CASES`' indices.
        written: each as the text has it; equal to the word where it is a number.
    """

    words: list[str]
    marks: list[int]
    cases: list[int]
    written: list[str]

    @cached_property
    def sentence_ends(self) -> NDArray[np.int64]:
        """[sentences] where the next sentence begins, or the text ends."""
        return np.flatnonzero(np.isin(self.marks, SENTENCE_ENDS)) + 1

    def __len__(self) -> int:
        return len(self.words)


def label(lines: Iterable[str]) -> Labelled:
    """Labels consecutive lines of one text."""
    found = Labelled([], [], [], [])
    for line in _sentences(lines):
        _add(line, found)
    _settle(found)
    return found


def read_texts(paths: Sequence[Path]) -> list[Labelled]:
    """Reads and labels texts: a sentence or a paragraph a line, in their order; files may be gzipped."""
    return [label(read_lines(path)) for path in paths]


def mixed_case(texts: Iterable[Labelled]) -> dict[str, str]:
    """Returns the words whose capitals no rule gives, as McDonald, where nearly all are written so in several texts."""
    counts: dict[str, Counter[str]] = {}
    seen_in: Counter[str] = Counter()
    for text in texts:
        for form in text.written:
            counts.setdefault(form.lower(), Counter())[form] += 1
        seen_in.update({form for form in text.written if form not in (form.lower(), form.capitalize(), form.upper())})
    mixed = {}
    for word, forms in counts.items():
        form, times = forms.most_common(1)[0]
        is_mixed = form not in (word, word.capitalize(), word.upper())
        if is_mixed and seen_in[form] >= _LEAST_TEXTS and times >= _LEAST_SHARE * forms.total():
            mixed[word] = form
    return mixed


def small_words(texts: Iterable[Labelled]) -> list[str]:
    """Returns the words that have no capital but at the beginning of a sentence."""
    lower: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for text in texts:
        before = [FULL_STOP, *text.marks]
        for word, case, mark in zip(text.words, text.cases, before, strict=False):
            if mark not in SENTENCE_ENDS:
                counts[word] += 1
                lower[word] += case == LOWER
    common = (word for word, count in counts.most_common() if count >= _LEAST_SMALL and lower[word] > _SMALL * count)
    return sorted(islice(common, _MOST_SMALL))


def _sentences(lines: Iterable[str]) -> Iterator[str]:
    """Joins what was parted at an abbreviation; skips headings in capitals."""
    held = ""
    for line in map(str.strip, lines):
        whole = f"{held} {line}".strip()
        held = ""
        last = whole.rpartition(" ")[2].lstrip("\"'(").rstrip(".").lower()
        if whole.endswith(".") and (last in _ABBREVIATIONS or (len(last) == 1 and last not in "ia")):
            held = whole
        elif whole and not whole.isupper():
            yield whole
    if held:
        yield held


def _add(line: str, found: Labelled) -> None:
    text = line.translate(_APOSTROPHES).replace("_", " ")
    text = _DASH.sub(", ", _ELLIPSIS.sub("\u2026 ", text))
    end = 0
    tokens = list(_TOKEN.finditer(text))
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        end = following.start() if following else len(text)
        core, after = token[0], text[token.end() : end]
        spoken = normalise(core).split()
        if not spoken:
            continue
        pieces = _PIECES.findall(core)
        known = len(pieces) == len(spoken) and not any(c.isdigit() for c in core)
        # "IV" is "four", and no capital of its letters is one of that word's.
        known = known and all(map(_begin_alike, pieces, spoken))
        abbreviated = core.lower() in _ABBREVIATIONS or (len(core) == 1 and core.isupper() and core not in "IA")
        for number, word in enumerate(spoken):
            piece = pieces[number] if known else word
            found.words.append(word)
            found.cases.append(_case(piece))
            found.written.append(piece if piece.lower() == word else piece[:1] + word[1:])
            found.marks.append(_mark(after, abbreviated) if number == len(spoken) - 1 else NOTHING)


def _begin_alike(piece: str, word: str) -> bool:
    return piece[:1].lower() == word[:1] or normalise(piece[:1])[:1] == word[:1]


def _case(piece: str) -> int:
    if piece == piece.lower():
        return LOWER
    return UPPER if len(piece) > 1 and piece.isupper() else CAPITAL


def _mark(after: str, abbreviated: bool) -> int:
    if "?" in after:
        return QUESTION_MARK
    if "!" in after or "\u2026" in after:
        return _OPEN
    if "." in after and not (abbreviated and after.lstrip(".").strip() == ""):
        return FULL_STOP
    return COMMA if any(mark in after for mark in ",;:") else NOTHING


# An exclamation mark or dots, until it is known whether the sentence goes on.
_OPEN = -1


def _settle(found: Labelled) -> None:
    """Decides what depends on the word that comes next."""
    ordinary = Counter(word for word, case in zip(found.words, found.cases, strict=True) if case == LOWER)
    for i, word in enumerate(found.words):
        if found.cases[i] == UPPER and ordinary[word] > 1:
            found.cases[i], found.written[i] = LOWER, word
        goes_on = i + 1 < len(found) and found.cases[i + 1] == LOWER
        if found.marks[i] == _OPEN:
            found.marks[i] = COMMA if goes_on else FULL_STOP
        elif found.marks[i] == FULL_STOP and goes_on:
            found.marks[i] = NOTHING
        if i and found.marks[i - 1] in SENTENCE_ENDS and found.cases[i] == LOWER and ordinary[word] == 0:
            found.cases[i] = CAPITAL
