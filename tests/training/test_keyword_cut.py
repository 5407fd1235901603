"""Words cut out of sentences: which are drawn, and that the pieces are where the words are."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from hark.recognizer import Recognizer
from tests.conftest import EVENTS
from training.keywords import cut
from training.keywords.cut import Cut, choose, cut_out
from training.manifest import Utterance, read_manifest, write_manifest

CONFIG = "training/configs/keywords.yaml"
# What `events/synthesise.py` has said.
TEXT = "the train to the coast leaves at nine in the morning and the old man will wait for you at the station"


def test_keywords_are_taken_up_to_a_limit_and_others_in_turn() -> None:
    texts = ["four and four", "four trees and a tree", "fours are for cats", "ate yes"]
    cuts = choose(texts, ["four", "tree", "yes"], most=2, others=3, seed=1)
    assert [cut.word for cut in cuts[:4]] == ["four", "four", "tree", "yes"]
    assert Cut("tree", 1, 4) in cuts
    assert Cut("yes", 3, 1) in cuts
    # Not "a", which is too short to be told, nor what sounds like a word of the model, nor its plural.
    assert sorted(cut.word for cut in cuts[4:]) == ["and", "are", "cats"]
    more = choose(texts, ["four", "tree", "yes"], most=2, others=99, seed=1)
    assert sorted(cut.word for cut in more[4:]) == ["and", "and", "are", "cats"]
    assert choose(texts, ["four"], most=2, others=3, seed=1) == choose(texts, ["four"], most=2, others=3, seed=1)


def test_pieces_follow_each_other_as_the_words_do(recognizer: Recognizer, speech: np.ndarray) -> None:
    pieces = cut_out(recognizer, speech, TEXT, least_confidence=0.01)
    starts = [where(piece, speech) for piece in pieces if piece is not None]
    assert len(starts) >= len(TEXT.split()) - 2
    assert starts == sorted(starts)
    nine = pieces[TEXT.split().index("nine")]
    assert nine is not None
    assert 0.2 < len(nine) / 16000 < 0.8


def test_what_is_not_said_is_not_cut_out(recognizer: Recognizer, speech: np.ndarray) -> None:
    pieces = cut_out(recognizer, speech, TEXT.replace("coast", "zigzag"), least_confidence=0.3)
    assert pieces[TEXT.split().index("coast")] is None
    assert cut_out(recognizer, speech[:1600], TEXT, least_confidence=0.3) == [None] * len(TEXT.split())


def test_the_command_writes_recordings_and_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest, output = tmp_path / "manifest.jsonl", tmp_path / "cut"
    extra = {"speaker": "heart", "corpus": "sample", "license": "Apache-2.0"}
    write_manifest(manifest, [Utterance(EVENTS / "sample.wav", 6.0, TEXT, extra)])
    assert cut.main([CONFIG, str(manifest), "--output", str(output), "--others", "4"]) == 0
    written = read_manifest(output / "manifest.jsonl")
    assert [utterance.text for utterance in written].count("nine") == 1
    assert "1 recordings of the model's words" in capsys.readouterr().out
    for utterance in written:
        assert sf.info(utterance.audio_path).duration == pytest.approx(utterance.duration_s, abs=0.001)
        assert utterance.extra == extra


def test_a_manifest_without_the_words_is_an_error_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest.jsonl"
    write_manifest(manifest, [Utterance(EVENTS / "sample.wav", 6.0, "a", {})])
    assert cut.main([CONFIG, str(manifest), "--output", str(tmp_path / "cut")]) == 1
    assert "No word of the config's labels was found" in capsys.readouterr().err
    write_manifest(manifest, [Utterance(manifest, 6.0, "nine", {})])
    assert cut.main([CONFIG, str(manifest), "--output", str(tmp_path / "cut")]) == 1
    assert "manifest.jsonl cannot be read" in capsys.readouterr().err


def where(piece: np.ndarray, samples: np.ndarray) -> int:
    """Returns where in `samples` a piece of them begins."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, len(piece))
    return int((windows == piece).all(axis=1).argmax())
