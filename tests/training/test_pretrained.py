"""A published Whisper model's encoder is read the same out of every kind of file, and nothing else is."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training import whisper_files
from tests.training.toy import TINY, TINY_WHISPER, toy_config
from tests.training.whisper_files import (
    BANDS,
    HEADS,
    LAYERS,
    SIZE,
    Weights,
    write_ctranslate2,
    write_openai,
    write_transformers,
)
from training import fit
from training.checkpoint import load_checkpoint
from training.config import ModelConfig, WhisperConfig
from training.errors import CheckpointError
from training.pretrained import is_pretrained, load_pretrained
from training.whisper import WhisperEncoder

SHAPE = WhisperConfig(layers=LAYERS, size=SIZE, heads=HEADS, joined_before=LAYERS)


def _encoder(source: Path, shape: WhisperConfig = SHAPE) -> WhisperEncoder:
    encoder = WhisperEncoder(ModelConfig(whisper=shape), BANDS).eval()
    load_pretrained(str(source)).fill(encoder, shape)
    return encoder


def _written(kind: str, folder: Path, model: Weights) -> Path:
    match kind:
        case "transformers":
            return write_transformers(folder / "whisper", model)
        case "transformers, encoder alone":
            return write_transformers(folder / "whisper", model, "encoder.")
        case "OpenAI":
            return write_openai(folder / "tiny.pt", model)
    return write_ctranslate2(folder / "whisper", model)


KINDS = pytest.mark.parametrize("kind", ["transformers", "transformers, encoder alone", "OpenAI", "CTranslate2"])


def _by_hand(model: Weights, log_mel: np.ndarray) -> np.ndarray:
    """[bands, frames] -> [frames // 2, size], in double precision and one operation at a time."""
    w = {name.removeprefix("encoder/"): value.astype(np.float64) for name, value in model.items()}

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))

    def conv(x: np.ndarray, name: str, stride: int) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (1, 1)))
        columns = [padded[:, i : i + 3].ravel() for i in range(0, x.shape[1], stride)]
        return w[f"{name}/weight"].reshape(SIZE, -1) @ np.array(columns).T + w[f"{name}/bias"][:, None]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(1, keepdims=True)
        scaled = centred / np.sqrt(centred.var(1, keepdims=True) + 1e-5)
        return scaled * w[f"{name}/gamma"] + w[f"{name}/beta"]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}/weight"].T + w[f"{name}/bias"]

    x = gelu(conv(gelu(conv(log_mel, "conv1", 1)), "conv2", 2)).T
    x = x + w["position_encodings/encodings"][: len(x)]
    for i in range(LAYERS):
        part = f"layer_{i}/self_attention"
        q, k, v = np.split(linear(norm(x, f"{part}/layer_norm"), f"{part}/linear_0"), 3, axis=1)
        mixed = []
        for head in range(HEADS):
            of = slice(head * SIZE // HEADS, (head + 1) * SIZE // HEADS)
            scores = q[:, of] @ k[:, of].T / np.sqrt(SIZE // HEADS)
            shares = np.exp(scores - scores.max(1, keepdims=True))
            mixed.append(shares / shares.sum(1, keepdims=True) @ v[:, of])
        x = x + linear(np.concatenate(mixed, 1), f"{part}/linear_1")
        part = f"layer_{i}/ffn"
        x = x + linear(gelu(linear(norm(x, f"{part}/layer_norm"), f"{part}/linear_0")), f"{part}/linear_1")
    return norm(x, "layer_norm")


@KINDS
def test_the_encoder_is_whispers_whoever_wrote_it(kind: str, tmp_path: Path) -> None:
    model = whisper_files.weights()
    encoder = _encoder(_written(kind, tmp_path, model))
    log_mel = torch.randn(1, 60, BANDS, generator=torch.Generator().manual_seed(1))
    features, lengths = encoder(log_mel, torch.tensor([60]))
    assert lengths.tolist() == [15]
    expected = _by_hand(model, log_mel[0].double().numpy().T).reshape(15, 2 * SIZE)
    # Published positions are in half precision, and ours are computed.
    np.testing.assert_allclose(features[0].detach().numpy(), expected, atol=3e-3)


@KINDS
def test_a_smaller_network_takes_the_first_layers(kind: str, tmp_path: Path) -> None:
    model = whisper_files.weights()
    first = {name: value for name, value in model.items() if "layer_2" not in name and "layer_1" not in name}
    (tmp_path / "first").mkdir()
    shape = dataclasses.replace(SHAPE, layers=1, joined_before=0)
    one, other = (
        _encoder(_written(kind, folder, weights), shape)
        for folder, weights in ((tmp_path, model), (tmp_path / "first", first))
    )
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_run_starts_from_the_weights_and_draws_only_its_head(tmp_path: Path) -> None:
    folder = write_transformers(tmp_path / "whisper", whisper_files.weights())
    settings = {**TINY_WHISPER, "trainer__max_epochs": "1", "optim__max_lr": "1e-12", "init_from": str(folder)}
    model, _ = load_checkpoint(fit.fit(toy_config(tmp_path, **settings), progress=False))
    shape = dataclasses.replace(SHAPE, layers=2, joined_before=2)
    expected, found = _encoder(folder, shape).state_dict(), model.encoder.state_dict()
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(value, found[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 64}, r"model\.whisper\.size=32"),
        ({"heads": 4}, r"model\.whisper\.heads=2"),
        ({"layers": 4, "joined_before": 4}, "3 layers"),
    ],
)
def test_another_shape_is_refused_with_what_to_set(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    folder = write_transformers(tmp_path / "whisper", whisper_files.weights())
    with pytest.raises(CheckpointError, match=message):
        _encoder(folder, dataclasses.replace(SHAPE, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features__n_mels": "40"}, r"features\.n_mels=80"),
        ({"features__normalisation": "utterance"}, r"features\.normalisation=whisper"),
        ({"features__mel_scale": "htk", "features__f_min_hz": "20"}, r"features\.f_min_hz=0.*mel_scale=slaney"),
    ],
)
def test_features_that_whisper_was_not_taught_on_are_refused(
    changes: dict[str, str], message: str, tmp_path: Path
) -> None:
    folder = write_transformers(tmp_path / "whisper", whisper_files.weights())
    config = toy_config(tmp_path, **{**TINY_WHISPER, **changes}, init_from=str(folder))
    with pytest.raises(CheckpointError, match=message):
        fit.fit(config, progress=False)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("empty folder", r"neither model\.safetensors with config\.json nor CTranslate2's model\.bin"),
        ("no config", r"cannot be read"),
        ("a model of another type", "of type 'wav2vec2', not Whisper"),
        ("damaged tensors", "cannot be read"),
        ("no encoder", "cannot be read"),
        ("half as wide layers", r"layers of another width"),
        ("learnt positions, transformers", "other position encodings"),
        ("learnt positions, OpenAI", "other position encodings"),
        ("learnt positions, CTranslate2", "other position encodings"),
        ("quantised", "quantised: convert it without"),
        ("quantised, no scale", "quantised: convert it without"),
        ("other kind", "TransformerSpec"),
        ("version", "version 3"),
        ("no model.bin", "cannot be read"),
        ("cut short", "cannot be read"),
        ("no .pt", "There is no file"),
        ("another's .pt", "not one of OpenAI's"),
    ],
)
def test_what_is_no_whisper_model_is_refused(case: str, message: str, tmp_path: Path) -> None:
    model = whisper_files.weights()
    learnt = {**model, "encoder/position_encodings/encodings": np.ones((1500, SIZE), np.float16)}
    source = tmp_path / "whisper"
    match case:
        case "empty folder":
            source.mkdir()
        case "no config":
            (write_transformers(source, model) / "config.json").unlink()
        case "a model of another type":
            write_transformers(source, model, model_type="wav2vec2")
        case "damaged tensors":
            (write_transformers(source, model) / "model.safetensors").write_bytes(b"?" * 100)
        case "no encoder":
            write_transformers(source, model, "something.else.")
        case "half as wide layers":
            write_transformers(source, whisper_files.weights(wide=2 * SIZE))
        case "learnt positions, transformers":
            write_transformers(source, learnt)
        case "learnt positions, OpenAI":
            source = write_openai(tmp_path / "tiny.pt", learnt)
        case "learnt positions, CTranslate2":
            write_ctranslate2(source, learnt)
        case "quantised":
            write_ctranslate2(source, {**model, "encoder/conv1/weight_scale": np.ones(1, np.float32)})
        case "quantised, no scale":
            write_ctranslate2(source, {**model, "encoder/conv1/weight": model["encoder/conv1/weight"].astype(np.int8)})
        case "other kind":
            write_ctranslate2(source, model, kind="TransformerSpec")
        case "version":
            write_ctranslate2(source, model, version=3)
        case "no model.bin":
            (write_ctranslate2(source, model) / "model.bin").write_bytes(b"not a model")
        case "cut short":
            file = write_ctranslate2(source, model) / "model.bin"
            file.write_bytes(file.read_bytes()[:-10_000])
        case "no .pt":
            source = tmp_path / "tiny.pt"
        case "another's .pt":
            source = tmp_path / "tiny.pt"
            torch.save({"weights": torch.zeros(3)}, source)
    with pytest.raises(CheckpointError, match=message):
        _encoder(source)


def test_without_the_internet_it_says_how_to_get_the_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("whisper-tiny.en", "someone/whisper-tiny-of-theirs"):
        with pytest.raises(
            CheckpointError, match=rf"hf download \S+{name.split('/')[-1]} config\.json model"
        ) as caught:
            load_pretrained(name)
        assert "give that folder instead" in str(caught.value)


def test_a_model_in_the_hubs_cache_needs_no_internet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    kept = tmp_path / "models--openai--whisper-tiny.en"
    (kept / "snapshots" / "1").mkdir(parents=True)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("1")
    write_transformers(kept / "snapshots" / "1", whisper_files.weights())
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert load_pretrained("whisper-tiny.en").layers == LAYERS


def test_what_init_from_names_is_told_by_its_kind(tmp_path: Path) -> None:
    own = tmp_path / "whisper-mine.ckpt"
    own.touch()
    (tmp_path / "folder").mkdir()
    named = {"whisper-tiny.en": True, "someone/whisper-tiny": True, "tiny.en.pt": True, str(tmp_path / "folder"): True}
    for source, expected in {**named, str(own): False, "runs/hark-base/best.ckpt": False}.items():
        assert is_pretrained(source) == expected, source


def test_a_checkpoint_of_harks_own_that_is_gone_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    gone = str(tmp_path / "whisper-mine.ckpt")
    with pytest.raises(CheckpointError, match="There is no checkpoint "):
        fit.fit(toy_config(tmp_path, **TINY_WHISPER, init_from=gone), progress=False)


def test_another_network_does_not_start_from_a_whisper_model(tmp_path: Path) -> None:
    folder = write_transformers(tmp_path / "whisper", whisper_files.weights())
    with pytest.raises(CheckpointError, match=r"model\.encoder: whisper"):
        fit.fit(toy_config(tmp_path, **TINY, init_from=str(folder)), progress=False)
