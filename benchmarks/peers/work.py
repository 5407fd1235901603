"""What one recogniser does in a process of its own: `python -m benchmarks.peers.work ENGINE CLIPS.npz`."""

import json
import sys
import time

import numpy as np

from benchmarks.fresh import peak_mb
from benchmarks.peers.engines import ENGINES, RATE_HZ, size_mb

_WARM_UP, _TIMES = 1, 5
_CLIP_S = 15


def main(engine: str, path: str) -> None:
    """Transcribes all clips, then the one closest to 15 s several times; prints what came of it as JSON."""
    with np.load(path) as archive:
        names = [f"arr_{number}" for number in range(len(archive.files))]
        # A clip at a time, so that the memory is the recogniser's.
        first = fifteen = archive[names[0]]
        since = time.perf_counter()
        recogniser = ENGINES[engine][1]()
        load_s = time.perf_counter() - since
        recogniser.transcribe(recogniser.prepare(first))  # what is set up with the first clip is not the clips' affair
        texts, taken_s, audio_s = [], 0.0, 0.0
        for name in names:
            clip = archive[name]
            given = recogniser.prepare(clip)
            since = time.perf_counter()
            texts.append(recogniser.transcribe(given))
            taken_s += time.perf_counter() - since
            audio_s += len(clip) / RATE_HZ
            # One that was really said: the same words over and over lead some recognisers astray.
            fifteen = min(fifteen, clip, key=lambda each: abs(len(each) / RATE_HZ - _CLIP_S))
    given = recogniser.prepare(fifteen)
    times = []
    for _ in range(_WARM_UP + _TIMES):
        since = time.perf_counter()
        recogniser.transcribe(given)
        times.append(time.perf_counter() - since)
    found = {
        "texts": texts,
        "load_s": load_s,
        "rtf": taken_s / audio_s,
        "clip_rtf": float(np.median(times[_WARM_UP:])) / (len(fifteen) / RATE_HZ),
        "peak_mb": peak_mb(),
        "size_mb": size_mb(engine),
    }
    print()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
