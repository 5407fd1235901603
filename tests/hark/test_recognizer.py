"""The recogniser and the spec in the model file."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from handler.settings import Settings, SettingsError
from hark.errors import ModelError
from hark.recognizer import Recognizer
from hark.spec import METADATA_KEY, ModelSpec
from tests.conftest import ROOT, make_spec


def test_a_window_alone_equals_the_same_window_in_a_batch(recognizer: Recognizer) -> None:
    rng = np.random.default_rng(0)
    bands = recognizer.spec.n_mels
    windows = [rng.normal(size=(frames, bands)).astype(np.float32) for frames in (300, 41, 1, 170, 222, 5)]
    together = recognizer.run(windows)
    for window, result in zip(windows, together, strict=True):
        (alone,) = recognizer.run([window])
        assert alone.shape == result.shape == (-(-len(window) // recognizer.spec.time_subsampling), 29)
        # int8 activations are scaled to the whole batch, so a neighbour may move a rounding, not a word.
        assert np.abs(np.exp(alone) - np.exp(result)).max() < 0.15
        np.testing.assert_allclose(np.exp(alone).sum(axis=1), 1, atol=1e-4)


def test_no_windows_give_no_results(recognizer: Recognizer) -> None:
    assert recognizer.run([]) == []


def test_spec_survives_the_way_through_json() -> None:
    spec = make_spec(measured={"wer": 0.25}, training_data="ümläute", least_log_prob=-0.5)
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert spec.output_frames_per_second == 25


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1}', "null", '{"format": 99, "name": "x"}', make_spec().to_json()[:-9]]
)
def test_a_spec_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        ModelSpec.from_json(text)


def test_a_spec_with_what_is_unknown_here_is_said_to_be_newer() -> None:
    fields = {**json.loads(make_spec().to_json()), "warmth": 3}
    with pytest.raises(ModelError, match="newer Hark, which knows warmth"):
        ModelSpec.from_json(json.dumps(fields))


@pytest.mark.parametrize(
    "change",
    [{"sample_rate_hz": 0}, {"window_samples": 401}, {"f_max_hz": 8001.0}, {"normalisation": "batch"}, {"blank": 3},
     {"labels": ("", "a", "a")}, {"log_floor": 0.0}, {"time_subsampling": 0}, {"least_log_prob": 0.1},
     {"least_log_prob": float("nan")}],
)  # fmt: skip
def test_a_spec_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="cannot be right"):
        make_spec(**change)


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.onnx"):
        Recognizer(tmp_path / "nowhere.onnx")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"bad\.onnx is not a usable model exported by Hark"):
        Recognizer(tmp_path / "bad.onnx")


def test_a_model_without_a_spec_is_refused(tmp_path: Path) -> None:
    graph = onnx.load(ROOT / "models" / "asr.onnx")
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "bare.onnx")
    with pytest.raises(ModelError, match="how to feed it"):
        Recognizer(tmp_path / "bare.onnx")
    entry = graph.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, "{}"
    onnx.save(graph, tmp_path / "empty.onnx")
    with pytest.raises(ModelError, match="export the model again"):
        Recognizer(tmp_path / "empty.onnx")


@pytest.mark.parametrize("value", ["0", "-1", "ten", "nan", "inf"])
@pytest.mark.parametrize("name", ["HARK_MAX_AUDIO_S", "HARK_JOB_MAX_AUDIO_S", "HARK_JOB_MAX_BYTES"])
def test_a_limit_that_cannot_work_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})
