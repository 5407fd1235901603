"""How much audio a run processes in a second, and how much of its time it waits for data."""

import time
from typing import Any

import lightning as L
import torch

from training.dataset import Batch


class Throughput(L.Callback):
    """Logs, each `every` batches, seconds of audio a second and the share of time spent waiting for data.

    `train/audio_s_per_s` counts all processes, without validation and padding. `train/data_wait` is 0 if batches are
    always ready in time; if it is not, more `data.workers` help. Where the device makes its own batches
    (`data.on_device`), it is the share of time in which the processor prepares them.
    """

    def __init__(self, frames_per_s: float, every: int = 10) -> None:
        self.frames_per_s = frames_per_s
        self.every = every
        self._start_again()

    def _start_again(self) -> None:
        self.frames: torch.Tensor | float = 0.0
        self.waited_s = self.worked_s = 0.0
        self.batches = 0
        self.since = time.monotonic()

    def on_train_epoch_start(self, *_: object) -> None:
        """Leaves out the time between epochs."""
        self._start_again()

    def on_validation_end(self, *_: object) -> None:
        """Leaves out the time of validation."""
        self.since = time.monotonic()

    def on_train_batch_start(self, _trainer: L.Trainer, _task: L.LightningModule, batch: Batch, _index: int) -> None:
        """Ends the wait for a batch."""
        now = time.monotonic()
        self.waited_s += now - self.since
        self.since = now
        self.frames = self.frames + batch.lengths.sum()  # not read yet: the device may still work on the last batch

    def on_train_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, _outputs: Any, _batch: Batch, _index: int
    ) -> None:
        """Ends the work on a batch."""
        self.batches += 1
        on_device = trainer.datamodule.config.data.on_device  # type: ignore[attr-defined]
        if trainer.strategy.root_device.type == "cuda" and (self.batches == self.every or not on_device):
            torch.cuda.synchronize()  # otherwise queued work would count as waiting for the next batch
        now = time.monotonic()
        self.worked_s += now - self.since
        self.since = now
        if self.batches == self.every:
            total_s = self.waited_s + self.worked_s
            speed = float(self.frames) / self.frames_per_s / total_s * trainer.world_size
            task.log("train/audio_s_per_s", speed, prog_bar=True, rank_zero_only=True)
            task.log("train/data_wait", self.waited_s / total_s, prog_bar=True, rank_zero_only=True)
            self._start_again()
