"""Measures a punctuation model: `python -m training.punctuation.evaluate [--text FILE ...] [--heard FILE ...]`.

    python -m training.punctuation.evaluate --text data/books/test/*.txt --pauses data/heard.jsonl
    python -m training.punctuation.evaluate --heard data/heard-dev.jsonl

Texts are measured on their own words: without pauses, and with `--pauses` with pauses drawn from recordings
(`training.punctuation.heard`). `--heard` has other recordings: there, what the recogniser heard is punctuated, with the
pauses that were made, and compared with the text by aligning both. Beside the model stand two rules: none of it, and
capitals at the beginnings of segments with full stops at pauses of over 0.6 s.
"""

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hark import model_files
from hark.command import command
from hark.punctuation import CAPITAL, FULL_STOP, LOWER, NOTHING, Punctuator
from training.punctuation import pauses as speakers_pauses
from training.punctuation.heard import HeardUtterance, align, read_heard
from training.punctuation.labels import Labelled, read_texts
from training.punctuation.pauses import Pauses
from training.punctuation.scores import Score, scores

# A rule to compare with: a longer pause ends a sentence.
RULE_PAUSE_S = 0.6
# Pauses are drawn for so many words of one speaker.
_SPEAKER_WORDS = 400
_SEED = 0

Words = Sequence[tuple[str, float | None]]
# What restores: marks and cases of words with the pauses after them.
Restorer = Callable[[Words], tuple[NDArray[np.int64], NDArray[np.int64]]]


def of_model(punctuator: Punctuator) -> Restorer:
    """Restores as `hark.written` does, but for numbers and lists of names."""

    def restore(words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels = list(punctuator.labels(words))
        marks = np.array([label.mark for label in labels], np.int64)
        cases = np.array([label.case for label in labels], np.int64)
        return marks, cases

    return restore


def of_nothing(words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Leaves words as they were spoken."""
    return np.full(len(words), NOTHING), np.full(len(words), LOWER)


def of_pauses(words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ends a sentence at each long pause, and begins the next with a capital."""
    ends = np.array([gap_s is not None and gap_s > RULE_PAUSE_S for _, gap_s in words], np.bool_)
    begins = np.append(True, ends[:-1])
    return np.where(ends, FULL_STOP, NOTHING), np.where(begins, CAPITAL, LOWER)


def on_texts(restore: Restorer, texts: Sequence[Labelled], pauses: Pauses | None) -> dict[str, Score]:
    """Scores texts on their own words; with pauses, several speakers read each."""
    rng = np.random.default_rng(_SEED)
    found = []
    for text in texts:
        marks, cases = np.array(text.marks), np.array(text.cases)
        gaps_s: list[float | None] = [None] * len(text)
        if pauses:
            parts = np.split(marks, range(_SPEAKER_WORDS, len(text), _SPEAKER_WORDS))
            gaps_s = np.concatenate([pauses.draw(part, rng) for part in parts]).tolist()
        found.append((*restore(list(zip(text.words, gaps_s, strict=True))), marks, cases))
    return _scored(found)


def on_heard(restore: Restorer, utterances: Sequence[HeardUtterance], with_pauses: bool = True) -> dict[str, Score]:
    """Scores what was heard of recordings: of the words that align with one of the text, or not at all.

    A mark that belongs to a word which was not heard counts as missed; one after a word that nobody said, as found
    where none is.
    """
    found = []
    for utterance in utterances:
        spans, reference = utterance.spans_s, utterance.reference
        starts_s = [start_s for start_s, _ in spans[1:]] + [math.inf]
        gaps_s = [max(start_s - end_s, 0.0) for start_s, (_, end_s) in zip(starts_s, spans, strict=True)]
        words = [(word, gap_s if with_pauses else None) for word, gap_s in zip(utterance.words, gaps_s, strict=True)]
        marks, cases = restore(words)
        rows = [
            (
                NOTHING if pair.heard is None else marks[pair.heard],
                LOWER if pair.heard is None else cases[pair.heard],
                NOTHING if pair.reference is None else reference.marks[pair.reference],
                LOWER if pair.reference is None else reference.cases[pair.reference],
            )
            for pair in align(reference.words, utterance.words)
        ]
        found.append(tuple(np.array(rows, np.int64).T))
    return _scored(found)


def _scored(found: Sequence[tuple[NDArray[np.int64], ...]]) -> dict[str, Score]:
    return scores(*(np.concatenate(part) for part in zip(*found, strict=True)))


def mean_f1(measured: Mapping[str, Score]) -> float:
    """Returns the mean over all kinds."""
    return sum(score.f1 for score in measured.values()) / len(measured)


def rows_of_texts(model: Restorer, texts: Sequence[Labelled], pauses: Pauses | None) -> dict[str, dict[str, Score]]:
    """Scores the model and what it is compared with on texts."""
    rows = {"words alone": on_texts(model, texts, None), "no restorer": on_texts(of_nothing, texts, None)}
    if pauses:
        rows["with pauses drawn"] = on_texts(model, texts, pauses)
        rows["full stops at pauses"] = on_texts(of_pauses, texts, pauses)
    return rows


def rows_of_heard(model: Restorer, utterances: Sequence[HeardUtterance]) -> dict[str, dict[str, Score]]:
    """Scores the model and what it is compared with on what was heard of recordings."""
    return {
        "words and pauses": on_heard(model, utterances),
        "words alone": on_heard(model, utterances, with_pauses=False),
        "full stops at pauses": on_heard(of_pauses, utterances),
        "no restorer": on_heard(of_nothing, utterances),
    }


def table(rows: Mapping[str, Mapping[str, Score]]) -> str:
    """Lays figures out in Markdown: F1 (precision / recall)."""
    kinds = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(kinds)} |", f"|---|{'---|' * len(kinds)}"]
    for name, measured in rows.items():
        cells = (f"{each.f1:.3f} ({each.precision:.2f} / {each.recall:.2f})" for each in measured.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=model_files.PUNCTUATION)
    parser.add_argument("--text", type=Path, nargs="+", default=[], help="texts of sentences, as written")
    parser.add_argument("--pauses", type=Path, help="recordings to draw pauses from, for the texts")
    parser.add_argument("--heard", type=Path, nargs="+", default=[], help="recordings as they were heard")
    options = parser.parse_args(arguments)
    if not options.text and not options.heard:
        parser.error("name what to measure on: --text or --heard")
    model = of_model(Punctuator(options.model))
    pauses = speakers_pauses.measured(read_heard(options.pauses)) if options.pauses else None
    for path in options.text:
        texts = read_texts([path])
        print(f"\n{path.name}: {sum(map(len, texts)):,} words\n\n{table(rows_of_texts(model, texts, pauses))}")
    for path in options.heard:
        heard = read_heard(path)
        print(f"\n{path.name}: {len(heard):,} recordings, {sum(len(each.words) for each in heard):,} words heard\n")
        print(table(rows_of_heard(model, heard)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
