"""Transcribes one recording: `python -m local.run [FILE]`.

The recording goes through `handler.app.lambda_handler` as the event API Gateway would make of it, so what is printed
is what the deployed endpoint replies. To transcribe many recordings without the handler, use the command `hark`.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hark.cli import add_decoding, channel_names, or_else, word_table
from hark.command import command
from local import environment
from local.event import context_for, http_event, reply_body

SAMPLE = Path(__file__).resolve().parent.parent / "events" / "sample.wav"
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
# Enough to see what the table has, and few enough to leave the stages in sight.
_SHOWN_WORDS = 20


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line; returns 1 where the handler refused the recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", type=Path, nargs="?", default=SAMPLE, help="any format the endpoint reads")
    parser.add_argument("--format", choices=_FORMATS, default="", help="the endpoint's response_format, as it replies")
    add_decoding(parser)
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
    headers = {"content-type": "application/octet-stream"}
    event = http_event("POST", "/transcribe", headers, audio, query(options))
    reply = lambda_handler(event, context_for(event))
    body = reply_body(reply).decode()
    if reply["statusCode"] != 200:
        print(f"error {reply['statusCode']}: {json.loads(body)['error']['message']}", file=sys.stderr)
        return 1
    stages = reply["headers"]["Server-Timing"]
    if options.format:
        print(body.rstrip("\n"), "", *stage_table(stages, load_ms), sep="\n")
    else:
        print(render(options.audio, json.loads(body), stages, load_ms))
    return 0


def query(options: argparse.Namespace) -> str:
    """Returns the options as the endpoint's query parameters; what was not given is left to the endpoint."""
    fields = {
        "response_format": options.format,
        "language": options.language,
        "decoder": options.decoder,
        "hotwords": options.hotwords,
        "alternatives": options.alternatives,
        "word_alternatives": options.word_alternatives,
        "text_style": options.text_style,
        "channels": options.channels,
    }
    given = [(name, value) for name, value in fields.items() if value]
    return urlencode([*given, *(("channel_names[]", name) for name in channel_names(options.channel_names))])


def render(audio: Path, body: dict[str, Any], server_timing: str, load_ms: float) -> str:
    """Lays a reply of `POST /transcribe` out for a terminal."""
    lines = [
        f"{audio.name}  ({body['duration']:.2f} s, model {body['model']['name']} {body['model']['version']})",
        "",
        *(f"  {line}" for line in (body["text"] or "(nothing was recognised)").split("\n")),
        "",
        *(f"  ({note})" for note in body.get("notes", [])),
        *([""] if "notes" in body else []),
        *(f"{each['score']:9.2f}  {each['text']}" for each in body.get("alternatives", [])),
        *([""] if "alternatives" in body else []),
        *word_table([(w["start"], w["end"], w["confidence"], _shown(w, body)) for w in body["words"]], _SHOWN_WORDS),
        "",
        *stage_table(server_timing, load_ms, body["duration"]),
    ]
    return "\n".join(lines)


def _shown(word: dict[str, Any], body: dict[str, Any]) -> str:
    """Returns a word, after the number of its channel where there are several, with what it may be instead."""
    shown = or_else(word["word"], [(each["text"], each["words"]) for each in word.get("alternatives", [])])
    return f"{word['channel']}: {shown}" if len(body.get("channels", [])) > 1 else shown


def stage_table(server_timing: str, load_ms: float, duration_s: float = 0.0) -> list[str]:
    """Lays the stages of a `Server-Timing` header out; with the recording's duration, how fast that is, too."""
    stages = [stage.split(";dur=") for stage in server_timing.split(", ")]
    total_ms = sum(float(ms) for _, ms in stages)
    speed = f": {total_ms / 1000 / duration_s:.4f} s per second of audio" if duration_s else ""
    return [
        "    ms  stage",
        *(f"{float(ms):6.1f}  {name}" for name, ms in stages),
        f"{total_ms:6.1f}  in all{speed}",
        f"{load_ms:6.1f}  once, to import the handler and load the model",
    ]


if __name__ == "__main__":
    sys.exit(main())
