"""Holds speakers out: `python -m training.keywords.split MANIFEST --dev-speaker NAME --train F --dev F --test F`.

The speakers that are named are held out, and of those of Speech Commands the ones that its own rule puts into
validation or test (see `training.corpora.speech_commands`), and everybody in the manifests of `--held-out`; all others
go into training. One half of who is held out chooses models, and the other says what the chosen one is worth.

    python -m training.keywords.split data/keywords.jsonl --dev-speaker digits-yweweler \
        --held-out data/keywords-cut-dev/manifest.jsonl data/keywords-cut-dev-mic/manifest.jsonl \
        --train data/keywords-train.jsonl --dev data/keywords-dev.jsonl --test data/keywords-test.jsonl
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from hark.errors import HarkError
from training.corpora.speech_commands import CORPUS, split_of
from training.errors import ManifestError
from training.manifest import Utterance, read_manifest, read_manifests, write_manifest


def split(utterances: Sequence[Utterance], dev_speakers: Sequence[str]) -> tuple[list[Utterance], list[Utterance]]:
    """Returns what is trained on and what is held out.

    Raises:
        ManifestError: nobody has such a name, or nothing is left for one of the two.
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
    """Returns the half that chooses and the half that judges, by a hash, so that a larger set keeps where each was.

    People are on one side with all that they say, but for those that were named: one who says more than all others
    together would be most of either half, so their recordings are parted.
    """

    def chooses(utterance: Utterance) -> bool:
        speaker = str(utterance.extra.get("speaker"))
        name = utterance.audio_path.name if speaker in dev_speakers else speaker
        return hashlib.sha1(name.encode(), usedforsecurity=False).digest()[0] % 2 == 0

    return [each for each in held_out if chooses(each)], [each for each in held_out if not chooses(each)]


def _is_held_out(utterance: Utterance, dev_speakers: Sequence[str]) -> bool:
    speaker = str(utterance.extra.get("speaker"))
    if speaker in dev_speakers:
        return True
    # Before the name of their own, speakers carry that of where they come from.
    own = speaker.rpartition("-")[2]
    return str(utterance.extra.get("corpus", "")).startswith(CORPUS) and split_of(own) != "train"


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--dev-speaker", action="append", default=[], metavar="NAME", help="may be repeated")
    parser.add_argument("--held-out", type=Path, nargs="+", default=[], metavar="MANIFEST", help="of others held out")
    parser.add_argument("--train", type=Path, required=True, metavar="FILE", help="the manifest to write for training")
    parser.add_argument("--dev", type=Path, required=True, metavar="FILE", help="and of the held out who choose")
    parser.add_argument("--test", type=Path, required=True, metavar="FILE", help="and of those who judge")
    options = parser.parse_args(arguments)
    try:
        kept, held_out = split(read_manifest(options.manifest), options.dev_speaker)
        others = read_manifests(options.held_out) if options.held_out else []
        dev, test = halves([*held_out, *others], options.dev_speaker)
        written = {options.train: kept, options.dev: dev, options.test: test}
        for path, utterances in written.items():
            write_manifest(path, utterances)
    except (HarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("; ".join(f"{path}: {len(utterances):,} utterances" for path, utterances in written.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
