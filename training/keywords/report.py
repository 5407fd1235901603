"""How well a keyword model classifies a manifest, as it is served: accuracy, results by label, and confusions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hark.errors import RequestError
from hark.keywords import spot
from hark.pipeline import Runner, Timings
from hark.spec import UNKNOWN
from training.counts import counted
from training.errors import ManifestError
from training.keywords.data import label_of
from training.manifest import Utterance

# Two-sided 95 % of the normal distribution.
_Z = 1.959964
_CONFUSIONS_SHOWN = 15


@dataclass(frozen=True)
class KeywordEvaluation:
    """A model's results on a manifest.

    Attributes:
        labels: of the model.
        confusion: [labels, labels] number of utterances, by what was said and what was recognised.
        by_corpus: right and all utterances of each corpus.
        audio_s: seconds of audio.
        processing_s: seconds of wall time from bytes to label, of all utterances.
    """

    labels: Sequence[str]
    confusion: NDArray[np.int64]
    by_corpus: dict[str, tuple[int, int]]
    audio_s: float
    processing_s: float

    @property
    def utterances(self) -> int:
        """Number of utterances."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of the utterances whose label is right."""
        return float(np.trace(self.confusion)) / self.utterances

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy: Wilson's, which stays within 0 and 1 where nothing is wrong."""
        return wilson(int(np.trace(self.confusion)), self.utterances)

    def summary(self) -> dict[str, Any]:
        """The figures as plain numbers."""
        low, high = self.interval
        return {
            "accuracy": round(self.accuracy, 5),
            "accuracy_interval": {"low": round(low, 5), "high": round(high, 5)},
            "utterances": self.utterances,
            "hours": round(self.audio_s / 3600, 3),
        }

    def as_json(self) -> dict[str, Any]:
        """All figures, as `--json` writes them and `python -m training.inspect confusion` reads them."""
        return {
            **self.summary(),
            "real_time_factor": round(self.processing_s / self.audio_s, 5),
            "labels": list(self.labels),
            "confusion": self.confusion.tolist(),
            "by_corpus": {name: {"right": right, "all": count} for name, (right, count) in self.by_corpus.items()},
        }

    def as_text(self) -> str:
        """Tables by label and corpus, the most frequent confusions, and the figures of the whole manifest."""
        said, recognised = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        right = np.diagonal(self.confusion)
        rows = ["label        said  recall  precision"]
        rows += [
            f"{label:12} {said[i]:4}  {_share(right[i], said[i])}  {_share(right[i], recognised[i])}"
            for i, label in enumerate(self.labels)
            if said[i] or recognised[i]
        ]
        wrong = self.confusion - np.diag(right)
        places = np.dstack(np.unravel_index(np.argsort(-wrong, axis=None, kind="stable"), wrong.shape))[0]
        confusions = [
            f"{wrong[i, j]:4}  {self.labels[i]} heard as {self.labels[j]}"
            for i, j in places[:_CONFUSIONS_SHOWN]
            if wrong[i, j]
        ]
        corpora = [
            f"{name}: {right / count:.4f} of {count}, 95 % {{:.4f}} to {{:.4f}}".format(*wilson(right, count))
            for name, (right, count) in sorted(self.by_corpus.items())
        ]
        low, high = self.interval
        return "\n".join(
            [
                *rows,
                *(["", "commonest confusions", *confusions] if confusions else []),
                "",
                *corpora,
                f"accuracy {self.accuracy:.4f}, 95 % {low:.4f} to {high:.4f} "
                f"({counted(self.utterances, 'utterance')})   real-time factor {self.processing_s / self.audio_s:.4f}",
            ]
        )


def wilson(right: int, count: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share. Source: Wilson, "Probable inference" (JASA 1927)."""
    share = right / count
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    reach = _Z / (1 + _Z**2 / count) * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:6.3f}" if whole else "     -"


def evaluate_keywords(recognizer: Runner, utterances: Sequence[Utterance], progress: bool = True) -> KeywordEvaluation:
    """Classifies every utterance from its file and compares with its text.

    A text that is no word of the model is `unknown`, even a sentence that contains one; an empty text is `silence`.

    Raises:
        ManifestError: a recording cannot be read.
    """
    labels = recognizer.spec.labels
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    by_corpus: dict[str, tuple[int, int]] = {}
    timings = Timings()
    audio_s = 0.0
    for utterance in tqdm(utterances, desc="evaluating", disable=None if progress else True, leave=False):
        try:
            spotted = spot(utterance.audio_path.read_bytes(), recognizer, float("inf"), timings)
        except (OSError, RequestError) as error:
            raise ManifestError(f"{utterance.audio_path} cannot be evaluated: {error}") from error
        wanted, recognised = labels.index(label_of(utterance.text, labels) or UNKNOWN), int(spotted.scores.argmax())
        confusion[wanted, recognised] += 1
        audio_s += spotted.duration_s
        corpus = str(utterance.extra.get("corpus", "no corpus named"))
        right, count = by_corpus.get(corpus, (0, 0))
        by_corpus[corpus] = (right + (wanted == recognised), count + 1)
    return KeywordEvaluation(labels, confusion, by_corpus, audio_s, timings.total_ms / 1000)
