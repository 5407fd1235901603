r"""Holds speakers out: `python -m training.keywords.split MANIFEST --dev-speaker NAME --train F --dev F --test F`.

Held out are the speakers that are named, those speakers of Speech Commands that its own rule puts into validation or
test (see `training.corpora.speech_commands`), and everybody in the manifests of --held-out. All others go into
training. One half of the people held out chooses the checkpoint; the other half measures the chosen one.

    python -m training.keywords.split data/keywords.jsonl --dev-speaker digits-yweweler \
        --train data/keywords-train.jsonl --dev data/keywords-dev.jsonl --test data/keywords-test.jsonl
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from hark.command import command
from training.corpora.speech_commands import CORPUS, split_of
from training.counts import counted
from training.errors import ManifestError
from training.manifest import Utterance, read_manifest, read_manifests, write_manifest


def split(utterances: Sequence[Utterance], dev_speakers: Sequence[str]) -> tuple[list[Utterance], list[Utterance]]:
    """Returns what is trained on and what is held out.

    Raises:
        ManifestError: no speaker has one of the names, or one of the two would be empty.
    """
    missing = set(dev_speakers) - {str(utterance.extra.get("speaker")) for utterance in utterances}
    if missing:
        raise ManifestError(f"The manifest has no speaker {', '.join(sorted(missing))}.")
    held_out = [utterance for utterance in utterances if _is_held_out(utterance, dev_speakers)]
    kept = [utterance for utterance in utterances if not _is_held_out(utterance, dev_speakers)]
    if not held_out or not kept:
        raise ManifestError("All utterances fall on one side; name other speakers with --dev-speaker.")
    return kept, held_out


def halves(held_out: Sequence[Utterance], dev_speakers: Sequence[str]) -> tuple[list[Utterance], list[Utterance]]:
    """Returns the half that chooses the checkpoint and the half that measures it.

    A hash decides, so a person stays in the same half when others are added. All recordings of a person are in one
    half, except for the speakers that were named: someone who says more than all others together would dominate
    either half, so their recordings are shared out.

    Raises:
        ManifestError: one half would be empty.
    """

    def chooses(utterance: Utterance) -> bool:
        speaker = str(utterance.extra.get("speaker"))
        name = utterance.audio_path.name if speaker in dev_speakers else speaker
        return hashlib.sha1(name.encode(), usedforsecurity=False).digest()[0] % 2 == 0

    dev, test = [each for each in held_out if chooses(each)], [each for each in held_out if not chooses(each)]
    if not dev or not test:
        raise ManifestError("Too little is held out to choose a checkpoint and to measure it; name more --dev-speaker.")
    return dev, test


def _is_held_out(utterance: Utterance, dev_speakers: Sequence[str]) -> bool:
    speaker = str(utterance.extra.get("speaker"))
    if speaker in dev_speakers:
        return True
    # A speaker's name starts with that of its source.
    own = speaker.rpartition("-")[2]
    return str(utterance.extra.get("corpus", "")).startswith(CORPUS) and split_of(own) != "train"


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", metavar="MANIFEST", type=Path, help="single words, each with its `speaker`")
    parser.add_argument("--dev-speaker", action="append", default=[], metavar="NAME", help="may be repeated")
    parser.add_argument("--held-out", type=Path, nargs="+", default=[], metavar="MANIFEST", help="of people held out")
    parser.add_argument("--train", type=Path, required=True, metavar="FILE", help="the manifest to write for training")
    parser.add_argument("--dev", type=Path, required=True, metavar="FILE", help="the one to choose the checkpoint on")
    parser.add_argument("--test", type=Path, required=True, metavar="FILE", help="the one to measure it on")
    options = parser.parse_args(arguments)
    kept, held_out = split(read_manifest(options.manifest), options.dev_speaker)
    others = read_manifests(options.held_out) if options.held_out else []
    dev, test = halves([*held_out, *others], options.dev_speaker)
    written = {options.train: kept, options.dev: dev, options.test: test}
    for path, utterances in written.items():
        write_manifest(path, utterances)
    print("; ".join(f"{path}: {counted(len(utterances), 'utterance')}" for path, utterances in written.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
