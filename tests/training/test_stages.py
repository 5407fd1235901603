"""Runs that follow each other: each from the last one's best weights, and none of them twice."""

from pathlib import Path

import pytest
import torch

from tests.training.toy import NO_AUGMENTATION, TINY, toy_config
from training import stages
from training.checkpoint import load_checkpoint
from training.config import Config
from training.errors import ConfigError

SHORT = {**TINY, **NO_AUGMENTATION, "trainer__max_steps": "1", "trainer__validate_every_steps": "1"}


def staged(folder: Path, *changes: object, **overrides: str) -> Config:
    config = toy_config(folder, **{**SHORT, **overrides})
    config.stages = list(changes)
    return config


def test_each_stage_changes_the_config_and_the_command_line_changes_them_all(tmp_path: Path) -> None:
    config = staged(tmp_path, {"optim": {"max_lr": 0.5}}, {"trainer": {"max_steps": 7}})
    first, second = stages.stages(config, ["model.dropout=0.25"])
    assert (first.optim.max_lr, first.trainer.max_steps, first.model.dropout) == (0.5, 1, 0.25)
    assert (second.optim.max_lr, second.trainer.max_steps, second.model.dropout) == (config.optim.max_lr, 7, 0.25)
    assert not first.stages


def test_a_stage_starts_from_the_best_weights_of_the_one_before(tmp_path: Path) -> None:
    # A learning rate of nothing leaves the weights as they were.
    best = stages.run(staged(tmp_path, {}, {"optim": {"max_lr": 0.0}}), progress=False)
    assert best.parent == tmp_path / "toy" / "stage-2"
    before, _ = load_checkpoint(tmp_path / "toy" / "stage-1" / "best.ckpt")
    after, _ = load_checkpoint(best)
    for name, value in before.state_dict().items():
        assert torch.equal(value, after.state_dict()[name]), name


def test_what_is_finished_is_not_done_again_and_what_was_interrupted_goes_on(tmp_path: Path) -> None:
    config = staged(tmp_path, {}, {"trainer": {"max_steps": 2}})
    whole = stages.run(config, progress=False)
    first = tmp_path / "toy" / "stage-1" / "best.ckpt"
    made = first.stat().st_mtime_ns
    # As if it had been stopped after its last checkpoint.
    (whole.parent / stages.FINISHED).unlink()
    assert stages.run(config, progress=False) == whole
    assert first.stat().st_mtime_ns == made


def test_a_config_without_stages_is_one_run(tmp_path: Path) -> None:
    assert stages.run(toy_config(tmp_path, **SHORT), progress=False) == tmp_path / "toy" / "best.ckpt"


def test_what_no_config_has_and_what_stages_find_by_themselves_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Stage 2 of the config cannot be used"):
        stages.run(staged(tmp_path, {}, {"optim": {"speed": 1}}), progress=False)
    with pytest.raises(ConfigError, match="leave --resume out"):
        stages.run(staged(tmp_path, {}), tmp_path / "last.ckpt", progress=False)
