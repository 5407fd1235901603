"""Word and character error rates of a corpus: the errors of all utterances divided by all words (characters)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jiwer
import numpy as np
from numpy.typing import NDArray

# Replicates of a bootstrap, and their seed: the same errors always give the same interval.
RESAMPLES = 10_000
SEED = 0
# How many draws are in memory at once: 32 MB.
_DRAWS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class ErrorRates:
    """Errors over references.

    Attributes:
        wer: word errors / reference words.
        cer: character errors / reference characters, spaces included.
        words, characters: of the references.
    """

    wer: float
    cer: float
    words: int
    characters: int


@dataclass(frozen=True)
class ErrorCounts:
    """Errors of one utterance or, added up, of many.

    Attributes:
        words: of the reference.
        substitutions, deletions, insertions: of words.
        characters: of the reference, spaces included.
        character_errors: substitutions, deletions and insertions of characters.
    """

    words: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    characters: int = 0
    character_errors: int = 0

    @property
    def word_errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer(self) -> float | None:
        """Word errors / reference words; None where there are no words."""
        return self.word_errors / self.words if self.words else None

    @property
    def cer(self) -> float | None:
        """Character errors / reference characters; None where there are none."""
        return self.character_errors / self.characters if self.characters else None


@dataclass(frozen=True)
class Interval:
    """A confidence interval: `low` to `high` at `level` (0.95 is 95 %)."""

    low: float
    high: float
    level: float


def count_errors(references: Sequence[str], hypotheses: Sequence[str]) -> list[ErrorCounts]:
    """Aligns normalised transcripts with the fewest edits and counts them, utterance by utterance."""
    references, hypotheses = list(references), list(hypotheses)
    words = jiwer.process_words(references, hypotheses)
    characters = jiwer.process_characters(references, hypotheses)
    counts = []
    for reference, word_chunks, text, character_chunks in zip(
        words.references, words.alignments, characters.references, characters.alignments, strict=True
    ):
        edits = _edits(word_chunks)
        counts.append(
            ErrorCounts(
                words=len(reference),
                substitutions=edits["substitute"],
                deletions=edits["delete"],
                insertions=edits["insert"],
                characters=len(text),
                character_errors=sum(_edits(character_chunks).values()),
            )
        )
    return counts


def _edits(chunks: Iterable[Any]) -> dict[str, int]:
    """Adds up jiwer's alignment chunks by kind, without those that are equal."""
    edits = {"substitute": 0, "delete": 0, "insert": 0}
    for chunk in chunks:
        if chunk.type != "equal":
            from_reference = chunk.ref_end_idx - chunk.ref_start_idx
            edits[chunk.type] += from_reference or chunk.hyp_end_idx - chunk.hyp_start_idx
    return edits


def add_up(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    """Adds counts field by field."""
    rows = list(counts)
    return ErrorCounts(
        words=sum(row.words for row in rows),
        substitutions=sum(row.substitutions for row in rows),
        deletions=sum(row.deletions for row in rows),
        insertions=sum(row.insertions for row in rows),
        characters=sum(row.characters for row in rows),
        character_errors=sum(row.character_errors for row in rows),
    )


def corpus_rates(counts: Iterable[ErrorCounts]) -> ErrorRates:
    """Divides the errors of all utterances by all words (characters).

    Raises:
        ValueError: there is no reference word.
    """
    total = add_up(counts)
    if total.wer is None or total.cer is None:
        raise ValueError("the references hold no words")
    return ErrorRates(total.wer, total.cer, total.words, total.characters)


def error_rates(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRates:
    """Compares normalised transcripts.

    Raises:
        ValueError: there is no reference word.
    """
    return corpus_rates(count_errors(references, hypotheses))


def bootstrap_wer(
    counts: Sequence[ErrorCounts], level: float = 0.95, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Estimates how much the corpus-level WER would change with other utterances of the same kind.

    Utterances are drawn with replacement, as many as there are; the interval lies between percentiles of the WER of
    such replicates. Utterances count as independent. Those of one speaker are not, so with few speakers the interval
    holds for these speakers only and is too narrow for others (Liu and Peng, "Statistical Testing on
    ASR Performance via Blockwise Bootstrap", Interspeech 2020).

    Source: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation" (ICASSP 2004).

    Args:
        counts: one an utterance.
        level: share of the replicates inside the interval.
        resamples: number of replicates.
        seed: of the draws.

    Returns:
        The interval; None where there are fewer than two utterances with words.
    """
    return bootstrap_difference(counts, [ErrorCounts(words=row.words) for row in counts], level, resamples, seed)


def bootstrap_difference(
    counts: Sequence[ErrorCounts],
    others: Sequence[ErrorCounts],
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """As `bootstrap_wer`, for the difference between two recognisers' WERs on the same utterances.

    Utterances that are hard for one are hard for the other, so the difference is known much better than either WER.

    Args:
        counts: one for each utterance.
        others: the other recogniser's, of the same utterances in the same order.
        level: share of the replicates inside the interval.
        resamples: number of replicates.
        seed: of the draws.

    Returns:
        The interval of WER minus the others' WER; None as in `bootstrap_wer`.
    """
    if sum(row.words > 0 for row in counts) < 2:
        return None
    more = np.array([row.word_errors - other.word_errors for row, other in zip(counts, others, strict=True)])
    words = np.array([row.words for row in counts])
    rng = np.random.default_rng(seed)
    at_once = max(_DRAWS_AT_ONCE // len(counts), 1)
    parts = []
    for start in range(0, resamples, at_once):
        drawn = rng.integers(len(counts), size=(min(at_once, resamples - start), len(counts)))
        parts.append(np.stack([more[drawn].sum(axis=1), words[drawn].sum(axis=1)]))
    drawn_more, drawn_words = np.concatenate(parts, axis=1)
    spoken = drawn_words > 0  # a replicate of silent utterances alone has no WER
    differences: NDArray[np.float64] = drawn_more[spoken] / drawn_words[spoken]
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)
