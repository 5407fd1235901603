"""Your own recordings: audio files with their texts beside them, or a table that names both."""

from pathlib import Path

from training.corpora.listing import (
    AUDIO_SUFFIXES,
    Listing,
    Recording,
    files_below,
    read_lines,
    wrong_layout,
)
from training.corpora.table import read_table
from training.errors import CorpusError
from training.manifest import audio_path

_TABLES = (".csv", ".tsv")


def own_recordings(
    source: Path, corpus: str | None = None, licence: str = "unknown", language: str | None = None
) -> Listing:
    """Lists a folder or a table.

    A folder has a UTF-8 .txt of the same name beside each audio file; a sub-folder is named after its speaker. A table
    (.csv or .tsv) has the columns audio, text and optionally speaker; its paths are relative to its folder.

    Args:
        source: the folder or the table.
        corpus: its name in the manifest; the folder's name if None.
        licence: in the manifest.
        language: BCP 47 tag of what is spoken, in the manifest; None says nothing there.

    Raises:
        CorpusError: there is no audio file with a text, or the table cannot be read.
    """
    if source.suffix.lower() in _TABLES and source.is_file():
        return _from_table(source, corpus or source.resolve().parent.name, licence, language)
    return _from_folder(source, corpus or source.resolve().name, licence, language)


def _from_table(source: Path, corpus: str, licence: str, language: str | None) -> Listing:
    table = read_table(source, ("audio", "text"))
    listing = Listing(problems=table.problems)
    for row in table.rows:
        audio = audio_path(source.parent, row["audio"].strip())
        speaker = row.get("speaker", "").strip() or _sub_folder(audio, source.parent)
        listing.recordings.append(Recording(audio, row["text"], corpus, licence, speaker, language))
    return listing


def _from_folder(source: Path, corpus: str, licence: str, language: str | None) -> Listing:
    files = files_below(source)
    texts = {path.with_suffix(""): path for path in files if path.suffix.lower() == ".txt"}
    listing, used = Listing(), set()
    for audio in files:
        if audio.suffix.lower() not in AUDIO_SUFFIXES:
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
        listing.recordings.append(Recording(audio, transcript, corpus, licence, _sub_folder(audio, source), language))
    if not used:
        raise wrong_layout(
            source, "a folder of recordings", "audio files with a .txt of the same name beside each, or a .csv or .tsv"
        )
    for text in texts.values():
        if text not in used:
            listing.problems.append(f"{text}: there is no audio file of that name that can be read beside it.")
    return listing


def _sub_folder(audio: Path, source: Path) -> str | None:
    try:
        folders = audio.relative_to(source).parts[:-1]
    except ValueError:  # the table names a file elsewhere
        return None
    return folders[0] if folders else None
