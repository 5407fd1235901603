"""Leaves out the optional data that a config names and this machine does not have, and says so.

Optional are manifests marked `optional`, further dev sets (`data.more_dev`) and folders of noise and room responses.
What the user named on the command line is never optional: there, a path that is missing is a mistake.
"""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from training.augment import NO_FOLDER
from training.config import AugmentConfig, Config, DataConfig
from training.config_files import dotlist
from training.errors import ConfigError


def leave_out_missing(config: Config, overrides: Sequence[str] = ()) -> list[str]:
    """Removes optional data that is missing from a config, in place.

    Args:
        config: of one run.
        overrides: fields given on the command line, as for `training.config_files.load_config`.

    Returns:
        A sentence for each thing that was left out.

    Raises:
        ConfigError: a folder named on the command line does not exist, or no training manifest is left.
    """
    return [*_leave_out_manifests(config.data, overrides), *leave_out_folders(config.augment, overrides)]


def _leave_out_manifests(data: DataConfig, overrides: Sequence[str]) -> list[str]:
    absent = [corpus for corpus in data.train if corpus.optional and not Path(corpus.manifest).is_file()]
    if absent and len(absent) == len(data.train):
        raise ConfigError(
            f"None of the manifests in data.train exists, the first is {absent[0].manifest}; make one, or name yours: "
            "'data.train=[{manifest: FILE}]'."
        )
    notes = [f"There is no {corpus.manifest}; training goes on without it." for corpus in absent]
    data.train = [corpus for corpus in data.train if corpus not in absent]
    if OmegaConf.select(dotlist(overrides), "data.more_dev") is None:
        missing = [manifest for manifest in data.more_dev if not Path(manifest).is_file()]
        notes += [f"There is no {manifest}; the checkpoint is chosen without it." for manifest in missing]
        data.more_dev = [manifest for manifest in data.more_dev if manifest not in missing]
    return notes


def leave_out_folders(augment: AugmentConfig, overrides: Sequence[str] = ()) -> list[str]:
    """Removes missing folders of noise and room responses from a config, in place; otherwise as `leave_out_missing`."""
    notes = []
    noise, room = augment.noise, augment.room
    for part, field, instead in ((noise, "noise", "generated noise"), (room, "room", "simulated rooms")):
        if part.folder in NO_FOLDER or Path(part.folder).is_dir():
            continue
        if OmegaConf.select(dotlist(overrides), f"augment.{field}.folder") is not None:
            raise ConfigError(
                f"There is no folder {part.folder}; with augment.{field}.folder=none augmentation takes {instead}."
            )
        if part.probability:
            notes.append(f"There is no folder {part.folder}; augmentation takes {instead}.")
        part.folder = ""
    return notes
