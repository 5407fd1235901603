"""Mozilla Common Voice: <release>/<language>/train.tsv, dev.tsv, test.tsv, validated.tsv and clips/*.mp3.

Source: Ardila et al., "Common Voice: A Massively-Multilingual Speech Corpus" (LREC 2020); CC0.
"""

from pathlib import Path

from training.corpora.listing import Listing, Recording, tag_of, wrong_layout
from training.corpora.table import read_table
from training.manifest import audio_path

SPLITS = ("train", "dev", "test", "validated")
_LICENCE = "CC0"


def common_voice(source: Path, split: str) -> Listing:
    """Lists one split of one language.

    Args:
        source: the language's folder.
        split: one of SPLITS; "validated" holds the three others and more.

    Raises:
        CorpusError: the folder lacks the split's .tsv or clips, or the .tsv a column.
    """
    path, clips = source / f"{split}.tsv", source / "clips"
    if not path.is_file() or not clips.is_dir():
        raise wrong_layout(source, "a language of Common Voice", f"{split}.tsv and the folder clips in it")
    table = read_table(path, ("client_id", "path", "sentence"))
    listing = Listing(problems=table.problems)
    for row in table.rows:
        # The first releases name clips without their extension.
        audio = audio_path(clips, row["path"] if Path(row["path"]).suffix else f"{row['path']}.mp3")
        corpus = f"Common Voice ({row['locale']})" if row.get("locale") else "Common Voice"
        speaker = f"commonvoice-{row['client_id']}" if row["client_id"] else None
        language = tag_of(row.get("locale") or source.resolve().name)
        listing.recordings.append(Recording(audio, row["sentence"], corpus, _LICENCE, speaker, language))
    return listing
