"""The multipart form that clients of OpenAI's transcription API send -> the recording and what is asked for.

Some send the same as JSON; see `handler.json_form`.

The recording is the field `file`. Many programs call it something else, and where only one part of a form can be a
recording, that one is taken; what cannot be told is refused, and the refusal names the fields.
"""

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from multipart import MultipartError, MultipartParser, ParserLimitReached, parse_options_header

from handler import options
from handler.options import Meant, Options
from hark.errors import InvalidBody, InvalidParameter, UnsupportedMediaType

# A part for each hot word that a request may have, which is how OpenAI's client sends them, and for all else.
_MAX_PARTS = 160
_FILE = "file"
# Fields that are a recording even without a file name: clients of other servers send it so.
_FILE_NAMES = frozenset({_FILE, "files", "audio", "audio_file", "data", "recording", "upload"})
_SOUND_TYPES = ("audio/", "video/", "application/octet-stream")
# RFC 2046, section 5.1.1. Programs that set the header themselves leave the boundary out, and the body begins with it.
_FIRST_LINE = re.compile(rb"(?:\r\n)?--([0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-])\r\n")
_SHOWN_CHARACTERS, _SHOWN_FIELDS = 64, 8


@dataclass(frozen=True)
class TranscriptionRequest:
    """What the form asks for.

    Attributes:
        audio: bytes of the uploaded file.
        options: its other fields.
    """

    audio: bytes
    options: Options


def parse(
    body: bytes, content_type: str, query: Iterable[tuple[str, str]] = (), meant: Meant | None = None
) -> TranscriptionRequest:
    """Reads the form.

    Args:
        body: of the request.
        content_type: of the request.
        query: the same fields as the form's, for those who send them there.
        meant: says which model answers; see `handler.options.parse`.

    Raises:
        UnsupportedMediaType: the body is neither a multipart form nor JSON.
        InvalidBody: the form is malformed.
        InvalidParameter: a field is missing or refused; see `handler.options.parse`.
        ConflictingParameters: fields contradict each other.
    """
    if parse_options_header(content_type)[0] == "application/json":
        from handler import json_form  # few programs send it

        file, fields = json_form.read(body)
    else:
        file, fields = read(body, content_type)
    return TranscriptionRequest(file, options.parse(fields, query, meant))


def read(body: bytes, content_type: str) -> tuple[bytes, list[tuple[str, str]]]:
    """Returns the file of a form, and its other fields as they were sent.

    Raises:
        UnsupportedMediaType: the body is not a multipart form.
        InvalidBody: the form is malformed.
        InvalidParameter: there is no file in it, or it cannot be told which is the recording.
    """
    boundary = _boundary(body, content_type)
    fields: list[tuple[str, str]] = []
    files: list[tuple[str, bytes]] = []
    # Everything is in memory already, as one bounded event: parts stay there too, no temporary files.
    limits = {"spool_limit": len(body) + 1, "memory_limit": 2 * len(body) + 1, "part_limit": _MAX_PARTS}
    try:
        # Any byte is a character of Latin-1: a file name in another encoding than UTF-8 is no fault.
        for part in MultipartParser(io.BytesIO(body), boundary, len(body), charset="latin-1", **limits):
            name = _text(part.name.encode("latin-1"))
            if _is_file(name, part.filename, part.content_type):
                files.append((name, part.raw))
            else:
                # A part may name any codec of Python's as its charset, slow ones among them; clients send UTF-8.
                fields.append((name, _text(part.raw)))
    except ParserLimitReached as error:
        raise InvalidBody(
            f"The form has more than {_MAX_PARTS} fields, or one with too many headers; send fewer."
        ) from error
    except (MultipartError, UnicodeError) as error:
        raise InvalidBody("The multipart form is malformed or cut short; send it again whole.") from error
    return _recording(files, [name for name, _ in fields]), fields


def _boundary(body: bytes, content_type: str) -> str:
    media_type, header_options = parse_options_header(content_type)
    boundary = str(header_options.get("boundary", ""))
    if media_type == "multipart/form-data" and not boundary and (first := _FIRST_LINE.match(body)):
        boundary = first[1].decode()
    if media_type != "multipart/form-data" or not boundary:
        raise UnsupportedMediaType(
            "This route reads multipart/form-data with a boundary; send the recording as the form field 'file', "
            "or post its bytes to /transcribe."
        )
    return boundary


def _text(sent: bytes) -> str:
    """Reads UTF-8, or what a program wrote that does not know it: Latin-1, of which any byte is a character."""
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return sent.decode("latin-1")


def _is_file(name: str, filename: str | None, content_type: str) -> bool:
    base = options.base_name(name)
    if base == _FILE:
        return True
    if options.is_known(name):  # some programs give every part a file name
        return False
    return filename is not None or content_type.startswith(_SOUND_TYPES) or base in _FILE_NAMES


def _recording(files: list[tuple[str, bytes]], others: list[str]) -> bytes:
    """Chooses the part that is the recording.

    Args:
        files: names and contents of those that can be.
        others: names of all other fields.
    """
    # Browsers' forms send what nobody chose as empty.
    files = [(name, content) for name, content in files if content] or files
    named = [content for name, content in files if options.base_name(name) == _FILE]
    if len(named) > 1:
        raise InvalidParameter("The form field 'file' is given more than once; send one recording.", param=_FILE)
    if named and len(files) > 1:
        extra = next(name for name, _ in files if options.base_name(name) != _FILE)[:_SHOWN_CHARACTERS]
        raise InvalidParameter(f"The field {extra!r} is not supported beside 'file'; leave it out.", param=extra)
    if len(files) > 1:
        raise InvalidParameter(
            f"The form has several files, {_shown(name for name, _ in files)}; send the recording alone, as 'file'.",
            param=_FILE,
        )
    if not files:
        there = f"; the form has {_shown(others)}" if any(others) else ""
        raise InvalidParameter(f"The form field 'file' is missing{there}; send the recording in it.", param=_FILE)
    return files[0][1]


def _shown(names: Iterable[str]) -> str:
    shown = [repr(name[:_SHOWN_CHARACTERS]) for name in dict.fromkeys(names) if name]
    return ", ".join(shown[:_SHOWN_FIELDS]) + (" and others" if len(shown) > _SHOWN_FIELDS else "")
