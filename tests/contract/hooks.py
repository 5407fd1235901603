"""Recordings for schemathesis, which would otherwise post bytes that are no audio and learn little."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import schemathesis
import soundfile as sf
from hypothesis import strategies as st

_SAMPLE_RATE_HZ = 16_000


def _recording(seconds: float, format_: str) -> bytes:
    samples = np.random.default_rng(0).normal(0, 0.1, int(seconds * _SAMPLE_RATE_HZ)).astype(np.float32)
    buffer = io.BytesIO()
    sf.write(buffer, samples, _SAMPLE_RATE_HZ, format=format_)
    return buffer.getvalue()


_SPEECH = (Path(__file__).resolve().parents[2] / "events" / "sample.ogg").read_bytes()
_RECORDINGS = st.sampled_from([_recording(0.1, "WAV"), _recording(0.5, "FLAC"), _recording(0.3, "MP3"), _SPEECH])
schemathesis.openapi.format("binary", _RECORDINGS)
schemathesis.openapi.format("byte", _RECORDINGS.map(lambda data: base64.b64encode(data).decode()))
for media_type in ("audio/*", "video/*", "application/octet-stream"):
    schemathesis.openapi.media_type(media_type, _RECORDINGS)


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leaves out what a schema cannot say, or what is no longer wrong once it is on the way.

    Empty values are as if they were not sent. A form is text: null vanishes in it, and nobody can tell a list of one
    from its one entry.
    """
    if any(entry == "" for value in (case.query or {}).values() for entry in _entries(value)):
        return False
    return not isinstance(case.body, dict) or all(_survives(*field) for field in case.body.items())


def _survives(name: str, value: Any) -> bool:
    entries = _entries(value)
    filled = not any(entry in ("", None) for entry in entries)
    return filled and (isinstance(value, list) is name.endswith("[]") or len(entries) > 1)


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
