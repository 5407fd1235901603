"""The handler's log-mel is torchaudio's, compiled and in NumPy."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from hark import compiled, features
from hark.errors import ModelError
from hark.features import compute, log_mel, mel_filters
from hark.spec import NO_BLANK, ModelSpec
from tests.conftest import make_spec
from training.config import model_spec
from training.config_files import load_config
from training.features import LogMel

TOLERANCE = 1e-3  # in natural log
# What Whisper's encoder has been taught on.
WHISPER = {
    "f_min_hz": 0.0,
    "log_floor": 1e-10,
    "normalisation": "whisper",
    "mel_scale": "slaney",
    "mel_norm": "slaney",
}
SPECS = {
    "raw": make_spec(normalisation="none"),
    "normalised": make_spec(),
    "normalised by the peak": make_spec(normalisation="peak"),
    "Whisper's": make_spec(**WHISPER),
    "Whisper's, 128 bands": make_spec(**WHISPER, n_mels=128),
    "Slaney's scale": make_spec(mel_scale="slaney", normalisation="none"),
    "filters of equal area": make_spec(mel_norm="slaney", normalisation="none"),
    "narrow window": make_spec(n_fft=512, window_samples=400, normalisation="none"),
    "small.yaml": model_spec(load_config("training/configs/small.yaml")),
    "base.yaml": model_spec(load_config("training/configs/base.yaml")),
    "seed.yaml": model_spec(load_config("training/configs/seed.yaml")),
}


@pytest.fixture(autouse=True, params=["C", "NumPy"])
def transforms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has each test with Fourier transforms of both kinds."""
    if request.param == "NumPy":
        monkeypatch.setattr(compiled, "library", lambda: None)
    elif compiled.library() is None:
        pytest.skip("not compiled: `make hark/native/libhark.so`")
    features.mel_bands.cache_clear()
    yield
    features.mel_bands.cache_clear()


def signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, 3 * 16000).astype(np.float32)
    edges = {f"{n} samples": noise[:n] for n in (1, 159, 160, 161, 199, 200, 201, 399, 400, 401, 16000, 16001)}
    return {
        "noise": noise,
        "loud noise": np.clip(noise * 20, -1, 1),
        "silence": np.zeros(16000, np.float32),
        "half silence": np.concatenate([np.zeros(8000, np.float32), noise[:8000]]),
        "one click": np.eye(1, 8000, 4000, dtype=np.float32)[0],
        "tone": (0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.float32),
        **edges,
    }


@pytest.mark.parametrize("name", SPECS)
def test_equals_torchaudio_on_speech(name: str, speech: np.ndarray) -> None:
    ours, theirs = log_mel(speech, SPECS[name]), LogMel(SPECS[name])(torch.from_numpy(speech)).numpy()
    assert ours.shape == theirs.shape == (1 + len(speech) // SPECS[name].hop_samples, SPECS[name].n_mels)
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("signal", signals())
def test_equals_torchaudio_on_noise_silence_and_frame_edges(name: str, signal: str) -> None:
    samples = signals()[signal]
    ours, theirs = log_mel(samples, SPECS[name]), LogMel(SPECS[name])(torch.from_numpy(samples)).numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE, rtol=0)


def test_no_mel_filter_of_the_default_is_empty() -> None:
    spec = SPECS["small.yaml"]
    filters = mel_filters(spec.sample_rate_hz, spec.n_fft, spec.n_mels, spec.f_min_hz, spec.f_max_hz)
    assert filters.shape == (spec.n_fft // 2 + 1, spec.n_mels)
    assert (filters.sum(axis=0) > 0).all()


def test_normalised_bands_have_mean_0_and_deviation_1(speech: np.ndarray) -> None:
    bands = log_mel(speech, SPECS["normalised"]).astype(np.float64)
    np.testing.assert_allclose(bands.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(bands.std(axis=0), 1, atol=1e-3)


def test_loudness_does_not_change_normalised_features() -> None:
    noise = signals()["noise"].astype(np.float32)
    quiet, loud = log_mel(noise * 0.25, SPECS["normalised"]), log_mel(noise, SPECS["normalised"])
    np.testing.assert_allclose(quiet, loud, atol=TOLERANCE)


KEYWORDS = {"task": "keywords", "labels": ("yes", "unknown", "silence"), "blank": NO_BLANK}
KINDS = {
    "log_mel": make_spec(**KEYWORDS),
    "mfcc": make_spec(**KEYWORDS, feature_kind="mfcc", n_mfcc=20),
    "mfcc, raw": make_spec(**KEYWORDS, feature_kind="mfcc", n_mfcc=80, normalisation="none"),
    "samples": make_spec(**KEYWORDS, feature_kind="samples", normalisation="none"),
    "keywords.yaml": model_spec(load_config("training/configs/keywords.yaml")),
    "keywords-small.yaml": model_spec(load_config("training/configs/keywords-small.yaml")),
    "keywords-seed.yaml": model_spec(load_config("training/configs/keywords-seed.yaml")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("signal", signals())
def test_what_keyword_models_see_is_the_same_in_training_and_serving(kind: str, signal: str) -> None:
    spec, samples = KINDS[kind], signals()[signal]
    ours, theirs = compute(samples, spec), LogMel(spec)(torch.from_numpy(samples)).numpy()
    assert ours.shape == theirs.shape
    assert ours.shape[1] == spec.feature_size
    # A coefficient sums all bands, and its deviation, which it is divided by, may be small.
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE * (5 if "mfcc" in kind else 1), rtol=0)


def test_cepstra_are_those_of_an_orthonormal_transform() -> None:
    from hark.features import cosines

    np.testing.assert_allclose(cosines(40, 40).T @ cosines(40, 40), np.eye(40), atol=1e-5)


def test_normalised_by_the_peak_level_is_lost_bands_keep_their_order_and_silence_is_nothing(speech: np.ndarray) -> None:
    spec = make_spec(normalisation="peak", log_floor=1e-12)
    loud, soft = (log_mel(speech * np.float32(level), spec) for level in (1.0, 0.05))
    np.testing.assert_allclose(loud, soft, atol=1e-3)
    assert loud.max() == pytest.approx(4)
    assert loud.min() == 0
    plain = log_mel(speech, make_spec(normalisation="none", log_floor=1e-12))
    above = loud > 0
    assert np.corrcoef(loud[above], plain[above])[0, 1] > 0.9999
    assert not log_mel(np.zeros(16000, np.float32), spec).any()


def test_whispers_normalisation_is_its_papers_reference_code(speech: np.ndarray) -> None:
    mel = np.exp(log_mel(speech, make_spec(**{**WHISPER, "normalisation": "none"})).astype(np.float64))
    log_spec = np.log10(np.maximum(mel, 1e-10))
    log_spec = np.maximum(log_spec, log_spec.max() - 8.0)
    np.testing.assert_allclose(log_mel(speech, make_spec(**WHISPER)), (log_spec + 4.0) / 4.0, atol=1e-4)


def test_slaneys_scale_is_linear_up_to_1_khz_and_its_filters_have_an_area_of_1() -> None:
    filters = mel_filters(16000, 16000, 80, 0.0, 8000.0, "slaney", "slaney")  # a bin for each Hz
    np.testing.assert_allclose(filters.sum(axis=0), 1, atol=1e-3)
    peaks_hz = filters.argmax(axis=0)
    # 45.2 mels in all, of which the lowest 15 have 66.7 Hz each.
    step_hz = (15 + 27 * np.log(8) / np.log(6.4)) / 81 * 200 / 3
    low = peaks_hz[peaks_hz < 1000]
    np.testing.assert_allclose(low, step_hz * np.arange(1, len(low) + 1), atol=1)
    ratios = peaks_hz[len(low) + 2 :] / peaks_hz[len(low) + 1 : -1]
    np.testing.assert_allclose(ratios, ratios.mean(), rtol=2e-3)


def test_scale_and_norm_go_with_the_model_and_others_are_refused() -> None:
    spec = make_spec(**WHISPER)
    assert ModelSpec.from_json(spec.to_json()) == spec
    for name in ("mel_scale", "mel_norm"):
        with pytest.raises(ModelError, match=name):
            make_spec(**{name: "bark"})


def test_a_spec_of_before_there_was_a_choice_of_scales_reads_as_it_was_meant() -> None:
    older = json.loads(make_spec().to_json())
    del older["mel_scale"], older["mel_norm"]
    assert ModelSpec.from_json(json.dumps(older)) == make_spec(mel_scale="htk", mel_norm="none")
