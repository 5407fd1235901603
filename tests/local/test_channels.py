"""The command lines keep channels apart and name who speaks."""

import json
from pathlib import Path

import numpy as np
import pytest

from hark import cli
from local import run
from tests.conftest import encode


@pytest.fixture(scope="module")
def call(speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    samples = np.zeros((14 * 16_000, 3), np.float32)
    samples[: len(speech), 0] = speech
    samples[7 * 16_000 : 7 * 16_000 + len(speech), 1] = speech
    path = tmp_path_factory.mktemp("calls") / "call.wav"
    path.write_bytes(encode(samples, 16_000))
    return path


def test_the_command_names_speakers_and_says_what_was_found(call: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--channels", "separate", "--channel-names", "Ann,,Eve", "--text-style", "spoken"]
    assert cli.main([str(call), *options, "--words"]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith("Ann: the train to the coast leaves")
    assert lines[1].startswith("Channel 2: the train to the coast leaves")
    assert "Nobody was found to speak in channel 3." in printed.err
    assert cli.main([str(call), *options, "--format", "vtt"]) == 0
    assert "<v Ann>the train" in capsys.readouterr().out
    assert cli.main([str(call), *options, "--format", "json"]) == 0
    assert {word["channel"] for word in json.loads(capsys.readouterr().out)["words"]} == {1, 2}


@pytest.mark.parametrize(
    "options", [["--channel-names", "Ann"], ["--channels", "separate", "--alternatives", "2"]], ids=["names", "texts"]
)
def test_what_contradicts_itself_is_refused_before_work(
    call: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([str(call), *options]) == 2
    assert "error: " in capsys.readouterr().err


def test_make_run_shows_turns_and_the_channel_of_each_word(call: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([str(call), "--channels", "separate", "--channel-names", "Ann,Bob"]) == 0
    printed = capsys.readouterr().out
    assert "\n  Ann: The train to the coast" in printed
    assert "\n  Bob: The train to the coast" in printed
    assert "\n  (Nobody was found to speak in channel 3.)\n" in printed
    assert "  1: the\n" in printed
    assert run.main([str(call), "--channels", "separate", "--format", "srt"]) == 0
    assert "\nChannel 1: The train" in capsys.readouterr().out
