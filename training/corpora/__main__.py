"""Turns a corpus into a manifest: `python -m training.corpora KIND SOURCE --output MANIFEST [options]`.

    librispeech     python -m training.corpora librispeech data --download train-clean-100 --output data/train.jsonl
    commonvoice     python -m training.corpora commonvoice cv-corpus-17.0/en --split dev --output data/dev.jsonl
    ljspeech        python -m training.corpora ljspeech LJSpeech-1.1 --output data/lj.jsonl
    mls             python -m training.corpora mls mls_italian --split train --output data/mls.jsonl
    voxpopuli       python -m training.corpora voxpopuli transcribed_data/it --split train --output data/vp.jsonl
    fleurs          python -m training.corpora fleurs fleurs/it_it --split dev --output data/fleurs.jsonl
    mailabs         python -m training.corpora mailabs it_IT --output data/mailabs.jsonl
    speechcommands  python -m training.corpora speechcommands speech_commands --split test --output data/words.jsonl
    folder          python -m training.corpora folder recordings --output data/own.jsonl

Corpora that say so have the language in their manifests: `python -m training.alphabet` and training go by it.

Recordings that cannot be used (no file, no audio in it, no transcript) are left out and named at the end. The exit
status is 1 if there are any, or if no manifest could be written.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from hark.command import command
from training.corpora import common_voice, fleurs, mls, speech_commands, voxpopuli
from training.corpora.durations import measure
from training.corpora.librispeech import download, librispeech
from training.corpora.listing import Listing
from training.corpora.lj_speech import lj_speech
from training.corpora.m_ailabs import m_ailabs
from training.corpora.own_recordings import own_recordings
from training.counts import counted
from training.errors import CorpusError
from training.language_rules import checked_tag
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
    if options.kind in _SPLIT:
        return _SPLIT[options.kind](source, options.split)
    if options.kind == "ljspeech":
        return lj_speech(source)
    if options.kind == "mailabs":
        return m_ailabs(source)
    if options.kind == "speechcommands":
        return speech_commands.speech_commands(source, options.split)
    language = checked_tag(options.language) if options.language else None
    return own_recordings(source, options.corpus, options.license, language)


# Corpora of many languages, whose folders have one of them, in splits.
_SPLIT: dict[str, Callable[[Path, str], Listing]] = {
    "mls": mls.mls, "voxpopuli": voxpopuli.voxpopuli, "fleurs": fleurs.fleurs
}  # fmt: skip


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
    for name, module, described, source in (
        ("mls", mls, "read books in eight languages", "the language's folder, such as mls_italian"),
        ("voxpopuli", voxpopuli, "the European Parliament in 16 languages", "such as <root>/transcribed_data/it"),
        ("fleurs", fleurs, "read sentences in 102 languages", "the language's folder, such as it_it"),
    ):
        own = kind(name, described, source)
        own.add_argument("--split", choices=module.SPLITS, default="train", help="which part to take (train)")
    kind("mailabs", "read books in nine languages", "the language's folder, such as it_IT")
    words = kind("speechcommands", "single words", "the folder with a folder for each word")
    words.add_argument("--split", choices=speech_commands.SPLITS, default="train", help="which part to take (train)")
    own = kind(
        "folder", "your own recordings", "a folder of audio and .txt, or a .csv or .tsv with audio,text[,speaker]"
    )
    own.add_argument("--corpus", help="what the manifest is to call it (the folder's name)")
    own.add_argument("--license", default="unknown", help="what the manifest is to say of its terms (unknown)")
    own.add_argument("--language", help="what is spoken, as a BCP 47 tag, for the manifest to say (nothing)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
