"""The tables in docs/calibration.md say what they claim."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import calibration
from benchmarks.documents import write_block
from hark.errors import HarkError
from tests.conftest import DATA, ROOT


def test_confidences_that_are_true_have_no_calibration_error_and_others_have_theirs() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.random(50000)
    right = rng.random(50000) < confidences
    assert calibration.expected_calibration_error(calibration.bins(confidences, right)) < 0.01
    surer = np.full(50000, 0.9)
    assert calibration.expected_calibration_error(calibration.bins(surer, right)) == pytest.approx(0.4, abs=0.01)


def test_every_word_is_in_one_bin_and_certainty_in_the_last() -> None:
    found = calibration.bins(np.array([0.0, 0.05, 0.95, 1.0]), np.array([False, True, True, True]))
    assert [each.words if each else 0 for each in found] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found[0] == calibration.Bin(2, 0.025, 0.5)


def test_ranking_is_the_chance_that_a_right_word_is_surer_than_a_wrong_one() -> None:
    right = np.array([True, True, False, False])
    assert calibration.ranking(np.array([0.9, 0.8, 0.2, 0.1]), right) == 1
    assert calibration.ranking(np.array([0.5, 0.5, 0.5, 0.5]), right) == 0.5
    assert calibration.ranking(np.array([0.9, 0.1, 0.5, 0.0]), right) == 0.75


def test_the_command_writes_its_tables_between_the_marks(tmp_path: Path) -> None:
    document = tmp_path / "calibration.md"
    document.write_text((ROOT / "docs" / "calibration.md").read_text())
    for _ in range(2):  # the second time over the first
        assert calibration.main([str(DATA / "manifest.jsonl"), "--output", str(document)]) == 0
    text = document.read_text()
    assert text.count("| expected calibration error |") == 3
    assert text.count("| starts |") == 1
    assert text.startswith("# What confidences")
    assert "have no confidence.\n\n## Noise" in text


def test_a_document_without_marks_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "other.md"
    document.write_text("text")
    with pytest.raises(HarkError, match="no place for what was measured"):
        write_block(document, "benchmarks.calibration", "tables")
    assert document.read_text() == "text"
