"""Holds whole books out of a collection of sentences: `python -m training.punctuation.books FILE --output FOLDER`.

FILE has a sentence a line, book after book, as `data/text/sentences.txt.gz` does. Written are `train/`, what lies
between the books that are held out; `dev/`, to choose a model by; and `test/`, to measure it on.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hark.command import command
from hark.errors import HarkError
from training.lines import read_lines


@dataclass(frozen=True)
class Book:
    """A book by how the first and the last of its sentences begin."""

    first: str
    last: str


DEV = {"treasure-island": Book("\"Fifteen men on the dead man's", "The bar silver and the arms still lie")}
TEST = {
    "anne-of-green-gables": Book("Rachel Lynde's door without due regard", "\"'God's in his heaven, all's right"),
    "the-adventures-of-sherlock-holmes": Book("To Sherlock Holmes she is", "Fowler and Miss Rucastle were married"),
    "the-war-of-the-worlds": Book("'But who shall dwell in these worlds", "And strangest of all is it to hold my wife"),
}


def split(lines: Iterable[str], books: Mapping[str, Book]) -> dict[str, list[str]]:
    """Parts a collection.

    Returns:
        the sentences of each book by its name, and of what lies between them by "1", "2", and so on.

    Raises:
        HarkError: a book is not there.
    """
    parts: dict[str, list[str]] = {"1": []}
    name, between = "1", 1
    for line in map(str.rstrip, lines):
        if name not in books:
            name = next((each for each, book in books.items() if line.startswith(book.first)), name)
        parts.setdefault(name, []).append(line)
        if name in books and line.startswith(books[name].last):
            between += 1
            name = str(between)
    missing = sorted(books.keys() - parts.keys())
    if missing or name in books:
        raise HarkError(f"These books are not whole in the file: {', '.join(missing or [name])}; name another file.")
    return parts


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    for name, lines in split(read_lines(options.file), {**DEV, **TEST}).items():
        folder = options.output / ("dev" if name in DEV else "test" if name in TEST else "train")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        print(f"{folder / name}.txt: {len(lines):,} sentences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
