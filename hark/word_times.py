"""Where words begin and end, from the frames their letters were heard in and the silences around them.

CTC puts each letter into a frame or two somewhere within its sound, and where depends on the network: what it does is
measured when a model is exported (`export.calibrate`) and travels in its spec. Between two words the gap from the last
letter of one to the first of the other says more than either frame alone. Around a silence, into which networks put
letters too, words end and begin where it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hark.ctc import Tokens
from hark.spec import ModelSpec

# No word is shorter: at ten words a second nobody is understood.
_SHORTEST_S = 0.05
# Of a longer gap no more than this belongs to the words around it.
_LONGEST_GAP_S = 0.25
# Letters beside a silence are heard at most so far from where it begins or ends. At the edges of a window, where none
# come before or after, they are heard anywhere in it.
_REACH_S = 0.3


@dataclass(frozen=True)
class Frames:
    """Where the letters of words were heard, in seconds from the start of the window; the gaps as far as they count.

    Attributes:
        starts_s: [words] start of the first letter's first frame.
        ends_s: [words] end of the last letter's last frame.
        gaps_before_s: [words] from the word before, 0 for the first word.
        gaps_after_s: [words] to the word after, 0 for the last word.
        onsets_s: [words] where the silence before a word ends; NaN where there is none.
        offsets_s: [words] where the silence after a word begins; NaN where there is none.
    """

    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    gaps_before_s: NDArray[np.float64]
    gaps_after_s: NDArray[np.float64]
    onsets_s: NDArray[np.float64]
    offsets_s: NDArray[np.float64]


def frames(tokens: Tokens, words: Sequence[slice], silences_s: NDArray[np.float64], spec: ModelSpec) -> Frames:
    """Looks up where words were heard; the arguments are those of `spans_s`."""
    frame_s = 1 / spec.output_frames_per_second
    starts_s = tokens.starts[[word.start for word in words]].astype(np.float64) * frame_s
    ends_s = tokens.ends[[word.stop - 1 for word in words]].astype(np.float64) * frame_s
    gaps_s = np.minimum(starts_s[1:] - ends_s[:-1], _LONGEST_GAP_S)
    none = np.zeros(len(words[:1]))
    onsets_s, offsets_s = np.full(len(words), np.nan), np.full(len(words), np.nan)
    for silence_start_s, silence_end_s in silences_s:
        leads, trails = silence_start_s <= 0, np.isinf(silence_end_s)
        after = 0 if leads else int(np.searchsorted(starts_s, silence_end_s - _REACH_S))
        if after < len(words) and starts_s[after] <= silence_end_s + _REACH_S:
            onsets_s[after] = silence_end_s
        if after and -_REACH_S <= ends_s[after - 1] - silence_start_s <= (np.inf if trails else _REACH_S):
            offsets_s[after - 1] = silence_start_s
    before_s, after_s = np.concatenate([none, gaps_s]), np.concatenate([gaps_s, none])
    return Frames(starts_s, ends_s, before_s, after_s, onsets_s, offsets_s)


def spans_s(
    tokens: Tokens, words: Sequence[slice], silences_s: NDArray[np.float64], spec: ModelSpec
) -> NDArray[np.float64]:
    """Places words.

    Args:
        tokens: of one window.
        words: the letters of each word, as `hark.ctc.words` finds them, in order.
        silences_s: [silences, 2] of the window, see `hark.segments.Window`.
        spec: the model's spec.

    Returns:
        [words, 2] start and end in seconds from the start of the window; no two overlap.
    """
    if not words:
        return np.zeros((0, 2))
    letters = frames(tokens, words, silences_s, spec)
    starts_s = letters.starts_s + spec.word_start_shift_s + spec.word_start_gap_share * letters.gaps_before_s
    # No onset leaves a word less than the shortest before the next begins.
    latest_s = np.append(starts_s[1:] - _SHORTEST_S, np.inf)
    starts_s = np.where(np.isnan(letters.onsets_s), starts_s, np.minimum(letters.onsets_s, latest_s))
    starts_s = np.fmin(starts_s, letters.offsets_s - _SHORTEST_S)
    ends_s = letters.ends_s + spec.word_end_shift_s + spec.word_end_gap_share * letters.gaps_after_s
    ends_s = np.where(np.isnan(letters.offsets_s), ends_s, letters.offsets_s)
    starts_s = np.maximum.accumulate(np.maximum(starts_s, 0))
    ends_s = np.maximum(ends_s, starts_s + _SHORTEST_S)
    # Where a word would reach into the next, both end in the middle of what they share.
    overlapping = ends_s[:-1] > starts_s[1:]
    middle_s = (np.minimum(ends_s[:-1], ends_s[1:]) + np.maximum(starts_s[1:], starts_s[:-1])) / 2
    ends_s[:-1] = np.where(overlapping, middle_s, ends_s[:-1])
    starts_s[1:] = np.where(overlapping, middle_s, starts_s[1:])
    return np.stack([starts_s, ends_s], axis=1)
