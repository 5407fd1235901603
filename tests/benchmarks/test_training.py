"""Fine-tuning and training speed are measured of every kind of network there is a config for."""

from pathlib import Path

import pytest
import torch

from benchmarks import fine_tuning
from benchmarks.training_speed import random_batch, step_seconds
from training.config import Config, ConformerConfig, WhisperConfig
from training.config_files import load_config
from training.task import SpeechTask


def small(name: str, frozen: int) -> Config:
    """Returns a config of the repository with a network small enough for a test."""
    config = load_config(f"training/configs/{name}.yaml")
    config.model.conformer = ConformerConfig(2, 16, 2, 2, 3)
    config.model.whisper = WhisperConfig(2, 16, 2, 1, head_layers=1)
    config.model.rnn_size = config.model.conv_channels = 8
    config.optim.frozen = frozen
    return config


@pytest.mark.parametrize(("name", "frozen"), [("small", 0), ("base", 0), ("base", 4)])
def test_a_training_step_takes_time(name: str, frozen: int) -> None:
    config = small(name, frozen)
    batch = random_batch(SpeechTask(config), 2, 1.0)
    assert batch.log_mel.shape == ((2, 25, 16) if frozen else (2, 100, 80))
    assert all(seconds > 0 for seconds in step_seconds(config, batch, torch.float32, 1))


@pytest.mark.parametrize("name", ["small", "base"])
def test_fine_tuning_needs_nothing_that_the_model_was_trained_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    trained = load_config(f"training/configs/{name}.yaml", ["data.on_device=true", "optim.teacher.folder=whisper-base"])
    monkeypatch.setattr(fine_tuning, "load_checkpoint", lambda _: (None, trained))
    config = fine_tuning.fine_tuning_config(Path("start.ckpt"), tmp_path, 100)
    assert not config.data.on_device
    named = [corpus.manifest for corpus in config.data.train] + [config.data.dev, *config.data.more_dev]
    assert all(Path(manifest).is_relative_to(tmp_path) for manifest in named)
    assert [config.augment.noise.folder, config.augment.room.folder, config.optim.teacher.folder] == ["", "", ""]
