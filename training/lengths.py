"""Lengths of utterances within a network, and masks made from them."""

import torch
from torch import Tensor

from training.config import WHISPER_STRIDES, ModelConfig


def output_lengths(lengths: Tensor, config: ModelConfig) -> Tensor:
    """Turns lengths in input frames into lengths in output frames, for the network of a config."""
    time_strides = WHISPER_STRIDES if config.encoder == "whisper" else [stride for stride, _ in config.conv_strides]
    for time_stride in time_strides:
        lengths = strided(lengths, time_stride)
    return lengths


def strided(lengths: Tensor, stride: int) -> Tensor:
    """Output length of a convolution of kernel 3 and padding 1: ceil(length / stride)."""
    return torch.div(lengths - 1, stride, rounding_mode="floor") + 1


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """[batch] lengths -> [batch, frames] bool: inside each utterance."""
    return torch.arange(frames, device=lengths.device)[None, :] < lengths[:, None]
