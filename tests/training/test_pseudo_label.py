"""Labels by other recognisers: kept where they can be trusted, written down as they come, nothing labelled twice."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from hark.audio import decode
from tests.conftest import DATA, ROOT
from training import check, pseudo_label
from training.labelling.judgement import is_repetitive
from training.labelling.transcribers import Hark, Heard, Whisper
from training.manifest import read_manifest

RATE_HZ = 16000
TEXT = "when the sun had gone down we walked home along a river and nobody said much about it"
WORDS = TEXT.split()
SECOND = "second"


def plausible(samples: np.ndarray) -> Heard:
    """As much text as people say in the time, never the same phrase in a row."""
    return Heard(" ".join(islice(cycle(WORDS), max(2, round(2.2 * len(samples) / RATE_HZ)))), confidence=0.9)


@dataclass
class Fake:
    """Hears what `hear` says of [samples]; stops as Ctrl-C does before it has heard `until` pieces."""

    hear: Callable[[np.ndarray], Heard] = plausible
    name: str = "fake"
    until: int = 1000
    lengths: list[int] = field(default_factory=list)

    def transcribe(self, samples: np.ndarray) -> Heard:
        if len(self.lengths) == self.until:
            raise KeyboardInterrupt
        self.lengths.append(len(samples))
        return self.hear(samples)


Label = Callable[..., tuple[int, Fake]]


@pytest.fixture
def label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Label:
    """Runs the command line over tmp_path/in; returns its status and the transcriber, which knows what it heard."""

    def run(
        *options: str, hear: Callable[[np.ndarray], Heard] = plausible, until: int = 1000, second: Fake | None = None
    ) -> tuple[int, Fake]:
        first = Fake(hear, until=until)

        def opened(model: str, threads: int, language: str) -> Fake:
            named = options[options.index("--language") + 1] if "--language" in options else "en"
            assert (threads, language) == (1, named)
            return second if model == SECOND and second else first

        monkeypatch.setattr(pseudo_label, "open_transcriber", opened)
        sources = [] if options and not options[0].startswith("-") else [str(tmp_path / "in")]
        output = str(tmp_path / "out" / "labels.jsonl")
        return pseudo_label.main([*sources, *options, "--output", output, "--threads", "1"]), first

    return run


def utterance(number: int) -> np.ndarray:
    return decode((DATA / f"{number:02d}.ogg").read_bytes(), RATE_HZ, 60)


def add(tmp_path: Path, name: str, *parts: np.ndarray) -> Path:
    """Writes a recording below tmp_path/in; the parts are said one after the other, a second apart."""
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    apart = np.zeros(RATE_HZ, np.float32)
    sf.write(path, np.concatenate([part for each in parts for part in (each, apart)][:-1]), RATE_HZ)
    return path


def add_long(tmp_path: Path, name: str = "long.flac") -> Path:
    return add(tmp_path, name, *(utterance(number) for number in range(12)))


def kept(tmp_path: Path) -> list[dict[str, Any]]:
    path = tmp_path / "out" / "labels.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def dropped(tmp_path: Path) -> list[dict[str, Any]]:
    """All lines but the first, which has the settings."""
    return [json.loads(line) for line in (tmp_path / "out" / "labels.dropped.jsonl").read_text().splitlines()[1:]]


def test_short_recordings_are_labelled_where_they_lie_and_pass_the_check(tmp_path: Path, label: Label) -> None:
    paths = [add(tmp_path, name, utterance(i)) for i, name in enumerate(["b.wav", "a/x.flac", "c.ogg"])]
    status, fake = label()
    assert status == 0
    rows = kept(tmp_path)
    assert [row["audio_filepath"] for row in rows] == sorted(str(path.resolve()) for path in paths)
    assert all(row["labelled_by"] == "fake" and row["confidence"] == 0.9 for row in rows)
    assert len(fake.lengths) == 3
    assert dropped(tmp_path) == []
    assert check.main([str(tmp_path / "out" / "labels.jsonl")]) == 0


def test_long_recordings_are_cut_at_pauses_into_clips_that_pass_the_check(tmp_path: Path, label: Label) -> None:
    path = add_long(tmp_path)
    assert label()[0] == 0
    rows = kept(tmp_path)
    assert len(rows) > 1
    (rest,) = dropped(tmp_path)
    whole = decode(path.read_bytes(), RATE_HZ, 600)
    for row in rows:
        clip = tmp_path / "out" / row["audio_filepath"]
        assert clip.parent.parent == tmp_path / "out" / "labels-clips"
        assert row["recording"] == str(path.resolve())
        samples, rate_hz = sf.read(clip, dtype="float32")
        assert rate_hz == RATE_HZ
        assert row["duration"] == round(len(samples) / RATE_HZ, 3) <= 17
        start = round(row["start"] * RATE_HZ)
        np.testing.assert_allclose(samples, whole[start : start + len(samples)], atol=1e-4)
    assert rest["reason"] == "no speech"
    assert sum(row["duration"] for row in [*rows, rest]) == pytest.approx(len(whole) / RATE_HZ, abs=0.01)
    assert check.main([str(tmp_path / "out" / "labels.jsonl")]) == 0


def test_a_run_that_was_interrupted_goes_on_and_ends_as_one_that_was_not(
    tmp_path: Path, label: Label, capsys: pytest.CaptureFixture[str]
) -> None:
    def sometimes_unsure(samples: np.ndarray) -> Heard:
        return Heard(plausible(samples).text, confidence=0.1 + 0.8 * (int(np.abs(samples).sum()) % 2))

    for number in range(3):
        add(tmp_path, f"{number}.wav", utterance(number))
    add_long(tmp_path, "1-long.wav")
    _, fake = label(hear=sometimes_unsure)
    names = ["labels.jsonl", "labels.dropped.jsonl"]
    expected = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    assert len(kept(tmp_path)) > 1
    assert len(dropped(tmp_path)) > 1
    shutil.rmtree(tmp_path / "out")

    heard: list[int] = []
    capsys.readouterr()
    for _ in range(100):
        status, part = label(hear=sometimes_unsure, until=2)
        heard += part.lengths
        if status != 130:
            break
        assert "continues from here" in capsys.readouterr().err
    assert status == 0
    assert heard == fake.lengths
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names} == expected


def test_what_is_done_is_not_heard_again_and_new_recordings_are_added(tmp_path: Path, label: Label) -> None:
    add_long(tmp_path)
    label()
    before = kept(tmp_path)
    add(tmp_path, "another.wav", utterance(0))
    status, fake = label()
    assert status == 0
    assert len(fake.lengths) == 1
    assert kept(tmp_path)[:-1] == before


def test_a_line_that_a_killed_run_was_writing_is_written_anew(tmp_path: Path, label: Label) -> None:
    for number in range(2):
        add(tmp_path, f"{number}.wav", utterance(number))
    label()
    path = tmp_path / "out" / "labels.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    status, fake = label()
    assert status == 0
    assert len(fake.lengths) == 1
    assert path.read_bytes() == whole


def test_a_recording_that_cannot_be_read_is_named_and_all_others_are_labelled(
    tmp_path: Path, label: Label, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tmp_path, "a.wav", utterance(0))
    broken = tmp_path / "in" / "b.wav"
    broken.write_bytes(b"no audio")
    (tmp_path / "in" / "empty.wav").touch()
    (tmp_path / "in" / "notes.txt").write_text("no recording")
    add(tmp_path, "z.wav", utterance(1))
    assert label()[0] == 1
    said = capsys.readouterr().err
    assert f"{broken}: The audio cannot be decoded" in said
    assert "2 of 4 recordings could not be read" in said
    assert "notes" not in said
    assert len(kept(tmp_path)) == 2
    # Mended, it is labelled; no other is again.
    sf.write(broken, utterance(2), RATE_HZ)
    (tmp_path / "in" / "empty.wav").unlink()
    status, fake = label()
    assert status == 0
    assert len(fake.lengths) == 1


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        (Heard("   "), "empty text"),
        (Heard("thank you for watching it", no_speech=0.8), "no speech, by Whisper"),
        (Heard("we went home along the river", compression=2.5), "repetition"),
        (Heard("oh thank you thank you thank you"), "repetition"),
        (Heard(" ".join(WORDS * 12)), "too much text"),
        (Heard("oh"), "too little text"),
        (Heard("we went home along the river", confidence=0.59), "low confidence"),
        (Heard("we went home along the река"), "unknown characters"),
    ],
)
def test_what_cannot_be_trusted_is_dropped_with_the_reason(
    tmp_path: Path, label: Label, capsys: pytest.CaptureFixture[str], heard: Heard, reason: str
) -> None:
    add(tmp_path, "a.wav", utterance(0))
    add(tmp_path, "b.wav", utterance(1))
    answers = iter([heard, None])
    assert label(hear=lambda samples: next(answers) or plausible(samples))[0] == 0
    (row,) = dropped(tmp_path)
    assert (row["reason"], row["text"]) == (reason, heard.text)
    assert row["duration"] == pytest.approx(len(utterance(0)) / RATE_HZ, abs=1e-3)
    assert [Path(row["audio_filepath"]).name for row in kept(tmp_path)] == ["b.wav"]
    table = capsys.readouterr().out
    assert f"{reason:<28}{1:>9}" in table
    assert f"{'kept':<28}{1:>9}" in table


def test_two_recognisers_have_to_agree(tmp_path: Path, label: Label) -> None:
    for number in range(3):
        add(tmp_path, f"{number}.wav", utterance(number))

    def alters(words: int) -> Callable[[np.ndarray], Heard]:
        return lambda samples: Heard(
            " ".join(["other"] * words + plausible(samples).text.upper().split()[words:]) + "."
        )

    answers = iter([alters(0), alters(1), alters(2)])
    second = Fake(lambda samples: next(answers)(samples), name="another")
    words = [len(plausible(utterance(number)).text.split()) for number in range(3)]
    limit = (1 / words[1] + 2 / words[2]) / 2
    assert 1 / words[1] < limit < 2 / words[2]
    assert label("--second-model", SECOND, "--max-disagreement", f"{limit}", second=second)[0] == 0
    assert [row["disagreement"] for row in kept(tmp_path)] == [0, round(1 / words[1], 4)]
    assert {row["agreed_by"] for row in kept(tmp_path)} == {"another"}
    (row,) = dropped(tmp_path)
    assert row["reason"] == "disagreement"
    assert row["other_text"].startswith("other other ")


def test_the_second_recogniser_hears_nothing_of_what_is_out_already(tmp_path: Path, label: Label) -> None:
    add(tmp_path, "a.wav", utterance(0))
    second = Fake()
    assert label("--second-model", SECOND, hear=lambda _: Heard(""), second=second)[0] == 1
    assert second.lengths == []


@pytest.mark.parametrize(("seconds", "reason"), [(3, "no speech"), (40, "no speech"), (0.2, "too short")])
def test_silence_and_snippets_are_not_heard_at_all(
    tmp_path: Path, label: Label, capsys: pytest.CaptureFixture[str], seconds: float, reason: str
) -> None:
    add(tmp_path, "a.wav", np.zeros(round(seconds * RATE_HZ), np.float32))
    for _ in range(2):
        status, fake = label()
        assert status == 1
        assert fake.lengths == []
        assert "nothing could be kept" in capsys.readouterr().err
        (row,) = dropped(tmp_path)
        assert (row["reason"], row["duration"]) == (reason, seconds)


def test_the_same_audio_is_kept_once_whatever_it_is_stored_in(tmp_path: Path, label: Label) -> None:
    samples, _ = sf.read(add(tmp_path, "a.flac", utterance(0)), dtype="int16")
    sf.write(tmp_path / "in" / "a.wav", samples, RATE_HZ)
    status, fake = label()
    assert status == 0
    assert len(fake.lengths) == 1
    assert [row["reason"] for row in dropped(tmp_path)] == ["duplicate audio"]


def test_clips_are_not_taken_for_recordings(tmp_path: Path, label: Label) -> None:
    add_long(tmp_path)
    clips = str(tmp_path / "in" / "clips")
    label("--clips", clips)
    before = kept(tmp_path)
    assert Path(before[0]["audio_filepath"]).is_relative_to(clips)
    status, fake = label("--clips", clips)
    assert (status, fake.lengths) == (0, [])
    assert kept(tmp_path) == before


def test_a_manifest_keeps_to_its_settings(tmp_path: Path, label: Label, capsys: pytest.CaptureFixture[str]) -> None:
    add(tmp_path, "a.wav", utterance(0))
    assert label()[0] == 0
    assert label("--model", "large-v3", "--min-confidence", "0.7")[0] == 1
    assert "made with another --model and --min-confidence; give the same again" in capsys.readouterr().err


def test_labels_are_in_the_language_that_is_named(tmp_path: Path, label: Label) -> None:
    add(tmp_path, "a.wav", utterance(0))
    assert label("--language", "it", "--model", "small")[0] == 0
    assert kept(tmp_path)[0]["language"] == "it"


def test_a_mistaken_setting_may_be_mended_as_long_as_nothing_is_labelled(tmp_path: Path, label: Label) -> None:
    add(tmp_path, "a.wav", utterance(0))
    assert label("--model", "smal.en", until=0)[0] == 130
    assert label("--model", "small.en")[0] == 0


def test_a_manifest_made_by_others_is_left_alone(
    tmp_path: Path, label: Label, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tmp_path, "a.wav", utterance(0))
    other = tmp_path / "out" / "labels.jsonl"
    other.parent.mkdir()
    other.write_text("{}\n")
    assert label()[0] == 1
    assert "was not made by this command" in capsys.readouterr().err
    assert other.read_text() == "{}\n"


def test_two_runs_do_not_write_one_manifest(tmp_path: Path, label: Label, capsys: pytest.CaptureFixture[str]) -> None:
    add(tmp_path, "a.wav", utterance(0))
    statuses = []

    def start_another(samples: np.ndarray) -> Heard:
        statuses.append(label()[0])
        return plausible(samples)

    assert label(hear=start_another)[0] == 0
    assert statuses == [1]
    assert "Another run is writing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("nowhere",), "nowhere does not exist"),
        ((str(DATA.parent / "stack"),), "There is no recording in"),
        (("--labels", str(ROOT / "training/configs/keywords.yaml")), "trains a keyword model"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    tmp_path: Path, label: Label, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    add(tmp_path, "a.wav", utterance(0))
    assert label(*options)[0] == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said


@pytest.mark.parametrize(
    "options", [("--min-confidence", "60"), ("--max-disagreement", "-1"), ("--model", "models/asr.onnx")]
)
def test_options_that_make_no_sense_are_refused(label: Label, options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        label(*options)


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("no no no", False),
        ("no no no no", True),
        ("thank you thank you", False),
        ("and thank you thank you thank you", True),
        ("i am going to i am going to i am going to go", True),
        ("the cat and the dog and the cow", False),
        ("", False),
    ],
)
def test_repetition_is_more_of_it_than_people_say(text: str, repeats: bool) -> None:
    assert is_repetitive(text.split()) == repeats


# The recognisers


def test_without_faster_whisper_one_sentence_says_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    add(tmp_path, "a.wav", utterance(0))
    assert pseudo_label.main([str(tmp_path / "in"), "--output", str(tmp_path / "labels.jsonl")]) == 1
    assert (
        capsys.readouterr().err == "error: faster-whisper is not installed: pip install 'path/to/hark[pseudo-label]'.\n"
    )


class FakeWhisperModel:
    """faster-whisper's class as far as it is used; the folder decides what is heard."""

    def __init__(self, model: str, compute_type: str, cpu_threads: int) -> None:
        if model == "nothing":
            raise ValueError("Invalid model size 'nothing'")
        self.threads = cpu_threads
        vocabulary = {"six": 0, "Ġ6": 1, "6": 2, "%": 3, "<|0.00|>": 4, "a": 5}
        self.hf_tokenizer = SimpleNamespace(get_vocab=lambda: vocabulary)
        self.asked: dict[str, Any] = {}

    def transcribe(self, samples: np.ndarray, **options: Any) -> tuple[list[SimpleNamespace], None]:
        self.asked = options
        if not samples.any():
            return [], None
        if samples[0] > 1:
            raise RuntimeError("CUDA out of memory")
        texts = [(" Hello,", [1, 2, 3], -0.1), (" world. ", [4], -0.5)]
        return [
            SimpleNamespace(text=text, tokens=tokens, avg_logprob=p, compression_ratio=1 - p, no_speech_prob=-p)
            for text, tokens, p in texts
        ], None


@pytest.fixture
def faster_whisper(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("faster_whisper")
    module.WhisperModel = FakeWhisperModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faster_whisper", module)


@pytest.mark.usefixtures("faster_whisper")
def test_whispers_segments_become_one_text_and_their_tokens_count_alike() -> None:
    whisper = Whisper("models/tiny.en", 3)
    heard = whisper.transcribe(np.ones(10, np.float32))
    assert (whisper.name, whisper._model.threads) == ("whisper tiny.en", 3)
    assert heard.text == "Hello, world."
    assert heard.confidence == pytest.approx(np.exp(-0.2))
    assert (heard.no_speech, heard.compression) == (0.5, 1.5)
    assert whisper.transcribe(np.zeros(10, np.float32)) == Heard("", no_speech=1.0)


@pytest.mark.usefixtures("faster_whisper")
def test_whisper_must_spell_numbers_and_draws_nothing_at_random() -> None:
    whisper = Whisper("tiny.en", 1)
    whisper.transcribe(np.ones(10, np.float32))
    assert whisper._model.asked["suppress_tokens"] == [-1, 1, 2, 3]
    assert whisper._model.asked["temperature"] == 0


@pytest.mark.usefixtures("faster_whisper")
def test_whisper_is_told_the_language_and_an_english_model_knows_no_other() -> None:
    whisper = Whisper("small", 1, "pt-BR")
    whisper.transcribe(np.ones(10, np.float32))
    assert whisper._model.asked["language"] == "pt"
    with pytest.raises(
        pseudo_label.LabellingError, match=r"small\.en knows English only; name one without \.en for it"
    ):
        Whisper("small.en", 1, "it")


@pytest.mark.usefixtures("faster_whisper")
def test_a_whisper_model_that_is_not_there_or_runs_out_of_memory_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = add(tmp_path, "a.wav", utterance(0))
    words = [str(path), "--output", str(tmp_path / "labels.jsonl")]
    assert pseudo_label.main([*words, "--model", "nothing"]) == 1
    assert "The Whisper model nothing cannot be opened: Invalid model size" in capsys.readouterr().err
    with pytest.raises(pseudo_label.LabellingError, match=r"whisper tiny failed: CUDA out of memory\."):
        Whisper("tiny", 1).transcribe(np.full(10, 2, np.float32))


def test_an_exported_model_is_a_second_recogniser(speech: np.ndarray) -> None:
    hark = Hark(ROOT / "models" / "asr.onnx")
    assert hark.name.startswith("hark")
    text = hark.transcribe(speech).text
    assert len(text.split()) > 3


def test_what_is_kept_is_a_manifest_that_training_reads(tmp_path: Path, label: Label) -> None:
    add(tmp_path, "a.wav", utterance(0))
    label()
    (found,) = read_manifest(tmp_path / "out" / "labels.jsonl")
    assert found.audio_path == (tmp_path / "in" / "a.wav").resolve()
    assert found.duration_s == pytest.approx(len(utterance(0)) / RATE_HZ, abs=1e-3)
