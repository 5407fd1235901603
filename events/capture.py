"""Captures events/*.json anew: `python events/capture.py`.

Real clients (curl, OpenAI's Python client) post to the local server, and the event each request becomes is written
down as the handler got it. The S3 event is what an S3 API sends when an object is created (needs moto[server] and
boto3, which are no dependencies of Hark: without them the committed file stays).
"""

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

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


def capture() -> dict[str, Any]:
    """Returns the events by name."""
    app = LocalServer()
    seen: list[dict[str, Any]] = []
    handler = app._handler
    app._handler = lambda event, context: (seen.append(event), handler(event, context))[1]
    server = waitress.create_server(app, port=0)
    threading.Thread(target=server.run, daemon=True).start()
    url = f"http://127.0.0.1:{server.effective_port}"
    events: dict[str, Any] = {}
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
    captured = capture()
    try:
        captured["s3-object-created"] = capture_s3()
    except ImportError as error:
        print(f"s3-object-created.json stays as it is: {error}")
    for name, event in captured.items():
        (EVENTS / f"{name}.json").write_text(json.dumps(event, indent=2) + "\n")
        print(f"events/{name}.json")
