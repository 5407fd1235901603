"""A tiny Whisper model, written as each of the programs that publish such models writes it."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from training.whisper import sinusoids

SIZE, HEADS, LAYERS, BANDS = 32, 2, 3, 80
Weights = dict[str, NDArray[Any]]
_CODES = {"float32": 0, "int8": 1, "int16": 2, "float16": 4}


def weights(seed: int = 1, **shape: int) -> Weights:
    """Draws a model, by CTranslate2's names; `shape` may have size, heads, layers, bands and wide."""
    size, bands = shape.get("size", SIZE), shape.get("bands", BANDS)
    wide = shape.get("wide", 4 * size)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1/weight": (size, bands, 3),
        "conv1/bias": (size,),
        "conv2/weight": (size, size, 3),
        "conv2/bias": (size,),
        "layer_norm/gamma": (size,),
        "layer_norm/beta": (size,),
    }
    for i in range(shape.get("layers", LAYERS)):
        for part, sizes in {
            "self_attention/layer_norm/gamma": (size,),
            "self_attention/layer_norm/beta": (size,),
            "self_attention/linear_0/weight": (3 * size, size),
            "self_attention/linear_0/bias": (3 * size,),
            "self_attention/linear_1/weight": (size, size),
            "self_attention/linear_1/bias": (size,),
            "ffn/layer_norm/gamma": (size,),
            "ffn/layer_norm/beta": (size,),
            "ffn/linear_0/weight": (wide, size),
            "ffn/linear_0/bias": (wide,),
            "ffn/linear_1/weight": (size, wide),
            "ffn/linear_1/bias": (size,),
        }.items():
            shapes[f"layer_{i}/{part}"] = sizes
    rng = np.random.default_rng(seed)
    drawn: Weights = {
        f"encoder/{name}": rng.normal(0, 0.15, shape).astype(np.float16) for name, shape in shapes.items()
    }
    for name, values in drawn.items():
        if name.endswith("linear_0/bias") and "attention" in name:
            values[size : 2 * size] = 0  # Whisper's keys have no bias
        if name.endswith("gamma"):
            values += np.float16(1)
    drawn["encoder/position_encodings/encodings"] = sinusoids(1500, size).numpy().astype(np.float16)
    drawn["encoder/num_heads"] = np.array(shape.get("heads", HEADS), np.int16)
    drawn["decoder/embeddings/weight"] = np.zeros((3, size), np.int8)  # which is passed over, whatever it is
    return drawn


def write_ctranslate2(folder: Path, model: Weights, version: int = 6, kind: str = "WhisperSpec") -> Path:
    """Writes `model.bin` as CTranslate2's converter does; returns the folder."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    parts = [struct.pack("<I", version), text(kind), struct.pack("<II", 3, len(model))]
    for name, values in model.items():
        parts += [text(name), struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)]
        parts += [struct.pack("<BI", _CODES[values.dtype.name], values.nbytes), values.tobytes()]
    folder.mkdir(exist_ok=True)
    (folder / "model.bin").write_bytes(b"".join(parts))
    return folder


def write_transformers(folder: Path, model: Weights, prefix: str = "model.encoder.", **config: object) -> Path:
    """Writes `model.safetensors` and `config.json` as transformers does; returns the folder."""
    tensors = _renamed(
        model,
        {
            "position_encodings/encodings": "embed_positions.weight",
            "layer_norm": "layer_norm",
            "layer": "layers.{}",
            "self_attention/layer_norm": "self_attn_layer_norm",
            "self_attention/linear_1": "self_attn.out_proj",
            "ffn/layer_norm": "final_layer_norm",
            "ffn/linear_0": "fc1",
            "ffn/linear_1": "fc2",
        },
        tuple(f"self_attn.{name}_proj" for name in "qkv"),
    )
    size, bands = model["encoder/conv1/weight"].shape[:2]
    known = {
        "model_type": "whisper",
        "d_model": size,
        "encoder_attention_heads": int(model["encoder/num_heads"]),
        "encoder_layers": _layers(model),
        "num_mel_bins": bands,
    }
    folder.mkdir(exist_ok=True)
    named = {f"{prefix}{name}": value for name, value in tensors.items()}
    save_file({**named, "model.decoder.embed_tokens.weight": torch.zeros(3, size)}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**known, **config}))
    return folder


def write_openai(path: Path, model: Weights) -> Path:
    """Writes a `.pt` file as OpenAI does; returns its path."""
    tensors = _renamed(
        model,
        {
            "position_encodings/encodings": "positional_embedding",
            "layer_norm": "ln_post",
            "layer": "blocks.{}",
            "self_attention/layer_norm": "attn_ln",
            "self_attention/linear_1": "attn.out",
            "ffn/layer_norm": "mlp_ln",
            "ffn/linear_0": "mlp.0",
            "ffn/linear_1": "mlp.2",
        },
        ("attn.query", "attn.key", "attn.value"),
    )
    size, bands = model["encoder/conv1/weight"].shape[:2]
    dims = {
        "n_mels": bands,
        "n_audio_ctx": 1500,
        "n_audio_state": size,
        "n_audio_head": int(model["encoder/num_heads"]),
        "n_audio_layer": _layers(model),
    }
    state = {f"encoder.{name}": value for name, value in tensors.items()}
    torch.save({"dims": dims, "model_state_dict": {**state, "decoder.ln.weight": torch.zeros(size)}}, path)
    return path


def _layers(model: Weights) -> int:
    return sum(name.endswith("ffn/linear_0/bias") for name in model)


def _renamed(model: Weights, names: Mapping[str, str], attention: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Returns the encoder's weights by other names, with the projections for attention apart."""
    found = {}
    for name, values in model.items():
        part = name.removeprefix("encoder/")
        if part == name or part == "num_heads":
            continue
        tensor = torch.from_numpy(values)
        if part in names:
            found[names[part]] = tensor
            continue
        part, kind = part.rsplit("/", 1)
        kind = {"gamma": "weight", "beta": "bias"}.get(kind, kind)
        prefix = ""
        if part.startswith("layer_") and part != "layer_norm":
            number, part = part.removeprefix("layer_").split("/", 1)
            prefix = names["layer"].format(number) + "."
        if part == "self_attention/linear_0":
            for projection, values_of_one in zip(attention, tensor.chunk(3), strict=True):
                if (projection, kind) != (attention[1], "bias"):
                    found[f"{prefix}{projection}.{kind}"] = values_of_one.contiguous()
        else:
            found[f"{prefix}{names.get(part, part)}.{kind}"] = tensor
    return found
