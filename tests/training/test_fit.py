"""Training itself: it learns, it resumes exactly, and it says what is wrong."""

from pathlib import Path

import pytest
import torch

from tests.conftest import DATA
from tests.training.toy import SMALL, TINY, toy_config
from training import fit
from training.checkpoint import TorchRecognizer, load_checkpoint
from training.config import model_spec
from training.errors import CheckpointError
from training.evaluate import evaluate
from training.manifest import read_manifest


@pytest.mark.xdist_group("overfit")
def test_a_dozen_utterances_are_learnt_to_wer_0_from_scratch(tmp_path: Path) -> None:
    config = toy_config(
        tmp_path,
        model__rnn_size="128",
        model__conv_channels="8",
        model__rnn_layers="1",
        model__dropout="0",
        augment__speed_change="0",
        augment__frequency_masks="0",
        augment__time_masks="0",
        data__batch_seconds="30",
        optim__max_lr="8e-3",
        trainer__max_epochs="250",
        trainer__validate_every_steps="250",
    )
    best = fit.fit(config, progress=False)
    model, saved = load_checkpoint(best)
    utterances = read_manifest(DATA / "manifest.jsonl")
    evaluation = evaluate(TorchRecognizer(model, model_spec(saved)), utterances, progress=False)
    assert evaluation.hypotheses == evaluation.references
    assert evaluation.rates.wer == 0
    assert evaluation.rates.cer == 0


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state_dict"]


@pytest.mark.parametrize(
    ("validate_every_steps", "interrupted_at"),
    [pytest.param("0", 9, id="between epochs"), pytest.param("2", 9, id="within an epoch")],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, validate_every_steps: str, interrupted_at: int
) -> None:
    settings = {"trainer__max_epochs": "4", "trainer__validate_every_steps": validate_every_steps, **TINY}
    fit.fit(toy_config(tmp_path / "whole", **settings), progress=False)
    # The second run ends in the middle of what its schedule was made for, as a crash would end it.
    config = toy_config(tmp_path / "parts", **settings)
    with pytest.raises(Interrupted):
        fit.fit(config, progress=False, callbacks=[_Interrupt(interrupted_at)])
    halfway = weights(tmp_path / "parts" / "toy" / "last.ckpt")
    fit.fit(config, resume=tmp_path / "parts" / "toy" / "last.ckpt", progress=False)
    whole, parts = (weights(tmp_path / run / "toy" / "last.ckpt") for run in ("whole", "parts"))
    assert any(not torch.equal(halfway[name], parts[name]) for name in parts)
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


class Interrupted(Exception):
    """Stands for a crash."""


class _Interrupt(fit.L.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: fit.L.Trainer, *_: object) -> None:
        if trainer.global_step == self.step:
            raise Interrupted


def test_a_run_can_start_from_the_weights_of_another(tmp_path: Path) -> None:
    first = fit.fit(toy_config(tmp_path / "first", trainer__max_epochs="1", **TINY), progress=False)
    # With a learning rate of next to nothing, what comes out is what went in; dropout may differ, the shape may not.
    settings = {"trainer__max_epochs": "1", "optim__max_lr": "1e-12", "init_from": str(first), **TINY}
    second = fit.fit(toy_config(tmp_path / "second", model__dropout="0.5", **settings), progress=False)
    for name, value in weights(first).items():
        torch.testing.assert_close(value, weights(second)[name], atol=1e-6, rtol=0)
    with pytest.raises(CheckpointError, match="another model"):
        fit.fit(toy_config(tmp_path / "third", **{**settings, "model__rnn_size": "16"}), progress=False)


def test_a_run_leaves_its_config_logs_and_checkpoints(tmp_path: Path) -> None:
    best = fit.fit(toy_config(tmp_path, trainer__max_epochs="2", **TINY), progress=False)
    folder = tmp_path / "toy"
    assert best == folder / "best.ckpt"
    assert {"best.ckpt", "last.ckpt", "config.yaml"} <= {path.name for path in folder.iterdir()}
    assert list((folder / "tensorboard").glob("events.*"))
    _, config = load_checkpoint(best)
    assert config == toy_config(tmp_path, trainer__max_epochs="2", **TINY)


def test_the_command_line_says_what_is_wrong_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit.main([str(SMALL), "data.dev=nowhere.jsonl"]) == 1
    assert capsys.readouterr().err.startswith("error: The manifest ")
    assert fit.main([str(SMALL), "nonsense=1"]) == 1
    assert fit.main([str(SMALL), "--resume", str(tmp_path / "gone.ckpt")]) == 1
    assert "gone.ckpt" in capsys.readouterr().err


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path / "none.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="not written by Hark"):
        load_checkpoint(tmp_path / "other.ckpt")
