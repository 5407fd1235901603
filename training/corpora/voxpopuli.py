"""VoxPopuli: transcribed_data/<language>/asr_<split>.tsv and <year>/<id>.ogg, as its own scripts leave them.

Source: Wang et al., "VoxPopuli: A Large-Scale Multilingual Speech Corpus for Representation Learning, Semi-Supervised
Learning and Interpretation" (ACL 2021); CC0.
"""

from pathlib import Path

from training.corpora.listing import Listing, Recording, tag_of, wrong_layout
from training.corpora.table import read_table

SPLITS = ("train", "dev", "test")
_CORPUS = "VoxPopuli"
_LICENCE = "CC0"


def voxpopuli(source: Path, split: str) -> Listing:
    """Lists one split of one language; texts are as they were published, with capitals and figures, where they are.

    Args:
        source: the language's folder, <root>/transcribed_data/<language>.
        split: one of SPLITS.

    Raises:
        CorpusError: the folder lacks the split's .tsv, or the .tsv a column.
    """
    path = source / f"asr_{split}.tsv"
    if not path.is_file():
        raise wrong_layout(
            source, "a language of VoxPopuli", f"asr_{split}.tsv in it, as in <root>/transcribed_data/<language>"
        )
    table = read_table(path, ("id", "raw_text", "normalized_text", "speaker_id"))
    language = tag_of(source.resolve().name.removesuffix("_accented"))
    listing = Listing(problems=table.problems)
    for row in table.rows:
        audio = source / row["id"][:4] / f"{row['id']}.ogg"
        # Of speakers who are not known the table says None.
        known = row["speaker_id"] not in ("", "None")
        text = row["raw_text"] if row["raw_text"].strip() else row["normalized_text"]
        listing.recordings.append(
            Recording(
                audio, text, _CORPUS, _LICENCE, f"voxpopuli-{row['speaker_id']}" if known else None, language
            )
        )  # fmt: skip
    return listing
