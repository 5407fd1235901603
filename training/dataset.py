"""Manifests -> batches of utterances of similar length; the same seed and epoch give the same batches."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from hark.spec import ModelSpec
from training.audio_cache import JoinedAudio, cached_audio
from training.augment import WaveformAugment
from training.config import AugmentConfig, CorpusConfig, DataConfig, FeatureConfig
from training.errors import ManifestError
from training.features import LogMel, SpecAugment, WarpedLogMel, pad_batch
from training.left_out import LeftOut
from training.manifest import Utterance, read_manifest
from training.normaliser import figures_hint, normaliser
from training.text import encode, normalise, unknown_characters

# Lengths are varied by this share before they are sorted, so that every epoch has other batches.
_LENGTH_JITTER = 0.1
# Batches are padded to a multiple of this many frames: oneDNN compiles kernels for every new shape, which takes a sixth
# of a step on a CPU.
PADDED_TO = 32
# Key of an item: epoch and index of the utterance. The epoch is part of the augmentation's seed.
ItemKey = tuple[int, int]


@dataclass  # not frozen: Lightning moves its fields between devices in place
class Batch:
    """Padded utterances.

    Attributes:
        log_mel: [batch, frames, n_mels] float32.
        lengths: [batch] int64, frames.
        targets: [sum of target lengths] int64, label ids of all utterances in a row.
        target_lengths: [batch] int64.
        texts: normalised transcripts.
        clean: [batch, samples] float32, the input of a teacher. Only `training.device_data` makes it and
        hops: [batch] int64, samples of `clean` from one frame of `log_mel` to the next.
    """

    log_mel: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    texts: list[str]
    clean: Tensor | None = None
    hops: Tensor | None = None


class SpeechDataset(Dataset[tuple[Tensor, list[int], str]]):
    """Utterances of one or more manifests as (log-mel, label ids, text).

    Items depend only on the seed, the epoch and the index, never on which process makes them or in what order.

    Args:
        utterances: what is recorded.
        spec: of the features and labels.
        cache_dir: where decoded audio is kept.
        augment: what happens to each utterance; nothing by default.
        seed: of the augmentation.
        views: how often each utterance is masked, as in `Augment`.
        audio: the utterances' samples; by default a cache of their own.

    Raises:
        ManifestError: a text has characters without a label, or audio is missing or unreadable.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        spec: ModelSpec,
        cache_dir: str,
        augment: AugmentConfig | None = None,
        seed: int = 0,
        views: int = 1,
        audio: JoinedAudio | None = None,
    ) -> None:
        self.utterances = list(utterances)
        self.texts = list(map(normaliser(spec.language, spec.labels), (each.text for each in self.utterances)))
        for utterance, text in zip(self.utterances, self.texts, strict=True):
            if unknown := unknown_characters(text, spec.labels):
                raise ManifestError(
                    f"{utterance.audio_path} has characters the model has no label for: "
                    f"{' '.join(sorted(unknown))} in {utterance.text!r}"
                    f"{figures_hint(unknown, spec.language, spec.labels)}."
                )
        self.audio = audio or cached_audio([self.utterances], spec.sample_rate_hz, cache_dir)
        self.spec = spec
        self.log_mel = LogMel(spec)
        self.augment = Augment(augment, spec, views) if augment else None
        self.labels = spec.labels
        self.seed = seed

    def __len__(self) -> int:
        return len(self.utterances)

    def __getitem__(self, key: ItemKey) -> tuple[Tensor, list[int], str]:
        epoch, index = key
        samples = self.audio[index]
        if self.augment:
            log_mel = self.augment(samples, np.random.default_rng([self.seed, epoch, index]))
        else:
            log_mel = self.log_mel(torch.from_numpy(samples))
        return log_mel, self.label_ids(index), self.texts[index]

    def labelled(self, index: int) -> tuple[list[int], str]:
        """Returns the part of an item after its features: label ids and text."""
        return self.label_ids(index), self.texts[index]

    def described(self) -> dict[str, Any]:
        """Returns what an item depends on besides the recordings: the features and their augmentation."""
        return described(self.spec, self.augment)

    def label_ids(self, index: int) -> list[int]:
        """Returns the label ids of an utterance's text."""
        return encode(self.texts[index], self.labels)


class Augment:
    """All augmentation of an utterance of the training set: [samples] -> [frames, n_mels].

    Args:
        config: kinds and strengths.
        spec: of the features.
        views: how many masked versions of each utterance to make; several are stacked, [views, frames, n_mels].
    """

    def __init__(self, config: AugmentConfig, spec: ModelSpec, views: int = 1) -> None:
        self.config = config
        self.waveform = WaveformAugment(config, spec.sample_rate_hz)
        self.log_mel = WarpedLogMel(spec, config)
        self.masks = SpecAugment(config, spec.sample_rate_hz / spec.hop_samples)
        self.views = views

    def __call__(self, samples: NDArray[np.float32], rng: np.random.Generator) -> Tensor:
        """Augments an utterance with random numbers from `rng`."""
        log_mel = self.log_mel.draw(torch.from_numpy(self.waveform(samples, rng)), rng)
        with torch.random.fork_rng(devices=[]):  # torchaudio's masks draw from torch's own generator
            torch.manual_seed(int(rng.integers(2**31)))
            return masked(self.masks, log_mel, self.views)


def described(spec: ModelSpec, augment: Augment | None) -> dict[str, Any]:
    """Returns what the features of a recording depend on: their settings and the augmentation."""
    names = {each.name for each in dataclasses.fields(FeatureConfig)} | {"feature_kind"}
    features = {name: value for name, value in dataclasses.asdict(spec).items() if name in names}
    return {"augment": dataclasses.asdict(augment.config) if augment else {}, **features}


def masked(masks: SpecAugment, log_mel: Tensor, views: int) -> Tensor:
    """[frames, n_mels] -> the same, masked; several views are [views, frames, n_mels], each with other masks."""
    if views == 1:
        only: Tensor = masks(log_mel)
        return only
    return torch.stack([masks(log_mel) for _ in range(views)])


def collate(items: list[tuple[Tensor, list[int], str]], multiple: int = PADDED_TO) -> Batch:
    """Makes a batch of dataset items, padded to a multiple of `multiple` frames.

    The views of an utterance become successive rows.
    """
    rows = [(view, ids, text) for log_mel, ids, text in items for view in (log_mel if log_mel.ndim == 3 else [log_mel])]
    log_mels, ids, texts = zip(*rows, strict=True)
    log_mel, lengths = pad_batch(list(log_mels), multiple)
    targets, target_lengths = targets_of(ids)
    return Batch(log_mel, lengths, targets, target_lengths, list(texts))


def targets_of(ids: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Returns the label ids of all utterances in one sequence, and the number of each utterance's."""
    flat = [i for utterance in ids for i in utterance]
    return torch.tensor(flat, dtype=torch.int64), torch.tensor([len(utterance) for utterance in ids])


class BucketSampler(Sampler[list[ItemKey]]):
    """Batches of utterances of similar length, each at most `batch_seconds` of padded audio.

    They depend only on the seed and on `set_epoch`, which Lightning calls. With n processes, each takes every n-th
    batch of the same plan, and all take the same number.

    Args:
        durations_s: length of each utterance.
        repeats: how often an epoch takes each utterance; with a fraction, only that share of the epochs does.
        batch_seconds: padded seconds of audio in a batch; a longer utterance is a batch by itself.
        shortest_first: whether the first epoch goes from short to long.
        rank, processes: number of this process, and how many there are.
    """

    def __init__(
        self,
        durations_s: Sequence[float],
        repeats: Sequence[float],
        batch_seconds: float,
        seed: int,
        shortest_first: bool = False,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.durations_s = np.asarray(durations_s)
        self.repeats = np.asarray(repeats)
        self.batch_seconds = batch_seconds
        self.seed = seed
        self.shortest_first = shortest_first
        self.rank, self.processes = rank, processes
        self.epoch = 0
        self.done = 0
        # Lightning asks for the length of an epoch many times, and planning a long epoch takes tenths of a second.
        self.plan = lru_cache(maxsize=1)(self._plan)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch for the next iteration."""
        self.epoch = epoch

    def skip(self, done: int) -> None:
        """Skips the first `done` batches of this process, for a run that is resumed within an epoch."""
        self.done = done

    def _plan(self, epoch: int) -> list[list[ItemKey]]:
        """Returns all batches of an epoch, for all processes."""
        rng = np.random.default_rng([self.seed, epoch])
        # Each utterance has its own phase, so that a fraction takes another part of the corpus in each epoch.
        phases = np.random.default_rng([self.seed]).random(len(self.repeats))
        counts = np.floor(self.repeats * (epoch + 1) + phases) - np.floor(self.repeats * epoch + phases)
        chosen = np.repeat(np.arange(len(counts)), counts.astype(int))
        ordered_epoch = self.shortest_first and epoch == 0
        jitter = 0 if ordered_epoch else rng.uniform(-_LENGTH_JITTER, _LENGTH_JITTER, len(chosen))
        order = chosen[np.argsort(self.durations_s[chosen] * (1 + jitter), kind="stable")]
        batches: list[list[ItemKey]] = []
        batch: list[ItemKey] = []
        longest = 0.0
        for index in order:
            longest = max(longest, self.durations_s[index])
            if batch and longest * (len(batch) + 1) > self.batch_seconds:
                batches.append(batch)
                batch, longest = [], self.durations_s[index]
            batch.append((epoch, int(index)))
        if batch:
            batches.append(batch)
        if not ordered_epoch:
            rng.shuffle(batches)
        return batches[: max(len(batches) // self.processes, 1) * self.processes]

    def __iter__(self) -> Iterator[list[ItemKey]]:
        return iter(self.plan(self.epoch)[self.rank :: self.processes][self.done :])

    def __len__(self) -> int:
        return len(self.plan(self.epoch)[self.rank :: self.processes])


class Corpus(NamedTuple):
    """What a run takes of one training manifest.

    Attributes:
        config: of the manifest.
        utterances: those that are trained on.
        repeats: how often an epoch takes each of them.
    """

    config: CorpusConfig
    utterances: list[Utterance]
    repeats: list[float]


# What is wrong with an utterance, as `LeftOut.add` takes it: the reason, and what is wrong with this one.
Fault = tuple[str, str]
NO_WORD = "without a word in the text"
OTHER_LANGUAGE = "in another language than the config's"
NO_LABEL = "with characters that the model has no label for"
UNREADABLE = "with audio that is missing or cannot be read"


def training_corpora(
    config: DataConfig,
    left_out: LeftOut | None = None,
    unlearnable: Callable[[Utterance, str], Fault | None] = lambda *_: None,
    normalised: Callable[[str], str] = normalise,
) -> list[Corpus]:
    """Reads the training manifests; takes the utterances within the length limits that can be learnt from.

    Args:
        config: names the manifests and the limits.
        left_out: counts what is not taken.
        unlearnable: what else is wrong with an utterance whose normalised text is the second argument.
        normalised: what writes texts as they are spoken.

    Raises:
        ManifestError: a manifest cannot be used, or nothing is left.
    """

    def fault(utterance: Utterance) -> Fault | None:
        if utterance.duration_s < config.min_duration_s:
            return f"below data.min_duration_s, {config.min_duration_s:g} s,", f"{utterance.duration_s:g} s"
        if utterance.duration_s > config.max_duration_s:
            return f"above data.max_duration_s, {config.max_duration_s:g} s,", f"{utterance.duration_s:g} s"
        text = normalised(utterance.text)
        return unlearnable(utterance, text) if text else (NO_WORD, repr(utterance.text))

    left_out = LeftOut() if left_out is None else left_out
    corpora = read_corpora(config.train, fault, left_out)
    if not corpora:
        raise nothing_left("data.train names no utterance within data.min_duration_s and data.max_duration_s", left_out)
    return corpora


def nothing_left(what: str, left_out: LeftOut) -> ManifestError:
    """Returns the error for a run that has nothing to learn from."""
    return ManifestError(f"{what}{f' that can be learnt: {left_out.summary()}' if len(left_out) else ''}.")


def readable(corpora: Sequence[Corpus], audio: JoinedAudio, left_out: LeftOut) -> list[Corpus]:
    """Returns corpora without the recordings that their audio, opened with `leave_out`, does without.

    Raises:
        ManifestError: nothing is left.
    """
    kept = []
    for corpus in corpora:
        pairs = []
        for utterance, repeat in zip(corpus.utterances, corpus.repeats, strict=True):
            if utterance.audio_path in audio.refused:
                left_out.add(UNREADABLE, utterance.audio_path, audio.refused[utterance.audio_path])
            else:
                pairs.append((utterance, repeat))
        kept.append(Corpus(corpus.config, [each for each, _ in pairs], [repeat for _, repeat in pairs]))
    if not any(corpus.utterances for corpus in kept):
        raise nothing_left("data.train names no recording", left_out)
    return kept


def training_utterances(config: DataConfig) -> tuple[list[Utterance], list[float]]:
    """Returns the utterances of all training manifests and each one's repeat; raises as `training_corpora`."""
    return joined(training_corpora(config))


def joined(corpora: Iterable[Corpus]) -> tuple[list[Utterance], list[float]]:
    """Returns the utterances of several manifests in a row, and how often an epoch takes each."""
    utterances: list[Utterance] = []
    repeats: list[float] = []
    for corpus in corpora:
        utterances += corpus.utterances
        repeats += corpus.repeats
    return utterances, repeats


def read_corpora(
    configs: Iterable[CorpusConfig], fault: Callable[[Utterance], Fault | None], left_out: LeftOut
) -> list[Corpus]:
    """Reads manifests; takes the utterances without a fault and whose repeat is above 0.

    Manifests without any are left out.

    Args:
        configs: the manifests.
        fault: what is wrong with an utterance, if anything.
        left_out: counts those with a fault.

    Raises:
        ManifestError: a manifest cannot be used.
    """
    corpora = []
    for config in configs:
        taken = []
        for utterance in read_manifest(config.manifest):
            repeat = _repeat(config, utterance)
            if repeat <= 0:
                continue
            if wrong := fault(utterance):
                left_out.add(wrong[0], utterance.audio_path, wrong[1])
            else:
                taken.append((utterance, repeat))
        if taken:
            corpora.append(Corpus(config, [each for each, _ in taken], [repeat for _, repeat in taken]))
    return corpora


def _repeat(config: CorpusConfig, utterance: Utterance) -> float:
    name = str(utterance.extra.get("corpus", ""))
    matching = (repeat for prefix, repeat in config.repeat_by_corpus.items() if name.startswith(prefix))
    return next(matching, config.repeat)
