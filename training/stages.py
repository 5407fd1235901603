"""Runs that follow each other as one: first the head over a frozen encoder, say, then more and more of the network.

Each stage of `config.stages` is a run of its own, with its own learning rate cycle, in `runs/<name>/stage-1`, `stage-2`
and so on. A stage that is finished says so in a file, so that the same command goes on where an interrupted one was:
finished stages are left out, and one that was interrupted is resumed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning as L
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from training.config import Config
from training.errors import ConfigError
from training.fit import fit

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

    Args:
        config: the run.
        resume: a checkpoint to go on from; runs with stages find theirs by themselves.
        progress: show a progress bar.
        callbacks: further Lightning callbacks.
        overrides: fields that have these values in every stage, as for `training.config.load_config`.

    Raises:
        HarkError: as `training.fit.fit`, or a stage changes what no config has.
    """
    if not config.stages:
        return fit(config, resume, progress, callbacks)
    if resume:
        raise ConfigError("A run with stages finds by itself where to go on: leave --resume out.")
    best = Path()
    for number, stage in enumerate(stages(config, overrides), 1):
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
        ConfigError: a stage changes a field that there is not, or has a value of the wrong type for it.
    """
    for number, changes in enumerate(config.stages, 1):
        try:
            merged = OmegaConf.merge(
                OmegaConf.structured(config), {"stages": []}, changes, OmegaConf.from_dotlist(list(overrides))
            )
            stage = OmegaConf.to_object(merged)
        except (OmegaConfBaseException, ValueError) as error:
            raise ConfigError(f"Stage {number} of the config cannot be used: {str(error).splitlines()[0]}.") from error
        assert isinstance(stage, Config)
        stage.stages = []
        yield stage
