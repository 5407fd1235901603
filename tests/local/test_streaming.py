"""`make serve` sends what it has heard while it is still reading."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from tests.conftest import EVENTS, ROOT, encode
from tests.hark.test_parts import RATE, talk
from tests.patience import PATIENCE_S
from tests.server import Server, serve

# Other recordings than of some minutes show nothing: as much is read before the first segment is certain.
MINUTES = 7


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        # The quickest there is; what is tested is when it says something.
        patch.setenv("HARK_MODEL", str(ROOT / "models" / "small.onnx"))
        patch.setenv("HARK_DECODER", "greedy")
        with serve("--no-jobs") as running:
            yield running


@pytest.fixture(scope="module")
def long() -> bytes:
    return encode(talk(MINUTES * 60), RATE, "FLAC")


@dataclass
class Streamed:
    """A reply as it came."""

    status: int
    headers: dict[str, str]
    events: list[tuple[float, dict[str, Any]]]  # each with its time, in seconds after the request
    ended_s: float


def post(server: Server, audio: bytes, query: str = "stream=true") -> Streamed:
    since = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.request("POST", f"/transcribe?{query}", audio, {"Content-Type": "audio/flac"})
    response = connection.getresponse()
    events = [
        (time.monotonic() - since, json.loads(line.removeprefix(b"data: ")))
        for line in response
        if line.startswith(b"data: ")
    ]
    connection.close()
    return Streamed(response.status, dict(response.getheaders()), events, time.monotonic() - since)


def test_segments_go_out_while_later_sound_is_being_read(server: Server, long: bytes) -> None:
    reply = post(server, long)
    assert reply.status == 200
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    *deltas, (_, done) = reply.events
    assert done["type"] == "transcript.text.done"
    assert "".join(event["delta"] for _, event in deltas) == done["text"]
    # The first come when some three minutes are read, the others from minute to minute.
    assert reply.events[0][0] < 0.75 * reply.ended_s
    assert len({round(at_s, 2) for at_s, _ in reply.events}) >= MINUTES // 2


def test_who_goes_away_leaves_the_server_to_others(server: Server, long: bytes) -> None:
    whole_s = post(server, long).ended_s
    head = f"POST /transcribe?stream=true HTTP/1.1\r\nHost: x\r\nContent-Length: {len(long)}\r\n\r\n"
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as leaving:
            leaving.sendall(head.encode() + long)
            assert leaving.recv(1 << 10).startswith(b"HTTP/1.1 200")
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    since = time.monotonic()
    reply = post(server, (EVENTS / "sample.wav").read_bytes())
    assert reply.events[-1][1]["type"] == "transcript.text.done"
    assert time.monotonic() - since < 2 * whole_s + 10


def test_openais_client_raises_what_goes_wrong_late(server: Server, long: bytes) -> None:
    damaged = bytearray(long)
    at = len(long) * 9 // 10
    damaged[at : at + 50_000] = bytes(50_000)  # nothing in its header tells
    with openai.OpenAI(api_key="x", base_url=f"{server.url}/v1", max_retries=0) as client:
        create = client.audio.transcriptions.create
        heard: list[Any] = []
        events = create(model="whisper-1", file=("a.flac", bytes(damaged)), stream=True)
        with pytest.raises(openai.APIError) as caught:
            heard.extend(events)
        assert {event.type for event in heard} == {"transcript.text.delta"}
        assert "invalid_audio" in str(caught.value.body)
        with pytest.raises(openai.BadRequestError):
            list(create(model="whisper-1", file=("a.flac", b"no audio"), stream=True))
        assert create(model="whisper-1", file=EVENTS / "sample.wav").text


def test_as_on_aws_a_stream_comes_whole() -> None:
    with serve("--no-jobs", "--as-on-aws") as server:
        reply = post(server, (EVENTS / "sample.wav").read_bytes())
    assert reply.events[-1][1]["type"] == "transcript.text.done"
    assert int(reply.headers["Content-Length"]) > 0
