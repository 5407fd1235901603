"""Errors of the training side, all under `hark.errors.HarkError`; each message names the file or field to correct."""

from hark.errors import HarkError


class ManifestError(HarkError):
    """A manifest line, or the audio it names, cannot be used."""


class ConfigError(HarkError):
    """A training config has an unknown field or a value that cannot work."""


class TrainingError(HarkError):
    """A run cannot go on: its loss or weights are no numbers any more, or its files find no room."""


class CheckpointError(HarkError):
    """A checkpoint is missing, unreadable, or was not made by Hark's training."""


class CorpusError(HarkError):
    """A corpus does not have the expected folders and files, or cannot be downloaded."""


class LabellingError(HarkError):
    """Recordings cannot be labelled: a model or package is missing, or the output belongs to something else."""
