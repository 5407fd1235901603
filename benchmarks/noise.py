"""Measures what the model does with noise that is no speech: `python -m benchmarks.noise MANIFEST --noise FOLDER`.

Transcribes a minute of each recording of noise, and the manifest's utterances with that noise at several levels, as
served: with and without `least_log_prob` of the model's spec, below which a window gives no text. Prints how many words
the noise becomes, and what leaving windows out does to speech. `--output docs/calibration.md` writes the tables there.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.decoders import decoder_named, default_decoder
from benchmarks.documents import write_block
from export.calibrate import Respecified
from hark.audio import decode
from hark.command import command
from hark.decoding import DECODERS, Decoder
from hark.errors import HarkError, RequestError
from hark.pipeline import Runner, Timings, transcribe_samples
from hark.recognizer import Recognizer
from training.augment import mix
from training.manifest import Utterance, read_manifest
from training.metrics import corpus_rates, count_errors
from training.text import normalise

_NOISE_S = 60
SNRS_DB = (float("inf"), 10.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Kept:
    """What was heard with all windows, and without those that are taken for noise.

    Attributes:
        everything: a text for each recording.
        speech: the same of what is taken for speech.
    """

    everything: list[str]
    speech: list[str]


def read_noises(folder: Path, sample_rate_hz: int) -> dict[str, NDArray[np.float32]]:
    """Reads the recordings in a folder: [samples] of each, by name.

    Raises:
        HarkError: there is none, or one cannot be decoded.
    """
    noises = {}
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        try:
            noises[path.stem] = decode(path.read_bytes(), sample_rate_hz, float("inf"))
        except RequestError as error:
            raise HarkError(f"{path}: {error}") from error
    if not noises:
        raise HarkError(f"{folder} holds no recordings; name a folder of noise.")
    return noises


def hear(recordings: Sequence[NDArray[np.float32]], recognizer: Runner, decoder: Decoder) -> Kept:
    """Transcribes [samples] recordings in both ways."""
    open_ = Respecified(recognizer, dataclasses.replace(recognizer.spec, least_log_prob=None))
    return Kept(
        *(
            [transcribe_samples(samples, runner, Timings(), decoder).text for samples in recordings]
            for runner in (open_, recognizer)
        )
    )


def mixed(
    samples: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Adds noise, from a random place on and repeated if necessary, at a level below that of the [samples]."""
    if np.isinf(snr_db):
        return samples
    return mix(samples, np.resize(np.roll(noise, -int(rng.integers(len(noise)))), len(samples)), snr_db)


def noise_table(noises: dict[str, NDArray[np.float32]], recognizer: Runner, decoder: Decoder) -> list[str]:
    """Returns a table of how many words a minute of each noise becomes."""
    rate_hz = recognizer.spec.sample_rate_hz
    kept = hear([np.resize(noise, _NOISE_S * rate_hz) for noise in noises.values()], recognizer, decoder)
    lines = ["| a minute of | words of every window | of those taken for speech |", "|---|---|---|"]
    for name, everything, speech in zip(noises, kept.everything, kept.speech, strict=True):
        lines.append(f"| {name} | {len(everything.split())} | {len(speech.split())} |")
    return lines


def speech_table(
    utterances: Sequence[Utterance],
    noises: dict[str, NDArray[np.float32]],
    recognizer: Runner,
    decoder: Decoder,
    rng: np.random.Generator,
) -> list[str]:
    """Returns a table of what leaving windows out does to speech in those noises."""
    references = [normalise(each.text) for each in utterances]
    clean = [decode(each.audio_path.read_bytes(), recognizer.spec.sample_rate_hz, float("inf")) for each in utterances]
    backgrounds = list(noises.values())
    lines = [
        "| speech over noise | WER of every window | of those taken for speech | utterances left out |",
        "|---|---|---|---|",
    ]
    for snr_db in SNRS_DB:
        recordings = [mixed(samples, backgrounds[i % len(backgrounds)], snr_db, rng) for i, samples in enumerate(clean)]
        kept = hear(recordings, recognizer, decoder)
        rates = [corpus_rates(count_errors(references, texts)).wer for texts in (kept.everything, kept.speech)]
        silent = sum(not speech and bool(all_) for all_, speech in zip(kept.everything, kept.speech, strict=True))
        name = "as recorded" if np.isinf(snr_db) else f"{snr_db:g} dB"
        lines.append(f"| {name} | {rates[0]:.3f} | {rates[1]:.3f} | {silent} of {len(references)} |")
    return lines


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--noise", type=Path, required=True, help="a folder of recordings in which nobody speaks")
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"))
    parser.add_argument("--decoder", choices=DECODERS, help="(default: that of an endpoint with this model)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="a document with two marks to put the tables between")
    options = parser.parse_args(arguments)
    options.decoder = options.decoder or default_decoder(options.model)
    recognizer = Recognizer(options.model)
    decoder = decoder_named(options.decoder, recognizer.spec, options.model)
    noises = read_noises(options.noise, recognizer.spec.sample_rate_hz)
    rng = np.random.default_rng(options.seed)
    spec = recognizer.spec
    lines = [
        f"{spec.name} {spec.version} on {options.manifest.name}, decoder={options.decoder}, "
        f"noise below {spec.least_log_prob}:",
        "",
        *noise_table(noises, recognizer, decoder),
        "",
        *speech_table(read_manifest(options.manifest), noises, recognizer, decoder, rng),
    ]
    print("\n".join(lines))
    if options.output:
        write_block(options.output, "benchmarks.noise", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
