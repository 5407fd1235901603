"""Files that would take all memory get none of it, and the function lives on."""

import json
import os
import resource
import subprocess
import sys

import pytest

from handler import memory
from tests.conftest import ROOT
from tests.hark.bombs import BOMBS
from tests.patience import PATIENCE_S

MEMORY_MB = 1024
# The function as Lambda runs it: a file from standard input, and then a good recording.
PROGRAM = """
import json, re, sys
from local import environment
environment.prepare()
from handler.app import lambda_handler
from local.event import LocalContext, http_event, reply_body
replies = []
for data in (sys.stdin.buffer.read(), open("events/sample.wav", "rb").read()):
    reply = lambda_handler(http_event("POST", "/transcribe", {"content-type": "audio/mp4"}, data), LocalContext("x"))
    body = json.loads(reply_body(reply))
    replies.append([reply["statusCode"], body.get("error", {}).get("code")])
# Not ru_maxrss, which starts at what the process that started this one had.
peak_kb = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(json.dumps([replies, peak_kb // 1024]))
"""


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_becomes_a_huge_one_stays_within_the_functions_memory(name: str) -> None:
    data = BOMBS[name]()
    assert len(data) < 4_500_000  # what a request can carry
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=data,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB)},
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (refused, good), peak_mb = json.loads(done.stdout.splitlines()[-1])
    # A tag that cannot be read is passed over: what follows it is a recording.
    assert tuple(refused) in [(400, "invalid_audio"), (413, "audio_too_long"), (200, None)]
    assert good == [200, None]
    assert peak_mb < MEMORY_MB


@pytest.mark.parametrize(
    ("environment", "hard_mb", "bound_mb"),
    [
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}, None, 460),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240"}, None, 2048),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024"}, 300, 300),
        ({}, None, None),
    ],
)
def test_the_bound_is_most_of_the_functions_memory_and_there_is_none_elsewhere(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], hard_mb: int | None, bound_mb: int | None
) -> None:
    hard = resource.RLIM_INFINITY if hard_mb is None else hard_mb << 20
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (hard, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: seen.append(limits))
    memory.bound(environment)
    assert seen == ([] if bound_mb is None else [(bound_mb << 20, hard)])
