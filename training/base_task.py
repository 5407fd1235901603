"""What training tasks have in common: seeds, the optimiser, and the contents of a checkpoint."""

from typing import Any, ClassVar

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from training.config import Config, model_spec
from training.config_files import config_to_dict
from training.optimiser import configure


class Task(L.LightningModule):
    """Trains and validates the network that a subclass puts into `model`.

    Attributes:
        MONITOR: the figure by which the best checkpoint is chosen; lower is better.
    """

    MONITOR: ClassVar[str]

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.spec = model_spec(config)
        self.frames_per_s = self.spec.sample_rate_hz / self.spec.hop_samples

    def on_train_batch_start(self, *_: object) -> None:
        """Seeds the step, so that a resumed run drops the same units as an uninterrupted one."""
        torch.manual_seed(self.config.seed + 1_000_003 * (self.trainer.fit_loop.total_batch_idx + 1) + self.global_rank)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW or Muon under OneCycleLR over the run's whole length."""
        steps = self.trainer.datamodule.steps(self.trainer.world_size)  # type: ignore[attr-defined]
        return configure(self, self.config.optim, steps)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the config, from which the model and its spec are made again."""
        checkpoint["hark_config"] = config_to_dict(self.config)
