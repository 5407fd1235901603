"""The recogniser and the spec in the model file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from handler.settings import Settings, SettingsError
from hark import model_files
from hark.errors import ModelError
from hark.punctuation import Punctuator
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
    "labels",
    [("", " ", *"אבגדהוזחטיכלמנסעפצקרשתךםןףץ"), ("", " ", "ا", "ب", "\u200c", "\u064e"), ("", " ", *"abcçğıiöşü"),
     ("", *map(chr, range(0xAC00, 0xAC00 + 900))), ("", " the", " ", "ing", "'s", "é"),
     ("", " ", "क", "\u093f", "\u094d")],
)  # fmt: skip
def test_labels_may_be_of_any_script_and_of_several_letters(labels: tuple[str, ...]) -> None:
    spec = make_spec(labels=labels, language="he")
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_a_model_from_before_there_were_languages_writes_english() -> None:
    fields = json.loads(make_spec().to_json())
    assert fields.pop("language") == "en"
    assert ModelSpec.from_json(json.dumps(fields)) == make_spec()


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
     {"least_log_prob": float("nan")}, {"log_floor": float("inf")}, {"max_window_s": float("inf")},
     {"max_window_s": float("nan")}, {"labels": ("", "a", 3)}, {"n_fft": 1 << 30}, {"max_window_s": 1e9},
     {"hop_samples": 1 << 30}, {"n_mels": 1 << 30}, {"sample_rate_hz": 1 << 30}, {"language": "English"},
     {"language": "EN"}, {"language": ""}, {"language": "en_US"}, {"labels": ("", "a", "e\u0301")},
     {"labels": ("", "a", "the ")},
     {"labels": ("", "a", "a b")}, {"labels": ("", "a", "\n")}, {"labels": ("", "a", "\u202e")},
     {"labels": ("", "a" * 100)},
     {"labels": ("", *map(chr, range(0x4E00, 0x7000)))}],
)  # fmt: skip
def test_a_spec_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="cannot be right"):
        make_spec(**change)


@pytest.mark.parametrize(
    ("name", "value"),
    [("name", 3), ("version", None), ("sample_rate_hz", 16000.0), ("sample_rate_hz", "16000"), ("n_fft", [400]),
     ("time_subsampling", 4.0), ("measured", []), ("word_confidence", [["bias", 1.0]]), ("normalisation", None),
     ("language", None)],
)  # fmt: skip
def test_a_spec_whose_values_are_of_the_wrong_type_is_refused(name: str, value: object) -> None:
    fields = {**json.loads(make_spec().to_json()), name: value}
    with pytest.raises(ModelError, match=f"wrong type: {name}"):
        ModelSpec.from_json(json.dumps(fields))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": 1, "name": ' + "[" * 100_000])
def test_a_spec_that_is_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        ModelSpec.from_json(text)


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


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n_mels": 40}, "features of the shape .* 80.*, and the spec 40"),
        ({"labels": ["", "a", "b"]}, "labels of the shape .* 29.*, and the spec 3"),
    ],
)
def test_a_spec_that_is_not_that_of_its_network_is_refused(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    graph = onnx.load(ROOT / "models" / "asr.onnx")
    (entry,) = (each for each in graph.metadata_props if each.key == METADATA_KEY)
    entry.value = json.dumps({**json.loads(entry.value), **change})
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=f"{named} of them; export the model again"):
        Recognizer(tmp_path / "other.onnx")


def test_a_model_whose_description_is_damaged_is_refused(tmp_path: Path) -> None:
    for path, load in ((model_files.RECOGNISER, Recognizer), (model_files.PUNCTUATION, Punctuator)):
        damaged = path.read_bytes().replace(b"training_data", b"training\xff\xfe\xfd\xfc\xfb")
        (tmp_path / "damaged.onnx").write_bytes(damaged)
        with pytest.raises(ModelError, match=r"damaged\.onnx is damaged: what it says of itself is no text"):
            load(tmp_path / "damaged.onnx")


def test_a_network_with_other_inputs_is_refused(tmp_path: Path, recognizer: Recognizer) -> None:
    float_ = onnx.TensorProto.FLOAT
    inputs = [
        onnx.helper.make_tensor_value_info(name, float_, ["batch", "frames", 80]) for name in ("samples", "lengths")
    ]
    outputs = [onnx.helper.make_tensor_value_info("log_probs", float_, ["batch", "frames", 80])]
    nodes = [onnx.helper.make_node("Add", ["samples", "lengths"], ["log_probs"])]
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "other", inputs, outputs), opset_imports=[opset], ir_version=8
    )
    onnx.helper.set_model_props(model, {METADATA_KEY: recognizer.spec.to_json()})
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="its inputs and outputs are samples, lengths, log_probs; export"):
        Recognizer(tmp_path / "other.onnx")


class Session:
    """A network that answers what is given; as many frames as it is asked for."""

    def __init__(self, row: list[float], frame: int) -> None:
        self._row, self._frame = row, frame

    def run(self, _names: object, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        frames = -(-inputs["lengths"] // 4)
        log_probs = np.full((len(frames), int(frames.max()), 29), np.log(1 / 29), np.float32)
        log_probs[:, self._frame] = np.resize(np.array(self._row, np.float32), 29)
        return [log_probs, frames]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("row", [[NAN], [-INF], [INF], [-INF, INF], [-1.0, NAN]])
def test_what_is_no_log_probability_is_a_frame_in_which_nothing_was_heard(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch, row: list[float]
) -> None:
    monkeypatch.setattr(recognizer, "_session", Session(row, 3))
    (found,) = recognizer.run([np.zeros((40, 80), np.float32)])
    assert np.isfinite(found).all()
    assert found[3].argmax() == recognizer.spec.blank
    assert np.exp(found[3]).sum() == pytest.approx(1)
    np.testing.assert_allclose(found[[0, 1, 2, 4]], np.log(1 / 29), rtol=1e-6)


def test_a_label_that_cannot_be_is_unlikely(recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer, "_session", Session([-INF, 0.0, *[-INF] * 27], 3))
    (found,) = recognizer.run([np.zeros((40, 80), np.float32)])
    assert np.isfinite(found).all()
    assert found[3].argmax() == 1


@pytest.mark.parametrize("value", ["0", "-1", "ten", "nan", "inf"])
@pytest.mark.parametrize(
    "name", ["HARK_MAX_AUDIO_S", "HARK_JOB_MAX_AUDIO_S", "HARK_JOB_MAX_BYTES", "HARK_MAX_BODY_BYTES"]
)
def test_a_limit_that_cannot_work_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})


@pytest.mark.parametrize("name", ["HARK_JOB_MAX_BYTES", "HARK_MAX_BODY_BYTES"])
def test_a_limit_of_no_whole_byte_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name} must be a number of bytes above 0, not '0\.5'"):
        Settings.from_environment({name: "0.5"})


@pytest.mark.parametrize(
    ("name", "value", "choices"),
    [
        ("POWERTOOLS_LOG_LEVEL", "loud", "debug, info, warning, error or critical"),
        ("POWERTOOLS_METRICS_DISABLED", "maybe", "true, 1, false or 0"),
        ("POWERTOOLS_TRACE_DISABLED", "maybe", "true, 1, false or 0"),
        ("HARK_DECODER", "magic", "greedy"),
    ],
)
def test_a_setting_of_another_library_that_cannot_work_is_refused_by_name(name: str, value: str, choices: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name} must be .*{choices}.*, not '{value}'"):
        Settings.from_environment({name: value})
    Settings.from_environment({name: ""})
    Settings.from_environment({"POWERTOOLS_LOG_LEVEL": "INFO", "POWERTOOLS_METRICS_DISABLED": "True"})


@pytest.mark.parametrize("program", ["import hark; hark.load()", "import handler.app", "import export.quantise"])
def test_the_runtime_sends_nothing_to_its_maker(program: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True, capture_output=True)
    # It keeps what it is going to send in a database of its own.
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name]
