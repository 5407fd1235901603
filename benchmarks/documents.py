"""Puts what a benchmark measured into the document that speaks of it."""

from pathlib import Path

from hark.errors import HarkError

END = "<!-- end -->"


def write_block(document: Path, benchmark: str, block: str) -> None:
    """Puts a block between the two marks a document has for a benchmark, by its module's name.

    Raises:
        HarkError: it has no such marks.
    """
    mark = f"<!-- begin: python -m {benchmark} -->"
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise HarkError(f"{document} has no place for what was measured: it needs the lines {mark} and {END}.")
    document.write_text(f"{before}{begin}\n{block}\n{end}{after}", encoding="utf-8")
