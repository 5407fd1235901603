"""Makes events/sample.wav and sample.ogg: `python events/synthesise.py` (needs the extra `sample`).

A freely licensed text-to-speech engine reads it (hibari-tts, Apache-2.0), so the repository holds nobody's recording.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

TEXT = "The train to the coast leaves at nine in the morning, and the old man will wait for you at the station."
SAMPLE_RATE_HZ = 16000
PEAK = 0.7
SILENCE_S = 0.25


def synthesise(text: str) -> np.ndarray:
    """Returns [samples] float32 at `SAMPLE_RATE_HZ`."""
    from hibari import Hibari

    engine_rate_hz = 24000
    speech = soxr.resample(np.asarray(Hibari()(text), np.float32).ravel(), engine_rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    silence = np.zeros(int(SILENCE_S * SAMPLE_RATE_HZ), np.float32)
    return np.concatenate([silence, speech / np.abs(speech).max() * PEAK, silence])


if __name__ == "__main__":
    speech = synthesise(TEXT)
    for name, settings in {
        "sample.wav": {"subtype": "PCM_16"},
        "sample.ogg": {"format": "OGG", "subtype": "OPUS"},
    }.items():
        output = Path(__file__).with_name(name)
        sf.write(output, speech, SAMPLE_RATE_HZ, **settings)
        print(f"{output}: {len(speech) / SAMPLE_RATE_HZ:.2f} s", file=sys.stderr)
