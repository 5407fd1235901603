"""Fits what a model's spec says of word times and confidences: `python -m export.calibrate MODEL --dev MANIFEST`.

Times are fitted on speech whose word boundaries are known (`export.spoken`, which speaks the manifest's texts), and
confidences on the manifest's own recordings. `python -m export` does both; the command does them for a file that is
there already.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
from numpy.typing import NDArray

from export.graph import write_spec
from export.spoken import speak
from handler import confidence, ctc, word_times
from handler.audio import decode
from handler.errors import HarkError
from handler.pipeline import Runner, Timings, recognize
from handler.recognizer import Recognizer
from handler.spec import CONFIDENCE_FEATURES, ModelSpec
from training.manifest import Utterance, read_manifest
from training.text import normalise

# How many texts are spoken: some hundred words say where the median lies to a few milliseconds.
_SPOKEN_TEXTS = 60
# Fewer words say nothing of a model; it keeps the confidences and times it has.
_LEAST_WORDS = 30
# Keeps weights finite where the features separate right from wrong; far below the weight of some thousand words.
_RIDGE = 1.0
_NEWTON_STEPS = 25


@dataclass(frozen=True)
class Heard:
    """Words that were recognised.

    Attributes:
        features: [words, features] of `handler.confidence`.
        right: [words] whether each stands in the reference.
        groups: [words] which speaker each is of; utterances of no known speaker are groups of their own.
    """

    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    groups: NDArray[np.int64]


def hear(recognizer: Runner, utterances: Sequence[Utterance]) -> Heard:
    """Recognises a manifest's recordings and compares word by word with the texts."""
    spec = recognizer.spec
    speakers: dict[str, int] = {}
    rows, right, groups = [np.zeros((0, len(CONFIDENCE_FEATURES)))], [], []
    for utterance in utterances:
        group = speakers.setdefault(str(utterance.extra.get("speaker", utterance.audio_path)), len(speakers))
        samples = decode(utterance.audio_path.read_bytes(), spec.sample_rate_hz, float("inf"))
        texts = []
        for _, tokens in recognize([samples], recognizer, Timings())[0]:
            found = ctc.words(tokens, spec.labels)
            rows.append(confidence.features(tokens, found))
            texts += _spelt(tokens, found, spec)
        matched = {heard for _, heard in _equal_words(normalise(utterance.text).split(), texts)}
        right += [i in matched for i in range(len(texts))]
        groups += [group] * len(texts)
    return Heard(np.concatenate(rows), np.array(right, np.bool_), np.array(groups, np.int64))


def fit_confidence(heard: Heard) -> dict[str, float]:
    """Fits a logistic function of the features to whether words are right: Newton's method, a small ridge."""
    weights = np.zeros(len(CONFIDENCE_FEATURES))
    for _ in range(_NEWTON_STEPS):
        probabilities = confidence.logistic(heard.features @ weights)
        slope = heard.features.T @ (heard.right - probabilities) - _RIDGE * weights
        spread = (probabilities * (1 - probabilities))[:, None] * heard.features
        weights += np.linalg.solve(heard.features.T @ spread + _RIDGE * np.eye(len(weights)), slope)
    return {name: round(float(weight), 5) for name, weight in zip(CONFIDENCE_FEATURES, weights, strict=True)}


def time_errors_s(recognizer: Runner, texts: Sequence[str]) -> NDArray[np.float64]:
    """Speaks texts and returns [words, 2]: by how much starts and ends of recognised words come late, in seconds."""
    spec = recognizer.spec
    errors = [np.zeros((0, 2))]
    for spoken in speak(texts, spec.sample_rate_hz):
        spans_s, words = [np.zeros((0, 2))], []
        for start_s, tokens in recognize([spoken.samples], recognizer, Timings())[0]:
            found = ctc.words(tokens, spec.labels)
            spans_s.append(start_s + word_times.spans_s(tokens, found, spec))
            words += _spelt(tokens, found, spec)
        pairs = np.array(_equal_words(spoken.words, words), np.int64).reshape(-1, 2)
        errors.append(np.concatenate(spans_s)[pairs[:, 1]] - spoken.spans_s[pairs[:, 0]])
    return np.concatenate(errors)


def calibrated(recognizer: Runner, utterances: Sequence[Utterance]) -> ModelSpec:
    """Returns the model's spec with word times and confidences fitted; prints what was found.

    A model that hears too few words keeps what it has.
    """
    spec = recognizer.spec
    heard = hear(recognizer, utterances)
    if min(heard.right.sum(), (~heard.right).sum()) < _LEAST_WORDS:
        print(f"confidences are not calibrated: {heard.right.sum()} of {len(heard.right)} words are right")
    else:
        spec = dataclasses.replace(spec, word_confidence=fit_confidence(heard))
        print(f"confidences fitted to {len(heard.right)} words, {heard.right.mean():.1%} of them right")
    texts = [text for text in (normalise(utterance.text) for utterance in utterances) if text][:_SPOKEN_TEXTS]
    bare = dataclasses.replace(spec, word_start_shift_s=0.0, word_end_shift_s=0.0)
    errors_s = time_errors_s(Respecified(recognizer, bare), texts)
    if len(errors_s) < _LEAST_WORDS:
        print(f"word times are not corrected: {len(errors_s)} spoken words are right")
        return spec
    start_s, end_s = (round(-float(shift), 4) for shift in np.median(errors_s, axis=0))
    print(f"word times: starts move by {start_s * 1000:+.0f} ms, ends by {end_s * 1000:+.0f} ms")
    return dataclasses.replace(spec, word_start_shift_s=start_s, word_end_shift_s=end_s)


@dataclass
class Respecified:
    """A model read with another spec than its own."""

    model: Runner
    spec: ModelSpec

    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """As the model does."""
        return self.model.run(log_mels)


def _spelt(tokens: ctc.Tokens, words: Sequence[slice], spec: ModelSpec) -> list[str]:
    return ["".join(spec.labels[label] for label in tokens.labels[word]) for word in words]


def _equal_words(reference: list[str], hypothesis: list[str]) -> list[tuple[int, int]]:
    """Aligns words with the fewest edits; returns the places of those that are equal in both."""
    if not reference or not hypothesis:
        return []
    chunks = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments[0]
    return [
        (chunk.ref_start_idx + i, chunk.hyp_start_idx + i)
        for chunk in chunks
        if chunk.type == "equal"
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="an exported model, which is changed in place")
    parser.add_argument("--dev", type=Path, default=Path("data/dev.jsonl"), help="manifest to fit on")
    options = parser.parse_args(arguments)
    try:
        write_spec(options.model, calibrated(Recognizer(options.model), read_manifest(options.dev)))
    except (HarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"wrote {options.model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
