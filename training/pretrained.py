"""Reads the encoder of a published Whisper model into the network of `training.whisper`.

    init_from: whisper-tiny.en                 the model of this name, from the Hugging Face hub (or its local cache)
    init_from: folder                          `model.safetensors` and `config.json`, as transformers saves them
    init_from: folder                          `model.bin`, as CTranslate2's converter and faster-whisper have it
    init_from: tiny.en.pt                      OpenAI's own file

`optim.teacher.folder` takes the same. Fine-tuned versions come in the same files. Weights quantised to integers are
refused: they are too coarse to start from.
"""

import dataclasses
import json
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.config import FeatureConfig, WhisperConfig
from training.errors import CheckpointError
from training.whisper import WhisperEncoder, sinusoids

# Names on the hub begin with these; `whisper-tiny.en` is OpenAI's.
_PREFIX, _OWNER = "whisper-", "openai"
HUB_FILES = ("config.json", "model.safetensors")
# Largest difference of published positions from the sinusoids; half precision rounds them.
_POSITION_ERROR = 1e-3
# CTranslate2's format: type codes that are not quantised, and known versions.
_CT2_TYPES = {0: np.float32, 4: np.float16}
_CT2_VERSIONS = range(5, 7)


@dataclass(frozen=True)
class PretrainedEncoder:
    """An encoder's weights by the names of `training.whisper.WhisperEncoder`, and its shape.

    Attributes:
        source: where they come from.
        n_mels, size, heads, layers: its shape.
        weights: of the convolutions, all blocks and the last norm.
    """

    source: str
    n_mels: int
    size: int
    heads: int
    layers: int
    weights: Mapping[str, Tensor]

    @property
    def features(self) -> FeatureConfig:
        """The log-mel spectrograms that it was trained on."""
        return FeatureConfig(
            sample_rate_hz=16000,
            n_fft=400,
            window_samples=400,
            hop_samples=160,
            n_mels=self.n_mels,
            f_min_hz=0.0,
            f_max_hz=8000.0,
            log_floor=1e-10,
            normalisation="whisper",
            mel_scale="slaney",
            mel_norm="slaney",
        )

    def check_features(self, features: FeatureConfig) -> None:
        """Refuses features that it was not trained on.

        Raises:
            CheckpointError: `features` are others; the message says what to set.
        """
        wanted = dataclasses.asdict(self.features)
        given = dataclasses.asdict(features)
        if wrong := [f"features.{name}={value}" for name, value in wanted.items() if value != given[name]]:
            raise CheckpointError(f"{self.source} was trained on other features: set {', '.join(wrong)}.")

    def fill(self, encoder: WhisperEncoder, shape: WhisperConfig) -> None:
        """Copies the weights into a network that has this shape, or fewer of its layers.

        Raises:
            CheckpointError: the shapes differ.
        """
        n_mels = encoder.conv1.in_channels
        here = (n_mels, shape.size, shape.heads)
        if here != (self.n_mels, self.size, self.heads) or shape.layers > self.layers:
            raise CheckpointError(
                f"{self.source} has features.n_mels={self.n_mels}, model.whisper.size={self.size}, "
                f"model.whisper.heads={self.heads} and {self.layers} layers: set these, and at most so many layers."
            )
        own = encoder.state_dict()
        if any(own[name].shape != value.shape for name, value in self.weights.items() if name in own):
            raise CheckpointError(f"{self.source} has layers of another width than Whisper's: is it a Whisper model?")
        missing, _ = encoder.load_state_dict(dict(self.weights), strict=False)
        if unset := [name for name in missing if not name.startswith("join.")]:
            raise CheckpointError(
                f"{self.source} has no weights for {', '.join(unset[:3])} ...: is it a Whisper model?"
            )


def is_pretrained(source: str) -> bool:
    """Returns whether `init_from` names a Whisper model, and not a checkpoint of Hark's own training."""
    path = Path(source)
    if path.is_dir() or path.suffix == ".pt":
        return True
    return not path.is_file() and path.suffix != ".ckpt" and path.name.startswith(_PREFIX)


def load_pretrained(source: str) -> PretrainedEncoder:
    """Reads the encoder that `init_from` names.

    Raises:
        CheckpointError: there is no such model, or it cannot be read as one of Whisper's.
    """
    from safetensors import SafetensorError

    path = Path(source)
    try:
        if path.is_dir() and (path / HUB_FILES[1]).is_file():
            return _from_transformers(path, source)
        if path.is_dir() and (path / "model.bin").is_file():
            return _from_ctranslate2(path, source)
        if path.is_dir():
            raise CheckpointError(
                f"The folder {source} has neither model.safetensors with config.json nor CTranslate2's model.bin."
            )
        if path.is_file():
            return _from_openai(path, source)
        if path.suffix == ".pt":
            raise CheckpointError(f"There is no file {source}.")
        return _from_transformers(fetch(source), source)
    except (OSError, struct.error, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{source} cannot be read as a Whisper model: {error!r}.") from error


def fetch(name: str, files: Sequence[str] = HUB_FILES) -> Path:
    """Returns the folder of a model of the Hugging Face hub, downloaded if it is not in the cache.

    Raises:
        CheckpointError: it is not in the cache and cannot be downloaded.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    repository = name if "/" in name else f"{_OWNER}/{name}"
    try:
        return Path([hf_hub_download(repository, file) for file in files][-1]).parent
    except RepositoryNotFoundError as error:
        raise CheckpointError(f"The Hugging Face hub has no public model {repository}.") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise CheckpointError(
            f"{name} is neither here nor, as {repository}, in the local cache of the Hugging Face hub, which cannot be "
            f"reached. Where it can, run `hf download {repository} {' '.join(files)} --local-dir "
            f"{Path(name).name}`, and give that folder instead."
        ) from error


def _from_transformers(folder: Path, source: str) -> PretrainedEncoder:
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "whisper":
        raise CheckpointError(f"{source} is a model of type {config.get('model_type')!r}, not Whisper.")
    prefix = re.compile(r"^(?:model\.)?encoder\.")
    tensors = {
        prefix.sub("", name): value for name, value in load_file(folder / HUB_FILES[1]).items() if prefix.match(name)
    }
    weights = {}
    for theirs, ours in (("conv1", "conv1"), ("conv2", "conv2"), ("layer_norm", "norm")):
        weights.update(layer(tensors.__getitem__, theirs, ours))
    for i in range(config["encoder_layers"]):
        weights.update(
            _block(
                tensors.__getitem__,
                f"layers.{i}",
                f"blocks.{i}",
                ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
                {
                    "self_attn_layer_norm": "attention_norm",
                    "self_attn.out_proj": "output",
                    "final_layer_norm": "norm",
                    "fc1": "widen",
                    "fc2": "narrow",
                },
            )
        )
    _check_positions(tensors["embed_positions.weight"], source)
    return PretrainedEncoder(
        source,
        config["num_mel_bins"],
        config["d_model"],
        config["encoder_attention_heads"],
        config["encoder_layers"],
        weights,
    )


def _from_openai(path: Path, source: str) -> PretrainedEncoder:
    try:
        # weights_only: a file from elsewhere must not run code here.
        content = torch.load(path, map_location="cpu", weights_only=True)
        dims, state = content["dims"], content["model_state_dict"]
    except Exception as error:  # torch raises many kinds
        raise CheckpointError(f"{source} is not one of OpenAI's Whisper files.") from error
    tensors = {name.removeprefix("encoder."): value for name, value in state.items() if name.startswith("encoder.")}
    weights = {}
    for theirs, ours in (("conv1", "conv1"), ("conv2", "conv2"), ("ln_post", "norm")):
        weights.update(layer(tensors.__getitem__, theirs, ours))
    for i in range(dims["n_audio_layer"]):
        weights.update(
            _block(
                tensors.__getitem__,
                f"blocks.{i}",
                f"blocks.{i}",
                ("attn.query", "attn.key", "attn.value"),
                {
                    "attn_ln": "attention_norm",
                    "attn.out": "output",
                    "mlp_ln": "norm",
                    "mlp.0": "widen",
                    "mlp.2": "narrow",
                },
            )
        )
    _check_positions(tensors["positional_embedding"], source)
    return PretrainedEncoder(
        source, dims["n_mels"], dims["n_audio_state"], dims["n_audio_head"], dims["n_audio_layer"], weights
    )


def _from_ctranslate2(folder: Path, source: str) -> PretrainedEncoder:
    tensors = read_ctranslate2(folder / "model.bin", "encoder")
    layers = len([name for name in tensors if re.fullmatch(r"layer_\d+/ffn/linear_0/bias", name)])
    weights = {}
    for theirs, ours in (("conv1", "conv1"), ("conv2", "conv2"), ("layer_norm", "norm")):
        weights.update(ct2_layer(tensors, theirs, ours))
    for i in range(layers):
        for theirs, ours in {
            "self_attention/layer_norm": "attention_norm",
            "self_attention/linear_0": "query_key_value",
            "self_attention/linear_1": "output",
            "ffn/layer_norm": "norm",
            "ffn/linear_0": "widen",
            "ffn/linear_1": "narrow",
        }.items():
            weights.update(ct2_layer(tensors, f"layer_{i}/{theirs}", f"blocks.{i}.{ours}"))
    _check_positions(tensors["position_encodings/encodings"], source)
    size, n_mels = weights["conv1.weight"].shape[:2]
    return PretrainedEncoder(source, n_mels, size, int(tensors["num_heads"]), layers, weights)


def layer(read: Callable[[str], Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    """Reads weight and bias of one layer."""
    return {f"{ours}.{part}": read(f"{theirs}.{part}").float() for part in ("weight", "bias")}


def ct2_layer(tensors: Mapping[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    """As `layer`; CTranslate2 calls the weights of a LayerNorm gamma and beta."""
    names = ("gamma", "beta") if theirs.endswith("layer_norm") else ("weight", "bias")
    return {f"{ours}.{part}": tensors[f"{theirs}/{name}"] for part, name in zip(("weight", "bias"), names, strict=True)}


def _block(
    read: Callable[[str], Tensor], theirs: str, ours: str, attention: tuple[str, str, str], layers: Mapping[str, str]
) -> dict[str, Tensor]:
    """A block's weights; the projections of query, key and value become one. The key has no bias."""
    query, key, value = (f"{theirs}.{name}" for name in attention)
    bias = read(f"{query}.bias").float()
    weights = {
        f"{ours}.query_key_value.weight": torch.cat([read(f"{name}.weight").float() for name in (query, key, value)]),
        f"{ours}.query_key_value.bias": torch.cat([bias, torch.zeros_like(bias), read(f"{value}.bias").float()]),
    }
    for name, own in layers.items():
        weights.update(layer(read, f"{theirs}.{name}", f"{ours}.{own}"))
    return weights


def _check_positions(positions: Tensor, source: str) -> None:
    """Refuses a model with learnt positions."""
    if (positions.float() - sinusoids(*positions.shape)).abs().max() > _POSITION_ERROR:
        raise CheckpointError(f"{source} has other position encodings than Whisper's sinusoids.")


def read_ctranslate2(path: Path, part: str) -> dict[str, Tensor]:
    """Reads the variables of "encoder" or "decoder", by their names in it.

    The format is that of CTranslate2's `ModelSpec.save`, version 6. Numbers of the specification are left out, but for
    `num_heads`.

    Raises:
        ValueError: it is another model, or its weights are quantised.
    """
    with path.open("rb") as file:
        arrays = _ct2_variables(file, f"{part}/")
    return {name: torch.from_numpy(value) for name, value in arrays.items()}


def _ct2_variables(file: BinaryIO, prefix: str) -> dict[str, NDArray[np.float32]]:
    def number(kind: str) -> int:
        (value,) = struct.unpack(f"<{kind}", file.read(struct.calcsize(f"<{kind}")))
        return int(value)

    def name() -> str:
        return file.read(number("H"))[:-1].decode()

    version, kind, _revision = number("I"), name(), number("I")
    if version not in _CT2_VERSIONS or kind != "WhisperSpec":
        raise ValueError(f"it is a {kind} of version {version}")
    weights = {}
    for _ in range(number("I")):
        variable, rank = name(), number("B")
        shape = [number("I") for _ in range(rank)]
        code, size = number("B"), number("I")
        own = variable.removeprefix(prefix)
        if own == variable or (not shape and own != "num_heads") or own.startswith("alignment_"):
            file.seek(size, 1)
            continue
        content = file.read(size)
        if own == "num_heads":
            weights[own] = np.array(int.from_bytes(content, "little"), np.float32)
            continue
        if own.endswith("_scale") or code not in _CT2_TYPES:
            raise ValueError("its weights are quantised: convert it without")
        weights[own] = np.frombuffer(content, _CT2_TYPES[code]).reshape(shape).astype(np.float32)
    return weights
