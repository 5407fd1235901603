"""What serving costs, and the guard that compares it with what was kept."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from benchmarks import documents, fresh, serving, serving_work
from benchmarks.serving import Figure
from benchmarks.speech import speech
from hark.errors import HarkError

KEPT = [Figure("ratio", 2.0, most=3), Figure("seconds", 2.0, "s", compared=False), Figure("gone", 1.0)]


def test_speech_is_as_long_as_asked_and_always_the_same() -> None:
    first, second = speech(13), speech(13)
    assert first.shape == (13 * 16_000,)
    assert np.array_equal(first, second)
    assert np.abs(first[-16_000:]).max() > 0.01


@pytest.mark.parametrize(("now", "said"), [(2.2, []), (1.0, []), (2.4, ["ratio: 2.40 , kept 2.00: +20%"])])
def test_a_ratio_that_is_worse_by_more_than_15_percent_is_named(now: float, said: list[str]) -> None:
    figures = [replace(KEPT[0], value=now), replace(KEPT[1], value=20.0), Figure("new", 9.0)]
    assert serving.worse(figures, KEPT) == said


def test_what_misses_its_target_is_said_in_the_table() -> None:
    shown = serving.table([Figure("one", 3.5, "ms", 5), Figure("two", 7.0, "", 5), Figure("three", 0.01234)])
    assert "| one | 3.50 ms | 5 ms | yes |" in shown
    assert "| two | 7.00 | 5 | **no** |" in shown
    assert "| three | 0.0123 |  |  |" in shown


def test_figures_that_were_kept_are_read_again_and_other_files_refused(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({"conditions": "here", "figures": [asdict(each) for each in KEPT]}))
    assert serving.load(path) == ("here", KEPT)
    path.write_text("{}")
    with pytest.raises(HarkError, match="make bench"):
        serving.load(path)


def test_the_command_fails_where_something_became_worse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "measure", lambda *_: KEPT)
    document, kept = tmp_path / "document.md", tmp_path / "kept.json"
    document.write_text("before\n<!-- begin: python -m benchmarks.serving -->\n<!-- end -->\nafter\n")
    assert serving.main(["--output", str(document), "--save", str(kept)]) == 0
    assert "| ratio | 2.00 | 3 | yes |" in document.read_text()
    assert serving.main(["--check", str(kept)]) == 0
    monkeypatch.setattr(serving, "measure", lambda *_: [replace(KEPT[0], value=2.5)])
    assert serving.main(["--check", str(kept)]) == 1
    assert "ratio: 2.50" in capsys.readouterr().err
    assert serving.main(["--check", str(tmp_path / "none.json")]) == 1


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for name, seconds in {"5.wav": 5, "2.wav": 2, "60.flac": 3, "6.flac": 6}.items():
        sf.write(tmp_path / name, speech(seconds), 16_000, subtype="PCM_16")
    return tmp_path


def test_work_is_measured_in_a_process_of_its_own_on_one_core(clips: Path) -> None:
    found = fresh.run("benchmarks.serving_work", ["requests", str(clips), "greedy", "2"])
    assert found["whole_ms"] > found["outside_ms"] > 0
    assert found["model_ms"] > 0


@pytest.mark.parametrize("name", ["growth", "log_mel"])
def test_every_piece_of_work_says_what_it_took(name: str, clips: Path) -> None:
    seconds = {"growth": 6, "log_mel": 5}[name]
    found = serving_work.WORK[name](clips, "greedy", seconds)
    assert all(value > 0 for value in found.values())


def test_work_that_fails_is_an_error_that_says_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(fresh.WorkFailed, match=r"(?s)serving_work.*5\.wav"):
        fresh.run("benchmarks.serving_work", ["requests", str(tmp_path), "greedy", "5"])


def test_the_committed_figures_are_those_of_the_committed_document() -> None:
    conditions, figures = serving.load(serving.SAVED)
    document = (serving.ROOT / "docs" / "benchmarks.md").read_text()
    block = f"{conditions}\n\n{serving.table(figures)}"
    assert f"<!-- begin: python -m benchmarks.serving -->\n{block}\n{documents.END}" in document
