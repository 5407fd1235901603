"""Speech Commands: <word>/<speaker>_nohash_<number>.wav, with the two lists that make the splits.

Source: Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition" (2018); CC BY 4.0.
"""

from pathlib import Path

from training.corpora.listing import Listing, Recording, read_lines, visible, wrong_layout

SPLITS = ("train", "validation", "test", "all")
_CORPUS = "Speech Commands"
_LICENCE = "CC BY 4.0"
_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
_AFTER_SPEAKER = "_nohash_"


def speech_commands(source: Path, split: str) -> Listing:
    """Lists one split: what its list names, or for "train" what neither list does.

    Folders whose names begin with an underscore (`_background_noise_`) hold no words.

    Args:
        source: the folder with a folder for each word.
        split: one of SPLITS.

    Raises:
        CorpusError: the folder lacks the lists or has no word in it.
    """
    words = [folder for folder in visible(list(source.glob("*/"))) if not folder.name.startswith("_")]
    present = [audio for word in words for audio in visible(list(word.glob("*.wav")))]
    lists = {name: source / file for name, file in _LISTS.items()}
    if not present or not all(path.is_file() for path in lists.values()):
        raise wrong_layout(source, _CORPUS, f"<word>/*.wav, {' and '.join(_LISTS.values())} in it")
    # Paths rather than their text, so that what a list spells otherwise (./yes/a.wav) is still the same file.
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


def _recording(audio: Path) -> Recording:
    speaker, found, _ = audio.stem.partition(_AFTER_SPEAKER)
    known = f"speechcommands-{speaker}" if speaker and found else None
    return Recording(audio, audio.parent.name, _CORPUS, _LICENCE, known)
