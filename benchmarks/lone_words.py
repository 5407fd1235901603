"""Finds single words in minutes of background: `python -m benchmarks.lone_words MANIFEST [--words 50]`.

Puts recordings of single words into steady noise, at random places, and counts how many of them the search for speech
finds: whether the middle of the word's energy is in a window. The last row counts how often it finds something in such
noise alone. `--output docs/long-recordings.md` writes the table there.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.documents import write_block
from handler.settings import Settings
from hark.audio import decode
from hark.command import command
from hark.segments import split
from training.manifest import read_manifest

RATE_HZ = 16_000
_LONGEST_S = 17.0
SECONDS = (10, 30, 60, 300)
# Of the word, from its first sample to its last, over white noise.
SNRS_DB = (60, 30, 20, 10, 0)
# Of noise without a word.
_NOISE_LEVEL = 0.01
# Before and after the word there is at least so much.
_EDGE_S = 1.0


def found(word: NDArray[np.float32], seconds: float, snr_db: float, rng: np.random.Generator) -> bool:
    """Tells whether a [samples] word is found in so many seconds of noise.

    Raises:
        ValueError: there is no room for it.
    """
    edge = round(_EDGE_S * RATE_HZ)
    room = round(seconds * RATE_HZ) - len(word) - 2 * edge
    if room < 1:
        raise ValueError(f"a word of {len(word) / RATE_HZ:.1f} s has no room in {seconds} s")
    energies = np.square(word.astype(np.float64))
    level = np.sqrt(energies.mean()) * 10 ** (-snr_db / 20)
    samples = rng.normal(0, level, round(seconds * RATE_HZ)).astype(np.float32)
    start = edge + int(rng.integers(room))
    samples[start : start + len(word)] += word
    middle = start + float((np.arange(len(word)) * energies).sum() / energies.sum())
    return any(first <= middle < end for first, end in split(samples, RATE_HZ, _LONGEST_S))


def anything(seconds: float, rng: np.random.Generator) -> bool:
    """Tells whether something is found in so many seconds of noise alone."""
    return bool(split(rng.normal(0, _NOISE_LEVEL, round(seconds * RATE_HZ)).astype(np.float32), RATE_HZ, _LONGEST_S))


def table(words: Sequence[NDArray[np.float32]], rng: np.random.Generator) -> str:
    """Returns how many of the words are found, by signal-to-noise ratio and length."""
    lines = [
        "| word over noise | " + " | ".join(f"in {seconds} s" for seconds in SECONDS) + " |",
        "|---" * (1 + len(SECONDS)) + "|",
    ]
    for snr_db in SNRS_DB:
        counts = [sum(found(word, seconds, snr_db, rng) for word in words) for seconds in SECONDS]
        lines.append(f"| {snr_db} dB | " + " | ".join(map(str, counts)) + " |")
    alone = [sum(anything(seconds, rng) for _ in words) for seconds in SECONDS]
    lines.append("| no word | " + " | ".join(map(str, alone)) + " |")
    return "\n".join(lines)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--words", type=int, default=50, help="so many recordings, drawn (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="a document with two marks to put the table between")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    utterances = read_manifest(options.manifest)
    drawn = rng.permutation(len(utterances))[: options.words].tolist()
    limit_s = Settings.from_environment({}).max_audio_s
    words = [decode(utterances[i].audio_path.read_bytes(), RATE_HZ, limit_s) for i in drawn]
    lines = f"Of {len(words)} in {options.manifest.name} are found:\n\n{table(words, rng)}"
    print(lines)
    if options.output:
        write_block(options.output, "benchmarks.lone_words", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
