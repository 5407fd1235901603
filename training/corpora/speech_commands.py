"""Speech Commands: <word>/<speaker>_nohash_<number>.wav, split by two lists, or by a hash of the speaker.

Source: Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition" (2018); CC BY 4.0.
"""

import hashlib
from pathlib import Path

from training.corpora.listing import Listing, Recording, read_lines, visible, wrong_layout

SPLITS = ("train", "validation", "test", "all")
CORPUS = "Speech Commands"
_LICENCE = "CC BY 4.0"
_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
_AFTER_SPEAKER = "_nohash_"
# Percent of the hashes that are validation, and then test; the published lists follow the same rule.
_VALIDATION_PERCENT = _TEST_PERCENT = 10
_HASHES = 2**27


def speech_commands(source: Path, split: str) -> Listing:
    """Lists one split: the recordings in its list; for "train" those in neither list.

    Without lists, as in a folder of your own with this layout, `split_of` decides.

    Folders whose names begin with an underscore (`_background_noise_`) are no words.

    Args:
        source: the folder with a folder for each word.
        split: one of SPLITS.

    Raises:
        CorpusError: the folder has no words, or one list without the other.
    """
    words = [folder for folder in visible(list(source.glob("*/"))) if not folder.name.startswith("_")]
    present = [audio for word in words for audio in visible(list(word.glob("*.wav")))]
    lists = {name: source / file for name, file in _LISTS.items()}
    there = [path.is_file() for path in lists.values()]
    if not present or any(there) != all(there):
        raise wrong_layout(source, CORPUS, f"<word>/*.wav and, or neither, {' and '.join(_LISTS.values())} in it")
    if not any(there):
        return Listing([_recording(audio) for audio in present if split in ("all", split_of(_speaker(audio)))])
    # Paths, not their text, so that another spelling in a list (./yes/a.wav) is still the same file.
    listed = {
        name: [source / line.strip() for line in read_lines(path) if line.strip()] for name, path in lists.items()
    }
    in_lists = {audio for paths in listed.values() for audio in paths}
    if split == "all":
        wanted = {*present, *in_lists}
    elif split == "train":
        wanted = set(present) - in_lists
    else:
        wanted = set(listed[split])
    return Listing([_recording(audio) for audio in sorted(wanted)])


def split_of(speaker: str) -> str:
    """Returns the split all recordings of a speaker are in: "train", "validation" or "test".

    Source: Warden (2018): the SHA-1 of the file's name up to "_nohash_", as a percentage, so that a speaker's later
    recordings join the earlier ones.
    """
    digest = int.from_bytes(hashlib.sha1(speaker.encode(), usedforsecurity=False).digest())
    percent = digest % _HASHES * 100 / (_HASHES - 1)
    if percent < _VALIDATION_PERCENT:
        return "validation"
    return "test" if percent < _VALIDATION_PERCENT + _TEST_PERCENT else "train"


def _speaker(audio: Path) -> str:
    return audio.stem.partition(_AFTER_SPEAKER)[0]


def _recording(audio: Path) -> Recording:
    speaker, separator, _ = audio.stem.partition(_AFTER_SPEAKER)
    known = f"speechcommands-{speaker}" if speaker and separator else None
    return Recording(audio, audio.parent.name, CORPUS, _LICENCE, known)
