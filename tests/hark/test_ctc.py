"""Greedy CTC on cases worked out by hand."""

import numpy as np
import pytest

from hark.ctc import Tokens, greedy, words

BLANK, A, B = 0, 1, 2


def emission(frames: list[tuple[int, float]]) -> np.ndarray:
    """Log-probabilities in which each frame's label has the given probability and the others share the rest."""
    rows = []
    for label, probability in frames:
        row = np.full(3, (1 - probability) / 2)
        row[label] = probability
        rows.append(np.log(row))
    return np.array(rows, np.float32).reshape(-1, 3)


@pytest.mark.parametrize(
    ("frames", "labels", "starts", "ends"),
    [
        pytest.param([], [], [], [], id="empty"),
        pytest.param([BLANK, BLANK], [], [], [], id="all blank"),
        pytest.param([A], [A], [0], [1], id="one frame"),
        pytest.param([A, A, A], [A], [0], [3], id="a repeat is one token"),
        pytest.param([A, BLANK, A], [A, A], [0, 2], [1, 3], id="a blank between repeats makes two"),
        pytest.param([A, B, A], [A, B, A], [0, 1, 2], [1, 2, 3], id="neighbours without blanks"),
        pytest.param([BLANK, A, A, BLANK, B, BLANK], [A, B], [1, 4], [3, 5], id="blanks at the edges"),
        pytest.param([A, A, BLANK, BLANK, A], [A, A], [0, 4], [2, 5], id="several blanks between repeats"),
    ],
)
def test_greedy_merges_repeats_then_drops_blanks(
    frames: list[int], labels: list[int], starts: list[int], ends: list[int]
) -> None:
    tokens = greedy(emission([(frame, 0.9) for frame in frames]), BLANK)
    assert tokens.labels.tolist() == labels
    assert tokens.starts.tolist() == starts
    assert tokens.ends.tolist() == ends


def test_confidence_is_the_highest_probability_over_a_tokens_frames() -> None:
    tokens = greedy(emission([(A, 0.6), (A, 0.8), (BLANK, 0.99), (B, 0.7), (A, 0.5), (A, 0.55)]), BLANK)
    assert tokens.labels.tolist() == [A, B, A]
    np.testing.assert_allclose(tokens.confidences, [0.8, 0.7, 0.55], atol=1e-6)


def test_how_sure_the_best_path_is_of_its_letters() -> None:
    heard = emission([(BLANK, 0.4), (A, 0.5), (A, 0.9), (B, 0.6), (BLANK, 0.99)])
    assert greedy(heard, BLANK).mean_log_prob == pytest.approx((np.log(0.9) + np.log(0.6)) / 2, abs=1e-6)
    assert greedy(emission([(BLANK, 0.5)]), BLANK).mean_log_prob == 0
    assert greedy(emission([]), BLANK).mean_log_prob == 0


def test_greedy_agrees_with_a_plain_loop_on_random_emissions() -> None:
    rng = np.random.default_rng(0)
    for frames in (1, 2, 7, 200):
        log_probs = np.log(rng.dirichlet(np.ones(5), frames)).astype(np.float32)
        expected, previous = [], None
        for label in log_probs.argmax(1).tolist():
            if label not in (previous, 3):
                expected.append(label)
            previous = label
        assert greedy(log_probs, blank=3).labels.tolist() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   ", []),
        ("ab", ["ab"]),
        (" ab  a b ", ["ab", "a", "b"]),
    ],
)
def test_words_are_what_stands_between_spaces(text: str, expected: list[str]) -> None:
    labels = ("", " ", "a", "b")
    indices = np.array([labels.index(character) for character in text], np.intp)
    tokens = Tokens(indices, indices, indices, np.ones(len(text)))
    assert [text[letters] for letters in words(tokens, labels)] == expected
