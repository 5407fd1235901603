"""The multipart form that clients of OpenAI's transcription API send -> a typed request."""

import io
from dataclasses import dataclass

from multipart import MultipartError, MultipartParser, parse_options_header

from handler.errors import InvalidBody, InvalidParameter, UnsupportedMediaType

RESPONSE_FORMATS = ("json", "text")
# What this API knows; whatever else a client sends would silently not happen, so it is refused.
_FIELDS = frozenset({"file", "model", "language", "prompt", "response_format", "temperature", "stream"})
_MAX_PARTS = 32


@dataclass(frozen=True)
class TranscriptionRequest:
    """What the form asks for.

    Attributes:
        audio: bytes of the uploaded file.
        response_format: one of `RESPONSE_FORMATS`.
    """

    audio: bytes
    response_format: str


def parse(body: bytes, content_type: str) -> TranscriptionRequest:
    """Reads the form.

    `model` may name any model, since existing code names OpenAI's; the deployed one answers. `prompt` and
    `temperature` have no meaning for greedy CTC and are accepted without effect.

    Raises:
        UnsupportedMediaType: the body is not a multipart form.
        InvalidBody: the form is malformed.
        InvalidParameter: a field is missing, unknown, or asks for something this API does not do.
    """
    media_type, options = parse_options_header(content_type)
    if media_type != "multipart/form-data" or not options.get("boundary"):
        raise UnsupportedMediaType(
            "This route reads multipart/form-data with a boundary; send the recording as the form field 'file', "
            "or post its bytes to /transcribe."
        )
    values: dict[str, str] = {}
    audio: bytes | None = None
    # Everything is in memory already, as one bounded event: parts stay there too, no temporary files.
    limits = {"spool_limit": len(body) + 1, "memory_limit": 2 * len(body) + 1, "part_limit": _MAX_PARTS}
    try:
        for part in MultipartParser(io.BytesIO(body), options["boundary"], len(body), **limits):
            if part.name == "file":
                audio = part.raw
            else:
                values[part.name] = part.value
    except (MultipartError, UnicodeDecodeError, LookupError) as error:
        raise InvalidBody("The multipart form is malformed or cut short; send it again whole.") from error
    if audio is None:
        raise InvalidParameter("The form field 'file' is missing; send the recording in it.", param="file")
    _check(values)
    return TranscriptionRequest(audio, values.get("response_format") or "json")


def _check(values: dict[str, str]) -> None:
    for name in values:
        if name.removesuffix("[]") not in _FIELDS:
            raise InvalidParameter(f"The form field {name[:64]!r} is not supported; leave it out.", param=name[:64])
    response_format = values.get("response_format") or "json"
    if response_format not in RESPONSE_FORMATS:
        raise InvalidParameter(
            f"response_format {response_format[:64]!r} is not supported; use {' or '.join(RESPONSE_FORMATS)}.",
            param="response_format",
        )
    if values.get("language", "en").lower() not in ("", "en", "english"):
        raise InvalidParameter("The model knows English only; set language to 'en' or leave it out.", param="language")
    if values.get("stream", "false").lower() not in ("", "false", "0"):
        raise InvalidParameter("stream is not supported; leave it out.", param="stream")
