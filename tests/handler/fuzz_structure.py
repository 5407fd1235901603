"""Recordings whose structure was changed, with a seed: sizes, counts, types, order, nesting, times, not only bytes.

`python -m tests.handler.fuzz_structure --minutes 60 --seed 1` (`make fuzz-structure`) takes whole files of every format
that is read apart, changes what they say or how they lie, and checks of each:

- it is answered with 200, or a 4xx whose message is one sentence;
- it takes neither far more time than sound of as many bytes or of its length, nor much memory;
- where it was only cut, it is refused, or the reply says that something may be missing;
- where it was changed in a way that means nothing, it gives what it gave before.

The inputs run in a process of their own. What ended that process, or failed otherwise, is kept as a file. An input
depends on the seed and its number only: `--first 4711 --inputs 1` makes it again.
"""

import argparse
import contextlib
import json
import os
import random
import re
import resource
import select
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from tests.conftest import EVENTS, ROOT, encode
from tests.handler.structure import LITTLE, Part, parsed, written

Draw = random.Random

# Most that an input may take: of the processor, in seconds, beside what sound takes; of memory; and of patience, on a
# machine that does other things.
_BASE_S = 0.5
_MOST_MB = 500
_LONGEST_S = 300.0
_ADDRESS_SPACE = 8 << 30
_SPEECH_S = (1.0, 3.0)
_TOLERANCE_S = 0.15
# What may be missing without a word, where only a length in seconds says that it is.
_CUT_S = 0.65
# Inputs that repeat a part go up to this.
_MOST_BYTES = 2_000_000
_ONE_SENTENCE = re.compile(r"[A-Z'\"][^\n]{8,400}[.!?]")

# What sizes and counts break on.
_EDGES = [
    *(0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFF, 0x7F000000),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFF00, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63),
    *((1 << 64) - 1, 8_000, 16_000, 44_100, 48_000, 192_000, 192_001, 1_000_000),
]

_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\0\xc0O\x8e\xdb\x8a"

# Formats in which nothing says where a recording ends, where it is cut between two of their parts.
_ENDLESS = {
    "MP3 without a count": "frames, one after the other",
    "MP2": "frames, one after the other",
    "ADTS AAC": "frames, one after the other",
    "AC-3": "frames, one after the other",
    "E-AC-3": "frames, one after the other",
    "GSM": "frames, one after the other",
    "SBC": "frames, one after the other",
    "AMR": "frames, one after the other",
    "AMR-WB": "frames, one after the other",
    "MPEG-TS": "packets, one after the other",
    "MPEG-TS with MP2": "packets, one after the other",
    "MPEG-PS": "packets; its end code is often left out",
    "WebM, live": "blocks, one after the other",
    "mp4 in fragments": "fragments, one after the other",
}


@dataclass(frozen=True)
class Input:
    """An input.

    Attributes:
        name: which recording it was.
        done: what was done to it.
        data: its bytes.
        expected: "any" answer will do; the "same" text; "refused", or said to be cut.
    """

    name: str
    done: str
    data: bytes
    expected: str


@cache
def _whole(name: str) -> tuple[bytes, Part]:
    from hark import containers
    from tests.hark.recordings import RECORDINGS

    speech, rate_hz = sf.read(EVENTS / "sample.wav", dtype="float32")
    data = RECORDINGS[name](speech[int(_SPEECH_S[0] * rate_hz) : int(_SPEECH_S[1] * rate_hz)])
    return data, parsed(data, containers.kind(data))


def made(number: int, seed: int) -> Input:
    """Returns the input of that number."""
    from tests.hark.recordings import RECORDINGS

    draw = random.Random(f"{seed}-{number}")
    name = draw.choice(list(RECORDINGS))
    data, file = _whole(name)
    choice = draw.random()
    if choice < 0.1:
        return _cut(name, data, file, draw)
    if choice < 0.25:
        return _unchanged_in_meaning(name, data, file, draw)
    file, done = file.copy(), []
    for _ in range(draw.choice([1, 1, 1, 2, 3, 6])):
        change = draw.choice(_CHANGES)
        done.append(f"{change.__name__.strip('_')}: {change(file, draw)}")
    changed = written(file)[: 2 * _MOST_BYTES]
    if draw.random() < 0.1:
        changed = changed[: draw.randrange(len(changed) + 1)]
        done.append(f"cut to {len(changed)} bytes")
    return Input(name, "; ".join(done), changed, "any")


def _cut(name: str, data: bytes, file: Part, draw: Draw) -> Input:
    """Cuts a file anywhere, or between two of its parts."""
    if draw.random() < 0.5:
        at, place = draw.randrange(len(data) // 4, len(data) - len(data) // 8), "anywhere"
    else:
        ends = [end for end in _ends(file) if len(data) // 4 <= end <= len(data) * 7 // 8]
        at, place = (draw.choice(ends), "between parts") if ends else (len(data) // 2, "anywhere")
    expected = "any" if name in _ENDLESS else "refused"
    return Input(name, f"cut {place}, at {at} of {len(data)}", data[:at], expected)


def _ends(file: Part) -> list[int]:
    """Returns where the outer parts end, and those within a second level of them."""
    ends, at = [], 0
    for part in file.parts:
        whole = len(written(part))
        inner = at + whole - sum(len(written(each)) for each in part.parts)
        for each in part.parts:
            inner += len(written(each))
            ends.append(inner)
        at += whole
        ends.append(at)
    return ends


_MAY_HAVE_TAILS = ("wav", "aiff", "caf", "mov", "matroska", "flac", "mp3", "aac", "ogg", "ac3", "eac3")


def _unchanged_in_meaning(name: str, data: bytes, file: Part, draw: Draw) -> Input:
    """Adds what readers must pass over, or leaves sizes open that may be."""
    from hark import containers

    kind = containers.kind(data)
    file = file.copy()
    done = draw.choice(_HARMLESS.get(kind, [_nothing]))(file, draw)
    # Behind samples whose size is not known anything is taken for samples.
    if "size" not in done and draw.random() < 0.3 and kind in _MAY_HAVE_TAILS:
        file.parts.append(Part("raw", body=draw.choice([b"TAG" + bytes(125), bytes(draw.choice([1, 2, 100, 5000]))])))
        done += ", with a tail"
    return Input(name, done, written(file), "same")


def _nothing(_: Part, __: Draw) -> str:
    return "nothing"


def _all_parts(file: Part, draw: Draw) -> Part:
    """Returns a part: each level as likely as another, so that one part with many others is not missed."""
    part = draw.choice(file.parts) if file.parts else file
    while part.parts and draw.random() < 0.7:
        part = draw.choice(part.parts)
    return part


def _holder(file: Part, draw: Draw) -> Part:
    """Returns a part that holds others."""
    holders = [part for part in (file, *file.all()) if part.parts]
    return draw.choice(holders) if holders else file


def _number(true: int, bits: int, draw: Draw) -> int:
    """Returns a number to take the place of the true one."""
    changed = draw.choice(
        [
            lambda: draw.choice(_EDGES),
            lambda: draw.choice(_EDGES),
            lambda: true + draw.choice([-1000, -8, -2, -1, 1, 2, 8, 1000]),
            lambda: true * draw.choice([2, 3, 10, 256, 65536]),
            lambda: true // draw.choice([2, 3, 10]),
            lambda: draw.getrandbits(bits),
            lambda: int.from_bytes((true & ((1 << bits) - 1)).to_bytes(bits // 8, "big"), "little"),
        ]
    )()
    return changed & ((1 << bits) - 1)


def _size(file: Part, draw: Draw) -> str:
    part = _all_parts(file, draw)
    true = len(written(part))
    part.size = _number(true, 64, draw)
    return f"{part.name!r} of {true} says {part.size}"


def _field(file: Part, draw: Draw) -> str:
    """Changes a number in a part, or in all parts of its name."""
    part = _all_parts(file, draw)
    where = "head" if part.head and (not part.body or draw.random() < 0.5) else "body"
    content = getattr(part, where)
    if not content:
        return "nothing"
    width = draw.choice([1, 1, 2, 2, 4, 4, 4, 8])
    at = draw.randrange(0, max(1, min(len(content), draw.choice([16, 48, 128]))), draw.choice([1, 1, width]))
    order: Any = "little" if part.layout in LITTLE else "big"
    value = _number(int.from_bytes(content[at : at + width], order), 8 * width, draw).to_bytes(width, order)
    chosen = [part]
    if draw.random() < 0.25:
        every = draw.choice([1, 1, 2, 3])
        chosen = [each for each in file.all() if (each.layout, each.name) == (part.layout, part.name)][::every]
    for each in chosen:
        content = bytearray(getattr(each, where))
        content[at : at + width] = value
        setattr(each, where, bytes(content))
    part.checked = draw.random() < 0.9
    return f"{where} of {part.name!r} at {at}: {value.hex()} ({len(chosen)} parts)"


def _rename(file: Part, draw: Draw) -> str:
    part, other = _all_parts(file, draw), _all_parts(file, draw)
    before, part.name = part.name, other.name if draw.random() < 0.7 else draw.randbytes(len(part.name))
    return f"{before!r} to {part.name!r}"


def _remove(file: Part, draw: Draw) -> str:
    holder = _holder(file, draw)
    if not holder.parts:
        return "nothing"
    at = draw.randrange(len(holder.parts))
    count = draw.choice([1, 1, 1, 2, 10])
    removed = [part.name for part in holder.parts[at : at + count]]
    del holder.parts[at : at + count]
    return f"{removed}"


def _repeat(file: Part, draw: Draw) -> str:
    """Puts a part in again, up to as often as fits."""
    holder = _holder(file, draw)
    if not holder.parts:
        return "nothing"
    part = draw.choice(holder.parts)
    if draw.random() < 0.3:
        part = part.copy()
        part.parts, part.body = [], part.body[: draw.choice([0, 4, 16])]
    size = max(1, len(written(part)))
    times = min(draw.choice([1, 2, 10, 1000, 100_000]), _MOST_BYTES // size)
    # As one part of raw bytes, since a hundred thousand objects take their time.
    at = draw.randrange(len(holder.parts) + 1)
    holder.parts.insert(at, Part("raw", body=written(part) * times))
    return f"{part.name!r} {times} times, {size} bytes each"


def _reorder(file: Part, draw: Draw) -> str:
    holder = _holder(file, draw)
    if len(holder.parts) < 2:
        return "nothing"
    if draw.random() < 0.2:
        draw.shuffle(holder.parts)
        return "all"
    one, other = draw.sample(range(len(holder.parts)), 2)
    holder.parts[one], holder.parts[other] = holder.parts[other], holder.parts[one]
    return f"{one} and {other}"


def _move(file: Part, draw: Draw) -> str:
    source, target = _holder(file, draw), _holder(file, draw)
    if not source.parts:
        return "nothing"
    part = draw.choice(source.parts)
    if part is target or any(each is target for each in part.all()):
        return "nothing"
    source.parts.remove(part)
    target.parts.insert(draw.randrange(len(target.parts) + 1), part)
    return f"{part.name!r} into {target.name!r}"


def _nest(file: Part, draw: Draw) -> str:
    """Puts a part into many of the kind of another, one in the other."""
    holder, shell = _holder(file, draw), _holder(file, draw)
    if not holder.parts or not shell.name:
        return "nothing"
    at = draw.randrange(len(holder.parts))
    content = written(holder.parts[at])
    depth = draw.choice([1, 2, 10, 60, 300])
    for _ in range(depth):
        content = written(Part(shell.layout, shell.name, shell.head, content, [], shell.size, True, shell.width))
    holder.parts[at] = Part("raw", body=content)
    return f"{depth} times in {shell.name!r}"


def _empty(file: Part, draw: Draw) -> str:
    part = _all_parts(file, draw)
    keep = draw.choice([0, 0, 1, 4, 12])
    part.parts, part.body = part.parts[:keep] if draw.random() < 0.5 else [], part.body[:keep]
    return f"{part.name!r}"


def _foreign(file: Part, draw: Draw) -> str:
    """Puts a part of another file in."""
    from tests.hark.recordings import RECORDINGS

    name = draw.choice(list(RECORDINGS))
    part = _all_parts(_whole(name)[1], draw).copy()
    holder = _holder(file, draw)
    holder.parts.insert(draw.randrange(len(holder.parts) + 1), part)
    return f"{part.name!r} of {name}"


_CHANGES: list[Callable[[Part, Draw], str]] = [
    _size, _size, _field, _field, _field, _field, _rename, _remove, _repeat, _repeat, _reorder, _move, _nest, _empty,
    _foreign,
]  # fmt: skip


def _unknown_chunk(layout: str, name: bytes) -> Callable[[Part, Draw], str]:
    def add(file: Part, draw: Draw) -> str:
        holder = file.parts[0] if file.parts[0].parts else file
        # What must be first stays first: the description of CAF, the sizes of RF64.
        least = 2 if holder is file else int(holder.name == b"RF64")
        body = draw.randbytes(draw.choice([0, 1, 2, 17, 1000]))
        at = draw.randrange(least, len(holder.parts) + 1)
        holder.parts.insert(at, Part(layout, name, body=body))
        return f"{name!r} of {len(body)} bytes at {at}"

    return add


def _unknown_sizes(*names: bytes) -> Callable[[Part, Draw], str]:
    """Leaves the size of the samples and of the file open, as programs do that write to a pipe."""

    def leave(file: Part, draw: Draw) -> str:
        last = file.parts[0].parts or file.parts
        while last and last[-1].name not in names:
            last.pop()  # nothing can come behind samples whose end is not known
        size = draw.choice([0, 0x7F000000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFF9B, 0xFFFFFFD3, 0xFFFFFFFF])
        if last[-1].layout not in ("riff", "iff"):
            size = (1 << 64) - 1 if last[-1].layout == "caf" else draw.choice([(1 << 64) - 1, (1 << 63) - 1])
        last[-1].size = size
        if file.parts[0].parts:
            file.parts[0].size = draw.choice([0, 0xFFFFFFFF, min(size + 36, 0xFFFFFFFF), None])
        return f"size {size:#x}"

    return leave


def _box_behind(file: Part, draw: Draw) -> str:
    name = draw.choice([b"free", b"skip", b"uuid", b"udta"])
    file.parts.append(Part("box", name, body=bytes(draw.choice([16, 17, 1000]))))
    return f"{name!r} at the end"


def _void(file: Part, draw: Draw) -> str:
    segment = next(part for part in file.parts if part.name == b"\x18\x53\x80\x67")
    clusters = [part for part in segment.parts if part.name == b"\x1f\x43\xb6\x75"]
    # Offsets of the index are relative to the segment; what lies at its end moves none of them.
    holder = draw.choice([*clusters, segment])
    holder.parts.append(Part("ebml", b"\xec", body=bytes(draw.choice([0, 1, 200]))))
    return "Void at the end of one"


def _open_ends(file: Part, _: Draw) -> str:
    for part in file.parts:
        if part.name == b"\x18\x53\x80\x67":
            part.size, part.width = -1, 8
            for cluster in part.parts:
                if cluster.name == b"\x1f\x43\xb6\x75":
                    cluster.size, cluster.width = -1, 8
    return "sizes of segment and clusters unknown"


def _padding_block(file: Part, draw: Draw) -> str:
    at = 2 if len(file.parts) > 2 else 1
    file.parts.insert(
        at, Part("flac block", draw.choice([b"\x01", b"\x02", b"\x7e"]), body=bytes(draw.choice([4, 999])))
    )
    return "a metadata block"


def _tag_in_front(file: Part, draw: Draw) -> str:
    version = draw.choice([2, 3, 4])
    file.parts.insert(0, Part("id3", b"ID3" + bytes([version, 0, 0]), body=bytes(draw.choice([10, 300, 70_000]))))
    return "an ID3 tag in front"


def _null_packets(file: Part, draw: Draw) -> str:
    for _ in range(draw.choice([1, 10])):
        file.parts.insert(draw.randrange(len(file.parts) + 1), Part("ts", head=b"G\x1f\xff\x10", body=b"\xff" * 184))
    return "null packets"


def _data_tag(file: Part, draw: Draw) -> str:
    name = b"\x02\0\x0aonMetaData\x08\0\0\0\0\0\0\x09"
    file.parts.insert(draw.randrange(1, len(file.parts) + 1), Part("flv", b"\x12", bytes(7), name))
    return "a tag of data"


def _longer_header(file: Part, draw: Draw) -> str:
    note = bytes(draw.choice([4, 8, 400]))
    file.parts[0].head = file.parts[0].head[:4] + struct.pack(">I", 24 + len(note)) + file.parts[0].head[8:]
    file.parts[1].body = note
    return f"a note of {len(note)} bytes"


def _padding_packets(file: Part, draw: Draw) -> str:
    packs = [at for at, part in enumerate(file.parts) if part.name[3:4] in (b"\xc0", b"\xbd")]
    file.parts.insert(draw.choice(packs), Part("ps", b"\0\0\1\xbe", body=b"\xff" * draw.choice([1, 100])))
    return "a padding packet"


_HARMLESS: dict[str, list[Callable[[Part, Draw], str]]] = {
    "wav": [_unknown_chunk("riff", b"junk"), _unknown_chunk("riff", b"xtra"), _unknown_sizes(b"data"), _tag_in_front],
    "aiff": [_unknown_chunk("iff", b"ANNO"), _unknown_chunk("iff", b"xtra"), _unknown_sizes(b"SSND"), _tag_in_front],
    "caf": [_unknown_chunk("caf", b"free"), _unknown_chunk("caf", b"xtra"), _unknown_sizes(b"data")],
    "w64": [_unknown_chunk("w64", b"junk" + bytes(range(12))), _unknown_sizes(_W64_DATA)],
    "au": [_longer_header],
    "mov": [_box_behind],
    "matroska": [_void, _open_ends],
    "flac": [_padding_block, _tag_in_front],
    "mp3": [_tag_in_front],
    "aac": [_tag_in_front],
    "mpegts": [_null_packets],
    "mpeg": [_padding_packets],
    "flv": [_data_tag],
}  # fmt: skip


class Judge:
    """Gives inputs to the handler, and says what is wrong with what comes back."""

    def __init__(self) -> None:
        from local import environment

        environment.prepare()
        from handler.app import lambda_handler
        from hark.audio import decode

        self._handle, self._decode = lambda_handler, decode
        noise = np.random.default_rng(0).normal(0, 0.05, 16_000 * 20).astype(np.float32)
        plain = encode(noise, 16_000, "OGG", "OPUS")
        self._spent(plain)
        self._plain_s = min(self._spent(plain)[0] for _ in range(3))
        self._plain_bytes, self._plain_sound_s = len(plain), 20.0
        self._texts: dict[str, tuple[str, float]] = {}

    def faults(self, given: Input) -> tuple[int, list[str], dict[str, float]]:
        """Returns the status, what is wrong, and what it took."""
        _reset_peak()
        before_mb = _peak_mb()
        spent_s, sound_s = self._spent(given.data)
        took_mb = _peak_mb() - before_mb
        status, body = self._post(given.data)
        share = max(len(given.data) / self._plain_bytes, sound_s / self._plain_sound_s)
        allowed_s = _BASE_S + 2 * self._plain_s * share
        wrong = []
        if spent_s > allowed_s:
            wrong.append(f"takes {spent_s:.2f} s where {allowed_s:.2f} s are allowed")
        if took_mb > _MOST_MB:
            wrong.append(f"takes {took_mb:.0f} MB")
        if status == 200:
            wrong += self._of_text(given, body)
        elif status not in (400, 413):
            wrong.append(f"status {status}")
        else:
            message = body.get("error", {}).get("message", "")
            if not _ONE_SENTENCE.fullmatch(message) or re.search(r"[.!?] [A-Z]", message):
                wrong.append(f"no sentence: {message!r}")
            if given.expected == "same":
                wrong.append(f"is refused: {message}")
        return status, wrong, {"s": spent_s / allowed_s, "mb": took_mb}

    def _of_text(self, given: Input, body: Any) -> list[str]:
        if given.expected == "any":
            return []
        text, whole_s = self._texts.get(given.name, ("", -1.0))
        if whole_s < 0:
            status, reply = self._post(_whole(given.name)[0])
            text, whole_s = (reply["text"], reply["duration"]) if status == 200 else ("", 0.0)
            self._texts[given.name] = text, whole_s
        if abs(body["duration"] - whole_s) < (_TOLERANCE_S if given.expected == "same" else _CUT_S):
            return [] if given.expected == "refused" or body["text"] == text else [f"{body['text']!r}, not {text!r}"]
        if given.expected == "refused" and any("missing" in note for note in body.get("notes", [])):
            return []
        return [f"{body['duration']} of {whole_s} s, and nothing says so"]

    def _spent(self, data: bytes) -> tuple[float, float]:
        """Returns the seconds of the processor that decoding takes, and those of sound."""
        from hark.errors import RequestError

        sound_s, since = 0.0, time.process_time()
        with contextlib.suppress(RequestError):
            sound_s = len(self._decode(data, 16_000, 3900)) / 16_000
        return time.process_time() - since, sound_s

    def _post(self, data: bytes) -> tuple[int, Any]:
        from local.event import context_for, http_event, reply_body

        event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, data, "text_style=spoken")
        reply = self._handle(event, context_for({"requestContext": {"requestId": "fuzz"}}))
        return reply["statusCode"], json.loads(reply_body(reply) or b"{}")


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def work(seed: int) -> None:
    """Reads numbers of inputs line by line, and writes what came of them."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    judge = Judge()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        given = made(int(line), seed)
        try:
            status, wrong, took = judge.faults(given)
        except Exception as error:
            status, wrong, took = 599, [f"{type(error).__name__}: {error}"[:300]], {"s": 0.0, "mb": 0.0}
        print(json.dumps({"status": status, "wrong": wrong, "took": took, "expected": given.expected}), flush=True)


class Worker:
    """A process that takes inputs by their numbers."""

    def __init__(self, seed: int) -> None:
        command = [sys.executable, "-m", "tests.handler.fuzz_structure", "--work", "--seed", str(seed)]
        environ = {"OMP_NUM_THREADS": "1", **os.environ}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._line()

    def give(self, number: int) -> dict[str, Any]:
        """Returns what came of an input, if only that it ended the process."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{number}\n".encode())
            self._process.stdin.flush()
            return self._line()
        except (EOFError, BrokenPipeError):
            return {"status": 0, "wrong": [f"ended the process with {self._process.wait()}"], "expected": "any"}
        except TimeoutError:
            return {"status": 0, "wrong": [f"takes more than {_LONGEST_S:.0f} s"], "expected": "any"}

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):  # what was not written to it any more
            self._process.communicate()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], _LONGEST_S)[0]:
            raise TimeoutError
        line = self._process.stdout.readline()
        while line and line[:1] not in (b"{", b'"'):  # what the handler logs
            line = self._process.stdout.readline()
        if not line:
            raise EOFError
        found = json.loads(line)
        return self._line() if isinstance(found, dict) and "wrong" not in found else found


def run(seed: int, first: int, inputs: int, minutes: float, keep: Path) -> dict[str, Any]:
    """Gives inputs until so many were given or the time is over; returns counts, and what is wrong."""
    keep.mkdir(parents=True, exist_ok=True)
    worker = Worker(seed)
    statuses: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    failed: list[dict[str, Any]] = []
    most = {"s": 0.0, "mb": 0.0}
    until, number = time.monotonic() + minutes * 60, first
    while number < first + inputs and time.monotonic() < until:
        found = worker.give(number)
        statuses[str(found["status"])] += 1
        expected[found["expected"]] += 1
        most = {key: max(most[key], found.get("took", most)[key]) for key in most}
        if found["wrong"]:
            given = made(number, seed)
            (keep / f"{seed}-{number}").write_bytes(given.data)
            failed.append({"number": number, "name": given.name, "done": given.done, "wrong": found["wrong"]})
            print(json.dumps(failed[-1]), file=sys.stderr, flush=True)
        if found["status"] == 0:
            worker.end()
            worker = Worker(seed)
        number += 1
    worker.end()
    return {
        "seed": seed, "inputs": number - first, "statuses": statuses, "expected": expected,
        "most_time_as_a_share_of_what_is_allowed": round(most["s"], 2), "most_mb": round(most["mb"]), "failed": failed,
    }  # fmt: skip


def main() -> int:
    """Runs it from the command line; returns 1 where something was wrong."""
    parser = argparse.ArgumentParser(description="Change the structure of recordings, and check what the handler does.")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long to go on (default 60)")
    parser.add_argument("--seed", type=int, default=None, help="a number; random and printed where it is not given")
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--inputs", type=int, default=10**9, help="how many at most")
    parser.add_argument("--keep", type=Path, default=None, help="a folder for the inputs that fail")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    seed = random.randrange(1 << 32) if args.seed is None else args.seed
    if args.work:
        work(seed)
        return 0
    keep = args.keep or Path(tempfile.mkdtemp(prefix="fuzz-structure-"))
    print(f"seed {seed}; inputs that fail are kept in {keep}", flush=True)
    seen = run(seed, args.first, args.inputs, args.minutes, keep)
    print(json.dumps({**seen, "failed": len(seen["failed"])}))
    return 1 if seen["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
