"""Labels recordings without text, by Whisper: `python -m training.pseudo_label AUDIO... --output manifest.jsonl`.

AUDIO are files and folders, of any format an endpoint reads and of any length. Recordings that are too long for
training are cut at pauses, and the pieces that are kept go to a folder of clips as 16 kHz FLAC.

    python -m training.pseudo_label recordings --output data/pseudo.jsonl
    python -m training.pseudo_label recordings --second-model base.en --output data/pseudo.jsonl
    python -m training.pseudo_label recordings --second-model models/asr.onnx --output data/pseudo.jsonl

A text is kept if Whisper is sure of it (--min-confidence), its length fits the speech, it does not repeat itself as
texts made up from noise do, and `training.check` finds no error. With --second-model, another Whisper or an exported
model, both must also agree. The manifest says how sure Whisper was and which model labelled. Pieces that are dropped
are in .dropped.jsonl beside it, with the reason.

A model of another kind makes other mistakes. Of 160 sentences and commands that people spoke into their microphones,
tiny.en got 17 % of the words wrong. --min-confidence keeps four fifths of the audio, with 12 % wrong; with
models/asr.onnx as the second model a third of it is left, with 2 % wrong.

Another language than English is that of the config given with --labels; --model then is one without .en.

Each piece is saved when it is done: the same command continues an interrupted run, and further AUDIO is added.
Recordings that cannot be read are named, left out, and tried again by the next run; the exit status is 1 if there were
any. Needs `pip install 'path/to/hark[pseudo-label]'`. A model given by name is downloaded once; a folder must be one
that ct2-transformers-converter or faster-whisper made.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hark.command import command
from hark.errors import RequestError
from hark.languages import ENGLISH
from training.config import Config
from training.config_files import config_for
from training.counts import counted
from training.errors import LabellingError
from training.labelling.judgement import Limits, label
from training.labelling.ledger import NO_SPEECH, Ledger
from training.labelling.recordings import Piece, Recording, find_recordings, write_clip
from training.labelling.transcribers import Transcriber, open_transcriber
from training.manifest import Utterance

# Keeps most of the audio and a third fewer errors; see above.
MIN_CONFIDENCE = 0.6
MAX_DISAGREEMENT = 0.1


@dataclass(frozen=True)
class Labeller:
    """Labels recordings, piece by piece.

    Attributes:
        first, second: the recognisers; the second may be missing.
        limits: what a label must reach.
        ledger: keeps the result of each piece.
        clips: folder for pieces that are cut out.
    """

    first: Transcriber
    second: Transcriber | None
    limits: Limits
    ledger: Ledger
    clips: Path

    def label(self, path: Path) -> None:
        """Labels the pieces of a recording that are not labelled yet.

        Raises:
            OSError: the file cannot be read.
            RequestError: its audio cannot be read; the pieces before the fault are labelled.
            LabellingError: a recogniser failed, or a file cannot be written.
        """
        recording = Recording(path, self.limits.config.data.max_duration_s)
        cut_s = 0.0
        is_cut = False
        for piece in recording.pieces():
            is_cut = piece.start_s is not None
            cut_s += piece.duration_s
            if not self.ledger.has(path, piece.start_s):
                self._take(path, piece)
        if is_cut or not cut_s:
            # This line ends a recording that was cut.
            self.ledger.drop(path, None, max(recording.heard_s - cut_s, 0.0), NO_SPEECH, {})

    def _take(self, path: Path, piece: Piece) -> None:
        digest = piece.digest
        if self.ledger.has_audio(digest):
            self.ledger.drop(path, piece.start_s, piece.duration_s, "duplicate audio", {})
            return
        judged = label(piece, self.first, self.second, self.limits)
        if judged.reason:
            details = {"text": judged.text, **judged.extra} if judged.extra else {}
            self.ledger.drop(path, piece.start_s, piece.duration_s, judged.reason, details)
            return
        audio = path if piece.start_s is None else write_clip(self.clips, path, self.ledger.name(path), piece)
        self.ledger.keep(path, piece.start_s, digest, Utterance(audio, piece.duration_s, judged.text, judged.extra))


def label_all(recordings: Sequence[Path], labeller: Labeller) -> list[str]:
    """Labels recordings in order.

    Returns:
        A sentence for each that cannot be read, which is also printed at once.

    Raises:
        LabellingError: see `Labeller.label`.
    """
    ledger, failures = labeller.ledger, []
    waiting = [path for path in recordings if not ledger.is_finished(path)]
    with tqdm(waiting, desc="labelling", unit="recording", disable=None) as bar:
        for path in bar:
            try:
                labeller.label(path)
            except (OSError, RequestError) as error:
                failures.append(f"{path}: {error}")
                bar.write(failures[-1], file=sys.stderr)
            bar.set_postfix_str(f"{ledger.kept.seconds / 3600:.2f} h kept")
    return failures


def summary(ledger: Ledger) -> str:
    """Returns a table of what this run and earlier ones kept, and dropped for which reason."""
    dropped = sorted(ledger.dropped.items(), key=lambda item: -item[1].seconds)
    rows = [f"{'':<28}{'pieces':>9}{'hours':>10}"]
    rows += [
        f"{name:<28}{total.pieces:>9,}{total.seconds / 3600:>10.3f}"
        for name, total in [("kept", ledger.kept), *dropped]
    ]
    return "\n".join(rows)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name, value in (("min-confidence", options.min_confidence), ("max-disagreement", options.max_disagreement)):
        if not 0 <= value <= 1:
            parser.error(f"--{name} must be from 0 to 1")
    if options.threads < 1:
        parser.error("--threads must be above 0")
    if options.model.endswith(".onnx"):
        parser.error("--model must be a Whisper model, which says how sure it is; give the .onnx as --second-model")
    clips = options.clips or options.output.with_name(f"{options.output.stem}-clips")
    try:
        config = config_for(options.labels, options.language)
        if config.task != "transcription":
            raise LabellingError(f"{options.labels} trains a keyword model, which learns from single words.")
        recordings = find_recordings(options.audio, clips)
        with Ledger(options.output, _settings(options, config)) as ledger:
            language, others = config.language, options.second_model
            first = open_transcriber(options.model, options.threads, language)
            second = open_transcriber(others, options.threads, language) if others else None
            limits = Limits(options.min_confidence, options.max_disagreement, config)
            failures = label_all(recordings, Labeller(first, second, limits, ledger, clips))
    except KeyboardInterrupt:
        print("stopped; the same command continues from here", file=sys.stderr)
        return 130
    print(summary(ledger))
    print(
        f"{options.output}: {counted(ledger.kept.pieces, 'utterance')}, {ledger.kept.seconds / 3600:.2f} h; "
        f"dropped ones are in {ledger.dropped_path.name}"
    )
    if failures:
        print(
            f"error: {len(failures)} of {len(recordings)} recordings could not be read, named above.", file=sys.stderr
        )
    if not ledger.kept.pieces:
        print(f"error: nothing could be kept, so there is no {options.output}.", file=sys.stderr)
    return 1 if failures or not ledger.kept.pieces else 0


def _settings(options: argparse.Namespace, config: Config) -> dict[str, Any]:
    """Returns what labels depend on, by the names of the options."""
    return {
        "--model": options.model,
        "--second-model": options.second_model,
        "--min-confidence": options.min_confidence,
        "--max-disagreement": options.max_disagreement if options.second_model else None,
        "--labels": [config.labels, config.data.min_duration_s, config.data.max_duration_s, *_foreign(config)],
    }


def _foreign(config: Config) -> list[str]:
    """Returns the language where it is not English, which labels made before there were others do not say."""
    return [] if config.language == ENGLISH else [config.language]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.pseudo_label",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("audio", metavar="AUDIO", type=Path, nargs="+", help="recordings, or folders of them")
    parser.add_argument(
        "--output", metavar="MANIFEST", type=Path, required=True, help="the manifest to write or add to"
    )
    parser.add_argument(
        "--model", default="small.en", help="a Whisper model of faster-whisper's, by name or folder (%(default)s)"
    )
    parser.add_argument("--second-model", metavar="MODEL", help="another one, or an exported .onnx, which must agree")
    parser.add_argument(
        "--max-disagreement",
        metavar="WER",
        type=float,
        default=MAX_DISAGREEMENT,
        help="highest WER of the second model's text against the first's (%(default)s)",
    )
    parser.add_argument(
        "--min-confidence",
        metavar="P",
        type=float,
        default=MIN_CONFIDENCE,
        help="geometric mean of Whisper's probabilities; 0 keeps all (%(default)s)",
    )
    parser.add_argument("--clips", metavar="FOLDER", type=Path, help="for what is cut out (beside MANIFEST)")
    parser.add_argument(
        "--labels",
        metavar="CONFIG",
        type=Path,
        help="training config with language, labels and lengths (Hark's defaults: English)",
    )
    parser.add_argument("--language", help="BCP 47 tag, such as it, in place of the config's")
    parser.add_argument(
        "--threads", metavar="N", type=int, default=os.cpu_count() or 1, help="of the processor (%(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
