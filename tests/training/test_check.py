"""The manifest check: each kind of finding where it is due and nowhere else, with its line; the exit status says it."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch

from training import audio_facts as audio_facts_module
from training.audio_facts import AudioFacts, audio_facts
from training.check import main
from training.config import Config, model_spec
from training.config_files import load_config
from training.features import LogMel
from training.findings import frames_needed, output_frames
from training.lengths import output_lengths
from training.manifest import read_manifest
from training.text import encode

RATE_HZ = 16000
SECONDS = 2.0


def noise(seconds: float = SECONDS, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0, level, round(seconds * RATE_HZ)), -0.9, 0.9).astype(np.float32)


class Corpus:
    """A folder of recordings and the lines that make manifests of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    def line(self, samples: np.ndarray | None = None, suffix: str = ".wav", **changes: Any) -> dict[str, Any]:
        """Writes a recording unlike all others, or the given one, and returns a line that is right but for changes."""
        self.made += 1
        name = f"{self.made}{suffix}"
        samples = noise(seed=self.made) if samples is None else samples
        sf.write(self.folder / name, samples, RATE_HZ)
        words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")[self.made % 10]
        return {
            "audio_filepath": name,
            "duration": len(samples) / RATE_HZ,
            "text": f"{words} of them {'again ' * (self.made // 10)}",
            "speaker": f"speaker {self.made}",
            **changes,
        }

    def manifest(self, *lines: dict[str, Any], name: str = "m.jsonl") -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)


def check(*arguments: str | Path, status: int) -> list[tuple[str, str, str, int]]:
    """Runs the command line; returns (severity, kind, manifest's name, line) of what it found."""
    report = Path(arguments[0]).parent / "report.json"
    assert main([*map(str, arguments), "--json", str(report)]) == status
    findings = json.loads(report.read_text("utf-8"))["findings"]
    return [(f["severity"], f["kind"], Path(f["manifest"]).name, f["line"]) for f in findings]


def messages(folder: Path) -> list[str]:
    return [finding["message"] for finding in json.loads((folder / "report.json").read_text("utf-8"))["findings"]]


def test_nothing_is_found_in_a_good_manifest(corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = corpus.manifest(*(corpus.line(suffix=suffix) for suffix in (".wav", ".flac", ".mp3", ".ogg")))
    other = corpus.manifest(corpus.line(), name="dev.jsonl")
    assert check(manifest, "--against", other, status=0) == []
    assert capsys.readouterr().out == "Nothing is wrong.\n4 lines, 0.00 h: 0 errors, 0 warnings\n"


def test_missing_and_unreadable_files_are_errors(corpus: Corpus) -> None:
    lines = [corpus.line() for _ in range(5)]
    (corpus.folder / "2.wav").unlink()
    (corpus.folder / "3.wav").write_bytes(b"nothing")
    (corpus.folder / "4.wav").write_bytes((corpus.folder / "4.wav").read_bytes()[:20000])
    (corpus.folder / "5.wav").write_bytes(b"")
    assert check(corpus.manifest(*lines), status=1) == [
        ("error", "missing file", "m.jsonl", 2),
        *(("error", "unreadable audio", "m.jsonl", n) for n in (3, 4, 5)),
    ]
    said = messages(corpus.folder)
    assert said[0] == f"{corpus.folder / '2.wav'}: The file is missing."
    assert said[1].startswith(f"{corpus.folder / '3.wav'}: The audio cannot be decoded")
    assert "cut short" in said[2]
    assert "is empty" in said[3]


def test_a_folder_in_place_of_a_recording_is_missing(corpus: Corpus) -> None:
    line = corpus.line()
    (corpus.folder / "1.wav").unlink()
    (corpus.folder / "1.wav").mkdir()
    assert check(corpus.manifest(line), status=1) == [("error", "missing file", "m.jsonl", 1)]


def test_durations_are_compared_with_what_was_decoded_within_the_tolerance(corpus: Corpus) -> None:
    manifest = corpus.manifest(
        corpus.line(duration=SECONDS + 0.09), corpus.line(duration=SECONDS + 0.11), corpus.line(duration=SECONDS - 0.11)
    )
    wrong = ("error", "wrong duration", "m.jsonl")
    assert check(manifest, status=1) == [(*wrong, 2), (*wrong, 3)]
    assert messages(corpus.folder)[0] == "The manifest says 2.110 s, the file has 2.000 s."
    assert check(manifest, "--duration-tolerance", "0.2", status=0) == []
    assert check(manifest, "--duration-tolerance", "0.05", status=1) == [(*wrong, 1), (*wrong, 2), (*wrong, 3)]


@pytest.mark.parametrize("text", ["", "  ", "... --!"])
def test_a_text_with_nothing_to_speak_is_an_error(corpus: Corpus, text: str) -> None:
    assert check(corpus.manifest(corpus.line(text=text)), status=1) == [("error", "empty text", "m.jsonl", 1)]
    assert messages(corpus.folder) == [f"No words are left of {text!r}."]


def test_only_characters_that_normalisation_leaves_outside_the_alphabet_are_errors(corpus: Corpus) -> None:
    manifest = corpus.manifest(corpus.line(text="Café, 12!"), corpus.line(text="да и нет"))
    assert check(manifest, status=1) == [("error", "unknown characters", "m.jsonl", 2)]
    assert messages(corpus.folder) == ["The model has no label for а д е и н т in 'да и нет'."]


def test_the_alphabet_is_that_of_the_config(corpus: Corpus) -> None:
    config = corpus.folder / "config.yaml"
    config.write_text('name: x\ndata: {dev: dev.jsonl}\nlabels: ["", " ", "а", "д"]\n')
    manifest = corpus.manifest(corpus.line(text="да"), corpus.line(text="yes"))
    assert ("error", "unknown characters", "m.jsonl", 2) in check(manifest, "--labels", config, status=1)
    assert messages(corpus.folder)[0] == "The model has no label for e s y in 'yes'."


def test_speaking_rates_are_judged_on_the_normalised_text(corpus: Corpus) -> None:
    manifest = corpus.manifest(
        corpus.line(text="ab" * 25),  # 25 a second: fast, but it can be said, and fits 25 frames a second
        corpus.line(text="ab" * 31),
        corpus.line(text="a!?!?!"),
        corpus.line(text="ab"),
    )
    assert check(manifest, status=1) == [
        ("error", "impossible speaking rate", "m.jsonl", 2),
        ("error", "too short for CTC", "m.jsonl", 2),
        ("warning", "slow speech", "m.jsonl", 3),
    ]
    assert messages(corpus.folder)[0] == "62 characters in 2.00 s are 31.0 a second; nobody speaks faster than 30."
    assert messages(corpus.folder)[2] == "1 characters in 2.00 s are 0.5 a second; words may be missing."


def test_texts_that_do_not_fit_the_output_frames_are_errors_of_that_model(corpus: Corpus) -> None:
    # Two seconds are 201 input frames and 51 output frames.
    manifest = corpus.manifest(
        corpus.line(text="ab" * 25 + "a"), corpus.line(text="ab" * 26), corpus.line(text="ab" * 25 + "b")
    )
    too_short = ("error", "too short for CTC", "m.jsonl")
    assert check(manifest, status=1) == [(*too_short, 2), (*too_short, 3)]
    assert messages(corpus.folder) == ["The model has 51 output frames for it, the text needs 52."] * 2
    config = corpus.folder / "config.yaml"
    config.write_text("name: x\ndata: {dev: dev.jsonl}\nmodel: {conv_strides: [[2, 2]]}\n")
    assert check(manifest, "--labels", config, status=0) == []


@pytest.mark.parametrize("config_name", ["base", "small", "seed"])
@pytest.mark.parametrize("samples", [1, 100, 400, 401, 1599, 1600, 16000, 24123, 123456])
def test_the_output_frames_are_those_the_model_makes(config_name: str, samples: int) -> None:
    config = load_config(f"training/configs/{config_name}.yaml")
    rate_hz = config.features.sample_rate_hz
    log_mel = LogMel(model_spec(config))(torch.zeros(samples))
    expected = output_lengths(torch.tensor([len(log_mel)]), config.model).tolist()
    assert output_frames([samples / rate_hz], config) == expected


@pytest.mark.parametrize("text", ["ab", "aa", "hello", "aaa b", "bookkeeper"])
def test_ctc_has_a_loss_exactly_from_the_frames_needed_on(text: str) -> None:
    labels = Config().labels
    target = torch.tensor([encode(text, labels)])

    def loss(frames: int) -> float:
        log_probs = torch.zeros(frames, 1, len(labels)).log_softmax(-1)
        lengths = torch.tensor([frames]), torch.tensor([len(text)])
        return torch.nn.functional.ctc_loss(log_probs, target, *lengths).item()

    assert np.isfinite(loss(frames_needed(text)))
    assert np.isinf(loss(frames_needed(text) - 1))


def test_silence_is_an_error_and_quiet_speech_is_not(corpus: Corpus) -> None:
    dither = np.random.default_rng(1).uniform(-2, 2, 32000).astype(np.float32) / 32768
    manifest = corpus.manifest(
        corpus.line(np.zeros(32000, np.float32)), corpus.line(dither), corpus.line(noise(level=0.003))
    )
    silent = ("error", "silent audio", "m.jsonl")
    assert check(manifest, status=1) == [(*silent, 1), (*silent, 2)]


def test_clipping_is_a_warning_and_a_full_scale_peak_is_not(corpus: Corpus) -> None:
    peaked = noise()
    peaked[1000:1010] = 1.0
    manifest = corpus.manifest(
        corpus.line(np.clip(noise(level=0.1) * 10, -1, 1)), corpus.line(peaked), corpus.line(noise(level=0.3))
    )
    assert check(manifest, status=0) == [("warning", "clipped audio", "m.jsonl", 1)]
    assert messages(corpus.folder)[0].endswith("% of the samples are at full scale.")


def test_the_same_audio_is_found_under_other_names_formats_and_tags(corpus: Corpus) -> None:
    first = corpus.line(suffix=".wav")
    samples, _ = sf.read(corpus.folder / "1.wav", dtype="float32")
    stereo = np.stack([samples, samples], axis=1)
    copies = [corpus.line(what, suffix, text=first["text"]) for what, suffix in ((samples, ".flac"), (stereo, ".wav"))]
    copies[1]["duration"] = SECONDS
    assert check(corpus.manifest(first, corpus.line(), *copies), status=1) == [
        ("error", "duplicate audio", "m.jsonl", 3),
        ("error", "duplicate audio", "m.jsonl", 4),
    ]
    assert messages(corpus.folder) == [f"{corpus.folder / 'm.jsonl'}:1 has the same audio."] * 2


def test_the_same_samples_at_another_rate_are_other_audio(tmp_path: Path) -> None:
    for rate_hz in (8000, 16000):
        sf.write(tmp_path / f"{rate_hz}.wav", noise(), rate_hz)
    facts = audio_facts([tmp_path / "8000.wav", tmp_path / "16000.wav"])
    slow, fast = (facts[tmp_path / f"{rate_hz}.wav"] for rate_hz in (8000, 16000))
    assert isinstance(slow, AudioFacts)
    assert isinstance(fast, AudioFacts)
    assert slow.digest != fast.digest
    assert (slow.duration_s, fast.duration_s) == (2 * SECONDS, SECONDS)


def test_duplicate_lines_are_errors_but_for_the_first(corpus: Corpus) -> None:
    line, other = corpus.line(), corpus.line()
    dotted = {**line, "audio_filepath": "./" + line["audio_filepath"], "text": line["text"].upper()}
    assert check(corpus.manifest(line, other, line, dotted), status=1) == [
        ("error", "duplicate line", "m.jsonl", 3),
        ("error", "duplicate line", "m.jsonl", 4),
    ]
    assert messages(corpus.folder) == [f"{corpus.folder / 'm.jsonl'}:1 says the same."] * 2


def test_duplicate_lines_are_found_where_the_file_is_missing(corpus: Corpus) -> None:
    line = corpus.line()
    (corpus.folder / "1.wav").unlink()
    kinds = [kind for _, kind, _, _ in check(corpus.manifest(line, line), status=1)]
    assert kinds == ["missing file", "missing file", "duplicate line"]


def test_the_same_audio_with_two_texts_is_an_error_of_every_line_that_has_it(corpus: Corpus) -> None:
    line = corpus.line()
    manifest = corpus.manifest(line, corpus.line(), {**line, "text": "quite another"}, line)
    contradiction = ("error", "same audio, other text", "m.jsonl")
    assert check(manifest, status=1) == [(*contradiction, 1), (*contradiction, 3), (*contradiction, 4)]
    assert messages(corpus.folder)[0] == f"{manifest}:3 has the same audio with another text: 'quite another'."


def test_manifests_are_checked_as_one_set(corpus: Corpus) -> None:
    line = corpus.line()
    first = corpus.manifest(corpus.line(), line)
    second = corpus.manifest(line, name="n.jsonl")
    assert check(first, second, status=1) == [("error", "duplicate audio", "n.jsonl", 1)]


def test_shared_audio_and_speakers_are_errors_and_shared_texts_warnings(corpus: Corpus) -> None:
    ann, bob, carol = corpus.line(), corpus.line(), corpus.line()
    first = corpus.manifest(corpus.line(), ann, bob, carol)
    sf.write(corpus.folder / "copy.flac", sf.read(corpus.folder / ann["audio_filepath"])[0], RATE_HZ)
    dev = corpus.manifest(
        {**ann, "audio_filepath": "copy.flac", "speaker": "another", "text": "other words"},
        corpus.line(speaker=bob["speaker"]),
        corpus.line(text=carol["text"].upper()),
        name="dev.jsonl",
    )
    assert check(first, "--against", dev, status=1) == [
        ("error", "audio of another split", "m.jsonl", 2),
        ("error", "speaker of another split", "m.jsonl", 3),
        ("warning", "text of another split", "m.jsonl", 4),
    ]
    assert messages(corpus.folder) == [
        f"{dev}:1 has the same audio.",
        f"{bob['speaker']} speaks in {dev}:2 too.",
        f"{dev}:3 has the same text: {carol['text'].strip()!r}.",
    ]
    assert check(corpus.manifest(carol, name="c.jsonl"), "--against", dev, status=0) == [
        ("warning", "text of another split", "c.jsonl", 1)
    ]


def test_every_manifest_to_compare_with_is_compared(corpus: Corpus) -> None:
    ann, bob = corpus.line(), corpus.line()
    splits = [
        corpus.manifest(corpus.line(speaker=who["speaker"]), name=f"{i}.jsonl") for i, who in enumerate((ann, bob))
    ]
    leak = ("error", "speaker of another split", "m.jsonl")
    assert check(corpus.manifest(ann, bob), "--against", *splits, status=1) == [(*leak, 1), (*leak, 2)]


def test_only_what_hides_a_leak_is_reported_of_the_other_split(corpus: Corpus) -> None:
    gone, twice, wrong = corpus.line(), corpus.line(), corpus.line(text="", duration=9)
    (corpus.folder / gone["audio_filepath"]).unlink()
    dev = corpus.manifest(gone, twice, twice, wrong, name="dev.jsonl")
    assert check(corpus.manifest(corpus.line()), "--against", dev, status=1) == [
        ("error", "missing file", "dev.jsonl", 1)
    ]


@pytest.mark.parametrize("nobody", [{"speaker": ""}, {"speaker": None}])
def test_lines_without_a_speaker_are_one_warning_a_manifest_where_speakers_are_compared(
    corpus: Corpus, nobody: Mapping[str, Any]
) -> None:
    lines = [corpus.line(), *(corpus.line(**nobody) for _ in range(2))]
    manifest, dev = corpus.manifest(*lines), corpus.manifest(corpus.line(**nobody), name="dev.jsonl")
    assert check(manifest, status=0) == []
    no_speaker = ("warning", "no speaker to compare")
    assert check(manifest, "--against", dev, status=0) == [(*no_speaker, "m.jsonl", 2), (*no_speaker, "dev.jsonl", 1)]
    unknown = "lines have no speaker, so nobody can tell whether splits share one."
    assert messages(corpus.folder) == [f"2 of 3 {unknown}", f"1 of 1 {unknown}"]


def test_every_recording_is_read_once(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    decode: Callable[..., Any] = audio_facts_module.decode

    def counted(data: bytes, *arguments: Any, **options: Any) -> Any:
        read.append(len(sf.read(io.BytesIO(data))[0]))
        return decode(data, *arguments, **options)

    monkeypatch.setattr(audio_facts_module, "decode", counted)
    lines = [corpus.line(noise(seconds, i)) for i, seconds in enumerate((1.0, 1.5, 2.0))]
    dev = corpus.manifest(lines[2], name="dev.jsonl")
    check(corpus.manifest(lines[0], lines[1], lines[0]), "--against", dev, status=1)
    assert sorted(read) == [16000, 24000, 32000]


def test_line_numbers_count_blank_lines(corpus: Corpus) -> None:
    manifest = corpus.manifest(corpus.line(), corpus.line(text=""))
    manifest.write_text("\n" + manifest.read_text().replace("\n", "\n\n"))
    assert check(manifest, status=1) == [("error", "empty text", "m.jsonl", 4)]


def test_the_table_counts_each_kind_and_shows_its_first_lines(
    corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = corpus.manifest(*(corpus.line(text="") for _ in range(5)), corpus.line(text="ab", duration=3))
    check(manifest, status=1)
    assert capsys.readouterr().out.splitlines() == [
        "         finding                       lines",
        "error    wrong duration                    1",
        f"    {manifest}:6: The manifest says 3.000 s, the file has 2.000 s.",
        "error    empty text                        5",
        *(f"    {manifest}:{n}: No words are left of ''." for n in (1, 2, 3)),
        "    and 2 more",
        "6 lines, 0.00 h: 6 errors, 0 warnings",
    ]


def test_the_report_has_every_finding(corpus: Corpus) -> None:
    manifest = corpus.manifest(*(corpus.line(text="") for _ in range(5)), corpus.line(text="a"))
    check(manifest, status=1)
    report = json.loads((corpus.folder / "report.json").read_text())
    assert {name: report[name] for name in ("lines", "errors", "warnings")} == {"lines": 6, "errors": 5, "warnings": 1}
    assert report["findings"][0] == {
        "severity": "error",
        "kind": "empty text",
        "manifest": str(manifest),
        "line": 1,
        "audio_filepath": str(corpus.folder / "1.wav"),
        "message": "No words are left of ''.",
    }


def test_the_clean_manifest_has_the_lines_without_errors_and_passes(
    corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    good, slow, wrong = corpus.line(corpus="mine"), corpus.line(text="a"), corpus.line(text="")
    manifest = corpus.manifest(wrong, good, good, slow)
    clean = corpus.folder / "elsewhere" / "clean.jsonl"
    check(manifest, "--write-clean", clean, status=1)
    assert capsys.readouterr().out.splitlines()[-1] == f"{clean}: 2 of 4 lines"
    originals = read_manifest(manifest)
    kept = read_manifest(clean)
    assert [utterance.text for utterance in kept] == [originals[1].text, originals[3].text]
    assert [u.audio_path.resolve() for u in kept] == [originals[i].audio_path.resolve() for i in (1, 3)]
    assert kept[0].extra == originals[1].extra
    assert check(clean, status=0) == [("warning", "slow speech", "clean.jsonl", 1 + 1)]


def test_a_manifest_of_nothing_but_errors_has_no_clean_one(corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    clean = corpus.folder / "clean.jsonl"
    check(corpus.manifest(corpus.line(text="")), "--write-clean", clean, status=1)
    assert capsys.readouterr().err.endswith("error: Every line has an error, so no clean manifest is written.\n")
    assert not clean.exists()


def test_a_clean_manifest_is_made_of_one_manifest_only(corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = str(corpus.manifest(corpus.line()))
    with pytest.raises(SystemExit) as left:
        main([manifest, manifest, "--write-clean", "clean.jsonl"])
    assert left.value.code == 2
    assert "--write-clean takes the lines of one manifest; name one." in capsys.readouterr().err


def test_what_cannot_be_checked_is_one_sentence(corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = corpus.manifest(corpus.line())
    assert main([str(corpus.folder / "none.jsonl")]) == 1
    assert f"error: There is no manifest {corpus.folder / 'none.jsonl'};" in capsys.readouterr().err
    assert main([str(manifest), "--labels", str(corpus.folder / "none.yaml")]) == 1
    assert f"error: There is no config {corpus.folder / 'none.yaml'};" in capsys.readouterr().err
    assert main([str(manifest), "--against", str(corpus.folder / "none.jsonl")]) == 1
    assert f"error: There is no manifest {corpus.folder / 'none.jsonl'};" in capsys.readouterr().err
    manifest.write_text("{}\n")
    assert main([str(manifest)]) == 1
    assert capsys.readouterr().err == f"error: {manifest}:1 lacks the field 'audio_filepath'.\n"
