"""Words are placed where their letters were heard, moved by what the model's spec says, and never overlap."""

from collections.abc import Sequence

import numpy as np
import pytest

from hark.ctc import Tokens, words
from hark.errors import ModelError
from hark.word_times import spans_s
from tests.conftest import make_spec

FRAME_S = 0.04


def placed(
    text: str, frames: list[int], silences_s: Sequence[Sequence[float]] = (), **changes: float
) -> list[list[float]]:
    spec = make_spec(**changes)
    labels = np.array([spec.labels.index(character) for character in text], np.intp)
    tokens = Tokens(labels, np.array(frames), np.array(frames) + 1, np.ones(len(text)))
    silences = np.array(silences_s, np.float64).reshape(-1, 2)
    return spans_s(tokens, words(tokens, spec.labels), silences, spec).tolist()


def test_a_model_without_corrections_places_words_by_their_frames() -> None:
    first, second = placed("ab cd", [10, 12, 15, 20, 23])
    assert first == pytest.approx([10 * FRAME_S, 13 * FRAME_S])
    assert second == pytest.approx([20 * FRAME_S, 24 * FRAME_S])


def test_starts_and_ends_move_by_what_the_spec_says() -> None:
    ((start_s, end_s),) = placed("ab", [10, 12], word_start_shift_s=-0.05, word_end_shift_s=0.07)
    assert (start_s, end_s) == pytest.approx((10 * FRAME_S - 0.05, 13 * FRAME_S + 0.07))


def test_of_the_gap_between_words_a_share_moves_what_lies_around_it() -> None:
    (_, end_s), (start_s, _) = placed("a b", [10, 11, 13], word_start_gap_share=0.25, word_end_gap_share=0.5)
    gap_s = 2 * FRAME_S
    assert (end_s, start_s) == pytest.approx((11 * FRAME_S + gap_s / 2, 13 * FRAME_S + gap_s / 4))


def test_no_gap_counts_for_more_than_a_longer_one_would() -> None:
    near, far = (placed("a b", [10, 11, frame], word_end_gap_share=1.0)[0][1] for frame in (40, 90))
    assert near == far


def test_around_a_silence_words_end_and_begin_where_it_does() -> None:
    for frame in (16, 20, 24):  # 0.64, 0.80 and 0.96 s
        silences_s = [(0.0, 0.1), (0.4, 0.8), (0.95, float("inf"))]
        first, second = placed("a b", [3, 4, frame], silences_s, word_start_shift_s=-0.02, word_end_shift_s=0.2)
        assert first == pytest.approx([0.1, 0.4])
        assert second == pytest.approx([0.8, 0.95])


@pytest.mark.parametrize("frame", [0, 5, 12])
def test_letters_anywhere_in_the_silence_that_a_window_begins_or_ends_with_belong_beside_it(frame: int) -> None:
    ((start_s, end_s),) = placed("a", [frame], [(0.0, 0.6), (0.9, float("inf"))])
    assert start_s == pytest.approx(0.6)
    ((start_s, end_s),) = placed("a", [20 + frame], [(0.0, 0.6), (0.9, float("inf"))])
    assert start_s < end_s == pytest.approx(0.9)


def test_a_late_onset_leaves_a_word_its_shortest_length() -> None:
    (start_s, end_s), (next_s, _) = placed("a b", [14, 15, 16], [(0.0, 0.7)])
    assert end_s - start_s == pytest.approx(0.05)
    assert end_s <= next_s == pytest.approx(16 * FRAME_S)


def test_a_noise_long_before_a_word_does_not_begin_it() -> None:
    ((start_s, _),) = placed("a", [30], [(0.0, 0.4)])
    assert start_s == pytest.approx(30 * FRAME_S)


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


@pytest.mark.parametrize(
    "change", [{"word_start_shift_s": 99.0}, {"word_end_shift_s": float("nan")}, {"word_end_gap_share": float("inf")}]
)
def test_a_correction_that_cannot_be_right_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ModelError, match=next(iter(change))):
        make_spec(**change)
