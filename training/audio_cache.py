"""Decoded audio kept in flat files, one a manifest, so that nothing is decoded or resampled twice."""

import bisect
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hark.audio import decode
from hark.command import told
from hark.errors import RequestError
from training.errors import ManifestError
from training.manifest import Utterance

# 16-bit samples halve the cache, and most recordings have no more than 16 bits.
FULL_SCALE = 32767.0
_DECODED_AT_ONCE = 256


class AudioCache:
    """Samples of a list of utterances at one rate; made on first use, mapped from disk afterwards.

    The cache's name is a digest of the paths, sizes and modification times of the audio files, so that a changed
    recording makes a new cache.

    Args:
        utterances: the recordings.
        sample_rate_hz: of the samples.
        folder: where the cache is kept.
        leave_out: leave out recordings that are missing or cannot be read; else they are an error.

    Attributes:
        path: of the cache's files, without their suffixes.
        pcm: samples of all utterances in a row.
        offsets: where the samples of each utterance begin; the last is where they all end.
        refused: what was left out, and why.

    Raises:
        ManifestError: audio is missing or unreadable; the message names files.
    """

    def __init__(
        self, utterances: Sequence[Utterance], sample_rate_hz: int, folder: str | Path, leave_out: bool = False
    ) -> None:
        paths = [utterance.audio_path for utterance in utterances]
        missing = [path for path in paths if not path.is_file()]
        if missing and not leave_out:
            names = ", ".join(map(str, missing[:5]))
            raise ManifestError(f"{len(missing)} audio files are missing, the first: {names}.")
        paths = [path for path in paths if path not in set(missing)]
        digest = hashlib.sha256(str(sample_rate_hz).encode())
        for path in paths:
            stat = path.stat()
            digest.update(f"\0{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
        self.path = Path(folder) / digest.hexdigest()[:24]
        index_path, samples_path = self.path.with_suffix(".json"), self.path.with_suffix(".pcm")
        if not index_path.exists() or _is_outdated(index_path, sample_rate_hz):
            _build(paths, sample_rate_hz, index_path, samples_path, leave_out)
        index = json.loads(index_path.read_text())
        self.refused: dict[Path, str] = dict.fromkeys(missing, "The file is missing.")
        if isinstance(index, dict):
            self.refused |= {Path(path): reason for path, reason in index["refused"].items()}
            index = index["offsets"]
            if not leave_out:
                raise _unreadable(self.refused)
        self.offsets: list[int] = index
        self.pcm: NDArray[np.int16] = (
            np.memmap(samples_path, np.int16, mode="r") if self.offsets[-1] else np.zeros(0, np.int16)
        )

    @property
    def name(self) -> str:
        """A digest of the recordings, without those that were left out."""
        if not self.refused:
            return self.path.name
        without = hashlib.sha256("\0".join(map(str, self.refused)).encode()).hexdigest()
        return f"{self.path.name}-{without[:8]}"

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        """Returns [samples] float32 in -1..1."""
        pcm = self.pcm[self.offsets[index] : self.offsets[index + 1]]
        return pcm.astype(np.float32) / np.float32(FULL_SCALE)


class JoinedAudio:
    """Several caches read as one.

    Each manifest keeps its own cache, so that adding a manifest to a run leaves the others' caches as they are.

    Attributes:
        parts: the caches.
        offsets: where the samples of each utterance begin in `pcm`; the last is where they all end.
        refused: what was left out, and why.
    """

    def __init__(self, parts: Sequence[AudioCache]) -> None:
        self.parts = list(parts)
        self.refused = {path: reason for part in self.parts for path, reason in part.refused.items()}
        self._first = list(itertools.accumulate((len(part) for part in self.parts), initial=0))
        starts = itertools.accumulate((part.offsets[-1] for part in self.parts), initial=0)
        self.offsets = [
            start + offset for start, part in zip(starts, self.parts, strict=False) for offset in part.offsets[:-1]
        ]
        self.offsets.append(sum(part.offsets[-1] for part in self.parts))

    @property
    def name(self) -> str:
        """A digest of the recordings; the name of the cache where there is only one."""
        names = [part.name for part in self.parts]
        return names[0] if len(names) == 1 else hashlib.sha256(" ".join(names).encode()).hexdigest()[:24]

    @property
    def pcm(self) -> NDArray[np.int16]:
        """Samples of all utterances in a row, copied into memory."""
        return np.concatenate([np.zeros(0, np.int16), *(part.pcm for part in self.parts)])

    def __len__(self) -> int:
        return self._first[-1]

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        """Returns [samples] float32 in -1..1."""
        part = bisect.bisect_right(self._first, index) - 1
        return self.parts[part][index - self._first[part]]


def cached_audio(
    manifests: Iterable[Sequence[Utterance]], sample_rate_hz: int, folder: str | Path, leave_out: bool = False
) -> JoinedAudio:
    """Opens the cache of each manifest's utterances, and makes those that are missing.

    Raises:
        ManifestError: as `AudioCache`.
    """
    return JoinedAudio([AudioCache(utterances, sample_rate_hz, folder, leave_out) for utterances in manifests])


def _is_outdated(index_path: Path, sample_rate_hz: int) -> bool:
    """Says whether a recording that was left out can be read after all, by a newer decoder for example."""
    index = json.loads(index_path.read_text())
    if isinstance(index, list):
        return False
    return any(not isinstance(_read(Path(path), sample_rate_hz), str) for path in index["refused"])


def _read(path: Path, sample_rate_hz: int) -> NDArray[np.int16] | str:
    """Returns the samples of a file, or why there are none."""
    try:
        samples = decode(path.read_bytes(), sample_rate_hz, max_duration_s=float("inf"))
    except (RequestError, OSError) as error:
        return told(error)
    pcm: NDArray[np.int16] = np.rint(np.clip(samples, -1, 1) * FULL_SCALE).astype(np.int16)
    return pcm


def _unreadable(refused: Mapping[Path, str]) -> ManifestError:
    named = " ".join(f"{path}: {reason}" for path, reason in list(refused.items())[:5])
    return ManifestError(f"{len(refused)} recordings cannot be read: {named}")


def _build(paths: list[Path], sample_rate_hz: int, index_path: Path, samples_path: Path, leave_out: bool) -> None:
    index_path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = samples_path.with_suffix(f".{os.getpid()}.part")
    offsets = [0]
    refused: dict[Path, str] = {}
    try:
        with (
            unfinished.open("wb") as file,
            ThreadPoolExecutor() as pool,
            tqdm(total=len(paths), desc="decoding", disable=None) as bar,
        ):
            for start in range(0, len(paths), _DECODED_AT_ONCE):
                some = paths[start : start + _DECODED_AT_ONCE]
                results = pool.map(partial(_read, sample_rate_hz=sample_rate_hz), some)
                for path, result in zip(some, results, strict=True):
                    if isinstance(result, str):
                        refused[path] = result
                    else:
                        file.write(result.tobytes())
                        offsets.append(offsets[-1] + len(result))
                    bar.update()
        if refused and not leave_out:
            raise _unreadable(refused)
        unfinished.replace(samples_path)
    finally:
        unfinished.unlink(missing_ok=True)
    named = {str(path): reason for path, reason in refused.items()}
    index_path.write_text(json.dumps({"offsets": offsets, "refused": named} if refused else offsets))
