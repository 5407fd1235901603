"""Delays of words by hand; the guide and the page say what was measured."""

from pathlib import Path

import pytest

from benchmarks import cost, live
from benchmarks.live_figures import LiveFigures
from hark.errors import HarkError
from tests.conftest import ROOT

WORDS = [("the", 0.0, 0.2), ("train", 0.3, 0.8), ("the", 2.0, 2.2), ("coast", 2.3, 2.8)]


def test_a_words_delay_is_from_its_end_to_the_first_text_that_has_it() -> None:
    seen = [
        (1.0, "The"),
        (1.5, "The drain"),
        (2.0, "The train"),
        (3.0, "The train, the"),
        (3.5, "The train, the coast."),
    ]
    assert live.delays_of(WORDS, seen) == pytest.approx([0.8, 1.2, 0.8, 0.7])


def test_what_was_not_yet_said_is_not_what_is_read() -> None:
    assert live.delays_of(WORDS, [(1.0, "the"), (1.9, "the train the")]) == pytest.approx([0.8, 1.1])


def test_words_that_were_never_read_have_no_delay() -> None:
    assert live.delays_of(WORDS, [(5.0, "the rain the coast")]) == pytest.approx([4.8, 2.8, 2.2])


def test_the_guide_holds_what_was_measured_and_what_follows_from_it() -> None:
    said = live.block(LiveFigures.read(), cost.as_live(cost.Speed.read(), cost.Passes.read(), cost.memory_mb()))
    assert said in (ROOT / "docs" / "page.md").read_text()


def test_what_was_measured_is_what_was_wanted() -> None:
    figures = LiveFigures.read()
    assert figures.q95_s <= 1.5
    assert figures.settled_q95_s <= 5.5
    assert figures.shown > 0.9


def test_that_nothing_was_measured_is_told(tmp_path: Path) -> None:
    (tmp_path / "live.json").write_text("{}")
    with pytest.raises(HarkError, match=r"python -m benchmarks\.live --write"):
        LiveFigures.read(tmp_path / "live.json")
