"""What a cold start costs: `python -m benchmarks.cold_start [--runs N] [--tracing]`.

Starts fresh processes and takes the processor time of each, from exec to exit, as the kernel counts it: of one that
sends five seconds of speech through `lambda_handler`, and of the least that any such function does, which imports NumPy
and ONNX Runtime, opens the same model and runs it once on as many frames. They take turns, so that a noisy neighbour
meets all alike; medians and their ratio are printed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fresh import WorkFailed
from benchmarks.speech import request, speech
from hark.command import command
from hark.decoding import DECODERS

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 5
_RUNS = 10
_WARM_UPS = 2

FLOOR = """
import sys
import numpy as np
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
frames = int(sys.argv[2])
features = np.zeros((1, frames, session.get_inputs()[0].shape[2]), np.float32)
session.run(None, {"log_mel": features, "lengths": np.array([frames])})
"""
# The event is made before anything is measured, and read as Lambda's runtime client reads it.
HANDLER = """
import json, sys
from handler.app import lambda_handler
class Context:
    function_name, memory_limit_in_mb, aws_request_id = "hark", 1769, "1"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:hark"
    def get_remaining_time_in_millis(self): return 29000
reply = lambda_handler(json.load(open(sys.argv[1])), Context())
assert reply["statusCode"] == 200, reply
"""


@dataclass(frozen=True)
class ColdStart:
    """Processor time of fresh processes, in seconds.

    Attributes:
        floor_s: of those that only open the model and run it.
        handler_s: of those that answer a request, by decoder.
    """

    floor_s: list[float]
    handler_s: dict[str, list[float]]

    def median_s(self, decoder: str) -> float:
        """Returns the median of a decoder's runs."""
        return statistics.median(self.handler_s[decoder])

    def ratio(self, decoder: str) -> float:
        """Returns the median of a decoder's runs over that of the floor's."""
        return self.median_s(decoder) / statistics.median(self.floor_s)


def cpu_s(program: str, arguments: list[str], environment: dict[str, str]) -> float:
    """Runs a program in a fresh interpreter; returns the processor time it took from exec to exit.

    Raises:
        WorkFailed: it failed.
    """
    command = [sys.executable, "-c", program, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
    assert process.stderr
    with process.stderr:
        said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise WorkFailed(f"the program ended with {process.returncode}: {said.decode(errors='replace')[-500:]}")
    return usage.ru_utime + usage.ru_stime


def measure(model: Path, runs: int, tracing: bool = False) -> ColdStart:
    """Starts `runs` processes of each kind, after a few that fill the caches of files; `tracing` as on AWS."""
    environment = {**os.environ, "HARK_MODEL": str(model), "OMP_NUM_THREADS": "1"}
    environment["POWERTOOLS_TRACE_DISABLED"] = "false" if tracing else "true"
    # The image has bytecode; here the warm-up writes it.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        event = Path(folder) / "event.json"
        event.write_text(json.dumps(request(speech(SECONDS))))
        found = ColdStart([], {decoder: [] for decoder in DECODERS})
        for run in range(-_WARM_UPS, runs):
            floor = cpu_s(FLOOR, [str(model), str(SECONDS * 100)], environment)
            handlers = {
                decoder: cpu_s(HANDLER, [str(event)], {**environment, "HARK_DECODER": decoder}) for decoder in DECODERS
            }
            if run >= 0:
                found.floor_s.append(floor)
                for decoder, seconds in handlers.items():
                    found.handler_s[decoder].append(seconds)
    return found


def table(found: ColdStart) -> str:
    """Says it in Markdown."""
    rows = [f"| the floor | {statistics.median(found.floor_s):.3f} | |"]
    rows += [
        f"| `lambda_handler`, {decoder} | {found.median_s(decoder):.3f} | {found.ratio(decoder):.2f} |"
        for decoder in found.handler_s
    ]
    head = f"| {len(found.floor_s)} fresh processes each, 5 s of speech | seconds of CPU time, median | of the floor |"
    return "\n".join([head, "|---|---|---|", *rows])


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "asr.onnx")
    parser.add_argument("--runs", type=int, default=_RUNS, help="(default: %(default)s)")
    parser.add_argument("--tracing", action="store_true", help="as with the template's Tracing=Active")
    options = parser.parse_args(arguments)
    print(table(measure(options.model.resolve(), options.runs, options.tracing)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
