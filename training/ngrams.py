"""N-grams of words: counted, smoothed, and left out where they matter least.

Sources: Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1998), for interpolated
modified Kneser-Ney; Seymore and Rosenfeld, "Scalable Backoff Language Models" (ICSLP 1996), for what to leave out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bytes of a bigram and of a trigram in the file.
_BIGRAM_BYTES, _TRIGRAM_BYTES = 6, 3
# In counts of n-grams, what stands before the first word of a sentence and at words out of the vocabulary. Neither is
# predicted.
START, UNKNOWN = 0, 1
SPECIAL = 2


@dataclass(frozen=True)
class NGrams:
    """The n-grams of one length: their words, how probable the last one is, and what is left for others after it.

    Attributes:
        ids: [n-grams, n] tokens, sorted.
        counts: [n-grams] how often each is in the text.
        probabilities: [n-grams] of the last word after the others, interpolated.
        prefixes: [n-grams] the index of the n-gram of all words but the last.
        suffixes: [n-grams] the index of the n-gram of all words but the first.
    """

    ids: NDArray[np.int64]
    counts: NDArray[Any]
    probabilities: NDArray[np.float64]
    prefixes: NDArray[np.int64]
    suffixes: NDArray[np.int64]


def estimate(tokens: NDArray[np.int64], words: int) -> tuple[NGrams, NGrams, NGrams]:
    """Counts and smooths: interpolated modified Kneser-Ney over words, pairs and triples.

    Args:
        tokens: see `Text`.
        words: size of the vocabulary.

    Returns:
        unigrams, one for every word of the vocabulary and the special tokens before them; bigrams; trigrams.
    """
    base = words + SPECIAL
    # What has no word to predict, and what reaches over the start of a sentence, is no n-gram.
    predicted = tokens >= SPECIAL
    pairs = tokens[:-1] * base + tokens[1:]
    pair_ids, pair_counts = np.unique(pairs[predicted[1:]], return_counts=True)
    triples = pairs[:-1] * base + tokens[2:]
    inside = predicted[2:] & (tokens[1:-1] != START)
    triple_ids, triple_counts = np.unique(triples[inside], return_counts=True)
    # Shorter n-grams are counted by how many different words stand before them; before the start of a sentence there is
    # none, so what begins with it keeps its count.
    suffixes_3 = np.searchsorted(pair_ids, triple_ids % base**2)
    prefixes_3 = index_of(pair_ids, triple_ids // base)
    continued = np.bincount(suffixes_3, minlength=len(pair_ids))
    first, second = pair_ids // base, pair_ids % base
    counts_2 = np.where(first == START, pair_counts, np.maximum(continued, 1))
    counts_1 = np.bincount(second, minlength=base)
    counts_1[:SPECIAL] = 0
    everywhere = np.zeros(base, np.int64)
    uniform = np.where(np.arange(base) >= SPECIAL, 1 / words, 0.0)
    unigrams = _smoothed(counts_1, everywhere, uniform)
    bigrams = _smoothed(counts_2, first, unigrams[second])
    trigrams = _smoothed(triple_counts, np.where(prefixes_3 >= 0, prefixes_3, len(pair_ids)), bigrams[suffixes_3])
    counts = (counts_1, pair_counts, triple_counts)
    return assembled(base, pair_ids, triple_ids, counts, (unigrams, bigrams, trigrams))


def assembled(
    base: int,
    pairs: NDArray[np.int64],
    triples: NDArray[np.int64],
    counts: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    probabilities: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NGrams, NGrams, NGrams]:
    """Puts n-grams together that are numbers, their words' in base `base`, sorted; `pairs` end every triple.

    Returns:
        unigrams, bigrams, trigrams.
    """
    everywhere = np.zeros(base, np.int64)
    first, second = pairs // base, pairs % base
    return (
        NGrams(np.arange(base)[:, None], counts[0], probabilities[0], everywhere, everywhere),
        NGrams(np.stack([first, second], 1), counts[1], probabilities[1], first, second),
        NGrams(
            np.stack([triples // base**2, triples // base % base, triples % base], 1),
            counts[2],
            probabilities[2],
            index_of(pairs, triples // base),
            index_of(pairs, triples % base**2),
        ),
    )


def index_of(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns where sorted keys have what is wanted, -1 where they have it not."""
    if not len(keys):
        return np.full(len(wanted), -1)
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
    seen_3 = np.flatnonzero((trigrams.ids >= SPECIAL).all(1))
    gains_3 = trigrams.counts * np.log(trigrams.probabilities / bigrams.probabilities[trigrams.suffixes])
    seen_2 = np.flatnonzero((bigrams.ids >= SPECIAL).all(1))
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
    backoffs_1 = backoffs(firsts, p_2, p_1[seconds], len(p_1))
    prefixes = new_2[trigrams.prefixes[kept_3]]
    # After all but the first word, as the file will have it: a bigram that was kept, or what its first word leaves.
    suffixes, thirds = new_2[trigrams.suffixes[kept_3]], trigrams.ids[kept_3, 2]
    shorter = np.where(suffixes >= 0, p_2[suffixes], backoffs_1[trigrams.ids[kept_3, 1]] * p_1[thirds])
    return Pruned(
        np.log(p_1[SPECIAL:]),
        np.log(backoffs_1[SPECIAL:]),
        np.stack([firsts, seconds], 1) - SPECIAL,
        np.log(p_2),
        np.log(backoffs(prefixes, p_3, shorter, len(p_2))),
        prefixes,
        thirds - SPECIAL,
        np.log(p_3),
    )


def _kept(
    chosen: NDArray[np.int64], seen_2: NDArray[np.int64], seen_3: NDArray[np.int64], prefixes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    kept_3 = np.sort(seen_3[chosen[chosen >= len(seen_2)] - len(seen_2)])
    kept_2 = np.union1d(seen_2[chosen[chosen < len(seen_2)]], prefixes[kept_3])
    return kept_2, kept_3


def backoffs(
    contexts: NDArray[np.int64], probabilities: NDArray[np.float64], shorter: NDArray[np.float64], number: int
) -> NDArray[np.float64]:
    """Returns [contexts] what a shorter context's probabilities are multiplied by so that all add up to 1."""
    left = 1 - np.bincount(contexts, probabilities, minlength=number)
    others = 1 - np.bincount(contexts, shorter, minlength=number)
    # Rounding: a context whose every follower was kept has nothing left.
    backoffs: NDArray[np.float64] = np.maximum(left, 1e-4) / np.maximum(others, 1e-4)
    return backoffs
