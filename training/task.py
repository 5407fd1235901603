"""Training of transcribers: CTC loss, and WER and CER on the dev sets."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import fmean
from typing import Any, ClassVar, cast

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from hark import languages
from hark.ctc import greedy
from training import encoded
from training.audio_cache import JoinedAudio, cached_audio
from training.base_task import Task
from training.batch_augment import BatchAugment
from training.config import Config, model_spec
from training.conformer import Conformer
from training.dataset import (
    NO_LABEL,
    OTHER_LANGUAGE,
    Batch,
    BucketSampler,
    Fault,
    ItemKey,
    SpeechDataset,
    collate,
    joined,
    readable,
    training_corpora,
)
from training.device_data import BatchMaker, Keys
from training.distillation import Hints
from training.encoded import Chained, EncodedDataset, encode_all
from training.errors import ConfigError, ManifestError
from training.findings import frames_needed, output_frames
from training.left_out import LeftOut
from training.lengths import frame_mask
from training.manifest import Utterance, read_manifest
from training.metrics import error_rates
from training.network import Transcriber, build
from training.normaliser import figures_hint, normaliser
from training.text import decode, encode, unknown_characters
from training.whisper import MOST_S, WhisperCtc, WhisperEncoder


class SpeechData(L.LightningDataModule):
    """The batches of a run, planned by seed and epoch.

    Args:
        config: the run.
        encoder: a frozen one, whose features are the network's input; None for log-mel spectrograms.
    """

    def __init__(self, config: Config, encoder: WhisperEncoder | None = None) -> None:
        super().__init__()
        self.config, self.encoder = config, encoder
        self.spec = model_spec(config)
        self.left_out = LeftOut()
        normalised = normaliser(self.spec.language, self.spec.labels)
        self.corpora = training_corpora(config.data, self.left_out, self._unlearnable, normalised)
        self.train, self.repeats = joined(self.corpora)
        self._listed = [corpus.utterances for corpus in self.corpora]
        self._checked = False
        self.dev = [read_manifest(manifest) for manifest in (config.data.dev, *config.data.more_dev)]
        if config.optim.teacher.folder and not config.data.on_device:
            raise ConfigError("optim.teacher needs data.on_device=true.")
        if config.optim.consistency and config.data.on_device:
            raise ConfigError(
                "optim.consistency needs two views of each utterance, which data.on_device does not make."
            )
        for manifest, utterances in zip((config.data.dev, *config.data.more_dev), self.dev, strict=True):
            if not any(normalised(utterance.text) for utterance in utterances):
                raise ManifestError(f"{manifest} has no text, so nothing can be measured on it; name another dev set.")
        self.views = 2 if config.optim.consistency else 1
        if config.model.encoder == "whisper":
            self._check_lengths()
        self.maker: BatchMaker | None = None

    def _unlearnable(self, utterance: Utterance, text: str) -> Fault | None:
        """Says why a network cannot learn from an utterance with this normalised text; None where it can."""
        spec = self.spec
        if not languages.answers(spec.language, spoken := str(utterance.extra.get("language", ""))):
            return OTHER_LANGUAGE, spoken
        if unknown := unknown_characters(text, spec.labels):
            hint = figures_hint(unknown, spec.language, spec.labels)
            return NO_LABEL, f"{' '.join(sorted(unknown))} in {utterance.text!r}{hint}"
        # Augmentation makes some room: what fits when it is slowed down is learnt then.
        [frames] = output_frames([utterance.duration_s * self._most_stretched], self.config)
        if (needed := frames_needed(encode(text, spec.labels))) > frames:
            return (
                "with more text than fits",
                f"{needed} output frames are needed, {utterance.duration_s:g} s have {frames} at most",
            )
        return None

    @property
    def _most_stretched(self) -> float:
        """By how much augmentation makes a recording longer at most."""
        augment = self.config.augment
        return 1 / (1 - augment.speed_change) / (1 - augment.tempo_change)

    def _check_lengths(self) -> None:
        """Refuses recordings that are longer than a Whisper encoder's window, before a run takes hours."""
        longest_s = self.config.data.max_duration_s
        slowest_s = longest_s * self._most_stretched
        if slowest_s > MOST_S:
            raise ConfigError(
                f"A Whisper encoder hears {MOST_S} s at most, and augmentation makes {longest_s:g} s as long as "
                f"{slowest_s:.0f} s: lower data.max_duration_s, augment.speed_change or augment.tempo_change."
            )
        for manifest, utterances in zip((self.config.data.dev, *self.config.data.more_dev), self.dev, strict=True):
            if (longest_s := max(utterance.duration_s for utterance in utterances)) > MOST_S:
                raise ConfigError(
                    f"{manifest} has an utterance of {longest_s:.0f} s; a Whisper encoder hears {MOST_S} s at most."
                )

    def prepare_data(self) -> None:
        """Decodes the recordings, in one process of each machine; the others wait and find them decoded."""
        self._train_audio()
        self._audio(self.dev)

    def setup(self, stage: str) -> None:  # noqa: ARG002  # Lightning's signature
        """Opens the decoded recordings, in every process."""
        config, cache_dir = self.config, self.config.data.cache_dir
        audio = self._train_audio()
        if not self._checked:
            self.corpora = readable(self.corpora, audio, self.left_out)
            self.train, self.repeats = joined(self.corpora)
            self._checked = True
        self.train_items: SpeechDataset | Chained
        self.dev_items: Sequence[SpeechDataset | EncodedDataset]
        dev_sets = [SpeechDataset(utterances, self.spec, cache_dir) for utterances in self.dev]
        if self.encoder:
            self._encode(self.encoder, dev_sets, audio)
            return
        train_set = SpeechDataset(self.train, self.spec, cache_dir, config.augment, config.seed, self.views, audio)
        self.train_items, self.dev_items = train_set, dev_sets
        if config.data.on_device:
            self.maker = BatchMaker(train_set, BatchAugment(config.augment, self.spec), config.seed)
            if self.trainer:
                self.maker.to(self.trainer.strategy.root_device)

    def _audio(self, manifests: Iterable[list[Utterance]]) -> JoinedAudio:
        return cached_audio(manifests, self.spec.sample_rate_hz, self.config.data.cache_dir)

    def _train_audio(self) -> JoinedAudio:
        """Opens the training set's recordings; those that cannot be read are left out."""
        cache_dir = self.config.data.cache_dir
        return cached_audio(self._listed, self.spec.sample_rate_hz, cache_dir, leave_out=True)

    def _encode(self, encoder: WhisperEncoder, dev_sets: Sequence[SpeechDataset], audio: JoinedAudio) -> None:
        """Replaces the log-mel spectrograms by the features of a frozen encoder."""
        config, cache_dir = self.config, self.config.data.cache_dir
        if config.data.on_device:
            raise ConfigError("A frozen encoder's features are computed once: set data.on_device=false.")
        # Masks before the encoder would hide the same in every epoch; its features are masked instead.
        unmasked = dataclasses.replace(config.augment, frequency_masks=0, time_masks=0, time_masks_per_s=0.0)
        masks = dataclasses.replace(
            config.augment, time_mask_frames=config.augment.time_mask_frames // self.spec.time_subsampling
        )
        rate = self.spec.output_frames_per_second
        parts = []
        for corpus, part in zip(self.corpora, audio.parts, strict=True):
            if not corpus.utterances:
                continue
            recordings = SpeechDataset(
                corpus.utterances, self.spec, cache_dir, unmasked, config.seed, audio=JoinedAudio([part])
            )
            copies = corpus.config.encoded_copies or config.data.encoded_copies
            parts.append(EncodedDataset(recordings, encoder, cache_dir, copies, masks, rate, self.views))
        dev_items = [EncodedDataset(each, encoder, cache_dir) for each in dev_sets]
        self.train_items, self.dev_items = Chained(parts), dev_items
        encode_all([*dev_items, *parts], self.trainer)

    def on_after_batch_transfer(self, batch: Batch | list[ItemKey], dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Makes the batch from its keys, where the loader has only these."""
        if isinstance(batch, Batch):
            return batch
        assert self.maker
        return cast("Batch", self.maker(batch))

    def _sampler(
        self, utterances: list[Utterance], repeats: list[float], seed: int, first: bool, views: int = 1
    ) -> BucketSampler:
        trainer = self.trainer
        return BucketSampler(
            [utterance.duration_s for utterance in utterances],
            repeats,
            self.config.data.batch_seconds / views,
            seed,
            shortest_first=first,
            rank=trainer.global_rank if trainer else 0,
            processes=trainer.world_size if trainer else 1,
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of the epoch the trainer is in."""
        data = self.config.data
        sampler = self._sampler(self.train, self.repeats, self.config.seed, data.shortest_first, self.views)
        if self.trainer:
            sampler.set_epoch(self.trainer.current_epoch)
            loop = self.trainer.fit_loop
            # Lightning continues its count of batches in a resumed run; the data has to find the place itself.
            sampler.skip(loop.epoch_loop.batch_progress.current.ready if loop.restarting else 0)
        if self.maker:
            return DataLoader(Keys(self.maker.dataset), batch_sampler=sampler, collate_fn=list)  # type: ignore[arg-type]
        return DataLoader(
            self.train_items,  # type: ignore[arg-type]  # collate makes batches of its items
            batch_sampler=sampler,
            collate_fn=self._collate,
            num_workers=data.workers,
            persistent_workers=data.workers > 0,
        )

    @property
    def _collate(self) -> Callable[[list[tuple[Tensor, list[int], str]]], Batch]:
        return partial(collate, multiple=encoded.PADDED_TO) if self.encoder else collate

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """The dev sets, each utterance once, always in the same batches."""
        loaders = []
        for utterances, items in zip(self.dev, self.dev_items, strict=True):
            sampler = self._sampler(utterances, [1.0] * len(utterances), 0, True)
            loaders.append(DataLoader(items, batch_sampler=sampler, collate_fn=self._collate))
        return loaders  # type: ignore[return-value]  # collate makes batches of the items

    def steps(self, processes: int) -> int:
        """Optimiser steps of the whole run."""
        trainer = self.config.trainer
        if trainer.max_steps > 0:
            return trainer.max_steps
        data = self.config.data
        sampler = self._sampler(self.train, self.repeats, self.config.seed, data.shortest_first, self.views)
        batches = (len(sampler.plan(epoch)) // processes for epoch in range(trainer.max_epochs))
        return sum(-(-count // trainer.accumulate) for count in batches)


class SpeechTask(Task):
    """Trains and validates a network."""

    MONITOR: ClassVar[str] = "dev/wer"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        model = build(config.model, self.spec.n_mels, len(self.spec.labels))
        if not isinstance(model, Transcriber):
            raise ConfigError(f"model.encoder {config.model.encoder!r} is for task: keywords.")
        self.model = model
        self.loss = nn.CTCLoss(blank=self.spec.blank, reduction="none", zero_infinity=True)
        share = config.optim.middle_ctc
        own_head = share and not self.model.LABELS_MIDDLE
        self.middle_head = None
        if own_head and not isinstance(model, Conformer):
            self.middle_head = nn.Linear(model.middle_size, len(self.spec.labels))
        if isinstance(model, WhisperCtc):
            model.encoder.freeze(config.optim.frozen)
        self.reads_features = isinstance(model, WhisperCtc) and model.encoder.is_frozen
        if self.reads_features:
            self.frames_per_s = self.spec.output_frames_per_second
        teacher = config.optim.teacher
        if teacher.folder and self.reads_features:
            raise ConfigError("optim.teacher trains an encoder, but optim.frozen freezes all of this one.")
        self.hints = Hints(teacher, config) if teacher.folder else None
        self._dev_losses: list[tuple[Tensor, int]] = []  # loss of a batch, number of utterances in it
        self._transcribed: list[tuple[int, str, str]] = []  # number of the dev set, reference, hypothesis

    def _loss(self, batch: Batch, log_probs: Tensor, lengths: Tensor) -> Tensor:
        """Returns the batch's mean loss per character."""
        # CTC adds many tiny probabilities; half precision is too coarse for that.
        losses = self.loss(log_probs.transpose(0, 1).float(), batch.targets, lengths, batch.target_lengths)
        total: Tensor = losses.sum() / batch.target_lengths.sum().clamp_min(1)
        return total

    def _label_middle(self, encoded: Tensor) -> Tensor:
        if self.middle_head is None:
            return self.model.label(encoded)
        log_probs: Tensor = self.middle_head(encoded).log_softmax(-1)
        return log_probs

    def _encode(self, batch: Batch) -> tuple[list[Tensor], Tensor]:
        """Runs the network, or only its head where the batch has the features of its encoder."""
        if self.reads_features:
            return cast("WhisperCtc", self.model).spell(batch.log_mel, batch.lengths)
        return self.model.encode(batch.log_mel, batch.lengths)

    def training_step(self, batch: Batch, _batch_idx: int) -> Tensor:
        """Returns the loss of a batch."""
        layers, lengths = self._encode(batch)
        log_probs = self.model.label(layers[-1])
        loss = self._loss(batch, log_probs, lengths)
        if share := self.config.optim.middle_ctc:
            middle = self._label_middle(layers[self.model.middle])
            loss = (1 - share) * loss + share * self._loss(batch, middle, lengths)
        if weight := self.config.optim.consistency:
            apart = consistency_loss(log_probs.float(), lengths) / batch.target_lengths[::2].sum().clamp_min(1)
            self.log("train/consistency", apart, batch_size=len(batch.texts))
            loss = loss + weight * apart
        if self.hints:
            hint = self.hints(layers, lengths, batch)
            self.log("train/hint", hint, batch_size=len(batch.texts))
            loss = loss + self.config.optim.teacher.weight * hint
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch.texts))
        return loss

    def validation_step(self, batch: Batch, _batch_idx: int, dataloader_idx: int = 0) -> None:
        """Decodes a batch of a dev set."""
        layers, lengths = self._encode(batch)
        log_probs = self.model.label(layers[-1])
        self._dev_losses.append((self._loss(batch, log_probs, lengths), len(batch.texts)))
        for log_prob, length, text in zip(log_probs.float().cpu().numpy(), lengths.tolist(), batch.texts, strict=True):
            hypothesis = decode(greedy(log_prob[:length], self.spec.blank).labels.tolist(), self.spec.labels)
            self._transcribed.append((dataloader_idx, text, hypothesis))

    def on_validation_epoch_end(self) -> None:
        """Logs WER and CER of each dev set as a whole, and the mean of several."""
        # Not logged batch by batch: Lightning would give each dev set's figures another name.
        losses, self._dev_losses = self._dev_losses, []
        utterances = sum(count for _, count in losses)
        total = sum((loss * count for loss, count in losses), torch.zeros((), device=self.device))
        self.log("dev/loss", total / max(utterances, 1), batch_size=utterances, sync_dist=True)
        transcribed, self._transcribed = self._transcribed, []
        if self.trainer.world_size > 1:
            parts: list[Any] = [None] * self.trainer.world_size
            torch.distributed.all_gather_object(parts, transcribed)
            transcribed = [each for part in parts for each in part]
        sets = [[each[1:] for each in transcribed if each[0] == i] for i in sorted({i for i, _, _ in transcribed})]
        rates = [error_rates(*map(list, zip(*pairs, strict=True))) for pairs in sets]
        for i, each in enumerate(rates if len(rates) > 1 else ()):
            self.log(f"dev{i + 1}/wer", each.wer, rank_zero_only=False)
        self.log(self.MONITOR, fmean(each.wer for each in rates), prog_bar=True, rank_zero_only=False)
        self.log("dev/cer", fmean(each.cer for each in rates), prog_bar=True, rank_zero_only=False)


def consistency_loss(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """Returns how much two views of each utterance differ: the mean of both divergences, summed over frames.

    Each view is trained towards the other's labels of a frame; these count as constants.

    Args:
        log_probs: [2 * utterances, frames, labels], the two views of each utterance in a row.
        lengths: [2 * utterances].
    """
    first, second = log_probs[::2], log_probs[1::2]
    inside = frame_mask(lengths[::2], log_probs.shape[1])
    divergence = nn.functional.kl_div(first, second.detach(), reduction="none", log_target=True)
    divergence = divergence + nn.functional.kl_div(second, first.detach(), reduction="none", log_target=True)
    total: Tensor = (divergence.sum(-1) * inside).sum() / 2
    return total
