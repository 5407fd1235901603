"""Grades words by their confidences: `python -m benchmarks.proofreading MANIFEST [MANIFEST ...] [--model FILE]`.

Chooses from which confidences on words are certain, doubtful or likely wrong, and says how many of the errors each
grade holds. The borders in use are those of handler/static/grades.js, which the page marks words by. The manifests are
dev sets: what is chosen on a test set would be measured too well. Writes the table into docs/calibration.md, between
its two marks, and prints it with the borders that it would choose.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.decoders import decoder_named, default_decoder
from benchmarks.documents import write_block
from export.calibrate import equal_words
from hark.command import command
from hark.decoding import Decoder
from hark.pipeline import Timings, transcribe
from hark.recognizer import Recognizer
from training.manifest import Utterance, read_manifest
from training.text import normalise

DOCUMENT = Path("docs/calibration.md")
GRADES = Path(__file__).resolve().parents[1] / "handler" / "static" / "grades.js"
_STEPS = np.arange(1, 20) / 20
# "Likely wrong" says no more than it means.
_WRONG_IN_LIKELY_WRONG = 0.5
# Whoever proofreads looks at so many words at most; the rest is not worth the time.
_MOST_MARKED = 0.3


@dataclass(frozen=True)
class Borders:
    """Confidences: below `likely_wrong` a word is likely wrong, from `certain` on it is certain."""

    likely_wrong: float
    certain: float


@dataclass(frozen=True)
class Graded:
    """Words with a grade: their share of all words, the share of them that is wrong, and their share of all errors."""

    words: float
    precision: float
    recall: float


def in_use(path: Path = GRADES) -> Borders:
    """Reads the borders that the page has."""
    text = path.read_text(encoding="utf-8")
    values = {name: float(value) for name, value in re.findall(r"export const (\w+) = ([\d.]+);", text)}
    return Borders(values["LIKELY_WRONG_BELOW"], values["CERTAIN_FROM"])


def choose(confidences: NDArray[np.float64], wrong: NDArray[np.bool_]) -> Borders:
    """Chooses borders, in steps of a twentieth, that mark as many of the errors as possible.

    Of the words that are likely wrong at least half are; no more than three in ten words are marked at all.

    Args:
        confidences: [words].
        wrong: [words], whether each is not in the reference.
    """
    below = [confidences < step for step in _STEPS]
    likely_wrong = max(
        (
            step
            for step, marked in zip(_STEPS, below, strict=True)
            if _precision(wrong, marked) >= _WRONG_IN_LIKELY_WRONG
        ),
        default=0.0,
    )
    certain = max(
        (step for step, marked in zip(_STEPS, below, strict=True) if marked.mean() <= _MOST_MARKED), default=0.0
    )
    return Borders(float(likely_wrong), float(max(certain, likely_wrong)))


def graded(confidences: NDArray[np.float64], wrong: NDArray[np.bool_], borders: Borders) -> dict[str, Graded]:
    """Measures what the grades are worth."""
    inside = {
        "certain": confidences >= borders.certain,
        "doubtful": (confidences >= borders.likely_wrong) & (confidences < borders.certain),
        "likely wrong": confidences < borders.likely_wrong,
    }
    return {
        name: Graded(
            float(marked.mean()), _precision(wrong, marked), float((wrong & marked).sum() / max(wrong.sum(), 1))
        )
        for name, marked in inside.items()
    }


def heard(
    recognizer: Recognizer, utterances: Sequence[Utterance], decoder: Decoder
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Recognises recordings; returns the words' confidences, and whether each is wrong."""
    confidences: list[float] = []
    wrong: list[bool] = []
    for utterance in utterances:
        audio = utterance.audio_path.read_bytes()
        words = transcribe(audio, recognizer, float("inf"), Timings(), decoder=decoder).words
        pairs = equal_words(normalise(utterance.text).split(), [word.word for word in words])
        right = {position for _, position in pairs}
        confidences += [word.confidence for word in words]
        wrong += [i not in right for i in range(len(words))]
    return np.array(confidences), np.array(wrong, np.bool_)


def table(measured: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]], borders: Borders, decoder: str) -> str:
    """Says in Markdown what the grades are worth on each set."""
    lines = [
        f"Certain from {borders.certain:.2f} on, likely wrong below {borders.likely_wrong:.2f}; decoder={decoder}.",
        "",
        "| set | grade | share of the words | of these are wrong (precision) | share of the errors (recall) |",
        "|---|---|---|---|---|",
    ]
    for name, (confidences, wrong) in measured.items():
        described = f"{name}, {len(wrong)} words, {int(wrong.sum())} wrong"
        lines += [
            f"| {described} | {grade} | {each.words:.1%} | {each.precision:.1%} | {each.recall:.1%} |"
            for grade, each in graded(confidences, wrong, borders).items()
        ]
    return "\n".join(lines)


def _precision(wrong: NDArray[np.bool_], marked: NDArray[np.bool_]) -> float:
    return float(wrong[marked].mean()) if marked.any() else 0.0


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", metavar="MANIFEST")
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"))
    parser.add_argument("--output", type=Path, default=DOCUMENT, help="a document with the two marks")
    options = parser.parse_args(arguments)
    recognizer = Recognizer(options.model)
    # What the page asks for, unless somebody says otherwise.
    name = default_decoder(options.model)
    decoder = decoder_named(name, recognizer.spec, options.model)
    measured = {path.name: heard(recognizer, read_manifest(path), decoder) for path in options.manifests}
    both = [np.concatenate(parts) for parts in zip(*measured.values(), strict=True)]
    block = table(measured, in_use(), name)
    write_block(options.output, "benchmarks.proofreading", block)
    chosen = choose(both[0], both[1])
    print(block)
    found = f"CERTAIN_FROM = {chosen.certain:.2f}, LIKELY_WRONG_BELOW = {chosen.likely_wrong:.2f}"
    print(f"\nOn all of them together: {found}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
