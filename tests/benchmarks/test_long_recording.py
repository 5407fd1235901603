"""The long recording is what it is said to be, and some minutes of it have the WER of their utterances."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import long_recording
from benchmarks.long_figures import LongFigures
from tests.conftest import DATA, ROOT

MANIFEST = DATA / "manifest.jsonl"


def test_utterances_lie_where_the_spans_say_and_pauses_between() -> None:
    from training.manifest import read_manifest

    assembled = long_recording.assemble(read_manifest(MANIFEST), 0.02, 16000, np.random.default_rng(0))
    assert len(assembled.texts) == len(assembled.spans)
    assert len(assembled.samples) >= 0.02 * 3600 * 16000
    pauses = np.r_[assembled.spans[0, 0], assembled.spans[1:, 0] - assembled.spans[:-1, 1]] / 16000
    assert pauses.min() >= 0.29
    assert pauses.max() <= 3.0
    assert np.abs(assembled.samples[: assembled.spans[0, 0]]).max() < 0.01


def test_minutes_have_the_error_rate_of_their_utterances_in_little_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert long_recording.main(["--manifest", str(MANIFEST), "--hours", "0.05"]) == 0
    figures = capsys.readouterr().out
    difference = float(figures.split("difference")[1].split()[0])
    assert abs(difference) <= 0.03  # of some hundred words, three
    assert int(figures.split("peak memory")[1].split()[0]) < 400
    assert int(figures.split("median")[1].split()[0]) < 50


def test_the_figures_are_written_between_the_marks(tmp_path: Path) -> None:
    document = tmp_path / "long.md"
    document.write_text((ROOT / "docs" / "long-recordings.md").read_text())
    kept = tmp_path / "long.json"
    for _ in range(2):  # the second time over the first
        arguments = ["--manifest", str(MANIFEST), "--hours", "0.01", "--output", str(document), "--save", str(kept)]
        assert long_recording.main(arguments) == 0
    text = document.read_text()
    assert text.count("peak memory") == 1
    assert text.startswith("# Long recordings")
    assert LongFigures.read(kept).as_block() in text


def test_the_document_holds_the_figures_that_were_kept() -> None:
    assert LongFigures.read().as_block() in (ROOT / "docs" / "long-recordings.md").read_text()


def test_a_missing_manifest_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert long_recording.main(["--manifest", "nowhere.jsonl"]) == 1
    assert "nowhere.jsonl" in capsys.readouterr().err
