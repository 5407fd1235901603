"""How likely a word is right, from the probabilities of its letters.

A network's own probabilities are no such thing: it is surer than it should be, the more so in long words. A logistic
function of a few features is fitted where a model is exported (`export.calibrate`) and travels in its spec; a model
without one gets the geometric mean of its letters' probabilities.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handler.ctc import LEAST_PROBABILITY, Tokens
from handler.spec import CONFIDENCE_FEATURES, ModelSpec

# Beyond these odds the network's probabilities differ by rounding.
_LARGEST_LOG_ODDS = 9.2


def of_words(tokens: Tokens, words: Sequence[slice], spec: ModelSpec) -> NDArray[np.float64]:
    """Returns [words] how likely each is right, 0..1.

    Args:
        tokens: of one window.
        words: the letters of each word, as `handler.ctc.words` finds them.
        spec: the model's spec.
    """
    values = features(tokens, words)
    if not spec.word_confidence:
        mean: NDArray[np.float64] = np.exp(values[:, CONFIDENCE_FEATURES.index("mean_log_prob")])
        return mean
    return logistic(values @ np.array([spec.word_confidence.get(name, 0.0) for name in CONFIDENCE_FEATURES]))


def features(tokens: Tokens, words: Sequence[slice]) -> NDArray[np.float64]:
    """Returns [words, features]: `CONFIDENCE_FEATURES` of each word, in natural logarithms."""
    log_probs = tokens.log_probs
    rows = np.zeros((len(words), len(CONFIDENCE_FEATURES)))
    for row, word in zip(rows, words, strict=True):
        letters = log_probs[word]
        # A space that was doubtful may have cut a word in two; at the edges of the window there is none.
        spaces = log_probs[[i for i in (word.start - 1, word.stop) if 0 <= i < len(log_probs)]]
        least = letters.min()
        row[:] = 1.0, letters.mean(), least, _log_odds(least), spaces.min(initial=0.0), np.log(len(letters))
    return rows


def _log_odds(log_prob: float) -> float:
    """Returns log(p / (1 - p)): where a network is nearly sure, this still tells 0.99 from 0.999."""
    doubt = -np.expm1(log_prob)
    return float(np.clip(log_prob - np.log(max(doubt, LEAST_PROBABILITY)), -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS))


def logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns 1 / (1 + exp(-values)) without overflow."""
    probabilities: NDArray[np.float64] = 0.5 * (1 + np.tanh(values / 2))
    return probabilities
