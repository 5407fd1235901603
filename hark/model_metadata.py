"""What an ONNX file says of itself, read without loading the model.

A model that is one of several is loaded when somebody asks for it; its name, language and labels are told before. They
are in the file's outermost message, where all else is stepped over. ONNX's own library, which reads whole files, is
not in the image.

Sources: ONNX, `onnx.proto` (`ModelProto.metadata_props` is field 14, `StringStringEntryProto` has `key` and `value` as
fields 1 and 2); Protocol Buffers, "Encoding".
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from hark.errors import ModelError
from hark.mapped import Data, whole
from hark.spec import METADATA_KEY, ModelSpec

_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2
_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5
# A number has no more bytes.
_LONGEST_VARINT = 10


def spec_of(path: Path, task: str = "transcription") -> ModelSpec:
    """Returns the spec in a model file.

    Args:
        path: a file that `export` made.
        task: what the model must be for.

    Raises:
        ModelError: there is no such file, it has no readable spec, or its model is for another task.
    """
    if not path.is_file():
        raise ModelError(f"There is no model file at {path}; name one that `make export` wrote.")
    text = of_file(path).get(METADATA_KEY)
    if text is None:
        raise ModelError(f"{path} does not say how to feed it; export it with `make export`.")
    spec = ModelSpec.from_json(text)
    if spec.task != task:
        raise ModelError(f"{path} is a model for {spec.task}, not for {task}; name another one.")
    return spec


def of_file(path: Path) -> dict[str, str]:
    """Returns the keys and values that an ONNX file has as its metadata.

    Raises:
        ModelError: it cannot be read, or is no such file.
    """
    data = whole(path)
    try:
        entries = [dict(_fields(data, start, end)) for field, (start, end) in _spans(data) if field == _METADATA_PROPS]
        return {entry[_KEY].decode(): entry[_VALUE].decode() for entry in entries}
    except (IndexError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path} is not a usable model exported by Hark; name one that `make export` wrote."
        ) from error
    finally:
        if isinstance(data, mmap.mmap):
            data.close()


def _fields(data: Data, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    for field, (first, last) in _spans(data, start, end):
        yield field, bytes(data[first:last])


def _spans(data: Data, at: int = 0, end: int | None = None) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yields the fields of a message that have a length, and where their contents begin and end.

    Raises:
        IndexError, ValueError: it is none.
    """
    end = len(data) if end is None else end
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _varint(data, at)
        elif kind == _LENGTH:
            length, at = _varint(data, at)
            if at + length > end:
                raise ValueError("a field goes beyond its message")
            yield tag >> 3, (at, at + length)
            at += length
        elif kind in (_FIXED_64, _FIXED_32):
            at += 8 if kind == _FIXED_64 else 4
        else:
            raise ValueError("no such kind of field")


def _varint(data: Data, at: int) -> tuple[int, int]:
    number = 0
    for place in range(_LONGEST_VARINT):
        byte = data[at + place]
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, at + place + 1
    raise ValueError("no such number")
