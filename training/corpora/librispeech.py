"""LibriSpeech: LibriSpeech/<subset>/<speaker>/<chapter>/<speaker>-<chapter>.trans.txt and one FLAC an utterance.

Source: Panayotov et al., "LibriSpeech: an ASR corpus based on public domain audio books" (ICASSP 2015); CC BY 4.0.
"""

import http.client
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from training.corpora.listing import Listing, Recording, read_lines, visible, wrong_layout
from training.errors import CorpusError

_FOLDER = "LibriSpeech"
_TRANSCRIPTS = "*/*/*.trans.txt"
_LICENCE = "CC BY 4.0"


def librispeech(source: Path, subsets: Sequence[str] = ()) -> Listing:
    """Lists an extracted release.

    Args:
        source: the folder LibriSpeech, the one it lies in, or a subset's.
        subsets: names such as "dev-clean"; empty for all that are there.

    Raises:
        CorpusError: this is not LibriSpeech, or it lacks a subset.
    """
    there = _subsets(source)
    if not there:
        raise wrong_layout(source, _FOLDER, f"{_FOLDER}/<subset>/<speaker>/<chapter>/*.trans.txt in it")
    absent = [name for name in subsets if name not in there]
    if absent:
        raise CorpusError(f"{source} has no subset {', '.join(absent)}; it has {', '.join(there)}.")
    listing = Listing()
    for name in subsets or there:
        _add_subset(listing, there[name])
    return listing


def _subsets(source: Path) -> dict[str, Path]:
    for folder in (source / _FOLDER, source):
        children = visible(list(folder.glob("*/")))
        if subsets := {child.name: child for child in children if _is_subset(child)}:
            return subsets
    return {source.resolve().name: source} if _is_subset(source) else {}


def _is_subset(folder: Path) -> bool:
    return any(folder.glob(_TRANSCRIPTS))


def _add_subset(listing: Listing, subset: Path) -> None:
    corpus = f"{_FOLDER} {subset.resolve().name}"
    transcribed = set()
    for transcripts in visible(list(subset.glob(_TRANSCRIPTS))):
        for line in read_lines(transcripts):
            name, _, text = line.strip().partition(" ")
            if not name:
                continue
            audio = transcripts.parent / f"{name}.flac"
            transcribed.add(audio)
            speaker = f"librispeech-{transcripts.parent.parent.name}"
            listing.recordings.append(Recording(audio, text, corpus, _LICENCE, speaker))
    for audio in visible(list(subset.glob("*/*/*.flac"))):
        if audio not in transcribed:
            listing.problems.append(f"{audio}: its chapter's .trans.txt has no transcript for it.")


def download(root: Path, subset: str) -> None:
    """Downloads a subset to `root`/LibriSpeech with torchaudio, which checks the archive's digest; not if it is there.

    It is unpacked elsewhere and moved when it is complete, so that an interrupted download is never taken for the
    subset. A complete archive is not downloaded again.

    Raises:
        CorpusError: there is no such subset, or it cannot be downloaded.
    """
    from training.torchaudio_guard import torchaudio  # torch takes seconds to import, and only a download needs it

    destination = root / _FOLDER / subset
    if destination.is_dir():
        return
    unfinished = root / f".{subset}.part"
    shutil.rmtree(unfinished / _FOLDER, ignore_errors=True)
    unfinished.mkdir(parents=True, exist_ok=True)
    try:
        torchaudio.datasets.LIBRISPEECH(unfinished, url=subset, download=True)
        destination.parent.mkdir(exist_ok=True)
        (unfinished / _FOLDER / subset).rename(destination)
    except (OSError, http.client.HTTPException, RuntimeError, EOFError, tarfile.TarError) as error:
        raise CorpusError(f"LibriSpeech {subset} cannot be downloaded to {root}: {error}.") from error
    except ValueError as error:  # torchaudio's for a name it does not know; the message lists those it does
        unfinished.rmdir()
        raise CorpusError(f"LibriSpeech has no subset {subset!r}: {error}") from error
    shutil.rmtree(unfinished)
