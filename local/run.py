"""Transcribes one recording: `python -m local.run [FILE]`.

The recording goes through `handler.app.lambda_handler` as the event API Gateway would make of it, so what is printed
is what the deployed endpoint replies.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from local import environment
from local.event import context_for, http_event, reply_body

SAMPLE = Path(__file__).resolve().parent.parent / "events" / "sample.wav"


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns 1 where the handler refused the recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", type=Path, nargs="?", default=SAMPLE, help="any format the endpoint reads")
    options = parser.parse_args(arguments)
    try:
        audio = options.audio.read_bytes()
    except OSError as error:
        print(f"error: {options.audio} cannot be read: {error.strerror}", file=sys.stderr)
        return 1
    environment.prepare()
    since = time.perf_counter()
    from handler.app import lambda_handler  # after the environment is set, and timed: this loads the model

    load_ms = (time.perf_counter() - since) * 1000
    event = http_event("POST", "/transcribe", {"content-type": "application/octet-stream"}, audio)
    reply = lambda_handler(event, context_for(event))
    body = json.loads(reply_body(reply))
    if reply["statusCode"] != 200:
        print(f"error {reply['statusCode']}: {body['error']['message']}", file=sys.stderr)
        return 1
    print(render(options.audio, body, reply["headers"]["Server-Timing"], load_ms))
    return 0


def render(audio: Path, body: dict, server_timing: str, load_ms: float) -> str:  # type: ignore[type-arg]
    """Lays a reply of `POST /transcribe` out for a terminal."""
    lines = [
        f"{audio.name}  ({body['duration']:.2f} s, model {body['model']['name']} {body['model']['version']})",
        "",
        f"  {body['text'] or '(nothing was recognised)'}",
        "",
        "    start      end  confidence  word",
    ]
    lines += [f"{w['start']:9.2f}{w['end']:9.2f}{w['confidence']:12.2f}  {w['word']}" for w in body["words"]]
    stages = [stage.split(";dur=") for stage in server_timing.split(", ")]
    total_ms = sum(float(ms) for _, ms in stages)
    lines += ["", "    ms  stage"]
    lines += [f"{float(ms):6.1f}  {name}" for name, ms in stages]
    lines += [
        f"{total_ms:6.1f}  in all: {total_ms / 1000 / body['duration']:.4f} s per second of audio",
        f"{load_ms:6.1f}  once, to import the handler and load the model",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
