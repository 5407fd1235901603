"""Runs a piece of work in a process that has done nothing else, on one core and with one thread."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hark.errors import HarkError

ROOT = Path(__file__).resolve().parent.parent
# Whatever has a pool of threads, and asks one of these how many.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WorkFailed(HarkError):
    """The process ended with an error."""


def peak_mb() -> float:
    """Returns the most memory this process has had, in MB of a million bytes."""
    # Not getrusage, whose maximum goes on from the process that started this one.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024 / 1e6


def run(
    module: str, arguments: Sequence[str], environment: dict[str, str] | None = None, python: str = sys.executable
) -> Any:
    """Runs `python -m module` pinned to one core; returns what it prints, which must be JSON, on its last line.

    Raises:
        WorkFailed: it failed; with the end of what it said.
    """
    core = max(os.sched_getaffinity(0))
    done = subprocess.run(  # noqa: S603  # ourselves
        [python, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if done.returncode:
        raise WorkFailed(f"{module} {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-1000:]}")
    return json.loads(done.stdout.splitlines()[-1])
