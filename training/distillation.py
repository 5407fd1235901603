"""A teacher's features as a second training target."""

import torch
from torch import Tensor, nn

from training import teacher
from training.config import Config, ModelConfig, TeacherConfig, model_spec
from training.conformer import STACKED
from training.dataset import Batch
from training.errors import ConfigError
from training.lengths import frame_mask
from training.whisper import MOST_S, output_size

# Silence after the teacher's input: Whisper was not trained on utterances that fill its whole window.
_SILENCE_S = 1.0
_SMALLEST_DEVIATION = 1e-3


class Hints(nn.Module):
    """The mean squared error with which layers of a network predict the teacher's features, each scaled to variance 1.

    Each layer has its own linear head, which only training needs. The teacher gets the recordings at the same speed as
    the network but without noise, rooms or masks, so that the network learns to ignore those.

    Raises:
        CheckpointError: the teacher cannot be read.
        ConfigError: it does not fit the network or the recordings.
    """

    def __init__(self, settings: TeacherConfig, config: Config) -> None:
        super().__init__()
        self.layers, size, self.stacked = _taught(settings, config.model)
        if config.features.sample_rate_hz != teacher.RATE_HZ:
            raise ConfigError(f"A teacher hears {teacher.RATE_HZ} Hz, not features.sample_rate_hz.")
        longest_s = config.data.max_duration_s / (1 - config.augment.speed_change) + _SILENCE_S
        if longest_s > MOST_S:
            raise ConfigError(
                f"A teacher hears {MOST_S} s at most, and augment.speed_change makes data.max_duration_s as long as "
                f"{longest_s:.0f} s: lower one of them."
            )
        encoder = teacher.load(settings.folder)
        # In a tuple, so that its weights are neither in checkpoints nor in the optimiser.
        self._teacher = (encoder,)
        self.subsampling = model_spec(config).time_subsampling
        self.share = settings.share
        self.heads = nn.ModuleList(nn.Linear(size, self.stacked * encoder.size) for _ in self.layers)

    def forward(self, layers: list[Tensor], lengths: Tensor, batch: Batch) -> Tensor:
        """Returns the error.

        Args:
            layers: what the network's `encode` returns, [batch, frames, size] each.
            lengths: [batch] in output frames.
            batch: with the teacher's input.
        """
        assert batch.clean is not None
        assert batch.hops is not None
        frames = self.stacked * layers[0].shape[1]
        rows = torch.randperm(len(lengths), device=lengths.device)[: max(round(len(lengths) * self.share), 1)]
        inside = frame_mask(lengths[rows], frames)
        wanted = self._features(batch.clean[rows], batch.hops[rows], frames)[inside].float()
        deviation, mean = torch.std_mean(wanted, 0)
        wanted = (wanted - mean) / deviation.clamp_min(_SMALLEST_DEVIATION)
        total = wanted.new_zeros(())
        for head, layer in zip(self.heads, self.layers, strict=True):
            told = head(layers[layer][rows]).unflatten(2, (self.stacked, -1)).flatten(1, 2)[inside]
            total = total + (told.float() - wanted).square().mean()
        return total / len(self.layers)

    def _features(self, clean: Tensor, hops: Tensor, frames: int) -> Tensor:
        """[batch, frames, features] of the teacher at the network's output frames."""
        (encoder,) = self._teacher
        encoder.to(clean.device)
        features = encoder(nn.functional.pad(clean, (0, round(_SILENCE_S * teacher.RATE_HZ))))
        # Strided convolutions of kernel 3 and padding 1 look around every `subsampling`-th frame; so does the teacher.
        middle = torch.arange(frames, device=clean.device) * self.subsampling
        at = (middle * (hops[:, None] / teacher.HOP)).clamp_max(features.shape[1] - 1.001)
        before = at.long()
        share = (at - before)[:, :, None].to(features.dtype)
        first, second = (
            features.gather(1, index[:, :, None].expand(-1, -1, features.shape[2])) for index in (before, before + 1)
        )
        between: Tensor = first + share * (second - first)
        return between


def _taught(settings: TeacherConfig, model: ModelConfig) -> tuple[list[int], int, int]:
    """Returns which layers of a network predict the features, their width, and how many output frames one frame has."""
    if model.encoder == "whisper":
        return [0], output_size(model.whisper), 1
    if model.encoder != "conformer":
        raise ConfigError("optim.teacher is for model.encoder: conformer or whisper.")
    layers = model.conformer.layers
    if not settings.layers or not set(settings.layers) <= set(range(layers)):
        raise ConfigError(f"optim.teacher.layers must name some of the {layers} blocks, from 0 on.")
    return list(settings.layers), model.conformer.size, STACKED
