"""Turns a corpus into a manifest: `python -m training.corpora KIND SOURCE --output MANIFEST [options]`.

    librispeech     python -m training.corpora librispeech data --download train-clean-100 --output data/train.jsonl
    commonvoice     python -m training.corpora commonvoice cv-corpus-17.0/en --split dev --output data/dev.jsonl
    ljspeech        python -m training.corpora ljspeech LJSpeech-1.1 --output data/lj.jsonl
    speechcommands  python -m training.corpora speechcommands speech_commands --split test --output data/words.jsonl
    folder          python -m training.corpora folder recordings --output data/own.jsonl

Recordings that cannot be used (no file, no audio in it, no transcript) are left out and named at the end. The exit
status is 1 if there are any, or if no manifest could be written.
"""

import argparse
import sys
from pathlib import Path

from hark.command import command
from training.corpora import common_voice, speech_commands
from training.corpora.durations import measure
from training.corpora.librispeech import download, librispeech
from training.corpora.listing import Listing
from training.corpora.lj_speech import lj_speech
from training.corpora.own_recordings import own_recordings
from training.counts import counted
from training.errors import CorpusError
from training.manifest import Utterance, write_manifest


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    options = _parser().parse_args(arguments)
    listing = _listing(options)
    utterances, unusable = measure(listing.recordings)
    problems = listing.problems + unusable
    for problem in problems:
        print(problem, file=sys.stderr)
    if not utterances:
        raise CorpusError(f"{options.source} has no utterance that can be used; {options.output} is not written.")
    write_manifest(options.output, utterances)
    print(f"{options.output}: {_summary(utterances)}")
    if problems:
        print(f"error: {len(problems)} left out, named above.", file=sys.stderr)
        return 1
    return 0


def _listing(options: argparse.Namespace) -> Listing:
    source: Path = options.source
    if options.kind == "librispeech":
        if options.download:
            download(source, options.download)
        return librispeech(source, [options.download] if options.download else options.subset)
    if options.kind == "commonvoice":
        return common_voice.common_voice(source, options.split)
    if options.kind == "ljspeech":
        return lj_speech(source)
    if options.kind == "speechcommands":
        return speech_commands.speech_commands(source, options.split)
    return own_recordings(source, options.corpus, options.license)


def _summary(utterances: list[Utterance]) -> str:
    hours = sum(utterance.duration_s for utterance in utterances) / 3600
    speakers = {utterance.extra["speaker"] for utterance in utterances if "speaker" in utterance.extra}
    return f"{counted(len(utterances), 'utterance')}, {hours:.2f} h, speakers: {len(speakers) or 'not named'}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.corpora", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)

    def kind(name: str, description: str, source: str) -> argparse.ArgumentParser:
        own = kinds.add_parser(name, help=description, description=description)
        own.add_argument("source", metavar="SOURCE", type=Path, help=source)
        own.add_argument("--output", metavar="MANIFEST", type=Path, required=True, help="the manifest to write")
        return own

    libri = kind("librispeech", "read English books", "the folder LibriSpeech, or the one it lies in")
    which = libri.add_mutually_exclusive_group()
    which.add_argument(
        "--subset", action="append", default=[], help="take this one, such as dev-clean; may be repeated"
    )
    which.add_argument("--download", metavar="SUBSET", help="fetch this subset into SOURCE first, unless it is there")
    voice = kind("commonvoice", "one language of Mozilla Common Voice", "the language's folder, such as <release>/en")
    voice.add_argument("--split", choices=common_voice.SPLITS, default="train", help="which .tsv to take (train)")
    kind("ljspeech", "one reader of English books", "the folder with metadata.csv and wavs")
    words = kind("speechcommands", "single words", "the folder with a folder for each word")
    words.add_argument("--split", choices=speech_commands.SPLITS, default="train", help="which part to take (train)")
    own = kind(
        "folder", "your own recordings", "a folder of audio and .txt, or a .csv or .tsv with audio,text[,speaker]"
    )
    own.add_argument("--corpus", help="what the manifest is to call it (the folder's name)")
    own.add_argument("--license", default="unknown", help="what the manifest is to say of its terms (unknown)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
