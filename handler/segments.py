"""Long audio -> windows the model can take, cut where the speaker pauses.

A recurrent network trained on utterances of some seconds loses the thread on minutes of audio, and memory grows with
length. Windows are no longer than the model's `max_window_s` and end in the quietest place of their last part.
"""

import numpy as np
from numpy.typing import NDArray

# A window is cut in its last part, where the quietest stretch of `_PAUSE_S` lies: about the shortest pause between
# words.
_SEARCHED_SHARE = 0.4
_PAUSE_S = 0.2
_STEP_S = 0.01


def split(samples: NDArray[np.float32], sample_rate_hz: int, max_window_s: float) -> list[tuple[int, int]]:
    """Cuts audio into windows that follow each other without gap or overlap.

    Args:
        samples: [samples] mono float32.
        sample_rate_hz: rate of `samples`.
        max_window_s: no window is longer.

    Returns:
        (start, end) of each window, in samples; at least one window if there are samples.
    """
    longest = int(max_window_s * sample_rate_hz)
    windows: list[tuple[int, int]] = []
    start = 0
    while len(samples) - start > longest:
        earliest = start + int(longest * (1 - _SEARCHED_SHARE))
        end = earliest + _quietest(samples[earliest : start + longest], sample_rate_hz)
        windows.append((start, end))
        start = end
    if start < len(samples):
        windows.append((start, len(samples)))
    return windows


def _quietest(samples: NDArray[np.float32], sample_rate_hz: int) -> int:
    """Returns the middle, in samples, of the stretch of `_PAUSE_S` that carries the least energy."""
    step = max(1, int(_STEP_S * sample_rate_hz))
    steps = len(samples) // step
    width = round(_PAUSE_S / _STEP_S)
    if steps <= width:
        return len(samples)
    energy = np.square(samples[: steps * step].astype(np.float64)).reshape(steps, step).sum(axis=1)
    total = np.cumsum(np.r_[0.0, energy])
    stretches = total[width:] - total[:-width]
    return int((stretches.argmin() + width / 2) * step)
