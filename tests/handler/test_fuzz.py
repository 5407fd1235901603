"""Ten thousand mutated recordings and requests (`make fuzz`; fewer in `make test`): no 5xx, no hang, no growth."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.patience import PATIENCE_S

INPUTS = int(os.environ.get("HARK_FUZZ_INPUTS", "2000"))
SEED = int(os.environ.get("HARK_FUZZ_SEED", "1"))
# What API Gateway waits for; an input is of half a second of audio.
LIMIT_S = 29
GROWTH_MB = 25


def test_no_input_makes_the_handler_fail_hang_or_grow(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "tests.handler.fuzz", str(INPUTS), str(SEED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S + INPUTS)
    last = done.stderr.splitlines()[-1:]
    assert done.returncode == 0, f"the process ended with {done.returncode} at input {last}: {done.stderr[-3000:]}"
    seen = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\n{INPUTS} inputs: {seen}", end=" ")
    assert seen["failed"] == []
    assert sum(seen["statuses"].values()) == INPUTS
    assert not [status for status in seen["statuses"] if int(status) >= 500]
    assert seen["statuses"]["200"] > INPUTS / 20  # not everything is refused at the door
    assert seen["slowest_s"] < LIMIT_S
    # The first part of the way fills caches.
    assert seen["memory_mb"][-1] - seen["memory_mb"][2] < GROWTH_MB, seen["memory_mb"]
