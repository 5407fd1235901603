"""Recordings and requests as nobody sends them: good ones, mutated with a seed, through the handler.

`python -m tests.handler.fuzz COUNT SEED` prints what it saw as JSON. It is a process of its own, so that a library that
crashes is seen by whoever started it; the last line before tells which input it was.
"""

import ctypes
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile as sf

from local import environment

environment.prepare()
from handler.app import lambda_handler  # noqa: E402
from local.event import context_for, http_event  # noqa: E402
from tests.conftest import EVENTS, encode, multipart  # noqa: E402
from tests.hark.media_files import MEDIA, encode_media  # noqa: E402

RATE_HZ = 16_000
SECONDS = 0.4
# What numbers in headers break on.
_EDGES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF]
_SUBTYPES = [
    ("WAV", None), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("WAV", "MS_ADPCM"), ("WAVEX", "PCM_24"), ("FLAC", None),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("AIFF", None), ("CAF", "ALAC_16"), ("AU", None), ("W64", None),
]  # fmt: skip
_PATHS = [
    "/transcribe",
    "/v1/audio/transcriptions",
    "/v1/audio/keywords",
    "/v1/models",
    "/v1/jobs",
    "/v1/jobs/job_x",
    "/",
    "/health",
    "/nowhere",
]
_VALUES = [
    "",
    "json",
    "srt",
    "true",
    "word",
    "en",
    "de",
    "0",
    "1e9",
    "\x00",
    "é",
    "\ud800",
    "%",
    "a" * 300,
    "../..",
    "[]",
]
_NAMES = [
    "response_format", "timestamp_granularities[]", "include", "stream", "language", "temperature", "model", "file",
    "x",
]  # fmt: skip

Draw = random.Random


def recordings() -> list[bytes]:
    """Returns a good recording in every container and codec."""
    speech, rate_hz = sf.read(EVENTS / "sample.wav", dtype="float32")
    part = speech[rate_hz : rate_hz + int(SECONDS * rate_hz)]
    made = [encode(part, RATE_HZ, format_, subtype) for format_, subtype in _SUBTYPES]
    return made + [encode_media(np.ascontiguousarray(part[:, None]), RATE_HZ, name) for name in MEDIA]


def mutated(data: bytes, others: list[bytes], draw: Draw) -> bytes:
    """Returns the bytes with some damage; most often near the start, where headers are."""
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 3, 8, 40])):
        if not changed:
            break
        draw.choice(_DAMAGES)(changed, others, draw)
    return bytes(changed)


def _at(changed: bytearray, draw: Draw) -> int:
    return draw.randrange(min(len(changed), draw.choice([16, 64, 256, 4096, len(changed)])) or 1)


def _flip(changed: bytearray, _: list[bytes], draw: Draw) -> None:
    changed[_at(changed, draw)] ^= 1 << draw.randrange(8)


def _overwrite(changed: bytearray, _: list[bytes], draw: Draw) -> None:
    at, size = _at(changed, draw), draw.choice([1, 2, 4, 8])
    edge = draw.choice(_EDGES) & ((1 << 8 * size) - 1)
    changed[at : at + size] = edge.to_bytes(size, draw.choice(["big", "little"]))


def _cut(changed: bytearray, _: list[bytes], draw: Draw) -> None:
    del changed[_at(changed, draw) + draw.choice([0, 1, 100]) :]


def _leave_out(changed: bytearray, _: list[bytes], draw: Draw) -> None:
    at = _at(changed, draw)
    del changed[at : at + draw.choice([1, 4, 64, 1000])]


def _repeat(changed: bytearray, _: list[bytes], draw: Draw) -> None:
    at, size = _at(changed, draw), draw.choice([4, 64, 1000])
    changed[at:at] = changed[at : at + size] * draw.choice([1, 3, 20])


def _splice(changed: bytearray, others: list[bytes], draw: Draw) -> None:
    other = draw.choice(others)
    at, start = _at(changed, draw), draw.randrange(len(other))
    changed[at:at] = other[start : start + draw.choice([8, 200, 4000])]


def _noise(changed: bytearray, _: list[bytes], draw: Draw) -> None:
    at = _at(changed, draw)
    size = draw.choice([4, 32, 500])
    changed[at : at + size] = draw.randbytes(size)


_DAMAGES: list[Callable[[bytearray, list[bytes], Draw], None]] = [
    _flip, _flip, _overwrite, _overwrite, _cut, _leave_out, _repeat, _splice, _noise,
]  # fmt: skip


def event(good: list[bytes], draw: Draw) -> dict[str, Any]:
    """Makes a request: four of five a damaged recording to a route that takes it, the others damaged themselves."""
    audio = draw.choice(good)
    if draw.random() < 0.95:
        audio = mutated(audio, good, draw)
    kind = draw.random()
    if kind < 0.15:
        return http_event("POST", "/v1/audio/keywords", {"content-type": "audio/wav"}, audio)
    if kind < 0.6:
        return http_event("POST", "/transcribe", {"content-type": "audio/wav"}, audio)
    fields = [(draw.choice(_NAMES[:-2]), draw.choice(_VALUES[:9])) for _ in range(draw.choice([0, 0, 1, 2]))]
    body, content_type = multipart(fields, audio)
    if kind < 0.8:
        return http_event("POST", "/v1/audio/transcriptions", {"content-type": content_type}, body)
    if kind < 0.9:
        body = mutated(body, [b"\r\n--hark-test\r\n", b'name="file"', b"--", *good], draw)
        return http_event("POST", "/v1/audio/transcriptions", {"content-type": content_type}, body)
    return _damaged_event(audio[:2000], draw)


def _damaged_event(audio: bytes, draw: Draw) -> dict[str, Any]:
    pairs = [f"{draw.choice(_NAMES)}={draw.choice(_VALUES)}" for _ in range(draw.choice([0, 1, 5, 40]))]
    headers = {"content-type": draw.choice(["audio/wav", "application/json", "multipart/form-data; boundary=", "\x00"])}
    headers |= {draw.choice(["accept-encoding", "if-none-match", "x"]): draw.choice(_VALUES)}
    method = draw.choice(["GET", "POST", "HEAD", "PUT", "OPTIONS", "X" * 30])
    path = draw.choice(_PATHS) + draw.choice(["", "", "/", "/x", "\n", "/..", "/" + "a" * 300])
    made = http_event(method, "/x", headers, audio, "")
    made["rawPath"] = made["requestContext"]["http"]["path"] = path
    made["rawQueryString"] = "&".join(pairs)
    if draw.random() < 0.3:
        name = draw.choice(["body", "headers", "rawQueryString", "isBase64Encoded", "cookies", "queryStringParameters"])
        made[name] = draw.choice([None, "", "\ud800", "{", "====", {}] if name == "body" else [made.get(name)])
    return made


def anonymous_mb() -> float:
    """Returns the memory that is held, what the allocator keeps for later given back first."""
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


def run(count: int, seed: int) -> dict[str, Any]:
    """Sends them; returns the statuses, what failed, the longest time and the memory on the way."""
    good = recordings()
    statuses: Counter[int] = Counter()
    failed: list[dict[str, Any]] = []
    slowest_s, memory_mb = 0.0, []
    for number in range(count):
        if number % max(1, count // 10) == 0:
            memory_mb.append(round(anonymous_mb(), 1))
        made = event(good, random.Random(f"{seed}-{number}"))
        sys.stderr.write(f"{number}\n")
        since = time.process_time()
        try:
            status = lambda_handler(made, context_for({"requestContext": {"requestId": "fuzz"}}))["statusCode"]
        except Exception as error:
            status = 599
            failed.append({"number": number, "error": repr(error)[:200]})
        slowest_s = max(slowest_s, time.process_time() - since)
        statuses[status] += 1
        if status == 500:
            failed.append({"number": number, "error": "500"})
    memory_mb.append(round(anonymous_mb(), 1))
    return {"statuses": statuses, "failed": failed, "slowest_s": round(slowest_s, 2), "memory_mb": memory_mb}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))))
