"""M-AILABS: <language>/by_book/<female, male or mix>/.../<book>/metadata.csv and wavs/<name>.wav.

A line of metadata.csv is name|text|text with numbers spelt out, as in LJ Speech. Below female and male is a folder for
each speaker with one for each book; below mix are books that several read.

Source: M-AILABS, "The M-AILABS Speech Dataset" (2018); its own licence, which allows any use.
"""

from pathlib import Path

from training.corpora.listing import Listing, Recording, read_lines, tag_of, visible, wrong_layout

_CORPUS = "M-AILABS"
_LICENCE = "M-AILABS"
# It writes the countries of two languages in its own way.
_TAGS = {"en_UK": "en-GB", "uk_UK": "uk"}
_MIXED = "mix"


def m_ailabs(source: Path) -> Listing:
    """Lists the recordings of one language; texts are the spelt-out ones where there are any.

    Args:
        source: the language's folder, such as it_IT.

    Raises:
        CorpusError: the folder has no books.
    """
    tables = visible(list((source / "by_book").rglob("metadata.csv")))
    if not tables:
        raise wrong_layout(
            source, "a language of M-AILABS", "by_book/<female, male or mix>/.../<book>/metadata.csv and wavs in it"
        )
    name = source.resolve().name
    language = tag_of(_TAGS.get(name, name))
    listing = Listing()
    for table in tables:
        kind, *folders = table.parent.relative_to(source / "by_book").parts
        speaker = None if kind == _MIXED or not folders else f"mailabs-{name}-{folders[0]}"
        for number, line in enumerate(read_lines(table), 1):
            if not line.strip():
                continue
            clip, *texts = line.strip().split("|")  # quotation marks are the sentences' own
            if 1 <= len(texts) <= 2:
                text = texts[-1] if texts[-1].strip() else texts[0]
                audio = table.parent / "wavs" / f"{clip}.wav"
                listing.recordings.append(Recording(audio, text, _CORPUS, _LICENCE, speaker, language))
            else:
                listing.problems.append(f"{table}:{number}: {len(texts) + 1} columns instead of 2 or 3.")
    return listing
