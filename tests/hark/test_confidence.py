"""The confidence of a word follows the weights in the model's spec, and is the letters' mean without them."""

import dataclasses

import numpy as np
import pytest

from hark import confidence
from hark.ctc import Tokens, words
from hark.errors import ModelError
from hark.spec import CONFIDENCE_FEATURES, ModelSpec
from tests.conftest import make_spec


def of_words(text: str, probabilities: list[float], **weights: float) -> list[float]:
    spec = make_spec(word_confidence=weights)
    labels = np.array([spec.labels.index(character) for character in text], np.intp)
    tokens = Tokens(labels, np.arange(len(text)), np.arange(len(text)) + 1, np.array(probabilities))
    return confidence.of_words(tokens, words(tokens, spec.labels), spec).tolist()


def test_without_weights_it_is_the_geometric_mean_of_the_letters() -> None:
    assert of_words("ab c", [0.9, 0.4, 0.1, 0.7]) == pytest.approx([0.6, 0.7])


def test_weights_are_those_of_a_logistic_function() -> None:
    (found,) = of_words("ab", [0.9, 0.4], bias=0.5, min_log_prob=2.0)
    assert found == pytest.approx(1 / (1 + np.exp(-(0.5 + 2 * np.log(0.4)))))


def test_each_feature_can_be_told_from_the_others() -> None:
    spec = make_spec()
    labels = np.array([spec.labels.index(character) for character in "ab cde f"], np.intp)
    tokens = Tokens(labels, labels, labels, np.array([0.9, 0.8, 0.5, 0.7, 0.6, 0.9, 0.3, 0.99]))
    rows = confidence.features(tokens, words(tokens, spec.labels))
    expected = [1, np.log([0.7, 0.6, 0.9]).mean(), np.log(0.6), np.log(0.6 / 0.4), np.log(0.3), np.log(3), 0, 0]
    assert dict(zip(CONFIDENCE_FEATURES, rows[1], strict=True)) == pytest.approx(
        dict(zip(CONFIDENCE_FEATURES, expected, strict=True))
    )
    assert rows[0][CONFIDENCE_FEATURES.index("space_log_prob")] == pytest.approx(np.log(0.5))
    said = np.log([0.9, 0.9, 1, 0.2, 0.2, 0.2, 1, 1e-9])
    rows = confidence.features(dataclasses.replace(tokens, said=said), words(tokens, spec.labels))
    assert rows[1].tolist() == pytest.approx([*expected[:6], np.log(0.2), np.log(0.2 / 0.8)])
    assert rows[2][CONFIDENCE_FEATURES.index("said_log_prob")] == -12.0


@pytest.mark.parametrize("probability", [0.0, 1e-30, 0.5, 1.0])
def test_it_is_a_probability_at_any_certainty(probability: float) -> None:
    weights = dict.fromkeys(CONFIDENCE_FEATURES, 3.0)
    assert 0 <= of_words("a b", [probability] * 3, **weights)[0] <= 1
    assert 0 <= of_words("a b", [probability] * 3)[0] <= 1


@pytest.mark.parametrize("weights", [{"bias": float("nan")}, {"vibes": 1.0}])
def test_weights_that_cannot_be_used_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="word_confidence"):
        make_spec(word_confidence=weights)


def test_weights_and_corrections_travel_in_the_spec_and_old_specs_have_none() -> None:
    corrections = {
        "word_start_shift_s": -0.01,
        "word_end_shift_s": 0.02,
        "word_start_gap_share": 0.2,
        "word_end_gap_share": 1.1,
    }
    spec = make_spec(word_confidence={"bias": 1.5}, **corrections)
    assert ModelSpec.from_json(spec.to_json()) == spec
    import json

    old = json.loads(make_spec().to_json())
    for name in ("word_confidence", *corrections):
        del old[name]
    assert ModelSpec.from_json(json.dumps(old)) == make_spec()
