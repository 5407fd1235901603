"""The grades that the page marks words by."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import proofreading
from benchmarks.proofreading import Borders
from tests.conftest import DATA, ROOT


def test_grades_share_out_all_words_and_all_errors() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.random(20_000)
    wrong = rng.random(20_000) > confidences
    found = proofreading.graded(confidences, wrong, Borders(0.5, 0.8))
    assert sum(each.words for each in found.values()) == pytest.approx(1)
    assert sum(each.recall for each in found.values()) == pytest.approx(1)
    assert [round(each.precision, 1) for each in found.values()] == [0.1, 0.3, 0.8]  # wrong as often as they say


def test_borders_mark_three_words_in_ten_at_most_and_half_of_the_likely_wrong_are() -> None:
    rng = np.random.default_rng(1)
    confidences = rng.beta(6, 1, 20_000)
    wrong = rng.random(20_000) > confidences
    chosen = proofreading.choose(confidences, wrong)
    found = proofreading.graded(confidences, wrong, chosen)
    assert found["likely wrong"].precision >= 0.5
    assert found["certain"].words >= 0.7
    closer = Borders(chosen.likely_wrong + 0.05, chosen.certain + 0.05)
    beyond = proofreading.graded(confidences, wrong, closer)
    assert beyond["likely wrong"].precision < 0.5
    assert beyond["certain"].words < 0.7


def test_where_nothing_is_wrong_nothing_is_likely_wrong() -> None:
    chosen = proofreading.choose(np.full(100, 0.99), np.zeros(100, np.bool_))
    assert chosen.likely_wrong == 0


def test_the_document_has_the_borders_in_use() -> None:
    borders = proofreading.in_use()
    text = (ROOT / "docs" / "calibration.md").read_text()
    assert f"Certain from {borders.certain:.2f} on, likely wrong below {borders.likely_wrong:.2f}" in text


def test_the_command_writes_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "calibration.md"
    document.write_text((ROOT / "docs" / "calibration.md").read_text())
    assert proofreading.main([str(DATA / "manifest.jsonl"), "--output", str(document)]) == 0
    assert document.read_text().count("| manifest.jsonl, ") == 3
    assert "CERTAIN_FROM = " in capsys.readouterr().out
