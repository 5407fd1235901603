"""What a corpus says of itself: its recordings, and what in it cannot be used."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.errors import CorpusError


@dataclass(frozen=True)
class Recording:
    """One recording as its corpus lists it; whether the file can be read is not known yet.

    Attributes:
        audio_path: where the corpus says the file is.
        text: transcript as the corpus has it.
        corpus: name of the corpus and, where it has one, of the subset.
        licence: terms that corpus is under.
        speaker: who speaks, unlike any speaker of another corpus; None where the corpus does not say.
    """

    audio_path: Path
    text: str
    corpus: str
    licence: str
    speaker: str | None = None


@dataclass
class Listing:
    """A corpus.

    Attributes:
        recordings: in the order they get in the manifest.
        problems: a sentence for each thing that was left out, with the file it is about.
    """

    recordings: list[Recording] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def wrong_layout(source: Path, corpus: str, expected: str) -> CorpusError:
    """Returns the error for a source that does not look like its corpus."""
    fault = f"is not {corpus}" if source.exists() else "does not exist"
    return CorpusError(f"{source} {fault}: expected {expected}.")


def read_lines(path: Path) -> list[str]:
    """Returns the lines of a text file, without their ends.

    Only line feeds end a line: sentences may hold the separators that `str.splitlines` also takes for one.

    Raises:
        CorpusError: the file cannot be read or is not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a byte order mark in front
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read: {error}.") from error
    return text.removesuffix("\n").split("\n")


def visible(paths: Sequence[Path]) -> list[Path]:
    """Sorts paths and leaves out hidden ones, such as the `._` files that macOS packs beside every file."""
    return sorted(path for path in paths if not path.name.startswith("."))
