"""Spoken words and the pauses after them -> the mark that follows each word, and its capitals.

A network looks at a window of words at a time. It has vectors for common words, and for the beginnings and endings of
words, by their hashes, so that any word can be read.

Sources: Tilk and Alumäe, "Bidirectional Recurrent Neural Network with Attention Mechanism for Punctuation Restoration"
(Interspeech 2016), for the task and the use of pauses; Bojanowski et al., "Enriching Word Vectors with Subword
Information" (TACL 2017), for hashed parts of words.
"""

import base64
import dataclasses
import json
import math
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hark.errors import ModelError
from hark.recognizer import metadata_of, open_session

# What may follow a word, and how a word may be written; the network's outputs are in this order.
MARKS = ("", ",", ".", "?")
NOTHING, COMMA, FULL_STOP, QUESTION_MARK = range(len(MARKS))
SENTENCE_ENDS = (FULL_STOP, QUESTION_MARK)
CASES = ("lower", "Capital", "UPPER")
LOWER, CAPITAL, UPPER = range(len(CASES))

METADATA_KEY = "hark.punctuation"
INPUT_NAMES = ("rows", "gaps")
OUTPUT_NAMES = ("mark_log_probs", "case_log_probs")

# Of each word: itself, and its beginnings and endings of so many letters.
_AFFIX_LETTERS = (1, 2, 3, 4)
ROWS = 1 + 2 * len(_AFFIX_LETTERS)
# The row of words that have no vector of their own.
UNKNOWN_ROW = 0
# By language: no sentence ends after these, however long people think before they go on.
_NEVER_LAST = {"en": frozenset(("a", "an", "the", "and", "or", "of", "my", "your", "his", "our", "their", "its"))}
# The class of a gap that nobody measured.
UNKNOWN_GAP = 0


@dataclass(frozen=True)
class PunctuationSpec:
    """How to feed one model, and how to read what it answers.

    Attributes:
        name: what it is called.
        version: changes whenever the weights do.
        vocabulary: hashes of the words that have vectors of their own, see `packed`.
        affix_rows: how many rows of the table are for the beginnings and endings of words.
        gap_edges_s: between the classes of gaps, in seconds; class 0 is for gaps that are not known.
        mixed_case: names whose capitals no rule gives, as {"d'artagnan": "d'Artagnan"}; what the network takes for a
            common word stays one.
        lexicon: words that are always written so, as {"youtube": "YouTube"}.
        small: words that have a capital at the beginning of a sentence and nowhere else, as "he" and "the".
        language: BCP 47 tag of the language that it learned.
        training_data: what it learned from, in words.
        measured: figures of the evaluation that came with it.
    """

    name: str
    version: str
    vocabulary: str
    affix_rows: int
    gap_edges_s: tuple[float, ...]
    mixed_case: dict[str, str] = field(default_factory=dict)
    lexicon: dict[str, str] = field(default_factory=dict)
    small: tuple[str, ...] = ()
    language: str = "en"
    training_data: str = ""
    measured: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        edges, spellings = self.gap_edges_s, {**self.mixed_case, **self.lexicon}
        texts = (self.name, self.version, self.language, *self.small, *spellings, *spellings.values())
        if (
            self.affix_rows < 1
            or not edges
            or list(edges) != sorted(set(edges))
            or not all(math.isfinite(edge) for edge in edges)
            or not all(isinstance(text, str) for text in texts)
        ):
            raise ModelError("The punctuation model's spec has values that cannot be right; export it again.")

    def to_json(self) -> str:
        """Writes the spec as JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "PunctuationSpec":
        """Reads what `to_json` wrote.

        Raises:
            ModelError: it is none.
        """
        try:
            fields = json.loads(text)
            spec = cls(
                **{**fields, "gap_edges_s": tuple(fields["gap_edges_s"]), "small": tuple(fields.get("small", ()))}
            )
            known = spec._known  # read now, so that what is wrong with it is told before any text is read
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError("The punctuation model has no readable spec; export it again.") from error
        if np.any(known[1:] <= known[:-1]):
            raise ModelError("The punctuation model's vocabulary is not sorted; export it again.")
        return spec

    @cached_property
    def _known(self) -> NDArray[np.uint32]:
        return np.frombuffer(base64.b64decode(self.vocabulary), "<u4")

    @property
    def table_rows(self) -> int:
        """Rows of the network's table: that of unknown words, those of the vocabulary, those of parts of words."""
        return 1 + len(self._known) + self.affix_rows

    def rows(self, words: Sequence[str]) -> NDArray[np.int32]:
        """Returns the [words, `ROWS`] rows of the network's table that stand for words."""
        known = self._known
        hashed = np.array([zlib.crc32(word.encode()) for word in words], np.uint32)
        places = np.searchsorted(known, hashed)
        found = np.append(known, 0)[places] == hashed
        own = np.where(found & (places < len(known)), places + 1, UNKNOWN_ROW)
        affixes = [_affixes(word, self.affix_rows) for word in words]
        return np.column_stack([own, np.array(affixes, np.int64) + len(known) + 1]).astype(np.int32)

    def knows(self, word: str) -> bool:
        """Says whether a word has a vector of its own."""
        return bool(self.rows([word])[0, 0] != UNKNOWN_ROW)

    def gap_class(self, gap_s: float | None) -> int:
        """Returns the class of a gap in seconds; of None, that of unknown ones."""
        return UNKNOWN_GAP if gap_s is None else 1 + bisect_right(self.gap_edges_s, gap_s)


def packed(vocabulary: Iterable[str]) -> str:
    """Returns a vocabulary as the spec has it: CRC-32 of each word, sorted, as little-endian numbers in base64.

    The row of a word is its place among them, after `UNKNOWN_ROW`.
    """
    return base64.b64encode(np.array(sorted(hashes_of(vocabulary)), "<u4").tobytes()).decode()


def hashes_of(vocabulary: Iterable[str]) -> set[int]:
    """Returns the hashes of words; of several with the same, which are rare, there is one."""
    return {zlib.crc32(word.encode()) for word in vocabulary}


@lru_cache(maxsize=1 << 14)
def _affixes(word: str, affix_rows: int) -> tuple[int, ...]:
    """Returns the rows of a word's beginnings and endings, counted from the first of them."""
    rows = []
    for letters in _AFFIX_LETTERS:
        rows.append(zlib.crc32(b"^" + word[:letters].encode()) % affix_rows)
        rows.append(zlib.crc32(b"$" + word[-letters:].encode()) % affix_rows)
    return tuple(rows)


@dataclass(frozen=True)
class Labels:
    """What the network says of a word: indices into `MARKS` and `CASES`."""

    mark: int
    case: int


class Punctuator:
    """An ONNX Runtime session and the spec that came with it. Safe to use from several threads.

    Args:
        path: a file made by `python -m export.punctuation`.

    Raises:
        ModelError: the file is missing or is no such model.
    """

    # Words that are labelled together, and so many before and after them that are only looked at.
    CORE, CONTEXT = 160, 32

    def __init__(self, path: str | Path) -> None:
        if not Path(path).is_file():
            raise ModelError(f"There is no punctuation model at {path}; name one that `export.punctuation` wrote.")
        self._session = open_session(Path(path))
        metadata = metadata_of(self._session, path)
        if METADATA_KEY not in metadata:
            raise ModelError(f"{path} is no punctuation model; name one that `export.punctuation` wrote.")
        self.spec = PunctuationSpec.from_json(metadata[METADATA_KEY])
        if not self._fits():
            raise ModelError(f"The spec in {path} does not fit its network; export the model again.")

    def _fits(self) -> bool:
        """Says whether the network has the rows and the classes of gaps that its spec names: it looks up the last."""
        rows = np.full((1, 1, ROWS), self.spec.table_rows - 1, np.int32)
        gaps = np.full((1, 1), len(self.spec.gap_edges_s) + 1, np.int32)
        try:
            marks, cases = self._session.run(OUTPUT_NAMES, {"rows": rows, "gaps": gaps})
        except Exception:  # ONNX Runtime's errors share no base class
            return False
        return (marks.shape, cases.shape) == ((1, 1, len(MARKS)), (1, 1, len(CASES)))

    def run(self, words: Sequence[str], gaps_s: Sequence[float | None]) -> list[NDArray[np.float32]]:
        """Runs one window through the network.

        Args:
            words: as they are spoken, at least one.
            gaps_s: the pause after each, in seconds; None where it is not known.

        Returns:
            [words, marks] and [words, cases] log-probabilities.
        """
        spec = self.spec
        gaps = np.array([spec.gap_class(gap_s) for gap_s in gaps_s], np.int32)
        marks, cases = self._session.run(OUTPUT_NAMES, {"rows": spec.rows(words)[None], "gaps": gaps[None]})
        return [marks[0], cases[0]]

    def labels(self, words: Iterable[tuple[str, float | None]]) -> Iterator[Labels]:
        """Labels words, however many, holding no more than a window of them at a time.

        Args:
            words: each as it is spoken, with the pause after it in seconds, None where it is not known.
        """
        never_last = _NEVER_LAST.get(self.spec.language.partition("-")[0], frozenset())
        begins = True
        for spoken, marks, cases in self.scores(words):
            for word, mark, case in zip(spoken, marks.argmax(1).tolist(), cases.argmax(1).tolist(), strict=True):
                if mark in SENTENCE_ENDS and word in never_last:
                    mark = NOTHING
                yield Labels(mark, self._case(word, case, begins))
                begins = mark in SENTENCE_ENDS

    @cached_property
    def _small(self) -> frozenset[str]:
        return frozenset(self.spec.small)

    def _case(self, word: str, case: int, begins: bool) -> int:
        """Makes cases agree with marks: a sentence begins with a capital, and small words have none elsewhere."""
        if begins:
            return max(case, CAPITAL)
        return LOWER if word in self._small else case

    def scores(
        self, words: Iterable[tuple[str, float | None]]
    ) -> Iterator[tuple[Sequence[str], NDArray[np.float32], NDArray[np.float32]]]:
        """As `labels`: yields some words and their [words, marks] and [words, cases] log-probabilities, in order."""
        coming = iter(words)
        before: list[tuple[str, float | None]] = []
        ahead = list(islice(coming, self.CORE + self.CONTEXT))
        while ahead:
            spoken, gaps_s = zip(*before, *ahead, strict=True)
            first, last = len(before), len(before) + min(len(ahead), self.CORE)
            marks, cases = self.run(spoken, gaps_s)
            yield spoken[first:last], marks[first:last], cases[first:last]
            before = [*before, *ahead[: self.CORE]][-self.CONTEXT :]
            ahead = [*ahead[self.CORE :], *islice(coming, self.CORE)]
