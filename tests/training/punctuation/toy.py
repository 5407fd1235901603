"""A tiny language that a small network learns in seconds, and recordings of it."""

import json
from pathlib import Path

import numpy as np

from training.punctuation.heard import HeardUtterance
from training.punctuation.labels import Labelled, label

SUBJECTS = ("Anna", "the dog", "a man", "she")
VERBS = ("sleeps", "runs home", "sees Paris", "waits")
QUESTIONS = ("Does Anna sleep?", "Where is the dog?", "Who runs home?")


def text(sentences: int, seed: int = 0) -> list[str]:
    """Sentences of which a comma joins two, and every fourth is a question."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(sentences):
        if rng.random() < 0.25:
            lines.append(str(rng.choice(QUESTIONS)))
            continue
        subject, verb, verb_after = rng.choice(SUBJECTS), rng.choice(VERBS), rng.choice(VERBS)
        line = f"{subject} {verb}, and then {verb_after}."
        lines.append(line[0].upper() + line[1:])
    return lines


def texts(count: int = 2, sentences: int = 400) -> list[Labelled]:
    return [label(text(sentences, seed)) for seed in range(count)]


def heard(speakers: int = 3) -> list[HeardUtterance]:
    """Utterances of four sentences with a pause of half a second after each, and of a fifth at each comma."""
    utterances = []
    for number in range(10 * speakers):
        reference = label(text(4, 100 + number))
        spans_s, now_s = [], 0.0
        for mark in reference.marks:
            spans_s.append((now_s, now_s + 0.3))
            now_s += 0.3 + (0.05, 0.2, 0.5, 0.5)[mark]
        words = list(reference.words)
        words[1] = "god"  # of a dog, for example
        utterances.append(HeardUtterance(f"speaker-{number % speakers}", reference, words, spans_s))
    return utterances


def write_heard(path: Path) -> Path:
    """Writes these utterances as `training.punctuation.heard` does."""
    lines = []
    for number, utterance in enumerate(heard()):
        spans = zip(utterance.words, utterance.spans_s, strict=True)
        line = {
            "audio_filepath": f"{number}.flac",
            "text": " ".join(text(4, 100 + number)),
            "speaker": utterance.speaker,
            "words": [[word, *span] for word, span in spans],
        }
        lines.append(json.dumps(line) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path
