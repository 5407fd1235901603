"""Load with instances that die: `python -m benchmarks.load [--output docs/benchmarks.md] [--minutes 10] [--rate 20]`.

Posts recordings at a steady rate to several instances of the image, each under AWS's runtime interface emulator and
each given one request at a time, as Lambda does (`tests/container/fleet.py`). Half of the instances are killed at
random while they work; the other half live all the time, and the memory is theirs. A client tries again what was
answered with 5xx, as OpenAI's clients do.

Fails where a request gets no transcript, where a transcript is not that of its own recording, and where memory grows.
The recordings are the utterances of tests/data, each with several lengths of silence after it: no two requests that are
under way at the same time have the same recording, and a reply tells words and duration.
"""

import argparse
import http.client
import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from benchmarks import image
from benchmarks.conditions import machine
from benchmarks.documents import write_block
from benchmarks.load_figures import Look, Outcome, Run
from hark.command import command
from hark.errors import HarkError
from local import environment
from local.event import LocalContext, http_event
from tests.container import emulator, fleet
from tests.container.engine import Engine

ROOT = Path(__file__).resolve().parent.parent
RATE_HZ = 16_000
_LENGTHS = 16
_STEP_S = 0.02
# As template.yaml sets it.
_MEMORY_MB = 1769
# As OpenAI's clients wait, set to try again seven times and not twice: all instances share this machine's processors,
# and one that starts slows down the others.
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
_CLIENTS = 64
_TIMEOUT_S = 60.0
_LOOK_EVERY_S = 5.0
# An answer takes a little longer.
_KILL_WITHIN_S = 0.02
_HEADERS = {"Content-Type": "audio/wav"}


@dataclass(frozen=True)
class Recording:
    """What is posted, and what must come back.

    Attributes:
        body: a WAV.
        reply: what the handler says of it.
    """

    body: bytes
    reply: Any


def recordings(seed: int) -> list[Recording]:
    """Makes the recordings, in an order by chance, and asks the handler here what it says of them.

    Raises:
        HarkError: two utterances have the same words, so that nobody could tell their replies apart.
    """
    environment.prepare()
    from handler.app import lambda_handler  # after the environment is set

    rng = np.random.default_rng(seed)
    made: list[Recording] = []
    texts: set[str] = set()
    paths = sorted((ROOT / "tests" / "data").glob("[0-9][0-9].ogg"))
    for path in paths:
        utterance, rate_hz = sf.read(path, dtype="float32")
        assert rate_hz == RATE_HZ
        for length in range(_LENGTHS):
            silence = rng.normal(0, 1e-4, int(length * _STEP_S * RATE_HZ)).astype(np.float32)
            wav = io.BytesIO()
            sf.write(wav, np.concatenate([utterance, silence]), RATE_HZ, format="WAV", subtype="PCM_16")
            body = wav.getvalue()
            reply = lambda_handler(http_event("POST", "/transcribe", _HEADERS, body), LocalContext("load"))
            made.append(Recording(body, told(reply["body"])))
        texts.add(made[-1].reply["text"])
    if len(texts) < len(paths):
        raise HarkError("Two utterances of tests/data have the same transcript with this model.")
    return [made[index] for index in rng.permutation(len(made))]


def told(body: str | bytes) -> Any:
    """Returns what a transcript says, without confidences, whose last digits depend on the processor."""
    reply = json.loads(body)
    words = [[word["word"], word["start"], word["end"]] for word in reply["words"]]
    return {"text": reply["text"], "duration": reply["duration"], "words": words}


def post(port: int, recording: Recording, due_s: float, waits_s: Sequence[float]) -> Outcome:
    """Posts a recording until it gets a transcript, at most once more than there are waits."""
    statuses: list[int] = []
    for wait_s in (0.0, *waits_s):
        time.sleep(wait_s)
        status, body = _once(port, recording.body)
        statuses.append(status)
        if status == 200:
            return Outcome(tuple(statuses), time.perf_counter() - due_s, told(body) == recording.reply)
    return Outcome(tuple(statuses), time.perf_counter() - due_s, is_own=False)


def _once(port: int, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", "/transcribe", body, _HEADERS)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def drive(
    instances: fleet.Fleet,
    memory: Callable[[list[str]], dict[str, float]],
    run: Run,
    kill_every_s: float,
    seed: int,
    waits_s: Sequence[float] = WAITS_S,
) -> Run:
    """Posts for as long as the run says, kills, and looks at the memory; fills in what was seen.

    Args:
        instances: all of them started.
        memory: tells the memory of containers by their ids.
        run: with its length and rate.
        kill_every_s: from one kill to the next, on average.
        seed: of what is by chance.
        waits_s: of a client, before it tries again.
    """
    posted = recordings(seed)
    rng, of_kills = np.random.default_rng(seed).spawn(2)
    done = threading.Event()
    before = os.getloadavg()[0]

    def kill() -> None:
        while not done.wait(kill_every_s * of_kills.uniform(0.5, 1.5)):
            instances.order(fleet.Kill(of_kills.uniform(0, _KILL_WITHIN_S), only_handler=bool(of_kills.integers(2))))

    def look() -> None:
        while not done.wait(_LOOK_EVERY_S):
            spared = {each.function.container: each for each in instances.instances() if each.is_spared}
            answered = {container: each.answered for container, each in spared.items()}
            for container, memory_mb in memory(list(spared)).items():
                now_s = time.perf_counter() - since
                run.looks.append(Look(now_s, spared[container].number, answered[container], memory_mb))

    with fleet.serving(instances) as port, ThreadPoolExecutor(_CLIENTS) as clients:
        others = [threading.Thread(target=work) for work in (kill, look)]
        since = time.perf_counter()
        try:
            for other in others:
                other.start()
            waiting = []
            for index in range(round(run.seconds * run.rate_hz)):
                due_s = since + index / run.rate_hz
                time.sleep(max(0.0, due_s - time.perf_counter()))
                recording = posted[index % len(posted)]
                own_s = [rng.uniform(0.75, 1) * each_s for each_s in waits_s]
                waiting.append(clients.submit(post, port, recording, due_s, own_s))
            run.outcomes = [each.result() for each in waiting]
        finally:
            done.set()
            for other in others:
                other.join()
    run.counts, run.faults = instances.counts, instances.faults
    run.load = before, os.getloadavg()[0]
    return run


def memory_of(docker: Engine, containers: list[str]) -> dict[str, float]:
    """Returns the memory of the handler's process in containers (RSS), in MB of a million bytes."""
    found = {}
    for container in containers:
        lines = docker.docker("top", container, "-eo", "pid,rss,args", check=False).stdout.splitlines()
        sizes = [int(line.split()[1]) for line in lines if "-m awslambdaric" in line and "aws-lambda-rie" not in line]
        if sizes:
            found[container] = sizes[0] * 1024 / 1e6
    return found


def load(
    built: image.Image,
    run: Run,
    kill_every_s: float,
    seed: int,
    variables: dict[str, str],
    waits_s: Sequence[float] = WAITS_S,
) -> Run:
    """Starts the instances, with environment variables, and drives them; the rest is as for `drive`."""

    def start() -> emulator.Function:
        function = built.start(variables, _MEMORY_MB)
        function.invoke(http_event("GET", "/health", {}, b""))
        return function

    started = fleet.Fleet(start, run.instances, spared=(run.instances + 1) // 2)
    try:
        started.fill()
        return drive(started, lambda names: memory_of(built.docker, names), run, kill_every_s, seed, waits_s)
    finally:
        started.end()


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="", help="one that is built already, for the engine that runs")
    parser.add_argument("--minutes", type=float, default=10, help="(default: %(default)s)")
    parser.add_argument("--rate", type=float, default=20, help="requests a second (default: %(default)s)")
    parser.add_argument("--instances", type=int, default=8, help="at the same time (default: %(default)s)")
    parser.add_argument("--kill-every", type=float, default=5, help="seconds, on average (default: %(default)s)")
    parser.add_argument("--decoder", default="joint", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is by chance (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="a document with two marks to put the table between")
    options = parser.parse_args(arguments)
    os.environ["HARK_DECODER"] = options.decoder
    variables = {"HARK_DECODER": options.decoder}
    run = Run(60 * options.minutes, options.rate, options.instances)
    with image.provided(options.image) as built:
        load(built, run, options.kill_every, options.seed, variables)
    found = f"{machine()}; `decoder={options.decoder}`, 2 s a recording\n\n{run.table()}"
    print(found)
    if options.output:
        write_block(options.output, "benchmarks.load", found)
    for wrong in run.wrong():
        print(f"error: {wrong}", file=sys.stderr)
    return 1 if run.wrong() else 0


if __name__ == "__main__":
    sys.exit(main())
