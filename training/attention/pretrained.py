"""Reads the decoder of a published Whisper model, with the part of its vocabulary that is wanted.

It takes what `training.pretrained` takes, and beside the weights the `tokenizer.json` that belongs to them.
"""

import json
import re
import string
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hark.subwords import Subwords
from training.attention.network import AttentionDecoder, Shape
from training.attention.vocabulary import choose
from training.errors import CheckpointError
from training.pretrained import HUB_FILES, ct2_layer, fetch, layer, read_ctranslate2

VOCABULARY = "tokenizer.json"
# What begins a text, by whether the model knows one language, and what ends it.
_STARTS = {
    False: ("<|startoftranscript|>", "<|notimestamps|>"),
    True: ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"),
}
_END = "<|endoftext|>"
# Those of the models for English alone; the others have more.
_ENGLISH_TOKENS = 51864
# GPT-2 writes a space like this.
_SPACE = "\u0120"
_ENGLISH = re.compile(" ?[a-z']*")
_CHARACTERS = f" '{string.ascii_lowercase}"


@dataclass(frozen=True)
class PretrainedDecoder:
    """A decoder's weights by the names of `training.attention.network`, and its vocabulary.

    Attributes:
        source: where they come from.
        heads, layers: of its shape.
        weights: all of them.
        joined: subwords of lower-case English, in the order in which they were learnt.
        numbers: of all tokens, by their text.
        start, end: what begins a text, and what ends it.
    """

    source: str
    heads: int
    layers: int
    weights: Mapping[str, Tensor]
    joined: tuple[str, ...]
    numbers: Mapping[str, int]
    start: tuple[str, ...]
    end: str

    def reduced(self, counts: Mapping[str, int], most: int, positions: int) -> tuple[AttentionDecoder, Subwords]:
        """Returns the decoder with what these texts need of its vocabulary.

        Args:
            counts: how often each word is used.
            most: how many subwords to keep.
            positions: the most tokens that it will read.

        Returns:
            the network, whose ids are those of the subwords, then those of `start`, then `end`; and the subwords.

        Raises:
            CheckpointError: the weights do not fit each other, or not the vocabulary.
        """
        subwords = choose(counts, self.joined, most)
        rows = [self.numbers[token.replace(" ", _SPACE)] for token in subwords.tokens]
        rows += [self.numbers[mark] for mark in (*self.start, self.end)]
        weights = dict(self.weights)
        if max(rows) >= len(weights["tokens.weight"]):
            raise CheckpointError(f"{self.source} has fewer tokens than its {VOCABULARY}: are both of one model?")
        weights["tokens.weight"] = weights["tokens.weight"][rows]
        weights["positions"] = weights["positions"][:positions]
        shape = Shape(weights["tokens.weight"].shape[1], self.heads, self.layers, len(rows), len(weights["positions"]))
        network = AttentionDecoder(shape)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise CheckpointError(f"{self.source} has other layers than Whisper's decoder.") from error
        return network, subwords


def load_decoder(source: str) -> PretrainedDecoder:
    """Reads the decoder of a model, named as `init_from` names it (`training.pretrained`).

    Raises:
        CheckpointError: there is no such model, it cannot be read as one of Whisper's, or its vocabulary is missing.
    """
    from safetensors import SafetensorError

    path = Path(source)
    try:
        if path.is_file():
            heads, layers, weights = _from_openai(path)
            folder = path.parent
        else:
            folder = path if path.is_dir() else fetch(source, (VOCABULARY, *HUB_FILES))
            read = _from_transformers if (folder / HUB_FILES[1]).is_file() else _from_ctranslate2
            heads, layers, weights = read(folder)
        if not (folder / VOCABULARY).is_file():
            raise CheckpointError(
                f"{source} has no {VOCABULARY} beside it; put the one that belongs to the model there."
            )
        numbers, joined = _vocabulary(json.loads((folder / VOCABULARY).read_text(encoding="utf-8")))
    except (OSError, struct.error, LookupError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{source} cannot be read as a Whisper model: {error!r}.") from error
    start = _STARTS[len(weights["tokens.weight"]) > _ENGLISH_TOKENS]
    if missing := [mark for mark in (*start, _END) if mark not in numbers]:
        raise CheckpointError(f"The {VOCABULARY} of {source} has no {', '.join(missing)}: is it Whisper's?")
    if missing := [character for character in _CHARACTERS if character not in joined]:
        raise CheckpointError(f"The {VOCABULARY} of {source} has no {missing[0]!r} among its tokens: is it Whisper's?")
    return PretrainedDecoder(source, heads, layers, weights, joined, numbers, start, _END)


def _vocabulary(tokenizer: Mapping[str, Any]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Returns the numbers of all tokens, and the subwords of lower-case English in order."""
    subwords = tokenizer["model"]["vocab"]
    numbers = {**subwords, **{each["content"]: each["id"] for each in tokenizer["added_tokens"]}}
    spelt = (token.replace(_SPACE, " ") for token in sorted(subwords, key=subwords.__getitem__))
    return numbers, tuple(token for token in spelt if token and _ENGLISH.fullmatch(token))


def _from_transformers(folder: Path) -> tuple[int, int, dict[str, Tensor]]:
    from safetensors.torch import load_file

    config = json.loads((folder / HUB_FILES[0]).read_text(encoding="utf-8"))
    prefix = re.compile(r"^(?:model\.)?decoder\.")
    tensors = {
        prefix.sub("", name): value for name, value in load_file(folder / HUB_FILES[1]).items() if prefix.match(name)
    }
    weights = {"tokens.weight": tensors["embed_tokens.weight"], "positions": tensors["embed_positions.weight"]}
    weights |= layer(tensors.__getitem__, "layer_norm", "norm")
    attentions = {"self_attn": "said", "encoder_attn": "heard"}
    projections = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "output"}
    norms = {
        "self_attn_layer_norm": "said_norm",
        "encoder_attn_layer_norm": "heard_norm",
        "final_layer_norm": "norm",
        "fc1": "widen",
        "fc2": "narrow",
    }
    for i in range(config["decoder_layers"]):
        weights |= _block(tensors.__getitem__, f"layers.{i}", i, attentions, projections, norms)
    return config["decoder_attention_heads"], config["decoder_layers"], _floats(weights)


def _from_openai(path: Path) -> tuple[int, int, dict[str, Tensor]]:
    try:
        # weights_only: a file from elsewhere must not run code here.
        content = torch.load(path, map_location="cpu", weights_only=True)
        dims, state = content["dims"], content["model_state_dict"]
    except Exception as error:  # torch raises many kinds
        raise CheckpointError(f"{path} is not one of OpenAI's Whisper files.") from error
    tensors = {name.removeprefix("decoder."): value for name, value in state.items() if name.startswith("decoder.")}
    weights = {"tokens.weight": tensors["token_embedding.weight"], "positions": tensors["positional_embedding"]}
    weights |= layer(tensors.__getitem__, "ln", "norm")
    attentions = {"attn": "said", "cross_attn": "heard"}
    projections = {"query": "query", "key": "key", "value": "value", "out": "output"}
    norms = {
        "attn_ln": "said_norm",
        "cross_attn_ln": "heard_norm",
        "mlp_ln": "norm",
        "mlp.0": "widen",
        "mlp.2": "narrow",
    }
    for i in range(dims["n_text_layer"]):
        weights |= _block(tensors.__getitem__, f"blocks.{i}", i, attentions, projections, norms)
    return dims["n_text_head"], dims["n_text_layer"], _floats(weights)


def _block(
    read: Callable[[str], Tensor],
    theirs: str,
    number: int,
    attentions: Mapping[str, str],
    projections: Mapping[str, str],
    layers: Mapping[str, str],
) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for name, own in layers.items():
        weights |= layer(read, f"{theirs}.{name}", f"blocks.{number}.{own}")
    for attention, of in attentions.items():
        for name, own in projections.items():
            for part in ("weight",) if own == "key" else ("weight", "bias"):
                weights[f"blocks.{number}.{of}.{own}.{part}"] = read(f"{theirs}.{attention}.{name}.{part}")
    return weights


def _from_ctranslate2(folder: Path) -> tuple[int, int, dict[str, Tensor]]:
    tensors = read_ctranslate2(folder / "model.bin", "decoder")
    layers = len([name for name in tensors if re.fullmatch(r"layer_\d+/ffn/linear_0/bias", name)])
    weights = {"tokens.weight": tensors["embeddings/weight"], "positions": tensors["position_encodings/encodings"]}
    weights |= ct2_layer(tensors, "layer_norm", "norm")
    for i in range(layers):
        ours, theirs = f"blocks.{i}", f"layer_{i}"
        for name, own in {
            "self_attention/layer_norm": "said_norm",
            "self_attention/linear_1": "said.output",
            "attention/layer_norm": "heard_norm",
            "attention/linear_0": "heard.query",
            "attention/linear_2": "heard.output",
            "ffn/layer_norm": "norm",
            "ffn/linear_0": "widen",
            "ffn/linear_1": "narrow",
        }.items():
            weights |= ct2_layer(tensors, f"{theirs}/{name}", f"{ours}.{own}")
        # CTranslate2 puts projections together.
        for name, own, projections in (
            ("self_attention/linear_0", "said", ("query", "key", "value")),
            ("attention/linear_1", "heard", ("key", "value")),
        ):
            for part in ("weight", "bias"):
                for projection, values in zip(
                    projections, tensors[f"{theirs}/{name}/{part}"].chunk(len(projections)), strict=True
                ):
                    if (projection, part) != ("key", "bias"):
                        weights[f"{ours}.{own}.{projection}.{part}"] = values
    return int(tensors["num_heads"]), layers, weights


def _floats(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.float() for name, value in weights.items()}
