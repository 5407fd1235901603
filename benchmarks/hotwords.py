"""Measures what hot words are worth: `python -m benchmarks.hotwords MANIFEST [--output FILE]`.

Fifty rare names are spoken in two sentences each by hibari's voice, and decoded greedily, by the beam search, and by
the beam search with all fifty as hot words at several weights of `hark.beam.Weights.hotword_letter`. The manifest,
in which none of them is spoken, says what that costs where they do not help. Writes the table into docs/decoding.md,
between its two marks, and prints it.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.decoding import DOCUMENT, Listened, Measured, listen, measure
from benchmarks.documents import write_block
from export.spoken import speak
from handler.settings import Settings
from hark import ctc
from hark.beam import BeamSearch
from hark.command import command
from hark.decoding import Tuning
from hark.language_model import LanguageModel
from hark.pipeline import Runner, emissions
from hark.recognizer import Recognizer
from training.manifest import read_manifest
from training.metrics import corpus_rates
from training.text import decode as spelt

NAMES = (
    "abernathy", "alderfer", "amberson", "ashgrove", "barrowclough", "bellweather", "birkett", "brannigan", "calloway",
    "castellano", "cavanaugh", "colquitt", "delacroix", "dunleavy", "ellingham", "fennimore", "galbraith", "gellhorn",
    "halloran", "hathersage", "hollingsworth", "ingersoll", "kellerman", "kincannon", "lattimore", "lindquist",
    "lockridge", "mandelbaum", "merriweather", "nakamura", "okonkwo", "ottersby", "pendergast", "quackenbush",
    "rasmussen", "ravenscroft", "rosenthal", "sandoval", "sorensen", "stavropoulos", "tannenbaum", "thornquist",
    "tolliver", "vandermeer", "wetherby", "whitlock", "winterbourne", "yamamoto", "zellweger", "zimmerman",
)  # fmt: skip
_SENTENCES = ("we met {} at the harbour in the morning", "the letter that you sent to {} was never opened")
_LETTER_WEIGHTS = (0.0, 0.5, 1.0)


def spoken(recognizer: Runner) -> list[Listened]:
    """Speaks the names in sentences, and runs them through the network."""
    spec = recognizer.spec
    found = []
    for each in speak((frame.format(name) for name in NAMES for frame in _SENTENCES), spec.sample_rate_hz):
        log_probs = emissions(each.samples, recognizer)
        found.append(Listened(" ".join(each.words), "", len(each.samples) / spec.sample_rate_hz, log_probs))
    return found


def names_right(listened: Sequence[Listened], recognizer: Runner, search: BeamSearch | None) -> float:
    """Returns the share of sentences in which the name is heard without a mistake."""
    spec = recognizer.spec
    right = 0
    for each in listened:
        decoded = [
            search(window)[0].labels if search else ctc.greedy(window, spec.blank).labels.tolist()
            for window in each.windows
        ]
        words = " ".join(spelt(labels, spec.labels) for labels in decoded).split()
        right += any(name in words for name in NAMES if name in each.reference.split())
    return right / len(listened)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"))
    parser.add_argument("--language-model", type=Path, default=Settings.language_model_path)
    parser.add_argument("--letter-weights", type=float, nargs="+", default=_LETTER_WEIGHTS)
    parser.add_argument("--output", type=Path, default=DOCUMENT, help="a document with the two marks")
    options = parser.parse_args(arguments)
    recognizer = Recognizer(options.model)
    spec = recognizer.spec
    language_model, weights = LanguageModel(options.language_model), Tuning.beside(options.model).weights
    named, others = spoken(recognizer), list(listen(recognizer, read_manifest(options.manifest)))

    def row(name: str, search: BeamSearch | None) -> str:
        def of(listened: Sequence[Listened]) -> Measured:
            return measure(
                listened,
                lambda window: search(window)[0].labels if search else ctc.greedy(window, spec.blank).labels.tolist(),
                spec,
            )

        share = names_right(named, recognizer, search)
        sentences, elsewhere = (corpus_rates(of(each).counts).wer for each in (named, others))
        return f"| {name} | {share:.0%} | {sentences:.3f} | {elsewhere:.4f} |"

    known = sum(language_model.number(name) >= 0 for name in NAMES)
    wider = dataclasses.replace(weights, beam=weights.hotword_beam)
    lines = [
        f"{spec.name} {spec.version} on {len(named)} sentences with {len(NAMES)} names, {known} of them in the "
        f"language model's vocabulary, and on {options.manifest.name}. With hot words the beam is "
        f"{weights.hotword_beam} wide; to the language model each has a log-probability of "
        f"{weights.hotword_log_prob:g} at least:",
        "",
        f"| decoder | names right | WER of their sentences | WER of {options.manifest.name} |",
        "|---|---|---|---|",
        row("greedy", None),
        row(f"beam {weights.beam}", BeamSearch(spec.labels, spec.blank, weights, language_model)),
        row(f"beam {wider.beam}", BeamSearch(spec.labels, spec.blank, wider, language_model)),
    ]
    for letter in options.letter_weights:
        changed = dataclasses.replace(weights, hotword_letter=letter)
        search = BeamSearch(spec.labels, spec.blank, changed, language_model, NAMES)
        chosen = "**" if letter == weights.hotword_letter else ""
        lines.append(row(f"{chosen}{len(NAMES)} hot words, {letter:g} a letter{chosen}", search))
        print(lines[-1], flush=True)
    write_block(options.output, "benchmarks.hotwords", "\n".join(lines))
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
