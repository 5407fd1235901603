"""Words are placed where their letters were heard, moved by what the model's spec says, and never overlap."""

import numpy as np
import pytest

from handler.ctc import Tokens, words
from handler.errors import ModelError
from handler.word_times import spans_s
from tests.conftest import make_spec

FRAME_S = 0.04


def placed(text: str, frames: list[int], **changes: float) -> list[list[float]]:
    spec = make_spec(**changes)
    labels = np.array([spec.labels.index(character) for character in text], np.intp)
    tokens = Tokens(labels, np.array(frames), np.array(frames) + 1, np.ones(len(text)))
    return spans_s(tokens, words(tokens, spec.labels), spec).tolist()


def test_a_model_without_corrections_places_words_by_their_frames() -> None:
    first, second = placed("ab cd", [10, 12, 15, 20, 23])
    assert first == pytest.approx([10 * FRAME_S, 13 * FRAME_S])
    assert second == pytest.approx([20 * FRAME_S, 24 * FRAME_S])


def test_starts_and_ends_move_by_what_the_spec_says() -> None:
    ((start_s, end_s),) = placed("ab", [10, 12], word_start_shift_s=-0.05, word_end_shift_s=0.07)
    assert (start_s, end_s) == pytest.approx((10 * FRAME_S - 0.05, 13 * FRAME_S + 0.07))


def test_no_word_starts_before_the_window_or_ends_before_it_starts() -> None:
    ((start_s, end_s),) = placed("a", [0], word_start_shift_s=-0.5, word_end_shift_s=-0.5)
    assert start_s == 0
    assert end_s > start_s


@pytest.mark.parametrize("shifts", [(-0.2, 0.2), (0.2, -0.2), (0.0, 0.3), (-0.3, 0.0)])
def test_words_are_in_order_and_do_not_overlap(shifts: tuple[float, float]) -> None:
    frames = [3, 4, 5, 6, 7, 8, 9, 30, 40]
    spans = np.array(placed("a b c d e", frames, word_start_shift_s=shifts[0], word_end_shift_s=shifts[1]))
    flat = spans.ravel()
    assert (np.diff(flat) >= -1e-9).all()


def test_no_words_have_no_places() -> None:
    assert placed("  ", [1, 2]) == []


@pytest.mark.parametrize("change", [{"word_start_shift_s": 99.0}, {"word_end_shift_s": float("nan")}])
def test_a_correction_that_cannot_be_right_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ModelError, match=next(iter(change))):
        make_spec(**change)
