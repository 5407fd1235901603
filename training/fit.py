r"""Trains a recogniser: `python -m training.fit CONFIG [field=value ...] [--resume CHECKPOINT]`.

On one machine, with its CPU, its GPU, or all of its GPUs:

    python -m training.fit training/configs/small.yaml
    python -m training.fit training/configs/small.yaml trainer.max_epochs=40 optim.max_lr=1e-3
    python -m training.fit training/configs/small.yaml --resume runs/hark-small/last.ckpt
    python -m training.fit training/configs/small.yaml name=second init_from=runs/hark-small/best.ckpt

A GPU trains faster than processor cores augment. It can keep all audio in its memory and augment it there, and also
learn from the features of a larger model (`training.pretrained` says which models):

    python -m training.fit training/configs/small.yaml data.on_device=true data.batch_seconds=4000 \
        augment.codec.probability=0 optim.max_lr=3e-3 optim.teacher.folder=whisper-base.en optim.teacher.share=0.5

One process for each GPU, started by torchrun; or, with trainer.accelerator=cpu, for each share of the cores:

    torchrun --nproc-per-node 4 -m training.fit training/configs/small.yaml
    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m training.fit training/configs/small.yaml trainer.accelerator=cpu

On several machines, the same command on each, with --node-rank 0, 1, ...:

    torchrun --nnodes 2 --node-rank 0 --nproc-per-node 8 --master-addr HOST --master-port 29500 \
        -m training.fit training/configs/small.yaml

Each process takes its own batches of `data.batch_seconds`. With N processes a step learns from N batches, as it does
with `trainer.accumulate=N` in one process.

Optional data that is missing is left out, with a note (`training.missing_data`). `augment.noise.folder=none` trains
without recorded noise, `augment.noise.probability=0` without any.

Checkpoints, TensorBoard logs and the config go to `runs/<name>/`. `best.ckpt` is the checkpoint with the lowest dev WER
(for keywords, the lowest error rate), `last.ckpt` the newest. `average.ckpt`, made at the end, has the mean weights of
the last validations, or the last weights where there was only one. `--resume` continues an interrupted run exactly
where it stopped. A config with `stages` makes several runs, one after the other, and resumes by itself
(`training.stages`).
"""

import argparse
import dataclasses
import errno
import itertools
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import OmegaConf

from hark.command import command
from training.average import average
from training.checkpoint import load_checkpoint
from training.config import Config, TrainerConfig
from training.config_files import load_config
from training.errors import CheckpointError, ConfigError
from training.guards import FiniteOnly, room_for
from training.half_precision import has_bfloat16
from training.keywords.data import KeywordData
from training.keywords.task import KeywordTask
from training.keywords.whisper import WhisperClassifier
from training.network import Network
from training.pretrained import is_pretrained, load_pretrained
from training.task import SpeechData, SpeechTask
from training.throughput import Throughput
from training.whisper import WhisperCtc, WhisperEncoder


def fit(
    config: Config,
    resume: Path | None = None,
    progress: bool = True,
    callbacks: Sequence[L.Callback] = (),
    folder: Path | None = None,
) -> Path:
    """Trains to the end; returns the path of the checkpoint with the lowest dev WER, or error rate of keywords.

    Args:
        config: the run.
        resume: a checkpoint to continue from.
        progress: show a progress bar.
        callbacks: further Lightning callbacks.
        folder: where its files go; by default the folder that the config names.

    Raises:
        HarkError: the config, a manifest or the checkpoint to resume from cannot be used, nothing can be learnt from,
            the loss or the weights are not finite any more, or a disk is full.
    """
    if resume and not resume.is_file():
        raise CheckpointError(f"There is no checkpoint {resume} to resume from.")
    _quieten_lightning()
    folder = folder or Path(config.output_dir) / config.name
    with room_for(folder, Path(config.data.cache_dir)):
        return _fit(config, resume, progress, callbacks, folder)


def _fit(config: Config, resume: Path | None, progress: bool, callbacks: Sequence[L.Callback], folder: Path) -> Path:
    L.seed_everything(config.seed, verbose=False)
    torch.set_float32_matmul_precision("high")
    data, task = _parts(config)
    if resume:
        _check_resumable(resume, task)
    if config.init_from:
        take_weights(task.model, config)
    if not resume:
        _set_aside(folder)
    _make_folder(folder, config)
    settings = config.trainer
    best = ModelCheckpoint(folder, filename="best", monitor=task.MONITOR, enable_version_counter=False)
    # Comes after `best`, so that it saves the best figure so far, too.
    last = ModelCheckpoint(folder, filename="last", enable_version_counter=False)
    kept: list[L.Callback] = [best, last]
    if settings.average_last:
        for left_over in folder.glob("recent-*.ckpt") if not resume else ():
            left_over.unlink()
        kept.append(
            ModelCheckpoint(
                folder,
                filename="recent-{step}",
                monitor="step",
                mode="max",
                save_top_k=settings.average_last,
                save_weights_only=True,
                enable_version_counter=False,
            )
        )
    bar = [_Bar(refresh_rate=10)] if progress else []
    devices, nodes = _processes(settings)
    trainer = L.Trainer(
        accelerator=settings.accelerator,
        devices=devices,
        num_nodes=nodes,
        precision=_precision(settings),  # type: ignore[arg-type]
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
        callbacks=[
            FiniteOnly(),
            _Start(folder),
            *kept,
            LearningRateMonitor(),
            Throughput(task.frames_per_s),
            *bar,
            *callbacks,
        ],
        enable_progress_bar=progress,
        enable_model_summary=False,
    )
    if progress and trainer.is_global_zero:
        print(_summary(task.model, config, trainer.world_size))
        if config.optim.name == "muon" and trainer.strategy.root_device.type == "cpu" and not has_bfloat16():
            # PyTorch's Muon orthogonalises in it whatever the precision of the run.
            print(
                "note: Muon computes in bfloat16, for which this processor has no instructions: a step takes several "
                "times as long as with optim.name=adamw.",
                file=sys.stderr,
            )
    trainer.fit(task, data, ckpt_path=str(resume) if resume else None, weights_only=True if resume else None)
    recent = sorted(folder.glob("recent-*.ckpt"))
    best_path = folder / Path(best.best_model_path).name if best.best_model_path else None
    averaged = folder / "average.ckpt"
    if not recent:
        if best_path and not settings.average_last:
            return best_path
        # A run may end before its first validation; its weights are what there is.
        trainer.save_checkpoint(averaged, weights_only=True)
        return best_path or averaged
    if trainer.is_global_zero:
        average(recent, averaged)
    trainer.strategy.barrier()
    if len(recent) < 2 or best_path is None or best.best_model_score is None:
        return best_path or averaged
    task.model.load_state_dict(load_checkpoint(averaged)[0].state_dict())
    figure = trainer.validate(task, data, verbose=False)[0][task.MONITOR]
    if trainer.is_global_zero:
        at_best = float(best.best_model_score)
        print(f"{task.MONITOR} {at_best:.4f} at best, {figure:.4f} with the last {len(recent)} averaged")
    return averaged if figure <= best.best_model_score else best_path


@rank_zero_only
def _set_aside(folder: Path) -> None:
    """Moves what an earlier run of this name left, which took hours, out of the way of a new one."""
    left = [*folder.glob("*.ckpt"), *folder.glob("config.yaml")]
    if not any(path.suffix == ".ckpt" for path in left):
        return
    aside = next(path for path in (folder / f"earlier-{number}" for number in itertools.count(1)) if not path.exists())
    aside.mkdir()
    for path in left:
        path.rename(aside / path.name)
    print(f"note: the checkpoints of an earlier run are in {_from_here(aside)} now", file=sys.stderr)


def _make_folder(folder: Path, config: Config) -> None:
    """Makes the folder of a run, with the config in it.

    Raises:
        ConfigError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(OmegaConf.structured(config), folder / "config.yaml")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise ConfigError(
            f"The run's files cannot be written to {folder} ({error.strerror}); "
            "name another place with output_dir=FOLDER."
        ) from error


def _check_resumable(path: Path, task: SpeechTask | KeywordTask) -> None:
    """Checks that a run can go on from a checkpoint.

    Raises:
        CheckpointError: it is damaged, has no state of an optimiser, or is of another network.
    """
    _, saved = load_checkpoint(path)
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    if not {"optimizer_states", "lr_schedulers", "loops"} <= set(checkpoint):
        raise CheckpointError(
            f"{path} has weights, but not the state of the run, to resume from; resume from its last.ckpt, or begin a "
            f"new run from these weights with init_from={path}."
        )
    here, there = ({name: value.shape for name, value in state.items()} for state in (
        task.state_dict(), checkpoint["state_dict"]))  # fmt: skip
    changed = [name for name in ("name", "frozen") if getattr(saved.optim, name) != getattr(task.config.optim, name)]
    if here != there or changed:
        what = f"another optim.{changed[0]}" if changed else "another network"
        raise CheckpointError(
            f"{path} has {what} than this config; resume with the config.yaml beside it, or begin a new run with "
            f"init_from={path}."
        )


class _Start(L.Callback):
    """Does what can only be done when the data are there, and before the first step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Spreads validations evenly over the run, and tells which recordings it does without."""
        data: SpeechData | KeywordData = trainer.datamodule  # type: ignore[attr-defined]
        settings = data.config.trainer
        if settings.validate_every_steps:
            batches = data.steps(trainer.world_size) * settings.accumulate
            trainer.val_check_interval = _even_interval(batches, settings.validate_every_steps)
        listed = self.folder / "left-out.txt"
        if not trainer.is_global_zero:
            return
        if not len(data.left_out):
            listed.unlink(missing_ok=True)
            return
        data.left_out.write(listed)
        for note in data.left_out.notes():
            print(f"note: {note}", file=sys.stderr)
        print(f"note: {listed} names all that are left out.", file=sys.stderr)


class _Bar(TQDMProgressBar):
    """Lightning's progress bar without `v_num`, the number of a folder, which has no meaning here."""

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        """Returns the figures at the end of the bar."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics


def _summary(model: Network, config: Config, processes: int) -> str:
    """Says what is trained, and in how many processes."""
    parameters = list(model.parameters())
    total, trained = (sum(map(torch.numel, some)) for some in (parameters, [p for p in parameters if p.requires_grad]))
    of_these = "" if trained == total else f", of which {trained:,} are trained"
    shared = f"; {processes} processes" if processes > 1 else ""
    decoded = f"; {SpeechTask.MONITOR} is that of greedy decoding" if config.task == "transcription" else ""
    return f"{config.name}: {total:,} parameters{of_these}{shared}{decoded}"


def _from_here(path: Path) -> Path:
    """Returns a path as commands that run in this folder can name it."""
    here = Path.cwd()
    return path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path


def _parts(config: Config) -> tuple[SpeechData, SpeechTask] | tuple[KeywordData, KeywordTask]:
    """Returns the data and the training task of a run."""
    if config.task == "keywords":
        keywords = KeywordTask(config)
        return KeywordData(config, _frozen(keywords)), keywords
    if config.task != "transcription":
        raise ConfigError(f"task must be transcription or keywords, not {config.task!r}.")
    task = SpeechTask(config)
    return SpeechData(config, _frozen(task)), task


def _frozen(task: SpeechTask | KeywordTask) -> WhisperEncoder | None:
    """Returns the encoder whose features are computed once, if there is one."""
    model = task.model
    if task.reads_features and isinstance(model, WhisperCtc | WhisperClassifier):
        return model.encoder
    return None


def _even_interval(batches: int, wanted: int) -> int:
    """Returns an interval, at most `wanted`, whose multiples end where the run does, or a few batches before.

    Only validated weights are kept, and those at the end of the learning rate's cycle are worth the most.
    """
    return max(batches // -(-batches // wanted), 1)


def _processes(settings: TrainerConfig) -> tuple[str | int, int]:
    """Returns the devices of each machine and the number of machines: torchrun's if it runs, else the config's."""
    if torch.distributed.is_torchelastic_launched():
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        return here, int(os.environ["WORLD_SIZE"]) // here
    return settings.devices if settings.devices == "auto" else int(settings.devices), settings.nodes


def _precision(settings: TrainerConfig) -> str:
    """Resolves "auto" to half precision where it is fast: on GPUs, and on CPUs with instructions for bfloat16."""
    if settings.precision != "auto":
        return settings.precision
    if settings.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    on_cpu = settings.accelerator == "cpu" or not torch.accelerator.is_available()
    return "bf16-mixed" if on_cpu and has_bfloat16() else "32-true"


def take_weights(model: Network, config: Config) -> None:
    """Starts a network from the weights of `config.init_from`: a checkpoint, or a Whisper model.

    The labels may differ: those that both have keep their weights, and new ones start at random.

    Raises:
        CheckpointError: it cannot be read, or its network or features are not the config's.
    """
    if is_pretrained(config.init_from):
        if isinstance(model, WhisperCtc | WhisperClassifier):
            pretrained = load_pretrained(config.init_from)
            pretrained.check_features(config.features)
            pretrained.fill(model.encoder, config.model.whisper)
            return
        if not Path(config.init_from).is_file():
            raise CheckpointError(
                f"{config.init_from} is no checkpoint, and only model.encoder: whisper can start from a Whisper model."
            )
    trained, source = load_checkpoint(config.init_from)
    shape = dataclasses.replace(source.model, dropout=config.model.dropout)  # which has no weights
    if (shape, source.features) != (config.model, config.features):
        raise CheckpointError(
            f"{config.init_from} has another network or other features than this config; "
            "take its `model` and `features` over to start from its weights."
        )
    weights = trained.state_dict()
    if source.labels != config.labels:
        shared = [label for label in config.labels if label in source.labels]
        here, there = ([labels.index(label) for label in shared] for labels in (config.labels, source.labels))
        fresh = model.state_dict()
        for name, (axis, copies) in model.LABELLED.items():
            new, old = (values[name].unflatten(axis, (copies, -1)).movedim(axis + 1, 0) for values in (fresh, weights))
            new[here] = old[there].to(new.dtype)
            weights[name] = fresh[name]
    model.load_state_dict(weights)


def _quieten_lightning() -> None:
    """Drops Lightning's hints that do not apply here; errors and real warnings stay."""
    for hint in (
        ".*exists and is not empty",  # the config is already there, and the checkpoints of a resumed run
        ".*does not have many workers",  # features take 1 % of a step; workers would only take its cores
        ".*your dataloader is not resumable",  # it is: `SpeechData.train_dataloader` skips the batches that are done
        ".*number of training batches .* is smaller than the logging interval",
        ".*module\\(s\\) in eval mode at the start of training",  # that of a frozen encoder
        ".*isinstance.treespec, LeafSpec.. is deprecated",  # between Lightning and PyTorch
        ".*It is recommended to use .*sync_dist=True",  # error rates already cover all processes
    ):
        warnings.filterwarnings("ignore", hint)
    for name in (
        "lightning.pytorch.utilities.rank_zero",  # which hardware there is, and advertisements
        "lightning.fabric.utilities.distributed",  # a line for each process
    ):
        logging.getLogger(name).setLevel(logging.WARNING)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a YAML file, see training/configs")
    parser.add_argument("overrides", nargs="*", help="fields of the config, such as optim.max_lr=1e-3")
    parser.add_argument("--resume", type=Path, help="a checkpoint to continue from")
    options = parser.parse_intermixed_args(arguments)  # fields may stand on both sides of --resume
    from training import stages  # which runs `fit`

    config = load_config(options.config, options.overrides)
    best = stages.run(config, options.resume, overrides=options.overrides)
    rank_zero_only(print)(f"best checkpoint: {_from_here(best)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
