"""The tables in docs/decoding.md say what they claim, and tuning writes what the endpoint reads."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import decoding, hotwords
from benchmarks.decoding import Listened, Measured
from hark.decoding import Tuning
from tests.conftest import DATA, ROOT
from training.metrics import ErrorCounts


def listened(speaker: str) -> Listened:
    return Listened("a b", speaker, 1.0, [np.zeros((0, 3), np.float32)])


def measured(*errors: int) -> Measured:
    return Measured([ErrorCounts(words=10, substitutions=each) for each in errors], 0.0, [1.0] * len(errors))


def test_a_speaker_is_judged_by_the_weights_that_are_best_for_the_others() -> None:
    recordings = [listened("ann"), listened("bob")]
    # The first weights are best for ann, the second for bob, so each is judged by the other's.
    assert decoding.held_out_wer(recordings, [measured(1, 5), measured(4, 2)]) == pytest.approx((4 + 5) / 20)
    assert decoding.held_out_wer(recordings, [measured(1, 2), measured(4, 5)]) == pytest.approx(3 / 20)


def test_the_command_tunes_and_writes_its_table_between_the_marks(tmp_path: Path) -> None:
    model, document = tmp_path / "asr.onnx", tmp_path / "decoding.md"
    shutil.copy(ROOT / "models" / "asr.onnx", model)
    shutil.copy(ROOT / "docs" / "decoding.md", document)
    arguments = [str(DATA / "manifest.jsonl"), "--model", str(model), "--tune", "--output", str(document)]
    assert decoding.main(arguments) == 0
    tuning = Tuning.beside(model)
    assert tuning.word_confidence
    text = document.read_text()
    assert f"alpha {tuning.weights.alpha:g}, beta {tuning.weights.beta:g}" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| beam 50 |")][:1]
    shown = [float(cell) for cell in row.split("|")[2:4]]
    # Both are rounded, to another number of places.
    assert shown == pytest.approx([tuning.measured["wer"], tuning.measured["cer"]], abs=6e-4)
    assert "begin: python -m benchmarks.hotwords" in text


def test_what_is_missing_is_an_error_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(DATA / "manifest.jsonl"), "--language-model", str(tmp_path / "none.bin")]
    for command in (decoding.main, hotwords.main):
        assert command(arguments) == 1
        assert capsys.readouterr().err.startswith("error: There is no language model")


def test_the_names_are_fifty_and_differ() -> None:
    assert len(set(hotwords.NAMES)) == 50
    assert all(name.isascii() and name.islower() and name.isalpha() for name in hotwords.NAMES)


def test_each_manifest_counts_alike() -> None:
    sets = [[listened("ann")] * 3, [listened("bob")]]
    together = decoding.evenly(sets)
    assert [each.speaker for each in together] == ["ann"] * 3 + ["bob"]
    assert sum(each.share for each in together[:3]) == pytest.approx(together[3].share)
    # The shares say how much words count, and leave their number as it is.
    assert sum(each.share * 2 for each in together) == pytest.approx(8)
