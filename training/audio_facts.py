"""Facts about audio files that need no transcript, from one reading of each."""

import hashlib
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from tqdm import tqdm

from hark.audio import MIN_SAMPLE_RATE_HZ, decode
from hark.errors import RequestError

# Audio that was clipped and then made slightly quieter, as encoders do, still counts as clipped.
_FULL_SCALE = 0.99


@dataclass(frozen=True)
class AudioFacts:
    """What a readable file contains.

    Attributes:
        duration_s: length of the decoded audio, whatever the header says.
        peak: largest absolute sample, at most 1.
        full_scale_share: share of the samples that are at full scale.
        digest: equal for equal samples at an equal rate, in whatever lossless format.
    """

    duration_s: float
    peak: float
    full_scale_share: float
    digest: str


@dataclass(frozen=True)
class AudioFault:
    """Why there are no facts about a file: it is missing, or cannot be decoded."""

    missing: bool
    reason: str


def audio_facts(paths: Iterable[Path]) -> dict[Path, AudioFacts | AudioFault]:
    """Decodes every file once, several at a time, as training would except for the resampling."""
    distinct = list(dict.fromkeys(paths))
    with ThreadPoolExecutor() as pool:
        results = pool.map(_facts, distinct)
        return dict(
            zip(
                distinct,
                tqdm(results, total=len(distinct), desc="reading audio", unit="file", disable=None),
                strict=True,
            )
        )


def _facts(path: Path) -> AudioFacts | AudioFault:
    if not path.is_file():
        return AudioFault(True, "The file is missing.")
    try:
        data = path.read_bytes()
        sample_rate_hz = _sample_rate_hz(data)
        samples = decode(data, sample_rate_hz, max_duration_s=float("inf"))
    except (OSError, RequestError) as error:
        return AudioFault(False, str(error))
    magnitudes = np.abs(samples)
    digest = hashlib.blake2b(f"{sample_rate_hz}\0".encode(), digest_size=16)
    digest.update(samples.tobytes())
    return AudioFacts(
        duration_s=len(samples) / sample_rate_hz,
        peak=float(magnitudes.max()),
        full_scale_share=float(np.mean(magnitudes >= _FULL_SCALE)),
        digest=digest.hexdigest(),
    )


def _sample_rate_hz(data: bytes) -> int:
    """Returns the file's own rate. If it is no audio, any rate: `decode` says better what is wrong with it."""
    try:
        rate_hz: int = sf.info(io.BytesIO(data)).samplerate
    except (sf.LibsndfileError, TypeError):
        return MIN_SAMPLE_RATE_HZ
    return rate_hz
