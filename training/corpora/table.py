"""Tables with named columns: Common Voice's releases, and your own lists."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import CorpusError


@dataclass(frozen=True)
class Table:
    """The rows of a table.

    Attributes:
        rows: column name -> value, for every row with as many values as there are columns.
        problems: a sentence for each other row.
    """

    rows: list[dict[str, str]]
    problems: list[str]


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Reads a .csv, separated by commas and quoted as spreadsheets do, or a .tsv, separated by tabs and never quoted.

    Common Voice does not quote, and some of its sentences begin with a quotation mark that is never closed: a reader
    that interprets them would take many lines for one.

    Args:
        path: the file, in UTF-8.
        columns: names that its first line must have, among others.

    Raises:
        CorpusError: the file cannot be read, lacks a column, or has a misplaced quotation mark.
    """
    quoted = path.suffix.lower() == ".csv"
    problems: list[str] = []
    rows: list[dict[str, str]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = (
                csv.reader(file, strict=True) if quoted else csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            )
            names = [name.strip() for name in next(reader, [])]
            missing = [name for name in columns if name not in names]
            if missing:
                raise CorpusError(
                    f"{path} has no column {' or '.join(missing)} in its first line; it has: {', '.join(names)}."
                )
            for values in reader:
                if len(values) == len(names):
                    rows.append(dict(zip(names, values, strict=True)))
                elif values:
                    problems.append(f"{path}:{reader.line_num}: {len(values)} columns instead of {len(names)}.")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read: {error}.") from error
    except csv.Error as error:
        raise CorpusError(f"{path}:{reader.line_num} is not a table row: {error}.") from error
    return Table(rows, problems)
