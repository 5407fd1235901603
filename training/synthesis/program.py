"""Engines that are programs of the system: found on the path, fed a text file, read from the WAV file they write."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf

from training.synthesis.engine import SynthesisError

# A program that takes this long for a line hangs.
_LIMIT_S = 60


def find_program(engine: str, program: str, package: str) -> str:
    """Returns the path of a program.

    Raises:
        SynthesisError: it is not installed; the message names the Debian package.
    """
    path = shutil.which(program)
    if path is None:
        raise SynthesisError(
            f"The engine {engine} is not installed: apt-get install {package} (Debian, Ubuntu), "
            "or leave it out of --engines."
        )
    return path


def ask(*command: str) -> str:
    """Runs a program and returns what it prints.

    Raises:
        SynthesisError: it fails; the message is what it says of that.
    """
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=_LIMIT_S).stdout
    except subprocess.CalledProcessError as error:
        raise SynthesisError(f"{Path(command[0]).name} failed: {error.stderr.strip() or error}") from error
    except subprocess.TimeoutExpired as error:
        raise SynthesisError(f"{Path(command[0]).name} took more than {_LIMIT_S} s") from error


def speak_with(command: Callable[[str, str], list[str]], text: str) -> tuple[np.ndarray, int]:
    """Speaks a text with a program.

    Args:
        command: (path of the text file, path of the WAV file to write) -> the command.
        text: what to say. It goes by a file, so that one that starts with a hyphen is no option.

    Returns:
        [samples] float32, and their rate in Hz.

    Raises:
        SynthesisError: the program fails or writes no audio.
    """
    with tempfile.TemporaryDirectory(prefix="hark-") as folder:
        source, target = Path(folder, "line.txt"), Path(folder, "line.wav")
        source.write_text(text + "\n", encoding="utf-8")
        words = command(str(source), str(target))
        ask(*words)
        try:
            samples, rate_hz = sf.read(target, dtype="float32")
        except sf.LibsndfileError as error:
            raise SynthesisError(f"{Path(words[0]).name} wrote no audio") from error
    return samples, rate_hz
