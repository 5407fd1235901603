"""The function of a Function URL as it is, with a recogniser that finds more to say than any request can hold."""

from typing import Any

from handler import app, function_url
from hark.pipeline import Parts
from hark.transcript import Segment, Transcript, Word

_SAID = Word("again", 0.0, 1.0, 0.9)
_SEGMENT = Segment((_SAID,) * 20, (4,) * 100, (-0.1,) * 100)
SEGMENTS = 2000


def _parts(*arguments: Any) -> Parts:
    arguments[3].read_s = 3600.0
    for number in range(SEGMENTS):
        yield _SEGMENT, " " * bool(number) + _SEGMENT.text
    return Transcript((_SEGMENT,) * SEGMENTS, 3600.0)


def _transcribe(*_arguments: Any) -> Transcript:
    return Transcript((_SEGMENT,) * SEGMENTS, 3600.0)


app.channels.parts = _parts  # type: ignore[assignment]
app.transcribe = _transcribe  # type: ignore[assignment]
lambda_handler = function_url.lambda_handler
