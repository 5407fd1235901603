"""The decoder of a tiny Whisper model and its vocabulary, in the files of each program that publishes such models."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tests.training.whisper_files import write_ctranslate2

SIZE, HEADS, LAYERS, POSITIONS = 16, 2, 2, 48
# What a lower-case text needs, and, between, what it does not.
SUBWORDS = (
    *("!", "'", "3", *"abcdefghijklmnopqrstuvwxyz", "\u0120", "A", "\u00c3"),
    *("th", "\u0120t", "he", "The", "\u0120the", "in", "\u0120T", "'t", "an", "ing", "\u0120and", "\u0120\u0120", "er"),
)
MARKS = ("<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>", "<|0.00|>")
Weights = dict[str, torch.Tensor]


def tokenizer(subwords: tuple[str, ...] = SUBWORDS, marks: tuple[str, ...] = MARKS) -> dict[str, object]:
    """The content of a tokenizer.json, as far as it matters."""
    return {
        "model": {"vocab": {token: number for number, token in enumerate(subwords)}},
        "added_tokens": [{"content": mark, "id": len(subwords) + number} for number, mark in enumerate(marks)],
    }


def draw(tokens: int = len(SUBWORDS) + len(MARKS), seed: int = 1) -> Weights:
    """Draws a decoder, by the names of `training.attention.network`."""
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(0, 0.3, shape).astype(np.float16))

    weights = {"tokens.weight": drawn(tokens, SIZE), "positions": drawn(POSITIONS, SIZE)}
    norms = ["norm", *(f"blocks.{i}.{name}" for i in range(LAYERS) for name in ("said_norm", "heard_norm", "norm"))]
    for name in norms:
        weights |= {f"{name}.weight": drawn(SIZE) + 1, f"{name}.bias": drawn(SIZE)}
    for i in range(LAYERS):
        for part in ("said", "heard"):
            for projection in ("query", "key", "value", "output"):
                weights[f"blocks.{i}.{part}.{projection}.weight"] = drawn(SIZE, SIZE)
                if projection != "key":
                    weights[f"blocks.{i}.{part}.{projection}.bias"] = drawn(SIZE)
        for name, shape in (("widen", (4 * SIZE, SIZE)), ("narrow", (SIZE, 4 * SIZE))):
            weights |= {f"blocks.{i}.{name}.weight": drawn(*shape), f"blocks.{i}.{name}.bias": drawn(shape[0])}
    return weights


def write_vocabulary(folder: Path, content: Mapping[str, object] | None = None) -> None:
    """Writes `tokenizer.json`."""
    (folder / "tokenizer.json").write_text(json.dumps(content or tokenizer()), encoding="utf-8")


def write_decoder(kind: str, folder: Path, weights: Weights) -> Path:
    """Writes a decoder of one of three kinds with its vocabulary; returns what to name it by."""
    folder.mkdir(exist_ok=True)
    write_vocabulary(folder)
    match kind:
        case "transformers":
            return _transformers(folder, weights)
        case "OpenAI":
            return _openai(folder / "tiny.pt", weights)
    return _ctranslate2(folder, weights)


def _renamed(weights: Weights, names: Mapping[str, str], layers: str) -> Weights:
    """Other names for all weights; `names` has those of parts."""
    found = {}
    for name, value in weights.items():
        prefix, rest = "", name
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            prefix = f"{layers}.{number}."
            rest = f"block.{rest}"
        part, _, kind = rest.rpartition(".")
        found[names[rest] if rest in names else f"{prefix}{names[part]}.{kind}"] = value
    return found


def _transformers(folder: Path, weights: Weights) -> Path:
    projections = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}
    names = {
        "tokens.weight": "embed_tokens.weight",
        "positions": "embed_positions.weight",
        "norm": "layer_norm",
        "block.said_norm": "self_attn_layer_norm",
        "block.heard_norm": "encoder_attn_layer_norm",
        "block.norm": "final_layer_norm",
        "block.widen": "fc1",
        "block.narrow": "fc2",
        **{f"block.said.{ours}": f"self_attn.{theirs}" for ours, theirs in projections.items()},
        **{f"block.heard.{ours}": f"encoder_attn.{theirs}" for ours, theirs in projections.items()},
    }
    tensors = {f"model.decoder.{name}": value for name, value in _renamed(weights, names, "layers").items()}
    save_file({**tensors, "model.encoder.conv1.weight": torch.zeros(1)}, folder / "model.safetensors")
    config = {"model_type": "whisper", "decoder_attention_heads": HEADS, "decoder_layers": LAYERS}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _openai(path: Path, weights: Weights) -> Path:
    projections = {"query": "query", "key": "key", "value": "value", "output": "out"}
    names = {
        "tokens.weight": "token_embedding.weight",
        "positions": "positional_embedding",
        "norm": "ln",
        "block.said_norm": "attn_ln",
        "block.heard_norm": "cross_attn_ln",
        "block.norm": "mlp_ln",
        "block.widen": "mlp.0",
        "block.narrow": "mlp.2",
        **{f"block.said.{ours}": f"attn.{theirs}" for ours, theirs in projections.items()},
        **{f"block.heard.{ours}": f"cross_attn.{theirs}" for ours, theirs in projections.items()},
    }
    state = {f"decoder.{name}": value for name, value in _renamed(weights, names, "blocks").items()}
    dims = {"n_text_head": HEADS, "n_text_layer": LAYERS}
    torch.save({"dims": dims, "model_state_dict": {**state, "encoder.conv1.weight": torch.zeros(1)}}, path)
    return path


def _ctranslate2(folder: Path, weights: Weights) -> Path:
    w = {name: value.numpy() for name, value in weights.items()}
    found = {
        "embeddings/weight": w["tokens.weight"],
        "position_encodings/encodings": w["positions"],
        "layer_norm/gamma": w["norm.weight"],
        "layer_norm/beta": w["norm.bias"],
        "num_heads": np.array(HEADS, np.int16),
        "scale_embeddings": np.array(0, np.int8),
        "alignment_heads": np.zeros((2, 2), np.int16),
    }
    none = np.zeros(SIZE, np.float16)
    for i in range(LAYERS):
        ours, theirs = f"blocks.{i}", f"layer_{i}"
        for name, own in {
            "self_attention/layer_norm": "said_norm",
            "attention/layer_norm": "heard_norm",
            "ffn/layer_norm": "norm",
        }.items():
            found |= {
                f"{theirs}/{name}/gamma": w[f"{ours}.{own}.weight"],
                f"{theirs}/{name}/beta": w[f"{ours}.{own}.bias"],
            }
        for name, parts in {
            "self_attention/linear_0": ("said.query", "said.key", "said.value"),
            "self_attention/linear_1": ("said.output",),
            "attention/linear_0": ("heard.query",),
            "attention/linear_1": ("heard.key", "heard.value"),
            "attention/linear_2": ("heard.output",),
            "ffn/linear_0": ("widen",),
            "ffn/linear_1": ("narrow",),
        }.items():
            found[f"{theirs}/{name}/weight"] = np.concatenate([w[f"{ours}.{part}.weight"] for part in parts])
            found[f"{theirs}/{name}/bias"] = np.concatenate([w.get(f"{ours}.{part}.bias", none) for part in parts])
    return write_ctranslate2(folder, {f"decoder/{name}": value for name, value in found.items()})
