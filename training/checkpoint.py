"""Reads a checkpoint back: the network with its weights, and the config it was trained with."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from hark.errors import HarkError
from hark.spec import ModelSpec
from training.config import Config, model_spec
from training.config_files import config_from_dict, config_to_dict
from training.errors import CheckpointError
from training.features import pad_batch
from training.network import Network, build
from training.whisper import WhisperCtc

# The training task has the network in an attribute of this name.
_PREFIX = "model."


def load_checkpoint(path: str | Path) -> tuple[Network, Config]:
    """Loads a checkpoint that `training.fit` wrote; the network is in evaluation mode.

    Raises:
        CheckpointError: the file is missing, unreadable, or not from `training.fit`, or its weights or its config do
            not belong together.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"There is no checkpoint {path}; name another file.")
    try:
        # weights_only: a checkpoint from elsewhere must not run code here.
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds
        # torch's message is long, and advises to load the file without protection.
        reason = str(error) if isinstance(error, OSError) else "it is damaged, or another program wrote it"
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {reason}.") from error
    if not isinstance(checkpoint, dict) or not {"hark_config", "state_dict"} <= set(checkpoint):
        raise CheckpointError(f"{path} was not written by Hark's training.")
    try:
        config = config_from_dict(checkpoint["hark_config"])
        spec = model_spec(config)
        model = build(config.model, spec.feature_size, len(spec.labels))
        weights = checkpoint["state_dict"].items()
        model.load_state_dict(
            {name.removeprefix(_PREFIX): value for name, value in weights if name.startswith(_PREFIX)}
        )
    except HarkError as error:
        raise CheckpointError(f"{path} cannot be used: {error}") from error
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:  # torch's message lists all weights
        raise CheckpointError(f"{path} has other weights than the network that its config describes.") from error
    return model.eval(), config


def checkpoint_of(model: Network, config: Config) -> dict[str, Any]:
    """Returns what to write with `torch.save` for `load_checkpoint` to read: weights and config, no optimiser."""
    weights = {f"{_PREFIX}{name}": value for name, value in model.state_dict().items()}
    return {"state_dict": weights, "hark_config": config_to_dict(config)}


def save_weights(checkpoint: str | Path, path: str | Path) -> None:
    """Writes a checkpoint's weights in half precision, without the optimiser's state, to fine-tune from.

    `load_checkpoint` and `init_from` read the file as they read a checkpoint.

    Raises:
        CheckpointError: as `load_checkpoint`.
    """
    model, config = load_checkpoint(checkpoint)
    # Paths of the machine that trained are of no use to others.
    data = dataclasses.replace(config.data, train=[], dev="", cache_dir="")
    config = dataclasses.replace(config, data=data, init_from="", output_dir="")
    torch.save(checkpoint_of(model.half(), config), path)


class TorchRecognizer:
    """A network behind the interface of `hark.recognizer.Recognizer`, to evaluate checkpoints as they are served.

    Args:
        model: the network.
        spec: of it.
        config: of its training, for who wants to know what it was trained on.
    """

    def __init__(self, model: Network, spec: ModelSpec, config: Config | None = None) -> None:
        self.model = model.eval()
        self.spec = spec
        self.config = config

    @torch.inference_mode()
    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """[frames, n_mels] each -> [output frames, labels] log-probabilities each."""
        log_mel, lengths = pad_batch([torch.from_numpy(log_mel) for log_mel in log_mels])
        log_probs, output_lengths = self.model(log_mel, lengths)
        return _parted(log_probs, output_lengths)

    @torch.inference_mode()
    def run_with_features(
        self, log_mels: Sequence[NDArray[np.float32]]
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """As `run`, of a network with a Whisper encoder; also its features, [output frames, size] each."""
        log_mel, lengths = pad_batch([torch.from_numpy(log_mel) for log_mel in log_mels])
        model = cast("WhisperCtc", self.model)
        (features, encoded), output_lengths = model.encode(log_mel, lengths)
        return _parted(model.label(encoded), output_lengths), _parted(features, output_lengths)


def _parted(batch: torch.Tensor, lengths: torch.Tensor) -> list[NDArray[np.float32]]:
    """[batch, frames, size], [batch] -> [frames, size] each, without padding."""
    return [row[:length].numpy() for row, length in zip(batch, lengths.tolist(), strict=True)]
