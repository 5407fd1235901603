"""The handlers under Lambda's own runtime client and runtime interface emulator, as processes of this machine.

No container: what the image adds is tested in tests/container. The emulator comes out of sam's package.
"""

import http.client
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.container.sam import VERSION
from tests.patience import PATIENCE_S

_CACHE = ROOT / ".cache" / "emulator"  # ignored by git
_ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
_PATH = "/2015-03-31/functions/function/invocations"


class Function:
    """A running handler. One call at a time, as an environment of Lambda takes them."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process, self._port = process, port

    def invoke(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Returns what the handler returned; None where the call ended in an error."""
        try:
            body = self.invoke_raw(event)
        except (OSError, http.client.HTTPException):
            return None
        reply: dict[str, Any] = json.loads(body) if body.startswith(b"{") else {"errorType": body}
        return None if "errorType" in reply else reply

    def invoke_raw(self, event: dict[str, Any]) -> bytes:
        """Returns what the emulator answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            connection.request("POST", _PATH, json.dumps(event).encode())
            return connection.getresponse().read()
        finally:
            connection.close()

    def runtime(self) -> int:
        """Returns the id of the process that runs the handler."""
        children = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        return int(next(text for path in children if (text := path.read_text())).split()[0])


@contextmanager
def running(handler: str, environment: dict[str, str], client: str = "awslambdaric") -> Iterator[Function]:
    """Runs a handler until the block ends, under a runtime client that is a module of Python's."""
    port, api_port = _free_port(), _free_port()
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    addresses += ["--runtime-api-address", f"127.0.0.1:{api_port}"]
    command = [str(_binary()), "--log-level", "error", *addresses, sys.executable, "-m", client, handler]
    limits = {"AWS_LAMBDA_FUNCTION_TIMEOUT": "300", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048"}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **limits, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        yield Function(process, port)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its own children too
        process.wait(PATIENCE_S)


def _binary() -> Path:
    """Returns the emulator; fetched once."""
    path = _CACHE / VERSION / "aws-lambda-rie"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Tests run in several processes: each fetches into a folder of its own, and the last to be ready puts it there.
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*pip, "--dest", folder, f"aws-sam-cli=={VERSION}"], check=True, timeout=PATIENCE_S)
            (wheel,) = Path(folder).glob("*.whl")
            part = Path(folder) / path.name
            with zipfile.ZipFile(wheel) as archive:
                part.write_bytes(archive.read(f"samcli/local/rapid/aws-lambda-rie-{_ARCHITECTURE}"))
            part.chmod(0o755)
            part.rename(path)  # whole or not at all
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the emulator does not listen")
