"""Measures what each augmentation is worth: `python -m benchmarks.augmentation [CONFIG] [field=value ...]`.

Trains for a few hundred steps from hark-small's weights: once as the config says, once without each kind of
augmentation, once without any. Each model then hears the dev set as it is, and with noise, in a room and through a
telephone, the same for all. Writes the table into models/HISTORY.md, between its two marks, and prints it. All
variants learn from the same utterances in the same order, and are compared with the first of them utterance by
utterance.

Runs that have ended stay in `output_dir`: `--trained` measures them again, and trains what is missing.

What a run of hours would make of them may differ: an augmentation costs at first what it wins later.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.documents import write_block
from hark import audio
from hark.command import command
from hark.pipeline import Timings, transcribe_samples
from training.augment import WaveformAugment
from training.checkpoint import TorchRecognizer, load_checkpoint
from training.config import (
    AugmentConfig,
    BandConfig,
    CodecConfig,
    Config,
    EdgesConfig,
    NoiseConfig,
    RoomConfig,
    model_spec,
)
from training.config_files import load_config
from training.fit import fit
from training.manifest import Utterance, read_manifest
from training.metrics import ErrorCounts, add_up, bootstrap_difference, corpus_rates, count_errors
from training.text import normalise

DOCUMENT = Path("models/HISTORY.md")


def _without(**changes: object) -> Callable[[AugmentConfig], None]:
    def change(config: AugmentConfig) -> None:
        for name, value in changes.items():
            setattr(config, name, value)

    return change


_NO_SPECAUGMENT = {"frequency_masks": 0, "time_masks": 0, "time_masks_per_s": 0.0}
_NO_ROOMS = {"noise": NoiseConfig(), "room": RoomConfig(), "band": BandConfig(), "codec": CodecConfig(), "gain_db": 0.0}
_NO_VOICES = {"speed_change": 0.0, "tempo_change": 0.0, "tract_change": 0.0}
# What is switched off, by what the table calls it.
VARIANTS: dict[str, Callable[[AugmentConfig], None]] = {
    "all of it": _without(),
    "no SpecAugment": _without(**_NO_SPECAUGMENT),
    "edges as they are": _without(edges=EdgesConfig()),
    "no speed": _without(speed_change=0.0),
    "no tempo": _without(tempo_change=0.0),
    "no vocal tract": _without(tract_change=0.0),
    "no noise": _without(noise=NoiseConfig()),
    "no rooms": _without(room=RoomConfig()),
    "no gain, lines and codecs": _without(gain_db=0.0, band=BandConfig(), codec=CodecConfig()),
    "none": _without(**_NO_SPECAUGMENT, **_NO_ROOMS, **_NO_VOICES, edges=EdgesConfig()),
}
# What the dev set is heard through.
CONDITIONS: dict[str, AugmentConfig] = {
    "as it is": AugmentConfig(),
    "noise, 5 to 15 dB": AugmentConfig(noise=NoiseConfig(1.0, coloured_share=1.0, snr_db=[5.0, 15.0])),
    "room": AugmentConfig(room=RoomConfig(1.0, simulated_share=1.0, direct_db=[-3.0, 6.0])),
    "telephone": AugmentConfig(
        band=BandConfig(1.0, cutoff_hz=[3400.0, 3400.0]), codec=CodecConfig(1.0, names=["ulaw"])
    ),
}


def variant_config(config: Config, name: str, start: Path, steps: int) -> Config:
    """Changes a config to a short run from a checkpoint with something switched off; it is not copied."""
    VARIANTS[name](config.augment)
    config.name, config.init_from = "augmentation-" + name.replace(",", "").replace(" ", "-"), str(start)
    config.model = load_checkpoint(start)[1].model
    config.data.shortest_first = False
    config.trainer.max_steps, config.trainer.validate_every_steps, config.trainer.average_last = steps, steps, 0
    return config


def errors(checkpoint: Path, utterances: Sequence[Utterance]) -> dict[str, list[ErrorCounts]]:
    """Counts a checkpoint's errors in each of `CONDITIONS`, utterance by utterance."""
    model, config = load_checkpoint(checkpoint)
    recognizer = TorchRecognizer(model, model_spec(config))
    rate_hz = recognizer.spec.sample_rate_hz
    references = [normalise(utterance.text) for utterance in utterances]
    counts = {}
    for name, condition in CONDITIONS.items():
        change = WaveformAugment(condition, rate_hz)
        hypotheses = []
        for i, utterance in enumerate(utterances):
            samples = audio.decode(utterance.audio_path.read_bytes(), rate_hz, float("inf"))
            heard = change(samples, np.random.default_rng(i))
            hypotheses.append(transcribe_samples(heard, recognizer, Timings()).text)
        counts[name] = count_errors(references, hypotheses)
    return counts


def table(rows: dict[str, dict[str, list[ErrorCounts]]], steps: int) -> str:
    """Writes WERs in Markdown; the last column compares with the first row, over all conditions together."""
    utterances = len(next(iter(next(iter(rows.values())).values())))
    lines = [
        f"Dev WER (fp32, {utterances} utterances) after {steps} steps from the released weights, and how much higher "
        "it is than the first row's, of all columns together, with its 95 % interval:",
        "",
        "| augmentation | " + " | ".join(CONDITIONS) + " | higher by |",
        "|---|" + "---|" * (len(CONDITIONS) + 1),
    ]
    first = _together(next(iter(rows.values())))
    for name, counts in rows.items():
        rates = [f"{corpus_rates(counts[condition]).wer:.3f}" for condition in CONDITIONS]
        lines.append(f"| {name} | " + " | ".join(rates) + f" | {_higher(_together(counts), first)} |")
    return "\n".join(lines)


def _together(counts: dict[str, list[ErrorCounts]]) -> list[ErrorCounts]:
    """Adds up the conditions of each utterance: heard four times, it is still one utterance."""
    return [add_up(same) for same in zip(*counts.values(), strict=True)]


def _higher(counts: list[ErrorCounts], first: list[ErrorCounts]) -> str:
    if counts == first:
        return ""
    difference, interval = corpus_rates(counts).wer - corpus_rates(first).wer, bootstrap_difference(counts, first)
    return f"{difference:+.3f}" + (f" ({interval.low:+.3f} to {interval.high:+.3f})" if interval else "")


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, nargs="?", default=Path("training/configs/small.yaml"))
    parser.add_argument("overrides", nargs="*", help="fields of the config, such as data.batch_seconds=60")
    parser.add_argument("--start", type=Path, default=Path("models/small.fp16.ckpt"))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=VARIANTS, metavar="NAME")
    parser.add_argument("--trained", action="store_true", help="measure runs that have ended instead of repeating them")
    parser.add_argument("--output", type=Path, default=DOCUMENT, help="a document with the two marks")
    options = parser.parse_args(arguments)
    rows: dict[str, dict[str, list[ErrorCounts]]] = {}
    for name in options.variants:
        config = variant_config(load_config(options.config, options.overrides), name, options.start, options.steps)
        ended = Path(config.output_dir) / config.name / "best.ckpt"  # the one validation is at the run's end
        checkpoint = ended if options.trained and ended.is_file() else fit(config, progress=False)
        rows[name] = errors(checkpoint, read_manifest(Path(config.data.dev)))
        rates = (f"{condition}: {corpus_rates(counts).wer:.3f}" for condition, counts in rows[name].items())
        print(name, *rates, sep=", ", flush=True)
    block = table(rows, options.steps)
    write_block(options.output, "benchmarks.augmentation", block)
    print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
