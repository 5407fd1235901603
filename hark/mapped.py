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


def opened(data: Data) -> IO[bytes]:
    """Returns a file object of its own for the data, without copying it."""
    return io.BytesIO(data) if isinstance(data, bytes) else cast(IO[bytes], _MappedFile(data))


class _MappedFile(io.RawIOBase):
    """Reads a mapping; the methods that `mmap` itself has share one position, and before 3.13 seeking returns none."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        part = self._data[self._at : self._at + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)
