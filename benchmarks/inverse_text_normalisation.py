"""Counts the hand-checked cases that are written right: `python -m benchmarks.inverse_text_normalisation [--write]`.

A case is right if every token of it is. Cases are by kind; how long it takes is given for their words, of which far
more are numbers than in ordinary speech. `--write` puts the table into docs/inverse-text-normalisation.md.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.documents import write_block
from hark.command import command
from hark.itn import tokens
from tests.hark.itn.cases import Case, cases

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "inverse-text-normalisation.md"
_RUNS = 20


def written(case: Case) -> str:
    """Returns a case as Hark writes it."""
    return " ".join(token.text for token in tokens(case.words, case.breaks))


def table() -> str:
    """Returns how many cases of each kind are right, and how many of those that are to stay as spoken."""
    found = cases()
    total = Counter(case.kind for case in found)
    right = Counter(case.kind for case in found if written(case) == case.written)
    kept = [case for case in found if case.unchanged]
    rows = [(kind, right[kind], total[kind]) for kind in total]
    rows.append(("of all, stays as spoken", sum(written(case) == case.written for case in kept), len(kept)))
    rows.append(("all", sum(right.values()), len(found)))
    lines = ["| kind | right | of |", "|---|---|---|"]
    lines += [f"| {kind} | {count} | {of} |" for kind, count, of in rows]
    return "\n".join(lines)


def milliseconds_per_thousand_words() -> float:
    """Returns the time of the processor, at its best, that the words of all cases take."""
    words = [word for case in cases() for word in case.words]
    best = min(_seconds(words) for _ in range(_RUNS))
    return best / len(words) * 1e6


def _seconds(words: list[str]) -> float:
    start = time.process_time()
    tokens(words)
    return time.process_time() - start


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into the document")
    options = parser.parse_args(arguments)
    for case in cases():
        if written(case) != case.written:
            print(f"{' '.join(case.words)}\n  wanted {case.written}\n  got    {written(case)}", file=sys.stderr)
    block = table()
    print(block)
    print(f"\n{milliseconds_per_thousand_words():.1f} ms of processor time for 1,000 words")
    if options.write:
        write_block(DOCUMENT, "benchmarks.inverse_text_normalisation", block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
