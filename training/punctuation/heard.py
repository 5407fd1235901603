"""Recordings with punctuated texts, as the recogniser hears them: what the pauses and the errors are drawn from.

    python -m training.punctuation.heard MANIFEST ... --output heard.jsonl

Each line of the output is one of the manifest with "words" added: [word, start, end], times in seconds. An interrupted
run is continued by the same command.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
from tqdm import tqdm

import hark
from hark.command import command
from hark.transcript import Transcript
from training.manifest import read_manifests
from training.punctuation.labels import Labelled, label


@dataclass(frozen=True)
class HeardUtterance:
    """An utterance and what was heard of it.

    Attributes:
        speaker: who speaks; utterances of one speaker pause alike.
        reference: its text, labelled.
        words: what was heard.
        spans_s: where each of these starts and ends, in seconds.
    """

    speaker: str
    reference: Labelled
    words: list[str]
    spans_s: list[tuple[float, float]]


def heard_in(transcript: Transcript, text: str, speaker: str = "") -> HeardUtterance:
    """Returns what was heard of an utterance, beside its text as its source wrote it."""
    words = transcript.words
    return HeardUtterance(
        speaker, label([text]), [word.word for word in words], [(word.start_s, word.end_s) for word in words]
    )


@dataclass(frozen=True)
class Pair:
    """A word of the reference and what was heard of it: indices; None where there is none on one of the sides."""

    reference: int | None
    heard: int | None


def read_heard(path: Path) -> list[HeardUtterance]:
    """Reads what the command wrote; utterances of which nothing was heard, or without a text, are left out."""
    utterances = []
    with path.open(encoding="utf-8") as lines:
        for fields in map(json.loads, lines):
            reference = label([fields["text"]])
            if not reference.words or not fields["words"]:
                continue
            words = [word for word, _, _ in fields["words"]]
            spans_s = [(start_s, end_s) for _, start_s, end_s in fields["words"]]
            utterances.append(HeardUtterance(fields.get("speaker", ""), reference, words, spans_s))
    return utterances


def align(reference: Sequence[str], heard: Sequence[str]) -> Iterator[Pair]:
    """Pairs the words of a reference with those heard, by the fewest edits."""
    chunks = jiwer.process_words(" ".join(reference), " ".join(heard)).alignments[0]
    for chunk in chunks:
        of_reference = range(chunk.ref_start_idx, chunk.ref_end_idx)
        of_heard = range(chunk.hyp_start_idx, chunk.hyp_end_idx)
        if chunk.type == "delete":
            yield from (Pair(i, None) for i in of_reference)
        elif chunk.type == "insert":
            yield from (Pair(None, j) for j in of_heard)
        else:
            yield from map(Pair, of_reference, of_heard)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", metavar="MANIFEST")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="by default the one that comes with Hark")
    options = parser.parse_args(arguments)
    done = set()
    if options.output.exists():
        with options.output.open(encoding="utf-8") as lines:
            done = {json.loads(line)["audio_filepath"] for line in lines}
    model = hark.load(options.model)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with options.output.open("a", encoding="utf-8") as output:
        for utterance in tqdm(read_manifests(options.manifests), unit="utterance", disable=None):
            audio = str(utterance.audio_path)
            if audio in done:
                continue
            words = [[word.word, word.start_s, word.end_s] for word in model.transcribe(audio).words]
            line = {
                "audio_filepath": audio,
                "text": utterance.text,
                "speaker": str(utterance.extra.get("speaker", "")),
                "words": words,
            }
            output.write(json.dumps(line, ensure_ascii=False) + "\n")
            output.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
