"""Where words begin and end, from the frames their letters were heard in.

CTC puts each letter into a frame or two somewhere within its sound, and where depends on the network. What is off on
average is measured when a model is exported (`export.calibrate`) and travels in its spec.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handler.ctc import Tokens
from handler.spec import ModelSpec

# No word is shorter: at ten words a second nobody is understood.
_SHORTEST_S = 0.05


def spans_s(tokens: Tokens, words: Sequence[slice], spec: ModelSpec) -> NDArray[np.float64]:
    """Places words.

    Args:
        tokens: of one window.
        words: the letters of each word, as `handler.ctc.words` finds them, in order.
        spec: the model's spec.

    Returns:
        [words, 2] start and end in seconds from the start of the window; no two overlap.
    """
    if not words:
        return np.zeros((0, 2))
    frame_s = 1 / spec.output_frames_per_second
    starts_s = tokens.starts[[word.start for word in words]] * frame_s + spec.word_start_shift_s
    ends_s = tokens.ends[[word.stop - 1 for word in words]] * frame_s + spec.word_end_shift_s
    starts_s = np.maximum.accumulate(np.maximum(starts_s, 0))
    ends_s = np.maximum(ends_s, starts_s + _SHORTEST_S)
    # Where a word would reach into the next, both end in the middle of what they share.
    overlapping = ends_s[:-1] > starts_s[1:]
    middle_s = (np.minimum(ends_s[:-1], ends_s[1:]) + np.maximum(starts_s[1:], starts_s[:-1])) / 2
    ends_s[:-1] = np.where(overlapping, middle_s, ends_s[:-1])
    starts_s[1:] = np.where(overlapping, middle_s, starts_s[1:])
    return np.stack([starts_s, ends_s], axis=1)
