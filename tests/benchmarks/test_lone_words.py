"""Words are put where there is room for them, and found."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import lone_words
from tests.conftest import DATA, ROOT

RATE = lone_words.RATE_HZ


@pytest.fixture
def word(speech: np.ndarray) -> np.ndarray:
    return speech[round(0.6 * RATE) : round(0.95 * RATE)]


def test_a_clear_word_is_found_and_one_far_below_the_noise_is_not(word: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    assert all(lone_words.found(word, 12, 30, rng) for _ in range(5))
    assert not any(lone_words.found(word, 12, -30, rng) for _ in range(5))


def test_a_word_that_has_no_room_is_refused(word: np.ndarray) -> None:
    with pytest.raises(ValueError, match="has no room in 2 s"):
        lone_words.found(word, 2, 30, np.random.default_rng(0))


def test_the_table_has_a_row_for_each_ratio_and_goes_between_the_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lone_words, "SECONDS", (10, 12))
    document = tmp_path / "long.md"
    document.write_text((ROOT / "docs/long-recordings.md").read_text())
    first = json.loads((DATA / "manifest.jsonl").read_text().splitlines()[0])
    manifest = tmp_path / "words.jsonl"
    first["audio_filepath"] = str(DATA / first["audio_filepath"])
    manifest.write_text(json.dumps(first))
    assert lone_words.main([str(manifest), "--output", str(document)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Of 1 in words.jsonl")
    assert len(printed.strip().splitlines()) == 5 + len(lone_words.SNRS_DB)
    assert printed.strip().endswith("| no word | 0 | 0 |")
    assert printed.strip() in document.read_text()


def test_what_cannot_be_read_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert lone_words.main(["nowhere.jsonl"]) == 1
    assert "nowhere.jsonl" in capsys.readouterr().err
