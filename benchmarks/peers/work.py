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
    """Transcribes all clips, then one of 15 s several times; prints what came of it, and what it took, as JSON."""
    with np.load(path) as archive:
        clips = [archive[f"arr_{number}"] for number in range(len(archive.files))]
    since = time.perf_counter()
    transcribe = ENGINES[engine][1]()
    load_s = time.perf_counter() - since
    transcribe(clips[0])  # what is set up with the first clip is not the clips' affair
    since = time.perf_counter()
    texts = [transcribe(clip) for clip in clips]
    taken_s = time.perf_counter() - since
    fifteen = np.resize(np.concatenate(clips), _CLIP_S * RATE_HZ)
    times = []
    for _ in range(_WARM_UP + _TIMES):
        since = time.perf_counter()
        transcribe(fifteen)
        times.append(time.perf_counter() - since)
    found = {
        "texts": texts,
        "load_s": load_s,
        "rtf": taken_s / (sum(map(len, clips)) / RATE_HZ),
        "clip_rtf": float(np.median(times[_WARM_UP:])) / _CLIP_S,
        "peak_mb": peak_mb(),
        "size_mb": size_mb(engine),
    }
    print()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
