"""Manifests -> windows of one length, each with its label.

The label of an utterance follows from its text: one of the model's words, or `unknown`. Sentences are `unknown` too,
except those that contain a word of the model, because a window of them might be that word.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hark.keywords import filled_up
from hark.spec import SILENCE, UNKNOWN, ModelSpec
from training.audio_cache import JoinedAudio, cached_audio
from training.augment import WaveformAugment, change_gain, coloured_noise, stretch_of
from training.config import WHISPER_SUBSAMPLING, AugmentConfig, Config, DataConfig, model_spec
from training.dataset import (
    Augment,
    BucketSampler,
    Corpus,
    Fault,
    ItemKey,
    described,
    joined,
    nothing_left,
    read_corpora,
    readable,
)
from training.encoded import EncodedDataset, encode_all
from training.features import LogMel
from training.left_out import LeftOut
from training.manifest import Utterance, read_manifest
from training.text import normalise
from training.whisper import WhisperEncoder

# A word that fills the window is moved by up to this share of it.
_SHIFT = 0.1
# Share of the recordings shorter than the window that are alone in it, as short recordings are served: their features
# are normalised over themselves, and the rest of the window has the mean of every band. The others are surrounded by
# digital silence, with noise over both, as in a window that slides over a longer recording.
_ALONE = 0.5
# Share of the recordings that lose the quiet before and after the word. Quiet is what lies below a share of the
# loudest, drawn between these two for each end; a margin of up to this length stays. Programs that cut at a level leave
# silence or cut off a soft first consonant, and there must be examples of both.
_TRIMMED = 0.6
_TRIM_BELOW = (0.003, 0.15)
_TRIM_MARGIN_S = 0.08
# Lowest and highest level, as root mean square, of examples in which nobody speaks.
_NOISE_LEVEL = (1e-4, 0.1)
# Share of these that is digital silence.
_NOTHING_AT_ALL = 0.05


@dataclass  # not frozen: Lightning moves its fields between devices in place
class KeywordBatch:
    """Windows of one length.

    Attributes:
        features: [batch, frames, feature_size] float32.
        lengths: [batch] int64, frames.
        labels: [batch] int64.
    """

    features: Tensor
    lengths: Tensor
    labels: Tensor


def label_of(text: str, labels: Sequence[str]) -> str | None:
    """Returns the label of an utterance with this text; None where a word of the model is among others in it."""
    words = normalise(text).split()
    if not words:
        return SILENCE
    keywords = set(words) & (set(labels) - {UNKNOWN, SILENCE})
    if not keywords:
        return UNKNOWN
    return words[0] if len(words) == 1 else None


def place(samples: NDArray[np.float32], length: int, share: float) -> NDArray[np.float32]:
    """Returns a window of [length] samples from a recording: its start for a `share` of 0, its end for 1.

    A shorter recording is placed in digital silence: at the beginning for 0, in the middle for 0.5, at the end for 1.
    """
    if len(samples) >= length:
        start = round((len(samples) - length) * share)
        return samples[start : start + length]
    before = round((length - len(samples)) * share)
    return np.pad(samples, (before, length - len(samples) - before))


def trim(samples: NDArray[np.float32], shares: tuple[float, float], margins: tuple[int, int]) -> NDArray[np.float32]:
    """Returns a recording without its quiet ends.

    Args:
        samples: [samples].
        shares: for the beginning and the end, the share of the loudest 10 ms below which a recording is quiet.
        margins: how many quiet samples stay at each end.
    """
    block = 160
    levels = np.sqrt(np.square(samples[: len(samples) // block * block].reshape(-1, block)).mean(axis=1))
    loud = [np.flatnonzero(levels > share * levels.max(initial=0)) for share in shares]
    if not all(map(len, loud)):
        return samples
    return samples[max(loud[0][0] * block - margins[0], 0) : (loud[1][-1] + 1) * block + margins[1]]


class KeywordDataset(Dataset[tuple[Tensor, int]]):
    """Windows as (features, label): the recordings, and after them `silences` windows in which nobody speaks.

    Items depend only on the seed, the epoch and the index, as `training.dataset.SpeechDataset`'s do.

    Args:
        utterances: what is recorded.
        spec: of the features and labels.
        cache_dir: where decoded audio is kept.
        augment: what happens to each recording; nothing by default.
        seed: of the augmentation.
        silences: how many items of noise follow the recordings; they need `augment`.
        audio: the utterances' samples; by default a cache of their own.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        spec: ModelSpec,
        cache_dir: str,
        augment: AugmentConfig | None = None,
        seed: int = 0,
        silences: int = 0,
        audio: JoinedAudio | None = None,
    ) -> None:
        names = [label_of(utterance.text, spec.labels) for utterance in utterances]
        self.labels = [spec.labels.index(name or UNKNOWN) for name in names]
        self.is_word = [name not in (UNKNOWN, SILENCE) for name in names]
        self.silence = spec.labels.index(SILENCE)
        self.silences = silences
        self.audio = audio or cached_audio([utterances], spec.sample_rate_hz, cache_dir)
        self.length = round(spec.max_window_s * spec.sample_rate_hz)
        self.frames = len(LogMel(spec)(torch.zeros(self.length)))
        self.plain = LogMel(spec)
        self.augment = Augment(augment, spec) if augment else None
        self.noises = WaveformAugment(augment, spec.sample_rate_hz).noises if augment else ()
        self.spec = spec
        self.seed = seed

    def __len__(self) -> int:
        return len(self.labels) + self.silences

    def __getitem__(self, key: ItemKey) -> tuple[Tensor, int]:
        epoch, index = key
        (label,) = self.labelled(index)
        rng = np.random.default_rng([self.seed, epoch, index])
        if index >= len(self.labels):
            samples = self._noise(rng)
        else:
            samples = self.audio[index]
            if self.augment and self.is_word[index] and rng.random() < _TRIMMED:
                samples = self._trimmed(samples, rng)
            if len(samples) >= self.length or (self.augment and rng.random() >= _ALONE):
                samples = place(samples, self.length, self._share(index, samples, rng) if self.augment else 0.5)
        if not self.augment:
            return self._of_one_length(self.plain(torch.from_numpy(samples)), 0.5), label
        return self._of_one_length(self.augment(samples, rng), rng.random()), label

    def described(self) -> dict[str, Any]:
        """Returns what an item depends on besides the recordings."""
        return {**described(self.spec, self.augment), "silences": self.silences, "words": self.is_word}

    def labelled(self, index: int) -> tuple[int]:
        """Returns the part of an item after its features: the label."""
        return (self.labels[index] if index < len(self.labels) else self.silence,)

    def _share(self, index: int, samples: NDArray[np.float32], rng: np.random.Generator) -> float:
        spare = len(samples) - self.length
        if spare <= 0 or not self.is_word[index]:
            return float(rng.random())
        return float(np.clip(0.5 + rng.uniform(-_SHIFT, _SHIFT) * self.length / max(spare, 1), 0, 1))

    def _trimmed(self, samples: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        lowest, highest = np.log(_TRIM_BELOW)
        before, after = np.exp(rng.uniform(lowest, highest, 2)).tolist()
        margin_before, margin_after = rng.integers(0, round(_TRIM_MARGIN_S * self.spec.sample_rate_hz), 2).tolist()
        return trim(samples, (before, after), (margin_before, margin_after))

    def _noise(self, rng: np.random.Generator) -> NDArray[np.float32]:
        if rng.random() < _NOTHING_AT_ALL:
            return np.zeros(self.length, np.float32)
        if self.noises and rng.random() < 0.7:
            noise = stretch_of(self.noises[rng.integers(len(self.noises))], self.length, rng)
        else:
            noise = coloured_noise(self.length, rng.uniform(-1.0, 2.0), rng)
        level = np.exp(rng.uniform(*np.log(_NOISE_LEVEL)))
        now = max(float(np.sqrt(np.square(noise).mean())), 1e-8)
        return change_gain(noise, 20 * float(np.log10(level / now)))

    def _of_one_length(self, features: Tensor, share: float) -> Tensor:
        """Returns the window's frames; shorter features, as after a change of tempo, are filled up as in use."""
        return torch.from_numpy(filled_up(features.numpy(), self.frames, share, self.spec))


def collate(items: list[tuple[Tensor, int]]) -> KeywordBatch:
    """Makes a batch of dataset items, which are all of one length."""
    features, labels = zip(*items, strict=True)
    lengths = torch.full((len(items),), len(features[0]))
    return KeywordBatch(torch.stack(list(features)), lengths, torch.tensor(labels))


def training_words(config: DataConfig, labels: Sequence[str], left_out: LeftOut | None = None) -> list[Corpus]:
    """Reads the training manifests; takes the utterances that can be labelled; `left_out` counts the others.

    Raises:
        ManifestError: a manifest cannot be used, or nothing is left.
    """

    def fault(utterance: Utterance) -> Fault | None:
        if utterance.duration_s < config.min_duration_s:
            return f"below data.min_duration_s, {config.min_duration_s:g} s,", f"{utterance.duration_s:g} s"
        if label_of(utterance.text, labels) is None:
            return "with a word of the model among others", repr(utterance.text)
        return None

    left_out = LeftOut() if left_out is None else left_out
    corpora = read_corpora(config.train, fault, left_out)
    if not corpora:
        raise nothing_left("data.train names no utterance that is one word of the model or has none of them", left_out)
    return corpora


class KeywordData(L.LightningDataModule):
    """The batches of a run, planned by seed and epoch.

    Args:
        config: the run.
        encoder: a frozen one, whose features are the network's input; None for the features of the config.
    """

    def __init__(self, config: Config, encoder: WhisperEncoder | None = None) -> None:
        super().__init__()
        self.config, self.encoder = config, encoder
        self.spec = model_spec(config)
        self.left_out = LeftOut()
        self.corpora = training_words(config.data, self.spec.labels, self.left_out)
        self.train, self.repeats = joined(self.corpora)
        self._listed = [corpus.utterances for corpus in self.corpora]
        self._checked = False
        self.dev = read_manifest(config.data.dev)
        self._count_silences()

    def _count_silences(self) -> None:
        share = self.config.data.silence_share
        self.silences = round(sum(self.repeats) * share / (1 - share))

    def prepare_data(self) -> None:
        """Decodes the recordings, in one process of each machine; the others wait and find them decoded."""
        self._train_audio()
        self._audio([self.dev])

    def setup(self, stage: str) -> None:  # noqa: ARG002  # Lightning's signature
        """Opens the decoded recordings, in every process."""
        config, cache_dir = self.config, self.config.data.cache_dir
        audio = self._train_audio()
        if not self._checked:
            self.corpora = readable(self.corpora, audio, self.left_out)
            self.train, self.repeats = joined(self.corpora)
            self._count_silences()
            self._checked = True
        self.train_set = KeywordDataset(
            self.train, self.spec, cache_dir, config.augment, config.seed, self.silences, audio
        )
        self.dev_set = KeywordDataset(self.dev, self.spec, cache_dir)
        self.train_items: KeywordDataset | EncodedDataset = self.train_set
        self.dev_items: KeywordDataset | EncodedDataset = self.dev_set
        if self.encoder:
            self._encode(self.encoder)

    def _audio(self, manifests: Iterable[list[Utterance]]) -> JoinedAudio:
        return cached_audio(manifests, self.spec.sample_rate_hz, self.config.data.cache_dir)

    def _train_audio(self) -> JoinedAudio:
        """Opens the training set's recordings; those that cannot be read are left out."""
        cache_dir = self.config.data.cache_dir
        return cached_audio(self._listed, self.spec.sample_rate_hz, cache_dir, leave_out=True)

    def _encode(self, encoder: WhisperEncoder) -> None:
        """Replaces the log-mel spectrograms by the features of a frozen encoder."""
        augment, cache_dir = self.config.augment, self.config.data.cache_dir
        # As for transcribers, the encoder's features are masked, differently in each epoch.
        self.train_set.augment = Augment(replace(augment, frequency_masks=0, time_masks=0), self.spec)
        masks = replace(augment, time_mask_frames=augment.time_mask_frames // WHISPER_SUBSAMPLING)
        items = EncodedDataset(self.train_set, encoder, cache_dir, self.config.data.encoded_copies, masks)
        dev_items = EncodedDataset(self.dev_set, encoder, cache_dir)
        self.train_items, self.dev_items = items, dev_items
        encode_all([dev_items, items], self.trainer)

    def _sampler(self, repeats: list[float], seed: int) -> BucketSampler:
        trainer = self.trainer
        return BucketSampler(
            [self.spec.max_window_s] * len(repeats),
            repeats,
            self.config.data.batch_seconds,
            seed,
            rank=trainer.global_rank if trainer else 0,
            processes=trainer.world_size if trainer else 1,
        )

    def _train_sampler(self) -> BucketSampler:
        return self._sampler([*self.repeats, *[1.0] * self.silences], self.config.seed)

    def train_dataloader(self) -> DataLoader[KeywordBatch]:
        """Batches of the epoch the trainer is in."""
        sampler = self._train_sampler()
        if self.trainer:
            sampler.set_epoch(self.trainer.current_epoch)
            loop = self.trainer.fit_loop
            # Lightning continues its count of batches in a resumed run; the data has to find the place itself.
            sampler.skip(loop.epoch_loop.batch_progress.current.ready if loop.restarting else 0)
        workers = self.config.data.workers
        return DataLoader(
            self.train_items,  # type: ignore[arg-type]  # collate makes batches of its items
            batch_sampler=sampler,
            collate_fn=collate,
            num_workers=workers,
            persistent_workers=workers > 0,
        )

    def val_dataloader(self) -> DataLoader[KeywordBatch]:
        """The dev set, each utterance once, always in the same batches."""
        sampler = self._sampler([1.0] * len(self.dev), 0)
        return DataLoader(self.dev_items, batch_sampler=sampler, collate_fn=collate)  # type: ignore[arg-type]

    def steps(self, processes: int) -> int:
        """Optimiser steps of the whole run."""
        trainer = self.config.trainer
        if trainer.max_steps > 0:
            return trainer.max_steps
        sampler = self._train_sampler()
        batches = (len(sampler.plan(epoch)) // processes for epoch in range(trainer.max_epochs))
        return sum(-(-count // trainer.accumulate) for count in batches)
