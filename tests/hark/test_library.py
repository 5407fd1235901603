"""What a program gets from `import hark`."""

import ast
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

import hark
from hark import model_files
from hark.errors import ConflictingParameters, InvalidAudio, InvalidBody, InvalidParameter, ModelError, UnreadableFile
from tests.conftest import EVENTS, ROOT, SPOKEN
from tests.hark.media_files import encode_media

SAMPLE = EVENTS / "sample.wav"


@pytest.fixture(scope="module")
def model() -> hark.Model:
    return hark.load()


def test_importing_hark_imports_nothing_but_the_standard_library() -> None:
    program = """
import sys
before = set(sys.modules)
import hark, hark.errors
print(hark.__version__, *sorted({name.split(".")[0] for name in set(sys.modules) - before}))
assert set(hark.__all__) <= set(dir(hark))
try:
    hark.nothing
except AttributeError as error:
    assert "no attribute 'nothing'" in str(error)
else:
    raise AssertionError
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    version, *modules = done.stdout.split()
    assert version == hark.__version__
    assert "hark" in modules
    assert {name for name in modules if name not in sys.stdlib_module_names} == {"hark"}


def test_everything_it_offers_is_there() -> None:
    for name in hark.__all__:
        assert getattr(hark, name) is not None


def test_a_file_is_transcribed_whatever_names_it(model: hark.Model, readable: str) -> None:
    for audio in (SAMPLE, str(SAMPLE), SAMPLE.read_bytes()):
        found = model.transcribe(audio)
        assert found.text == readable
        assert found.duration == pytest.approx(6.4)


def test_times_and_confidences_have_short_names(model: hark.Model) -> None:
    found = model.transcribe(SAMPLE)
    spans: list[Any] = [*found.segments, *found.words]
    for span in spans:
        assert (span.start, span.end) == (span.start_s, span.end_s)
        assert 0 <= span.start < span.end <= found.duration
        assert 0 < span.confidence <= 1
    assert " ".join(word.text for word in found.words if word.text) == found.text
    assert " ".join(segment.text for segment in found.segments) == found.text
    assert " ".join(word.word for word in found.words) == SPOKEN


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_array_of_any_rate_is_transcribed(model: hark.Model, speech: np.ndarray, rate: int, dtype: type) -> None:
    samples = soxr.resample(speech, 16_000, rate).astype(dtype)
    found = model.transcribe(samples, sample_rate=rate)
    assert found.duration == pytest.approx(6.4, abs=0.01)
    assert found.words[-1].word == "station"
    if rate == 16_000:
        assert found == model.transcribe(SAMPLE)


def test_the_stream_has_the_segments_of_the_transcript(model: hark.Model, speech: np.ndarray) -> None:
    long = np.concatenate([speech, np.zeros(32_000, np.float32)] * 12)
    whole = model.transcribe(long, sample_rate=16_000)
    assert len(whole.segments) >= 24
    assert tuple(model.stream(long, sample_rate=16_000)) == whole.segments


def test_segments_come_before_the_recording_was_read_to_its_end(model: hark.Model, speech: np.ndarray) -> None:
    minutes = np.concatenate([speech, np.zeros(32_000, np.float32)] * 24)
    end = np.full(16_000, np.nan, np.float32)  # whoever reads this far fails
    stream = model.stream(np.concatenate([minutes, end]), sample_rate=16_000)
    first = next(stream)
    assert first.text == model.transcribe(SAMPLE).segments[0].text
    with pytest.raises(InvalidAudio, match="not numbers"):
        list(stream)


def test_what_is_asked_of_a_search_is_done(model: hark.Model) -> None:
    found = model.transcribe(SAMPLE, alternatives=3, hotwords="Quackenbush, coast")
    assert len(found.alternatives) == 3
    assert found.alternatives[0].text == found.text
    assert model.transcribe(SAMPLE, decoder="greedy").alternatives == ()
    assert model.transcribe(SAMPLE, hotwords=["coast"]) == model.transcribe(SAMPLE, hotwords="coast")


def test_progress_is_told_in_seconds_of_the_recording(model: hark.Model, speech: np.ndarray) -> None:
    told: list[float] = []
    model.transcribe(np.concatenate([speech] * 12), sample_rate=16_000, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(76.8)


def test_threads_may_share_a_model(model: hark.Model, readable: str) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(model.transcribe(SAMPLE).text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [readable] * 4


def test_containers_that_libsndfile_does_not_read_are_read(
    model: hark.Model, speech: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "meeting.m4a"
    path.write_bytes(encode_media(speech[:, None], 16_000, "m4a, index at the end"))
    assert model.transcribe(path).words[-1].word == "station"


def test_what_is_wrong_is_said_for_a_program(model: hark.Model, speech: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("hello")
    for audio, kind, match in (
        (tmp_path / "gone.wav", UnreadableFile, "gone.wav cannot be read: No such file"),
        (tmp_path, UnreadableFile, "cannot be read: Is a directory"),
        ("a\0b", UnreadableFile, "null"),
        (tmp_path / "empty.wav", InvalidBody, "empty"),
        (tmp_path / "text.wav", InvalidAudio, "cannot be decoded"),
        (speech, InvalidParameter, "give sample_rate"),
    ):
        with pytest.raises(kind, match=match) as caught:
            model.transcribe(audio)
        assert isinstance(caught.value, hark.HarkError)
        assert not {"endpoint", "field", "request", "send"} & set(str(caught.value).split())
    # A stream says at once what can be known at once.
    with pytest.raises(UnreadableFile):
        model.stream(tmp_path / "gone.wav")


def test_arrays_and_values_that_cannot_be_are_refused(model: hark.Model, speech: np.ndarray) -> None:
    with pytest.raises(InvalidParameter, match="2 dimensions"):
        model.transcribe(speech[:, None], sample_rate=16_000)
    with pytest.raises(InvalidParameter, match="int16"):
        model.transcribe((speech * 32767).astype(np.int16), sample_rate=16_000)
    with pytest.raises(InvalidAudio, match="sample rate is 16 Hz"):
        model.transcribe(speech, sample_rate=16)
    with pytest.raises(InvalidAudio, match="no samples"):
        model.transcribe(speech[:0], sample_rate=16_000)
    with pytest.raises(InvalidParameter, match="audio is of the type NoneType; give the path"):
        model.transcribe(None)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match="for arrays"):
        model.transcribe(SAMPLE, sample_rate=16_000)
    with pytest.raises(InvalidParameter, match="beam"):
        model.transcribe(SAMPLE, decoder="best")
    with pytest.raises(InvalidParameter, match="English letters"):
        model.transcribe(SAMPLE, hotwords=["日本"])
    with pytest.raises(InvalidParameter, match="from 1 to 10"):
        model.transcribe(SAMPLE, alternatives=11)
    with pytest.raises(ConflictingParameters, match="hotwords need a search"):
        model.transcribe(SAMPLE, decoder="greedy", hotwords=["coast"])
    for rate in (0, -8000, "16000", 16_000.0):
        with pytest.raises(InvalidParameter, match="sample_rate must be a whole number"):
            model.transcribe(np.zeros(16_000, np.float32), sample_rate=rate)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match="hotwords must be words"):
        model.transcribe(SAMPLE, hotwords=[5])  # type: ignore[list-item]
    for name in ("alternatives", "word_alternatives"):
        with pytest.raises(InvalidParameter, match=f"{name} must be a whole number, not '3'"):
            model.transcribe(SAMPLE, **{name: "3"})  # type: ignore[arg-type]
    for call in (model.transcribe, model.stream):
        with pytest.raises(InvalidParameter, match="text_style must be written or spoken, not 'shouted'"):
            call(SAMPLE, text_style="shouted")


def test_text_is_as_it_was_spoken_on_demand(model: hark.Model, readable: str) -> None:
    found = model.transcribe(SAMPLE, text_style="spoken")
    assert found.text == found.spoken == SPOKEN
    assert {(word.written, word.punctuation) for word in found.words} == {(None, "")}
    assert model.transcribe(SAMPLE, text_style="written").text == readable
    assert " ".join(segment.text for segment in model.stream(SAMPLE, text_style="spoken")) == SPOKEN
    written = model.transcribe(SAMPLE)
    assert written.as_spoken().text == SPOKEN
    assert written.as_spoken().words == found.words


def test_alternatives_are_readable_too_and_can_be_had_as_they_were_spoken(model: hark.Model) -> None:
    found = model.transcribe(SAMPLE, alternatives=5)
    spoken = model.transcribe(SAMPLE, alternatives=5, text_style="spoken")
    assert all(each.text[0].isupper() and each.text.lower() != each.spoken for each in found.alternatives)
    assert len({each.text for each in found.alternatives}) == len(found.alternatives)
    assert {each.spoken for each in found.alternatives} <= {each.text for each in spoken.alternatives}
    again = found.as_spoken().alternatives
    assert again[0] == spoken.alternatives[0]
    assert set(again) <= set(spoken.alternatives)


def test_hot_words_keep_the_callers_spelling(model: hark.Model) -> None:
    found = model.transcribe(SAMPLE, hotwords=["COAST", "old Man", "staTion"])
    assert found.spoken == SPOKEN
    assert {"COAST", "old", "Man", "staTion"} <= {word.written for word in found.words}
    assert model.transcribe(SAMPLE, hotwords="COAST", text_style="spoken").text == SPOKEN


def test_without_a_punctuation_model_text_is_as_it_was_spoken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(model_files, "PUNCTUATION", tmp_path / "gone.onnx")
    model = hark.load()
    assert model.transcribe(SAMPLE).text == SPOKEN
    with pytest.raises(ConflictingParameters, match=r"no punctuation model here, .*; leave text_style out"):
        model.transcribe(SAMPLE, text_style="written")
    with pytest.raises(ConflictingParameters):
        model.stream(SAMPLE, text_style="written")


def test_models_that_are_not_there_or_others_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model file at .*gone\.onnx"):
        hark.load(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match=r"no language model at .*gone\.bin"):
        hark.load(language_model=tmp_path / "gone.bin")
    with pytest.raises(ModelError, match=r"no punctuation model at .*gone\.onnx; name another"):
        hark.load(punctuation=tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="is a model for keywords"):
        hark.load(model_files.KEYWORDS)
    with pytest.raises(ModelError, match="is a model for transcription"):
        hark.load_keywords(model_files.RECOGNISER)


def test_without_a_language_model_there_is_no_search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(model_files, "LANGUAGE_MODEL", tmp_path / "gone.bin")
    model = hark.load()
    assert model.transcribe(SAMPLE).words[-1].word == "station"
    with pytest.raises(InvalidParameter, match="no language model here, so nothing can be searched; leave hotwords"):
        model.transcribe(SAMPLE, hotwords=["coast"])


def test_keywords_are_spotted_where_they_are(speech: np.ndarray) -> None:
    keywords = hark.load_keywords()
    assert "yes" in keywords.spec.labels
    assert keywords.spot(np.zeros(16_000, np.float32), sample_rate=16_000) == []
    for found in keywords.spot(SAMPLE):
        assert 0 <= found.start < found.end <= 6.4
        assert found.label in keywords.spec.labels


def test_a_pipe_is_read_where_nothing_can_be_mapped(readable: str) -> None:
    program = f"import hark; print(hark.load({str(model_files.RECOGNISER)!r}).transcribe('/dev/stdin').text)"
    done = subprocess.run(
        [sys.executable, "-c", program], input=SAMPLE.read_bytes(), capture_output=True, check=True, cwd=ROOT
    )
    assert done.stdout.decode().strip() == readable
    assert done.stderr == b""


def test_setup_puts_every_model_that_is_looked_for_into_the_wheel() -> None:
    # As text: not every environment has a setuptools that setup.py can run with; who builds gets one.
    models = re.search(r"^MODELS = (\(.*\))$", (ROOT / "setup.py").read_text(), re.MULTILINE)
    assert models
    paths = (model_files.RECOGNISER, model_files.LANGUAGE_MODEL, model_files.KEYWORDS, model_files.PUNCTUATION)
    beside = (model_files.RECOGNISER.with_suffix(".json"), model_files.attention_beside(model_files.RECOGNISER))
    named = {path.name for path in (*paths, *beside)}
    assert set(ast.literal_eval(models[1])) == named


def test_a_folder_of_the_same_name_does_not_hide_the_library(tmp_path: Path) -> None:
    # As the clone does for whoever stands where it lies. Where this fails, run `make setup` in a new environment.
    (tmp_path / "hark").mkdir()
    program = "import hark; print(hark.load.__name__)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == "load\n"
