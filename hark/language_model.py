"""An n-gram language model of words, with a letter trie of its vocabulary, read from a file by memory map.

`training.language_model` writes the file. Within a word the trie says how likely what it may become is (look-ahead);
words that are not in it are spelt by a small model of letters. Log-probabilities are natural and were rounded to
multiples of `step` to fit into a byte.

A file says what language it is of and what letters its words have, hundreds of them if need be. Of English letters the
trie is a mask of bits for each node (format 1); of others it is a list of the letters that go on (format 2).

Sources: Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1998), for back-off;
Ortmanns, Ney and Eiden, "Language-Model Look-Ahead for Large Vocabulary Speech Recognition" (ICSLP 1996).
"""

import json
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hark import languages
from hark.errors import ModelError

MAGIC = b"HARKLM\r\n"
# The letters of English words, in the order in which a file numbers them, from 0: format 1 has no others.
LETTERS = "'abcdefghijklmnopqrstuvwxyz"
_ENGLISH_FORMAT, _LISTED_FORMAT = 1, 2
# The edge of a word, as the model of letters numbers it; the letters follow from 1.
EDGE = 0
# How many letters before one the model of letters looks at, or fewer where its table would have more numbers: syllables
# and signs for words, of which there are hundreds, say as much each as several letters.
_SPELLING_CONTEXT = 3
_MOST_SPELLINGS = 1 << 21
MAX_LETTERS = 1000
# Words are numbered in 16 bits, and so are those that follow one word counted.
_WORD_BITS = 16
MAX_WORDS = (1 << _WORD_BITS) - 1
# The bit of a trie node's mask that says that a word ends there; below it is one bit for each letter.
_ENDS_WORD = np.uint32(1 << 31)
_LETTER_BITS = np.uint32((1 << len(LETTERS)) - 1)
_ALIGNMENT = 64
# Log-probabilities are up to 255 steps: with larger ones, none of them would be told apart.
_LARGEST_STEP = 1.0
# N-grams are numbered in 32 bits, signed.
_MOST_GRAMS = 1 << 31

# In a list, the bit of a node's number of children that says so; a node has no more children than there are letters.
_LISTED_END = np.uint16(1 << 15)

# The arrays of a file: their names and types. Words are numbered in the order in which the trie has their ends, its
# nodes breadth first.
_TRIES: Mapping[int, Mapping[str, str]] = {
    _ENGLISH_FORMAT: {
        "node_masks": "<u4",  # [nodes] which letters go on from it, and whether a word ends there
    },
    _LISTED_FORMAT: {
        "node_letters": "<u2",  # [nodes] which letter leads to it, sorted within those of one parent; 0 for the root
        "node_children": "<u2",  # [nodes] how many go on from it, and whether a word ends there
    },
}
_ARRAYS: Mapping[str, str] = {
    "node_log_probs": "u1",  # [nodes] look-ahead: of all words below it
    "spelling_log_probs": "u1",  # [edges and letters ** context, edges and letters]
    "unigram_log_probs": "u1",  # [words]
    "unigram_backoffs": "i1",  # [words]
    "bigram_counts": "<u2",  # [words] how many bigrams begin with it
    "bigram_words": "<u2",  # [bigrams] second words, sorted within a first word
    "bigram_log_probs": "u1",  # [bigrams]
    "bigram_backoffs": "i1",  # [bigrams]
    "trigram_counts": "<u2",  # [bigrams] how many trigrams begin with it
    "trigram_words": "<u2",  # [trigrams] third words, sorted within a bigram
    "trigram_log_probs": "u1",  # [trigrams]
}


def format_of(letters: str) -> int:
    """Returns the format of files whose words have these letters."""
    return _ENGLISH_FORMAT if letters == LETTERS else _LISTED_FORMAT


def arrays_of(file_format: int) -> dict[str, str]:
    """Returns the names of a file's arrays and their types, in order."""
    return {**_TRIES[file_format], **_ARRAYS}


def spelling_context(letters: int) -> int:
    """Returns how many letters before one the model of letters looks at, where there are so many."""
    longest = (length for length in range(_SPELLING_CONTEXT, 1, -1) if (letters + 1) ** (length + 1) <= _MOST_SPELLINGS)
    return next(longest, 1)


def trie(prefixes: Sequence[str], words: Sequence[str], letters: str) -> dict[str, NDArray[Any]]:
    """Returns the arrays of a trie.

    Args:
        prefixes: of all words, and the words, each once: by length, then by letters; the first is "".
        words: the vocabulary.
        letters: that they have, in order.
    """
    places = {prefix: i for i, prefix in enumerate(prefixes)}
    numbers = {letter: number for number, letter in enumerate(letters)}
    parents = np.array([places[prefix[:-1]] for prefix in prefixes[1:]], np.int64)
    last = np.array([numbers[prefix[-1]] for prefix in prefixes[1:]], np.int64)
    ends = [places[word] for word in words]
    if format_of(letters) == _ENGLISH_FORMAT:
        masks = np.zeros(len(prefixes), np.uint32)
        np.bitwise_or.at(masks, parents, np.left_shift(1, last).astype(np.uint32))
        masks[ends] |= _ENDS_WORD
        return {"node_masks": masks}
    counts = np.bincount(parents, minlength=len(prefixes)).astype(np.uint16)
    counts[ends] |= _LISTED_END
    return {"node_letters": np.concatenate([[0], last]), "node_children": counts}


def write(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    step: float,
    about: Mapping[str, Any],
    letters: str = LETTERS,
    language: str = languages.ENGLISH,
) -> int:
    """Writes a language model.

    Args:
        path: the file.
        arrays: what `arrays_of` names, already rounded.
        step: what a log-probability of 1 in the arrays stands for.
        about: what else a reader may want to know: the text, the options it was made with, figures.
        letters: of words, sorted, each once.
        language: BCP 47 tag.

    Returns:
        The file's size in bytes.
    """
    file_format = format_of(letters)
    lengths = {name: len(arrays[name]) for name in arrays_of(file_format)}
    fields = {"format": file_format, "letters": letters, "language": language}
    header = json.dumps({**fields, "step": step, "lengths": lengths, "about": about}, ensure_ascii=False).encode()
    with path.open("wb") as file:
        file.write(MAGIC + len(header).to_bytes(4, "little") + header)
        for name, kind in arrays_of(file_format).items():
            file.write(bytes(-file.tell() % _ALIGNMENT))
            file.write(np.ascontiguousarray(arrays[name], np.dtype(kind)).tobytes())
        return file.tell()


@dataclass(frozen=True)
class WordContext:
    """What words depend on: the one before, and the bigram it ends.

    Attributes:
        words: [hypotheses] the last word's number, -1 where it is not in the vocabulary or there is none.
        bigrams: [hypotheses] the number of the bigram of the last two words, -1 where the model has none.
    """

    words: NDArray[np.int64]
    bigrams: NDArray[np.int64]


class LanguageModel:
    """A language model whose file is mapped. Safe to use from several threads.

    Args:
        path: a file made by `python -m training.language_model`.

    Raises:
        ModelError: the file is missing, is no language model, is cut short, or of another format.
    """

    def __init__(self, path: Path) -> None:
        data, header = _opened(path)
        self.about: dict[str, Any] = header["about"]
        self.letters: str = header["letters"]
        self.language: str = header.get("language", languages.ENGLISH)
        # Of the model of letters: how many there are, with the edge of a word, and how many it looks at.
        self.symbols = len(self.letters) + 1
        self.spelling_context = spelling_context(len(self.letters))
        arrays = _arrays(path, data, header)
        _check(path, arrays, len(self.letters))
        # Taken from a table of 256 values, a byte is a log-probability in one step.
        steps = np.arange(256, dtype=np.uint8)
        self._log_probs: NDArray[np.float64] = steps.astype(np.float64) * -float(header["step"])
        self._signed: NDArray[np.float64] = steps.view(np.int8).astype(np.float64) * float(header["step"])
        # What is made of the file is made in place and in small types: a cold start waits for it.
        self._masks = arrays.get("node_masks")
        self._node_letters = arrays.get("node_letters")
        counts, ends_word = _children(arrays)
        # Breadth first, a node's children follow those of the node before.
        self._first_children = np.ones(len(counts) + 1, np.int32)
        np.cumsum(counts, dtype=np.int32, out=self._first_children[1:])
        self._first_children[1:] += 1
        self._words: NDArray[np.int32] = np.cumsum(ends_word, dtype=np.int32)
        self._words -= 1
        self._words[~ends_word] = -1
        self._node_log_probs: NDArray[np.float64] = self._log_probs[arrays["node_log_probs"]]
        self._spelling = arrays["spelling_log_probs"]
        self._unigrams = self._log_probs[arrays["unigram_log_probs"]]
        # The last entry is that of no word: it stands for -1.
        self._unigram_backoffs = np.append(self._signed_of(arrays["unigram_backoffs"]), 0.0)
        # The first half of a key is the first word, all bits of which stand for none.
        self._bigram_keys: NDArray[np.uint32] = np.repeat(
            np.arange(self.words, dtype=np.uint32) << _WORD_BITS, arrays["bigram_counts"]
        )
        self._bigram_keys |= arrays["bigram_words"]
        self._bigram_log_probs = arrays["bigram_log_probs"]
        self._bigram_backoffs = arrays["bigram_backoffs"]
        # There are so many trigrams that keys of them would take longer to make than all the rest.
        self._trigram_bounds = np.zeros(len(arrays["trigram_counts"]) + 1, np.int32)
        np.cumsum(arrays["trigram_counts"], dtype=np.int32, out=self._trigram_bounds[1:])
        self._trigram_words = arrays["trigram_words"]
        self._trigram_log_probs = arrays["trigram_log_probs"]

    def _signed_of(self, rounded: NDArray[np.int8]) -> NDArray[np.float64]:
        log_probs: NDArray[np.float64] = self._signed[rounded.view(np.uint8)]
        return log_probs

    @property
    def words(self) -> int:
        """How many words it knows."""
        return len(self._unigrams)

    @property
    def bigrams(self) -> int:
        """How many pairs of words it has counted."""
        return len(self._bigram_keys)

    def tables(self) -> dict[str, NDArray[Any]]:
        """Returns the arrays that `beam.c` reads, by the names they have there; of two kinds of tries, one."""
        tries = {"masks": self._masks, "node_letters": self._node_letters}
        return {
            **{name: array for name, array in tries.items() if array is not None},
            "first_children": self._first_children,
            "node_words": self._words,
            "node_log_probs": self._node_log_probs,
            "spelling": self._spelling,
            "log_probs": self._log_probs,
            "signed_log_probs": self._signed,
            "unigrams": self._unigrams,
            "unigram_backoffs": self._unigram_backoffs,
            "bigram_keys": self._bigram_keys,
            "bigram_log_probs": self._bigram_log_probs,
            "bigram_backoffs": self._bigram_backoffs,
            "trigram_bounds": self._trigram_bounds,
            "trigram_words": self._trigram_words,
            "trigram_log_probs": self._trigram_log_probs,
        }

    @property
    def node_log_probs(self) -> NDArray[np.float64]:
        """[nodes] log-probability of all words that go on from a node together; the root's is 0."""
        return self._node_log_probs

    @property
    def node_words(self) -> NDArray[np.int32]:
        """[nodes] the number of the word that ends at a node, -1 where none does."""
        return self._words

    def children(self, nodes: NDArray[np.int64], letters: NDArray[np.int64]) -> NDArray[np.int64]:
        """Goes on in the trie, whose root is 0.

        Args:
            nodes: -1 for what has left the trie; broadcast with `letters`.
            letters: indices into `letters`, from 0; their number is none of them.

        Returns:
            Nodes; -1 where no word goes on so.
        """
        if self._masks is None:
            keys = np.where(nodes >= 0, nodes << _WORD_BITS | letters, -1)
            places = _find_keys(self._child_keys, keys)
            return np.where(places >= 0, places + 1, -1)
        masks = self._masks[nodes]
        bits = np.left_shift(1, letters)
        there = self._first_children[nodes] + np.bitwise_count(masks & (bits - 1))
        return np.where((masks & bits != 0) & (nodes >= 0), there, -1)

    @cached_property
    def _child_keys(self) -> NDArray[np.int64]:
        """[nodes but the root] parents and letters: sorted, since the trie is breadth first; for NumPy alone."""
        assert self._node_letters is not None
        parents = np.repeat(np.arange(len(self._first_children) - 1), np.diff(self._first_children))
        keys: NDArray[np.int64] = parents << _WORD_BITS | self._node_letters[1:]
        return keys

    def spelling(self, contexts: NDArray[np.int64], symbols: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities of letters after the last letters, in words that are not in the vocabulary.

        Args:
            contexts: what `next_context` made; 0 at the beginning of a word. Broadcast with `symbols`.
            symbols: `EDGE` for the end of the word, or 1 + index into `letters`.
        """
        log_probs: NDArray[np.float64] = self._log_probs[self._spelling[contexts * self.symbols + symbols]]
        return log_probs

    def next_context(self, contexts: NDArray[np.int64], symbols: NDArray[np.int64]) -> NDArray[np.int64]:
        """Puts symbols behind contexts of the model of letters."""
        following: NDArray[np.int64] = contexts % self.symbols ** (self.spelling_context - 1) * self.symbols + symbols
        return following

    def after(self, context: WordContext, words: NDArray[np.int64]) -> tuple[NDArray[np.float64], WordContext]:
        """Log-probabilities of words after others.

        Args:
            context: [hypotheses] of the words before.
            words: [hypotheses] numbers of words, none of them -1.

        Returns:
            [hypotheses] log-probabilities, and the context with the words behind it.
        """
        bigrams = _find_keys(self._bigram_keys, (context.words << _WORD_BITS | words).astype(np.uint32))
        trigrams = _find_within(self._trigram_bounds, self._trigram_words, context.bigrams, words)
        log_probs = self._unigrams[words] + self._unigram_backoffs[context.words]
        if len(self._bigram_keys):
            log_probs = np.where(bigrams >= 0, self._log_probs[self._bigram_log_probs[bigrams]], log_probs)
            log_probs += np.where(context.bigrams >= 0, self._signed_of(self._bigram_backoffs[context.bigrams]), 0.0)
        if len(self._trigram_words):
            log_probs = np.where(trigrams >= 0, self._log_probs[self._trigram_log_probs[trigrams]], log_probs)
        return log_probs, WordContext(words, bigrams)

    def number(self, word: str) -> int:
        """Returns a word's number; -1 where it is not in the vocabulary."""
        node = 0
        for letter in word:
            if letter not in self.letters:
                return -1
            node = int(self.children(np.array(node), np.array(self.letters.index(letter))))
            if node < 0:
                return -1
        return int(self._words[node]) if word else -1


def _opened(path: Path) -> tuple[mmap.mmap, dict[str, Any]]:
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # mmap has no empty files
        raise ModelError(
            f"There is no language model at {path}; name one that `python -m training.language_model` made "
            "(HARK_LM for the endpoint)."
        ) from error
    if data[: len(MAGIC)] != MAGIC:
        raise ModelError(f"{path} is no language model; make one with `python -m training.language_model`.")
    try:
        begin = len(MAGIC) + 4
        header = json.loads(data[begin : begin + int.from_bytes(data[len(MAGIC) : begin], "little")])
        written_by, letters = header["format"], header["letters"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path) from error
    if written_by not in _TRIES or (written_by == _ENGLISH_FORMAT and letters != LETTERS):
        raise ModelError(
            f"The language model {path} has format {written_by}; this Hark reads format {_LISTED_FORMAT}. Make it "
            "again with `python -m training.language_model`."
        )
    step, lengths = header.get("step"), header.get("lengths")
    if not (
        isinstance(letters, str)
        and 0 < len(letters) <= MAX_LETTERS
        and list(letters) == sorted(set(letters))
        and isinstance(header.get("language", ""), str)
        and isinstance(header.get("about"), dict)
        and isinstance(step, float | int)
        and 0 < step <= _LARGEST_STEP  # not so of NaN
        and isinstance(lengths, dict)
        and all(type(lengths.get(name)) is int and lengths[name] >= 0 for name in arrays_of(written_by))
    ):
        raise _damaged(path)
    return data, header


def _damaged(path: Path) -> ModelError:
    return ModelError(
        f"The language model {path} is cut short or damaged; make it again, or do without it by decoding greedily "
        "(HARK_DECODER=greedy for the endpoint)."
    )


def _arrays(path: Path, data: mmap.mmap, header: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    arrays = {}
    at = len(MAGIC) + 4 + int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "little")
    for name, kind in arrays_of(header["format"]).items():
        at += -at % _ALIGNMENT
        length = header["lengths"][name]
        if at + length * np.dtype(kind).itemsize > len(data):
            raise _damaged(path)
        arrays[name] = np.frombuffer(data, np.dtype(kind), length, at)
        at += length * np.dtype(kind).itemsize
    return arrays


def _children(arrays: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Returns [nodes] how many children each has, and whether a word ends there."""
    if "node_masks" in arrays:
        masks = arrays["node_masks"]
        return np.bitwise_count(masks & _LETTER_BITS), masks >= _ENDS_WORD
    counts = arrays["node_children"]
    return counts & ~_LISTED_END, counts >= _LISTED_END


def _check(path: Path, arrays: Mapping[str, NDArray[Any]], letters: int) -> None:
    """Sees to it that numbers in the arrays lie within the arrays they are numbers of: `beam.c` goes by them."""
    lengths = {name: len(array) for name, array in arrays.items()}
    children, ends_word = _children(arrays)
    words, bigrams, trigrams = (lengths[name] for name in ("unigram_log_probs", "bigram_words", "trigram_words"))
    sums = {name: int(arrays[name].sum(dtype=np.int64)) for name in ("bigram_counts", "trigram_counts")}
    if not (
        len(children) == lengths["node_log_probs"]
        and int(children.sum(dtype=np.int64)) + 1 == len(children)
        and np.count_nonzero(ends_word) == words <= MAX_WORDS
        and _letters_in_order(arrays, children, letters)
        and lengths["spelling_log_probs"] == (letters + 1) ** (spelling_context(letters) + 1)
        and lengths["unigram_backoffs"] == lengths["bigram_counts"] == words
        and lengths["bigram_log_probs"] == lengths["bigram_backoffs"] == lengths["trigram_counts"] == bigrams
        and lengths["trigram_log_probs"] == trigrams
        and sums == {"bigram_counts": bigrams, "trigram_counts": trigrams}
        and bigrams < _MOST_GRAMS
        and trigrams < _MOST_GRAMS
    ):
        raise _damaged(path)


def _letters_in_order(arrays: Mapping[str, NDArray[Any]], children: NDArray[Any], letters: int) -> bool:
    """Says whether a list of letters has none but those there are, each once after a node, in order."""
    if "node_letters" not in arrays:
        return True
    listed = arrays["node_letters"]
    if len(listed) != len(children) or listed.max() >= letters:
        return False
    parents = np.repeat(np.arange(len(children)), children)
    return bool(np.all((np.diff(listed[1:].astype(np.int64)) > 0) | (np.diff(parents) > 0)))


def _find_keys(keys: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.int64]:
    """Returns where in sorted numbers others are, -1 where they are not."""
    if not len(keys):
        return np.full(np.shape(wanted), -1)
    places = np.searchsorted(keys, wanted)
    places = np.where(places == len(keys), 0, places)
    return np.where(keys[places] == wanted, places, -1)


def _find_within(
    bounds: NDArray[np.int32], words: NDArray[np.uint16], beginnings: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Looks n-grams up among those that begin alike; they are few.

    Args:
        bounds: [beginnings + 1] where in `words` those of each beginning start, and where they end.
        words: [n-grams] last words.
        beginnings: [wanted] numbers, -1 where there is none.
        wanted: last words.

    Returns:
        [wanted] numbers of n-grams; -1 where there is none.
    """
    firsts = bounds[beginnings]
    counts = bounds[beginnings + 1] - firsts
    counts[beginnings < 0] = 0
    of = np.repeat(np.arange(len(wanted)), counts)
    at = np.arange(len(of)) + np.repeat(firsts - counts.cumsum() + counts, counts)
    same = words[at] == wanted[of]
    numbers = np.full(len(wanted), -1)
    numbers[of[same]] = at[same]
    return numbers
