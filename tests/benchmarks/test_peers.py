"""The comparison with other recognisers: what it measures, says and draws. Here with Hark alone."""

import dataclasses
from pathlib import Path

import pytest
from matplotlib.image import imread

from benchmarks.peers import __main__ as peers
from benchmarks.peers.engines import ENGINES
from tests.conftest import DATA

ONE = peers.Outcome("Hark, greedy", 0.3, 0.1, 0.004, 0.003, 0.2, 120.0, 7.8)
OTHER = peers.Outcome("Whisper tiny.en, int8, greedy", 0.1, 0.05, 0.1, 0.06, 1.0, 280.0, 78.0)


def test_hark_itself_is_measured_on_clips_in_a_fresh_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document, plot = tmp_path / "document.md", tmp_path / "plot.png"
    document.write_text("<!-- begin: python -m benchmarks.peers -->\n<!-- end -->\n")
    manifest = str(DATA / "manifest.jsonl")
    arguments = ["--manifest", manifest, "--only", "hark_greedy", "--first", "2", "--output", str(document)]
    assert peers.main([*arguments, "--plot", str(plot)]) == 0
    assert "manifest.jsonl, 2 utterances" in document.read_text()
    assert "| Hark, greedy | " in capsys.readouterr().out
    assert imread(plot).shape[1] > 800


def test_the_document_has_the_best_known_and_all_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "compare", lambda engine, *_: dataclasses.replace(ONE, name=ENGINES[engine][0]))
    document = tmp_path / "document.md"
    document.write_text("<!-- begin: python -m benchmarks.peers -->\n<!-- end -->\n")
    assert peers.main(["--manifest", str(DATA / "manifest.jsonl"), "--first", "1", "--output", str(document)]) == 0
    printed, written = capsys.readouterr().out, document.read_text()
    for engine, (name, _) in ENGINES.items():
        assert f"| {name} |" in printed
        assert (f"| {name} |" in written) == (engine not in ("whisper_tiny", "pocketsphinx", "hama"))


def test_speed_is_compared_with_whispers_where_that_was_measured() -> None:
    lines = peers.table({"hark_greedy": ONE, "whisper_tiny_greedy": OTHER}).splitlines()
    assert "| 20.0 |" in lines[2]
    assert "times faster" not in peers.table({"hark_greedy": ONE})
    assert len({line.count("|") for line in lines}) == 1


def test_an_environment_without_the_others_is_an_error_that_names_the_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--manifest", str(DATA / "manifest.jsonl"), "--first", "1", "--only", "hama"]
    assert peers.main(arguments) == 1
    said = capsys.readouterr().err
    assert "hama" in said
    assert "make bench-peers" in said


def test_every_recogniser_has_a_name_of_its_own() -> None:
    assert len({name for name, _ in ENGINES.values()}) == len(ENGINES)
