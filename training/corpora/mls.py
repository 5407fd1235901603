"""Multilingual LibriSpeech: mls_<language>/<split>/transcripts.txt and audio/<speaker>/<book>/<name>.flac or .opus.

Source: Pratap et al., "MLS: A Large-Scale Multilingual Dataset for Speech Research" (Interspeech 2020); CC BY 4.0.
"""

import re
from pathlib import Path

from training.corpora.listing import Listing, Recording, read_lines, tag_of, wrong_layout

SPLITS = ("train", "dev", "test")
_CORPUS = "MLS"
_LICENCE = "CC BY 4.0"
_FOLDER = re.compile(r"mls_([a-z]+?)(?:_opus)?")
_SUFFIXES = (".flac", ".opus")


def mls(source: Path, split: str) -> Listing:
    """Lists one split of one language.

    Args:
        source: the language's folder, such as mls_italian or mls_italian_opus.
        split: one of SPLITS.

    Raises:
        CorpusError: the folder lacks the split's transcripts or recordings.
    """
    folder = source / split
    transcripts, recordings = folder / "transcripts.txt", folder / "audio"
    if not transcripts.is_file() or not recordings.is_dir():
        raise wrong_layout(
            source,
            "a language of Multilingual LibriSpeech",
            f"{split}/transcripts.txt and the folder {split}/audio in it",
        )
    named = _FOLDER.fullmatch(source.resolve().name)
    language = tag_of(named[1]) if named else None
    listing = Listing()
    for number, line in enumerate(read_lines(transcripts), 1):
        if not line.strip():
            continue
        name, _, text = line.strip().partition("\t")
        parts = name.split("_")
        if len(parts) != 3:
            listing.problems.append(f"{transcripts}:{number}: {name!r} is not speaker_book_number.")
            continue
        speaker, book, _ = parts
        stem = recordings / speaker / book / name
        paths = [stem.with_name(f"{name}{suffix}") for suffix in _SUFFIXES]
        audio = next((path for path in paths if path.is_file()), paths[0])
        listing.recordings.append(Recording(audio, text, f"{_CORPUS} {split}", _LICENCE, f"mls-{speaker}", language))
    return listing
