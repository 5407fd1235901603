"""Noise is mixed at the level that was asked for, and what is made of it is counted."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from benchmarks import noise
from tests.conftest import DATA, ROOT


@pytest.mark.parametrize("snr_db", [20.0, 0.0, -5.0])
def test_noise_is_as_far_below_as_was_asked_for(snr_db: float) -> None:
    rng = np.random.default_rng(0)
    samples, other = (rng.normal(0, level, 16000).astype(np.float32) for level in (0.1, 0.7))
    added = noise.mixed(samples, other[:3000], snr_db, rng) - samples
    assert 10 * np.log10(np.square(samples).mean() / np.square(added).mean()) == pytest.approx(snr_db, abs=0.05)


def test_without_noise_nothing_changes() -> None:
    samples = np.ones(10, np.float32)
    assert noise.mixed(samples, samples, float("inf"), np.random.default_rng(0)) is samples


def test_the_tables_go_between_the_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(noise, "_NOISE_S", 3)
    folder = tmp_path / "noise"
    folder.mkdir()
    sf.write(folder / "hiss.wav", np.random.default_rng(1).normal(0, 0.01, 16000), 16000)
    document = tmp_path / "calibration.md"
    document.write_text((ROOT / "docs/calibration.md").read_text())
    arguments = [str(DATA / "manifest.jsonl"), "--noise", str(folder), "--output", str(document)]
    assert noise.main(arguments) == 0
    printed = capsys.readouterr().out.strip()
    assert "| hiss | 0 | 0 |" in printed
    assert "| as recorded | 0." in printed
    assert printed in document.read_text()


def test_a_folder_without_noise_and_a_file_that_is_none_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(DATA / "manifest.jsonl"), "--noise", str(tmp_path)]
    assert noise.main(arguments) == 1
    assert "holds no recordings" in capsys.readouterr().err
    (tmp_path / "notes.txt").write_text("no audio")
    assert noise.main(arguments) == 1
    assert "notes.txt" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert noise.main([str(DATA / "manifest.jsonl"), "--noise", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
