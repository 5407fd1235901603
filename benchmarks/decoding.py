"""Measures the beam search: `python -m benchmarks.decoding MANIFEST ... [--tune] [--output FILE]`.

Every recording goes through the network once; greedy decoding and beams of several widths then read the same
log-probabilities. Prints WER, CER and the processor time that decoding adds, on one thread, and writes the table into
docs/decoding.md, between its two marks.

`--tune` first looks for the weights with the fewest word errors on the manifests, which count equally. It starts from
the current weights, then fits word confidences, and writes both beside the acoustic model (models/asr.json), from where
the endpoint reads them. It removes the error rates of `benchmarks.error_rates` from that file: measure them again.
Repeat it for every new acoustic model; it takes a few minutes. Weights do slightly better on the set that chose them
than elsewhere. How much is estimated by choosing the weights for each speaker on the other speakers only.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.documents import write_block
from export.calibrate import fit_confidence, hear
from hark import ctc, model_files
from hark.audio import decode
from hark.beam import BeamSearch, Weights
from hark.command import command
from hark.decoding import Beam, Tuning
from hark.language_model import LanguageModel
from hark.pipeline import Runner, emissions
from hark.recognizer import Recognizer
from hark.spec import ModelSpec
from training.manifest import Utterance, read_manifest, read_manifests
from training.metrics import ErrorCounts, corpus_rates, count_errors
from training.normaliser import normaliser
from training.text import decode as spelt

_MODEL = Path("models/asr.onnx")
DOCUMENT = Path("docs/decoding.md")
_BEAMS = (10, 25, 50, 100, 200)
# Weights that are tuned, and their first steps, which are halved once.
_STEPS = {"alpha": 0.1, "beta": 0.5, "unknown_log_prob": 2.0}

# A change of fewer words is chance, and no reason to continue.
_LEAST_GAIN = 2.0

Labels = Callable[[NDArray[np.float32]], Sequence[int]]


@dataclass(frozen=True)
class Listened:
    """A recording's log-probabilities.

    Attributes:
        reference: normalised transcript.
        speaker: whose; "" where the manifest does not say.
        duration_s: of the recording.
        windows: [frames, labels] of each.
        share: how much its errors count in the choice of weights.
    """

    reference: str
    speaker: str
    duration_s: float
    windows: list[NDArray[np.float32]]
    share: float = 1.0


@dataclass(frozen=True)
class Measured:
    """What a decoder did.

    Attributes:
        counts: errors of each recording.
        cpu_s: seconds of processor time.
        shares: how much each recording's errors count.
    """

    counts: list[ErrorCounts]
    cpu_s: float
    shares: list[float]

    @property
    def words_wrong(self) -> float:
        """Word errors; of as many, fewer character errors are better."""
        pairs = zip(self.counts, self.shares, strict=True)
        return sum(share * (count.word_errors + count.character_errors * 1e-3) for count, share in pairs)


def listen(recognizer: Runner, utterances: Sequence[Utterance]) -> Iterator[Listened]:
    """Runs recordings through the network."""
    spec = recognizer.spec
    normalised = normaliser(spec.language, spec.labels)
    for utterance in tqdm(utterances, desc="listening", disable=None, leave=False):
        samples = decode(utterance.audio_path.read_bytes(), spec.sample_rate_hz, float("inf"))
        log_probs = emissions(samples, recognizer)
        speaker = str(utterance.extra.get("speaker", ""))
        yield Listened(normalised(utterance.text), speaker, len(samples) / spec.sample_rate_hz, log_probs)


def evenly(sets: Sequence[Sequence[Listened]]) -> list[Listened]:
    """Puts recordings of several manifests together, so that each manifest's error rate counts alike."""
    words = [sum(len(each.reference.split()) for each in listened) for listened in sets]
    return [
        dataclasses.replace(each, share=sum(words) / (len(sets) * max(own, 1)))
        for listened, own in zip(sets, words, strict=True)
        for each in listened
    ]


def measure(listened: Sequence[Listened], find: Labels, spec: ModelSpec) -> Measured:
    """Decodes and compares."""
    since = time.process_time()
    found = [[find(window) for window in each.windows] for each in listened]
    cpu_s = time.process_time() - since
    hypotheses = [" ".join(spelt(labels, spec.labels) for labels in windows).strip() for windows in found]
    counts = count_errors([each.reference for each in listened], hypotheses)
    return Measured(counts, cpu_s, [each.share for each in listened])


def tune(
    listened: Sequence[Listened], spec: ModelSpec, language_model: LanguageModel, start: Weights
) -> tuple[Weights, list[Measured]]:
    """Goes from weights to better neighbours until there are none.

    Returns:
        the best weights, and what they did and then what the others did that were tried.
    """
    tried: dict[tuple[float, ...], Measured] = {}

    def of(weights: Weights) -> Measured:
        key = tuple(round(getattr(weights, name), 4) for name in _STEPS)
        if key not in tried:
            search = BeamSearch(spec.labels, spec.blank, weights, language_model)
            tried[key] = measure(listened, lambda window: search(window)[0].labels, spec)
            rates = corpus_rates(tried[key].counts)
            print("  ".join(f"{name} {value:+.2f}" for name, value in zip(_STEPS, key, strict=True)), end="  ")
            print(f"WER {rates.wer:.4f}  CER {rates.cer:.4f}", flush=True)
        return tried[key]

    best = start
    for share in (1.0, 0.5):
        improved = True
        while improved:
            improved = False
            for name, step in _STEPS.items():
                for sign in (1, -1):
                    other = dataclasses.replace(best, **{name: round(getattr(best, name) + sign * share * step, 4)})
                    if of(other).words_wrong < of(best).words_wrong - _LEAST_GAIN:
                        best, improved = other, True
                        break
    return best, [of(best), *(each for each in tried.values() if each is not of(best))]


def held_out_wer(listened: Sequence[Listened], results: Sequence[Measured]) -> float:
    """WER where the weights for each speaker are the best of those tried for the others."""
    speakers = np.array([each.speaker for each in listened])
    errors = np.array([[count.word_errors for count in each.counts] for each in results])
    words = sum(count.words for count in results[0].counts)
    wrong = 0
    for speaker in np.unique(speakers):
        inside = speakers == speaker
        wrong += int(errors[errors[:, ~inside].sum(axis=1).argmin(), inside].sum())
    return wrong / words


def table(listened: Sequence[Listened], spec: ModelSpec, language_model: LanguageModel, weights: Weights) -> list[str]:
    """Measures greedy decoding and beams of several widths."""
    audio_s = sum(each.duration_s for each in listened)
    lines = ["| decoder | WER | CER | added seconds a second of audio |", "|---|---|---|---|"]
    greedy = measure(listened, lambda window: ctc.greedy(window, spec.blank).labels.tolist(), spec)
    rates = corpus_rates(greedy.counts)
    lines.append(f"| greedy | {rates.wer:.3f} | {rates.cer:.3f} | |")
    for model, name in ((language_model, ""), (None, ", no language model")):
        for beam in _BEAMS if model else (max(weights.beam, 1),):
            search = BeamSearch(spec.labels, spec.blank, dataclasses.replace(weights, beam=beam), model)

            def find(window: NDArray[np.float32], search: BeamSearch = search) -> Sequence[int]:
                # As the endpoint does: the tokens' frames are part of it.
                labels = search(window)[0].labels
                ctc.align(window, labels, spec.blank)
                return labels

            found = measure(listened, find, spec)
            rates = corpus_rates(found.counts)
            added = (found.cpu_s - greedy.cpu_s) / audio_s
            lines.append(f"| beam {beam}{name} | {rates.wer:.3f} | {rates.cer:.3f} | {added:.4f} |")
    return lines


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, default=_MODEL)
    parser.add_argument("--language-model", type=Path, help="(default: the one beside the model; for English Hark's)")
    parser.add_argument("--tune", action="store_true", help="look for weights, and write them")
    parser.add_argument("--output", type=Path, help=f"a document with the two marks ({DOCUMENT}, for {_MODEL} alone)")
    options = parser.parse_args(arguments)
    recognizer = Recognizer(options.model)
    spec = recognizer.spec
    language_model = LanguageModel(options.language_model or model_files.beside(options.model, spec.language)[0])
    tuning = Tuning.beside(options.model)
    utterances = read_manifests(options.manifest)
    listened = evenly(
        [list(listen(recognizer, read_manifest(manifest))) for manifest in options.manifest],
    )
    if options.tune:
        tuning = _tuned(recognizer, listened, utterances, language_model, tuning)
        print(f"wrote {tuning.write(options.model)}")
    lines = [_heading(recognizer.spec, options.manifest, listened, tuning), ""]
    lines += table(listened, recognizer.spec, language_model, tuning.weights)
    if output := options.output or (DOCUMENT if options.model == _MODEL else None):
        write_block(output, "benchmarks.decoding", "\n".join(lines))
    print("\n".join(lines))
    return 0


def _tuned(
    recognizer: Recognizer,
    listened: Sequence[Listened],
    utterances: Sequence[Utterance],
    language_model: LanguageModel,
    tuning: Tuning,
) -> Tuning:
    spec = recognizer.spec
    weights, results = tune(listened, spec, language_model, tuning.weights)
    search = BeamSearch(spec.labels, spec.blank, weights, language_model)
    heard = hear(recognizer, utterances, Beam(search))
    rates = corpus_rates(results[0].counts)
    measured: dict[str, Any] = {
        "model": f"{spec.name} {spec.version}",
        "wer": round(rates.wer, 5),
        "cer": round(rates.cer, 5),
        "held_out_wer": round(held_out_wer(listened, results), 5),
    }
    return dataclasses.replace(tuning, weights=weights, word_confidence=fit_confidence(heard), measured=measured)


def _heading(spec: ModelSpec, manifests: Sequence[Path], listened: Sequence[Listened], tuning: Tuning) -> str:
    weights = tuning.weights
    hours = sum(each.duration_s for each in listened) / 3600
    words = sum(len(each.reference.split()) for each in listened)
    names = " and ".join(path.name for path in manifests)
    held_out = tuning.measured.get("held_out_wer")
    return (
        f"{spec.name} {spec.version} on {names} ({len(listened)} recordings, {hours:.2f} h, {words} words), "
        f"with alpha {weights.alpha:g}, beta {weights.beta:g}, {weights.unknown_log_prob:g} for an unknown word"
        + (f"; with weights chosen on other speakers, WER {held_out:.3f} at beam {weights.beam}" if held_out else "")
        + ":"
    )


if __name__ == "__main__":
    sys.exit(main())
