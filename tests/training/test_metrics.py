"""WER and CER are errors summed over words summed, not averages of utterances."""

import pytest

from training.metrics import error_rates


def test_errors_are_summed_over_the_corpus() -> None:
    rates = error_rates(["a b c d e f g h", "x"], ["a b c d e f g h", "y"])
    assert rates.wer == pytest.approx(1 / 9)  # the mean over utterances would be 1 / 2
    assert rates.words == 9


def test_substitutions_deletions_and_insertions_count() -> None:
    rates = error_rates(["one two three"], ["one tow three four"])
    assert rates.wer == pytest.approx(2 / 3)
    assert error_rates(["one two three"], [""]).wer == 1.0
    assert error_rates(["abcd"], ["abxd"]).cer == pytest.approx(1 / 4)


def test_words_heard_where_none_were_said_are_errors() -> None:
    assert error_rates(["a b", ""], ["a b", "c d e"]).wer == pytest.approx(3 / 2)


def test_references_without_words_are_refused() -> None:
    with pytest.raises(ValueError, match="no words"):
        error_rates(["", " "], ["a", "b"])
