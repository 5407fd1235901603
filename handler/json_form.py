"""The JSON that some programs send in the place of a form: the recording in base64 as `input_audio`, options beside it.

OpenAI's API has such an object in its chat; Open WebUI, OpenRouter and others send it to the transcription route:
`{"model": "...", "input_audio": {"data": "T2dnUw...", "format": "ogg"}, "language": "en"}`.
"""

import binascii
import json
from typing import Any

import pybase64

from hark.errors import InvalidBody, InvalidParameter

_AUDIO = "input_audio"
_MOST_VALUES = 160
# In front of the base64 of a data URL, which is short.
_URL_CHARACTERS = 256


def read(body: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """Returns the recording, and the other members as the fields of a form would be.

    Raises:
        InvalidBody: the body is no JSON object.
        InvalidParameter: there is no recording in it.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidBody("The body is not JSON; send a form, or a JSON object with the recording in it.") from error
    if not isinstance(content, dict):
        raise InvalidBody("The body is no JSON object; send a form, or an object with the recording in it.")
    fields = [(name, value) for name in content if name != _AUDIO for value in _texts(content[name])]
    if len(fields) > _MOST_VALUES:
        raise InvalidBody(f"The body has more than {_MOST_VALUES} values; send fewer.")
    return _recording(content.get(_AUDIO)), fields


def _texts(value: Any) -> list[str]:
    """Returns a member's values, as a form has them; null is as if it were not there."""
    if isinstance(value, list):
        return [text for each in value for text in ([json.dumps(each)] if isinstance(each, list) else _texts(each))]
    if isinstance(value, str):
        return [value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON has one kind of numbers
    return [] if value is None else [json.dumps(value)]


def _recording(given: Any) -> bytes:
    data = given.get("data") if isinstance(given, dict) else None
    if not isinstance(data, str):
        raise InvalidParameter(
            f"The recording is missing; send it in base64 as {_AUDIO}.data, or in a form as 'file'.", param=_AUDIO
        )
    head, comma, _ = data[:_URL_CHARACTERS].partition(",")
    start = len(head) + 1 if comma and head.startswith("data:") else 0
    try:
        return pybase64.b64decode(data[start:], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidParameter(
            f"{_AUDIO}.data is not base64; send the bytes of the recording so.", param=_AUDIO
        ) from error
