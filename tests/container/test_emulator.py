"""The image under the runtime interface emulator: read-only, not root, 1024 MB, a time limit."""

import json

import pytest

from .conftest import EVENTS, event
from .emulator import MEMORY_MB, Function
from .replies import comparable, of_host

# The limit and the peak of the container's memory, where version 2 or 1 of control groups tells them.
_READ_MEMORY = """if True:
    from pathlib import Path
    for names in ("memory.max", "memory.peak"), ("memory/memory.limit_in_bytes", "memory/memory.max_usage_in_bytes"):
        files = [Path("/sys/fs/cgroup") / name for name in names]
        if files[0].is_file():
            print(*(file.read_text().strip() for file in files))
            break
"""


def test_the_sandbox_is_as_strict_as_lambda(function: Function) -> None:
    code = """if True:
        import os, pathlib
        print(os.getuid() != 0)
        for path in ("/var/task/x", "/x", "/tmp/x"):
            try:
                pathlib.Path(path).write_text("x")
                print("wrote", path)
            except OSError as error:
                print(error.strerror, path)
    """
    expected = ["True", "Read-only file system /var/task/x", "Read-only file system /x", "wrote /tmp/x"]
    assert function.python(code).splitlines() == expected


@pytest.mark.parametrize("name", EVENTS)
def test_the_emulated_function_replies_as_the_host_does(function: Function, name: str) -> None:
    reply = function.invoke(event(name))
    # The emulator answers 200 whatever happens; a fault shows in what it answers.
    assert "statusCode" in reply, f"{reply}\n{function.log()}"
    assert comparable(reply) == comparable(of_host(event(name)))


def test_the_log_tells_stages_and_never_the_transcript(function: Function) -> None:
    reply = function.invoke(event("transcribe"))
    text = json.loads(reply["body"])["text"]
    log = function.log()
    assert '"stages_ms"' in log
    assert text
    assert text not in log


def test_it_stays_within_its_memory(function: Function, show: dict[str, str]) -> None:
    state = function.state()
    assert state["Running"]
    assert not state["OOMKilled"]
    limit_mb, peak_mb = (int(bytes_) / 2**20 for bytes_ in function.python(_READ_MEMORY).split())
    show["peak memory"] = f"{peak_mb:.0f} MB of {limit_mb:.0f}, for all events one after the other"
    assert limit_mb == MEMORY_MB
    assert 0 < peak_mb < MEMORY_MB
