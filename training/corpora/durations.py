"""Recordings as their corpus lists them -> utterances whose files exist, with their lengths."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile as sf
from tqdm import tqdm

from hark.audio import MIN_SAMPLE_RATE_HZ, blocks, stated_duration_s
from hark.command import told
from hark.errors import RequestError
from training.corpora.listing import Recording
from training.manifest import Utterance

# libsndfile's answer for a file that was written to a pipe, whose header could not be completed.
_UNKNOWN_FRAMES = (1 << 63) - 1
# Manifests have milliseconds; a recording that would have 0 is no utterance.
_MIN_DURATION_S = 0.001


def measure(recordings: Sequence[Recording]) -> tuple[list[Utterance], list[str]]:
    """Reads the header of every file; decodes those whose header does not say how long they are.

    Returns:
        The utterances that can be used, in order, and a sentence for each recording that cannot.
    """
    utterances: list[Utterance] = []
    problems: list[str] = []
    with ThreadPoolExecutor() as pool:
        results = pool.map(_measured, recordings)
        for result in tqdm(results, total=len(recordings), desc="reading headers", unit="file", disable=None):
            if isinstance(result, str):
                problems.append(result)
            else:
                utterances.append(result)
    return utterances, problems


def _measured(recording: Recording) -> Utterance | str:
    path = recording.audio_path
    # One line with single spaces, whatever line ends the source has: a manifest has one line for each utterance.
    text = " ".join(recording.text.split())
    if not text:
        return f"{path}: its transcript is empty."
    if not path.is_file():
        return f"{path}: the file is missing."
    try:
        duration_s = _duration_s(path)
    except (OSError, RequestError) as error:
        return f"{path}: {told(error)}"
    if duration_s < _MIN_DURATION_S:
        return f"{path}: there is no audio in it, or it is cut short."
    extra = {"corpus": recording.corpus, "license": recording.licence}
    if recording.speaker is not None:
        extra = {"speaker": recording.speaker, **extra}
    if recording.language is not None:
        extra["language"] = recording.language
    return Utterance(path, duration_s, text, extra)


def _duration_s(path: Path) -> float:
    """Returns the length of a file that `hark.audio` reads, in seconds.

    Raises:
        RequestError: it is no audio, or damaged.
    """
    try:
        info = sf.info(path)
    except (sf.LibsndfileError, TypeError):  # a TypeError asks for the rate of a headerless format
        data = path.read_bytes()
        stated_s = stated_duration_s(data)
    else:
        if info.frames != _UNKNOWN_FRAMES:
            return float(info.duration)
        data, stated_s = path.read_bytes(), None
    if stated_s is not None and math.isfinite(stated_s) and stated_s > 0:
        return stated_s
    return sum(map(len, blocks(data, MIN_SAMPLE_RATE_HZ, math.inf))) / MIN_SAMPLE_RATE_HZ
