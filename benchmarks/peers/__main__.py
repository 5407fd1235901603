"""Compares recognisers on the same clips: `python -m benchmarks.peers --manifest FILE --python VENV/bin/python`.

Each runs in a fresh process, pinned to one core, with one thread, offline. Prints WER and CER (texts of all, references
included, normalised as Hark's own are), seconds per second of audio over the clips and of the one closest to 15 s, time
to load, peak memory, and what it reads from disk. `--output` puts the best known into a document, `--plot` draws WER
against speed, `--only` takes some of them.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import fresh
from benchmarks.conditions import conditions
from benchmarks.documents import write_block
from benchmarks.peers.engines import ENGINES, RATE_HZ
from hark.audio import decode
from hark.command import command
from hark.errors import HarkError
from training.manifest import read_manifest
from training.metrics import error_rates
from training.text import normalise

# What an engineer would otherwise take for this job.
_YARDSTICK = "whisper_tiny_greedy"
# These are printed and drawn, and left out of the document, which has room for what most people would choose from.
_NOT_IN_DOCUMENT = ("whisper_tiny", "pocketsphinx", "hama")
# Where the names of neighbours in the plot begin or end, and whether above, so that none lies on another.
_NAME_AT = {
    "hark_joint": ("right", False),
    "whisper_tiny": ("right", False),
    "whisper_base": ("left", False),
    "pocketsphinx": ("right", False),
}


@dataclass(frozen=True)
class Outcome:
    """What came of one recogniser; times in seconds per second of audio.

    Attributes:
        name: as people know it.
        wer: of all clips.
        cer: the same of characters.
        rtf: over all clips.
        clip_rtf: of the clip that is closest to 15 s.
        load_s: until it was ready, in seconds.
        peak_mb: the most memory its process had.
        size_mb: what it reads from disk.
    """

    name: str
    wer: float
    cer: float
    rtf: float
    clip_rtf: float
    load_s: float
    peak_mb: float
    size_mb: float


def compare(engine: str, clips: Path, references: list[str], python: str) -> Outcome:
    """Runs one recogniser over the clips.

    Raises:
        WorkFailed: it failed.
    """
    # Hark runs where its packages are, the others where theirs are.
    interpreter = sys.executable if engine.startswith("hark") else python
    found = fresh.run("benchmarks.peers.work", [engine, str(clips)], {"HF_HUB_OFFLINE": "1"}, interpreter)
    rates = error_rates(references, [normalise(text) for text in found.pop("texts")])
    return Outcome(ENGINES[engine][0], rates.wer, rates.cer, **found)


def table(outcomes: dict[str, Outcome]) -> str:
    """Says it in Markdown."""
    yardstick = outcomes.get(_YARDSTICK)
    faster = f"| times faster than {yardstick.name} " if yardstick else ""
    rows = [
        f"| {each.name} | {each.wer:.3f} | {each.cer:.3f} | {each.rtf:.4f} | {each.clip_rtf:.4f} "
        + (f"| {yardstick.clip_rtf / each.clip_rtf:.1f} " if yardstick else "")
        + f"| {each.load_s:.2f} | {each.peak_mb:.0f} | {each.size_mb:.1f} |"
        for each in outcomes.values()
    ]
    head = f"| | WER | CER | s/s, all clips | s/s, 15 s {faster}| load, s | peak, MB | files, MB |"
    return "\n".join([head, "|---" * (head.count("|") - 1) + "|", *rows])


def plot(outcomes: dict[str, Outcome], path: Path) -> None:
    """Draws WER against seconds per second of audio, the latter on a logarithmic axis; a dot's area is its memory."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    for key, each in sorted(outcomes.items(), key=lambda item: item[1].clip_rtf):
        ours = key.startswith("hark")
        colour = "#b3261e" if ours else "#3b5b7a"
        axes.scatter(each.clip_rtf, each.wer, s=each.peak_mb, color=colour, alpha=0.75, linewidths=0)
        side, above = _NAME_AT.get(key, ("left", True))
        axes.annotate(
            each.name,
            (each.clip_rtf, each.wer),
            xytext=(0, 12 if above else -12),
            textcoords="offset points",
            ha=side,
            va="bottom" if above else "top",
            fontsize=8.5,
            color=colour,
            fontweight="bold" if ours else "normal",
        )
    axes.set_xscale("log")
    times = [each.clip_rtf for each in outcomes.values()]
    axes.set_xlim(min(times) / 3, max(times) * 4)
    # Two clips, as in a test, may all be heard rightly.
    axes.set_ylim(0, max(0.05, *(each.wer for each in outcomes.values())) * 1.15)
    axes.set_xlabel("seconds of work per second of audio, one thread, 15 s clip (further left is cheaper)")
    axes.set_ylabel("word error rate (lower is better)")
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150, metadata={"Software": None})


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", type=Path, default=Path("data/dev.jsonl"))
    parser.add_argument("--python", default=sys.executable, help="of the environment that has the others")
    parser.add_argument("--only", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--first", type=int, help="of the manifest's utterances, to try it")
    parser.add_argument("--output", type=Path, help="a document with two marks to put the table between")
    parser.add_argument("--plot", type=Path, help="a PNG to draw")
    options = parser.parse_args(arguments)
    try:
        utterances = read_manifest(options.manifest)[: options.first]
        samples = [decode(each.audio_path.read_bytes(), RATE_HZ, float("inf")) for each in utterances]
        references = [normalise(each.text) for each in utterances]
        outcomes = {}
        with tempfile.TemporaryDirectory() as folder:
            clips = Path(folder) / "clips.npz"
            np.savez(clips, *samples)
            for engine in options.only:
                outcomes[engine] = compare(engine, clips, references, options.python)
                print(table({engine: outcomes[engine]}).splitlines()[-1], flush=True)
        seconds = sum(map(len, samples)) / RATE_HZ
        head = f"{options.manifest.name}, {len(samples)} utterances, {seconds / 60:.1f} minutes; {conditions()}"
        print(f"\n{head}\n\n{table(outcomes)}")
        if options.output:
            shown = {engine: each for engine, each in outcomes.items() if engine not in _NOT_IN_DOCUMENT}
            write_block(options.output, "benchmarks.peers", f"{head}\n\n{table(shown)}")
        if options.plot:
            plot(outcomes, options.plot)
    except fresh.WorkFailed as error:
        raise HarkError(f"{error}\n`make bench-peers` sets up what it needs.") from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
