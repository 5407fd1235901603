"""Corpus-level word and character error rate: errors summed over utterances, divided by words (characters) summed."""

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer


@dataclass(frozen=True)
class ErrorRates:
    """Errors over references.

    Attributes:
        wer: word errors / reference words.
        cer: character errors / reference characters, spaces included.
        words, characters: what the references hold.
    """

    wer: float
    cer: float
    words: int
    characters: int


def error_rates(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRates:
    """Compares normalised transcripts.

    Raises:
        ValueError: there is no reference word.
    """
    references, hypotheses = list(references), list(hypotheses)
    if not any(reference.strip() for reference in references):
        raise ValueError("the references hold no words")
    # jiwer refuses an empty reference; whatever is recognised there is inserted all the same.
    empty = [i for i, reference in enumerate(references) if not reference.strip()]
    kept = [i for i in range(len(references)) if i not in set(empty)]
    words = jiwer.process_words([references[i] for i in kept], [hypotheses[i] for i in kept])
    characters = jiwer.process_characters([references[i] for i in kept], [hypotheses[i] for i in kept])
    word_count = words.hits + words.substitutions + words.deletions
    character_count = characters.hits + characters.substitutions + characters.deletions
    word_errors = words.substitutions + words.deletions + words.insertions
    character_errors = characters.substitutions + characters.deletions + characters.insertions
    return ErrorRates(
        wer=(word_errors + sum(len(hypotheses[i].split()) for i in empty)) / word_count,
        cer=(character_errors + sum(len(hypotheses[i]) for i in empty)) / character_count,
        words=word_count,
        characters=character_count,
    )
