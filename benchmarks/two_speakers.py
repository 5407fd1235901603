"""Measures what keeping channels apart is worth: `python -m benchmarks.two_speakers MANIFEST [--pairs 60]`.

Puts two utterances by different speakers on the two channels of a recording: one after the other, half of the first at
once with the second, and both at once; also with each speaker 20 dB softer in the other channel, too. The text of the
mix is compared with both texts one after the other, in whichever order gives fewer errors; that of channels kept apart
with the text of each. `--output FILE` writes the table between the marks of a document.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import hark
from benchmarks.documents import write_block
from hark.audio import decode
from hark.command import command
from training.manifest import Utterance, read_manifest
from training.metrics import count_errors
from training.text import normalise

RATE_HZ = 16_000
# What a quiet line leaves between words.
_NOISE_DBFS = -66.0
# Between two utterances of which one follows the other.
_PAUSE_S = 0.5
_CROSSTALK_DB = -20.0
# How much of the shorter utterance the other one covers.
OVERLAPS = {"one after the other": 0.0, "half at once": 0.5, "at once": 1.0}


@dataclass
class Errors:
    """Word errors of the mix and of channels kept apart, and the words that were said."""

    mixed: int = 0
    apart: int = 0
    words: int = 0


@dataclass(frozen=True)
class Pair:
    """Two utterances of different speakers: [samples] of each, and what is said."""

    samples: tuple[NDArray[np.float32], NDArray[np.float32]]
    texts: tuple[str, str]
    noise: NDArray[np.float32] = field(repr=False)

    def call(self, overlap: float, crosstalk_db: float) -> NDArray[np.float32]:
        """Returns [samples, 2]: each utterance in its channel.

        Args:
            overlap: the share of the shorter one that is said at once with the other.
            crosstalk_db: how loud each is in the other's channel.
        """
        first, second = self.samples
        shorter = min(len(first), len(second))
        start = len(first) - round(overlap * shorter) + (0 if overlap else round(_PAUSE_S * RATE_HZ))
        channels = np.zeros((max(len(first), start + len(second)), 2), np.float32)
        channels[: len(first), 0] = first
        channels[start : start + len(second), 1] = second
        leaked: NDArray[np.float32] = channels + channels[:, ::-1] * np.float32(10 ** (crosstalk_db / 20))
        return leaked + np.resize(self.noise, leaked.shape)


def pairs(utterances: Sequence[Utterance], count: int, rng: np.random.Generator) -> Iterator[Pair]:
    """Draws pairs of utterances by different speakers.

    Raises:
        ValueError: there is only one speaker.
    """
    if len({each.extra.get("speaker") for each in utterances}) < 2:
        raise ValueError("the manifest has only one speaker; name one with a speaker for each utterance")
    made = 0
    while made < count:
        first, second = (utterances[i] for i in rng.choice(len(utterances), 2, replace=False).tolist())
        if first.extra.get("speaker") == second.extra.get("speaker"):
            continue
        made += 1
        samples = [decode(each.audio_path.read_bytes(), RATE_HZ, float("inf")) for each in (first, second)]
        texts = normalise(first.text), normalise(second.text)
        noise = rng.normal(0, 10 ** (_NOISE_DBFS / 20), (RATE_HZ, 2)).astype(np.float32)
        yield Pair((samples[0], samples[1]), texts, noise)


def _errors(reference: str, found: str) -> int:
    return count_errors([reference], [found])[0].word_errors


def measure(pair: Pair, model: hark.Model, overlap: float, crosstalk_db: float, errors: Errors) -> None:
    """Transcribes a pair both ways and adds the errors."""
    call = pair.call(overlap, crosstalk_db)
    mix = np.ascontiguousarray(call.mean(axis=1))
    mixed = model.transcribe(mix, sample_rate=RATE_HZ, text_style="spoken").text
    orders = " ".join(pair.texts), " ".join(reversed(pair.texts))
    errors.mixed += min(_errors(each, mixed) for each in orders)
    apart = model.transcribe(call, sample_rate=RATE_HZ, channels="separate", text_style="spoken").words_by_channel()
    for number, text in enumerate(pair.texts, 1):
        errors.apart += _errors(text, " ".join(word.word for word in apart.get(number, [])))
        errors.words += len(text.split())


def table(drawn: Sequence[Pair], model: hark.Model) -> str:
    """Returns the word error rates of the mix and of channels kept apart."""
    lines = ["| two speakers | mixed | kept apart |", "|---|---|---|"]
    for crosstalk_db in (-np.inf, _CROSSTALK_DB):
        for name, overlap in OVERLAPS.items():
            errors = Errors()
            for pair in drawn:
                measure(pair, model, overlap, crosstalk_db, errors)
            leak = "" if crosstalk_db == -np.inf else f", each {-crosstalk_db:g} dB softer in the other channel, too"
            lines.append(f"| {name}{leak} | {errors.mixed / errors.words:.3f} | {errors.apart / errors.words:.3f} |")
    return "\n".join(lines)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--pairs", type=int, default=60, help="so many pairs, drawn (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="a document with two marks to put the table between")
    options = parser.parse_args(arguments)
    model = hark.load()
    try:
        drawn = list(pairs(read_manifest(options.manifest), options.pairs, np.random.default_rng(options.seed)))
    except ValueError as error:
        parser.error(str(error))
    head = f"{model.spec.name} {model.spec.version}, WER of {len(drawn)} pairs of {options.manifest.name}:"
    lines = f"{head}\n\n{table(drawn, model)}"
    print(lines)
    if options.output:
        write_block(options.output, "benchmarks.two_speakers", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
