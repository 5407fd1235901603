"""The bytes of a recording, in memory or mapped from a file, and a file object that reads them.

A job's recording may be larger than the function's memory. Mapped, its pages come in as they are looked at and may be
dropped again at any time, and whoever asks for bytes need not know the difference.
"""

import io
import mmap
from typing import IO, cast

Data = bytes | mmap.mmap


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
