"""How fast a run takes audio in, and how much of its time it waits for it."""

import time
from typing import Any

import lightning as L
import torch

from training.dataset import Batch


class Throughput(L.Callback):
    """Logs, each `every` batches, seconds of audio a second and the share of time spent waiting for data.

    `train/audio_s_per_s` counts all processes and leaves validation out; padding is not audio. `train/data_wait` is
    0 where batches are always ready when they are asked for; if it is not, more `data.workers` help.
    """

    def __init__(self, frames_per_s: float, every: int = 10) -> None:
        self.frames_per_s = frames_per_s
        self.every = every
        self._start_again()

    def _start_again(self) -> None:
        self.audio_s = self.waited_s = self.worked_s = 0.0
        self.batches = 0
        self.since = time.monotonic()

    def on_train_epoch_start(self, *_: object) -> None:
        """Leaves out what lies between epochs."""
        self._start_again()

    def on_validation_end(self, *_: object) -> None:
        """Leaves out validation."""
        self.since = time.monotonic()

    def on_train_batch_start(self, _trainer: L.Trainer, _task: L.LightningModule, batch: Batch, _index: int) -> None:
        """Ends the wait for a batch."""
        now = time.monotonic()
        self.waited_s += now - self.since
        self.since = now
        self.audio_s += float(batch.lengths.sum()) / self.frames_per_s

    def on_train_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, _outputs: Any, _batch: Batch, _index: int
    ) -> None:
        """Ends the work on a batch."""
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()  # else the work still queued would count as waiting for the next batch
        now = time.monotonic()
        self.worked_s += now - self.since
        self.since = now
        self.batches += 1
        if self.batches == self.every:
            total_s = self.waited_s + self.worked_s
            speed = self.audio_s / total_s * trainer.world_size
            task.log("train/audio_s_per_s", speed, prog_bar=True, rank_zero_only=True)
            task.log("train/data_wait", self.waited_s / total_s, prog_bar=True, rank_zero_only=True)
            self._start_again()
