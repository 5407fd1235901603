"""A teacher: the encoder of a Whisper model, whose features the network in training learns to tell from the audio.

A few hundred people do not teach a network what all people's speech has in common; a model that heard a hundred
thousand hours has it in its features, and every frame of them says more than a transcript does. Only training needs the
teacher, and nothing of it is in the model that comes out.

The folder of weights is one of CTranslate2's, not quantised, as faster-whisper uses:

    pip install ctranslate2 transformers
    ct2-transformers-converter --model openai/whisper-base --output_dir whisper-base

The encoder is written out here since training needs it in PyTorch, on the same device, for batches of any length.

Sources: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), for the encoder; Chang et
al., "DistilHuBERT" (ICASSP 2022), for learning to predict a larger model's features.
"""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.errors import ConfigError
from training.torchaudio_guard import torchaudio

RATE_HZ = 16000
MOST_S = 30
# Samples from one frame of the features to the next.
HOP = 320
_N_FFT, _MEL_HOP, _N_MELS = 400, 160, 80
_RANGE = 8.0  # powers of ten below the loudest cell that are still told apart
_FORMATS = {0: np.float32, 2: np.int16, 4: np.float16}
_VERSIONS = range(5, 7)


class WhisperEncoder(nn.Module):
    """Samples in, features out, 50 a second; of what is shorter than Whisper's half a minute, no more than is there.

    Args:
        weights: by CTranslate2's names.
    """

    window: Tensor
    bank: Tensor
    positions: Tensor

    def __init__(self, weights: dict[str, NDArray[np.float32]]) -> None:
        super().__init__()
        if "encoder/conv1/weight" not in weights or weights["encoder/conv1/weight"].shape[1] != _N_MELS:
            raise ConfigError("The teacher is no Whisper model of 80 mel bands.")
        self.size = len(weights["encoder/conv1/bias"])
        self.register_buffer("window", torch.hann_window(_N_FFT), False)
        bank = torchaudio.functional.melscale_fbanks(
            _N_FFT // 2 + 1, 0.0, RATE_HZ / 2, _N_MELS, RATE_HZ, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("bank", bank, False)
        self.conv1 = _filled(nn.Conv1d(_N_MELS, self.size, 3, padding=1), weights, "encoder/conv1")
        self.conv2 = _filled(nn.Conv1d(self.size, self.size, 3, stride=2, padding=1), weights, "encoder/conv2")
        self.register_buffer("positions", torch.from_numpy(weights["encoder/position_encodings/encodings"]), False)
        heads = int(weights["encoder/num_heads"])
        layers = len(
            [name for name in weights if name.startswith("encoder/layer_") and name.endswith("ffn/linear_0/bias")]
        )
        self.layers = nn.ModuleList(_Layer(weights, f"encoder/layer_{i}", self.size, heads) for i in range(layers))
        self.norm = _filled(nn.LayerNorm(self.size), weights, "encoder/layer_norm")
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        """[batch, samples] at 16 kHz, `MOST_S` at most -> [batch, frames, size], one every `HOP` samples."""
        hidden = nn.functional.gelu(self.conv1(self.log_mel(samples)))
        hidden = nn.functional.gelu(self.conv2(hidden)).transpose(1, 2)
        hidden = hidden + self.positions[: hidden.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden)
        features: Tensor = self.norm(hidden)
        return features

    def log_mel(self, samples: Tensor) -> Tensor:
        """[batch, samples] -> [batch, 80, frames at 100 a second], as Whisper has been taught to see them."""
        spectrum = torch.stft(samples, _N_FFT, _MEL_HOP, window=self.window, return_complex=True)[..., :-1]
        mel = (spectrum.abs().square().transpose(1, 2) @ self.bank).transpose(1, 2)
        log_mel = mel.clamp_min(1e-10).log10()
        log_mel = log_mel.maximum(log_mel.amax((1, 2), keepdim=True) - _RANGE)
        return (log_mel + 4) / 4


class _Layer(nn.Module):
    def __init__(self, weights: dict[str, NDArray[np.float32]], name: str, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        attention, feed_forward = f"{name}/self_attention", f"{name}/ffn"
        wide = len(weights[f"{feed_forward}/linear_0/bias"])
        self.attention_norm = _filled(nn.LayerNorm(size), weights, f"{attention}/layer_norm")
        self.query_key_value = _filled(nn.Linear(size, 3 * size), weights, f"{attention}/linear_0")
        self.output = _filled(nn.Linear(size, size), weights, f"{attention}/linear_1")
        self.norm = _filled(nn.LayerNorm(size), weights, f"{feed_forward}/layer_norm")
        self.widen = _filled(nn.Linear(size, wide), weights, f"{feed_forward}/linear_0")
        self.narrow = _filled(nn.Linear(wide, size), weights, f"{feed_forward}/linear_1")

    def forward(self, hidden: Tensor) -> Tensor:
        query, key, value = (
            self.query_key_value(self.attention_norm(hidden)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        hidden = hidden + self.output(mixed.transpose(1, 2).flatten(2))
        widened: Tensor = hidden + self.narrow(nn.functional.gelu(self.widen(self.norm(hidden))))
        return widened


def load(folder: str | Path) -> WhisperEncoder:
    """Reads the encoder out of a folder that CTranslate2's converter, or faster-whisper, made.

    Raises:
        ConfigError: there is no such model, or its weights are quantised or of another kind.
    """
    path = Path(folder) / "model.bin"
    try:
        with path.open("rb") as file:
            return WhisperEncoder(_read(file))
    except (OSError, struct.error, KeyError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as a Whisper model of CTranslate2's: {error!r}.") from error


def _read(file: BinaryIO) -> dict[str, NDArray[np.float32]]:
    """Reads the variables of an encoder; the format is that of CTranslate2's `ModelSpec.save`, version 6."""

    def number(kind: str) -> int:
        (value,) = struct.unpack(f"<{kind}", file.read(struct.calcsize(f"<{kind}")))
        return int(value)

    def name() -> str:
        return file.read(number("H"))[:-1].decode()

    version, kind, _revision = number("I"), name(), number("I")
    if version not in _VERSIONS or kind != "WhisperSpec":
        raise ValueError(f"it is a {kind} of version {version}")
    weights = {}
    for _ in range(number("I")):
        variable, rank = name(), number("B")
        shape = [number("I") for _ in range(rank)]
        code, size = number("B"), number("I")
        if not variable.startswith("encoder/"):
            file.seek(size, 1)
            continue
        if variable.endswith("_scale") or code not in _FORMATS:
            raise ValueError("its weights are quantised: convert it without")
        weights[variable] = np.frombuffer(file.read(size), _FORMATS[code]).reshape(shape).astype(np.float32)
    return weights


def _filled(layer: nn.Module, weights: dict[str, NDArray[np.float32]], name: str) -> nn.Module:
    """Copies a layer's weights in; CTranslate2 calls those of a LayerNorm gamma and beta."""
    names = ("gamma", "beta") if isinstance(layer, nn.LayerNorm) else ("weight", "bias")
    state = {
        own: torch.from_numpy(weights[f"{name}/{theirs}"])
        for own, theirs in zip(("weight", "bias"), names, strict=True)
    }
    layer.load_state_dict(state)
    return layer
