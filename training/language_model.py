"""Makes a language model of text: `python -m training.language_model --text FILE [--output models/lm.bin]`.

FILE has a sentence a line, as its source wrote it, and may be gzipped. Words are counted in runs of three;
probabilities are smoothed by interpolated modified Kneser-Ney, n-grams that change least are left out until the file
has the size that was asked for, and what remains is rounded to a byte. `handler.language_model` says what is in it.

Sources: Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1998); Seymore and
Rosenfeld, "Scalable Backoff Language Models" (ICSLP 1996) for what is left out; Witten and Bell, "The Zero-Frequency
Problem" (1991) for the letters.
"""

import argparse
import gzip
import itertools
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from handler.errors import HarkError
from handler.language_model import (
    EDGE,
    LETTERS,
    MAX_WORDS,
    SPELLING_CONTEXT,
    write,
)
from training.text import normalise

# Log-probabilities are rounded to multiples of this: down to -20, below which no word of some millions lies.
STEP = 0.08
# Bytes of a bigram and of a trigram in the file.
_BIGRAM_BYTES, _TRIGRAM_BYTES = 6, 3
# In counts of n-grams, what stands before the first word of a sentence and at words out of the vocabulary. Neither is
# predicted.
_START, _UNKNOWN = 0, 1
_SPECIAL = 2


@dataclass(frozen=True)
class Text:
    """Counted text.

    Attributes:
        words: the vocabulary, in the order in which the trie has their ends.
        tokens: [tokens] of all sentences, each after `_START`; words are numbered from `_SPECIAL`.
    """

    words: list[str]
    tokens: NDArray[np.int64]


@dataclass(frozen=True)
class NGrams:
    """The n-grams of one length: their words, how probable the last one is, and what is left for others after it.

    Attributes:
        ids: [n-grams, n] tokens, sorted.
        counts: [n-grams] how often each is in the text; continuation counts for all but the longest.
        probabilities: [n-grams] of the last word after the others, interpolated.
        prefixes: [n-grams] the index of the n-gram of all words but the last.
        suffixes: [n-grams] the index of the n-gram of all words but the first.
    """

    ids: NDArray[np.int64]
    counts: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    prefixes: NDArray[np.int64]
    suffixes: NDArray[np.int64]


def read(lines: Iterable[str], least_count: int) -> Text:
    """Reads sentences.

    Args:
        lines: a sentence each, as its source wrote it.
        least_count: words that are rarer are left out of the vocabulary.

    Raises:
        HarkError: there are no words in them.
    """
    sentences = [normalise(line).split() for line in lines]
    counts = Counter(itertools.chain.from_iterable(sentences))
    usual = [
        word for word, count in counts.most_common(MAX_WORDS) if count >= least_count and set(word) <= set(LETTERS)
    ]
    words = in_trie_order(usual)
    if not words:
        raise HarkError("The text holds no words of English letters; give a file with a sentence a line.")
    numbers = {word: i for i, word in enumerate(words, _SPECIAL)}
    tokens: list[int] = []
    for sentence in sentences:
        tokens.append(_START)
        tokens += [numbers.get(word, _UNKNOWN) for word in sentence]
    return Text(words, np.array(tokens, np.int64))


def in_trie_order(words: Iterable[str]) -> list[str]:
    """Sorts words as a trie has their ends, read breadth first: the short ones first, each length by its letters."""
    return sorted(words, key=lambda word: (len(word), word))


def estimate(tokens: NDArray[np.int64], words: int) -> tuple[NGrams, NGrams, NGrams]:
    """Counts and smooths: interpolated modified Kneser-Ney over words, pairs and triples.

    Args:
        tokens: see `Text`.
        words: size of the vocabulary.

    Returns:
        unigrams, one for every word of the vocabulary and the special tokens before them; bigrams; trigrams.
    """
    base = words + _SPECIAL
    # What has no word to predict, and what reaches over the start of a sentence, is no n-gram.
    predicted = tokens >= _SPECIAL
    pairs = tokens[:-1] * base + tokens[1:]
    pair_ids, pair_counts = np.unique(pairs[predicted[1:]], return_counts=True)
    triples = pairs[:-1] * base + tokens[2:]
    inside = predicted[2:] & (tokens[1:-1] != _START)
    triple_ids, triple_counts = np.unique(triples[inside], return_counts=True)
    # Shorter n-grams are counted by how many different words stand before them; before the start of a sentence there is
    # none, so what begins with it keeps its count.
    suffixes_3 = np.searchsorted(pair_ids, triple_ids % base**2)
    prefixes_3 = _index(pair_ids, triple_ids // base)
    continued = np.bincount(suffixes_3, minlength=len(pair_ids))
    first, second = pair_ids // base, pair_ids % base
    counts_2 = np.where(first == _START, pair_counts, np.maximum(continued, 1))
    counts_1 = np.bincount(second, minlength=base)
    counts_1[:_SPECIAL] = 0
    everywhere = np.zeros(base, np.int64)
    uniform = np.where(np.arange(base) >= _SPECIAL, 1 / words, 0.0)
    unigrams = _smoothed(counts_1, everywhere, uniform)
    bigrams = _smoothed(counts_2, first, unigrams[second])
    trigrams = _smoothed(triple_counts, np.where(prefixes_3 >= 0, prefixes_3, len(pair_ids)), bigrams[suffixes_3])
    return (
        NGrams(np.arange(base)[:, None], counts_1, unigrams, everywhere, everywhere),
        NGrams(np.stack([first, second], 1), pair_counts, bigrams, first, second),
        NGrams(
            np.stack([triple_ids // base**2, triple_ids // base % base, triple_ids % base], 1),
            triple_counts,
            trigrams,
            prefixes_3,
            suffixes_3,
        ),
    )


def _index(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns where sorted keys have what is wanted, -1 where they have it not."""
    found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[found] == wanted, found, -1)


def _smoothed(
    counts: NDArray[np.int64], contexts: NDArray[np.int64], lower: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolates n-grams with shorter ones.

    Args:
        counts: [n-grams], 0 for what was not seen.
        contexts: [n-grams] numbers of what they begin with.
        lower: [n-grams] probability of the last word after all but the first of the others.
    """
    taken = _discounts(counts)[np.minimum(counts, 3)]
    totals = np.bincount(contexts, counts)[contexts]
    left = np.bincount(contexts, taken)[contexts]
    return (counts - taken + left * lower) / np.maximum(totals, 1)


def _discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns what is taken from counts of 0, 1, 2, and 3 and more (Chen and Goodman, 1998, equation 26)."""
    n = [0, *(int(np.count_nonzero(counts == i)) for i in range(1, 5))]
    if not all(n[1:]):  # too little text to estimate them from
        return np.array([0.0, 0.5, 0.75, 0.9])
    y = n[1] / (n[1] + 2 * n[2])
    return np.array([0.0, *(min(max(i - (i + 1) * y * n[i + 1] / n[i], 0.05), i - 0.05) for i in (1, 2, 3))])


@dataclass(frozen=True)
class Pruned:
    """What goes into the file, in natural logarithms; words are numbered from 0.

    Attributes:
        unigrams: [words]; and what is left for other words after each.
        unigram_backoffs: [words].
        bigram_ids: [bigrams, 2] sorted.
        bigrams, bigram_backoffs: [bigrams].
        trigram_prefixes: [trigrams] the bigram each begins with, sorted.
        trigram_words: [trigrams].
        trigrams: [trigrams].
    """

    unigrams: NDArray[np.float64]
    unigram_backoffs: NDArray[np.float64]
    bigram_ids: NDArray[np.int64]
    bigrams: NDArray[np.float64]
    bigram_backoffs: NDArray[np.float64]
    trigram_prefixes: NDArray[np.int64]
    trigram_words: NDArray[np.int64]
    trigrams: NDArray[np.float64]


def prune(unigrams: NGrams, bigrams: NGrams, trigrams: NGrams, most_bytes: int) -> Pruned:
    """Leaves out n-grams that matter least, and computes what then is left for the others.

    Raises:
        HarkError: the vocabulary alone is larger than that.
    """
    # How much likelier the text is with an n-gram than without it (Seymore and Rosenfeld, 1996).
    seen_3 = np.flatnonzero((trigrams.ids >= _SPECIAL).all(1))
    gains_3 = trigrams.counts * np.log(trigrams.probabilities / bigrams.probabilities[trigrams.suffixes])
    seen_2 = np.flatnonzero((bigrams.ids >= _SPECIAL).all(1))
    gains_2 = bigrams.counts * np.log(bigrams.probabilities / unigrams.probabilities[bigrams.suffixes])
    gains = np.concatenate([gains_2[seen_2] / _BIGRAM_BYTES, gains_3[seen_3] / _TRIGRAM_BYTES])
    order = np.argsort(-gains, kind="stable")
    # A trigram needs its first two words as a bigram, whatever that one is worth.
    low, high = 0, int(np.count_nonzero(gains > 0))
    while low < high:
        middle = (low + high + 1) // 2
        kept_2, kept_3 = _kept(order[:middle], seen_2, seen_3, trigrams.prefixes)
        fits = _BIGRAM_BYTES * len(kept_2) + _TRIGRAM_BYTES * len(kept_3) <= most_bytes
        low, high = (middle, high) if fits else (low, middle - 1)
    kept_2, kept_3 = _kept(order[:low], seen_2, seen_3, trigrams.prefixes)

    new_2 = np.full(len(bigrams.ids), -1)
    new_2[kept_2] = np.arange(len(kept_2))
    firsts, seconds = bigrams.ids[kept_2].T
    p_1, p_2, p_3 = unigrams.probabilities, bigrams.probabilities[kept_2], trigrams.probabilities[kept_3]
    backoffs_1 = _backoffs(firsts, p_2, p_1[seconds], len(p_1))
    prefixes = new_2[trigrams.prefixes[kept_3]]
    # After all but the first word, as the file will have it: a bigram that was kept, or what its first word leaves.
    suffixes, thirds = new_2[trigrams.suffixes[kept_3]], trigrams.ids[kept_3, 2]
    shorter = np.where(suffixes >= 0, p_2[suffixes], backoffs_1[trigrams.ids[kept_3, 1]] * p_1[thirds])
    return Pruned(
        np.log(p_1[_SPECIAL:]),
        np.log(backoffs_1[_SPECIAL:]),
        np.stack([firsts, seconds], 1) - _SPECIAL,
        np.log(p_2),
        np.log(_backoffs(prefixes, p_3, shorter, len(p_2))),
        prefixes,
        thirds - _SPECIAL,
        np.log(p_3),
    )


def _kept(
    chosen: NDArray[np.int64], seen_2: NDArray[np.int64], seen_3: NDArray[np.int64], prefixes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    kept_3 = np.sort(seen_3[chosen[chosen >= len(seen_2)] - len(seen_2)])
    kept_2 = np.union1d(seen_2[chosen[chosen < len(seen_2)]], prefixes[kept_3])
    return kept_2, kept_3


def _backoffs(
    contexts: NDArray[np.int64], probabilities: NDArray[np.float64], shorter: NDArray[np.float64], number: int
) -> NDArray[np.float64]:
    """Returns [contexts] what a shorter context's probabilities are multiplied by so that all add up to 1."""
    left = 1 - np.bincount(contexts, probabilities, minlength=number)
    others = 1 - np.bincount(contexts, shorter, minlength=number)
    # Rounding: a context whose every follower was kept has nothing left.
    backoffs: NDArray[np.float64] = np.maximum(left, 1e-4) / np.maximum(others, 1e-4)
    return backoffs


def trie(words: Sequence[str], log_probs: NDArray[np.float64]) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Makes the trie of a vocabulary, breadth first.

    Args:
        words: in the order of `in_trie_order`.
        log_probs: [words].

    Returns:
        [nodes] masks as `handler.language_model.ARRAYS` has them, and [nodes] log-probabilities of all words below.
    """
    masses = {"": 0.0}
    for word, probability in zip(words, np.exp(log_probs).tolist(), strict=True):
        for length in range(len(word) + 1):
            masses[word[:length]] = masses.get(word[:length], 0.0) + probability
    prefixes = in_trie_order(masses)
    places = {prefix: i for i, prefix in enumerate(prefixes)}
    masks = np.zeros(len(prefixes), np.uint32)
    for prefix in prefixes[1:]:
        masks[places[prefix[:-1]]] |= np.uint32(1 << LETTERS.index(prefix[-1]))
    for word in words:
        masks[places[word]] |= np.uint32(1 << 31)
    total = masses[""]
    return masks, np.log(np.array([masses[prefix] for prefix in prefixes]) / total)


def spelling(words: Sequence[str]) -> NDArray[np.float64]:
    """Learns how words are spelt: each counts once, since words out of the vocabulary are like its rare ones.

    Returns:
        [contexts * symbols] log-probabilities, as `handler.language_model.LanguageModel.spelling` reads them.
    """
    symbols = len(LETTERS) + 1
    counts = np.zeros((symbols,) * (SPELLING_CONTEXT + 1))
    for word in words:
        spelt = [EDGE] * SPELLING_CONTEXT + [LETTERS.index(letter) + 1 for letter in word] + [EDGE]
        for at in range(len(word) + 1):
            counts[tuple(spelt[at : at + SPELLING_CONTEXT + 1])] += 1
    probabilities = np.full(symbols, 1 / symbols)
    for length in range(SPELLING_CONTEXT + 1):
        seen = counts.sum(axis=tuple(range(SPELLING_CONTEXT - length)))
        kinds = np.count_nonzero(seen, axis=-1, keepdims=True)
        totals = seen.sum(axis=-1, keepdims=True)
        probabilities = np.where(
            totals > 0, (seen + kinds * probabilities) / np.maximum(totals + kinds, 1), probabilities
        )
    log_probs: NDArray[np.float64] = np.log(probabilities).reshape(-1)
    return log_probs


def make(lines: Iterable[str], output: Path, most_bytes: int, least_count: int, about: dict[str, Any]) -> int:
    """Makes the file.

    Args:
        lines: a sentence each.
        output: where to write it.
        most_bytes: its size; n-grams are left out until it is no larger.
        least_count: how often a word must be in the text to be in the vocabulary.
        about: what the file says of itself.

    Returns:
        its size in bytes.

    Raises:
        HarkError: there are no words, or the vocabulary alone is too large.
    """
    text = read(lines, least_count)
    unigrams, bigrams, trigrams = estimate(text.tokens, len(text.words))
    masks, masses = trie(text.words, np.log(unigrams.probabilities[_SPECIAL:]))
    spelt = spelling(text.words)
    vocabulary_bytes = 4096 + len(spelt) + 5 * len(masks) + 4 * len(text.words)
    if vocabulary_bytes > most_bytes:
        raise HarkError(
            f"The vocabulary alone takes {vocabulary_bytes / 1e6:.1f} MB; raise --megabytes or --least-count."
        )
    pruned = prune(unigrams, bigrams, trigrams, most_bytes - vocabulary_bytes)
    arrays: dict[str, NDArray[Any]] = {
        "node_masks": masks,
        "node_log_probs": _rounded(masses),
        "spelling_log_probs": _rounded(spelt),
        "unigram_log_probs": _rounded(pruned.unigrams),
        "unigram_backoffs": _rounded_signed(pruned.unigram_backoffs),
        "bigram_counts": np.bincount(pruned.bigram_ids[:, 0], minlength=len(text.words)),
        "bigram_words": pruned.bigram_ids[:, 1],
        "bigram_log_probs": _rounded(pruned.bigrams),
        "bigram_backoffs": _rounded_signed(pruned.bigram_backoffs),
        "trigram_counts": np.bincount(pruned.trigram_prefixes, minlength=len(pruned.bigrams)),
        "trigram_words": pruned.trigram_words,
        "trigram_log_probs": _rounded(pruned.trigrams),
    }
    figures = {
        "sentences": int(np.count_nonzero(text.tokens == _START)),
        "tokens": int(np.count_nonzero(text.tokens != _START)),
        "words": len(text.words),
        "bigrams": len(pruned.bigrams),
        "trigrams": len(pruned.trigrams),
    }
    return write(output, arrays, STEP, about | figures)


def _rounded(log_probs: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(-log_probs / STEP), 0, 255).astype(np.uint8)


def _rounded_signed(log_probs: NDArray[np.float64]) -> NDArray[np.int8]:
    return np.clip(np.rint(log_probs / STEP), -128, 127).astype(np.int8)


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from tqdm(file, desc="reading", unit=" lines", disable=None, leave=False)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="a sentence a line; may be gzipped")
    parser.add_argument("--output", type=Path, default=Path("models/lm.bin"))
    parser.add_argument("--megabytes", type=float, default=8.0, help="size of the file (default: %(default)s)")
    parser.add_argument(
        "--least-count", type=int, default=1, help="rarer words are left out of the vocabulary (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        if not math.isfinite(options.megabytes):
            raise HarkError("--megabytes must be a number.")
        size = make(
            _lines(options.text),
            options.output,
            int(options.megabytes * 1e6),
            options.least_count,
            {"text": options.text.name},
        )
    except (HarkError, OSError, UnicodeDecodeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
