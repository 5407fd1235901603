"""Measures what is listed for a word: `python -m benchmarks.word_alternatives MANIFEST [--model FILE]`.

A proofreader looks at a word that is marked as doubtful or likely wrong and gets what else it may have been. Says how
often the right word is in that list: of the wrong words that are marked, how many are mended by choosing one of the
first so many. Asked are the recordings as a whole, and, as the page does it, the seconds around each word alone. Writes
the table into docs/decoding.md, between its two marks, and prints it.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.documents import write_block
from benchmarks.proofreading import in_use
from export.calibrate import equal_words
from hark import audio, model_files, word_alternatives
from hark.command import command
from hark.decoding import Decoder, Decoders, Decoding
from hark.pipeline import Timings, transcribe_samples
from hark.recognizer import Recognizer
from hark.spec import ModelSpec
from hark.transcript import Word
from hark.word_alternatives import Change
from training.manifest import Utterance, read_manifest
from training.text import normalise

DOCUMENT = Path("docs/decoding.md")
_SHOWN = (1, 3, 5, 8)
# As handler/static/alternatives.js cuts a recording around a word.
AROUND_S = 2.5


@dataclass
class Found:
    """What was found of wrong words that are marked.

    Attributes:
        wrong: how many there are.
        mended: of these, how many by one of the first so many in the list.
        work_s, audio_s: seconds of work it took, and of audio that was asked about.
    """

    wrong: int = 0
    mended: Counter[int] = field(default_factory=Counter)
    work_s: float = 0.0
    audio_s: float = 0.0


def errors(words: Sequence[str], reference: Sequence[str]) -> int:
    """Returns how many words are wrong, missing or added."""
    before = list(range(len(reference) + 1))
    for i, word in enumerate(words, 1):
        now = [i]
        for j, right in enumerate(reference, 1):
            now.append(min(before[j] + 1, now[-1] + 1, before[j - 1] + (word != right)))
        before = now
    return before[-1]


def choices(spoken: Sequence[str], place: int, heard: Sequence[Word], first: int, last: int) -> list[list[str]]:
    """Returns what the whole text becomes by each choice for a word, as handler/static/alternatives.js lists them.

    Args:
        spoken: the words of the whole recording.
        place: of the word that is looked at.
        heard: what was heard when asked about the words from `first` to `last`, with what they may be instead.
        first: which words of the recording these are.
        last: the same; it is excluded.
    """
    again = [word.word for word in heard]
    texts = [(0.0, again)]
    for i, word in enumerate(heard):
        texts += [
            (each.score, [*again[:i], *each.text.split(), *again[i + each.words :]]) for each in word.alternatives
        ]
    found: dict[Change, None] = {}
    for _, text in sorted(texts, key=lambda each: -each[0]):
        for change in word_alternatives.changes(spoken[first:last], [" ".join(text)]):
            if change.start <= place - first < change.end:
                found[change] = None
    listed = list(found)[: word_alternatives.MOST]
    return [[*spoken[:first], *change.of(spoken[first:last]).split(), *spoken[last:]] for change in listed]


def around(words: Sequence[Word], place: int) -> tuple[int, int]:
    """Returns the words, from and to, that are sent to ask about one of them: those near it."""
    start_s, end_s = words[place].start_s - AROUND_S, words[place].end_s + AROUND_S
    near = [i for i, word in enumerate(words) if word.start_s >= start_s and word.end_s <= end_s]
    return near[0], near[-1] + 1


def measure(recognizer: Recognizer, utterances: Sequence[Utterance], decoders: Decoders) -> dict[str, Found]:
    """Asks about every wrong word that is marked, in the whole recording and in the seconds around it."""
    spec = recognizer.spec
    decoder = decoders.decoder(Decoding(word_alternatives=word_alternatives.MOST), spec)
    found = {"the whole recording": Found(), f"{AROUND_S:g} s before and after the word, as the page does": Found()}
    whole, part = found.values()
    certain = in_use().certain
    for utterance in utterances:
        blocks = audio.blocks(utterance.audio_path.read_bytes(), spec.sample_rate_hz, float("inf"), [])
        samples = np.concatenate(list(blocks))
        words = _ask(samples, recognizer, decoder, whole)
        spoken, reference = [word.word for word in words], normalise(utterance.text).split()
        right = {place for _, place in equal_words(reference, spoken)}
        for place, word in enumerate(words):
            if place in right or word.confidence >= certain:
                continue
            first, last = around(words, place)
            clip = samples[_cut(words, first, 0, spec) : _cut(words, last, len(samples), spec)]
            _count(whole, choices(spoken, place, words, 0, len(words)), reference, spoken)
            heard = _ask(clip, recognizer, decoder, part)
            _count(part, choices(spoken, place, heard, first, last), reference, spoken)
    return found


def _ask(samples: NDArray[np.float32], recognizer: Recognizer, decoder: Decoder, found: Found) -> tuple[Word, ...]:
    since_s = time.process_time()
    words = transcribe_samples(samples, recognizer, Timings(), decoder).words
    found.work_s += time.process_time() - since_s
    found.audio_s += len(samples) / recognizer.spec.sample_rate_hz
    return words


def _cut(words: Sequence[Word], i: int, edge: int, spec: ModelSpec) -> int:
    """Returns the sample midway between a word and the one before; the recording's edge where one of them is not."""
    if i in (0, len(words)):
        return edge
    return round((words[i - 1].end_s + words[i].start_s) / 2 * spec.sample_rate_hz)


def _count(found: Found, listed: Sequence[Sequence[str]], reference: Sequence[str], spoken: Sequence[str]) -> None:
    base = errors(spoken, reference)
    mends = [errors(text, reference) < base for text in listed]
    found.wrong += 1
    for most in _SHOWN:
        found.mended[most] += any(mends[:most])


def table(found: dict[str, Found], name: str) -> str:
    """Says in Markdown how often choosing mends a word."""
    [wrong] = {each.wrong for each in found.values()}
    head = " | ".join(f"first {most}" if most > 1 else "first one" for most in _SHOWN)
    lines = [
        f"Of {wrong} wrong words of {name} that are marked, so many are mended by choosing among:",
        "",
        f"| asked about | {head} | work, s per second of audio |",
        "|---|" + "---|" * (len(_SHOWN) + 1),
    ]
    for asked, each in found.items():
        shares = " | ".join(f"{each.mended[most] / max(wrong, 1):.0%}" for most in _SHOWN)
        lines.append(f"| {asked} | {shares} | {each.work_s / max(each.audio_s, 1e-9):.3f} |")
    return "\n".join(lines)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, metavar="MANIFEST")
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"))
    parser.add_argument("--output", type=Path, default=DOCUMENT, help="a document with the two marks")
    options = parser.parse_args(arguments)
    recognizer = Recognizer(options.model)
    decoders = Decoders(options.model, model_files.LANGUAGE_MODEL)
    block = table(measure(recognizer, read_manifest(options.manifest), decoders), options.manifest.name)
    write_block(options.output, "benchmarks.word_alternatives", block)
    print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
