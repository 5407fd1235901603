"""How long people pause after each mark: drawn for texts that nobody has read aloud."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hark.punctuation import COMMA, FULL_STOP, NOTHING, QUESTION_MARK
from training.punctuation.heard import HeardUtterance, align

# A speaker whose pauses are drawn from has at least so many after each of these.
_LEAST = {NOTHING: 40, COMMA: 4, FULL_STOP: 2}
# How often somebody pauses where nothing is written, as people do who think while they speak; one of these is drawn.
_HESITATIONS = (0.0, 0.0, 0.02, 0.06)
# How much slower or faster somebody else may speak, as the standard deviation of a logarithm.
_TEMPO = 0.25


@dataclass(frozen=True)
class Pauses:
    """Gaps between words, in seconds, by who speaks.

    Attributes:
        speakers: of each, {mark: [gaps]}; a question mark's are a full stop's.
    """

    speakers: tuple[dict[int, NDArray[np.float64]], ...]

    def draw(self, marks: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Draws the gap after each word of a text that one speaker reads, in seconds.

        Args:
            marks: [words] what follows each.
            rng: draws the speaker, the tempo and the gaps.
        """
        speaker = self.speakers[rng.integers(len(self.speakers))]
        gaps_s = np.zeros(len(marks))
        for mark, measured_s in speaker.items():
            places = np.flatnonzero(marks == mark)
            gaps_s[places] = rng.choice(measured_s, len(places))
        hesitates = (marks == NOTHING) & (rng.random(len(marks)) < rng.choice(_HESITATIONS))
        gaps_s[hesitates] = rng.choice(speaker[FULL_STOP], int(hesitates.sum()))
        gaps_s *= np.exp(rng.normal(0, _TEMPO))
        return gaps_s


def gaps_of(utterance: HeardUtterance) -> Iterable[tuple[int, float]]:
    """Yields (mark, gap in seconds) for words of which this one and the next were heard."""
    pairs = list(align(utterance.reference.words, utterance.words))
    for (said, heard), (next_said, next_heard) in pairwise((pair.reference, pair.heard) for pair in pairs):
        if said is not None and heard is not None and next_said is not None and next_heard is not None:
            gap_s = utterance.spans_s[next_heard][0] - utterance.spans_s[heard][1]
            yield utterance.reference.marks[said], max(gap_s, 0.0)


def measured(utterances: Sequence[HeardUtterance]) -> Pauses:
    """Collects the gaps of all speakers; those who say too little are put together.

    Raises:
        ValueError: there are too few pauses to draw from.
    """
    by_speaker: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for utterance in utterances:
        for mark, gap_s in gaps_of(utterance):
            by_speaker[utterance.speaker][FULL_STOP if mark == QUESTION_MARK else mark].append(gap_s)
    together: dict[int, list[float]] = defaultdict(list)
    speakers = []
    for gaps in by_speaker.values():
        if all(len(gaps[mark]) >= least for mark, least in _LEAST.items()):
            speakers.append(_arrays(gaps))
        else:
            for mark, several in gaps.items():
                together[mark] += several
    if all(len(together[mark]) >= least for mark, least in _LEAST.items()):
        speakers.append(_arrays(together))
    if not speakers:
        raise ValueError("there are too few punctuated recordings of several sentences to draw pauses from")
    return Pauses(tuple(speakers))


def _arrays(gaps: dict[int, list[float]]) -> dict[int, NDArray[np.float64]]:
    arrays = {mark: np.array(gaps[mark]) for mark in (NOTHING, COMMA, FULL_STOP)}
    return {**arrays, QUESTION_MARK: arrays[FULL_STOP]}
