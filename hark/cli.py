"""The command `hark`: recordings to text, JSON or subtitles, on the terminal or one file for each.

What takes long to import is imported after the command line was read, so that mistakes in it are told at once.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hark import __version__
from hark.command import command
from hark.errors import HarkError, UnreadableFile

if TYPE_CHECKING:
    from hark.mapped import Data
    from hark.model import Model
    from hark.model_choice import Choice
    from hark.spec import ModelSpec
    from hark.transcript import Transcript, Word

# Each format and how its files are called.
FORMATS = {"text": ".txt", "json": ".json", "verbose_json": ".json", "srt": ".srt", "vtt": ".vtt"}
# What is taken from a folder. A file that is named itself is tried, whatever it is called.
RECORDINGS = frozenset({
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".caf", ".au"),
    *(".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".aac", ".webm", ".mka", ".mkv", ".wma", ".amr", ".avi"),
})  # fmt: skip
_STANDARD_INPUT = "-"
_TABLE_HEAD = "    start      end  confidence  word"


@dataclass(frozen=True)
class Recording:
    """What is to be transcribed.

    Attributes:
        path: the file; none for standard input.
        shown: how it is called in what people read.
        stem: where its transcript goes below the output folder, without the suffix of its format.
    """

    path: Path | None
    shown: str
    stem: Path


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Returns:
        0; 1 where a recording could not be transcribed; 2 where the command line cannot be followed; 130 after Ctrl-C.
    """
    return _run(arguments)


def add_decoding(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say how to decode."""
    parser.add_argument(
        "--decoder",
        choices=("joint", "beam", "greedy"),
        help="joint, the default where there is an attention decoder; beam; or greedy, which knows no language model",
    )
    parser.add_argument(
        "--language", default="", metavar="TAG", help="the language that is spoken, such as it, which chooses a model"
    )
    parser.add_argument("--hotwords", default="", metavar="A,B", help="words and names to listen for")
    parser.add_argument("--alternatives", type=int, default=0, metavar="N", help="list the N best texts, 10 at most")
    parser.add_argument(
        "--word-alternatives",
        type=int,
        default=0,
        metavar="N",
        help="list N things that each word may be instead, 8 at most",
    )
    parser.add_argument(
        "--text-style",
        choices=("written", "spoken"),
        help="written, the default, with punctuation, capitals and figures; or spoken, as the words were said",
    )
    parser.add_argument(
        "--channels",
        choices=("mix", "separate"),
        help="mix, the default; or separate, each transcribed by itself, as where each speaker of a call has one",
    )
    parser.add_argument(
        "--channel-names", default="", metavar="A,B", help="who speaks in each channel; else Channel 1, Channel 2"
    )


def channel_names(text: str) -> list[str]:
    """Returns the names that were given with commas between them; an empty one keeps its place."""
    return text.split(",") if text else []


def word_table(rows: Sequence[tuple[float, float, float, str]], most: int | None = None) -> list[str]:
    """Lays words out for a terminal.

    Args:
        rows: start and end in seconds, confidence, and the word.
        most: no more are shown, and then how many are left out.
    """
    lines = [f"{start:9.2f}{end:9.2f}{confidence:12.2f}  {word}" for start, end, confidence, word in rows[:most]]
    left_out = len(rows) - len(lines)
    return [_TABLE_HEAD, *lines, *([f"  ... and {left_out} more"] if left_out else [])]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hark",
        description="Transcribes speech on this machine: English, or the language of another model.",
        epilog="json has the words with times and confidences; verbose_json is OpenAI's, as tools for Whisper read it. "
        "Several recordings go to standard output each under its name, and as JSON in one line each.",
    )
    parser.add_argument("recordings", nargs="+", metavar="FILE", help="audio files, folders of them, or - to read one")
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help="text by default")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="one file for each recording goes there")
    parser.add_argument("--words", action="store_true", help="with text: each word with its times and confidence")
    add_decoding(parser)
    parser.add_argument("--max-line-length", type=int, metavar="N", help="with srt, vtt: characters in a line, else 42")
    parser.add_argument("--max-lines", type=int, metavar="N", help="with srt, vtt: lines of a subtitle, else 2")
    parser.add_argument("--model", type=Path, metavar="FILE", help="another recogniser, .onnx, instead of HARK_MODELS")
    parser.add_argument("--language-model", type=Path, metavar="FILE", help="another language model, for the beam")
    parser.add_argument("--punctuation", type=Path, metavar="FILE", help="another punctuation model, .onnx")
    parser.add_argument("--version", action="version", version=f"hark {__version__}")
    return parser


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.words and options.format != "text":
        parser.error("--words goes with --format text; json has the times of all words")
    if options.alternatives and options.format in ("srt", "vtt"):
        parser.error("--alternatives goes with --format text, json or verbose_json")
    if options.word_alternatives and options.format != "json" and not options.words:
        parser.error("--word-alternatives goes with --words or --format json")
    if (options.max_line_length, options.max_lines) != (None, None) and options.format not in ("srt", "vtt"):
        parser.error("--max-line-length and --max-lines go with --format srt or vtt")
    recordings, faults = _find(options.recordings)
    if options.output and options.output.exists() and not options.output.is_dir():
        parser.error(f"--output names a folder, and {_printable(options.output)} is a file; name another")
    if options.output and (clash := _clash(recordings, options.output, FORMATS[options.format])):
        _tell(clash)
        return 2
    for fault in faults:
        _tell(fault)
    if not recordings:
        return 1

    from hark import alphabet, cues, hotwords
    from hark.decoding import asked_for
    from hark.model import Model

    choice = _models(options.model)
    try:
        chosen = choice.model("", [options.language])
        words = hotwords.parted(options.hotwords)
        names = channel_names(options.channel_names)
        style, channels = options.text_style or "", options.channels or ""
        asked_for(
            *(options.decoder or "", words, options.alternatives, style, channels, names, options.word_alternatives),
            letters=alphabet.of(chosen.spec.labels, chosen.spec.language),
        )
        options.layout = cues.layout(options.max_line_length, options.max_lines)
    except HarkError as error:
        _tell(str(error))
        return 2
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
    model = Model(chosen.path, options.language_model, options.punctuation)
    done = [_transcribe(recording, model, options, place) for recording, place in _numbered(recordings)]
    if options.output and any(done):
        written = sum(done)
        _note(f"wrote {written} {'file' if written == 1 else 'files'} to {_printable(options.output)}")
    return 0 if all(done) and not faults else 1


def _models(path: Path | None) -> "Choice":
    """Returns the models there are: that at a path, or those of HARK_MODELS, or the one that comes with Hark.

    Raises:
        HarkError: a file is no such model, or the list cannot be read.
    """
    from hark import model_files
    from hark.model_choice import Choice, listed

    several = os.environ.get("HARK_MODELS", "").strip()
    try:
        return Choice.of_list([("", path)] if path else listed(several) if several else [("", model_files.RECOGNISER)])
    except ValueError as error:
        raise HarkError(f"HARK_MODELS {error}.") from error


def _numbered(recordings: Sequence[Recording]) -> Iterator[tuple[Recording, str]]:
    """Gives each recording what stands before its name while it is worked on; nothing where it is the only one."""
    for number, recording in enumerate(recordings, 1):
        yield recording, f"[{number}/{len(recordings)}] " if len(recordings) > 1 else ""


def _find(names: Iterable[str]) -> tuple[list[Recording], list[str]]:
    """Returns the recordings that names stand for, each once, and what is wrong with names that stand for none."""
    found: dict[Path | None, Recording] = {}
    faults = []
    for name in names:
        path = Path(name)
        if name == _STANDARD_INPUT:
            found.setdefault(None, Recording(None, "standard input", Path("stdin")))
        elif name.startswith(("http://", "https://")):
            faults.append(f"{name} is an address, and files are read; download it first: curl -LO {name}")
        elif path.is_dir():
            inside = _recordings_in(path)
            if not inside:
                faults.append(f"{_printable(path)}: there are no recordings in this folder; name another, or the files")
            for each in inside:
                stem = each.relative_to(path).with_suffix("")
                found.setdefault(each.resolve(), Recording(each, _printable(each), stem))
        else:
            found.setdefault(path.resolve(), Recording(path, _printable(path), Path(path.stem)))
    return list(found.values()), faults


def _recordings_in(folder: Path) -> list[Path]:
    """Returns the recordings in a folder and those below it, in order, but for hidden ones."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in RECORDINGS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def _clash(recordings: Iterable[Recording], folder: Path, suffix: str) -> str | None:
    """Says which two recordings would be written to the same file, if any."""
    taken: dict[str, Recording] = {}
    for recording in recordings:
        target = _target(recording, folder, suffix)
        # File systems that do not tell capital letters apart are common.
        other = taken.setdefault(str(target).casefold(), recording)
        if other is not recording:
            return (
                f"{other.shown} and {recording.shown} would both be written to {_printable(target)}; rename one, or "
                "transcribe them one after the other, each with an --output of its own"
            )
    return None


def _target(recording: Recording, folder: Path, suffix: str) -> Path:
    return folder / recording.stem.with_name(recording.stem.name + suffix)


def _transcribe(recording: Recording, model: "Model", options: argparse.Namespace, place: str) -> bool:
    """Transcribes one recording and writes the result; where it cannot, says why and returns False."""
    from hark import mapped

    try:
        data = mapped.whole(recording.path) if recording.path else sys.stdin.buffer.read()
        with _Progress(place + recording.shown, data) as progress:
            transcript = model.transcribe(
                data,
                decoder=options.decoder or "",
                hotwords=options.hotwords,
                alternatives=options.alternatives,
                word_alternatives=options.word_alternatives,
                text_style=options.text_style or "",
                channels=options.channels or "",
                channel_names=channel_names(options.channel_names),
                progress=progress.at,
            )
    except HarkError as error:
        _tell(str(error) if isinstance(error, UnreadableFile) else f"{recording.shown}: {error}")
        return False
    if not transcript.text:
        _note(f"{recording.shown}: (no speech)")
    if options.channels == "separate":
        for note in transcript.notes:
            _note(f"{recording.shown}: {note}")
    if options.output is None:
        # The number in front is there where there are several.
        _print(transcript, model.spec, options, recording.shown if place else "")
        return True
    target = _target(recording, options.output, FORMATS[options.format])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_rendered(transcript, model.spec, options), encoding="utf-8")
    except OSError as error:
        _tell(f"{_printable(target)} cannot be written: {error.strerror}")
        return False
    return True


def _print(transcript: "Transcript", spec: "ModelSpec", options: argparse.Namespace, heading: str) -> None:
    if not heading:
        print(_rendered(transcript, spec, options), end="", flush=True)
    elif options.format in ("json", "verbose_json"):
        print(json.dumps({"file": heading, **_json(transcript, spec, options)}, ensure_ascii=False), flush=True)
    else:
        print(f"== {heading}\n\n{_rendered(transcript, spec, options)}", flush=True)


def _rendered(transcript: "Transcript", spec: "ModelSpec", options: argparse.Namespace) -> str:
    from hark import subtitles

    match options.format:
        case "srt":
            return subtitles.srt(transcript, options.layout)
        case "vtt":
            return subtitles.vtt(transcript, options.layout)
        case "text":
            return "\n".join(_text(transcript, options.words)) + "\n"
        case _:
            return json.dumps(_json(transcript, spec, options), ensure_ascii=False, indent=1) + "\n"


def _text(transcript: "Transcript", with_words: bool) -> Iterator[str]:
    yield transcript.text
    if transcript.alternatives:
        yield ""
        yield from (f"{each.score:9.2f}  {each.text}" for each in transcript.alternatives)
    if with_words:
        yield ""
        yield from word_table(
            [
                (words[0].start, words[-1].end, min(word.confidence for word in words), _or_else(words))
                for words in transcript.read_words
            ]
        )


def or_else(shown: str, others: Iterable[tuple[str, int]]) -> str:
    """Returns a word for the table, with what it may be instead: each text, and for how many words it stands."""
    told = [(text or "(nothing)") + (f" for {count} words" if count > 1 else "") for text, count in others]
    return f"{shown}  (or {', '.join(told)})" if told else shown


def _or_else(words: Sequence["Word"]) -> str:
    return or_else(words[0].text, [(each.text, each.words) for word in words for each in word.alternatives])


def _json(transcript: "Transcript", spec: "ModelSpec", options: argparse.Namespace) -> dict[str, Any]:
    from hark import formats

    if options.format == "json":
        return formats.full(transcript, spec)
    return formats.verbose(transcript, spec, frozenset({"segment", "word"}))


class _Progress:
    """How far a recording was read, on a terminal; elsewhere nothing.

    Args:
        title: what stands in front.
        data: the recording.
    """

    def __init__(self, title: str, data: "Data") -> None:
        self._title, self._total_s = title, None
        self._bar: Any = None
        self._shows = sys.stderr.isatty()
        if self._shows:
            from hark import audio

            self._total_s = audio.stated_duration_s(data)
            make_bar = _tqdm()
            if make_bar:
                self._bar = make_bar(
                    total=self._total_s and round(self._total_s), desc=title, unit=" s", leave=False, file=sys.stderr
                )

    def __enter__(self) -> "_Progress":
        self.at(0.0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def at(self, seconds: float) -> None:
        """Shows that so many seconds were read."""
        if self._bar is not None:
            self._bar.update(round(seconds) - self._bar.n)
        elif self._shows:
            of = f" of {self._total_s:.0f}" if self._total_s else ""
            print(f"\r{self._title}: {seconds:.0f}{of} s\x1b[K", end="", file=sys.stderr, flush=True)


def _tqdm() -> Callable[..., Any] | None:
    """Returns what makes progress bars, if it is installed; Hark does not need it."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    made: Callable[..., Any] = tqdm
    return made


def _printable(path: Path) -> str:
    """Returns a path as text that any terminal takes; file systems may hold names that are no text."""
    return os.fsencode(path).decode(errors="replace")


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _tell(fault: str) -> None:
    print(f"error: {fault}", file=sys.stderr, flush=True)
