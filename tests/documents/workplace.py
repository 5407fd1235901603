"""A folder in which the commands of a document run as printed, with small recordings under the names that they use."""

import dataclasses
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import soundfile as sf

from tests.conftest import DATA, ROOT
from tests.documents.blocks import Block, make_calls
from tests.patience import PATIENCE_S
from training.manifest import Utterance, read_manifest, write_manifest

# What make compares the virtual environment's age with. Copies do not change while the test runs.
_PINS = ("pyproject.toml", "constraints.txt")
# What is not linked from the checkout: what is made here, and what only git and caches need.
_NOT_LINKED = frozenset({".git", ".venv", "data", "models", "runs", "docs", "build", *_PINS})
_RATE = 16_000
_HELD_OUT = 3
# The address that documents print, and stays the same in all of them; here it may be taken.
_ADDRESS = "http://127.0.0.1:8000"
# Of what takes minutes only the first steps are done, by the variable that the Makefile has for such changes. A dozen
# recordings are too few to measure what int8 costs.
_SHORT = {
    "train": "trainer.max_steps=2 trainer.validate_every_steps=1 data.batch_seconds=10 data.encoded_copies=1",
    "export": "--max-wer-loss 1",
}


class Workplace:
    """A copy of the checkout, by links, and what commands have made in it so far.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commands_run = 0
        self._port = _free_port()
        self._servers: list[subprocess.Popen[bytes]] = []
        for path in ROOT.iterdir():
            if path.name not in _NOT_LINKED:
                (folder / path.name).symlink_to(path)
        for name in ("models", "docs"):
            (folder / name).mkdir()
            for path in (ROOT / name).iterdir():
                (folder / name / path.name).symlink_to(path)
        for name in _PINS:
            shutil.copyfile(ROOT / name, folder / name)
        _link_environment(folder / ".venv")
        _make_recordings(folder)

    def run(self, block: Block) -> None:
        """Runs a block's commands, each in a shell of its own.

        Raises:
            AssertionError: a command failed; the message has what it printed.
        """
        if block.language == "python":
            script = self.folder / "block.py"
            script.write_text(self._with_own_address(block.text), encoding="utf-8")
            self._run(block, [".venv/bin/python", "block.py"], "block.py", {})
            return
        for command in block.commands():
            if block.mark == "server":
                self._serve(block, command)
            else:
                calls = make_calls(command)
                short = next((_SHORT[to] for to, given in calls if to in _SHORT and "ARGS" not in given), "")
                self._run(
                    block, ["bash", "-euo", "pipefail", "-c", self._with_own_address(command)], command, {"ARGS": short}
                )

    def close(self) -> None:
        """Ends the servers that were started."""
        for server in self._servers:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(PATIENCE_S)
        self._servers.clear()

    def _run(self, block: Block, command: list[str], shown: str, variables: dict[str, str]) -> None:
        done = subprocess.run(
            command, cwd=self.folder, env={**self._environment(), **variables}, capture_output=True, timeout=PATIENCE_S
        )
        said = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == 0, f"{block.place}: {shown}\nended with {done.returncode}:\n{said[-4000:]}"
        self.commands_run += 1

    def _serve(self, block: Block, command: str) -> None:
        self.close()
        port = re.search(r"PORT=(\d+)", command)
        if port:  # as printed it may be taken, too
            command = command.replace(port[0], f"PORT={self._port}")
        server = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**self._environment(), "PORT": str(self._port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._servers.append(server)
        until = time.monotonic() + PATIENCE_S
        while not _answers(self._port):
            assert server.poll() is None, f"{block.place}: {command} ended with {server.returncode}"
            assert time.monotonic() < until, f"{block.place}: {command} does not answer"
            time.sleep(0.05)
        self.commands_run += 1

    def _with_own_address(self, text: str) -> str:
        return text.replace(_ADDRESS, f"http://127.0.0.1:{self._port}")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HARK_", "PYTEST"))}
        return {
            **kept,
            "PATH": f"{self.folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            # The virtual environment is that of the tests, to which nothing is to be added.
            "PIP_DRY_RUN": "1",
            "PIP_NO_INDEX": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _link_environment(folder: Path) -> None:
    """Makes a virtual environment of the one that runs the tests, and marks it as complete for make."""
    (folder / "bin").mkdir(parents=True)
    own = Path(sys.prefix)
    for path in own.iterdir():
        if path.name != "bin" and path.suffix != ".done":
            (folder / path.name).symlink_to(path)
    for path in (own / "bin").iterdir():
        (folder / "bin" / path.name).symlink_to(path)
    command = folder / "bin" / "hark"
    if not command.exists():  # Hark was installed before it had a command
        command.write_text(f"#!{folder}/bin/python\nimport sys\nfrom hark.cli import main\nsys.exit(main())\n")
        command.chmod(0o755)
    for name in ("local", "dev"):
        (folder / f"{name}.done").touch()


def _make_recordings(folder: Path) -> None:
    """Makes what documents take for granted, of the tests' own utterances."""
    utterances = read_manifest(DATA / "manifest.jsonl")
    speech = np.concatenate([sf.read(utterance.audio_path, dtype="float32")[0] for utterance in utterances[:3]])
    for name in ("recording.wav", "interview.wav", "yes.wav"):
        sf.write(folder / name, speech, _RATE)
    for name in ("lecture.mp3", "call.mp3", "minutes.mp3"):
        sf.write(folder / name, speech, _RATE, format="MP3")
    (folder / "meeting.m4a").write_bytes(_m4a(speech))
    for number, utterance in enumerate(utterances):
        below = folder / ("held-out" if number < _HELD_OUT else "recordings")
        below.mkdir(exist_ok=True)
        copy = Path(shutil.copy(utterance.audio_path, below))
        copy.with_suffix(".txt").write_text(utterance.text + "\n", encoding="utf-8")
    (folder / "clips").mkdir()
    table = ["audio,text,speaker"]
    for utterance in utterances[_HELD_OUT:]:
        shutil.copy(utterance.audio_path, folder / "clips")
        table.append(f"{utterance.audio_path.name},{utterance.text},alice")
    (folder / "clips" / "table.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    (folder / "data").mkdir()
    write_manifest(folder / "data" / "dev.jsonl", _by(utterances[:_HELD_OUT], "alice"))
    write_manifest(folder / "data" / "train.jsonl", _by(utterances[_HELD_OUT:], "bob"))
    words = [dataclasses.replace(utterance, text="yes") for utterance in utterances]
    write_manifest(folder / "data" / "keywords.jsonl", [*_by(words[::2], "alice"), *_by(words[1::2], "bob")])


def _by(utterances: list[Utterance], speaker: str) -> list[Utterance]:
    return [dataclasses.replace(each, extra={**each.extra, "speaker": speaker}) for each in utterances]


def _m4a(samples: np.ndarray) -> bytes:
    written = io.BytesIO()
    with av.open(written, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = _RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return written.getvalue()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
