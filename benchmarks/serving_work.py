"""What `benchmarks.serving` has done in fresh processes: `python -m benchmarks.serving_work NAME FOLDER DECODER`.

Each function is one piece of work, on recordings that lie in a folder; what it returns is printed as JSON.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from benchmarks.decoders import decoder_named
from benchmarks.fresh import peak_mb
from handler.settings import Settings
from hark import features
from hark.audio import decode
from hark.pipeline import Timings, transcribe
from hark.recognizer import Recognizer
from local.event import LocalContext, http_event

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")
_WARM_UP, _TIMES = 5, 40
_MINUTES = 8
_CLIPS = 40


class Watched:
    """A recogniser that adds up the time it takes, and that an attention decoder does."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.spec = recognizer.spec
        self.seconds = 0.0
        self.run = self.watched(recognizer.run)
        self.run_with_features = self.watched(recognizer.run_with_features)

    def watched(self, work: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
        """Returns a function that does the same, and adds the time it takes."""

        def timed(*given: _Given.args, **named: _Given.kwargs) -> _Found:
            since = time.perf_counter()
            found = work(*given, **named)
            self.seconds += time.perf_counter() - since
            return found

        return timed


def requests(folder: Path, decoder: str, seconds: int) -> dict[str, float]:
    """Milliseconds of a warm function for a clip: all of it, and the model's part; medians of each."""
    os.environ["HARK_DECODER"] = decoder
    from handler import app  # reads the environment

    watched = Watched(app.recognizer)
    app.recognizer = watched  # type: ignore[assignment]
    if app.decoders.default == "joint":
        attention = app.decoders.attention
        attention.run = watched.watched(attention.run)  # type: ignore[method-assign]
    body = (folder / f"{seconds}.wav").read_bytes()
    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, body)
    whole, outside, mels = [], [], []
    samples = decode(body, watched.spec.sample_rate_hz, float("inf"))
    log_mel = features.compute(samples, watched.spec)
    for _ in range(_WARM_UP + _TIMES):
        watched.seconds = 0.0
        since = time.perf_counter()
        reply = app.lambda_handler(event, LocalContext("1"))
        taken = time.perf_counter() - since
        assert reply["statusCode"] == 200, reply
        whole.append(taken)
        outside.append(taken - watched.seconds)
        since = time.perf_counter()
        watched.run([log_mel])
        mels.append(time.perf_counter() - since)
    medians = (1000 * statistics.median(times[_WARM_UP:]) for times in (whole, outside, mels))
    return dict(zip(("whole_ms", "outside_ms", "model_ms"), medians, strict=True))


def growth(folder: Path, decoder: str, seconds: int) -> dict[str, float]:
    """Seconds for a minute (median of some) and for a recording of so many, and the memory that it all took."""
    recognizer = Recognizer(Settings.from_environment({}).model_path)
    decode_window = decoder_named(decoder, recognizer.spec)

    def once(name: str) -> float:
        data = (folder / name).read_bytes()
        since = time.perf_counter()
        transcribe(data, recognizer, float("inf"), Timings(), decoder=decode_window)
        return time.perf_counter() - since

    # Half of the minutes before it and half after: a machine that changes its pace meanwhile changes it for both.
    once("60.flac")
    minutes = [once("60.flac") for _ in range(_MINUTES)]
    long_s = once(f"{seconds}.flac")
    minutes += [once("60.flac") for _ in range(_MINUTES)]
    return {"minute_s": statistics.median(minutes), "long_s": long_s, "peak_mb": peak_mb()}


def memory(folder: Path, decoder: str, seconds: int) -> dict[str, float]:
    """The memory that answering requests with a clip takes."""
    os.environ["HARK_DECODER"] = decoder
    from handler import app

    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, (folder / f"{seconds}.wav").read_bytes())
    for _ in range(_CLIPS):
        assert app.lambda_handler(event, LocalContext("1"))["statusCode"] == 200
    return {"peak_mb": peak_mb()}


def log_mel(folder: Path, _decoder: str, seconds: int) -> dict[str, float]:
    """Milliseconds per second of audio of the log-mel spectrogram, and of NumPy's Fourier transforms of its frames."""
    spec = Recognizer(Settings.from_environment({}).model_path).spec
    samples = decode((folder / f"{seconds}.wav").read_bytes(), spec.sample_rate_hz, float("inf"))
    duration_s = len(samples) / spec.sample_rate_hz
    frames = np.lib.stride_tricks.sliding_window_view(samples, spec.n_fft)[:: spec.hop_samples]
    return {
        "log_mel_ms": median_ms(lambda: features.log_mel(samples, spec)) / duration_s,
        "transforms_ms": median_ms(lambda: [np.fft.rfft(part) for part in np.array_split(frames, 6)]) / duration_s,
    }


def median_ms(work: Callable[[], object], times: int = 100) -> float:
    """Returns the median CPU time of a piece of work, after some runs to warm up."""
    taken = []
    for _ in range(_WARM_UP + times):
        since = time.process_time()
        work()
        taken.append(time.process_time() - since)
    return 1000 * statistics.median(taken[_WARM_UP:])


WORK: dict[str, Callable[[Path, str, int], dict[str, float]]] = {
    work.__name__: work for work in (requests, growth, memory, log_mel)
}


def main(arguments: list[str]) -> Any:
    """The command line."""
    name, folder, decoder, seconds = arguments
    print()  # the handler logs lines of its own to standard output, the last of which may be unfinished
    print(json.dumps(WORK[name](Path(folder), decoder, int(seconds))))


if __name__ == "__main__":
    main(sys.argv[1:])
