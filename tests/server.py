"""The local server as a process of its own, on a real socket, as `make serve` starts it."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.conftest import ROOT


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: of 127.0.0.1.
    """

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serve(*arguments: str, key: str = "") -> Iterator[Server]:
    """Runs `python -m local.serve` on a free port until the block ends."""
    command = [sys.executable, "-m", "local.serve", "--port", "0", *arguments]
    environment = {**os.environ, "HARK_LOCAL_KEY": key}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        assert process.stdout
        try:
            line = process.stdout.readline()
            # A line for every request, which would fill the pipe and stop the server.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield Server(int(line.split("http://127.0.0.1:")[1].split()[0]))
        finally:
            process.terminate()
