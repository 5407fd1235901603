"""Measures joint decoding: `python -m benchmarks.joint MANIFEST ... [--tune] [--output FILE]`.

Every recording goes through the network once; greedy decoding, the beam search, the attention decoder alone and both
together then read the same frames. Prints WER, CER and the processor time that decoding adds, on one thread, and writes
the table into docs/decoding.md, between its two marks.

`--tune` first looks for the weights of the scores with the fewest word errors on the manifests, which count equally,
among the texts that are found with many candidates. Then it fits word confidences, and writes both beside the acoustic
model (models/asr.json). Do it after `python -m benchmarks.decoding --tune`, for every new acoustic model or attention
decoder; it takes some minutes.
"""

import argparse
import dataclasses
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.documents import write_block
from export.calibrate import fit_confidence, hear
from handler.settings import Settings
from hark import ctc, features, model_files, segments
from hark.attention import AttentionDecoder
from hark.audio import decode
from hark.beam import BeamSearch
from hark.command import command
from hark.decoding import Tuning
from hark.joint import Joint
from hark.joint_scores import JointWeights, Scored
from hark.language_model import LanguageModel
from hark.recognizer import Recognizer
from hark.spec import ModelSpec
from training.manifest import read_manifest, read_manifests
from training.metrics import ErrorCounts, corpus_rates, count_errors
from training.text import decode as spelt
from training.text import normalise

DOCUMENT = Path("docs/decoding.md")
# What is tried, and how many texts are looked at meanwhile.
_ATTENTION = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
_LANGUAGE = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5)
_WORD = (0.0, 0.5, 1.0, 1.5)
_MANY = {"candidates": 4, "variants": 12}

Window = tuple[NDArray[np.float32], NDArray[np.float32]]
Find = Callable[[NDArray[np.float32], NDArray[np.float32]], str]


@dataclass(frozen=True)
class Listened:
    """A recording's windows.

    Attributes:
        reference: normalised transcript.
        duration_s: of the recording.
        windows: [frames, labels] log-probabilities and [frames, size] features of each.
    """

    reference: str
    duration_s: float
    windows: list[Window]


def listen(recognizer: Recognizer, manifest: Path) -> list[Listened]:
    """Runs a manifest's recordings through the network."""
    spec, listened = recognizer.spec, []
    for utterance in tqdm(read_manifest(manifest), desc="listening", disable=None, leave=False):
        samples = decode(utterance.audio_path.read_bytes(), spec.sample_rate_hz, float("inf"))
        windows = windows_of(recognizer, samples)
        listened.append(Listened(normalise(utterance.text), len(samples) / spec.sample_rate_hz, windows))
    return listened


def windows_of(recognizer: Recognizer, samples: NDArray[np.float32]) -> list[Window]:
    """Runs a recording, [samples], through the network."""
    spec = recognizer.spec
    cut = segments.windows([samples], spec.sample_rate_hz, spec.max_window_s)
    found = recognizer.run_with_features([features.log_mel(window.samples, spec) for window in cut])
    return list(zip(*found, strict=True))


def measure(listened: Sequence[Listened], find: Find) -> tuple[list[ErrorCounts], float]:
    """Decodes and compares; returns errors, and seconds of processor time."""
    since = time.process_time()
    found = [" ".join(find(*window) for window in each.windows) for each in listened]
    spent = time.process_time() - since
    hypotheses = [" ".join(text.split()) for text in found]
    return count_errors([each.reference for each in listened], hypotheses), spent


def tune(sets: Sequence[Sequence[Listened]], joint: Joint, spec: ModelSpec, start: JointWeights) -> JointWeights:
    """Returns the weights with the lowest mean WER of the sets, among all that are tried."""
    pools: list[list[tuple[str, list[list[Scored]]]]] = [
        [
            (each.reference, [joint.candidates(log_probs, spec, encoded) for log_probs, encoded in each.windows])
            for each in tqdm(listened, desc="decoding", disable=None, leave=False)
        ]
        for listened in sets
    ]

    def mean_wer(weights: JointWeights) -> float:
        rates = []
        for pool in pools:
            texts = [
                " ".join(max(window, key=lambda scored: weights.total(scored.parts)).text for window in windows)
                for _, windows in pool
            ]
            counts = count_errors([reference for reference, _ in pool], [" ".join(text.split()) for text in texts])
            rates.append(corpus_rates(counts).wer or 0.0)
        return sum(rates) / len(rates)

    tried = [
        dataclasses.replace(start, attention=attention, language=language, word=word)
        for attention, language, word in itertools.product(_ATTENTION, _LANGUAGE, _WORD)
    ]
    return min(tried, key=mean_wer)


def table(sets: Sequence[Sequence[Listened]], names: Sequence[str], ways: dict[str, Find]) -> list[str]:
    """Measures ways to decode."""
    lines = [
        f"| decoder | {' | '.join(f'{name} WER | CER' for name in names)} | added seconds a second of audio |",
        f"|---|{'---|---|' * len(names)}---|",
    ]
    audio_s = sum(each.duration_s for listened in sets for each in listened)
    for way, find in ways.items():
        measured = [measure(listened, find) for listened in sets]
        rates = [corpus_rates(counts) for counts, _ in measured]
        added = sum(spent for _, spent in measured) / audio_s
        cells = " | ".join(f"{rate.wer:.3f} | {rate.cer:.3f}" for rate in rates)
        lines.append(f"| {way} | {cells} | {added:.4f} |")
    return lines


def ways(search: BeamSearch, attention: AttentionDecoder, joint: Joint, spec: ModelSpec) -> dict[str, Find]:
    """Returns the ways that are compared, by name; each finds a window's text."""

    def greedy(log_probs: NDArray[np.float32], _: NDArray[np.float32]) -> str:
        return spelt(ctc.greedy(log_probs, spec.blank).labels.tolist(), spec.labels)

    def beam(log_probs: NDArray[np.float32], _: NDArray[np.float32]) -> str:
        # As the endpoint does: the tokens' frames are part of it.
        labels = search(log_probs)[0].labels
        ctc.align(log_probs, labels, spec.blank)
        return spelt(labels, spec.labels)

    def alone(log_probs: NDArray[np.float32], encoded: NDArray[np.float32]) -> str:
        seconds = len(log_probs) / spec.output_frames_per_second
        return attention.spec.subwords.text(attention.write(attention.hear(encoded), seconds).ids)

    def together(log_probs: NDArray[np.float32], encoded: NDArray[np.float32]) -> str:
        tokens, _ = joint(log_probs, spec, encoded)
        return spelt(tokens.labels.tolist(), spec.labels)

    return {
        "greedy": greedy,
        "beam": beam,
        "the attention decoder alone": alone,
        "joint": together,
    }


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"))
    parser.add_argument("--language-model", type=Path, default=Settings.language_model_path)
    parser.add_argument("--tune", action="store_true", help="look for weights, and write them")
    parser.add_argument("--output", type=Path, default=DOCUMENT, help="a document with the two marks")
    options = parser.parse_args(arguments)
    recognizer = Recognizer(options.model)
    attention = AttentionDecoder(model_files.attention_beside(options.model))
    spec = recognizer.spec
    attention.spec.check(spec, str(options.model))
    tuning = Tuning.beside(options.model)
    search = BeamSearch(spec.labels, spec.blank, tuning.weights, LanguageModel(options.language_model))
    sets = [listen(recognizer, manifest) for manifest in options.manifest]
    if options.tune:
        many = Joint(search, attention, dataclasses.replace(tuning.joint, **_MANY))
        weights = tune(sets, many, spec, tuning.joint)
        confidence = fit_confidence(
            hear(recognizer, read_manifests(options.manifest), Joint(search, attention, weights))
        )
        tuning = dataclasses.replace(tuning, joint=weights, joint_confidence=confidence)
        print(f"wrote {tuning.write(options.model)}")
    joint = Joint(search, attention, tuning.joint)
    weights = tuning.joint
    lines = [
        f"{spec.name} {spec.version} and {attention.spec.name} {attention.spec.version}, with weights "
        f"{weights.attention:g} for attention, {weights.language:g} for the language model, {weights.word:g} a word:",
        "",
        *table(sets, [manifest.name for manifest in options.manifest], ways(search, attention, joint, spec)),
    ]
    write_block(options.output, "benchmarks.joint", "\n".join(lines))
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
