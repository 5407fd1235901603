"""Reads n-gram language models that others have published: ARPA files, and the binary files of CMU Sphinx.

`training.language_model --published FILE` mixes one into the model it makes. Words are lower-cased; those that
have other letters than the recogniser are left out.

Sources: the ARPA format as SRILM documents it (ngram-format(5)); Sphinx's file as `lm_trie.c`, `lm_trie_quant.c` and
`bitarr.c` of sphinxbase lay it out: a trie of reversed n-grams in bit-packed arrays, numbers looked up in tables.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hark.errors import HarkError
from hark.language_model import LETTERS
from training.lines import read_lines

_SPHINX = b"Trie Language Model"
# Sphinx keeps probabilities and back-offs of all but single words as indices of 16 bits into tables of as many numbers.
_TABLE = 1 << 16
_INDEX_BITS = 16
# Its logarithms have this base.
_BASE = 1.0001
_UNIGRAM = np.dtype([("log_prob", "<f4"), ("backoff", "<f4"), ("next", "<u4")])
# What stands for the start, the end and what is unknown, in any case.
_MARKS = ("<s>", "</s>", "<unk>", "<sil>")
ORDER = 3


@dataclass(frozen=True)
class Published:
    """A back-off model of words, pairs and triples, in natural logarithms.

    Attributes:
        words: as they are spelt in the file, in lower case.
        ids: for one, two and three words, [n-grams, n] numbers of words.
        log_probs: for each, [n-grams] of the last word after the others.
        backoffs: for one and two words, [n-grams] of what follows that has no n-gram.
    """

    words: list[str]
    ids: list[NDArray[np.int64]]
    log_probs: list[NDArray[np.float64]]
    backoffs: list[NDArray[np.float64]]


def read(path: Path, letters: str = LETTERS) -> Published:
    """Reads a file, by what it begins with.

    Args:
        path: of the file.
        letters: that words may have; others are left out.

    Raises:
        HarkError: it is neither, is cut short, or has no pairs of words.
    """
    try:
        with path.open("rb") as file:
            is_sphinx = file.read(len(_SPHINX)) == _SPHINX
        return _read_sphinx(path, letters) if is_sphinx else _read_arpa(path, letters)
    except OSError as error:
        raise HarkError(f"The language model {path} cannot be read: {error}.") from error
    except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise HarkError(
            f"{path} is neither a language model in ARPA format nor one of CMU Sphinx, or is cut short: {error}."
        ) from error


def is_word(word: str, letters: str = LETTERS) -> bool:
    """Whether an alphabet can spell it."""
    return bool(word) and set(word) <= set(letters) and word not in _MARKS


def _read_arpa(path: Path, letters: str) -> Published:
    numbers: dict[str, int] = {}
    rows: list[list[tuple[int, ...]]] = [[] for _ in range(ORDER)]
    values: list[list[tuple[float, float]]] = [[] for _ in range(ORDER)]
    order, ended = 0, False
    for line in map(str.strip, read_lines(path)):
        if line.startswith("\\"):
            ended = line.lower().startswith("\\end")
            order = int(line[1:].split("-")[0]) if "-grams" in line else 0
        elif line and 1 <= order <= ORDER:
            fields = line.split()
            words = [word.lower() for word in fields[1 : order + 1]]
            if len(words) < order:
                raise ValueError(f"{line!r} has too few words")
            if order == 1 and is_word(words[0], letters):
                numbers.setdefault(words[0], len(numbers))
            if all(word in numbers for word in words):
                rows[order - 1].append(tuple(numbers[word] for word in words))
                values[order - 1].append((float(fields[0]), float(fields[order + 1]) if len(fields) > order + 1 else 0))
    if not ended:
        raise ValueError("it has no \\end\\")
    ids = [np.array(each, np.int64).reshape(-1, n) for n, each in enumerate(rows, 1)]
    both = [np.array(each).reshape(-1, 2) * math.log(10) for each in values]
    return _sorted(list(numbers), ids, [each[:, 0] for each in both], [each[:, 1] for each in both[:-1]])


class _Sphinx:
    """A file of Sphinx, read from its front to its back."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self.at = len(_SPHINX)

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise ValueError("it ends early")
        self.at += size
        return self.data[self.at - size : self.at]

    def ints(self, count: int) -> list[int]:
        return list(struct.unpack(f"<{count}I", self.take(4 * count)))

    def table(self) -> NDArray[np.float64]:
        return np.frombuffer(self.take(4 * _TABLE), "<f4").astype(np.float64)


def _read_sphinx(path: Path, letters: str) -> Published:
    file = _Sphinx(path)
    (order,) = file.take(1)
    counts = file.ints(order)
    if order != ORDER:
        raise ValueError(f"it has n-grams of {order} words, not {ORDER}")
    file.ints(1)  # the kind of quantisation, of which there is one
    pair_probs, pair_backoffs, triple_probs = (file.table() for _ in range(3))
    unigrams = np.frombuffer(file.take(_UNIGRAM.itemsize * (counts[0] + 1)), _UNIGRAM)
    word_bits, next_bits = (counts[0]).bit_length(), (counts[2]).bit_length()
    pair_words, pair_backoff, pair_prob, pair_next = _unpacked(
        file, counts[1] + 1, [word_bits, _INDEX_BITS, _INDEX_BITS, next_bits]
    )
    triple_words, triple_prob = _unpacked(file, counts[2] + 1, [word_bits, _INDEX_BITS])
    (length,) = file.ints(1)
    words = [word.decode().lower() for word in file.take(length).split(b"\0")[: counts[0]]]
    # The trie is of reversed n-grams: its root has the last word, a child the word before. A node's children stand
    # between where it says that theirs begin and where the next one says so; a few rows at the end are no one's.
    last = np.repeat(np.arange(counts[0]), np.diff(unigrams["next"].astype(np.int64)).astype(np.int64))
    pairs = len(last)
    pair_ids = np.stack([pair_words[:pairs], last], 1)
    of_pair = np.repeat(np.arange(pairs), np.diff(pair_next[: pairs + 1]))
    triples = len(of_pair)
    triple_ids = np.concatenate([triple_words[:triples, None], pair_ids[of_pair]], 1)
    ids = [np.arange(counts[0])[:, None], pair_ids, triple_ids]
    log_probs = [unigrams["log_prob"][:-1], pair_probs[pair_prob[:pairs]], triple_probs[triple_prob[:triples]]]
    backoffs = [unigrams["backoff"][:-1], pair_backoffs[pair_backoff[:pairs]]]
    unit = math.log(_BASE)
    return _spelt(words, ids, [each * unit for each in log_probs], [each * unit for each in backoffs], letters)


def _unpacked(file: _Sphinx, count: int, widths: Sequence[int]) -> list[NDArray[np.int64]]:
    """Reads rows of bit fields, lowest bits first: returns a column for each width."""
    row = sum(widths)
    # Room for a whole word behind the last row, which the library reads from too.
    data = np.frombuffer(file.take((count * row + 7) // 8 + 8), np.uint8)
    columns = []
    offset = 0
    for width in widths:
        bits = np.arange(count, dtype=np.int64) * row + offset
        first = bits >> 3
        value = np.zeros(count, np.uint64)
        for i in range(8):
            value |= data[np.minimum(first + i, len(data) - 1)].astype(np.uint64) << np.uint64(8 * i)
        value >>= (bits & 7).astype(np.uint64)
        columns.append((value & np.uint64((1 << width) - 1)).astype(np.int64))
        offset += width
    return columns


def _spelt(
    words: list[str],
    ids: list[NDArray[np.int64]],
    log_probs: list[NDArray[np.float64]],
    backoffs: list[NDArray[np.float64]],
    letters: str,
) -> Published:
    """Leaves out what the alphabet cannot spell."""
    kept = {word: i for i, word in reversed(list(enumerate(words))) if is_word(word, letters)}
    new = np.full(len(words), -1)
    order = sorted(kept.values())
    new[order] = np.arange(len(order))
    inside = [(new[each] >= 0).all(1) for each in ids]
    return _sorted(
        [words[i] for i in order],
        [new[each[which]] for each, which in zip(ids, inside, strict=True)],
        [each[which] for each, which in zip(log_probs, inside, strict=True)],
        [each[which] for each, which in zip(backoffs, inside[:-1], strict=True)],
    )


def _sorted(
    words: list[str],
    ids: list[NDArray[np.int64]],
    log_probs: list[NDArray[np.float64]],
    backoffs: list[NDArray[np.float64]],
) -> Published:
    if not len(ids[1]):
        raise ValueError("it has no pairs of words")
    orders = [np.lexsort(each.T[::-1]) for each in ids]
    return Published(
        words,
        [each[order] for each, order in zip(ids, orders, strict=True)],
        [each[order] for each, order in zip(log_probs, orders, strict=True)],
        [each[order] for each, order in zip(backoffs, orders[:-1], strict=True)],
    )
