"""The table of cases in the document is what they give."""

import pytest

from benchmarks import inverse_text_normalisation


def test_the_document_has_the_table_as_it_is_now() -> None:
    assert inverse_text_normalisation.table() in inverse_text_normalisation.DOCUMENT.read_text(encoding="utf-8")


def test_it_prints_the_table_and_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert inverse_text_normalisation.main([]) == 0
    out = capsys.readouterr().out
    assert inverse_text_normalisation.table() in out
    assert "ms of processor time for 1,000 words" in out
