"""AWS's sam command, in a virtual environment of its own, and the runtime interface emulator that comes with it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

from .commands import CommandError, inherited, run, tail
from .engine import Engine

VERSION = "1.170.0"
_STOP_S = 60


@dataclass(frozen=True)
class Sam:
    """The installed command.

    Attributes:
        venv: where it is installed.
        state: a folder for what it makes.
        project: the folder of template.yaml and samconfig.toml.
        engine: what it builds and runs images with; not needed to look at templates.
    """

    venv: Path
    state: Path
    project: Path
    engine: Engine | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What keeps it local: no telemetry, no credentials, nothing in the user's home."""
        settings = {
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(self.state / "sam-settings"),
            "AWS_DEFAULT_REGION": "us-east-1",
            # With credentials, even made-up ones, every sam command would ask AWS whose they are, and wait.
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        return {**settings, **(self.engine.environment if self.engine else {})}

    def run(self, *arguments: str | Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Runs sam.

        Raises:
            CommandError: it failed or took too long.
        """
        return run(
            [self.venv / "bin/sam", *arguments],
            timeout_s=timeout_s,
            environment=self.environment,
            directory=self.project,
        )

    def invoke(self, function: str, template: Path, event: Path, image: str = "") -> Any:
        """Returns what a function returned under `sam local invoke`, or the account of why it did not.

        Args:
            function: its name in the template.
            template: built, and of this machine.
            event: a file with JSON.
            image: what to run it in, if it is a zip and AWS's image is not there.

        Raises:
            CommandError: sam failed, or there is no reply.
        """
        result = self.run(
            *("local", "invoke", function, "--template", template, "--event", event, "--skip-pull-image"),
            *(("--invoke-image", image) if image else ()),
            timeout_s=PATIENCE_S,
        )
        # It exits with 0 whatever became of the call; what counts is the JSON it prints last.
        try:
            return json.loads(result.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise CommandError(f"{function} did not reply:\n{tail(result.stdout)}\n{tail(result.stderr)}") from error

    def emulator(self) -> Path:
        """Returns the runtime interface emulator, as a file that can be executed."""
        (source,) = self.venv.glob("lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64")
        target = self.state / "aws-lambda-rie"
        # A new file in its place: the old one may be running, in a container of another test.
        with tempfile.TemporaryDirectory(dir=self.state) as folder:
            copy = Path(shutil.copyfile(source, Path(folder) / target.name))
            copy.chmod(0o755)
            copy.replace(target)
        return target

    @contextmanager
    def api(self, template: Path) -> Iterator[int]:
        """Runs `sam local start-api`; yields the port it listens on.

        Raises:
            CommandError: it does not start.
        """
        port, log = _free_port(), self.state / "start-api.log"
        arguments = ["local", "start-api", "--template", str(template), "--port", str(port), "--skip-pull-image"]
        with log.open("w") as output:
            server = subprocess.Popen(
                [str(self.venv / "bin/sam"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**inherited(), **self.environment},
                cwd=self.project,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not _listens(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise CommandError(f"sam local start-api does not listen:\n{tail(log.read_text())}")
                time.sleep(0.2)
            yield port
        finally:
            server.send_signal(signal.SIGTERM)  # on which it removes its containers
            try:
                server.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(_STOP_S)


def install(venv: Path) -> None:
    """Installs sam where it is not there yet.

    Raises:
        CommandError: it cannot be installed.
    """
    done = venv / f"sam-{VERSION}.done"  # written last: a venv without it was cut short
    if done.exists():
        return
    run([sys.executable, "-m", "venv", "--clear", venv], timeout_s=PATIENCE_S)
    pip: list[str | Path] = [venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, f"aws-sam-cli=={VERSION}"], timeout_s=PATIENCE_S)
    done.touch()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
