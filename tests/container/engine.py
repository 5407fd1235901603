"""A container engine: the Docker that runs here, or else one of our own, which ends with the tests."""

import fcntl
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.patience import PATIENCE_S

from . import debian
from .commands import CommandError, run, tail

_STOP_S = 30
# Another run of these tests on the same checkout uses the same state: the second waits until the first is done.
_TURN_S = 900


class Engine:
    """A running Docker engine.

    Attributes:
        environment: what docker, sam and every other client needs in its environment to find it.
    """

    def __init__(self, host: str | None) -> None:
        # sam and the build cache it shares with us know the classic builder only.
        self.environment = {"DOCKER_BUILDKIT": "0", "DOCKER_CLI_HINTS": "false"}
        if host:
            self.environment["DOCKER_HOST"] = host

    def docker(
        self, *arguments: str | Path, timeout_s: float = PATIENCE_S, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs the docker command.

        Raises:
            CommandError: it failed (with `check`) or took too long.
        """
        return run(["docker", *arguments], timeout_s=timeout_s, environment=self.environment, check=check, stdin=stdin)

    def answers(self) -> bool:
        """Says whether the engine is there."""
        try:
            info = self.docker("info", "--format", "{{.ServerVersion}}", timeout_s=30, check=False)
        except CommandError:  # a socket on which nobody answers
            return False
        return info.returncode == 0 and bool(info.stdout.strip())

    def host_address(self) -> str:
        """Returns the address at which containers reach this machine."""
        shown = self.docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}").stdout
        config: dict[str, str] = json.loads(shown)[0]
        # An engine that has just made its bridge names only the network, whose first address the bridge takes.
        return config.get("Gateway") or str(next(ipaddress.ip_network(config["Subnet"]).hosts()))

    def has_image(self, name: str) -> bool:
        """Says whether the engine has this image."""
        return self.docker("image", "inspect", name, check=False).returncode == 0


@contextmanager
def running(state: Path) -> Iterator[Engine]:
    """Yields an engine; one that had to be started keeps its images in `state` and ends with the context.

    Raises:
        CommandError: none runs, and none can be started here.
    """
    engine = _present()
    if engine:
        yield engine
        return
    debian.install({"docker": "docker.io", "dockerd": "docker.io", "iptables": "iptables"})
    engine = _present()  # on a machine with an init system, the package has just started one
    if engine:
        yield engine
        return
    state.mkdir(parents=True, exist_ok=True)
    with _turn(state / "lock"), _started(state) as engine:
        yield engine


def _present() -> Engine | None:
    if not shutil.which("docker"):
        return None
    # The endpoint of docker's current context, which may not be the default socket: sam looks for no contexts.
    shown = run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], timeout_s=30, check=False)
    host = os.environ.get("DOCKER_HOST") or (shown.stdout.strip() if shown.returncode == 0 else None)
    engine = Engine(host)
    return engine if engine.answers() else None


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        deadline = time.monotonic() + _TURN_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise CommandError(f"{path}: another run of the container tests holds it") from error
                time.sleep(1)
        yield


@contextmanager
def _started(state: Path) -> Iterator[Engine]:
    pidfile, log = state / "dockerd.pid", state / "dockerd.log"
    _end_leftover(pidfile)
    # Sockets have short paths, whatever the path of the checkout.
    folder = Path(tempfile.mkdtemp(prefix="hark-docker-"))
    host = f"unix://{folder}/docker.sock"
    places = ["--data-root", state / "docker", "--exec-root", folder / "exec", "--pidfile", pidfile, "--host", host]
    with log.open("w") as output:
        daemon = subprocess.Popen(
            ["dockerd", *map(str, places)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": debian.PATH},  # dockerd looks for iptables there
            # An interrupt at the terminal is for the tests, which then end it after their containers.
            start_new_session=True,
        )
    engine = Engine(host)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not engine.answers():
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise CommandError(f"the container engine did not start:\n{tail(log.read_text())}")
            time.sleep(0.2)
        yield engine
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait(_STOP_S)
        shutil.rmtree(folder, ignore_errors=True)


def _end_leftover(pidfile: Path) -> None:
    """Ends the engine of a run that was killed, which would hold the state."""
    try:
        pid = int(pidfile.read_text())
    except (OSError, ValueError):
        return
    if _is_engine(pid, pidfile):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)  # once: a third would make it leave its containers behind
    deadline = time.monotonic() + _STOP_S
    while _is_engine(pid, pidfile):
        if time.monotonic() > deadline:
            raise CommandError(f"a container engine of an earlier run, process {pid}, does not end")
        time.sleep(0.2)
    pidfile.unlink(missing_ok=True)  # dockerd would heed it even if the number has gone to another process


def _is_engine(pid: int, pidfile: Path) -> bool:
    try:
        return str(pidfile) in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False
