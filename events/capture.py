"""Captures events/*.json anew: `python events/capture.py`; those of programs alone: `python events/capture.py clients`.

Real clients (curl, OpenAI's Python client) post to the local server, and the event each request becomes is written
down as the handler got it. The S3 event is what an S3 API sends when an object is created (needs moto[server] and
boto3, which are no dependencies of Hark: without them the committed file stays).

events/clients/*.json are what programs that people point at Hark send: the same fields in the same order, by the same
library, as they were seen to send when they were run, or as their sources have it (docs/clients.md says which). Those
of programs in JavaScript need Node.js and some packages (see clients/send.mjs); without them their files stay.
"""

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import waitress

from local.serve import LocalServer

EVENTS = Path(__file__).parent
_WAV, _OGG = EVENTS / "sample.wav", EVENTS / "sample.ogg"

# File name -> curl's arguments; {url} is the server's. What a client cannot send is made of what it can, below.
REQUESTS: dict[str, list[str]] = {
    "transcribe": ["--data-binary", f"@{_WAV}", "-H", "Content-Type: audio/wav", "{url}/transcribe"],
    "subtitles": [
        "--data-binary",
        f"@{_OGG}",
        "-H",
        "Content-Type: audio/ogg",
        "{url}/transcribe?response_format=srt&language=en",
    ],
    "health": ["{url}/health"],
    "models": ["{url}/v1/models"],
    "empty-body": ["-X", "POST", "-H", "Content-Type: audio/wav", "{url}/transcribe"],
    "not-audio": ["--data-binary", "these bytes are no recording", "-H", "Content-Type: audio/wav", "{url}/transcribe"],
    "wrong-content-type": ["--data-binary", '{"audio": 1}', "-H", "Content-Type: application/json", "{url}/transcribe"],
    "unknown-route": ["{url}/v1/chat/completions"],
    "wrong-method": ["{url}/transcribe"],
    "form-without-file": ["-F", "model=whisper-1", "{url}/v1/audio/transcriptions"],
}


class Programs:
    """What each program sends to the server at `url`."""

    PYTHON = (
        *("open_webui", "open_webui_json", "home_assistant", "langchain", "llamaindex", "litellm"),
        "openai_everything",
    )
    JAVASCRIPT = ("librechat", "n8n", "obsidian", "ai-sdk")

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = openai.OpenAI(api_key="hark", base_url=f"{url}/v1", max_retries=0)
        self._recording = _OGG.read_bytes()

    def _named(self, name: str) -> io.BytesIO:
        file = io.BytesIO(self._recording)
        file.name = name
        return file

    def open_webui(self) -> None:
        """open_webui/routers/audio/__init__.py, `_transcribe_openai`: a form that is streamed in chunks."""

        async def chunks() -> AsyncIterator[bytes]:
            yield self._recording

        form = aiohttp.FormData()
        form.add_field("model", "whisper-1")
        form.add_field("language", "en")
        form.add_field("file", chunks(), filename="6a2f41de-1c3f-4b51-8f0c-1f7f0e4f5a11.ogg")
        self._post(data=form)

    def open_webui_json(self) -> None:
        """The same, where its administrator chose JSON."""
        recording = {"data": base64.b64encode(self._recording).decode(), "format": "ogg"}
        self._post(json={"model": "whisper-1", "language": "en", "input_audio": recording})

    def _post(self, **request: Any) -> None:
        async def post() -> None:
            address = f"{self._url}/v1/audio/transcriptions"
            key = {"Authorization": "Bearer hark"}
            async with aiohttp.ClientSession(headers=key) as session, session.post(address, **request) as reply:
                reply.raise_for_status()

        asyncio.run(post())

    def home_assistant(self) -> None:
        """wyoming_openai, handler.py: the bridge to Home Assistant's Wyoming protocol."""
        self._client.audio.transcriptions.create(
            file=self._named("recording.wav"),
            model="whisper-1",
            language="en",
            prompt="Living room, Kitchen",
            response_format="json",
        )

    def llamaindex(self) -> None:
        """llama_index/readers/whisper/base.py, `WhisperReader`."""
        self._client.audio.transcriptions.create(
            file=self._named("lecture.mp3"), model="whisper-1", language="en", response_format="text"
        )

    def litellm(self) -> None:
        """LiteLLM's proxy, for a request in which nothing but a language is set: it wants to know the length."""
        self._client.audio.transcriptions.create(
            file=self._named("recording.ogg"), model="whisper-1", language="en", response_format="verbose_json"
        )

    def langchain(self) -> None:
        """libs/community/langchain_community/document_loaders/parsers/audio.py, `OpenAIWhisperParser`."""
        self._client.audio.transcriptions.create(
            model="whisper-1",
            file=self._named("lecture.ogg_part_0.mp3"),
            language="en",
            prompt="Ishmael, Queequeg",
            response_format="json",
            temperature=0.0,
        )

    def openai_everything(self) -> None:
        """OpenAI's own client with its lists and its object."""
        self._client.audio.transcriptions.create(
            model="gpt-4o-transcribe",
            file=self._named("recording.ogg"),
            chunking_strategy={"type": "server_vad", "silence_duration_ms": 500, "threshold": 0.5},
            keywords=["Ishmael", "Queequeg"],
            languages=["en", "de"],
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )

    def javascript(self, name: str) -> None:
        """Those of clients/send.mjs."""
        command = ["node", str(EVENTS / "clients" / "send.mjs"), self._url, name]
        subprocess.run(command, check=True, capture_output=True)


def capture_clients(seen: list[dict[str, Any]], url: str) -> dict[str, Any]:
    """Returns the events of programs by their names."""
    programs = Programs(url)
    events: dict[str, Any] = {}
    for name in Programs.PYTHON:
        getattr(programs, name)()
        events[name.replace("_", "-")] = seen.pop()
    for name in Programs.JAVASCRIPT if os.environ.get("NODE_PATH") else ():
        programs.javascript(name)
        events[name] = seen.pop()
    for event in events.values():
        event["headers"].pop("authorization", None)
    return {f"clients/{name}": event for name, event in events.items()}


def capture(only_clients: bool = False) -> dict[str, Any]:
    """Returns the events by name."""
    app = LocalServer()
    seen: list[dict[str, Any]] = []
    handler = app._handler
    app._handler = lambda event, context: (seen.append(event), handler(event, context))[1]
    server = waitress.create_server(app, port=0)
    threading.Thread(target=server.run, daemon=True).start()
    url = f"http://127.0.0.1:{server.effective_port}"
    events: dict[str, Any] = capture_clients(seen, url)
    if only_clients:
        return events
    for name, arguments in REQUESTS.items():
        subprocess.run(["curl", "-s", *(a.replace("{url}", url) for a in arguments)], check=True, capture_output=True)  # noqa: S607
        events[name] = seen.pop()
    client = openai.OpenAI(api_key="hark", base_url=f"{url}/v1", max_retries=0)
    with _OGG.open("rb") as file:
        client.audio.transcriptions.create(model="whisper-1", file=file)
    events["transcriptions"] = seen.pop()
    with _OGG.open("rb") as file:
        for _ in client.audio.transcriptions.create(model="whisper-1", file=file, stream=True):
            pass
    events["stream"] = seen.pop()
    for name in ("transcriptions", "stream"):
        del events[name]["headers"]["authorization"]  # a key, even a made-up one, has no place in a file
    events["invalid-base64"] = {**events["transcribe"], "body": "UklGRiT//*not base64*//"}
    events["truncated"] = {**events["transcribe"], "body": events["transcribe"]["body"][:20000]}
    return events


def capture_s3() -> dict[str, Any]:
    """Uploads a recording to an S3 API and returns the event it sends."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    at = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1", **keys}
    s3, sqs = boto3.client("s3", **at), boto3.client("sqs", **at)
    queue = sqs.create_queue(QueueName="recordings")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.create_bucket(Bucket="recordings")
    s3.put_bucket_notification_configuration(
        Bucket="recordings",
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    s3.put_object(Bucket="recordings", Key="incoming/sample one.ogg", Body=_OGG.read_bytes())
    bodies = [
        json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    ]
    server.stop()
    return next(body for body in bodies if "Records" in body)


if __name__ == "__main__":
    only_clients = sys.argv[1:] == ["clients"]
    captured = capture(only_clients)
    try:
        if not only_clients:
            captured["s3-object-created"] = capture_s3()
    except ImportError as error:
        print(f"s3-object-created.json stays as it is: {error}")
    for name, event in captured.items():
        (EVENTS / f"{name}.json").write_text(json.dumps(event, indent=2) + "\n")
        print(f"events/{name}.json")
