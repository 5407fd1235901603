"""Mixes a published language model into the counts of a text: the n-grams of both, each with a share of both.

A few million words of one kind of text lack much of what people say. A model made of far more text has it, but not what
one's own text is about. Linear interpolation keeps both. Where only one has an n-gram, the other backs off.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hark.language_model import MAX_WORDS
from training.ngrams import SPECIAL, NGrams, assembled, backoffs, index_of
from training.published_lm import Published


def vocabulary(counts: Counter[str], published: Published, share: float) -> Counter[str]:
    """Returns the likeliest words of the mixture, with what they would count in the text.

    Args:
        counts: of the words of the text.
        published: the model that is mixed in.
        share: of it in the mixture.
    """
    total = sum(counts.values())
    mixed = {word: (1 - share) * count for word, count in counts.items()}
    for word, log_prob in zip(published.words, published.log_probs[0].tolist(), strict=True):
        mixed[word] = mixed.get(word, 0.0) + share * total * float(np.exp(log_prob))
    return Counter(dict(sorted(mixed.items(), key=lambda item: (-item[1], item[0]))[:MAX_WORDS]))


def mix(
    estimated: tuple[NGrams, NGrams, NGrams], words: list[str], published: Published, share: float, tokens: int
) -> tuple[NGrams, NGrams, NGrams]:
    """Returns the n-grams of both models, with the probabilities of the mixture.

    Args:
        estimated: of the text, as `training.ngrams.estimate` has them.
        words: the vocabulary, in its order.
        published: the model that is mixed in; what it says of other words is left out.
        share: of it in the mixture.
        tokens: words of the text: counts of n-grams that it lacks are what so many words would hold.
    """
    base = len(words) + SPECIAL
    own, other = _of_text(estimated, base), _of_published(published, words, base)
    triples = np.union1d(own.triples, other.triples)
    # A triple needs its first two words, and its last two, as pairs.
    pairs = np.unique(np.concatenate([own.pairs, other.pairs, triples // base, triples % base**2]))
    other_2, other_3 = other.after_one(pairs), other.after_two(triples)
    unigrams = (1 - share) * own.unigrams + share * other.unigrams
    bigrams = (1 - share) * own.after_one(pairs) + share * other_2
    trigrams = (1 - share) * own.after_two(triples) + share * other_3
    # How often as many words of what the other was made of would have them.
    expected_2 = tokens * other.unigrams[pairs // base] * other_2
    expected_3 = expected_2[index_of(pairs, triples // base)] * other_3
    counts_2, counts_3 = (
        (1 - share) * _counted(each, base, wanted) + share * expected
        for each, wanted, expected in zip(estimated[1:], (pairs, triples), (expected_2, expected_3), strict=True)
    )
    counts = (estimated[0].counts, counts_2, counts_3)
    return assembled(base, pairs, triples, counts, (unigrams, bigrams, trigrams))


@dataclass(frozen=True)
class _Model:
    """A back-off model that can be asked for any words; an n-gram is one number, its words' in base `base`."""

    base: int
    unigrams: NDArray[np.float64]
    after_word: NDArray[np.float64]
    pairs: NDArray[np.int64]
    pair_probs: NDArray[np.float64]
    after_pair: NDArray[np.float64]
    triples: NDArray[np.int64]
    triple_probs: NDArray[np.float64]

    def after_one(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """[n] pairs -> [n] probabilities of their second words."""
        found = index_of(self.pairs, pairs)
        backed_off = self.after_word[pairs // self.base] * self.unigrams[pairs % self.base]
        return _picked(self.pair_probs, found, backed_off)

    def after_two(self, triples: NDArray[np.int64]) -> NDArray[np.float64]:
        """[n] triples -> [n] probabilities of their third words."""
        found, before = index_of(self.triples, triples), index_of(self.pairs, triples // self.base)
        backed_off = _picked(self.after_pair, before, np.ones(len(before))) * self.after_one(triples % self.base**2)
        return _picked(self.triple_probs, found, backed_off)


def _of_text(estimated: tuple[NGrams, NGrams, NGrams], base: int) -> _Model:
    unigrams, bigrams, trigrams = estimated
    # The start of a sentence is no word, and the decoder does not look at it.
    kept_2, kept_3 = ((each.ids >= SPECIAL).all(1) for each in (bigrams, trigrams))
    pairs, pair_probs = _keys(bigrams.ids[kept_2], base), bigrams.probabilities[kept_2]
    triples, triple_probs = _keys(trigrams.ids[kept_3], base), trigrams.probabilities[kept_3]
    p = unigrams.probabilities
    after_word = backoffs(pairs // base, pair_probs, p[pairs % base], base)
    before, after = index_of(pairs, triples // base), index_of(pairs, triples % base**2)
    after_pair = backoffs(before, triple_probs, pair_probs[after], len(pairs))
    return _Model(base, p, after_word, pairs, pair_probs, after_pair, triples, triple_probs)


def _of_published(published: Published, words: list[str], base: int) -> _Model:
    numbers = {word: i for i, word in enumerate(words, SPECIAL)}
    new = np.array([numbers.get(word, -1) for word in published.words], np.int64)
    singles, pairs, triples = (new[each] for each in published.ids)
    known = [(each >= 0).all(1) for each in (singles, pairs, triples)]
    probs = [np.exp(each[which]) for each, which in zip(published.log_probs, known, strict=True)]
    unigrams, after_word = np.zeros(base), np.ones(base)
    unigrams[singles[known[0], 0]] = probs[0]
    after_word[singles[known[0], 0]] = np.exp(published.backoffs[0][known[0]])
    pair_keys, triple_keys = _keys(pairs[known[1]], base), _keys(triples[known[2]], base)
    order_2, order_3 = np.argsort(pair_keys), np.argsort(triple_keys)
    return _Model(
        base,
        unigrams / unigrams.sum(),
        after_word,
        pair_keys[order_2],
        probs[1][order_2],
        np.exp(published.backoffs[1][known[1]])[order_2],
        triple_keys[order_3],
        probs[2][order_3],
    )


def _keys(ids: NDArray[np.int64], base: int) -> NDArray[np.int64]:
    """[n-grams, n] words -> [n-grams], each as one number."""
    keys = np.zeros(len(ids), np.int64)
    for column in ids.T:
        keys = keys * base + column
    return keys


def _counted(ngrams: NGrams, base: int, wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the counts of the wanted n-grams, 0 where there is none."""
    return _picked(ngrams.counts, index_of(_keys(ngrams.ids, base), wanted), np.zeros(len(wanted)))


def _picked(
    values: NDArray[np.float64], places: NDArray[np.int64], otherwise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the values at some places, and something else where the place is -1."""
    picked, known = otherwise.copy(), places >= 0
    picked[known] = values[places[known]]
    return picked
