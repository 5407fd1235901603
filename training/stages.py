"""Several runs as one: for example first the head over a frozen encoder, then more and more of the network.

Each stage of `config.stages` is a run with its own learning rate cycle, in `runs/<name>/stage-1`, `stage-2` and so on.
A finished stage leaves a file that says so. The same command therefore continues after an interruption: it skips
finished stages and resumes the one that was interrupted.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning as L
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from training.config import Config
from training.config_files import dotlist
from training.errors import ConfigError
from training.fit import fit
from training.missing_data import leave_out_missing
from training.subword_labels import labels_of

# Holds the name of the stage's best checkpoint.
FINISHED = "finished.txt"


def run(
    config: Config,
    resume: Path | None = None,
    progress: bool = True,
    callbacks: Sequence[L.Callback] = (),
    overrides: Sequence[str] = (),
) -> Path:
    """Runs a config, stage by stage where it has stages; returns the path of the last run's best checkpoint.

    Optional data that is missing is left out, with a note for each (`training.missing_data`).

    Args:
        config: the run.
        resume: a checkpoint to go on from; runs with stages find theirs by themselves.
        progress: show a progress bar.
        callbacks: further Lightning callbacks.
        overrides: fields given on the command line, as for `load_config`; they hold in every stage.

    Raises:
        HarkError: as `training.fit.fit`, or a stage changes a field that does not exist, or data is missing that is not
            optional (`training.missing_data`).
    """
    if resume and config.stages:
        raise ConfigError("A run with stages finds by itself where to go on: leave --resume out.")
    runs = list(stages(config, overrides)) if config.stages else [config]
    for note in dict.fromkeys(note for each in runs for note in leave_out_missing(each, overrides)):
        rank_zero_only(print)(f"note: {note}", file=sys.stderr)
    if config.subwords and config.task == "transcription":
        labels = labels_of(runs[0])
        for each in runs:
            each.labels = labels
    if not config.stages:
        return fit(config, resume, progress, callbacks)
    best = Path()
    for number, stage in enumerate(runs, 1):
        folder = Path(config.output_dir) / config.name / f"stage-{number}"
        if number > 1:
            stage.init_from = str(best)
        finished, last = folder / FINISHED, folder / "last.ckpt"
        if not finished.is_file():
            chosen = fit(stage, last if last.is_file() else None, progress, callbacks, folder)
            finished.write_text(chosen.name)
        best = folder / finished.read_text()
    return best


def stages(config: Config, overrides: Sequence[str] = ()) -> Iterator[Config]:
    """Yields the config of each stage; `overrides` hold in all of them.

    Raises:
        ConfigError: a stage changes a field that does not exist, or has a value of the wrong type for it.
    """
    for number, changes in enumerate(config.stages, 1):
        try:
            merged = OmegaConf.merge(OmegaConf.structured(config), {"stages": []}, changes, dotlist(overrides))
            stage = OmegaConf.to_object(merged)
        except (OmegaConfBaseException, ValueError) as error:
            raise ConfigError(f"Stage {number} of the config cannot be used: {str(error).splitlines()[0]}.") from error
        assert isinstance(stage, Config)
        stage.stages, stage.language, stage.labels = [], config.language, config.labels
        yield stage
