"""What the benchmarks of serving hear: the sample that comes with Hark, as long as it takes, and requests with it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from local.event import http_event

ROOT = Path(__file__).resolve().parent.parent
RATE_HZ = 16_000
# Pauses between the sentence's repetitions, and what a quiet room leaves in them, of full scale.
_PAUSE_S = (0.3, 1.5)
_ROOM = 10 ** (-66 / 20)


def speech(seconds: float) -> NDArray[np.float32]:
    """Repeats the sample, with pauses between, to a recording of exactly so many seconds."""
    sample, rate_hz = sf.read(ROOT / "events" / "sample.wav", dtype="float32")
    assert rate_hz == RATE_HZ
    rng = np.random.default_rng(1)
    parts: list[NDArray[np.float32]] = []
    wanted = int(seconds * RATE_HZ)
    while sum(map(len, parts)) < wanted:
        parts += [sample, np.zeros(int(rng.uniform(*_PAUSE_S) * RATE_HZ), np.float32)]
    samples = np.concatenate(parts)[:wanted]
    noisy: NDArray[np.float32] = samples + rng.normal(0, _ROOM, wanted).astype(np.float32)
    return noisy


def request(samples: NDArray[np.float32]) -> dict[str, Any]:
    """Returns the event of a request with [samples] as a WAV."""
    wav = io.BytesIO()
    sf.write(wav, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    return http_event("POST", "/transcribe", {"content-type": "audio/wav"}, wav.getvalue())
