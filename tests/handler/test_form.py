"""The form: what is taken for the recording, whatever it is called, and what is said where that cannot be told."""

import pytest

from handler import form
from hark.errors import InvalidBody, InvalidParameter, RequestError, UnsupportedMediaType

RECORDING = b"\xff\xfb\x90\x00 a recording, of which no byte is looked at here \x80\x81"
FORM = "multipart/form-data; boundary=edge"


def part(name: str, content: bytes, filename: str | None = None, kind: str = "", quoted: bytes = b"") -> bytes:
    """Returns a part; `quoted` in place of a file name's characters, where they are no UTF-8."""
    head = f'Content-Disposition: form-data; name="{name}"'.encode()
    if filename is not None or quoted:
        head += b'; filename="' + (quoted or str(filename).encode()) + b'"'
    if kind:
        head += f"\r\nContent-Type: {kind}".encode()
    return b"--edge\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--edge--\r\n"


MODEL = part("model", b"whisper-1")


@pytest.mark.parametrize(
    "name", ["file", "file[]", "file[0]", "files", "files[]", "audio", "audio_file", "audio[]", "data", "voice", ""]
)
@pytest.mark.parametrize("first", [True, False])
def test_the_only_file_is_the_recording_whatever_it_is_called(name: str, first: bool) -> None:
    file = part(name, RECORDING, "a.mp3", "audio/mpeg")
    sent = body(file, MODEL) if first else body(MODEL, file)
    assert form.read(sent, FORM) == (RECORDING, [("model", "whisper-1")])


@pytest.mark.parametrize(
    "file",
    [
        part("audio", RECORDING),
        part("data", RECORDING),
        part("voice", RECORDING, kind="audio/ogg; codecs=opus"),
        part("clip", RECORDING, kind="video/webm"),
        part("blob", RECORDING, kind="application/octet-stream"),
        part("file", RECORDING, ""),
    ],
)
def test_a_file_without_a_name_is_known_by_its_field_or_its_type(file: bytes) -> None:
    assert form.read(body(MODEL, file), FORM)[0] == RECORDING


@pytest.mark.parametrize("quoted", [b"caf\xe9.mp3", b"\xff\xfe\x00a.mp3", "café.mp3".encode(), "\u97f3.mp3".encode()])
def test_a_file_name_may_be_in_any_encoding(quoted: bytes) -> None:
    assert form.read(body(part("file", RECORDING, quoted=quoted)), FORM) == (RECORDING, [])


@pytest.mark.parametrize("sent", ["Renée Müller".encode(), "Renée Müller".encode("latin-1")])
def test_text_is_utf_8_or_else_latin_1(sent: bytes) -> None:
    fields = form.read(body(part("file", RECORDING, "a"), part("prompt", sent)), FORM)[1]
    assert fields == [("prompt", "Renée Müller")]


def test_a_field_with_a_file_name_is_a_field_where_it_is_one_of_ours() -> None:
    sent = body(part("model", b"whisper-1", "blob", "text/plain"), part("file", RECORDING, "a.mp3"))
    assert form.read(sent, FORM) == (RECORDING, [("model", "whisper-1")])


def test_what_nobody_chose_in_a_browser_is_no_file() -> None:
    sent = body(part("file", b"", "", "application/octet-stream"), part("audio", RECORDING, "a.mp3"))
    assert form.read(sent, FORM)[0] == RECORDING


@pytest.mark.parametrize("start", [b"", b"\r\n"])
def test_a_boundary_that_the_header_lacks_is_read_from_the_body(start: bytes) -> None:
    sent = start + body(MODEL, part("file", RECORDING, "a.mp3"))
    assert form.read(sent, "multipart/form-data") == (RECORDING, [("model", "whisper-1")])


@pytest.mark.parametrize(
    ("sent", "param", "named"),
    [
        (body(MODEL, part("language", b"en")), "file", ["'file' is missing", "'model', 'language'"]),
        (body(part("voice", b"text")), "file", ["'file' is missing", "'voice'"]),
        (body(), "file", ["'file' is missing"]),
        (body(part("file", b"1", "a"), part("file", b"2", "b")), "file", ["'file' is given more than once"]),
        (body(part("file", b"1", "a"), part("file[]", b"2", "b")), "file", ["'file' is given more than once"]),
        (body(part("a", b"1", "a"), part("b", b"2", "b")), "file", ["several files, 'a', 'b'"]),
        (body(part("files", b"1", "a"), part("files", b"2", "b")), "file", ["several files, 'files'"]),
        (body(part("file", b"1", "a"), part("thumbnail", b"\x80\xff", "b")), "thumbnail", ["'thumbnail'", "'file'"]),
        (body(part("file", b"1", "a"), part("data", b"{}")), "data", ["'data'", "'file'"]),
    ],
)
def test_what_cannot_be_told_is_refused_by_the_names_of_fields(sent: bytes, param: str, named: list[str]) -> None:
    with pytest.raises(InvalidParameter) as caught:
        form.read(sent, FORM)
    assert caught.value.param == param
    assert all(name in str(caught.value) for name in named)


def test_names_of_any_length_and_number_make_a_short_message() -> None:
    sent = body(*(part(f"{i}-" + "x" * 3000, b"") for i in range(20)))
    with pytest.raises(InvalidParameter) as caught:
        form.read(sent, FORM)
    assert len(str(caught.value)) < 1000
    assert str(caught.value).count("x" * 10) > 0


def test_more_fields_than_any_request_needs_are_refused_as_such() -> None:
    with pytest.raises(InvalidBody, match="more than 160 fields"):
        form.read(body(*[MODEL] * 161), FORM)


@pytest.mark.parametrize(
    ("sent", "kind", "error"),
    [
        (b"", "multipart/form-data", UnsupportedMediaType),
        (b"--" + b"-" * 100_000, "multipart/form-data", UnsupportedMediaType),
        (b"--edge\r\n", "multipart/form-data", InvalidBody),
        (body(part("file", RECORDING, "a"))[:-10], FORM, InvalidBody),
        (b"--edge\r\nContent-Type: text/plain\r\n\r\nx\r\n--edge--\r\n", FORM, InvalidBody),
        (RECORDING, "audio/mpeg", UnsupportedMediaType),
    ],
)
def test_what_is_no_whole_form_is_refused(sent: bytes, kind: str, error: type[RequestError]) -> None:
    with pytest.raises(error):
        form.read(sent, kind)


def test_the_query_beside_the_form_counts() -> None:
    sent = body(part("file", RECORDING, "a.mp3"))
    assert form.parse(sent, FORM, [("response_format", "vtt")]).options.response_format == "vtt"
