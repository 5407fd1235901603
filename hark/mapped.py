"""The bytes of a recording, in memory or mapped from a file, and a file object that reads them.

A job's recording may be larger than the function's memory. Mapped, its pages come in as they are looked at and may be
dropped again at any time, and whoever asks for bytes need not know the difference.
"""

import io
import mmap
from pathlib import Path
from typing import IO, cast

from hark.errors import UnreadableFile

Data = bytes | mmap.mmap


def whole(path: Path) -> Data:
    """Maps a file; what cannot be mapped, such as a pipe or a file without bytes, is read.

    Raises:
        UnreadableFile: there is no file, or it may not be read.
    """
    try:
        with path.open("rb") as file:
            try:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError):
                return file.read()
    except (OSError, ValueError) as error:  # a name with a null character is the latter
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableFile(f"{path} cannot be read: {reason}.") from error


def opened(data: Data, start: int = 0, end: int | None = None, head: bytes = b"") -> IO[bytes]:
    """Returns a file object of its own for the data, or for a part of it, without copying it.

    Args:
        data: the bytes.
        start: where the part begins.
        end: where it ends.
        head: what is read in the place of as many bytes at its beginning.
    """
    end = len(data) if end is None else min(end, len(data))
    if isinstance(data, bytes) and (start, end) == (0, len(data)) and not head:
        return io.BytesIO(data)
    return cast(IO[bytes], _PartialFile(data, start, end, head))


class _PartialFile(io.RawIOBase):
    """Reads data from `start` to `end`; the methods that `mmap` itself has share one position."""

    def __init__(self, data: Data, start: int, end: int, head: bytes) -> None:
        self._data = data
        self._head = head
        self._start = start
        self._size = max(0, end - start)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        first = self._start + self._at
        part = (
            self._head[self._at : self._at + len(view)]
            or (self._data[first : first + max(0, min(len(view), self._size - self._at))])
        )
        view[: len(part)] = part
        self._at += len(part)
        return len(part)
