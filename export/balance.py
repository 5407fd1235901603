"""How readily a punctuation model puts each mark and each capital: as it makes the fewest mistakes of both kinds.

A network that is unsure leaves out more than it puts in. What is added here to its scores makes the harmonic mean of
precision and recall, which people judge by, the highest on the dev texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hark.punctuation import COMMA, FULL_STOP, LOWER, QUESTION_MARK, Punctuator
from training.punctuation.evaluate import mean_f1
from training.punctuation.labels import Labelled
from training.punctuation.pauses import Pauses
from training.punctuation.scores import scores

_STEP, _MOST = 0.1, 1.5
_ROUNDS = 3
_SEED = 0


@dataclass(frozen=True)
class Scored:
    """Scores of the words of some texts: [words, marks], [words, cases], and what is right."""

    marks: NDArray[np.float32]
    cases: NDArray[np.float32]
    true_marks: NDArray[np.int64]
    true_cases: NDArray[np.int64]

    def mean_f1(self, mark_bias: NDArray[np.float64], case_bias: NDArray[np.float64]) -> float:
        """Returns the mean F1 with something added to the scores of each mark and case."""
        found = (self.marks + mark_bias).argmax(1), (self.cases + case_bias).argmax(1)
        return mean_f1(scores(*found, self.true_marks, self.true_cases))


def scored(punctuator: Punctuator, texts: Sequence[Labelled], pauses: Pauses | None) -> Scored:
    """Runs a model over texts: with pauses that one speaker makes in each, or without."""
    rng = np.random.default_rng(_SEED)
    marks, cases = [], []
    for text in texts:
        gaps_s: list[float | None] = [None] * len(text)
        if pauses:
            gaps_s = pauses.draw(np.array(text.marks), rng).tolist()
        for _, of_marks, of_cases in punctuator.scores(zip(text.words, gaps_s, strict=True)):
            marks.append(of_marks)
            cases.append(of_cases)
    return Scored(
        np.concatenate(marks),
        np.concatenate(cases),
        np.array([mark for text in texts for mark in text.marks]),
        np.array([case for text in texts for case in text.cases]),
    )


def balance(conditions: Sequence[Scored]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Finds what to add to the scores of each mark and each case.

    Args:
        conditions: the dev texts as they are met with: with pauses and without, for example. Each counts as much.

    Returns:
        [marks] and [cases]; nothing is added to the scores of no mark and of lower case.
    """
    mark_bias = np.zeros(conditions[0].marks.shape[1])
    case_bias = np.zeros(conditions[0].cases.shape[1])
    # All that are not lower case are likelier together.
    upper = np.arange(len(case_bias)) != LOWER
    places = [(mark_bias, np.arange(len(mark_bias)) == mark) for mark in (COMMA, FULL_STOP, QUESTION_MARK)]
    places.append((case_bias, upper))
    grid = np.arange(-_MOST, _MOST + _STEP / 2, _STEP).round(3)
    for _ in range(_ROUNDS):
        for bias, place in places:
            means = []
            for value in grid:
                bias[place] = value
                means.append(sum(each.mean_f1(mark_bias, case_bias) for each in conditions))
            bias[place] = grid[int(np.argmax(means))]
    return mark_bias, case_bias
