"""The recordings of a corpus, and the problems found in it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import soundfile as sf

from hark import languages
from training.errors import CorpusError

# Suffixes of libsndfile's formats that differ from its names for them, and those of phones, browsers, cameras and video
# editors, which `hark.media` reads. Raw samples have no header.
AUDIO_SUFFIXES = {f".{name.lower()}" for name in sf.available_formats() if name != "RAW"} | {
    ".aif", ".aifc", ".oga", ".opus", ".snd", ".sph", ".wave",
    ".3gp", ".aac", ".amr", ".asf", ".avi", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp4", ".weba", ".webm", ".wma",
}  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """One recording as its corpus lists it; whether the file can be read is not known yet.

    Attributes:
        audio_path: where the corpus says the file is.
        text: transcript of the corpus, unchanged.
        corpus: name of the corpus and, if there is one, of the subset.
        licence: of the corpus.
        speaker: a name that no other corpus has; None if the speaker is unknown.
        language: BCP 47 tag, where the corpus says it.
    """

    audio_path: Path
    text: str
    corpus: str
    licence: str
    speaker: str | None = None
    language: str | None = None


@dataclass
class Listing:
    """A corpus.

    Attributes:
        recordings: in the manifest's order.
        problems: a sentence for each recording that was left out, with its file.
    """

    recordings: list[Recording] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def tag_of(name: str) -> str | None:
    """Returns the BCP 47 tag that a corpus means by a code or a name, such as it_IT, it or Italian; None if by none.

    What has the form of a tag but is no known language, as a folder "own" has, is none.
    """
    try:
        tag = languages.canonical(name)
    except ValueError:
        return None
    return tag if languages.name(tag) != tag else None


def wrong_layout(source: Path, corpus: str, expected: str) -> CorpusError:
    """Returns the error for a source that does not look like its corpus."""
    fault = f"is not {corpus}" if source.exists() else "does not exist"
    return CorpusError(f"{source} {fault}: expected {expected}.")


def read_lines(path: Path) -> list[str]:
    """Returns the lines of a text file, without their ends.

    Only line feeds end a line: sentences may contain other separators at which `str.splitlines` would cut.

    Raises:
        CorpusError: the file cannot be read or is not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets write a byte order mark first
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read: {error}.") from error
    return text.removesuffix("\n").split("\n")


def visible(paths: Sequence[Path]) -> list[Path]:
    """Sorts paths and leaves out hidden ones, such as the `._` files that macOS packs beside every file."""
    return sorted(path for path in paths if not path.name.startswith("."))


def files_below(source: Path) -> list[Path]:
    """Returns the files of a folder and its sub-folders, linked ones too, sorted and without hidden ones.

    Raises:
        CorpusError: a folder may not be read.
    """
    if not source.exists():
        return []
    files = []
    for folder, sub_folders, names in os.walk(source, onerror=_refuse, followlinks=True):
        sub_folders[:] = [name for name in sub_folders if not name.startswith(".")]
        files += [Path(folder) / name for name in names]
    return visible(files)


def _refuse(error: OSError) -> None:
    """Stops at a folder that may not be read, which `os.walk` would skip."""
    raise CorpusError(f"{error.filename} cannot be read: {error.strerror}.") from error
