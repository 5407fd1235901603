"""LJ Speech: metadata.csv (name|text|text with numbers and abbreviations spelt out) and wavs/<name>.wav.

Source: Ito and Johnson, "The LJ Speech Dataset" (2017); public domain.
"""

from pathlib import Path

from training.corpora.listing import Listing, Recording, read_lines, wrong_layout

_CORPUS = "LJ Speech"
_LICENCE = "public domain"
_SPEAKER = "ljspeech-LJ"


def lj_speech(source: Path) -> Listing:
    """Lists an extracted release; texts are the spelt-out ones where there are any.

    Raises:
        CorpusError: the folder lacks metadata.csv or wavs.
    """
    path, wavs = source / "metadata.csv", source / "wavs"
    if not path.is_file() or not wavs.is_dir():
        raise wrong_layout(source, _CORPUS, "metadata.csv and the folder wavs in it")
    listing = Listing()
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        name, *texts = line.strip().split("|")  # quotation marks are the sentences' own
        if 1 <= len(texts) <= 2:
            text = texts[-1] if texts[-1].strip() else texts[0]
            listing.recordings.append(Recording(wavs / f"{name}.wav", text, _CORPUS, _LICENCE, _SPEAKER))
        else:
            listing.problems.append(f"{path}:{number}: {len(texts) + 1} columns instead of 2 or 3.")
    return listing
