"""The teacher is Whisper's encoder as CTranslate2 runs it, and its features are learnt at the right time."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.toy import NO_AUGMENTATION, TINY_CONFORMER, batch_maker, toy_config
from training import teacher
from training.checkpoint import load_checkpoint
from training.errors import ConfigError
from training.fit import fit
from training.hints import Hints

SIZE, HEADS, WIDE = 8, 2, 16
CODES = {"float16": 4, "float32": 0, "int16": 2, "int8": 1}


def _weights(rng: np.random.Generator, layers: int = 2) -> dict[str, np.ndarray]:
    shapes = {
        "conv1/weight": (SIZE, 80, 3),
        "conv1/bias": (SIZE,),
        "conv2/weight": (SIZE, SIZE, 3),
        "conv2/bias": (SIZE,),
        "position_encodings/encodings": (1500, SIZE),
        "layer_norm/gamma": (SIZE,),
        "layer_norm/beta": (SIZE,),
    }
    for i in range(layers):
        for part, sizes in {
            "self_attention/layer_norm/gamma": (SIZE,),
            "self_attention/layer_norm/beta": (SIZE,),
            "self_attention/linear_0/weight": (3 * SIZE, SIZE),
            "self_attention/linear_0/bias": (3 * SIZE,),
            "self_attention/linear_1/weight": (SIZE, SIZE),
            "self_attention/linear_1/bias": (SIZE,),
            "ffn/layer_norm/gamma": (SIZE,),
            "ffn/layer_norm/beta": (SIZE,),
            "ffn/linear_0/weight": (WIDE, SIZE),
            "ffn/linear_0/bias": (WIDE,),
            "ffn/linear_1/weight": (SIZE, WIDE),
            "ffn/linear_1/bias": (SIZE,),
        }.items():
            shapes[f"layer_{i}/{part}"] = sizes
    weights = {f"encoder/{name}": rng.normal(0, 0.3, shape).astype(np.float16) for name, shape in shapes.items()}
    weights["encoder/num_heads"] = np.array(HEADS, np.int16)
    weights["decoder/embeddings/weight"] = np.zeros((3, SIZE), np.int8)  # which is passed over, whatever it is
    return weights


def _write(folder: Path, weights: dict[str, np.ndarray], version: int = 6, kind: str = "WhisperSpec") -> Path:
    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    parts = [struct.pack("<I", version), text(kind), struct.pack("<II", 3, len(weights))]
    for name, values in weights.items():
        code = CODES[values.dtype.name]
        parts += [text(name), struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)]
        parts += [struct.pack("<BI", code, values.nbytes), values.tobytes()]
    folder.mkdir(exist_ok=True)
    (folder / "model.bin").write_bytes(b"".join(parts))
    return folder


@pytest.fixture
def whisper(tmp_path: Path) -> Path:
    return _write(tmp_path / "whisper", _weights(np.random.default_rng(1)))


def _by_hand(weights: dict[str, np.ndarray], log_mel: np.ndarray) -> np.ndarray:
    """[80, frames] -> [frames // 2, size], in double precision and one operation at a time."""
    w = {name.removeprefix("encoder/"): value.astype(np.float64) for name, value in weights.items()}

    def gelu(x: np.ndarray) -> np.ndarray:
        from math import erf

        return x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))

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
    for i in range(2):
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


def test_the_encoder_is_whispers(whisper: Path) -> None:
    encoder = teacher.load(whisper)
    samples = torch.randn(2, 16000, generator=torch.Generator().manual_seed(1)) * 0.1
    features = encoder(samples)
    assert features.shape == (2, 50, SIZE)
    log_mel = encoder.log_mel(samples)
    assert log_mel.shape == (2, 80, 100)
    expected = _by_hand(_weights(np.random.default_rng(1)), log_mel[1].double().numpy())
    np.testing.assert_allclose(features[1].numpy(), expected, atol=1e-4)


def test_the_encoder_hears_mel_bands_by_whispers_scale(whisper: Path) -> None:
    encoder = teacher.load(whisper)
    tone = 0.5 * torch.sin(2 * torch.pi * 1000 * torch.arange(16000) / 16000)
    log_mel = encoder.log_mel(tone[None])[0]
    # Slaney's scale is linear up to 1000 Hz, 3 mel each 200 Hz, and logarithmic from there to 45.2 mel at 8000 Hz.
    highest_mel = 15 + 27 * np.log(8) / np.log(6.4)
    assert int(log_mel[:, 50].argmax()) == round(15 / highest_mel * 81) - 1
    assert float(log_mel.max() - log_mel.min()) <= 8 / 4 + 1e-6


@pytest.mark.parametrize("case", ["missing", "no model", "other kind", "version", "quantised", "128 bands"])
def test_what_is_no_teacher_is_refused(case: str, tmp_path: Path) -> None:
    weights = _weights(np.random.default_rng(1))
    folder = tmp_path / "whisper"
    match case:
        case "no model":
            _write(folder, weights)
            (folder / "model.bin").write_bytes(b"not a model")
        case "other kind":
            _write(folder, weights, kind="TransformerSpec")
        case "version":
            _write(folder, weights, version=3)
        case "quantised":
            _write(folder, {**weights, "encoder/conv1/weight_scale": np.ones(1, np.float32)})
        case "128 bands":
            _write(folder, {**weights, "encoder/conv1/weight": np.zeros((SIZE, 128, 3), np.float16)})
    with pytest.raises(ConfigError, match=r"teacher|CTranslate2"):
        teacher.load(folder)


def test_hints_are_nothing_once_the_features_are_told_and_one_where_nothing_is(whisper: Path, tmp_path: Path) -> None:
    config = toy_config(tmp_path, **{**NO_AUGMENTATION, **TINY_CONFORMER, "data__on_device": "true"})
    config.optim.teacher.folder, config.optim.teacher.layers = str(whisper), [0]
    hints = Hints(config.optim.teacher, config)
    batch = batch_maker(config)([(0, 1), (0, 6)])
    lengths = (batch.lengths + 3) // 4
    frames = int(lengths.max()) + int(lengths.max()) % 2
    assert batch.clean is not None
    assert batch.hops is not None
    features = hints._features(batch.clean, batch.hops, frames)
    # The teacher's frames are 20 ms apart, the network's output 40 ms.
    encoder = teacher.load(whisper)
    heard = encoder(torch.nn.functional.pad(batch.clean, (0, 16000)))
    torch.testing.assert_close(features, heard[:, : 2 * frames : 2])
    inside = torch.arange(frames) < lengths[:, None]
    deviation, mean = torch.std_mean(features[inside], 0)
    with torch.no_grad():
        hints.heads[0] = torch.nn.Identity()
        told = ((features - mean) / deviation).unflatten(1, (-1, 2)).flatten(2)
        assert float(hints([told], lengths, batch)) < 1e-9
        assert float(hints([0 * told], lengths, batch)) == pytest.approx(1, abs=0.01)


def test_hints_follow_the_tempo(whisper: Path, tmp_path: Path) -> None:
    config = toy_config(tmp_path, **{**NO_AUGMENTATION, **TINY_CONFORMER, "data__on_device": "true"})
    config.optim.teacher.folder, config.optim.teacher.layers = str(whisper), [0]
    hints = Hints(config.optim.teacher, config)
    clean = torch.randn(1, 16000, generator=torch.Generator().manual_seed(2)) * 0.1
    slow = hints._features(clean, torch.tensor([80]), 20)
    usual = hints._features(clean, torch.tensor([160]), 10)
    torch.testing.assert_close(slow[:, ::2], usual)


def test_a_run_learns_from_a_teacher_of_which_nothing_is_left_in_its_model(whisper: Path, tmp_path: Path) -> None:
    overrides = {**TINY_CONFORMER, "data__on_device": "true", "augment__codec__probability": "0"}
    config = toy_config(tmp_path, **overrides, trainer__max_epochs="2")
    config.optim.teacher.folder, config.optim.teacher.layers = str(whisper), [0, 1]
    best = fit(config, progress=False)
    names = torch.load(best, weights_only=True)["state_dict"]
    assert not any("teacher" in name or "conv1" in name for name in names)
    model, _ = load_checkpoint(best)
    assert not any("hints" in name for name in model.state_dict())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"optim__teacher__layers": "[0,7]"}, r"optim\.teacher\.layers"),
        ({"features__sample_rate_hz": "8000"}, "16000 Hz"),
        ({"data__max_duration_s": "28"}, r"data\.max_duration_s as long as 34 s"),
    ],
)
def test_what_does_not_go_with_a_teacher_is_said(
    overrides: dict[str, str], message: str, whisper: Path, tmp_path: Path
) -> None:
    config = toy_config(tmp_path, **TINY_CONFORMER, **{"optim__teacher__layers": "[0]", **overrides})
    config.optim.teacher.folder = str(whisper)
    with pytest.raises(ConfigError, match=message):
        Hints(config.optim.teacher, config)
