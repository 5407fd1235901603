"""Evaluation as the command prints it, and torchaudio's guarded import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from handler.recognizer import Recognizer
from tests.conftest import DATA
from training import evaluate
from training.errors import ManifestError
from training.manifest import Utterance, read_manifest
from training.metrics import error_rates


def test_the_command_prints_and_writes_the_same_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    assert evaluate.main([str(DATA / "manifest.jsonl"), "--json", str(report)]) == 0
    printed, written = capsys.readouterr().out, json.loads(report.read_text())
    assert f"WER {written['wer']:.4f} ({written['words']} words)" in printed
    assert f"CER {written['cer']:.4f}" in printed
    references = [row["text"] for row in written["results"]]
    hypotheses = [row["pred_text"] for row in written["results"]]
    assert error_rates(references, hypotheses).wer == pytest.approx(written["wer"], abs=1e-5)
    assert len(references) == written["utterances"] == 12


def test_the_worst_utterances_come_first_with_reference_over_hypothesis() -> None:
    utterances = [Utterance(Path(f"{i}.wav"), 1.0, "") for i in range(3)]
    rates = error_rates(["a b", "c", "d e"], ["a b", "x", "y z"])
    found = evaluate.worst(evaluate.Evaluation(rates, ["a b", "c", "d e"], ["a b", "x", "y z"], 3.0, 0.1), utterances)
    assert [text.split(":")[0] for text in found] == ["2.wav", "1.wav"]
    assert found[0].splitlines()[1:] == ["  reference   d e", "  hypothesis  y z"]


def test_a_recording_that_cannot_be_read_is_named(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"nothing")
    for name in ("bad.wav", "gone.wav"):
        with pytest.raises(ManifestError, match=name):
            evaluate.evaluate(recognizer, [Utterance(tmp_path / name, 1.0, "a")], progress=False)


def test_a_missing_model_or_manifest_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["nowhere.jsonl"]) == 1
    assert evaluate.main([str(DATA / "manifest.jsonl"), "--model", "nowhere.onnx"]) == 1
    assert evaluate.main([str(DATA / "manifest.jsonl"), "--model", "nowhere.ckpt"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: ") and "nowhere" in line for line in lines)


def test_audio_is_as_long_as_the_manifest_says() -> None:
    import soundfile as sf

    for utterance in read_manifest(DATA / "manifest.jsonl"):
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
    done = subprocess.run([sys.executable, "-c", GUARD, mode], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == [available, "20"]
