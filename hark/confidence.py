"""How likely a word is right, from the probabilities of its letters.

A network's own probabilities are no such thing: it is surer than it should be, the more so in long words. A logistic
function of a few features is fitted where a model is exported (`export.calibrate`) and travels in its spec; a model
without one gets the geometric mean of its letters' probabilities.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hark.ctc import LEAST_PROBABILITY, Tokens
from hark.spec import CONFIDENCE_FEATURES, ModelSpec

# Beyond these odds the network's probabilities differ by rounding.
_LARGEST_LOG_ODDS = 9.2
# Words that are less likely than this are alike.
_LEAST_SAID = -12.0


def of_words(tokens: Tokens, words: Sequence[slice], spec: ModelSpec) -> NDArray[np.float64]:
    """Returns [words] how likely each is right, 0..1.

    Args:
        tokens: of one window.
        words: the letters of each word, as `hark.ctc.words` finds them.
        spec: the model's spec.
    """
    values = features(tokens, words)
    if not spec.word_confidence:
        mean: NDArray[np.float64] = np.exp(values[:, CONFIDENCE_FEATURES.index("mean_log_prob")])
        return mean
    return logistic(values @ np.array([spec.word_confidence.get(name, 0.0) for name in CONFIDENCE_FEATURES]))


def features(tokens: Tokens, words: Sequence[slice]) -> NDArray[np.float64]:
    """Returns [words, features]: `CONFIDENCE_FEATURES` of each word, in natural logarithms."""
    if not words:
        return np.zeros((0, len(CONFIDENCE_FEATURES)))
    log_probs = tokens.log_probs
    starts, stops = np.array([word.start for word in words]), np.array([word.stop for word in words])
    # Of letters and what lies between them in turn; the last word may end where the tokens do.
    bounds, within = np.stack([starts, stops], axis=1).ravel(), np.append(log_probs, 0.0)
    means = np.add.reduceat(within, bounds)[::2] / (stops - starts)
    least = np.minimum.reduceat(within, bounds)[::2]
    # A space that was doubtful may have cut a word in two. At the edges of the window there is none, nor between words
    # where it is a part of the subword that begins the second.
    around = np.concatenate([[0.0], log_probs, [0.0]])
    apart = np.concatenate([[True], stops[:-1] < starts[1:], [True]])
    spaces = np.minimum(np.where(apart[:-1], around[starts], 0.0), np.where(apart[1:], around[stops + 1], 0.0))
    letters = np.log(stops - starts)
    # Of a word, by the attention decoder; nothing where none was asked.
    said = np.zeros(len(words)) if tokens.said is None else np.maximum(tokens.said[starts], _LEAST_SAID)
    sure = np.zeros(len(words)) if tokens.said is None else _log_odds(said)
    of_all = [np.ones(len(words)), means, least, _log_odds(least), spaces, letters, said, sure]
    return np.stack(of_all, axis=1)


def _log_odds(log_probs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns log(p / (1 - p)): where a network is nearly sure, this still tells 0.99 from 0.999."""
    doubts = np.maximum(-np.expm1(log_probs), LEAST_PROBABILITY)
    odds: NDArray[np.float64] = np.clip(log_probs - np.log(doubts), -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS)
    return odds


def logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns 1 / (1 + exp(-values)) without overflow."""
    probabilities: NDArray[np.float64] = 0.5 * (1 + np.tanh(values / 2))
    return probabilities
