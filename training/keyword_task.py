"""What is optimised and what is measured for keywords: cross-entropy, and the share of the dev set heard wrongly."""

from typing import Any, ClassVar

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn

from training.config import Config, config_to_dict, model_spec
from training.errors import ConfigError
from training.keyword_data import KeywordBatch
from training.network import Classifier, build
from training.optimiser import configure


class KeywordTask(L.LightningModule):
    """Trains and validates a classifier."""

    MONITOR: ClassVar[str] = "dev/error"

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.spec = model_spec(config)
        self.frames_per_s = self.spec.sample_rate_hz / self.spec.hop_samples
        model = build(config.model, self.spec.feature_size, len(self.spec.labels))
        if not isinstance(model, Classifier):
            raise ConfigError(f"model.encoder {config.model.encoder!r} is none for task: keywords.")
        self.model = model
        self.loss = nn.CrossEntropyLoss(label_smoothing=config.optim.label_smoothing)
        self._wrong = self._heard = 0

    def on_train_batch_start(self, *_: object) -> None:
        """Seeds the step, so that a resumed run drops the same units as an uninterrupted one."""
        torch.manual_seed(self.config.seed + 1_000_003 * (self.trainer.fit_loop.total_batch_idx + 1) + self.global_rank)

    def training_step(self, batch: KeywordBatch, _batch_idx: int) -> torch.Tensor:
        """Returns the loss of a batch."""
        log_probs, _ = self.model(batch.features, batch.lengths)
        loss: torch.Tensor = self.loss(log_probs[:, 0].float(), batch.labels)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch.labels))
        return loss

    def validation_step(self, batch: KeywordBatch, _batch_idx: int) -> None:
        """Classifies a batch of the dev set."""
        log_probs = self.model(batch.features, batch.lengths)[0][:, 0].float()
        loss = nn.functional.nll_loss(log_probs, batch.labels)
        self.log("dev/loss", loss, batch_size=len(batch.labels), sync_dist=True)
        self._wrong += int((log_probs.argmax(1) != batch.labels).sum())
        self._heard += len(batch.labels)

    def on_validation_epoch_end(self) -> None:
        """Logs the share of the whole dev set that was heard wrongly."""
        counts = torch.tensor([float(self._wrong), float(self._heard)], device=self.device)
        wrong, heard = self.trainer.strategy.reduce(counts, reduce_op="sum")
        self.log(self.MONITOR, wrong / heard, prog_bar=True, rank_zero_only=False)
        self._wrong = self._heard = 0

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW or Muon under OneCycleLR over the run's whole length."""
        steps = self.trainer.datamodule.steps(self.trainer.world_size)  # type: ignore[attr-defined]
        return configure(self, self.config.optim, steps)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the config, from which the model and its spec are made again."""
        checkpoint["hark_config"] = config_to_dict(self.config)
