"""Speech made of text: the same for a seed, whole after a kill, nothing lost silently, many speakers."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from hark.errors import HarkError
from tests.conftest import ROOT
from tests.patience import PATIENCE_S
from training import synthesize
from training.manifest import Utterance, read_manifest
from training.synthesis import engine as engine_module
from training.synthesis import kokoro_voices
from training.synthesis.engine import Plan, SynthesisError
from training.synthesis.espeak import Espeak
from training.synthesis.flite import Flite
from training.synthesis.hibari import Hibari
from training.synthesis.kokoro import EspeakPhonemes
from training.synthesis.sound import SAMPLE_RATE_HZ, record

LINES = [f"sentence number {number}" for number in range(12)]
STOCK = ("af_a", "af_b", "am_c", "am_d", "bf_e", "bm_f", "ff_g", "jm_h")


@dataclass
class Tone:
    """Speaks half a second of a tone; `sleep_s` is how long that takes. A line with `broken` in it fails."""

    name: str = "tone"
    license: str = "CC0-1.0"
    sleep_s: float = 0.0

    def voices(self) -> Sequence[str]:
        return ("low", "middle", "high")

    def plan(self, rng: random.Random, voices: Sequence[str]) -> Plan:
        warp = engine_module.draw_factor(rng, 0.8, 1.2)
        return Plan(rng.choice(voices), rate=engine_module.draw_factor(rng, 0.8, 1.2), warp=warp)

    def speak(self, text: str, plan: Plan) -> tuple[np.ndarray, int]:
        if "broken" in text:
            raise ZeroDivisionError("no such phoneme")
        time.sleep(self.sleep_s)
        frequency_hz = {"low": 150, "middle": 200, "high": 250}[plan.voice]
        return tone(frequency_hz, 0.5 / plan.pace), 22050


def tone(frequency_hz: float, duration_s: float, rate_hz: int = 22050) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(int(duration_s * rate_hz)) / rate_hz).astype(np.float32)


@pytest.fixture(autouse=True)
def fake_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(synthesize.ENGINES, "tone", lambda *_: Tone())
    monkeypatch.setitem(synthesize.ENGINES, "other", lambda *_: Tone("other", "MIT"))


def run(
    tmp_path: Path, name: str, *options: str, lines: Sequence[str] = LINES, engines: str = "tone", workers: int = 1
) -> int:
    text = tmp_path / f"{name}.txt"
    text.write_text("\n".join(lines) + "\n")
    folder = tmp_path / name
    words = ["--text", str(text), "--output", str(folder), "--engines", engines, "--workers", str(workers), *options]
    return synthesize.main(words)


def manifest(tmp_path: Path, name: str) -> list[Utterance]:
    return read_manifest(tmp_path / name / "manifest.jsonl")


def content(tmp_path: Path, name: str) -> dict[str, bytes]:
    """All that the manifest lists, and the manifest."""
    folder = tmp_path / name
    files = {str(u.audio_path.relative_to(folder)): u.audio_path.read_bytes() for u in manifest(tmp_path, name)}
    return {**files, "manifest": (folder / "manifest.jsonl").read_bytes()}


def test_the_manifest_says_what_is_in_the_files(tmp_path: Path) -> None:
    assert run(tmp_path, "out", lines=["one  two", "", "...", "three"], engines="other") == 0
    utterances = manifest(tmp_path, "out")
    assert [(u.text, u.extra["line"]) for u in utterances] == [("one two", 1), ("three", 4)]
    for utterance in utterances:
        info = sf.info(utterance.audio_path)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (16000, 1, "FLAC", "PCM_16")
        assert utterance.duration_s == pytest.approx(info.duration, abs=1e-3)
        assert utterance.duration_s == pytest.approx(0.5 / utterance.extra["rate"], abs=0.01)
        assert utterance.extra["corpus"] == "synthetic (other)"
        assert utterance.extra["license"] == "MIT"
        assert utterance.extra["speaker"].startswith("other-")
    first = json.loads((tmp_path / "out" / "manifest.jsonl").read_text().splitlines()[0])
    assert first["audio_filepath"] == "audio/0000/0000000.flac"


def test_a_seed_gives_the_same_speech_whatever_the_number_of_workers(tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("three", 3)):
        assert run(tmp_path, name, engines="tone=2,other", workers=workers) == 0
    assert content(tmp_path, "one") == content(tmp_path, "three")
    assert run(tmp_path, "seed", "--seed", "2", engines="tone=2,other") == 0
    assert content(tmp_path, "one") != content(tmp_path, "seed")


def test_hours_stop_at_the_same_line_whatever_the_number_of_workers(tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        assert run(tmp_path, name, "--hours", "0.001", workers=workers) == 0
    assert content(tmp_path, "one") == content(tmp_path, "two")
    durations = [utterance.duration_s for utterance in manifest(tmp_path, "one")]
    assert sum(durations) >= 3.6 > sum(durations[:-1])


def test_a_plan_does_not_depend_on_what_was_planned_before() -> None:
    recipe = synthesize.Recipe([(1, "a"), (2, "b")], [synthesize.Part(Tone(), ("low", "high"), 1.0)], 5, Path())
    forwards = [recipe.plan(number)[1:] for number in range(20)]
    assert [recipe.plan(number)[1:] for number in reversed(range(20))] == forwards[::-1]
    assert len({str(plan) for plan, _ in forwards}) > 10


def test_lines_are_spoken_again_by_others_where_more_is_asked_for(tmp_path: Path) -> None:
    assert run(tmp_path, "out", "--count", "30") == 0
    utterances = manifest(tmp_path, "out")
    assert [utterance.text for utterance in utterances] == [LINES[number % 12] for number in range(30)]
    assert utterances[0].extra["speaker"] != utterances[12].extra["speaker"]


def test_count_and_shares_are_kept(tmp_path: Path) -> None:
    assert run(tmp_path, "few", "--count", "5") == 0
    assert len(manifest(tmp_path, "few")) == 5
    assert run(tmp_path, "shares", "--count", "200", engines="tone=3,other=1") == 0
    corpora = [utterance.extra["corpus"] for utterance in manifest(tmp_path, "shares")]
    assert 125 < corpora.count("synthetic (tone)") < 175


def test_more_is_added_to_what_is_there(tmp_path: Path) -> None:
    assert run(tmp_path, "out", "--count", "4") == 0
    before = {u.audio_path: u.audio_path.stat().st_mtime_ns for u in manifest(tmp_path, "out")}
    assert run(tmp_path, "out", "--count", "9") == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert run(tmp_path, "whole", "--count", "9") == 0
    assert content(tmp_path, "out") == content(tmp_path, "whole")


_KILLED = """
import sys
from tests.training.test_synthesize import Tone
from training import synthesize
synthesize.ENGINES["tone"] = lambda *_: Tone(sleep_s=0.1)
if __name__ == "__main__":
    sys.exit(synthesize.main(sys.argv[1:]))
"""


def test_a_killed_run_goes_on_where_it_was_and_leaves_no_worker(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    lines, folder = [f"line {number}" for number in range(60)], tmp_path / "out"
    (tmp_path / "out.txt").write_text("\n".join(lines) + "\n")
    command = [sys.executable, str(script), "--text", str(tmp_path / "out.txt"), "--output", str(folder)]
    command += ["--engines", "tone", "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        deadline = time.monotonic() + PATIENCE_S
        while len(list(folder.rglob("*.flac"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.communicate(timeout=PATIENCE_S)  # returns once no worker holds the pipe
    made = {path: path.stat().st_mtime_ns for path in folder.rglob("*.flac")}
    assert 3 <= len(made) < len(lines)
    half = folder / "audio" / "0000" / "0000059.part"
    half.write_bytes(b"half")

    assert run(tmp_path, "out", lines=lines) == 0
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert not list(folder.rglob("*.part"))
    assert run(tmp_path, "whole", lines=lines) == 0
    assert content(tmp_path, "out") == content(tmp_path, "whole")


def test_a_broken_file_is_made_again(tmp_path: Path) -> None:
    assert run(tmp_path, "out") == 0
    whole = content(tmp_path, "out")
    manifest(tmp_path, "out")[3].audio_path.write_bytes(b"fLaC")
    assert run(tmp_path, "out") == 0
    assert content(tmp_path, "out") == whole


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"options": ("--seed", "2")}, "seed"),
        ({"lines": [*LINES, "one more"]}, "text"),
        ({"engines": "tone=2,other"}, "engines and voices"),
        ({"options": ("--voices", "low")}, "voices"),
    ],
)
def test_a_folder_does_not_mix_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, tuple[str, ...]], named: str
) -> None:
    assert run(tmp_path, "out") == 0
    options = change.pop("options", ())
    assert run(tmp_path, "out", *options, **change) == 1  # type: ignore[arg-type]
    assert f"has speech made with other {named};" in capsys.readouterr().err


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert run(tmp_path, "out") == 1
    assert "has other files" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_line_that_fails_is_reported_counted_and_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    lines = ["one", "two broken", "three"]
    assert run(tmp_path, "out", lines=lines, workers=workers) == 0
    errors = capsys.readouterr().err
    assert "line 2: tone failed: ZeroDivisionError: no such phoneme" in errors
    assert "1 failed" in errors
    row = json.loads((tmp_path / "out" / "failed.jsonl").read_text())
    assert row == {
        "line": 2,
        "text": "two broken",
        "engine": "tone",
        "failure": "ZeroDivisionError: no such phoneme",
    }
    assert [utterance.text for utterance in manifest(tmp_path, "out")] == ["one", "three"]

    monkeypatch.setattr(Tone, "speak", lambda *_: (tone(200, 0.5), 22050))
    assert run(tmp_path, "out", lines=lines) == 0
    assert [utterance.text for utterance in manifest(tmp_path, "out")] == lines
    assert not (tmp_path / "out" / "failed.jsonl").exists()


@pytest.mark.parametrize("options", [(), ("--hours", "1")])
def test_a_run_in_which_every_line_fails_ends_with_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert run(tmp_path, "out", *options, lines=["broken", "broken too"]) == 1
    assert "No line could be spoken; the first one failed: ZeroDivisionError" in capsys.readouterr().err
    assert len((tmp_path / "out" / "failed.jsonl").read_text().splitlines()) == 2


def test_voices_can_be_chosen(tmp_path: Path) -> None:
    assert run(tmp_path, "out", "--voices", "low, high", "--count", "40") == 0
    voices = {utterance.extra["speaker"].split("-")[1] for utterance in manifest(tmp_path, "out")}
    assert voices == {"low", "high"}


@pytest.mark.parametrize(
    ("engines", "options", "message"),
    [
        ("loud", (), "There is no engine 'loud'; there are kokoro, hibari, flite, piper, espeak"),
        ("tone,tone=2", (), "The engine tone is named twice."),
        ("tone=0", (), "The share of tone must be a number above 0, not '0'."),
        ("tone=much", (), "The share of tone must be a number above 0, not 'much'."),
        (" , ", (), "Name an engine; there are kokoro"),
        ("tone", ("--voices", "low,bass"), "No engine has the voice 'bass'; tone has low, middle, high."),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], engines: str, options: tuple[str, ...], message: str
) -> None:
    assert run(tmp_path, "out", *options, engines=engines) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--count", "--hours", "--workers"])
def test_an_amount_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "out", option, "0")
    assert f"{option} must be above 0" in capsys.readouterr().err


def test_a_text_without_a_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n ... \n\n")
    with pytest.raises(SynthesisError, match=r"empty\.txt has no line to speak"):
        synthesize.read_lines(tmp_path / "empty.txt")
    with pytest.raises(SynthesisError, match=r"none\.txt cannot be read"):
        synthesize.read_lines(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(SynthesisError, match=r"latin\.txt cannot be read"):
        synthesize.read_lines(tmp_path / "latin.txt")


def test_every_missing_engine_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine_module, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(tmp_path, "out", engines="kokoro,hibari,piper,flite,espeak,tone") == 1
    errors = capsys.readouterr().err
    for name in ("kokoro", "hibari", "piper"):
        assert f"The engine {name} is not installed: pip install 'path/to/hark[synthesize]'" in errors
    assert "The engine flite is not installed: apt-get install flite " in errors
    assert "The engine espeak is not installed: apt-get install espeak-ng " in errors
    assert not (tmp_path / "out").exists()


def test_missing_kokoro_voices_are_answered_with_the_command_that_gets_them(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match=r"npm pack kokoro-js@.* --kokoro-voices") as caught:
        kokoro_voices.stock_voices(tmp_path)
    assert str(tmp_path) in str(caught.value)


def made_up_voices(folder: Path) -> Path:
    for seed, name in enumerate((*STOCK, "af_nicole", "zf_xiaoni")):
        values = np.random.default_rng(seed).normal(size=(510, 256))
        values.astype(np.float32).tofile(folder / f"{name}.bin")
    return folder


def test_kokoro_draws_hundreds_of_speakers_from_a_few_voices(tmp_path: Path) -> None:
    folder = made_up_voices(tmp_path)
    voices = kokoro_voices.stock_voices(folder)
    assert voices == STOCK
    plans = [kokoro_voices.draw_speaker(random.Random(seed), voices) for seed in range(600)]
    assert plans[:50] == [kokoro_voices.draw_speaker(random.Random(seed), voices) for seed in range(50)]
    assert len({plan.speaker for plan in plans}) > 400
    made = {plan.voice: plan for plan in plans if "-" in plan.voice}
    styles = np.concatenate([kokoro_voices.speaker_style(folder, plan, 40) for plan in made.values()])
    assert styles.shape == (len(made), 256)
    assert styles.dtype == np.float32
    distances = np.linalg.norm(styles[:, None] - styles[None], axis=-1) + 1e3 * np.eye(len(styles))
    assert distances.min() > 1  # stock voices here are about 20 apart
    kinds = {kind: sum(plan.voice.startswith(kind) for plan in plans) / len(plans) for kind in ("blend", "drawn")}
    assert kinds == {"blend": pytest.approx(0.2, abs=0.06), "drawn": pytest.approx(0.5, abs=0.06)}
    assert 0.2 < np.mean([plan.settings["british"] for plan in plans]) < 0.5  # two of six English voices


def test_a_kokoro_speaker_keeps_to_the_voices_given(tmp_path: Path) -> None:
    for seed in range(50):
        plan = kokoro_voices.draw_speaker(random.Random(seed), ["bf_e"])
        assert plan.settings == {"timbre": {"bf_e": 1.0}, "prosody": {"bf_e": 1.0}, "british": True}
        pair = kokoro_voices.draw_speaker(random.Random(seed), ["af_a", "jm_h"])
        assert {*pair.settings["timbre"], *pair.settings["prosody"]} <= {"af_a", "jm_h"}
        assert not pair.settings["british"]


class Scripted(random.Random):
    """Gives the numbers it is made with."""

    def __init__(self, *numbers: float) -> None:
        super().__init__(0)
        self.numbers = list(numbers)

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return mu + sigma * self.numbers.pop(0)

    def random(self) -> float:
        return self.numbers.pop(0)


def test_weights_are_as_computed_by_hand() -> None:
    # two voices, g = 1 and -1: 1/2 + (1 - 0) / sqrt(1) and 1/2 + (-1 - 0) / sqrt(1)
    assert kokoro_voices.gaussian_weights(["a", "b"], Scripted(1, -1)) == {"a": 1.5, "b": -0.5}
    assert kokoro_voices.gaussian_weights(["a", "b"], Scripted(1, -1), 0.5) == {"a": 1.0, "b": 0.0}
    # five voices, g = 4, -1, -1, -1, -1: 1/5 + 4 / 2 and 1/5 - 1 / 2
    five = kokoro_voices.gaussian_weights(list("abcde"), Scripted(4, -1, -1, -1, -1))
    assert five == pytest.approx({"a": 2.2, "b": -0.3, "c": -0.3, "d": -0.3, "e": -0.3})
    # shares of 0.6 and 0.2
    assert kokoro_voices.convex_weights(["a", "b"], Scripted(0.45, 0.05)) == pytest.approx({"a": 0.75, "b": 0.25})


def test_a_blend_is_as_computed_by_hand() -> None:
    vectors = {"a": np.full((2, 256), 1.0, np.float32), "b": np.full((2, 256), 3.0, np.float32)}
    mixed = kokoro_voices.blend(vectors, {"a": 0.25, "b": 0.75}, {"a": 1.5, "b": -0.5})
    assert mixed.shape == (2, 256)
    assert (mixed[:, :128] == 2.5).all()
    assert (mixed[:, 128:] == 0).all()


def test_drawn_weights_have_the_mean_and_covariance_of_the_voices() -> None:
    voices = {name: np.random.default_rng(i).normal(i, 1, 3) for i, name in enumerate("abcdef")}
    stock = np.stack(list(voices.values()))
    rng = random.Random(0)
    drawn = [kokoro_voices.gaussian_weights(list(voices), rng) for _ in range(20000)]
    samples = np.array([sum(weight * voices[name] for name, weight in weights.items()) for weights in drawn])
    np.testing.assert_allclose(samples.mean(0), stock.mean(0), atol=0.1)
    np.testing.assert_allclose(np.cov(samples.T), np.cov(stock.T), atol=0.2)


def test_a_file_that_is_no_voice_is_named(tmp_path: Path) -> None:
    np.zeros(7, np.float32).tofile(tmp_path / "af_short.bin")
    with pytest.raises(SynthesisError, match=r"af_short\.bin is no Kokoro voice: it holds 7 numbers"):
        kokoro_voices.read_voice(tmp_path / "af_short.bin")


@pytest.mark.parametrize("warp", [0.85, 1.0, 1.2])
def test_the_warp_moves_frequencies_and_length(warp: float) -> None:
    speech = record(tone(400, 2.0), 22050, warp, 0.5)
    assert len(speech) / SAMPLE_RATE_HZ == pytest.approx(2.0 / warp, abs=0.01)
    spectrum = np.abs(np.fft.rfft(speech * np.hanning(len(speech)), 16 * len(speech)))
    assert np.argmax(spectrum) / len(speech) / 16 * SAMPLE_RATE_HZ == pytest.approx(400 * warp, rel=0.005)
    assert np.abs(speech).max() == pytest.approx(0.5, abs=1e-6)


def test_silence_around_speech_is_cut_short() -> None:
    silence = np.zeros(22050, np.float32)
    speech = record(np.concatenate([silence, tone(200, 1.0), silence]), 22050, 1.0, 0.9)
    assert len(speech) / SAMPLE_RATE_HZ == pytest.approx(1.3, abs=0.02)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), "silent"),
        (np.zeros(9000), "silent"),
        (np.full(9000, np.nan), "not numbers"),
        (tone(200, 0.05), "less than"),
    ],
)
def test_speech_that_is_none_is_a_failure(samples: np.ndarray, message: str) -> None:
    with pytest.raises(SynthesisError, match=message):
        record(samples, 22050, 1.0, 0.5)


def stub(folder: Path, name: str, listing: str) -> None:
    """A program that lists voices, and otherwise writes a WAV file and notes what it was asked."""
    speech = folder / "speech.wav"
    sf.write(speech, tone(200, 0.5), 22050)
    (folder / name).write_text(
        f"#!{sys.executable}\n"
        "import shutil, sys\n"
        "words = sys.argv[1:]\n"
        "if '-lv' in words or words[0].startswith('--voices'):\n"
        f"    print({listing!r}, end='')\n"
        "elif 'broken' in open(words[words.index('-f') + 1]).read():\n"
        "    sys.exit('cannot say that')\n"
        "else:\n"
        f"    shutil.copy({str(speech)!r}, words[-1])\n"
        f"    open({str(folder / 'asked')!r}, 'w').write(' '.join(words[:-1]))\n"
    )
    (folder / name).chmod(0o755)


def test_programs_are_asked_for_the_plan_and_answered_for_their_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(tmp_path, "flite", "Voices available: kal awb_time kal16 slt \n")
    row = "5  {0}  --/M  Name  {1}  (en 5)\n"
    rows = [("en-us", "gmw/en-US"), ("en", "mb/mb-de1-en"), ("variant", "!v/f1"), ("variant", "!v/whisper")]
    stub(tmp_path, "espeak-ng", "Pty Language Age/Gender VoiceName File\n" + "".join(row.format(*r) for r in rows))
    monkeypatch.setenv("PATH", str(tmp_path))
    flite = Flite()
    assert flite.voices() == ("slt", "kal16")
    samples, rate_hz = flite.speak("--help yourself", Plan("slt", rate=1.2, pitch=1.1, warp=0.96))
    assert (len(samples), rate_hz) == (11025, 22050)
    asked = (tmp_path / "asked").read_text()
    assert "-voice slt --setf duration_stretch=0.800 --setf f0_shift=1.1 -f " in asked
    assert "--help" not in asked
    with pytest.raises(SynthesisError, match="flite failed: cannot say that"):
        flite.speak("broken", Plan("slt"))
    assert {flite.plan(random.Random(seed), flite.voices()).voice for seed in range(20)} == {"slt", "kal16"}
    shutil.copy(tmp_path / "espeak-ng", tmp_path / "espeak")
    espeak = Espeak()
    assert "en-us+f1" in espeak.voices()
    assert not any("whisper" in voice or voice.startswith(("variant", "en+")) for voice in espeak.voices())
    espeak.speak("hello", Plan("en-us+f1", rate=0.5, pitch=1.2))
    assert (tmp_path / "asked").read_text().startswith("-v en-us+f1 -s 80 -p 60 -f ")


def test_a_real_engine_makes_plausible_speech_twice_the_same(tmp_path: Path) -> None:
    line = "The train to the coast leaves at nine in the morning."
    for name in ("one", "two"):
        assert run(tmp_path, name, "--count", "2", lines=[line], engines="hibari") == 0
    assert content(tmp_path, "one") == content(tmp_path, "two")
    for utterance in manifest(tmp_path, "one"):
        samples, rate_hz = sf.read(utterance.audio_path)
        assert rate_hz == 16000
        assert 2 < utterance.duration_s < 5
        assert 0.09 < np.abs(samples).max() < 0.96
        assert np.sqrt(np.mean(samples**2)) > 0.03 * np.abs(samples).max()
    assert len({utterance.extra["rate"] for utterance in manifest(tmp_path, "one")}) == 2


def test_hibari_has_many_speakers_for_one_voice() -> None:
    engine = Hibari()
    plans = [engine.plan(random.Random(seed), engine.voices()) for seed in range(300)]
    assert len({plan.speaker for plan in plans}) > 30
    assert all(0.5 < plan.pace < 2 for plan in plans)


def test_kokoro_speaks_a_language_of_few_voices_with_its_prosody_and_all_timbres() -> None:
    voices = (*STOCK, "if_sara", "im_nicola")
    plans = [kokoro_voices.draw_speaker(random.Random(seed), voices, ("i",)) for seed in range(300)]
    assert len({plan.speaker for plan in plans}) > 200
    for plan in plans:
        assert sum(plan.settings["prosody"].values()) == pytest.approx(1)
        assert not plan.settings["british"]
    stock = [plan for plan in plans if plan.voice in voices]
    assert {plan.voice for plan in stock} == {"if_sara", "im_nicola"}
    drawn = [plan for plan in plans if plan not in stock]
    assert any(set(plan.settings["timbre"]) - {"if_sara", "im_nicola"} for plan in drawn)
    native = [max(plan.settings["prosody"].get(name, 0) for name in ("if_sara", "im_nicola")) for plan in drawn]
    assert sum(weight > 0.4 for weight in native) > 0.9 * len(drawn)


def test_a_held_out_voice_is_in_no_plan_for_training() -> None:
    training = [voice for voice in (*STOCK, "if_sara", "im_nicola") if voice not in ("im_nicola", "af_b", "am_d")]
    for seed in range(100):
        plan = kokoro_voices.draw_speaker(random.Random(seed), training, ("i",))
        assert not {"im_nicola", "af_b", "am_d"} & {*plan.settings["timbre"], *plan.settings["prosody"]}


@pytest.mark.parametrize("engine", ["hibari", "flite", "piper"])
def test_engines_that_speak_english_alone_say_so(
    engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "out", "--language", "it", engines=engine) == 1
    assert f"The engine {engine} speaks English, not it: leave it out of --engines." in capsys.readouterr().err


def test_kokoro_says_which_languages_it_speaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "out", "--language", "ka", engines="kokoro") == 1
    assert "The engine kokoro speaks en, es, fr, hi, it, pt, not ka" in capsys.readouterr().err


def test_the_manifest_says_which_language_is_spoken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "out", "--language", "Italian", "--count", "2") == 0
    assert [utterance.extra["language"] for utterance in manifest(tmp_path, "out")] == ["it", "it"]
    assert run(tmp_path, "out", "--count", "2") == 1  # the folder has another language's speech
    assert "has speech made with other language" in capsys.readouterr().err
    assert run(tmp_path, "english", "--count", "2") == 0
    assert "language" not in manifest(tmp_path, "english")[0].extra


def test_kokoro_reads_other_languages_with_espeaks_phonemes_and_the_marks_of_the_text(tmp_path: Path) -> None:
    # Says what it is given in place of phonemes, but for two.
    program = tmp_path / "espeak-ng"
    program.write_text(
        '#!/bin/sh\nfor last; do :; done\necho "$@" >> "$0.asked"\nprintf "%s t^s(en)a^\\311\\252-\\n" "$last"\n'
    )
    program.chmod(0o755)
    phonemes = EspeakPhonemes(str(program), "pt-BR")("¿Bom dia, tudo? - bem!", Plan("x"))
    assert phonemes == "¿ Bom dia \u02a6I, tudo \u02a6I? bem \u02a6I!"
    assert "-v pt-br" in (tmp_path / "espeak-ng.asked").read_text()


def test_errors_are_harks() -> None:
    assert issubclass(SynthesisError, HarkError)
