"""The multipart form that clients of OpenAI's transcription API send -> the recording and what is asked for."""

import io
from dataclasses import dataclass

from multipart import MultipartError, MultipartParser, parse_options_header

from handler import options
from handler.options import Options
from hark.errors import InvalidBody, InvalidParameter, UnsupportedMediaType

_MAX_PARTS = 32


@dataclass(frozen=True)
class TranscriptionRequest:
    """What the form asks for.

    Attributes:
        audio: bytes of the uploaded file.
        options: its other fields.
    """

    audio: bytes
    options: Options


def parse(body: bytes, content_type: str) -> TranscriptionRequest:
    """Reads the form.

    Raises:
        UnsupportedMediaType: the body is not a multipart form.
        InvalidBody: the form is malformed.
        InvalidParameter: a field is missing or refused; see `handler.options.parse`.
        ConflictingParameters: fields contradict each other.
    """
    file, fields = read(body, content_type)
    return TranscriptionRequest(file, options.parse(fields))


def read(body: bytes, content_type: str) -> tuple[bytes, list[tuple[str, str]]]:
    """Returns the file of a form, and its other fields as they were sent.

    Raises:
        UnsupportedMediaType: the body is not a multipart form.
        InvalidBody: the form is malformed.
        InvalidParameter: there is no file in it, or more than one.
    """
    media_type, header_options = parse_options_header(content_type)
    if media_type != "multipart/form-data" or not header_options.get("boundary"):
        raise UnsupportedMediaType(
            "This route reads multipart/form-data with a boundary; send the recording as the form field 'file', "
            "or post its bytes to /transcribe."
        )
    fields: list[tuple[str, str]] = []
    files: list[bytes] = []
    # Everything is in memory already, as one bounded event: parts stay there too, no temporary files.
    limits = {"spool_limit": len(body) + 1, "memory_limit": 2 * len(body) + 1, "part_limit": _MAX_PARTS}
    try:
        for part in MultipartParser(io.BytesIO(body), header_options["boundary"], len(body), **limits):
            if part.name == "file":
                files.append(part.raw)
            else:
                # A part may name any codec of Python's as its charset, slow ones among them; clients send UTF-8.
                fields.append((part.name, part.raw.decode()))
    except (MultipartError, UnicodeDecodeError) as error:
        raise InvalidBody("The multipart form is malformed or cut short; send it again whole.") from error
    if len(files) != 1:
        fault = "is given more than once; send one recording" if files else "is missing; send the recording in it"
        raise InvalidParameter(f"The form field 'file' {fault}.", param="file")
    return files[0], fields
