"""Recordings of any length and format -> pieces short enough for training, at 16 kHz."""

import hashlib
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from hark import segments, vad
from hark.audio import blocks, within_full_scale
from training.corpora.listing import AUDIO_SUFFIXES, files_below
from training.errors import LabellingError

RATE_HZ = 16_000
# Folders of one name from different places must not share their clips.
_TOLD_APART_BY = 8


@dataclass(frozen=True)
class Piece:
    """A piece of a recording that is labelled as one utterance.

    Attributes:
        start_s: where it begins in its recording; None for a recording that is taken as a whole.
        samples: [samples] mono float32 at `RATE_HZ`, peak at most 1.
    """

    start_s: float | None
    samples: NDArray[np.float32]

    @property
    def duration_s(self) -> float:
        """Seconds of audio."""
        return len(self.samples) / RATE_HZ

    @property
    def digest(self) -> str:
        """A digest, equal for equal audio in any lossless format."""
        return hashlib.blake2b(self.samples.tobytes(), digest_size=8).hexdigest()

    @property
    def speech_s(self) -> float:
        """Seconds in which somebody may be speaking."""
        levels = vad.levels_db(self.samples, RATE_HZ)
        return float(np.count_nonzero(vad.is_speech(vad.excess_db(levels)))) * vad.STEP_S


class Recording:
    """An audio file, decoded as its pieces are asked for.

    Args:
        path: of a format that `hark.audio` decodes.
        longest_s: no piece is longer.

    Attributes:
        heard_s: how much was decoded so far; after the last piece, its whole length.
    """

    def __init__(self, path: Path, longest_s: float) -> None:
        self.path = path
        self.heard_s = 0.0
        self._longest_s = longest_s

    def pieces(self) -> Iterator[Piece]:
        """Yields the whole recording if it is no longer than `longest_s`; otherwise its speech, cut at pauses.

        Never more than a few minutes of it are in memory.

        Raises:
            OSError: the file cannot be read.
            hark.errors.RequestError: its audio cannot be read; pieces before the fault may have been yielded.
        """
        decoded = self._decoded()
        first: list[NDArray[np.float32]] = []
        for block in decoded:
            first.append(block)
            if self.heard_s > self._longest_s:
                break
        else:
            yield Piece(None, within_full_scale(np.concatenate(first)))
            return
        for window in segments.windows(chain(first, decoded), RATE_HZ, self._longest_s):
            yield Piece(window.start / RATE_HZ, window.samples)

    def _decoded(self) -> Iterator[NDArray[np.float32]]:
        with self.path.open("rb") as file:
            # Hours of WAV are gigabytes. An empty file cannot be mapped; `blocks` says better what is wrong with it.
            is_empty = not self.path.stat().st_size
            data = b"" if is_empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        for block in blocks(data, RATE_HZ, float("inf")):
            self.heard_s += len(block) / RATE_HZ
            yield block


def find_recordings(sources: Sequence[Path], but: Path) -> list[Path]:
    """Lists audio files: those named, with any suffix, and those in folders that have a known one.

    Args:
        sources: files and folders.
        but: a folder to leave out, with clips of earlier runs.

    Returns:
        Paths in the order of `sources`, sorted within each; each file once.

    Raises:
        LabellingError: a source does not exist, or none has a recording.
        CorpusError: a folder may not be read.
    """
    by_resolved_path: dict[Path, Path] = {}
    for source in sources:
        if not source.exists():
            raise LabellingError(f"{source} does not exist.")
        files = files_below(source) if source.is_dir() else [source]
        for path in files:
            is_wanted = path == source or path.suffix.lower() in AUDIO_SUFFIXES
            if is_wanted and not path.resolve().is_relative_to(but.resolve()):
                by_resolved_path.setdefault(path.resolve(), path)
    if not by_resolved_path:
        raise LabellingError(f"There is no recording in {', '.join(map(str, sources))}.")
    return list(by_resolved_path.values())


def write_clip(folder: Path, recording: Path, name: str, piece: Piece) -> Path:
    """Writes a piece as 16-bit FLAC, whole or not at all.

    Args:
        folder: for the clips of all recordings.
        recording: what the piece was cut from.
        name: of the recording, unlike that of any other.
        piece: one that was cut.

    Returns:
        the file.

    Raises:
        LabellingError: it cannot be written.
    """
    apart = hashlib.blake2b(name.encode()).hexdigest()[:_TOLD_APART_BY]
    path = folder / f"{recording.stem}-{apart}" / f"{round((piece.start_s or 0.0) * 1000):08d}.flac"
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(part, piece.samples, RATE_HZ, subtype="PCM_16", format="FLAC")
        part.replace(path)
    except (OSError, sf.LibsndfileError) as error:
        raise LabellingError(f"{path} cannot be written: {error}.") from error
    return path
