"""One's own recordings: audio files with their texts beside them, or a table that names both."""

import os
from pathlib import Path

import soundfile as sf

from training.corpora.listing import Listing, Recording, read_lines, visible, wrong_layout
from training.corpora.table import read_table
from training.errors import CorpusError

# What libsndfile's formats are called in file names, where not as it calls them itself. Raw samples lack a header.
_AUDIO = {f".{name.lower()}" for name in sf.available_formats() if name != "RAW"} | {
    ".aif", ".aifc", ".oga", ".opus", ".snd", ".sph", ".wave",
}  # fmt: skip
_TABLES = (".csv", ".tsv")


def own_recordings(source: Path, corpus: str | None = None, licence: str = "unknown") -> Listing:
    """Lists a folder or a table.

    A folder has a UTF-8 .txt beside each audio file, of the same stem; who speaks is the sub-folder's name. A table
    (.csv or .tsv) has the columns audio, text and, if wanted, speaker; paths in it are relative to its folder.

    Args:
        source: the folder or the table.
        corpus: what the manifest is to call it; the folder's name if None.
        licence: what the manifest is to say of its terms.

    Raises:
        CorpusError: there is no audio file with a text, or the table cannot be read.
    """
    if source.suffix.lower() in _TABLES and source.is_file():
        return _from_table(source, corpus or source.resolve().parent.name, licence)
    return _from_folder(source, corpus or source.resolve().name, licence)


def _from_table(source: Path, corpus: str, licence: str) -> Listing:
    table = read_table(source, ("audio", "text"))
    listing = Listing(problems=table.problems)
    for row in table.rows:
        audio = source.parent / row["audio"].strip()
        speaker = row.get("speaker", "").strip() or _sub_folder(audio, source.parent)
        listing.recordings.append(Recording(audio, row["text"], corpus, licence, speaker))
    return listing


def _from_folder(source: Path, corpus: str, licence: str) -> Listing:
    files = _files(source)
    texts = {path.with_suffix(""): path for path in files if path.suffix.lower() == ".txt"}
    listing, used = Listing(), set()
    for audio in files:
        if audio.suffix.lower() not in _AUDIO:
            continue
        text = texts.get(audio.with_suffix(""))
        if text is None:
            listing.problems.append(f"{audio}: there is no {audio.stem}.txt beside it.")
            continue
        used.add(text)
        try:
            transcript = " ".join(read_lines(text))
        except CorpusError as error:
            listing.problems.append(str(error))
            continue
        listing.recordings.append(Recording(audio, transcript, corpus, licence, _sub_folder(audio, source)))
    if not used:
        raise wrong_layout(
            source, "a folder of recordings", "audio files with a .txt of the same name beside each, or a .csv or .tsv"
        )
    for text in texts.values():
        if text not in used:
            listing.problems.append(f"{text}: there is no audio file of that name that can be read beside it.")
    return listing


def _files(source: Path) -> list[Path]:
    """Returns the files of all sub-folders, linked ones too, but for what is hidden."""
    if not source.exists():
        return []
    files = []
    for folder, sub_folders, names in os.walk(source, onerror=_refuse, followlinks=True):
        sub_folders[:] = [name for name in sub_folders if not name.startswith(".")]
        files += [Path(folder) / name for name in names]
    return visible(files)


def _refuse(error: OSError) -> None:
    """Stops at a folder that may not be read, which `os.walk` would pass over."""
    raise CorpusError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _sub_folder(audio: Path, source: Path) -> str | None:
    try:
        folders = audio.relative_to(source).parts[:-1]
    except ValueError:  # the table names a file elsewhere
        return None
    return folders[0] if folders else None
