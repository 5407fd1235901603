"""Spoken keywords: one word, a timeline of many, and the endpoint."""

import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from events.synthesise import synthesise
from handler.keyword_reply import check_fields, reply
from handler.settings import Settings
from hark.errors import InvalidParameter, ModelError
from hark.keywords import filled_up, in_running_speech, spot_blocks
from hark.pipeline import Timings
from hark.recognizer import Recognizer
from hark.spec import NO_BLANK, UNKNOWN, ModelSpec
from local.event import http_event
from tests.conftest import EVENTS, ROOT, Post, encode, invoke, make_spec, multipart

RATE = 16000
LABELS = ("yes", "no", "unknown", "silence")
SPEC = make_spec(
    labels=LABELS, blank=NO_BLANK, task="keywords", feature_kind="samples", normalisation="none", max_window_s=1.0
)
# Which word each level of loudness is.
LEVELS = {"yes": 0.2, "no": 0.6, "unknown": 0.35}


class ByLevel:
    """A model that takes a window for the word whose level its loudest half is nearest to."""

    spec: ModelSpec = SPEC

    def __init__(self) -> None:
        self.windows: list[int] = []

    def run(self, log_mels: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.windows += [frames.size for frames in log_mels]
        return [self._log_probs(np.abs(frames.ravel())) for frames in log_mels]

    def _log_probs(self, loudness: np.ndarray) -> np.ndarray:
        loud = loudness[loudness > 0.1]
        scores = np.full(len(LABELS), 0.01)
        if len(loud) < 0.15 * RATE:
            scores[LABELS.index("silence")] = 1
        else:
            level = np.median(loud)
            scores[LABELS.index(min(LEVELS, key=lambda word: abs(LEVELS[word] - level)))] = 1
        return np.log(scores / scores.sum())[None].astype(np.float32)


def word(name: str, seconds: float = 0.4) -> np.ndarray:
    """Returns [samples] that are loud all along: noise whose signs alone are drawn."""
    rng = np.random.default_rng(len(name))
    return (LEVELS[name] * rng.choice([-1.0, 1.0], int(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize(
    ("normalisation", "silence"), [("utterance", 0.0), ("peak", 0.0), ("whisper", 3.0 - 2.0), ("none", 0.0)]
)
def test_a_short_recording_is_filled_up_with_what_its_normalisation_makes_of_silence(
    normalisation: str, silence: float
) -> None:
    spec = make_spec(normalisation=normalisation)
    found = np.array([[1.5, 2.0], [3.0, 1.2]], np.float32)
    expected = np.array([[silence] * 2, *found.tolist(), [silence] * 2, [silence] * 2], np.float32)
    np.testing.assert_allclose(filled_up(found, 5, 1 / 3, spec), expected)
    np.testing.assert_array_equal(filled_up(found, 1, 1.0, spec), found[1:])


def pause(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1e-4, int(seconds * RATE)).astype(np.float32)


def spotted(*parts: np.ndarray, block: int = 5000) -> dict:
    samples = np.concatenate(parts)
    blocks = [samples[i : i + block] for i in range(0, len(samples), block)]
    return reply(spot_blocks(blocks, ByLevel(), Timings()), SPEC)


@pytest.mark.parametrize("around", [0.0, 0.1, 0.3, 0.4])
def test_a_short_recording_is_one_word(around: float) -> None:
    heard = spotted(pause(around), word("no"), pause(around))
    assert heard["label"] == "no"
    assert heard["score"] == pytest.approx(1 / 1.03, abs=1e-3)
    assert heard["top"][0]["label"] == "no"
    assert heard["detections"] == [
        {"start": 0, "end": heard["duration"], "label": "no", "score": heard["score"]},
    ]


def test_what_is_no_word_is_not_detected() -> None:
    assert (spotted(word("unknown"))["label"], spotted(word("unknown"))["detections"]) == ("unknown", [])
    assert (spotted(pause(0.8))["label"], spotted(pause(0.8))["detections"]) == ("silence", [])
    assert (spotted(pause(20))["label"], spotted(pause(20))["detections"]) == ("silence", [])
    longer = spotted(pause(2), word("unknown", 3), pause(2))
    assert (longer["label"], longer["detections"]) == ("unknown", [])


def test_windows_of_the_models_length_cover_all_of_a_long_recording() -> None:
    model = ByLevel()
    spot_blocks([pause(20)], model, Timings())
    assert set(model.windows) == {RATE}
    # Five a second, from 0.4 s before the recording to 0.4 s after it.
    assert len(model.windows) == (20 + 0.8 - 1) * 5 + 1


def test_one_word_in_minutes_of_silence_is_found() -> None:
    (found,) = spotted(pause(100), word("yes"), pause(100))["detections"]
    assert found["label"] == "yes"
    assert found["start"] < 100.2 < found["end"]


@pytest.mark.parametrize("before", np.arange(0, 1, 0.07))
def test_a_word_is_found_wherever_it_lies_at_the_edges_and_between_steps(before: float) -> None:
    for parts in ((pause(before), word("no"), pause(2)), (pause(2), word("no"), pause(before))):
        (found,) = spotted(*parts)["detections"]
        assert found["label"] == "no"
        middle = len(parts[0]) / RATE + 0.2
        assert found["start"] - 0.05 <= middle <= found["end"] + 0.05


def test_a_long_recording_has_a_timeline() -> None:
    parts = [pause(2), word("yes"), pause(1.5), word("no", 0.5), pause(1.5), word("unknown"), pause(3), word("yes")]
    heard = spotted(*parts, pause(1))
    assert [each["label"] for each in heard["detections"]] == ["yes", "no", "yes"]
    begins = np.cumsum([0, *(len(part) / RATE for part in parts)])
    for each, place in zip(heard["detections"], (1, 3, 7), strict=True):
        middle = begins[place] + len(parts[place]) / RATE / 2
        assert each["start"] < middle < each["end"]
        assert begins[place] - 0.3 < each["start"] < each["end"] < begins[place + 1] + 0.3
        assert 0.5 <= each["score"] <= 1
    assert heard["label"] in ("yes", "no")
    assert heard["duration"] == pytest.approx(sum(map(len, parts)) / RATE + 1, abs=1e-3)


def test_neighbouring_words_are_two() -> None:
    heard = spotted(pause(1), word("yes", 0.6), pause(0.3), word("no", 0.6), pause(1))
    assert [each["label"] for each in heard["detections"]] == ["yes", "no"]


def test_blocks_do_not_change_what_is_heard() -> None:
    parts = [pause(2), word("yes"), pause(1.5), word("no"), pause(2)]
    assert spotted(*parts, block=999) == spotted(*parts, block=10**9)


@pytest.mark.parametrize("samples", [0, 1, 100, RATE, 20000, 20001])
def test_every_length_has_an_answer(samples: int) -> None:
    heard = spotted(pause(2)[:samples])
    assert heard["label"] == "silence"
    assert heard["duration"] == pytest.approx(samples / RATE, abs=1e-3)


def test_only_the_model_may_be_named() -> None:
    check_fields([("model", "whisper-1")])
    with pytest.raises(InvalidParameter, match="'threshold' is not supported"):
        check_fields([("threshold", "0.5")])


def test_a_model_for_the_other_task_is_refused() -> None:
    settings = Settings.from_environment({})
    with pytest.raises(ModelError, match="is a model for keywords, not for transcription"):
        Recognizer(settings.keywords_path, "transcription")
    with pytest.raises(ModelError, match="is a model for transcription, not for keywords"):
        Recognizer(settings.model_path, "keywords")


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ("yes", "no", "silence")},
        {"blank": 0},
        {"feature_kind": "mfcc"},
        {"n_mfcc": 13},
        {"feature_kind": "smell"},
        {"task": "singing"},
        {"task": "transcription"},
    ],
    ids=str,
)
def test_a_spec_that_contradicts_itself_is_refused(changes: dict) -> None:
    import dataclasses

    with pytest.raises(ModelError, match="values that cannot be right"):
        dataclasses.replace(SPEC, **changes)


def test_a_spec_of_keywords_survives_the_way_through_json() -> None:
    assert ModelSpec.from_json(SPEC.to_json()) == SPEC
    assert (SPEC.feature_size, make_spec().feature_size) == (160, 80)


# The endpoint, with the model that comes with it

PATH = "/v1/audio/keywords"


@pytest.mark.parametrize("text", ["Seven", "Yes", "Stop"])
def test_a_word_that_is_said_is_heard(post: Post, text: str) -> None:
    # Spoken by the engine that made the tests' recordings; the model learned from it, among others.
    _, _, body = post(PATH, encode(synthesise(f"{text}."), RATE))
    assert body["label"] == text.lower()
    assert body["detections"][0]["label"] == text.lower()


def test_raw_bytes_and_a_form_get_the_same_answer(post: Post) -> None:
    audio = encode(pause(1), RATE)
    status, headers, raw = post(PATH, audio)
    assert status == 200
    assert set(raw) == {"label", "score", "top", "duration", "detections", "model"}
    assert raw["label"] == raw["top"][0]["label"] == "silence"
    assert len(raw["top"]) == 5
    assert sorted(raw["top"], key=lambda each: -each["score"]) == raw["top"]
    assert raw["model"]["name"] == "hark-keywords"
    stages = [stage.split(";dur=")[0] for stage in headers["Server-Timing"].split(", ")]
    assert stages == ["decode", "features", "recognize"]
    body, content_type = multipart({"model": "whisper-1"}, audio)
    assert post(PATH, body, content_type)[2] == raw


def test_a_long_recording_is_answered_with_a_timeline(post: Post) -> None:
    status, _, body = post(PATH, (EVENTS / "sample.wav").read_bytes())
    assert status == 200
    assert body["duration"] == pytest.approx(6.4, abs=0.01)
    times = [(each["start"], each["end"]) for each in body["detections"]]
    assert times == sorted(times)
    assert all(0 <= start < end <= body["duration"] for start, end in times)


@pytest.mark.parametrize(
    ("body", "content_type", "query", "status", "code"),
    [
        (b"", "audio/wav", "", 400, "invalid_body"),
        (b"no audio", "audio/wav", "", 400, "invalid_audio"),
        (b"{}", "application/json", "", 415, "unsupported_media_type"),
        (b"x", "multipart/form-data", "", 415, "unsupported_media_type"),
        (*multipart({}, None), "", 400, "invalid_parameter"),
        (*multipart({"response_format": "srt"}, b"RIFF"), "", 400, "invalid_parameter"),
        (b"RIFF", "audio/wav", "threshold=0.5", 400, "invalid_parameter"),
    ],
)
def test_mistakes_are_answered_as_those_of_transcriptions(
    body: bytes, content_type: str, query: str, status: int, code: str
) -> None:
    got, _, reply_ = invoke(http_event("POST", PATH, {"content-type": content_type}, body, query))
    assert (got, reply_["error"]["code"]) == (status, code)


def test_a_recording_over_the_limit_is_refused(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from handler import app

    monkeypatch.setattr(app, "settings", dataclasses.replace(app.settings, max_audio_s=0.5))
    status, _, body = post(PATH, encode(pause(1), RATE))
    assert (status, body["error"]["code"]) == (413, "audio_too_long")


def test_without_a_model_the_endpoint_says_so(post: Post, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    import dataclasses
    from pathlib import Path

    from handler import app

    monkeypatch.setattr(app, "settings", dataclasses.replace(app.settings, keywords_path=Path(f"{tmp_path}/none")))
    app._keyword_model.cache_clear()
    status, _, body = post(PATH, encode(pause(1), RATE))
    assert (status, body["error"]["code"]) == (404, "keywords_unavailable")
    assert invoke(http_event("GET", "/health", {}, b""))[2]["keywords"] is False


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_keyword_model_that_cannot_be_used_is_told_to_callers_and_the_log(
    content: bytes | None, post: Post, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from handler import app

    path = tmp_path / "keywords.onnx" if content is not None else app.settings.model_path  # that of another task
    if content is not None:
        path.write_bytes(content)
    logged: list[str] = []
    monkeypatch.setattr(app.logger, "error", lambda _, reason: logged.append(reason))
    monkeypatch.setattr(app, "settings", dataclasses.replace(app.settings, keywords_path=path))
    app._keyword_model.cache_clear()
    status, _, body = post(PATH, encode(pause(1), RATE))
    assert (status, body["error"]["code"]) == (404, "keywords_unavailable")
    assert "cannot be used; ask whoever runs it" in body["error"]["message"]
    assert len(logged) == 1
    assert str(path) in logged[0]
    assert post("/transcribe", encode(pause(1), RATE))[0] == 200


def test_other_methods_are_told_what_would_work() -> None:
    status, headers, _ = invoke(http_event("GET", PATH, {}, b""))
    assert (status, headers["Allow"]) == (405, "POST")


def test_the_model_is_loaded_with_the_first_request_for_it_and_not_before() -> None:
    program = """
import handler.app as app
from pathlib import Path
from tests.conftest import http_event, invoke
invoke(http_event("POST", "/transcribe", {"content-type": "audio/wav"}, Path("events/sample.wav").read_bytes()))
print(app._keyword_model.cache_info().currsize)
invoke(http_event("POST", "/v1/audio/keywords", {"content-type": "audio/wav"}, Path("events/sample.wav").read_bytes()))
print(app._keyword_model.cache_info().currsize)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert [line for line in done.stdout.split("\n") if line in ("0", "1")] == ["0", "1"]


def test_in_running_speech_unknown_is_likelier_and_the_rest_keeps_its_proportions() -> None:
    spec = dataclasses.replace(SPEC, unknown_excess=2.0)
    scores = np.array([np.linspace(1, 2, len(LABELS)), np.eye(len(LABELS))[0]], np.float32)
    scores /= scores.sum(axis=1, keepdims=True)
    found = in_running_speech(scores, spec)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    odds, before = (each / each[:, :1] for each in (found, scores))
    unknown = LABELS.index(UNKNOWN)
    np.testing.assert_allclose(odds[:, unknown], before[:, unknown] * np.exp(2), rtol=1e-5)
    np.testing.assert_allclose(np.delete(odds, unknown, 1), np.delete(before, unknown, 1), rtol=1e-5)
    np.testing.assert_array_equal(in_running_speech(scores, SPEC), scores)
