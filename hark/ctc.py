"""Connectionist temporal classification: log-probabilities of a few frames -> tokens with frames and confidences.

Source: Graves et al., "Connectionist Temporal Classification" (ICML 2006), best path decoding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hark import compiled
from hark.word_alternatives import WordAlternative

# The logarithm of a probability that was rounded to 0 is that of this one.
LEAST_PROBABILITY = 1e-10


@dataclass(frozen=True)
class Tokens:
    """The labels of one decoded utterance, one entry a token.

    Attributes:
        labels: [tokens] int, indices into the model's labels; never the blank.
        starts: [tokens] int, first output frame of each token.
        ends: [tokens] int, one past the last output frame of each token.
        confidences: [tokens] float in 0..1, highest probability over the token's frames.
        said: [tokens] natural logarithm of the probability of the token's word by an attention decoder; None where none
            was asked.
        instead: [words] what each word may have been instead; empty where nobody asked.
    """

    labels: NDArray[np.intp]
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    confidences: NDArray[np.float64]
    said: NDArray[np.float64] | None = None
    instead: tuple[tuple[WordAlternative, ...], ...] = ()

    @property
    def log_probs(self) -> NDArray[np.float64]:
        """[tokens] natural logarithms of `confidences`, none of them infinite."""
        return np.log(np.maximum(self.confidences, LEAST_PROBABILITY))

    @property
    def mean_log_prob(self) -> float:
        """The mean of `log_probs`; 0 where there are no tokens.

        Of `greedy`'s tokens it is near 0 in speech that a network understands, and far below in most noise that is no
        speech, whatever is made of it later.
        """
        return float(self.log_probs.mean()) if len(self.labels) else 0.0


def greedy(log_probs: NDArray[np.float32], blank: int) -> Tokens:
    """Takes the best label of every frame, merges repeats, drops blanks.

    Args:
        log_probs: [frames, labels] natural log-probabilities; frames may be 0.
        blank: index of the blank label.
    """
    best = log_probs.argmax(axis=1) if len(log_probs) else np.zeros(0, np.intp)
    run_starts = np.flatnonzero(np.append(True, best[1:] != best[:-1])) if len(best) else np.zeros(0, np.intp)
    run_ends = np.append(run_starts[1:], len(best)) if len(best) else run_starts
    spoken = best[run_starts] != blank
    starts, ends = run_starts[spoken], run_ends[spoken]
    if not len(starts):
        return Tokens(starts, starts, ends, np.zeros(0, np.float64))
    best_log_probs = log_probs[np.arange(len(best)), best]
    # Every token's frames are [start, end); the odd segments between tokens are computed too and thrown away.
    bounds = np.stack([starts, ends], axis=1).ravel()
    peaks = np.maximum.reduceat(np.append(best_log_probs, -np.inf), bounds)[::2]
    return Tokens(best[starts], starts, ends, np.exp(peaks.astype(np.float64)))


def log_prob(log_probs: NDArray[np.float32], labels: Sequence[int], blank: int) -> float:
    """Returns how likely a text is: the logarithm of the sum over all paths that spell it.

    Source: Graves et al. (2006), section 4.1.

    Args:
        log_probs: [frames, labels] natural log-probabilities.
        labels: [tokens] indices of labels, none of them the blank.
        blank: index of the blank label.

    Returns:
        a natural logarithm; minus infinity where there are too few frames for so many tokens.

    Raises:
        ValueError: a label is none of the model's.
    """
    if len(labels) and not 0 <= min(labels) <= max(labels) < log_probs.shape[1]:
        raise ValueError(f"{list(labels)} are not all among {log_probs.shape[1]} labels")
    states = _states(labels, blank)
    if library := compiled.library():
        emitted, order, score = np.ascontiguousarray(log_probs, np.float32), states.astype(np.int64), np.empty(1)
        if not library.hark_ctc_log_prob(
            compiled.address(emitted), *emitted.shape, compiled.address(order), len(order), compiled.address(score)
        ):
            raise MemoryError("not enough memory to score a text")
        return float(score[0])
    if not len(log_probs):
        return -np.inf if labels else 0.0
    skipping = _skipping(states)
    emitted = log_probs[:, states].astype(np.float64)
    scores = np.full(len(states) + 2, -np.inf)
    scores[2] = 0.0
    for emission in emitted:
        sums = np.logaddexp(np.logaddexp(scores[2:], scores[1:-1]), scores[:-2] + skipping)
        scores[2:] = sums + emission
    return float(np.logaddexp(scores[-1], scores[-2] if len(states) > 1 else -np.inf))


def log_probs_near(
    log_probs: NDArray[np.float32], labels: Sequence[int], others: Sequence[Sequence[int]], blank: int
) -> list[float]:
    """Returns how likely texts are that are much like another one: `log_prob` of each, up to rounding.

    Compiled, a text takes the time that its own tokens take, once it is known what the frames say of the other one:
    all paths through the tokens before a difference, and all those through the tokens after it, are the same.

    Source: Graves et al. (2006), section 4.1, for the forward and backward variables.

    Args:
        log_probs: [frames, labels] natural log-probabilities.
        labels: [tokens] of the other text.
        others: [tokens] of each text.
        blank: index of the blank label.

    Raises:
        ValueError: a label is none of the model's.
    """
    base, tokens = np.array(labels, np.int64), np.array([each for text in others for each in text], np.int64)
    for each in (base, tokens):
        if len(each) and not 0 <= each.min() <= each.max() < log_probs.shape[1]:
            raise ValueError(f"{each.tolist()} are not all among {log_probs.shape[1]} labels")
    library = compiled.library()
    if not library or not len(log_probs):
        return [log_prob(log_probs, each, blank) for each in others]
    emitted, scores = np.ascontiguousarray(log_probs, np.float32), np.empty(len(others))
    bounds = np.cumsum([len(text) for text in others], dtype=np.int64)
    if not library.hark_ctc_log_probs_near(
        *(compiled.address(emitted), *emitted.shape),
        *(compiled.address(base), len(base), compiled.address(tokens), compiled.address(bounds), len(others)),
        *(blank, compiled.address(scores)),
    ):
        raise MemoryError("not enough memory to score texts")
    if np.isnan(scores).any():  # the frames are too few for the other text
        return [log_prob(log_probs, each, blank) for each in others]
    return [float(each) for each in scores]


def _states(labels: Sequence[int] | NDArray[np.intp], blank: int) -> NDArray[np.intp]:
    """Blanks before, between and after the tokens.

    A path goes to the next of them or stays, and leaves a blank out where the tokens around it differ.
    """
    states = np.full(2 * len(labels) + 1, blank, np.intp)
    states[1::2] = labels
    return states


def _skipping(states: NDArray[np.intp]) -> NDArray[np.float64]:
    """[states] what it adds to come from the state but one before: 0 where a path may, else minus infinity."""
    skips = np.zeros(len(states), bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    return np.where(skips, 0.0, -np.inf)


def align(log_probs: NDArray[np.float32], labels: Sequence[int], blank: int) -> Tokens:
    """Finds where a text is: the frames of each token on the likeliest path that spells it.

    Of the text that `greedy` finds, these are the tokens that `greedy` finds.

    Source: Graves et al. (2006), section 4.1, with the maximum in place of the sum.

    Args:
        log_probs: [frames, labels] natural log-probabilities.
        labels: [tokens] indices of labels, none of them the blank.
        blank: index of the blank label.

    Raises:
        ValueError: there are too few frames for so many tokens, or there is no such label.
    """
    spelt = np.asarray(labels, np.intp)
    if len(spelt) and not 0 <= spelt.min() <= spelt.max() < log_probs.shape[1]:
        raise ValueError(f"{spelt.tolist()} are not all among {log_probs.shape[1]} labels")
    if not len(spelt):
        return Tokens(spelt, spelt, spelt, np.zeros(0, np.float64))
    states = _states(spelt, blank)
    find = _compiled_path if compiled.library() else _path
    path = find(log_probs, states)
    if path is None:
        raise ValueError(f"{len(log_probs)} frames cannot spell {len(spelt)} tokens")
    bounds = (
        np.searchsorted(path, np.arange(1, len(states), 2)),
        np.searchsorted(path, np.arange(2, len(states) + 1, 2)),
    )
    starts, ends = (bound.astype(np.intp) for bound in bounds)
    on_path = log_probs[np.arange(len(path)), states[path]].astype(np.float64)
    peaks = np.maximum.reduceat(np.append(on_path, -np.inf), np.stack([starts, ends], axis=1).ravel())[::2]
    return Tokens(spelt, starts, ends, np.exp(peaks))


def _path(log_probs: NDArray[np.float32], states: NDArray[np.intp]) -> NDArray[np.intp] | None:
    """Returns [frames] indices into `states`: the likeliest path through them; None where frames are too few."""
    skipping = _skipping(states)
    emitted = log_probs[:, states].astype(np.float64)
    # In front two states that nothing is in, so that each state has two before it.
    scores = np.full(len(states) + 2, -np.inf)
    scores[2] = 0.0  # before the first frame: from here a path begins with the first blank or the first token
    steps = np.zeros(emitted.shape, np.int8)
    for emission, step in zip(emitted, steps, strict=True):
        stay, one, two = scores[2:], scores[1:-1], scores[:-2] + skipping
        np.greater(one, stay, out=step, casting="unsafe")
        best = np.maximum(stay, one)
        step[two > best] = 2
        scores[2:] = np.maximum(best, two) + emission
    state = len(states) - 1 if scores[-1] >= scores[-2] else len(states) - 2
    if scores[state + 2] == -np.inf:
        return None
    path = np.empty(len(log_probs), np.intp)
    for frame in range(len(log_probs) - 1, -1, -1):
        path[frame] = state
        state -= int(steps[frame, state])
    return path


def _compiled_path(log_probs: NDArray[np.float32], states: NDArray[np.intp]) -> NDArray[np.intp] | None:
    """As `_path`."""
    library = compiled.library()
    assert library
    emitted, order = np.ascontiguousarray(log_probs, np.float32), np.ascontiguousarray(states, np.int64)
    path = np.empty(len(emitted), np.int64)
    status = library.hark_align(
        compiled.address(emitted), *emitted.shape, compiled.address(order), len(order), compiled.address(path)
    )
    if not status:
        raise MemoryError("not enough memory to align a text")
    return path.astype(np.intp, copy=False) if status > 0 else None


def words(tokens: Tokens, labels: Sequence[str]) -> list[slice]:
    """Finds the words: runs of tokens between spaces, which may be the beginning of a subword.

    Args:
        tokens: of one window.
        labels: what each label spells.

    Returns:
        where each word's letters are in `tokens`, in order.
    """
    spelt = [labels[label] for label in tokens.labels]
    within = np.array([False, *(label != " " for label in spelt), False])
    begins = np.array([False, *(label.startswith(" ") for label in spelt), False])
    starts = np.flatnonzero(within[1:] & (begins[1:] | ~within[:-1]))
    ends = np.flatnonzero(within[:-1] & (begins[1:] | ~within[1:]))
    return [slice(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
