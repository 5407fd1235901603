"""Files whose writers could not seek back to say how long they are: who reads them, and what is put in their place.

Sources: as of `hark.containers`.
"""

import struct

from hark.chunks import chunk_of, is_unknown, riff_header, samples_of_caf, samples_of_w64
from hark.containers import found
from hark.mapped import Data


def says_no_length(data: Data) -> bool:
    """Says whether this is a file of which libsndfile reads nothing, or the first part only.

    That is a WAV or FLAC whose writer could not seek back to say how long it is, and several Ogg streams in a row.
    """
    name, start = found(data)
    match name:
        case "wav":
            chunk = chunk_of(data, start + 12, b"data", riff_header(data, start))
            return chunk is not None and chunk[1] == 0 and chunk[0] < len(data)
        case "flac":  # 36 bits of STREAMINFO, which is always first
            total = data[start + 21 : start + 26]
            return len(total) == 5 and not (total[0] & 15 or any(total[1:]))
        case "ogg":  # all first pages (2) of streams side by side come before any other (0)
            return data.find(b"OggS\0\x02", max(0, data.find(b"OggS\0\0", start))) > start
    return False


def mended_head(data: Data) -> bytes:
    """Returns what to read in the place of a file's first bytes; nothing where it can be read as it is.

    A Wave64 or Core Audio file whose writer could not seek back says sizes that libraries do not read, or not always.
    """
    name, start = found(data)
    chunk = samples_of_w64(data, start) if name == "w64" else samples_of_caf(data, start) if name == "caf" else None
    if not chunk or not is_unknown(chunk[1], 8):
        return b""
    at = chunk[0]
    head = bytearray(data[start:at])
    if name == "caf":
        struct.pack_into(">Q", head, len(head) - 8, len(data) - at)
    else:
        struct.pack_into("<Q", head, 16, len(data) - start)
        struct.pack_into("<Q", head, len(head) - 8, 24 + len(data) - at)
    return bytes(head)
