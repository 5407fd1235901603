"""What an engine said -> a recording: warped, at the training rate, without long silences, at a level of its own."""

import numpy as np
import soxr

from training.synthesis.engine import SynthesisError

SAMPLE_RATE_HZ = 16000
# Below this share of the peak is silence: -46 dB, under the quietest fricatives of the engines.
_SILENCE = 0.005
_MARGIN_S = 0.15
_SHORTEST_S = 0.1


def record(samples: np.ndarray, rate_hz: float, warp: float, peak: float) -> np.ndarray:
    """Makes a recording of speech.

    Args:
        samples: [samples] float.
        rate_hz: their rate.
        warp: factor on all frequencies.
        peak: the largest absolute value of the recording, up to 1.

    Returns:
        [samples] float32 at `SAMPLE_RATE_HZ`.

    Raises:
        SynthesisError: there is no speech in it.
    """
    samples = np.asarray(samples, np.float32).ravel()
    if not np.isfinite(samples).all():
        raise SynthesisError("the engine made samples that are not numbers")
    # Saying that they are faster than they are is the warp: it costs nothing on top of the resampling.
    samples = soxr.resample(samples, rate_hz * warp, SAMPLE_RATE_HZ, quality="HQ")
    loudest = float(np.abs(samples).max(initial=0))
    if loudest < 1e-4:
        raise SynthesisError("the engine was silent")
    spoken = np.flatnonzero(np.abs(samples) > _SILENCE * loudest)
    margin = int(_MARGIN_S * SAMPLE_RATE_HZ)
    if spoken[-1] - spoken[0] < _SHORTEST_S * SAMPLE_RATE_HZ:
        raise SynthesisError(f"the engine spoke for less than {_SHORTEST_S} s")
    return samples[max(0, spoken[0] - margin) : spoken[-1] + 1 + margin] * np.float32(peak / loudest)
