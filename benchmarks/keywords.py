"""What the keyword model costs, and how often it hears words in running speech: `python -m benchmarks.keywords`.

Prints the CPU time of one second of audio on one thread, features and network (median of many), and of ten minutes as a
timeline. With `--speech MANIFEST` also how many words it detects an hour that nobody said there: false alarms, as a
device that listens all day would have them; and the share of the words said amid sentences that it detects.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hark import features
from hark.command import command
from hark.keywords import spot, spot_blocks
from hark.pipeline import Runner, Timings
from hark.recognizer import Recognizer
from hark.spec import SILENCE, UNKNOWN
from training.manifest import Utterance, read_manifest
from training.text import normalise

_WARM_UP, _TIMES = 20, 300
_TIMELINE_S = 600


def cpu_ms(work: Callable[[], object], times: int = _TIMES) -> float:
    """Returns the median CPU time of a piece of work in milliseconds, after some runs to warm up."""
    taken = []
    for _ in range(_WARM_UP + times):
        since = time.process_time()
        work()
        taken.append(time.process_time() - since)
    return 1000 * float(np.median(taken[_WARM_UP:]))


def in_speech(recognizer: Runner, utterances: Sequence[Utterance]) -> tuple[int, int, int, float]:
    """Compares detections with transcripts as bags of words.

    Returns:
        false alarms, words of the model that were said, those of them detected, hours of audio.
    """
    words = set(recognizer.spec.labels) - {UNKNOWN, SILENCE}
    false = said = detected = 0
    audio_s = 0.0
    for utterance in utterances:
        heard = spot(utterance.audio_path.read_bytes(), recognizer, float("inf"), Timings())
        there = Counter(word for word in normalise(utterance.text).split() if word in words)
        found = Counter(detection.label for detection in heard.detections)
        detected += (there & found).total()
        false += (found - there).total()
        said += there.total()
        audio_s += heard.duration_s
    return false, said, detected, audio_s / 3600


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/keywords.onnx"))
    parser.add_argument("--speech", type=Path, metavar="MANIFEST")
    options = parser.parse_args(arguments)
    recognizer = Recognizer(options.model, "keywords")
    spec = recognizer.spec
    second = np.random.default_rng(0).normal(0, 0.1, spec.sample_rate_hz).astype(np.float32)
    window = features.compute(second, spec)
    features_ms = cpu_ms(lambda: features.compute(second, spec))
    network_ms = cpu_ms(lambda: recognizer.run([window]))
    print(f"one second on one thread: features {features_ms:.2f} ms, network {network_ms:.2f} ms of CPU time")
    minutes = np.tile(second, _TIMELINE_S)
    since = time.process_time()
    spot_blocks([minutes], recognizer, Timings())
    spent_s = time.process_time() - since
    print(f"{_TIMELINE_S} s as a timeline: {spent_s:.2f} s, {1000 * spent_s / _TIMELINE_S:.2f} ms a second of audio")
    if options.speech:
        false, said, detected, hours = in_speech(recognizer, read_manifest(options.speech))
        print(
            f"{hours:.2f} h of {options.speech}: {false} false alarms, {false / hours:.1f} an hour; "
            f"{detected} of {said} words said amid others detected"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
