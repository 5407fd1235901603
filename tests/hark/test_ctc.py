"""Greedy CTC on cases worked out by hand; how likely a text is, against a library and in C against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hark import compiled
from hark.ctc import Tokens, greedy, log_prob, log_probs_near, words

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


def random_emission(seed: int, frames: int, labels: int = 5, doubt: float = 1.0) -> np.ndarray:
    """[frames, labels] log-probabilities, the surer the smaller `doubt` is."""
    drawn = np.random.default_rng(seed).dirichlet(np.full(labels, doubt), frames).reshape(frames, labels)
    return np.log(drawn + 1e-12).astype(np.float32)


@pytest.fixture(params=["C", "NumPy"])
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the two computes in the test."""
    if request.param == "NumPy":
        monkeypatch.setattr(compiled, "library", lambda: None)
    elif compiled.library() is None:
        pytest.skip("not compiled: `make hark/native/libhark.so`")
    return str(request.param)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("blank", [0, 2, 4])
def test_how_likely_a_text_is_equals_what_pytorch_computes(blank: int) -> None:
    import torch

    rng = np.random.default_rng(blank)
    others = [label for label in range(5) if label != blank]
    for frames in (1, 2, 3, 10, 60):
        for length in (0, 1, 2, 5, 30):
            labels = rng.choice(others, length).tolist()
            log_probs = random_emission(frames + length, frames)
            loss = torch.nn.functional.ctc_loss(
                torch.from_numpy(log_probs)[:, None].double(),
                torch.tensor([labels], dtype=torch.long).reshape(1, length),
                torch.tensor([frames]),
                torch.tensor([length]),
                blank=blank,
                reduction="sum",
            )
            assert log_prob(log_probs, labels, blank) == pytest.approx(-loss.item(), rel=1e-6, abs=1e-5)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize(
    ("frames", "labels", "expected"),
    [
        ([], [], 1.0),
        ([], [A], 0.0),
        ([BLANK], [], 0.9),
        ([A], [A], 0.9),
        ([A], [B], 0.05),
        ([A], [A, B], 0.0),  # too few frames
        ([A, A], [A, A], 0.0),  # a blank has to be between repeats
        ([A, BLANK, A], [A, A], 0.9**3),
        ([A, B], [A], 0.9 * 0.05 + 0.9 * 0.05 + 0.05 * 0.05),  # "a", twice, or after or before a blank
    ],
)
def test_how_likely_a_text_is_by_hand(frames: list[int], labels: list[int], expected: float) -> None:
    found = np.exp(log_prob(emission([(frame, 0.9) for frame in frames]), labels, BLANK))
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.skipif(compiled.library() is None, reason="not compiled: `make hark/native/libhark.so`")
@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(0, 400),
    doubt=st.sampled_from([0.02, 0.2, 1.0]),
    labels=st.lists(st.integers(1, 4), max_size=40),
)
def test_in_c_a_text_is_as_likely_as_in_numpy(seed: int, frames: int, doubt: float, labels: list[int]) -> None:
    log_probs = random_emission(seed, frames, doubt=doubt)
    in_c = log_prob(log_probs, labels, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "library", lambda: None)
        in_numpy = log_prob(log_probs, labels, 0)
    assert in_c == pytest.approx(in_numpy, rel=1e-9, abs=1e-9)


@pytest.mark.skipif(compiled.library() is None, reason="not compiled: `make hark/native/libhark.so`")
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(0, 24),
    doubt=st.sampled_from([0.05, 0.5, 3.0]),
    labels=st.lists(st.integers(1, 3), max_size=7),
    others=st.lists(st.lists(st.integers(1, 3), max_size=8), min_size=1, max_size=4),
    cut=st.tuples(st.integers(0, 7), st.integers(0, 7)),
)
@settings(max_examples=500, deadline=None)
def test_texts_near_another_are_as_likely_as_alone(
    seed: int, frames: int, doubt: float, labels: list[int], others: list[list[int]], cut: tuple[int, int]
) -> None:
    log_probs = np.log(np.random.default_rng(seed).dirichlet(np.full(4, doubt), frames) + 1e-9).astype(np.float32)
    start, end = min(cut), max(cut)
    near = [[*labels[:start], *other, *labels[end:]] for other in others]
    texts = [labels, *others, *near, labels[:start] + labels[end:], []]
    expected = [log_prob(log_probs, text, 0) for text in texts]
    assert log_probs_near(log_probs, labels, texts, 0) == pytest.approx(expected, abs=1e-6)


@pytest.mark.usefixtures("implementation")
def test_no_texts_near_another_have_no_likelihoods() -> None:
    log_probs = np.log(np.full((5, 4), 0.25)).astype(np.float32)
    assert log_probs_near(log_probs, [1, 2], [], 0) == []
    assert log_probs_near(log_probs, [1, 2, 3, 1, 2, 3], [[1], [], [1, 1, 1]], 0) == pytest.approx(
        [log_prob(log_probs, each, 0) for each in ([1], [], [1, 1, 1])]
    )
    for wrong in ([4], [-1]):
        with pytest.raises(ValueError, match="not all among 4 labels"):
            log_probs_near(log_probs, [1], [wrong], 0)
        with pytest.raises(ValueError, match="not all among 4 labels"):
            log_probs_near(log_probs, wrong, [[1]], 0)


@pytest.mark.usefixtures("implementation")
def test_labels_that_cannot_be_make_a_text_impossible() -> None:
    log_probs = np.full((4, 3), -np.inf, np.float32)
    log_probs[:, A] = 0.0
    assert log_prob(log_probs, [A], BLANK) == 0.0
    assert log_prob(log_probs, [B], BLANK) == -np.inf
    assert log_prob(log_probs, [], BLANK) == -np.inf


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("labels", [[3], [-1], [A, 99]])
def test_how_likely_a_text_of_other_labels_is_is_not_asked(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="among 3 labels"):
        log_prob(emission([(A, 0.9)]), labels, BLANK)
