"""Chromium as this machine has it, or as Debian packages it."""

import shutil
from pathlib import Path

from tests.container import debian
from tests.container.commands import CommandError

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# The second line keeps Chromium from asking its makers anything; the tests speak to nobody but the server under test.
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--use-fake-device-for-media-stream",
)


def path() -> str:
    """Returns the program's path, after installing it where root on Debian can.

    Raises:
        CommandError: there is none, and it cannot be installed here.
    """
    if not any(map(shutil.which, _PROGRAMS)):
        debian.install({"chromium": "chromium"})
    for program in _PROGRAMS:
        if found := shutil.which(program):
            return found
    raise CommandError("the package chromium was installed, but there is no program of that name")


def flags(microphone: Path) -> list[str]:
    """Returns command-line flags; a microphone will hear the WAV file, over and over."""
    return [*_FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
