"""The strided convolutions at the beginning of every network."""

import math

from torch import nn

from training.config import ModelConfig


def strided_convolutions(config: ModelConfig, n_mels: int) -> tuple[nn.ModuleList, int]:
    """Makes the 3 x 3 convolutions of `config.conv_strides`; returns them, and how many bands they leave."""
    convolutions = nn.ModuleList()
    bands = n_mels
    for i, (time_stride, mel_stride) in enumerate(config.conv_strides):
        inputs = config.conv_channels if i else 1
        convolutions.append(nn.Conv2d(inputs, config.conv_channels, 3, (time_stride, mel_stride), padding=1))
        bands = math.ceil(bands / mel_stride)
    return convolutions, bands
