"""Reads the training configuration from YAML, the command line and checkpoints; unknown fields are refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from training.config import Config
from training.errors import ConfigError
from training.labels import alphabet_labels, labels_of_language
from training.language_rules import checked_tag
from training.text import ENGLISH_LABELS


def load_config(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Reads a YAML config and applies overrides such as `optim.max_lr=1e-3` or `augment.noise.folder=none`.

    Raises:
        ConfigError: the file is missing, or a field is unknown, missing or of the wrong type.
    """
    if not Path(path).exists():
        raise ConfigError(f"There is no config {path}; name another file, such as those in training/configs.")
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.load(path), dotlist(overrides or []))
        config = OmegaConf.to_object(merged)
    except OSError as error:
        raise ConfigError(f"The config {path} cannot be read: {error.strerror or error}.") from error
    except YAMLError as error:
        raise ConfigError(f"The config {path} is not YAML: {' '.join(str(error).split())}.") from error
    except (OmegaConfBaseException, ValueError) as error:
        raise ConfigError(f"The config {path} cannot be used: {str(error).splitlines()[0]}.") from error
    assert isinstance(config, Config)
    return _with_labels(config)


def config_for(path: Path | None, language: str | None = None) -> Config:
    """Reads the config that a command's option names, or takes Hark's defaults, for the language of another option.

    Args:
        path: the config; None for the defaults.
        language: BCP 47 tag, in place of the config's; None leaves that.

    Raises:
        ConfigError: as for `load_config`, or there is no alphabet for the language.
    """
    if path is not None:
        return load_config(path, [f"language={language}"] if language else None)
    return _with_labels(Config(language=language)) if language else Config()


def _with_labels(config: Config) -> Config:
    """Fills in what follows from the config's language."""
    config.language = checked_tag(config.language)
    if config.task == "transcription":
        config.labels = _labels(config)
    return config


def _labels(config: Config) -> list[str]:
    """Returns the labels that a config names, by themselves, as an alphabet or as those of its language.

    Raises:
        ConfigError: it names none, or what is named cannot be letters.
    """
    if config.alphabet:
        labels = alphabet_labels(config.alphabet)
        # The config.yaml of a run has both, and perhaps subwords behind the letters.
        if config.labels[: len(labels)] == labels:
            return config.labels
        if config.labels != list(ENGLISH_LABELS):
            raise ConfigError("Name either alphabet or labels, not both.")
        return labels
    return config.labels if config.labels != list(ENGLISH_LABELS) else labels_of_language(config.language)


def dotlist(overrides: Sequence[str]) -> DictConfig:
    """Parses overrides; `field=` with nothing after it, which is what a shell leaves of `field=''`, is empty text.

    Raises:
        ConfigError: one is not `field=value`, or its value is not YAML.
    """
    for each in overrides:
        try:
            if not each.partition("=")[1]:
                raise ValueError
            OmegaConf.from_dotlist([each])
        except (YAMLError, OmegaConfBaseException, ValueError) as error:
            raise ConfigError(
                f"The override {each} is not field=value with a value in YAML; where the value has spaces, quote it: "
                "'data.train=[{manifest: FILE}]', with make ARGS=\"'data.train=[{manifest: FILE}]'\"."
            ) from error
    return OmegaConf.from_dotlist([f"{each}''" if each.endswith("=") else each for each in overrides])


def config_to_dict(config: Config) -> dict[str, Any]:
    """Returns the config as plain Python values, as kept in checkpoints."""
    return OmegaConf.to_container(OmegaConf.structured(config))  # type: ignore[return-value]


def config_from_dict(values: Any) -> Config:
    """Reads what `config_to_dict` returned; nothing in it is resolved.

    Raises:
        ConfigError: it is something else. A value with `${`, which would read the environment of whoever loads the
            checkpoint, is never in one that training wrote, since a config is resolved when it is read.
    """
    if not isinstance(values, dict):
        raise ConfigError("The checkpoint's config cannot be used: it is no table of fields.")
    if field_name := _interpolated(values):
        raise ConfigError(f"The checkpoint's config cannot be used: {field_name} has ${{, which is not resolved here.")
    try:
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(values)))
    except (OmegaConfBaseException, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"The checkpoint's config cannot be used: {str(error).partition(chr(10))[0]}.") from error
    assert isinstance(config, Config)
    return config


def _interpolated(values: Any) -> str:
    """Returns the name of the first field with an interpolation in it, at any depth; "" where there is none."""
    waiting: list[tuple[str, Any]] = [("", values)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, str) and "${" in value:
            return name[:64] or "a field"
        if isinstance(value, dict):
            waiting += [(str(key), each) for key, each in value.items()]
            waiting += [("a field's name", key) for key in value]
        elif isinstance(value, list | tuple):
            waiting += [(name, each) for each in value]
    return ""
