"""Compares an hour with its utterances: `python -m benchmarks.long_recording --manifest FILE [--hours 1]`.

Assembles a recording from a manifest's utterances, in drawn order with drawn pauses of faint noise, as often as it
takes, and transcribes it in a fresh process. Prints WER of the whole and of the same utterances one by one, how far
word times are apart, what voice activity detection missed and kept, time and peak memory. `--snr-db`, `--noise` and
`--gain-db` make it harder; `--output docs/long-recordings.md --save benchmarks/long_recording.json` writes it down for
readers and for `benchmarks.cost`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jiwer
import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from benchmarks import fresh
from benchmarks.conditions import model_name
from benchmarks.decoders import decoder_named, default_decoder
from benchmarks.documents import write_block
from benchmarks.long_figures import LongFigures
from hark import segments
from hark.audio import decode
from hark.command import command
from hark.decoding import DECODERS, Decoder
from hark.pipeline import Timings, transcribe, transcribe_samples
from hark.recognizer import Recognizer
from hark.transcript import Word
from training.manifest import Utterance, read_manifest
from training.text import normalise

# Pauses between utterances, and the level of what a quiet room leaves in them.
_PAUSE_S = (0.3, 3.0)
_ROOM_DBFS = -66.0
_FORMATS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS"), "wav": ("WAV", "PCM_16")}


@dataclass(frozen=True)
class Assembled:
    """A long recording and what it was made of.

    Attributes:
        samples: [samples] mono float32.
        texts: normalised transcript of each utterance.
        spans: [utterances, 2] where each begins and ends, in samples.
    """

    samples: NDArray[np.float32]
    texts: list[str]
    spans: NDArray[np.int64]


@dataclass(frozen=True)
class Long:
    """What a fresh process made of a long recording: words, seconds it took, peak memory in MB."""

    words: list[Word]
    seconds: float
    peak_mb: float


def assemble(utterances: Sequence[Utterance], hours: float, sample_rate_hz: int, rng: np.random.Generator) -> Assembled:
    """Puts utterances after each other until there are so many hours."""
    audio = [decode(each.audio_path.read_bytes(), sample_rate_hz, float("inf")) for each in utterances]
    parts, texts, spans = [], [], []
    at, wanted = 0, int(hours * 3600 * sample_rate_hz)
    while at < wanted:
        for i in rng.permutation(len(utterances)).tolist():
            pause = np.zeros(int(rng.uniform(*_PAUSE_S) * sample_rate_hz), np.float32)
            parts += [pause, audio[i]]
            texts.append(normalise(utterances[i].text))
            spans.append((at + len(pause), at + len(pause) + len(audio[i])))
            at = spans[-1][1]
            if at >= wanted:
                break
    samples = np.concatenate(parts)
    samples += rng.normal(0, 10 ** (_ROOM_DBFS / 20), len(samples)).astype(np.float32)
    return Assembled(samples, texts, np.array(spans))


def make_harder(
    assembled: Assembled, noise: NDArray[np.float32] | None, snr_db: float, gain_db: float, rng: np.random.Generator
) -> Assembled:
    """Adds noise (white where there is none) at a level below the speech, then makes all of it louder or softer."""
    samples = assembled.samples
    if np.isfinite(snr_db):
        added = rng.normal(0, 1, len(samples)).astype(np.float32) if noise is None else np.resize(noise, len(samples))
        speech = np.concatenate([samples[start:end] for start, end in assembled.spans[:50]])
        level = np.sqrt(np.square(speech).mean() / np.square(added).mean()) * 10 ** (-snr_db / 20)
        samples = samples + added * np.float32(level)
    samples = np.clip(samples * np.float32(10 ** (gain_db / 20)), -1, 1)
    return Assembled(samples, assembled.texts, assembled.spans)


def in_fresh_process(path: Path, model: Path, decoder: str) -> Long:
    """Transcribes a file in a process that has done nothing else."""
    options = ["--transcribe", str(path), "--model", str(model.resolve()), "--decoder", decoder]
    found = fresh.run("benchmarks.long_recording", options)
    return Long([Word(*word) for word in found["words"]], found["seconds"], found["peak_mb"])


def _transcribe(path: Path, model: Path, decoder: str) -> None:
    """What the fresh process does."""
    recognizer = Recognizer(model)
    decode_window = decoder_named(decoder, recognizer.spec, model)
    since = time.perf_counter()
    transcript = transcribe(path.read_bytes(), recognizer, float("inf"), Timings(), decoder=decode_window)
    seconds = time.perf_counter() - since
    words = [(word.word, word.start_s, word.end_s, word.confidence) for word in transcript.words]
    json.dump({"words": words, "seconds": seconds, "peak_mb": fresh.peak_mb()}, sys.stdout)


def word_error_rate(references: Sequence[str], hypothesis: Sequence[str]) -> float:
    """WER of texts in a row, so that a word that moved to the neighbour counts alike, however the text is cut."""
    return float(jiwer.wer(" ".join(references), " ".join(hypothesis)))


def time_differences_s(alone: Sequence[Word], together: Sequence[Word]) -> NDArray[np.float64]:
    """Returns how far starts and ends of the words that are equal lie apart."""
    aligned = jiwer.process_words(
        " ".join(word.word for word in alone), " ".join(word.word for word in together)
    ).alignments[0]
    pairs = [
        (alone[chunk.ref_start_idx + i], together[chunk.hyp_start_idx + i])
        for chunk in aligned
        if chunk.type == "equal"
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]
    return np.array([[abs(a.start_s - b.start_s), abs(a.end_s - b.end_s)] for a, b in pairs]).ravel()


def activity(assembled: Assembled, windows: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Returns the share of the utterances in no window, and the share of the pauses in one."""
    spoken = np.zeros(len(assembled.samples), np.bool_)
    heard = np.zeros(len(assembled.samples), np.bool_)
    for mask, spans in ((spoken, assembled.spans), (heard, windows)):
        for start, end in spans:
            mask[start:end] = True
    return float(1 - heard[spoken].mean()), float(heard[~spoken].mean())


def one_by_one(assembled: Assembled, recognizer: Recognizer, decoder: Decoder) -> list[Word]:
    """Transcribes every utterance alone; times are those of the whole recording."""
    words: list[Word] = []
    for start, end in assembled.spans.tolist():
        offset_s = start / recognizer.spec.sample_rate_hz
        heard = transcribe_samples(assembled.samples[start:end], recognizer, Timings(), decoder)
        words += [replace(word, start_s=word.start_s + offset_s, end_s=word.end_s + offset_s) for word in heard.words]
    return words


def figures_of(
    assembled: Assembled,
    alone: list[Word],
    together: Long,
    recognizer: Recognizer,
    *,
    manifest: str,
    format_: str,
    decoder: str,
) -> LongFigures:
    """Compares a long recording with its utterances; the last three say what was measured, and how."""
    spec = recognizer.spec
    duration_s = len(assembled.samples) / spec.sample_rate_hz
    differences_ms = 1000 * time_differences_s(alone, together.words)
    windows = segments.split(assembled.samples, spec.sample_rate_hz, spec.max_window_s)
    missed, kept = activity(assembled, windows)
    lengths_s = np.array([end - start for start, end in windows]) / spec.sample_rate_hz
    return LongFigures(
        model=model_name(recognizer),
        manifest=manifest,
        format=format_,
        decoder=decoder,
        hours=round(duration_s / 3600, 4),
        utterances=len(assembled.texts),
        words=sum(len(text.split()) for text in assembled.texts),
        utterances_wer=round(word_error_rate(assembled.texts, [word.word for word in alone]), 5),
        whole_wer=round(word_error_rate(assembled.texts, [word.word for word in together.words]), 5),
        median_time_difference_ms=round(float(np.median(differences_ms)), 1),
        q95_time_difference_ms=round(float(np.quantile(differences_ms, 0.95)), 1),
        windows=len(windows),
        median_window_s=round(float(np.median(lengths_s)), 2),
        longest_window_s=round(float(lengths_s.max()), 2),
        missed_speech=round(missed, 4),
        kept_pauses=round(kept, 4),
        seconds=round(together.seconds, 2),
        real_time_factor=round(together.seconds / duration_s, 4),
        peak_mb=round(together.peak_mb, 1),
    )


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, default=Path("data/dev.jsonl"))
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"))
    parser.add_argument("--decoder", choices=DECODERS, help="(default: that of an endpoint with this model)")
    parser.add_argument("--format", choices=_FORMATS, default="flac")
    parser.add_argument("--snr-db", type=float, default=float("inf"), help="of the speech over added noise")
    parser.add_argument("--noise", type=Path, help="a recording of noise; white noise where there is none")
    parser.add_argument("--gain-db", type=float, default=0.0, help="what goes beyond full scale is clipped")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="a document with two marks to put the figures between")
    parser.add_argument("--save", type=Path, help="a file to keep the figures in, for benchmarks.cost")
    parser.add_argument("--transcribe", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.decoder = options.decoder or default_decoder(options.model)
    if options.transcribe:
        _transcribe(options.transcribe, options.model, options.decoder)
        return 0
    rng = np.random.default_rng(options.seed)
    recognizer = Recognizer(options.model)
    rate_hz = recognizer.spec.sample_rate_hz
    assembled = assemble(read_manifest(options.manifest), options.hours, rate_hz, rng)
    noise = decode(options.noise.read_bytes(), rate_hz, float("inf")) if options.noise else None
    assembled = make_harder(assembled, noise, options.snr_db, options.gain_db, rng)
    alone = one_by_one(assembled, recognizer, decoder_named(options.decoder, recognizer.spec, options.model))
    with tempfile.NamedTemporaryFile(suffix=f".{options.format}") as file:
        format_, subtype = _FORMATS[options.format]
        sf.write(file.name, assembled.samples, rate_hz, format=format_, subtype=subtype)
        together = in_fresh_process(Path(file.name), options.model, options.decoder)
    how = {"manifest": options.manifest.name, "format_": options.format, "decoder": options.decoder}
    figures = figures_of(assembled, alone, together, recognizer, **how)
    print(figures.as_text())
    if options.output:
        write_block(options.output, "benchmarks.long_recording", figures.as_block())
    if options.save:
        figures.write(options.save)
    return 0


if __name__ == "__main__":
    sys.exit(main())
