"""The recogniser's kinds of errors, put into texts: other words in place of words, words left out and added."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from training.punctuation.heard import HeardUtterance, align


@dataclass(frozen=True)
class Errors:
    """What the recogniser got wrong.

    Attributes:
        substitutions: {word: what was heard for it}, with each as often as it was.
        likely: words that were heard in place of any word.
        insertions: words that were heard where nobody said one.
        shares: of all errors, how many are substitutions, deletions and insertions.
    """

    substitutions: dict[str, list[str]]
    likely: list[str]
    insertions: list[str]
    shares: tuple[float, float, float]


def measured(utterances: Iterable[HeardUtterance]) -> Errors:
    """Collects the errors of all utterances."""
    substitutions: dict[str, list[str]] = defaultdict(list)
    insertions: list[str] = []
    counts: Counter[str] = Counter()
    for utterance in utterances:
        said, heard = utterance.reference.words, utterance.words
        for pair in align(said, heard):
            if pair.reference is None and pair.heard is not None:
                insertions.append(heard[pair.heard])
                counts["insertion"] += 1
            elif pair.heard is None:
                counts["deletion"] += 1
            elif pair.reference is not None and said[pair.reference] != heard[pair.heard]:
                substitutions[said[pair.reference]].append(heard[pair.heard])
                counts["substitution"] += 1
    total = max(counts.total(), 1)
    shares = (counts["substitution"] / total, counts["deletion"] / total, counts["insertion"] / total)
    likely = [word for words in substitutions.values() for word in words]
    return Errors(dict(substitutions), likely, insertions, shares)


def misheard(
    words: Sequence[str], rate: float, errors: Errors, rng: np.random.Generator, same_length: bool = False
) -> list[list[str]]:
    """Draws what is heard of words of which `rate` are wrong.

    Args:
        words: what was said.
        rate: share of the words that are wrong.
        errors: to draw from.
        rng: draws.
        same_length: whether all errors are other words in place of words.

    Returns:
        for each word what was heard: itself, another, none, or two.
    """
    wrong = rng.random(len(words)) < rate
    kinds = rng.choice(3, len(words), p=np.array(errors.shares) / max(sum(errors.shares), 1e-9))
    heard = []
    for word, is_wrong, kind in zip(words, wrong.tolist(), kinds.tolist(), strict=True):
        if not is_wrong:
            heard.append([word])
        elif kind == 0 or same_length:
            choices = errors.substitutions.get(word) or errors.likely or [word]
            heard.append([choices[rng.integers(len(choices))]])
        elif kind == 1:
            heard.append([])
        else:
            choices = errors.insertions or [word]
            heard.append([word, choices[rng.integers(len(choices))]])
    return heard
