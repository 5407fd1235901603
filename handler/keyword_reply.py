"""What `POST /v1/audio/keywords` takes beside the recording, and what it answers."""

from collections.abc import Iterable
from typing import Any

from hark.errors import InvalidParameter
from hark.keywords import Heard
from hark.spec import ModelSpec

_TOP = 5
_SHOWN_CHARACTERS = 64


def check_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Refuses what a request asks for beside the recording; `model` may name any model, since the deployed one answers.

    Raises:
        InvalidParameter: there is such a field.
    """
    for name, _ in fields:
        if name != "model":
            shown = name[:_SHOWN_CHARACTERS]
            raise InvalidParameter(f"The field {shown!r} is not supported; leave it out.", param=shown)


def reply(spotted: Heard, spec: ModelSpec) -> dict[str, Any]:
    """Returns what `POST /v1/audio/keywords` answers, as JSON has it."""
    top = sorted(zip(spotted.scores.tolist(), spec.labels, strict=True), reverse=True)[:_TOP]
    scored = [{"label": label, "score": round(score, 4)} for score, label in top]
    return {
        **scored[0],
        "top": scored,
        "duration": round(spotted.duration_s, 3),
        "detections": [
            {
                "start": round(each.start_s, 3),
                "end": round(each.end_s, 3),
                "label": each.label,
                "score": round(each.score, 4),
            }
            for each in spotted.detections
        ],
        "model": {"name": spec.name, "version": spec.version},
    }
