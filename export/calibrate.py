"""Fits confidences, noise and word times in a model's spec: `python -m export.calibrate MODEL --dev MANIFEST ...`.

Times are fitted to speech with known word boundaries (`export.spoken` speaks the manifest's texts), and confidences to
the manifest's own recordings. Windows of which the model is much less sure than of any of these count as noise.
`python -m export` does all this; the command does it for an existing file.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import jiwer
import numpy as np
from numpy.typing import NDArray

from export.graph import write_spec
from export.spoken import speak
from hark import confidence, ctc, word_times
from hark.audio import decode
from hark.command import command
from hark.decoding import GREEDY, Decoder
from hark.pipeline import FeaturesRunner, Runner, Timings, recognize
from hark.recognizer import Recognizer
from hark.spec import CONFIDENCE_FEATURES, ModelSpec
from hark.transcript import DecodedWindow
from training.manifest import Utterance, read_manifests
from training.normaliser import is_english, normaliser

# How many texts are spoken: a few hundred words give the median to a few milliseconds.
_SPOKEN_TEXTS = 60
# With fewer words than this a model keeps its confidences and times.
_LEAST_WORDS = 30
# A window is noise if the geometric mean of its tokens' probabilities is below 0.64 times the lowest of the manifest.
# `benchmarks.noise` measures what this keeps and leaves out.
_LESS_SURE = 0.45
# Keeps weights finite if the features separate right from wrong words; far below the weight of a thousand words.
_RIDGE = 1.0
_NEWTON_STEPS = 25
_REWEIGHTINGS = 50
# Deviations below a millisecond count the same.
_EXACT_S = 1e-3


@dataclass(frozen=True)
class Heard:
    """Words that were recognised.

    Attributes:
        features: [words, features] of `hark.confidence`.
        right: [words], whether each is in the reference.
        groups: [words], number of the speaker; an utterance without a known speaker is a group of its own.
        window_log_probs: [windows], mean log-probability of the tokens in each window with speech.
    """

    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    groups: NDArray[np.int64]
    window_log_probs: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def hear(recognizer: Runner, utterances: Sequence[Utterance], decoder: Decoder = GREEDY) -> Heard:
    """Recognises a manifest's recordings and compares them with the texts, word by word."""
    spec = recognizer.spec
    normalised = normaliser(spec.language, spec.labels)
    speakers: dict[str, int] = {}
    rows, right, groups, sure = [np.zeros((0, len(CONFIDENCE_FEATURES)))], [], [], []
    for utterance in utterances:
        group = speakers.setdefault(str(utterance.extra.get("speaker", utterance.audio_path)), len(speakers))
        samples = decode(utterance.audio_path.read_bytes(), spec.sample_rate_hz, float("inf"))
        texts = []
        for window in recognize([samples], recognizer, Timings(), decoder)[0]:
            words = ctc.words(window.tokens, spec.labels)
            rows.append(confidence.features(window.tokens, words))
            texts += _spelt(window.tokens, words, spec)
            if normalised(utterance.text):
                sure.append(window.tokens.mean_log_prob)
        matched = {position for _, position in equal_words(normalised(utterance.text).split(), texts)}
        right += [i in matched for i in range(len(texts))]
        groups += [group] * len(texts)
    return Heard(np.concatenate(rows), np.array(right, np.bool_), np.array(groups, np.int64), np.array(sure))


def fit_confidence(recognised: Heard) -> dict[str, float]:
    """Fits a logistic function of the features to the correctness of words: Newton's method with a small ridge."""
    weights = np.zeros(len(CONFIDENCE_FEATURES))
    for _ in range(_NEWTON_STEPS):
        probabilities = confidence.logistic(recognised.features @ weights)
        slope = recognised.features.T @ (recognised.right - probabilities) - _RIDGE * weights
        spread = (probabilities * (1 - probabilities))[:, None] * recognised.features
        weights += np.linalg.solve(recognised.features.T @ spread + _RIDGE * np.eye(len(weights)), slope)
    return {name: round(float(weight), 5) for name, weight in zip(CONFIDENCE_FEATURES, weights, strict=True)}


def fit_least_log_prob(recognised: Heard) -> float:
    """Returns the mean log-probability of tokens below which a window is noise: well below all speech."""
    return round(float(recognised.window_log_probs.min(initial=0.0)) - _LESS_SURE, 2)


@dataclass(frozen=True)
class Placed:
    """Spoken words that were recognised.

    Attributes:
        spoken_s: [words, 2], true start and end.
        placed_s: [words, 2], start and end according to the model's spec.
        shifts_s: [words, 2], from the first frame to the start, and from the last frame to the end.
        gaps_s: [words, 2], to the word before and the word after, up to a limit.
        is_inner: [words, 2], whether a word and no silence comes before it, and after it.
    """

    spoken_s: NDArray[np.float64]
    placed_s: NDArray[np.float64]
    shifts_s: NDArray[np.float64]
    gaps_s: NDArray[np.float64]
    is_inner: NDArray[np.bool_]

    @property
    def errors_s(self) -> NDArray[np.float64]:
        """[words, 2], how late starts and ends are placed."""
        return self.placed_s - self.spoken_s


def place(recognizer: Runner, texts: Sequence[str]) -> Placed:
    """Speaks texts and recognises them, to compare word boundaries."""
    spec = recognizer.spec
    spoken_s, measured = [np.zeros((0, 2))], [np.zeros((0, 8))]
    for spoken in speak(texts, spec.sample_rate_hz):
        words: list[str] = []
        rows = [np.zeros((0, 8))]
        for window in recognize([spoken.samples], recognizer, Timings())[0]:
            letters = ctc.words(window.tokens, spec.labels)
            words += _spelt(window.tokens, letters, spec)
            rows.append(_places(window, letters, spec))
        pairs = np.array(equal_words(spoken.words, words), np.int64).reshape(-1, 2)
        spoken_s.append(spoken.spans_s[pairs[:, 0]])
        measured.append(np.concatenate(rows)[pairs[:, 1]])
    true_s, columns = np.concatenate(spoken_s), np.concatenate(measured)
    return Placed(true_s, columns[:, :2], true_s - columns[:, 2:4], columns[:, 4:6], columns[:, 6:] > 0)


def _places(window: DecodedWindow, letters: Sequence[slice], spec: ModelSpec) -> NDArray[np.float64]:
    """Returns [words, 8]: start, end, first and last frame, gaps before, after, and whether words are before, after."""
    frames = word_times.frames(window.tokens, letters, window.silences_s, spec)
    spans_s = word_times.spans_s(window.tokens, letters, window.silences_s, spec)
    places = np.arange(len(letters))
    inner = np.isnan([frames.onsets_s, frames.offsets_s]) & [places > 0, places < len(letters) - 1]
    frames_s = np.stack([frames.starts_s, frames.ends_s], axis=1)
    gaps_s = np.stack([frames.gaps_before_s, frames.gaps_after_s], axis=1)
    return np.concatenate([window.start_s + spans_s, window.start_s + frames_s, gaps_s, inner.T], axis=1)


def fit_word_times(placed: Placed) -> dict[str, float]:
    """Fits the shifts of starts and ends as straight lines over the gaps; returns fields of the spec."""
    (start_s, start_share), (end_s, end_share) = (
        _nearest_line(placed.gaps_s[placed.is_inner[:, i], i], placed.shifts_s[placed.is_inner[:, i], i])
        for i in (0, 1)
    )
    return {
        "word_start_shift_s": round(start_s, 4),
        "word_start_gap_share": round(start_share, 4),
        "word_end_shift_s": round(end_s, 4),
        "word_end_gap_share": round(end_share, 4),
    }


def _nearest_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Returns offset and slope with the least absolute deviations, by iteratively reweighted least squares."""
    columns = np.stack([np.ones_like(x), x], axis=1)
    weights = np.ones_like(y)
    for _ in range(_REWEIGHTINGS):
        weighted = columns * weights[:, None]
        # The ridge decides if all gaps are equal.
        line = np.linalg.solve(weighted.T @ columns + 1e-9 * np.eye(2), weighted.T @ y)
        weights = 1 / np.maximum(np.abs(y - columns @ line), _EXACT_S)
    return float(line[0]), float(line[1])


def calibrated(recognizer: Runner, utterances: Sequence[Utterance]) -> ModelSpec:
    """Returns the model's spec with fitted confidences, threshold for noise, and word times; prints the figures.

    A model that recognises too few words keeps what it has.
    """
    spec = recognizer.spec
    # The file's earlier threshold for noise must not influence the new one.
    recognised = hear(Respecified(recognizer, dataclasses.replace(spec, least_log_prob=None)), utterances)
    if recognised.right.sum() >= _LEAST_WORDS:
        spec = dataclasses.replace(spec, least_log_prob=fit_least_log_prob(recognised))
        print(f"a window is noise if its tokens have a mean log-probability below {spec.least_log_prob}")
    if min(recognised.right.sum(), (~recognised.right).sum()) < _LEAST_WORDS:
        print(f"confidences are not calibrated: {recognised.right.sum()} of {len(recognised.right)} words are right")
    else:
        spec = dataclasses.replace(spec, word_confidence=fit_confidence(recognised))
        print(f"confidences fitted to {len(recognised.right)} words, {recognised.right.mean():.1%} of them right")
    if not is_english(spec.language):
        print("word times are not corrected: the voice whose word boundaries are known speaks English")
        return spec
    normalised = normaliser(spec.language, spec.labels)
    texts = [text for text in (normalised(utterance.text) for utterance in utterances) if text][:_SPOKEN_TEXTS]
    placed = place(Respecified(recognizer, spec), texts)
    if (inner := placed.is_inner.sum(axis=0).min()) < _LEAST_WORDS:
        print(f"word times are not corrected: {inner} spoken words are right and beside others")
        return spec
    fitted = fit_word_times(placed)
    print(
        "word times: starts move by {word_start_shift_s:+.3f} s and {word_start_gap_share:+.2f} of the gap before, "
        "ends by {word_end_shift_s:+.3f} s and {word_end_gap_share:+.2f} of the gap after".format(**fitted)
    )
    return dataclasses.replace(spec, **fitted)  # type: ignore[arg-type]


@dataclass
class Respecified:
    """A model with another spec than its own."""

    model: Runner
    spec: ModelSpec

    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Runs the model."""
        return self.model.run(log_mels)

    def run_with_features(
        self, log_mels: Sequence[NDArray[np.float32]]
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """Runs a model that has an attention decoder."""
        return cast("FeaturesRunner", self.model).run_with_features(log_mels)


def _spelt(tokens: ctc.Tokens, words: Sequence[slice], spec: ModelSpec) -> list[str]:
    # A subword that begins a word begins with the space before it.
    return ["".join(spec.labels[label] for label in tokens.labels[word]).lstrip() for word in words]


def equal_words(reference: list[str], hypothesis: list[str]) -> list[tuple[int, int]]:
    """Aligns words with the fewest edits; returns the positions of those that are equal in both."""
    if not reference or not hypothesis:
        return []
    chunks = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments[0]
    return [
        (chunk.ref_start_idx + i, chunk.hyp_start_idx + i)
        for chunk in chunks
        if chunk.type == "equal"
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="an exported model, which is changed in place")
    parser.add_argument("--dev", type=Path, nargs="+", default=[Path("data/dev.jsonl")], help="manifests to fit on")
    options = parser.parse_args(arguments)
    write_spec(options.model, calibrated(Recognizer(options.model), read_manifests(options.dev)))
    print(f"wrote {options.model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
