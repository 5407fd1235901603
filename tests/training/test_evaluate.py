"""Evaluation as the command prints and writes it, what it is computed from, and torchaudio's guarded import."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hark.recognizer import Recognizer
from tests.conftest import DATA, ROOT
from tests.patience import PATIENCE_S
from training import evaluate, metrics
from training.errors import ManifestError
from training.manifest import Utterance, read_manifest, write_manifest
from training.metrics import ErrorCounts, bootstrap_difference, bootstrap_wer, count_errors, error_rates
from training.report import Group, Result, aligned, as_json, as_text, make_report, worst

MANIFEST = DATA / "manifest.jsonl"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command writes about the synthesised utterances."""
    path = tmp_path_factory.mktemp("evaluation") / "report.json"
    assert evaluate.main([str(MANIFEST), "--json", str(path)]) == 0
    return json.loads(path.read_text())


def results(*rows: tuple[str, str, float, dict[str, str]]) -> list[Result]:
    """Makes results of (reference, hypothesis, seconds, further manifest fields)."""
    counts = count_errors([row[0] for row in rows], [row[1] for row in rows])
    return [
        Result(Utterance(Path(f"{i}.wav"), seconds, reference, extra), reference, hypothesis, seconds, errors)
        for i, ((reference, hypothesis, seconds, extra), errors) in enumerate(zip(rows, counts, strict=True))
    ]


MIXED = results(
    ("a b", "a b", 1.0, {"speaker": "ann", "corpus": "one"}),
    ("c", "x", 2.0, {"speaker": "ann", "corpus": "two"}),
    ("d e", "y z", 4.9, {"speaker": "bob", "corpus": "two"}),
    ("", "noise", 20.0, {"speaker": "hum"}),
    ("f g h i", "f g i j k", 15.0, {"speaker": "bob", "corpus": "one"}),
)


def one_word(wrong: bool) -> ErrorCounts:
    return ErrorCounts(words=1, substitutions=int(wrong), characters=1, character_errors=int(wrong))


def test_the_command_prints_and_writes_the_same_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    assert evaluate.main([str(MANIFEST), "--json", str(path)]) == 0
    printed, written = capsys.readouterr().out, json.loads(path.read_text())
    assert f"WER {written['wer']:.4f} ({written['words']} words)" in printed
    shown = re.search(r"^WER .*CER (0\.\d{4})", printed, re.MULTILINE)
    assert shown  # written are more digits, which may round the other way
    assert float(shown[1]) == pytest.approx(written["cer"], abs=6e-5)
    interval = re.search(r"interval of the WER: (0\.\d{4}) to (0\.\d{4}) ", printed)
    assert interval
    bounds = [written["wer_interval"][bound] for bound in ("low", "high")]
    assert [float(shown) for shown in interval.groups()] == pytest.approx(bounds, abs=6e-5)
    assert f"{written['substitutions']} substitution" in printed
    references = [row["text"] for row in written["results"]]
    hypotheses = [row["pred_text"] for row in written["results"]]
    assert error_rates(references, hypotheses).wer == pytest.approx(written["wer"], abs=1e-5)
    assert len(references) == written["utterances"] == 12


def test_the_beam_search_is_evaluated_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    arguments = [str(MANIFEST), "--decoder", "beam", "--hotwords", "Ahab, Queequeg", "--json", str(path)]
    assert evaluate.main(arguments) == 0
    assert "manifest.jsonl, beam" in capsys.readouterr().out
    assert json.loads(path.read_text())["decoder"] == "beam"


def test_a_beam_search_without_a_language_model_is_an_error_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(MANIFEST), "--decoder", "beam", "--language-model", str(tmp_path / "none.bin")]
    assert evaluate.main(arguments) == 1
    assert capsys.readouterr().err.startswith("error: There is no language model here")


@pytest.mark.parametrize(
    ("model", "default"), [("asr.onnx", "joint"), ("asr.fp16.ckpt", "joint"), ("small.fp16.ckpt", "beam")]
)
def test_without_a_language_model_decoding_is_greedy_unless_a_search_was_asked_for(
    model: str, default: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, report = tmp_path / "one.jsonl", tmp_path / "report.json"
    write_manifest(manifest, read_manifest(MANIFEST)[:1])
    arguments = [str(manifest), "--model", str(ROOT / "models" / model), "--json", str(report)]
    none = ["--language-model", str(tmp_path / "none.bin")]
    assert evaluate.main([*arguments, *none]) == 0
    printed = capsys.readouterr()
    assert f"note: There is no language model {tmp_path / 'none.bin'}; decoding is greedy.\n" in printed.err
    assert "one.jsonl, greedy" in printed.out
    assert json.loads(report.read_text())["decoder"] == "greedy"
    assert evaluate.main(arguments) == 0
    printed = capsys.readouterr()
    assert "note:" not in printed.err
    # A checkpoint with the released model's encoder is measured with its attention decoder, as it will be served.
    assert f"one.jsonl, {default}" in printed.out
    assert evaluate.main([*arguments, *none, "--hotwords", "Ahab"]) == 1


def test_the_fields_of_the_report_stay(report: dict[str, Any]) -> None:
    counts = {"words", "substitutions", "deletions", "insertions", "characters", "character_errors"}
    assert set(report) == counts | {
        "model", "decoder", "manifest", "wer", "cer", "utterances", "hours", "real_time_factor", "wer_interval",
        "by_corpus", "by_speaker", "by_length", "results", "readable_f1",
    }  # fmt: skip
    assert set(report["readable_f1"]) == {"sentence end", "comma", "question mark", "capital"}
    assert all(0 <= f1 <= 1 for f1 in report["readable_f1"].values())
    assert set(report["wer_interval"]) == {"low", "high", "level", "method", "resamples", "seed"}
    for groups in ("by_corpus", "by_speaker", "by_length"):
        for group in report[groups]:
            assert set(group) == counts | {"name", "utterances", "hours", "wer", "wer_low", "wer_high", "cer"}
    for row in report["results"]:
        assert set(row) >= counts | {"audio_filepath", "duration", "text", "pred_text", "speaker", "corpus"}
    assert report["wer_interval"]["low"] < report["wer"] < report["wer_interval"]["high"]


def test_errors_are_counted_utterance_by_utterance() -> None:
    counts = count_errors(["one two three", "", "ab cd", "same"], ["one tow three four", "a b", "", "same"])
    assert [(c.words, c.substitutions, c.deletions, c.insertions) for c in counts] == [
        (3, 1, 0, 1),
        (0, 0, 0, 2),
        (2, 0, 2, 0),
        (1, 0, 0, 0),
    ]
    assert [(c.characters, c.character_errors) for c in counts] == [(13, 7), (0, 3), (5, 5), (4, 0)]
    assert counts[1].wer is None
    assert counts[2].wer == 1.0


def test_the_interval_of_independent_words_is_the_binomial_distributions() -> None:
    wrong, words = 100, 400
    interval = bootstrap_wer([one_word(i < wrong) for i in range(words)])
    assert interval
    # With a word an utterance, a replicate's errors are binomial: draws of it give the percentiles directly.
    draws = np.random.default_rng(5).binomial(words, wrong / words, 400_000) / words
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.003)
    wider = bootstrap_wer([one_word(i < wrong) for i in range(words)], level=0.99)
    assert wider
    assert wider.low < interval.low < interval.high < wider.high


def test_the_interval_weighs_utterances_by_their_words() -> None:
    equal = [ErrorCounts(words=4 * n, substitutions=n) for n in (1, 2, 5, 20)]
    interval = bootstrap_wer(equal)
    assert interval
    assert (interval.low, interval.high) == (0.25, 0.25)  # each replicate has one error in four words


def test_the_interval_is_the_same_each_time_however_its_draws_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = [ErrorCounts(words=n, deletions=n // 3) for n in range(1, 40)]
    at_once = bootstrap_wer(counts)
    assert bootstrap_wer(counts) == at_once
    assert bootstrap_wer(counts, seed=1) != at_once
    monkeypatch.setattr(metrics, "_DRAWS_AT_ONCE", 1000)
    assert bootstrap_wer(counts) == at_once


def test_one_utterance_has_no_interval_and_silence_does_not_break_it() -> None:
    silence = ErrorCounts(insertions=1)
    assert bootstrap_wer([one_word(True)]) is None
    assert bootstrap_wer([one_word(True), silence, silence]) is None
    interval = bootstrap_wer([one_word(True), one_word(False), silence])
    assert interval
    assert np.isfinite([interval.low, interval.high]).all()


@pytest.mark.parametrize("groups", ["by_corpus", "by_speaker", "by_length"])
def test_groups_add_up_to_the_corpus(groups: str) -> None:
    report = make_report(MIXED)
    parts: list[Group] = getattr(report, groups)
    assert metrics.add_up(part.errors for part in parts) == report.total.errors
    assert sum(part.utterances for part in parts) == len(MIXED)
    assert sum(part.hours for part in parts) == pytest.approx(report.total.hours) == pytest.approx(42.9 / 3600)


def test_groups_of_the_written_report_add_up(report: dict[str, Any]) -> None:
    for groups in ("by_corpus", "by_speaker", "by_length", "results"):
        for count in ("words", "substitutions", "deletions", "insertions", "characters", "character_errors"):
            assert sum(part[count] for part in report[groups]) == report[count]
    errors = report["substitutions"] + report["deletions"] + report["insertions"]
    assert report["wer"] == pytest.approx(errors / report["words"], abs=1e-5)


def test_utterances_are_grouped_by_who_spoke_and_how_long() -> None:
    report = make_report(MIXED)
    assert [(group.name, group.errors.words) for group in report.by_speaker] == [("bob", 6), ("ann", 3), ("hum", 0)]
    assert [(group.name, group.utterances) for group in report.by_corpus] == [("one", 2), ("two", 2), ("unknown", 1)]
    assert [(group.name, group.utterances) for group in report.by_length] == [
        ("under 2 s", 1),
        ("2 to 5 s", 2),
        ("15 s or more", 2),
    ]
    assert as_json(report)["by_speaker"][2]["wer"] is None  # no words were said


def test_the_text_says_how_far_the_interval_can_be_trusted() -> None:
    assert "3 speakers: for others it is too narrow" in as_text(make_report(MIXED), 1)
    nameless = results(("a", "a", 1.0, {}), ("b", "c", 1.0, {}))
    assert "does not name all speakers" in as_text(make_report(nameless), 1)
    crowd = results(*((f"a{i}", "a1", 1.0, {"speaker": f"{i}"}) for i in range(25)))
    text = as_text(make_report(crowd), 0)
    assert "too narrow" not in text
    assert "... and 15 speakers with a lower WER" in text
    assert "no interval of the WER" in as_text(make_report(MIXED[:1]), 1)


def test_the_columns_of_a_table_line_up() -> None:
    text = as_text(make_report(MIXED), 0)
    (start,) = [i for i, line in enumerate(text.splitlines()) if line.startswith("speaker ")]
    head, *rows = text.splitlines()[start : start + 4]
    assert head.split() == ["speaker", "utterances", "hours", "words", "WER", "CER"]
    assert [row.split()[0] for row in rows] == ["bob", "ann", "hum"]  # the highest WER first
    assert rows[0].split()[1:5] == ["2", "0.006", "6", "0.8333"]
    assert rows[-1].split()[1:] == ["1", "0.006", "0", "-", "-"]
    assert {len(line) for line in rows} == {len(head)}


def test_the_worst_utterances_come_first_and_right_ones_not_at_all() -> None:
    names = [result.utterance.audio_path.name for result in worst(MIXED, 10)]
    assert names == ["4.wav", "2.wav", "1.wav", "3.wav"]
    assert len(worst(MIXED, 2)) == 2
    assert worst(MIXED, 0) == worst(MIXED, -1) == []


def test_reference_stands_over_hypothesis_word_over_word() -> None:
    (result,) = results(("call me at noon today", "cam me uh at noontime", 2.0, {}))
    assert aligned(result).splitlines() == [
        "REF: call me ** at     noon today",
        "HYP:  cam me uh at noontime *****",
        "        S     I           S     D",
    ]


def test_words_heard_in_silence_are_aligned_with_nothing() -> None:
    assert aligned(MIXED[3]).splitlines() == ["REF: *****", "HYP: noise", "         I"]


def test_long_utterances_are_aligned_over_several_lines() -> None:
    reference = " ".join(f"word{i}" for i in range(60))
    (result,) = results((reference, reference.replace("word30", "sword30"), 20.0, {}))
    lines = aligned(result).splitlines()
    assert max(map(len, lines)) <= 110
    assert " ".join(line[5:] for line in lines if line.startswith("REF: ")).split() == reference.split()


def test_a_recording_that_cannot_be_read_is_named(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"nothing")
    for name in ("bad.wav", "gone.wav"):
        with pytest.raises(ManifestError, match=name):
            evaluate.evaluate(recognizer, [Utterance(tmp_path / name, 1.0, "a")], progress=False)


def test_a_manifest_without_words_is_refused_before_anything_is_transcribed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(tmp_path / "silent.jsonl", [Utterance(tmp_path / "gone.wav", 1.0, "...")])
    assert evaluate.main([str(tmp_path / "silent.jsonl")]) == 1
    assert "nothing to compare with" in capsys.readouterr().err


def test_what_is_missing_or_broken_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(b"garbage")
    folder = tmp_path / "folder"
    folder.mkdir()
    assert evaluate.main(["nowhere.jsonl"]) == 1
    assert evaluate.main([str(MANIFEST), "--model", "nowhere.onnx"]) == 1
    assert evaluate.main([str(MANIFEST), "--model", "nowhere.ckpt"]) == 1
    assert evaluate.main([str(MANIFEST), "--json", "nowhere/report.json"]) == 1
    assert evaluate.main([str(MANIFEST), "--model", str(broken)]) == 1
    assert evaluate.main([str(MANIFEST), "--json", str(folder)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("error: ") for line in lines)
    assert all("nowhere" in line for line in lines[:4])
    assert "broken.ckpt" in lines[4]
    assert "folder" in lines[5]


def test_audio_is_as_long_as_the_manifest_says() -> None:
    import soundfile as sf

    for utterance in read_manifest(MANIFEST):
        assert sf.info(utterance.audio_path).duration == pytest.approx(utterance.duration_s, abs=0.02)


GUARD = """
import importlib, sys, types
import torch
mode = sys.argv[1]
loads = torch.ops.load_library
def load_library(path):
    if mode == "works":
        return None  # as if the compiled extension were fine
    raise OSError("Could not load this library")
torch.ops.load_library = load_library
if mode == "works":  # what a working extension answers when torchaudio asks for its versions
    torch.ops._torchaudio = types.SimpleNamespace(cuda_version=lambda: None, is_align_available=lambda: True)
    torch.ops.torchaudio = types.SimpleNamespace(_lfilter_core_loop=None, _overdrive_core_loop=None)
from training.torchaudio_guard import torchaudio
print(torchaudio._extension._IS_TORCHAUDIO_EXT_AVAILABLE)
print(torchaudio.transforms.MelSpectrogram(n_mels=20)(torch.zeros(1000)).shape[0])
"""


@pytest.mark.parametrize(("mode", "available"), [("works", "True"), ("broken", "False")])
def test_torchaudio_is_left_alone_where_its_extension_works(mode: str, available: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GUARD, mode], check=True, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.stdout.split() == [available, "20"]


def test_of_two_wers_of_the_same_utterances_the_difference_is_better_known_than_either() -> None:
    rng = np.random.default_rng(3)
    hard = rng.random(400) < 0.4
    counts = [one_word(bool(wrong)) for wrong in hard]
    better = [one_word(bool(wrong and kept)) for wrong, kept in zip(hard, rng.random(400) < 0.9, strict=True)]
    difference, either = bootstrap_difference(counts, better), bootstrap_wer(counts)
    assert difference
    assert either
    assert 0 < difference.low < sum(hard) / 400 - sum(row.word_errors for row in better) / 400 < difference.high
    assert difference.high - difference.low < 0.8 * (either.high - either.low)
    same = bootstrap_difference(counts, counts)
    assert same
    assert same.low == same.high == 0
    reverse = bootstrap_difference(better, counts)
    assert reverse
    assert (reverse.low, reverse.high) == pytest.approx((-difference.high, -difference.low), abs=0.003)
