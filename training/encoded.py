"""Features of a frozen encoder, computed once and kept, from which a head is trained.

A head learns many times as fast from these as through the encoder. All copies are computed before the first epoch.
With `data.encoded_copies` above 1 there are several, each of the recordings augmented differently, and the epochs take
them in turn.
"""

import bisect
import hashlib
import itertools
import json
import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset
from tqdm import tqdm

from training import processes
from training.audio_cache import JoinedAudio
from training.config import AugmentConfig
from training.dataset import ItemKey, masked
from training.features import SpecAugment, pad_batch
from training.whisper import WhisperEncoder

# Parts of a copy, each its own file. Up to this many processes can encode at once, and one that is stopped loses no
# more than a part.
_PARTS = 16
# Log-mel frames in a batch for the encoder.
_BATCH_FRAMES = 16_000


# Batches are padded to a multiple of this many frames, which last as long as `training.dataset.PADDED_TO` of log-mel.
PADDED_TO = 8


class _Part(NamedTuple):
    """Features of every `_PARTS`-th utterance, one after another.

    Attributes:
        values: [frames of all, size].
        offsets: where each utterance's features begin; the last is where they all end.
    """

    values: NDArray[np.float16]
    offsets: NDArray[np.int64]


class Spectrograms(Protocol):
    """A dataset whose items are [frames, n_mels] followed by their labels."""

    audio: JoinedAudio
    seed: int

    def __len__(self) -> int:
        """Number of items."""

    def __getitem__(self, key: ItemKey) -> tuple[Any, ...]:
        """An item, by epoch and index."""

    def described(self) -> dict[str, Any]:
        """Returns what an item depends on besides the recordings."""

    def labelled(self, index: int) -> tuple[Any, ...]:
        """Returns the part of an item after its spectrogram."""


class EncodedDataset(Dataset[tuple[Any, ...]]):
    """Another dataset with an encoder's features instead of its log-mel spectrograms.

    Args:
        dataset: the recordings and their labels, and how they are augmented.
        encoder: computes the features; it does not change.
        folder: where they are kept.
        copies: how often each recording is augmented and encoded; the epochs take them in turn.
        masks: how the features are masked, differently in each epoch.
        frames_per_s: of the features.
        views: how often each item is masked, as in `training.dataset.Augment`.
    """

    def __init__(
        self,
        dataset: Spectrograms,
        encoder: WhisperEncoder,
        folder: str | Path,
        copies: int = 1,
        masks: AugmentConfig | None = None,
        frames_per_s: float = 25.0,
        views: int = 1,
    ) -> None:
        self.dataset, self.encoder, self.copies, self.views = dataset, encoder, copies, views
        self.masks = SpecAugment(masks, frames_per_s) if masks else None
        digest = hashlib.sha256(f"{dataset.audio.name} {dataset.seed}".encode())
        digest.update(json.dumps(dataset.described(), sort_keys=True).encode())
        if encoder.join is not None:
            digest.update(str(encoder.joined_before).encode())  # which the weights do not show
        for name, value in sorted(encoder.state_dict().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        self.path = Path(folder) / f"encoded-{digest.hexdigest()[:24]}"
        self._parts: dict[tuple[int, int], _Part] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: ItemKey) -> tuple[Any, ...]:
        epoch, index = key
        part, row = self._part(epoch % self.copies, index % _PARTS), index // _PARTS
        features = torch.from_numpy(part.values[part.offsets[row] : part.offsets[row + 1]].astype(np.float32))
        if self.masks:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(np.random.default_rng([self.dataset.seed, epoch, index, 2]).integers(2**31)))
                features = masked(self.masks, features, self.views)
        return features, *self.dataset.labelled(index)

    def encode(self, device: torch.device, rank: int = 0, processes: int = 1) -> None:
        """Encodes what is missing of this process's share; all processes must have finished before any reads.

        The caller sets the precision, with autocast.
        """
        missing = [
            (copy, part)
            for copy in range(self.copies)
            for part in range(rank, min(_PARTS, len(self)), processes)
            if not self._file(copy, part, ".json").exists()
        ]
        if not missing:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        was_training = self.encoder.training
        self.encoder.eval().to(device)
        for copy, part in tqdm(missing, desc="encoding", disable=None if rank == 0 else True, leave=False):
            self._encode(copy, part, device)
        self.encoder.train(was_training)

    @torch.inference_mode()
    def _encode(self, copy: int, part: int, device: torch.device) -> None:
        indices = range(part, len(self), _PARTS)
        with torch.autocast("cpu", enabled=False):  # which would compute the filter banks in half precision
            log_mels = [self.dataset[copy, index][0] for index in indices]
        encoded: list[NDArray[np.float16]] = [np.zeros((0, 0), np.float16)] * len(log_mels)
        for rows in _batches([len(log_mel) for log_mel in log_mels]):
            padded, lengths = pad_batch([log_mels[row] for row in rows], 32)
            features, lengths = self.encoder(padded.to(device), lengths.to(device))
            for row, values, length in zip(rows, features.float().cpu().numpy(), lengths.tolist(), strict=True):
                encoded[row] = values[:length].astype(np.float16)
        # The offsets last: where their file exists, the values are complete.
        _write(self._file(copy, part, ".npy"), lambda path: np.save(path, np.concatenate(encoded)))
        offsets = np.r_[0, np.cumsum([len(values) for values in encoded])].tolist()
        _write(self._file(copy, part, ".json"), lambda path: path.write_text(json.dumps(offsets)))

    def _file(self, copy: int, part: int, suffix: str) -> Path:
        return self.path / f"{copy}-{part}{suffix}"

    def _part(self, copy: int, part: int) -> _Part:
        if (copy, part) not in self._parts:
            offsets = np.array(json.loads(self._file(copy, part, ".json").read_text()), np.int64)
            self._parts[copy, part] = _Part(np.load(self._file(copy, part, ".npy"), mmap_mode="r"), offsets)
        return self._parts[copy, part]


class Chained(Dataset[tuple[Any, ...]]):
    """Several encoded datasets in a row, each with its own number of copies.

    Each keeps its own features, so that adding a manifest to a run leaves the others' features as they are.
    """

    def __init__(self, parts: Sequence[EncodedDataset]) -> None:
        self.parts = list(parts)
        self._ends = list(itertools.accumulate(map(len, self.parts)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, key: ItemKey) -> tuple[Any, ...]:
        epoch, index = key
        which = bisect.bisect_right(self._ends, index)
        return self.parts[which][epoch, index - (self._ends[which] - len(self.parts[which]))]


def encode_all(datasets: Sequence[EncodedDataset], trainer: L.Trainer | None) -> None:
    """Encodes what is missing, each process of a run its share, in the run's precision.

    Without a trainer, the processes are those that joined (`training.processes`), and the precision is the caller's.
    """
    device = trainer.strategy.root_device if trainer else torch.device("cpu")
    rank, count = (trainer.global_rank, trainer.world_size) if trainer else processes.numbered()
    with trainer.precision_plugin.forward_context() if trainer else nullcontext():
        for each in datasets:
            each.encode(device, rank, count)
    if trainer:
        trainer.strategy.barrier()
    else:
        processes.wait()


def _write(path: Path, write: object) -> None:
    unfinished = path.with_name(f"{os.getpid()}-{path.name}")
    write(unfinished)  # type: ignore[operator]
    unfinished.replace(path)


def _batches(frames: Sequence[int]) -> list[list[int]]:
    """Puts utterances of similar length together."""
    batches: list[list[int]] = []
    for row in sorted(range(len(frames)), key=frames.__getitem__):
        if not batches or frames[row] * (len(batches[-1]) + 1) > _BATCH_FRAMES:
            batches.append([])
        batches[-1].append(row)
    return batches
