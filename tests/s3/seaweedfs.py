"""SeaweedFS's S3 as a process of this machine; its package on PyPI holds the program."""

import json
import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.patience import PATIENCE_S

_STOP_S = 10
_HOST = "127.0.0.1"


@contextmanager
def serving(access_key: str, secret_key: str) -> Iterator[str]:
    """Runs it until the block ends, for one account; yields the address of S3."""
    # Not pytest's folder, whose path may be too long for the name of a socket.
    folder = Path(tempfile.mkdtemp(prefix="hark-s3-"))
    log = folder / "log"
    process: subprocess.Popen[bytes] | None = None
    try:
        account = {"accessKey": access_key, "secretKey": secret_key}
        identity = {"name": "hark", "credentials": [account], "actions": ["Admin", "Read", "Write", "List"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        command, port = _command(folder)
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={"HOME": str(folder), "PATH": os.environ.get("PATH", os.defpath)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        url = f"http://{_HOST}:{port}"
        _wait_for(url, process, log)
        yield url
    finally:
        if process:
            process.kill()  # what it would put in order before it ends is deleted here
            process.wait(_STOP_S)
        shutil.rmtree(folder, ignore_errors=True)


def _command(folder: Path) -> tuple[list[str], int]:
    """Returns the command line, and the port that S3 will be at."""
    parts = ["master", "volume", "filer", "s3"]
    ports = iter(_free_ports(2 * len(parts)))
    listening = {name: next(ports) for part in parts for name in (f"{part}.port", f"{part}.port.grpc")}
    settings: dict[str, object] = {
        "dir": folder,
        "ip": _HOST,
        "ip.bind": _HOST,
        **listening,
        # It tells its makers who uses it, unless told not to.
        "master.telemetry": "false",
        "master.telemetry.url": f"http://{_HOST}:9/",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 0,
        "volume.preStopSeconds": 0,
        "filer": "true",
        "filer.localSocket": folder / "filer.sock",
        "s3": "true",
        "s3.config": folder / "s3.json",
        "s3.iam": "false",
        "s3.localSocket": folder / "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
    }
    program = Path(sysconfig.get_path("scripts")) / "weed"
    options = [f"-{name}={value}" for name, value in settings.items()]
    return [str(program), "-logtostderr=true", "server", *options], listening["s3.port"]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((_HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until it refuses a stranger, which it does once all its parts are up."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                raise RuntimeError("SeaweedFS lets everybody in")
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 403:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"SeaweedFS does not answer:\n{log.read_text(errors='replace')[-4000:]}")
