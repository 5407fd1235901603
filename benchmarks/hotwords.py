"""Measures what hot words are worth: `python -m benchmarks.hotwords MANIFEST [--output FILE]`.

Fifty rare names are spoken in two sentences each by hibari's voice, and decoded greedily, by the beam search, by the
beam search with all fifty as hot words at several weights of `hark.beam.Weights.hotword_letter`, and jointly without
and with them. The manifest, in which none of them is spoken, says what that costs where they do not help. Writes the
table into docs/decoding.md, between its two marks, and prints it.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.documents import write_block
from benchmarks.joint import DOCUMENT, Find, Listened, listen, measure, ways, windows_of
from export.spoken import speak
from handler.settings import Settings
from hark import model_files
from hark.attention import AttentionDecoder
from hark.beam import BeamSearch, Weights
from hark.command import command
from hark.decoding import Tuning
from hark.joint import Joint
from hark.language_model import LanguageModel
from hark.recognizer import Recognizer
from training.metrics import corpus_rates

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


def spoken(recognizer: Recognizer) -> list[Listened]:
    """Speaks the names in sentences, and runs them through the network."""
    spec = recognizer.spec
    found = []
    for each in speak((frame.format(name) for name in NAMES for frame in _SENTENCES), spec.sample_rate_hz):
        windows = windows_of(recognizer, each.samples)
        found.append(Listened(" ".join(each.words), len(each.samples) / spec.sample_rate_hz, windows))
    return found


def names_right(listened: Sequence[Listened], find: Find) -> float:
    """Returns the share of sentences in which the name is heard without a mistake."""
    right = 0
    for each in listened:
        words = " ".join(find(*window) for window in each.windows).split()
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
    attention = AttentionDecoder(model_files.attention_beside(options.model))
    spec, tuning = recognizer.spec, Tuning.beside(options.model)
    language_model, weights = LanguageModel(options.language_model), tuning.weights
    named, others = spoken(recognizer), listen(recognizer, options.manifest)

    def row(name: str, find: Find) -> str:
        sentences, elsewhere = (corpus_rates(measure(each, find)[0]).wer for each in (named, others))
        return f"| {name} | {names_right(named, find):.0%} | {sentences:.3f} | {elsewhere:.4f} |"

    def found(weights: Weights, hot: Sequence[str] = ()) -> dict[str, Find]:
        search = BeamSearch(spec.labels, spec.blank, weights, language_model, hot)
        return ways(search, attention, Joint(search, attention, tuning.joint, hot), spec)

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
        row("greedy", found(weights)["greedy"]),
        row(f"beam {weights.beam}", found(weights)["beam"]),
        row(f"beam {wider.beam}", found(wider)["beam"]),
    ]
    for letter in options.letter_weights:
        changed = dataclasses.replace(weights, hotword_letter=letter)
        chosen = "**" if letter == weights.hotword_letter else ""
        name = f"{chosen}beam, {len(NAMES)} hot words, {letter:g} a letter{chosen}"
        lines.append(row(name, found(changed, NAMES)["beam"]))
        print(lines[-1], flush=True)
    lines.append(row("joint", found(weights)["joint"]))
    lines.append(
        row(f"**joint, {len(NAMES)} hot words, {weights.hotword_letter:g} a letter**", found(weights, NAMES)["joint"])
    )
    write_block(options.output, "benchmarks.hotwords", "\n".join(lines))
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
