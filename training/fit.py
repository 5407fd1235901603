"""Trains a recogniser: `python -m training.fit CONFIG [field=value ...] [--resume CHECKPOINT]`.

    python -m training.fit training/configs/small.yaml
    python -m training.fit training/configs/small.yaml trainer.max_epochs=40 optim.max_lr=1e-3
    python -m training.fit training/configs/small.yaml --resume runs/hark-small/last.ckpt
    python -m training.fit training/configs/small.yaml name=second init_from=runs/hark-small/best.ckpt

Checkpoints, TensorBoard logs and the config as used go to `runs/<name>/`. `best.ckpt` is the one with the lowest dev
WER, `last.ckpt` the newest; a run that was interrupted goes on exactly where it was with `--resume`.
"""

import argparse
import dataclasses
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import OmegaConf

from handler.errors import HarkError
from training.checkpoint import load_checkpoint
from training.config import Config, load_config
from training.errors import CheckpointError
from training.task import SpeechData, SpeechTask


def fit(
    config: Config, resume: Path | None = None, progress: bool = True, callbacks: Sequence[L.Callback] = ()
) -> Path:
    """Runs a training run to its end; returns the path of the best checkpoint.

    Args:
        config: the run.
        resume: a checkpoint to go on from.
        progress: show a progress bar.
        callbacks: further Lightning callbacks.

    Raises:
        HarkError: the config, a manifest or the checkpoint to resume from cannot be used.
    """
    if resume and not resume.is_file():
        raise CheckpointError(f"There is no checkpoint {resume} to resume from.")
    _quieten_lightning()
    L.seed_everything(config.seed, verbose=False)
    torch.set_float32_matmul_precision("high")
    folder = Path(config.output_dir) / config.name
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.structured(config), folder / "config.yaml")
    data, task = SpeechData(config), SpeechTask(config)
    if config.init_from:
        _take_weights(task, config)
    best = ModelCheckpoint(folder, filename="best", monitor="dev/wer", enable_version_counter=False)
    # Saved after `best` has seen the epoch, so that a resumed run knows the best WER so far.
    last = ModelCheckpoint(folder, filename="last", enable_version_counter=False)
    bar = [TQDMProgressBar(refresh_rate=10)] if progress else []
    settings = config.trainer
    trainer = L.Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices if settings.devices == "auto" else int(settings.devices),
        num_nodes=settings.nodes,
        precision=settings.precision,  # type: ignore[arg-type]
        max_epochs=settings.max_epochs if settings.max_steps <= 0 else None,
        max_steps=settings.max_steps,
        accumulate_grad_batches=settings.accumulate,
        val_check_interval=settings.validate_every_steps or None,
        check_val_every_n_epoch=None if settings.validate_every_steps else 1,
        gradient_clip_val=config.optim.clip_norm,
        use_distributed_sampler=False,  # the sampler shares batches out itself
        reload_dataloaders_every_n_epochs=1,  # epochs differ in their number of batches
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        logger=TensorBoardLogger(folder, name="", version="tensorboard"),
        callbacks=[best, last, LearningRateMonitor(), *bar, *callbacks],
        enable_progress_bar=progress,
    )
    trainer.fit(task, data, ckpt_path=str(resume) if resume else None, weights_only=True if resume else None)
    return Path(best.best_model_path)


def _take_weights(task: SpeechTask, config: Config) -> None:
    model, source = load_checkpoint(config.init_from)
    shape = dataclasses.replace(source.model, dropout=config.model.dropout)  # which has no weights
    if (shape, source.labels, source.features) != (config.model, config.labels, config.features):
        raise CheckpointError(f"{config.init_from} has another model, labels or features than this config.")
    task.model.load_state_dict(model.state_dict())


def _quieten_lightning() -> None:
    """Drops hints that do not apply; errors and real warnings stay."""
    for hint in (
        ".*exists and is not empty",  # the config lies there already, and a resumed run's checkpoints
        ".*does not have many workers",  # features cost 1 % of a step; workers would take the cores from it
        ".*your dataloader is not resumable",  # it is: `SpeechData.train_dataloader` skips what was done
        ".*number of training batches .* is smaller than the logging interval",
    ):
        warnings.filterwarnings("ignore", hint)
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a YAML file, see training/configs")
    parser.add_argument("overrides", nargs="*", help="fields of the config, such as optim.max_lr=1e-3")
    parser.add_argument("--resume", type=Path, help="a checkpoint to go on from")
    options = parser.parse_args(arguments)
    try:
        best = fit(load_config(options.config, options.overrides), options.resume)
    except HarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"best checkpoint: {best}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
