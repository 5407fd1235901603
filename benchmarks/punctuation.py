"""Measures readable text: `python -m benchmarks.punctuation --text FILE ... --heard FILE ... [--output FILE]`.

    python -m benchmarks.punctuation --text data/books/test/*.txt --pauses data/heard.jsonl \
        --heard data/heard-dev_mic.jsonl --output models/PUNCTUATION_CARD.md

The figures are those of `python -m training.punctuation.evaluate`, with all texts in one row, and the time that a
transcript takes on one core: the network alone, and all of it, with the rules for numbers and for capitals.
"""

import argparse
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.conditions import conditions
from benchmarks.documents import write_block
from hark import model_files
from hark.command import command
from hark.punctuation import Punctuator
from hark.transcript import Word
from hark.written import Writer
from training.punctuation import pauses as speakers_pauses
from training.punctuation.evaluate import of_model, rows_of_heard, rows_of_texts, table
from training.punctuation.heard import read_heard
from training.punctuation.labels import read_texts

# People read aloud at about this pace.
_WORDS_PER_S = 2.5
# An hour's transcript, and how often it is written; the fastest counts, since a machine has other work, too.
_WORDS = round(3600 * _WORDS_PER_S)
_REPEATS = 3


def milliseconds_per_second(punctuator: Punctuator, words: Sequence[str]) -> tuple[float, float]:
    """Returns the CPU time for a second of speech, in ms: of the network, and of all."""
    writer = Writer(punctuator)
    spoken = [Word(word, i / _WORDS_PER_S, (i + 0.85) / _WORDS_PER_S, 0.9) for i, word in enumerate(words)]
    gaps: list[tuple[str, float | None]] = [(word, 0.05) for word in words]
    seconds = len(words) / _WORDS_PER_S
    network_s = min(_cpu_s(punctuator.labels(gaps)) for _ in range(_REPEATS))
    all_s = min(_cpu_s(writer.words(spoken)) for _ in range(_REPEATS))
    return network_s / seconds * 1000, all_s / seconds * 1000


def _cpu_s(work: Iterable[object]) -> float:
    since_s = time.process_time()
    deque(work, maxlen=0)
    return time.process_time() - since_s


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=model_files.PUNCTUATION)
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="texts of sentences, as written")
    parser.add_argument("--pauses", type=Path, help="recordings to draw pauses from, for the texts")
    parser.add_argument("--heard", type=Path, nargs="+", default=[], help="recordings as they were heard")
    parser.add_argument("--output", type=Path, help="a document with two marks to put the tables between")
    options = parser.parse_args(arguments)
    punctuator = Punctuator(options.model)
    model = of_model(punctuator)
    pauses = speakers_pauses.measured(read_heard(options.pauses)) if options.pauses else None
    lines = [f"{punctuator.spec.name} {punctuator.spec.version}; F1 (precision / recall). {conditions()}"]
    texts = read_texts(options.text)
    parts = {path.stem: [text] for path, text in zip(options.text, texts, strict=True)}
    if len(texts) > 1:
        parts = {"all texts": texts, **parts}
    for title, part in parts.items():
        lines += ["", f"{title}: {sum(map(len, part)):,} words", "", table(rows_of_texts(model, part, pauses))]
    for path in options.heard:
        heard = read_heard(path)
        count = sum(len(each.words) for each in heard)
        lines += ["", f"{path.stem}: {len(heard):,} recordings, {count:,} words heard"]
        lines += ["", table(rows_of_heard(model, heard))]
    network_ms, all_ms = milliseconds_per_second(punctuator, texts[0].words[:_WORDS])
    lines += ["", f"CPU time for a second of speech: {network_ms:.3f} ms for the network, {all_ms:.3f} ms for all."]
    print("\n".join(lines))
    if options.output:
        write_block(options.output, "benchmarks.punctuation", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
