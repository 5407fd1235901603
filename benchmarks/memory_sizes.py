"""Finds the memory size that a function should have: `python -m benchmarks.memory_sizes [--output docs/operations.md]`.

Lambda gives a function a share of a processor with its memory, one vCPU for 1769 MB, and bills memory times time. This
builds the image, runs it under AWS's runtime interface emulator with the processors that each size has, and measures
the first request of a fresh container, which is a cold start, and requests after it.
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import image
from benchmarks.conditions import machine
from benchmarks.cost import GB_SECOND
from benchmarks.documents import write_block
from benchmarks.speech import request, speech
from hark.command import command
from hark.errors import HarkError
from tests.container import emulator

_MB_OF_A_VCPU = 1769
_VCPUS = (0.5, 1.0, 2.0)  # of sizes that template.yaml allows
_COLD_S, _WARM_S = 5, 15
_WARM_UP, _TIMES = 2, 12


@dataclass(frozen=True)
class Size:
    """What was measured with one memory size.

    Attributes:
        vcpus: its share of processors.
        cold_s: first requests of fresh containers, with 5 s of speech, in seconds.
        warm_s: further requests, with 15 s of speech.
    """

    vcpus: float
    cold_s: list[float]
    warm_s: list[float]

    @property
    def memory_mb(self) -> int:
        """The memory size for this many vCPUs."""
        return round(self.vcpus * _MB_OF_A_VCPU)

    @property
    def warm_hour_usd(self) -> float:
        """The cost of an hour of audio in such requests, without the price of the requests themselves."""
        return statistics.median(self.warm_s) * 3600 / _WARM_S * self.memory_mb / 1024 * GB_SECOND


def measure(built: image.Image, containers: int) -> list[Size]:
    """Measures each size in several fresh containers, in turn, so that a noisy neighbour affects all sizes alike."""
    sizes = [Size(vcpus, [], []) for vcpus in _VCPUS]
    short, long = request(speech(_COLD_S)), request(speech(_WARM_S))
    for _ in range(containers):
        for size in sizes:
            with built.running({}, size.memory_mb, size.vcpus) as function:
                size.cold_s.append(_seconds(function, short))
                size.warm_s.extend([_seconds(function, long) for _ in range(_WARM_UP + _TIMES)][_WARM_UP:])
    return sizes


def _seconds(function: emulator.Function, event: dict[str, Any]) -> float:
    since = time.perf_counter()
    reply = function.invoke(event)
    taken = time.perf_counter() - since
    if reply.get("statusCode") != 200:
        raise HarkError(f"the function replied {str(reply)[:300]}")
    return taken


def table(sizes: list[Size]) -> str:
    """Returns the table in Markdown."""
    rows = [
        f"| {size.memory_mb} | {size.vcpus:g} | {statistics.median(size.cold_s):.2f} s "
        f"| {statistics.median(size.warm_s) * 1000:.0f} ms | ${size.warm_hour_usd:.5f} |"
        for size in sizes
    ]
    head = (
        "| `MemorySize`, MB | vCPUs | cold start with 5 s of speech | 15 s of speech, warm | an hour in such requests |"
    )
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def advice(sizes: list[Size]) -> str:
    """Names the cheapest size, and a faster one that costs hardly more."""
    cheapest = min(sizes, key=lambda size: size.warm_hour_usd)
    close = [size for size in sizes if size.warm_hour_usd <= 1.1 * cheapest.warm_hour_usd]
    fastest = min(close, key=lambda size: statistics.median(size.warm_s))
    if fastest is cheapest:
        return f"Cheapest, and the fastest of those that cost about as much: {cheapest.memory_mb} MB."
    return (
        f"Cheapest: {cheapest.memory_mb} MB. Within a tenth of its price the fastest is {fastest.memory_mb} MB, "
        f"{statistics.median(cheapest.warm_s) / statistics.median(fastest.warm_s):.1f} times as fast."
    )


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="", help="one that is built already, for the engine that runs")
    parser.add_argument("--containers", type=int, default=3, help="fresh ones of each size (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="a document with two marks to put the table between")
    options = parser.parse_args(arguments)
    with image.provided(options.image) as built:
        sizes = measure(built, options.containers)
    found = f"{machine()}; Python 3.13, as the image has it\n\n{table(sizes)}\n\n{advice(sizes)}"
    print(found)
    if options.output:
        write_block(options.output, "benchmarks.memory_sizes", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
