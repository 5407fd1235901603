"""The command `hark`: formats, folders, what goes wrong, and how it ends."""

import fcntl
import io
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
import webvtt

import hark
from hark import cli
from tests.conftest import EVENTS, ROOT, SPOKEN, encode
from tests.patience import PATIENCE_S

SAMPLE = EVENTS / "sample.wav"
OGG = EVENTS / "sample.ogg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.wav, b/c.ogg, and what is no recording or hidden."""
    (tmp_path / "talks" / "b" / ".hidden").mkdir(parents=True)
    (tmp_path / "talks" / "a.wav").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "talks" / "b" / "c.OGG").write_bytes(OGG.read_bytes())
    (tmp_path / "talks" / "b" / ".hidden" / "d.ogg").write_bytes(OGG.read_bytes())
    (tmp_path / "talks" / "notes.txt").write_text("hello")
    return tmp_path / "talks"


def hark_process(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hark", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, **{**pipes, **options})  # type: ignore[call-overload]


def test_text_goes_to_standard_output_and_nothing_else_anywhere(
    capfd: pytest.CaptureFixture[str], readable: str
) -> None:
    assert cli.main([str(SAMPLE)]) == 0
    printed = capfd.readouterr()
    assert printed.out == readable + "\n"
    assert printed.err == ""


def test_the_word_table_has_every_word(capsys: pytest.CaptureFixture[str], readable: str) -> None:
    assert cli.main([str(SAMPLE), "--words"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["start", "end", "confidence", "word"]
    assert " ".join(line.split(maxsplit=3)[3] for line in lines[3:]) == lines[0] == readable


def test_a_table_that_is_cut_says_how_much_is_missing() -> None:
    rows = [(0.0, 1.0, 0.5, "a")] * 5
    assert len(cli.word_table(rows)) == 6
    assert cli.word_table(rows, 5) == cli.word_table(rows)
    assert cli.word_table(rows, 3)[-1] == "  ... and 2 more"


def test_json_is_that_of_the_endpoint(capsys: pytest.CaptureFixture[str], readable: str) -> None:
    assert cli.main([str(SAMPLE), "--format", "json", "--alternatives", "2"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["text"] == readable
    assert {"start", "end", "confidence", "word", "written", "punctuation"} == set(body["words"][0])
    assert " ".join(word["word"] for word in body["words"]) == SPOKEN
    assert len(body["alternatives"]) == 2
    assert cli.main([str(SAMPLE), "--format", "verbose_json", "--decoder", "greedy"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["task"] == "transcribe"
    assert len(body["words"]) >= 20
    assert {"id", "seek", "start", "end", "text", "avg_logprob"} <= set(body["segments"][0])


def test_text_is_as_it_was_spoken_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(SAMPLE), "--text-style", "spoken"]) == 0
    assert capsys.readouterr().out == SPOKEN + "\n"
    assert cli.main([str(SAMPLE), "--text-style", "spoken", "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["text"] == SPOKEN
    assert {"start", "end", "confidence", "word"} == set(body["words"][0])


def test_subtitles_have_lines_as_long_and_as_many_as_are_asked_for(
    capsys: pytest.CaptureFixture[str], readable: str
) -> None:
    assert cli.main([str(SAMPLE), "--format", "vtt", "--max-line-length", "20", "--max-lines", "1"]) == 0
    captions = webvtt.from_buffer(io.StringIO(capsys.readouterr().out)).captions
    assert all(len(caption.lines) == 1 and len(caption.lines[0]) <= 20 for caption in captions)
    assert " ".join(caption.text for caption in captions) == readable


def test_alternatives_stand_below_the_text(capsys: pytest.CaptureFixture[str], readable: str) -> None:
    assert cli.main([str(SAMPLE), "--alternatives", "3", "--hotwords", "coast, Ahab"]) == 0
    text, empty, *listed = capsys.readouterr().out.splitlines()
    assert (text, empty) == (readable, "")
    assert len(listed) == 3
    assert listed[0].split(maxsplit=1)[1] == readable


def test_a_folder_stands_for_the_recordings_in_it(
    folder: Path, capsys: pytest.CaptureFixture[str], readable: str
) -> None:
    assert cli.main([str(folder)]) == 0
    a, c = folder / "a.wav", folder / "b" / "c.OGG"
    assert capsys.readouterr().out == f"== {a}\n\n{readable}\n\n== {c}\n\n{readable}\n\n"
    # Each once, however often it is named.
    assert cli.main([str(a), str(folder), "--format", "json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["file"], line["text"]) for line in lines] == [(str(a), readable), (str(c), readable)]


def test_a_recording_without_speech_is_no_error_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = tmp_path / "quiet.wav"
    quiet.write_bytes(encode(np.zeros(16_000, np.float32), 16_000))
    assert cli.main([str(quiet)]) == 0
    printed = capsys.readouterr()
    assert printed.out == "\n"
    assert printed.err == f"{quiet}: (no speech)\n"


def test_subtitles_lie_in_the_output_folder_as_the_recordings_did(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], readable: str
) -> None:
    output = tmp_path / "new" / "subs"
    assert cli.main([str(folder), "--format", "vtt", "--output", str(output)]) == 0
    assert sorted(path.relative_to(output) for path in output.rglob("*.*")) == [Path("a.vtt"), Path("b/c.vtt")]
    assert capsys.readouterr().err == f"wrote 2 files to {output}\n"
    captions = webvtt.from_buffer(io.StringIO((output / "b" / "c.vtt").read_text()))
    assert " ".join(caption.text for caption in captions.captions).replace("\n", " ") == readable
    assert cli.main([str(SAMPLE), "--format", "srt", "--output", str(output)]) == 0
    assert (output / "sample.srt").read_text().startswith("1\n00:00:00,")


def test_two_recordings_never_share_an_output_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("Talk.wav", "talk.ogg"):
        (tmp_path / name).write_bytes((EVENTS / f"sample{name[-4:]}").read_bytes())
    names = [str(tmp_path / "Talk.wav"), str(tmp_path / "talk.ogg")]
    assert cli.main([*names, "--output", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in names)
    assert "would both be written to" in told
    assert not (tmp_path / "out").exists()


def test_one_bad_file_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], readable: str
) -> None:
    (tmp_path / "bad.mp3").write_text("hello")
    (tmp_path / "none").mkdir()
    bad, gone, none = (str(tmp_path / name) for name in ("bad.mp3", "gone.wav", "none"))
    assert cli.main([bad, gone, str(SAMPLE), none]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"== {SAMPLE}\n\n{readable}\n\n"
    assert sorted(printed.err.splitlines()) == sorted(
        [
            f"error: {none}: there are no recordings in this folder; name another, or the files",
            f"error: {bad}: The audio cannot be decoded; use a whole WAV, FLAC, MP3, Ogg, M4A, MP4, AAC, WebM, AIFF, "
            "CAF, AC-3, MPEG-TS, FLV, AVI, WMA or AMR file.",
            f"error: {gone} cannot be read: No such file or directory.",
        ]
    )


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ([], 2, "FILE"),
        (["a.wav", "--format", "doc"], 2, "invalid choice"),
        (["a.wav", "--words", "--format", "srt"], 2, "--words goes with"),
        (["a.wav", "--alternatives", "2", "--format", "vtt"], 2, "--alternatives goes with"),
        (["a.wav", "--alternatives", "11"], 2, "from 1 to 10"),
        (["a.wav", "--hotwords", "日本"], 2, "English letters"),
        (["a.wav", "--hotwords", "Ahab", "--decoder", "greedy"], 2, "hotwords need a search"),
        (["a.wav", "--model", "gone.onnx"], 1, "no model file at gone.onnx"),
        (["a.wav", "--language-model", "gone.bin"], 1, "no language model at gone.bin"),
        (["a.wav", "--punctuation", "gone.onnx"], 1, "no punctuation model at gone.onnx"),
        (["a.wav", "--text-style", "shouted"], 2, "invalid choice"),
        (["a.wav", "--max-lines", "3"], 2, "--max-line-length and --max-lines go with"),
        (["a.wav", "--max-line-length", "30", "--format", "json"], 2, "--max-line-length and --max-lines go with"),
        (["a.wav", "--max-lines", "0", "--format", "srt"], 2, "max_lines must be a number from 1 to 10"),
        (["a.wav", "--max-lines", "0"], 2, "--max-line-length and --max-lines go with"),
        (["a.wav", "--max-line-length", "9", "--format", "vtt"], 2, "max_line_length must be a number from 10 to 200"),
        (["a.wav", "--max-line-length", "wide", "--format", "vtt"], 2, "invalid int value"),
        (["a.wav", "--output", __file__], 2, "test_cli.py is a file; name another"),
    ],
)
def test_a_command_line_that_cannot_be_followed_is_told_at_once(
    arguments: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        found = cli.main(arguments)
    except SystemExit as stop:
        found = stop.code  # type: ignore[assignment]
    assert found == status
    assert told in capsys.readouterr().err


def test_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"hark {hark.__version__}\n"


def test_a_dash_reads_standard_input_and_stdin_is_its_name(tmp_path: Path, readable: str) -> None:
    process = hark_process("-", "--output", str(tmp_path), stdin=subprocess.PIPE)
    out, err = process.communicate(OGG.read_bytes(), timeout=PATIENCE_S)
    assert (out, err.decode()) == (b"", f"wrote 1 file to {tmp_path}\n")
    assert process.returncode == 0
    assert (tmp_path / "stdin.txt").read_text() == readable + "\n"


def test_ctrl_c_ends_it_without_a_traceback() -> None:
    # Standard input that does not come keeps it waiting, with everything loaded.
    with hark_process("-", stdin=subprocess.PIPE) as process:
        called = Path(f"/proc/{process.pid}/syscall")
        while called.read_text().split()[:2] not in (["0", "0x0"], ["63", "0x0"]):  # read(0, ...), on x86 and ARM
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.stdout.read(), process.stderr.read()
        assert process.wait(timeout=PATIENCE_S) == 130
    assert out == b""
    assert b"Traceback" not in err


def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = hark_process(str(SAMPLE), str(OGG), stdout=writing)
    os.close(writing)
    assert process.communicate(timeout=PATIENCE_S)[1] == b""
    assert process.returncode == 141


@pytest.mark.parametrize("with_tqdm", [True, False])
def test_progress_is_shown_on_a_terminal_alone(with_tqdm: bool, readable: str) -> None:
    terminal, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    without_tqdm = "" if with_tqdm else "sys.modules['tqdm'] = None"
    program = f"import sys; {without_tqdm}\nfrom hark.cli import main\nsys.exit(main({[str(SAMPLE), str(OGG)]}))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=its_end, timeout=PATIENCE_S, cwd=ROOT, check=True)
    os.close(its_end)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert done.stdout.decode() == f"== {SAMPLE}\n\n{readable}\n\n== {OGG}\n\n{readable}\n\n"
    assert f"[1/2] {SAMPLE}: " in shown
    assert f"[2/2] {OGG}: " in shown
    assert "/6 [" in shown if with_tqdm else "6 of 6 s" in shown
    assert shown.endswith("\r" if with_tqdm else "\r\x1b[K")  # nothing stays behind
