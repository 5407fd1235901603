"""The image as Lambda runs it: under the runtime interface emulator, with Lambda's own restrictions."""

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

from .commands import CommandError
from .engine import Engine

MEMORY_MB = 1024
TIMEOUT_S = 29
# Neither root nor anybody the image knows of, as Lambda's sandbox user.
USER = "993:990"
_PORT = 8080
_SLICE_US = 20_000
_PATH = "/2015-03-31/functions/function/invocations"


class Function:
    """A running container with the emulator in front of the handler.

    Attributes:
        container: its id.
    """

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine, self.container = engine, container
        published = engine.docker("port", container, f"{_PORT}/tcp").stdout.split()[0]
        self._port = int(published.rpartition(":")[2])
        self._process = int(self.state()["Pid"])

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Returns what the handler returned, or the emulator's account of why it did not. One call at a time."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S + 10)
        try:
            connection.request("POST", _PATH, json.dumps(event).encode())
            reply: dict[str, Any] = json.loads(connection.getresponse().read())
            return reply
        finally:
            connection.close()

    def wait(self) -> None:
        """Returns once the emulator listens, which starts nothing yet: it opens the handler with the first call.

        Raises:
            CommandError: it does not.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise CommandError(f"the emulator does not listen:\n{self.log()}") from error
                time.sleep(0.05)
            finally:
                connection.close()

    def python(self, code: str) -> str:
        """Returns what a piece of Python prints in there."""
        return self._engine.docker("exec", self.container, "python3", "-c", code).stdout.strip()

    def log(self) -> str:
        """Returns what went to the log so far."""
        result = self._engine.docker("logs", self.container)
        return result.stdout + result.stderr

    def state(self) -> dict[str, Any]:
        """Returns Docker's view of the container: whether it runs, whether it ran out of memory."""
        state: dict[str, Any] = json.loads(
            self._engine.docker("inspect", "--format", "{{json .State}}", self.container).stdout
        )
        return state

    def kill(self, only_handler: bool = False) -> None:
        """Ends the container at once, as if its machine had gone; returns before the engine knows.

        Args:
            only_handler: end the handler's process alone, as a fault in it does, where that can be reached.
        """
        if os.geteuid() != 0 or not _is_emulator(self._process):  # the engine's processes are not this machine's
            self._engine.docker("kill", self.container, check=False)
            return
        children = Path(f"/proc/{self._process}/task").glob("*/children")
        with suppress(ProcessLookupError, FileNotFoundError):
            handlers = [int(number) for path in children for number in path.read_text().split()]
            for number in handlers if only_handler else [self._process]:
                os.kill(number, signal.SIGKILL)

    def end(self) -> None:
        """Ends the container and removes it."""
        self._engine.docker("rm", "--force", self.container, check=False)


def _is_emulator(process: int) -> bool:
    try:
        return b"aws-lambda-rie" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def running(
    engine: Engine,
    image: str,
    emulator: Path,
    variables: dict[str, str],
    memory_mb: int = MEMORY_MB,
    cpus: float | None = None,
) -> Iterator[Function]:
    """Runs the image's own entry point under the emulator until the block ends; as `start` does."""
    function = start(engine, image, emulator, variables, memory_mb, cpus)
    try:
        yield function
    finally:
        function.end()


def start(
    engine: Engine,
    image: str,
    emulator: Path,
    variables: dict[str, str],
    memory_mb: int = MEMORY_MB,
    cpus: float | None = None,
) -> Function:
    """Runs the image's own entry point under the emulator, with so much memory and, if said, so many processors.

    Raises:
        CommandError: it does not run.
    """
    config = json.loads(engine.docker("image", "inspect", "--format", "{{json .Config}}", image).stdout)
    settings = {
        **variables,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(TIMEOUT_S),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
    }
    limits = ["--memory", f"{memory_mb}m", "--memory-swap", f"{memory_mb}m"]
    if cpus:
        # In short slices: of Docker's own, of 100 ms, a short request would need no second one.
        limits += ["--cpu-period", str(_SLICE_US), "--cpu-quota", str(round(cpus * _SLICE_US))]
    sandbox = ["--read-only", "--tmpfs", "/tmp", "--user", USER, "--cap-drop", "ALL"]
    container = engine.docker(
        *("run", "--detach", "--pull=never", *limits, *sandbox, "--security-opt", "no-new-privileges"),
        *("--publish", f"127.0.0.1::{_PORT}"),
        *("--volume", f"{emulator}:/usr/local/bin/aws-lambda-rie:ro", "--entrypoint", "/usr/local/bin/aws-lambda-rie"),
        *(word for name, value in settings.items() for word in ("--env", f"{name}={value}")),
        *(image, *config["Entrypoint"], *config["Cmd"]),
    ).stdout.strip()
    try:
        function = Function(engine, container)
        function.wait()
    except BaseException:
        engine.docker("rm", "--force", container, check=False)
        raise
    return function
