"""Holds speakers out: `python -m training.keyword_split MANIFEST --dev-speaker NAME --train FILE --dev FILE`.

The speakers that are named go into the dev set, and of those of Speech Commands the ones that its own rule puts into
validation or test (see `training.corpora.speech_commands`); all others go into training.

    python -m training.keyword_split data/keywords.jsonl --dev-speaker digits-yweweler \
        --train data/keywords-train.jsonl --dev data/keywords-dev.jsonl
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from handler.errors import HarkError
from training.corpora.speech_commands import CORPUS, split_of
from training.errors import ManifestError
from training.manifest import Utterance, read_manifest, write_manifest


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
    parser.add_argument("--train", type=Path, required=True, metavar="FILE", help="the manifest to write for training")
    parser.add_argument("--dev", type=Path, required=True, metavar="FILE", help="and of who is held out")
    options = parser.parse_args(arguments)
    try:
        kept, held_out = split(read_manifest(options.manifest), options.dev_speaker)
        write_manifest(options.train, kept)
        write_manifest(options.dev, held_out)
    except (HarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.train}: {len(kept):,} utterances; {options.dev}: {len(held_out):,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
