"""Training of keyword models: cross-entropy, and the error rate on the dev set."""

from typing import ClassVar, cast

import torch
from torch import nn

from hark.spec import UNKNOWN
from training.base_task import Task
from training.config import Config
from training.errors import ConfigError
from training.keywords.data import KeywordBatch
from training.keywords.whisper import WhisperClassifier
from training.network import Classifier, build


class KeywordTask(Task):
    """Trains and validates a classifier."""

    MONITOR: ClassVar[str] = "dev/error"
    excess: torch.Tensor

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        model = build(config.model, self.spec.feature_size, len(self.spec.labels))
        if not isinstance(model, Classifier):
            raise ConfigError(f"model.encoder {config.model.encoder!r} is not for task: keywords.")
        self.model = model
        if isinstance(model, WhisperClassifier):
            model.encoder.freeze(config.optim.frozen)
        self.reads_features = isinstance(model, WhisperClassifier) and model.encoder.is_frozen
        self.loss = nn.CrossEntropyLoss(label_smoothing=config.optim.label_smoothing)
        self.register_buffer("excess", torch.zeros(len(self.spec.labels)), persistent=False)
        self.excess[self.spec.labels.index(UNKNOWN)] = config.optim.unknown_excess
        self._wrong = self._utterances = 0

    def _classify(self, batch: KeywordBatch) -> torch.Tensor:
        """Runs the network, or only its head where the batch has the features of its encoder: [batch, labels]."""
        run = cast("WhisperClassifier", self.model).classify if self.reads_features else self.model
        log_probs: torch.Tensor = run(batch.features, batch.lengths)[0][:, 0].float()
        return log_probs

    def training_step(self, batch: KeywordBatch, _batch_idx: int) -> torch.Tensor:
        """Returns the loss of a batch."""
        # Menon et al., "Long-tail learning via logit adjustment" (ICLR 2021): what is added here is left out in use.
        loss: torch.Tensor = self.loss(self._classify(batch) + self.excess, batch.labels)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch.labels))
        return loss

    def validation_step(self, batch: KeywordBatch, _batch_idx: int) -> None:
        """Classifies a batch of the dev set."""
        log_probs = self._classify(batch)
        loss = nn.functional.nll_loss(log_probs, batch.labels)
        self.log("dev/loss", loss, batch_size=len(batch.labels), sync_dist=True)
        self._wrong += int((log_probs.argmax(1) != batch.labels).sum())
        self._utterances += len(batch.labels)

    def on_validation_epoch_end(self) -> None:
        """Logs the error rate on the whole dev set."""
        counts = torch.tensor([float(self._wrong), float(self._utterances)], device=self.device)
        wrong, utterances = self.trainer.strategy.reduce(counts, reduce_op="sum")
        self.log(self.MONITOR, wrong / utterances, prog_bar=True, rank_zero_only=False)
        self._wrong = self._utterances = 0
