"""Transcript -> the bodies of the HTTP API.

Sources: OpenAI, "Create transcription" and "The transcription object"; for Hark's own, `openapi.yaml`.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handler.options import Options
from handler.router import Response
from hark import formats, subtitles
from hark.spec import ModelSpec
from hark.transcript import Segment, Transcript

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
EVENT_STREAM = "text/event-stream; charset=utf-8"
_SUBRIP = "application/x-subrip; charset=utf-8"
_WEBVTT = "text/vtt; charset=utf-8"


@dataclass(frozen=True)
class Body:
    """The body of a reply and what it is labelled as."""

    content_type: str
    text: str

    def response(self, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """Returns a reply of this body, with headers of its own."""
        return Response(status, self.content_type, self.text, dict(headers or {}))


def transcription(transcript: Transcript, spec: ModelSpec, options: Options) -> Body:
    """The reply in the format that was asked for; `options.response_format` must be set."""
    if options.stream:
        return Body(EVENT_STREAM, "".join(server_sent(event) for event in events(transcript, spec, options.logprobs)))
    match options.response_format:
        case "text":
            return Body(_TEXT, transcript.text + "\n")
        case "srt":
            return Body(_SUBRIP, subtitles.srt(transcript, options.layout))
        case "vtt":
            return Body(_WEBVTT, subtitles.vtt(transcript, options.layout))
        case "verbose_json":
            return json_body(formats.verbose(transcript, spec, options.granularities))
        case _:
            return json_body(openai_json(transcript, spec, options.logprobs))


def json_body(content: dict[str, Any]) -> Body:
    """A reply in JSON."""
    return Body(_JSON, json.dumps(content, ensure_ascii=False))


def openai_json(transcript: Transcript, spec: ModelSpec, with_logprobs: bool) -> dict[str, Any]:
    """The `json` format of OpenAI's transcription API."""
    content: dict[str, Any] = {
        "text": transcript.text,
        **formats.alternatives(transcript),
        **formats.notes(transcript),
        "usage": formats.duration_usage(transcript),
    }
    if with_logprobs:
        content["logprobs"] = [entry for segment in transcript.segments for entry in _logprobs(segment, spec)]
    return content


def events(transcript: Transcript, spec: ModelSpec, with_logprobs: bool) -> Iterator[dict[str, Any]]:
    """The events of a streamed transcription: one delta a segment, and the whole at the end.

    The deltas, joined, are the text.
    """
    for segment, text in zip(transcript.segments, transcript.parts(), strict=True):
        yield delta(segment, text, spec, with_logprobs)
    yield done(transcript, spec, with_logprobs)


def delta(segment: Segment, text: str, spec: ModelSpec, with_logprobs: bool) -> dict[str, Any]:
    """The event of a segment, with what it adds to the text."""
    event = {"type": "transcript.text.delta", "delta": text}
    return event | ({"logprobs": _logprobs(segment, spec)} if with_logprobs else {})


def done(transcript: Transcript, spec: ModelSpec, with_logprobs: bool) -> dict[str, Any]:
    """The event that ends a stream, with the whole."""
    content = openai_json(transcript, spec, with_logprobs)
    return {"type": "transcript.text.done", **content, "usage": _token_usage(transcript, spec)}


def server_sent(event: dict[str, Any]) -> str:
    """An event as it is sent; JSON holds no line breaks of its own.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"


def _logprobs(segment: Segment, spec: ModelSpec) -> list[dict[str, Any]]:
    return [
        {"token": spec.labels[label], "logprob": round(log_prob, 6), "bytes": list(spec.labels[label].encode())}
        for label, log_prob in zip(segment.token_ids, segment.token_log_probs, strict=True)
    ]


def _token_usage(transcript: Transcript, spec: ModelSpec) -> dict[str, Any]:
    """Usage as a stream's last event has it: an audio token is a frame the model put out, a text token a letter."""
    audio_tokens = math.ceil(transcript.duration_s * spec.output_frames_per_second)
    text_tokens = sum(len(segment.token_ids) for segment in transcript.segments)
    return {
        "type": "tokens",
        "input_tokens": audio_tokens,
        "input_token_details": {"audio_tokens": audio_tokens, "text_tokens": 0},
        "output_tokens": text_tokens,
        "total_tokens": audio_tokens + text_tokens,
    }


def model(spec: ModelSpec) -> dict[str, Any]:
    """The model object of OpenAI's API, with the language. When a model was made is not recorded: 0."""
    return {"id": spec.name, "object": "model", "created": 0, "owned_by": "hark", "language": spec.language}


def models(specs: Iterable[ModelSpec]) -> dict[str, Any]:
    """The reply of `GET /v1/models`: the deployed models, that which answers by default first."""
    return {"object": "list", "data": [model(spec) for spec in specs]}


def health(
    models: Sequence[Mapping[str, Any]], max_body_bytes: int, max_audio_s: float, has_keywords: bool
) -> dict[str, Any]:
    """The reply of `GET /health`.

    Args:
        models: what `handler.models.Models.described` says of each, that which answers by default first.
        max_body_bytes: the largest body that reaches the endpoint.
        max_audio_s: the longest recording that is accepted.
        has_keywords: whether there is a keyword model.
    """
    return {
        "status": "ok",
        "model": {name: value for name, value in models[0].items() if name != "loaded"},
        "models": list(models),
        "limits": {"body_bytes": max_body_bytes, "audio_s": max_audio_s},
        "keywords": has_keywords,
    }


def measured(spec: ModelSpec, by_set: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Returns a model's error rates by test set.

    Args:
        spec: of the model.
        by_set: as `hark.decoding.Decoders.error_rates` returns them. If there are none, those of the dev sets count,
            which the export measured.
    """
    return by_set or _measured_by_export(spec)


def _measured_by_export(spec: ModelSpec) -> dict[str, dict[str, Any]]:
    figures = spec.measured
    if not {"wer", "cer", "words"} <= figures.keys():
        return {}
    name = str(figures.get("on", "dev")).replace(".jsonl", "")
    return {name: {**{each: figures[each] for each in ("wer", "cer", "words")}, "decoder": "greedy"}}
