"""Batches made on the device that trains: it has all audio in its memory and augments it batch by batch."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from training.audio_cache import FULL_SCALE, AudioCache
from training.augment import spoken_span_s
from training.batch_augment import BatchAugment, Draw
from training.dataset import Batch, ItemKey, SpeechDataset, targets_of


class Keys(Dataset[ItemKey]):
    """A data set whose items are their own keys, (epoch, index)."""

    def __init__(self, dataset: SpeechDataset) -> None:
        self.length = len(dataset)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: ItemKey) -> ItemKey:
        return key


class BatchMaker(nn.Module):
    """Makes the batches of a training set from the keys of their utterances.

    The augmentation of an utterance depends only on the seed, the epoch and the utterance, except for the samples of
    noise, which also depend on the batch.

    Args:
        dataset: the recordings and texts.
        augment: their augmentation.
        seed: of the run.
    """

    pcm: Tensor

    def __init__(self, dataset: SpeechDataset, augment: BatchAugment, seed: int) -> None:
        super().__init__()
        self.dataset, self.augment, self.seed = dataset, augment, seed
        self.offsets = np.array(dataset.audio.offsets, np.int64)
        self.spoken = self._spoken() if augment.config.edges.probability else None
        self.register_buffer("pcm", torch.from_numpy(dataset.audio.pcm), False)

    def _spoken(self) -> NDArray[np.int64]:
        """[utterances, 2]: samples where speech begins and ends."""
        rate_hz = self.augment.rate_hz
        return np.concatenate([_spoken_spans(part, rate_hz) for part in self.dataset.audio.parts])

    def forward(self, keys: Sequence[ItemKey]) -> Batch:
        """Makes the batch of these utterances."""
        if not self.pcm.is_cuda:
            return self._make(keys)
        # On a stream of its own: a copy to the device waits for the stream it is made on, and on the training stream it
        # would wait for the rest of the work on the last batch.
        training, own = torch.cuda.current_stream(self.pcm.device), self._own_stream
        with torch.cuda.stream(own):
            batch = self._make(keys)
        training.wait_stream(own)
        for tensor in vars(batch).values():
            if isinstance(tensor, Tensor):
                tensor.record_stream(training)
        return batch

    @cached_property
    def _own_stream(self) -> torch.cuda.Stream:
        return torch.cuda.Stream(self.pcm.device)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def _make(self, keys: Sequence[ItemKey]) -> Batch:
        indices = [index for _, index in keys]
        draws = []
        for epoch, index in keys:
            duration_s = (self.offsets[index + 1] - self.offsets[index]) / self.augment.rate_hz
            draws.append(self.augment.draw(duration_s, np.random.default_rng([self.seed, epoch, index])))
        starts, ends = self._cut(np.array(indices), draws)
        epoch, index = keys[0]
        with torch.random.fork_rng(devices=[self.pcm.device] if self.pcm.is_cuda else []):
            torch.manual_seed(int(np.random.default_rng([self.seed, epoch, index, 1]).integers(2**31)))
            log_mel, frames, clean = self.augment(self._samples(starts, ends), (ends - starts).tolist(), draws)
        texts = [self.dataset.texts[index] for index in indices]
        targets, target_lengths = targets_of([self.dataset.label_ids(index) for index in indices])
        device = self.pcm.device
        return Batch(
            log_mel=log_mel,
            lengths=frames,
            targets=targets.to(device),
            target_lengths=target_lengths.to(device),
            texts=texts,
            clean=clean,
            hops=torch.tensor([draw.hop for draw in draws], device=device),
        )

    def _cut(self, indices: NDArray[np.int64], draws: Sequence[Draw]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns where each utterance's samples begin and end in `pcm`, without the silence that is cut off."""
        starts, ends = self.offsets[indices], self.offsets[indices + 1]
        if self.spoken is None:
            return starts, ends
        whole = float("inf"), float("inf")
        kept = np.array([draw.kept_s or whole for draw in draws]) * self.augment.rate_hz
        lead, tail = np.minimum(kept, np.max(ends - starts)).astype(np.int64).T
        first, last = self.spoken[indices].T
        return starts + np.maximum(first - lead, 0), np.minimum(starts + last + tail, ends)

    def _samples(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Tensor:
        """[batch, samples] float32 in -1..1, zeros after each one's end."""
        device = self.pcm.device
        places = torch.arange(int((ends - starts).max()), device=device)
        first, length = (torch.from_numpy(values).to(device)[:, None] for values in (starts, ends - starts))
        cut = self.pcm[(first + places).clamp_max(len(self.pcm) - 1)]
        return cut * (places < length) / FULL_SCALE


def _spoken_spans(audio: AudioCache, rate_hz: int) -> NDArray[np.int64]:
    """[utterances, 2]: samples where speech begins and ends; computed once for each cache of audio."""
    path = audio.path.with_name(f"{audio.name}.spoken.npy")
    if path.is_file():
        kept: NDArray[np.int64] = np.load(path)
        return kept

    def span(index: int) -> tuple[float, float]:
        return spoken_span_s(audio[index], rate_hz)

    with ThreadPoolExecutor() as pool:
        spans: NDArray[np.int64] = np.rint(np.array(list(pool.map(span, range(len(audio))))) * rate_hz).astype(np.int64)
    spans = spans.reshape(-1, 2)  # also where there are none
    unfinished = path.with_suffix(f".{os.getpid()}.npy")  # every process of a run may write this file
    np.save(unfinished, spans)
    unfinished.replace(path)
    return spans
