"""How well marks and capitals are restored: precision, recall and F1 of each kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hark.punctuation import COMMA, FULL_STOP, LOWER, QUESTION_MARK

Kind = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]
# Where each kind is, given the marks and the cases of all words.
KINDS: Mapping[str, Kind] = {
    "sentence end": lambda marks, _: (marks == FULL_STOP) | (marks == QUESTION_MARK),
    "comma": lambda marks, _: marks == COMMA,
    "question mark": lambda marks, _: marks == QUESTION_MARK,
    "capital": lambda _, cases: cases != LOWER,
}


@dataclass(frozen=True)
class Score:
    """Counts of one kind.

    Attributes:
        right: found where it is.
        found: found.
        there: how many there are.
    """

    right: int
    found: int
    there: int

    @property
    def precision(self) -> float:
        """Share of what was found that is right; 0 where nothing was."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of what is there that was found; 0 where nothing is."""
        return self.right / self.there if self.there else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.right / (self.found + self.there) if self.found + self.there else 0.0


def scores(
    marks: NDArray[np.int64], cases: NDArray[np.int64], true_marks: NDArray[np.int64], true_cases: NDArray[np.int64]
) -> dict[str, Score]:
    """Compares what was found of [words] with what is right, kind by kind."""
    compared = {}
    for name, places in KINDS.items():
        found, there = places(marks, cases), places(true_marks, true_cases)
        compared[name] = Score(int((found & there).sum()), int(found.sum()), int(there.sum()))
    return compared
