"""Measures what confidences and word times are worth: `python -m benchmarks.calibration MANIFEST [--model FILE]`.

Fits both as `export.calibrate` does, but never to what they are judged by: confidences of a speaker's words are fitted
to the other speakers (without speakers, to the other half of the utterances), word times to other texts. Writes the
tables into docs/calibration.md, between its two marks, and prints them.
"""

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.decoders import decoder_named
from benchmarks.documents import write_block
from export.calibrate import Heard, Respecified, fit_confidence, fit_word_times, hear, place
from hark import confidence
from hark.command import command
from hark.decoding import Decoder
from hark.pipeline import Runner
from hark.recognizer import Recognizer
from hark.spec import CONFIDENCE_FEATURES
from training.manifest import Utterance, read_manifest
from training.text import normalise

DOCUMENT = Path("docs/calibration.md")
_BINS = 10
# The frames alone.
UNCORRECTED: dict[str, Any] = dict.fromkeys(
    ("word_start_shift_s", "word_end_shift_s", "word_start_gap_share", "word_end_gap_share"), 0.0
)


@dataclass(frozen=True)
class Bin:
    """Words of similar confidence: how many, their mean confidence, the share of them that is right."""

    words: int
    confidence: float
    accuracy: float


def held_out(heard: Heard) -> NDArray[np.float64]:
    """Returns [words] confidences, each by weights fitted to the words of other groups."""
    groups = heard.groups
    folds = groups if len(np.unique(groups)) <= _BINS else groups % 2
    confidences = np.zeros(len(groups))
    for fold in np.unique(folds):
        inside = folds == fold
        others = Heard(heard.features[~inside], heard.right[~inside], groups[~inside])
        weights = fit_confidence(others)
        values = heard.features[inside] @ np.array([weights[name] for name in CONFIDENCE_FEATURES])
        confidences[inside] = confidence.logistic(values)
    return confidences


def bins(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Bin | None]:
    """Sorts words into `_BINS` equal steps of confidence; None where there are no words."""
    steps = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    found: list[Bin | None] = []
    for step in range(_BINS):
        inside = steps == step
        found.append(
            Bin(int(inside.sum()), float(confidences[inside].mean()), float(right[inside].mean()))
            if inside.any()
            else None
        )
    return found


def expected_calibration_error(found: Sequence[Bin | None]) -> float:
    """Mean distance of confidence and accuracy, bins weighed by their words (Guo et al., ICML 2017)."""
    filled = [each for each in found if each]
    words = sum(each.words for each in filled)
    return sum(each.words * abs(each.confidence - each.accuracy) for each in filled) / words


def ranking(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Returns how often a right word is surer than a wrong one (area under the ROC curve), ties counting half."""
    order = np.argsort(confidences, kind="stable")
    _, inverse, counts = np.unique(confidences[order], return_inverse=True, return_counts=True)
    ranks = np.empty(len(order))
    ranks[order] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    rights, wrongs = int(right.sum()), int((~right).sum())
    return float((ranks[right].sum() - rights * (rights + 1) / 2) / (rights * wrongs))


def tables(recognizer: Runner, utterances: Sequence[Utterance], manifest: str, decoders: Mapping[str, Decoder]) -> str:
    """Measures, and says it in Markdown.

    Args:
        recognizer: of a transcription model.
        utterances: with transcripts.
        manifest: what they are called.
        decoders: whose confidences are measured, by name.
    """
    spec = recognizer.spec
    lines = [f"{spec.name} {spec.version} on {manifest}.", ""]
    for name, decoder in decoders.items():
        lines += [*_confidences(hear(recognizer, utterances, decoder), name), ""]
    return "\n".join([*lines, *_word_times(recognizer, utterances)])


def _confidences(heard: Heard, decoder: str) -> list[str]:
    bare = np.exp(heard.features[:, CONFIDENCE_FEATURES.index("mean_log_prob")])
    fitted = held_out(heard)
    rows = [
        f"| {step / _BINS:.1f} to {(step + 1) / _BINS:.1f} | "
        + (f"{found.words} | {found.confidence:.3f} | {found.accuracy:.3f} |" if found else "0 | | |")
        for step, found in enumerate(bins(fitted, heard.right))
    ]
    errors = [expected_calibration_error(bins(each, heard.right)) for each in (bare, fitted)]
    ranks = [ranking(each, heard.right) for each in (bare, fitted)]
    return [
        f"With decoder={decoder} {len(heard.right)} words were recognised, {heard.right.mean():.1%} of them right.",
        "",
        "| confidence | words | mean confidence | share that is right |",
        "|---|---|---|---|",
        *rows,
        "",
        "| | letters' geometric mean | fitted |",
        "|---|---|---|",
        f"| expected calibration error | {errors[0]:.3f} | **{errors[1]:.3f}** |",
        f"| a right word is surer than a wrong one | {ranks[0]:.1%} | **{ranks[1]:.1%}** |",
    ]


def _word_times(recognizer: Runner, utterances: Sequence[Utterance]) -> list[str]:
    texts = [text for text in (normalise(utterance.text) for utterance in utterances) if text]
    bare = dataclasses.replace(recognizer.spec, **UNCORRECTED)
    fields: dict[str, Any] = dict(fit_word_times(place(Respecified(recognizer, bare), texts[::2])))
    fitted = dataclasses.replace(bare, **fields)
    judged = texts[1::2]
    before_s, after_s = (np.abs(place(Respecified(recognizer, spec), judged).errors_s) for spec in (bare, fitted))
    moves = (
        (fitted.word_start_shift_s, fitted.word_start_gap_share),
        (fitted.word_end_shift_s, fitted.word_end_gap_share),
    )
    lines = [
        f"Word times of {len(after_s)} recognised words in {len(judged)} spoken texts, in milliseconds:",
        "",
        "| | as the frames say: median error | moved by | and by a share of the gap | median error | 90 % within |",
        "|---|---|---|---|---|---|",
    ]
    for i, (name, (shift_s, share)) in enumerate(zip(("starts", "ends"), moves, strict=True)):
        before, after = before_s[:, i] * 1000, after_s[:, i] * 1000
        lines.append(
            f"| {name} | {np.median(before):.0f} | {shift_s * 1000:+.0f} | {share:+.0%} | **{np.median(after):.0f}** | "
            f"{np.quantile(after, 0.9):.0f} |"
        )
    return lines


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"))
    parser.add_argument("--output", type=Path, default=DOCUMENT, help="a document with the two marks")
    options = parser.parse_args(arguments)
    recognizer = Recognizer(options.model)
    decoders = {name: decoder_named(name, recognizer.spec, options.model) for name in ("joint", "beam", "greedy")}
    block = tables(recognizer, read_manifest(options.manifest), options.manifest.name, decoders)
    write_block(options.output, "benchmarks.calibration", block)
    print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
