"""Transcript -> the bodies of the HTTP API."""

from typing import Any

from handler.spec import ModelSpec
from handler.transcript import Transcript


def full(transcript: Transcript, spec: ModelSpec) -> dict[str, Any]:
    """The reply of `POST /transcribe`: text, words with times [s] and confidences, duration [s], model."""
    return {
        "text": transcript.text,
        "duration": round(transcript.duration_s, 3),
        "words": [
            {"word": word.word, "start": word.start_s, "end": word.end_s, "confidence": word.confidence}
            for word in transcript.words
        ],
        "model": {"name": spec.name, "version": spec.version},
    }


def openai_json(transcript: Transcript) -> dict[str, Any]:
    """The `json` format of OpenAI's transcription API."""
    return {"text": transcript.text}


def openai_text(transcript: Transcript) -> str:
    """The `text` format of OpenAI's transcription API."""
    return transcript.text + "\n"


def health(spec: ModelSpec) -> dict[str, Any]:
    """The reply of `GET /health`; `measured` holds the WER and CER that came with the model."""
    return {"status": "ok", "model": {"name": spec.name, "version": spec.version, "measured": spec.measured}}
