"""FLEURS: <language>/<split>.tsv without a line of names, and <split>/*.wav as its archives have them.

Source: Conneau et al., "FLEURS: Few-Shot Learning Evaluation of Universal Representations of Speech" (SLT 2022); CC BY
4.0. It does not say who speaks.
"""

import csv
from pathlib import Path

from training.corpora.listing import Listing, Recording, read_lines, tag_of, wrong_layout

SPLITS = ("train", "dev", "test")
_CORPUS = "FLEURS"
_LICENCE = "CC BY 4.0"
# The number of the sentence, the file, the text as written, the text in small letters and without marks, its letters
# apart, the number of samples, and whether a man or a woman reads.
_FILE, _TEXT, _COLUMNS = 1, 2, 7


def fleurs(source: Path, split: str) -> Listing:
    """Lists one split of one language.

    Args:
        source: the language's folder, such as it_it; the archive of the split is unpacked in it or in its folder audio.
        split: one of SPLITS.

    Raises:
        CorpusError: the folder lacks the split's .tsv or its recordings.
    """
    path = source / f"{split}.tsv"
    folder = next((each for each in (source / "audio" / split, source / split) if each.is_dir()), None)
    if not path.is_file() or folder is None:
        raise wrong_layout(
            source, "a language of FLEURS", f"{split}.tsv and audio/{split}, the unpacked {split}.tar.gz, in it"
        )
    language = tag_of(source.resolve().name)
    listing = Listing()
    lines = read_lines(path)
    for number, row in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
        if len(row) == _COLUMNS:
            listing.recordings.append(
                Recording(folder / row[_FILE], row[_TEXT], f"{_CORPUS} {split}", _LICENCE, None, language)
            )
        elif row:
            listing.problems.append(f"{path}:{number}: {len(row)} columns instead of {_COLUMNS}.")
    return listing
