"""Transcript -> JSON: Hark's own, and what OpenAI's API calls `verbose_json`, which tools for Whisper read.

Source: OpenAI, "The transcription object (Verbose JSON)".
"""

import math
import zlib
from typing import Any

from hark import languages
from hark.spec import ModelSpec
from hark.transcript import Segment, Transcript, Word


def full(transcript: Transcript, spec: ModelSpec) -> dict[str, Any]:
    """Hark's own: text, words and segments with times [s] and confidences, duration [s], model."""
    return {
        "text": transcript.text,
        "language": spec.language,
        "duration": round(transcript.duration_s, 3),
        "words": [
            {
                "word": word.word,
                **_written(word),
                "start": word.start_s,
                "end": word.end_s,
                "confidence": word.confidence,
                **_word_alternatives(word),
                **_channel(word),
            }
            for word in transcript.words
        ],
        "segments": [
            {
                "id": number,
                "start": segment.start_s,
                "end": segment.end_s,
                "text": segment.text,
                "confidence": round(segment.confidence, 4),
                **_channel(segment),
            }
            for number, segment in enumerate(transcript.segments)
        ],
        **alternatives(transcript),
        **channels(transcript),
        **notes(transcript),
        "model": {"name": spec.name, "version": spec.version},
    }


def verbose(transcript: Transcript, spec: ModelSpec, granularities: frozenset[str]) -> dict[str, Any]:
    """The `verbose_json` format of OpenAI's transcription API."""
    content: dict[str, Any] = {
        "task": "transcribe",
        "language": languages.name(spec.language),
        "duration": round(transcript.duration_s, 3),
        "text": transcript.text,
    }
    if "segment" in granularities:
        content["segments"] = [_verbose_segment(*numbered) for numbered in enumerate(transcript.segments)]
    if "word" in granularities:
        content["words"] = [
            {
                "word": words[0].word if words[0].written is None else words[0].written,
                "start": words[0].start_s,
                "end": words[-1].end_s,
                **_channel(words[0]),
            }
            for words in transcript.read_words
        ]
    content |= {**alternatives(transcript), **channels(transcript), **notes(transcript)}
    return {**content, "usage": duration_usage(transcript)}


def _written(word: Word) -> dict[str, str]:
    return {} if word.written is None else {"written": word.written, "punctuation": word.punctuation}


def _word_alternatives(word: Word) -> dict[str, Any]:
    listed = [{"text": each.text, "words": each.words, "score": each.score} for each in word.alternatives]
    return {"alternatives": listed} if listed else {}


def _channel(spoken: Word | Segment) -> dict[str, int]:
    return {} if spoken.channel is None else {"channel": spoken.channel}


def _verbose_segment(number: int, segment: Segment) -> dict[str, Any]:
    encoded = segment.text.encode()
    return {
        "id": number,
        # Whisper's unit: hundredths of a second.
        "seek": round(segment.start_s * 100),
        "start": segment.start_s,
        "end": segment.end_s,
        "text": segment.text,
        "tokens": list(segment.token_ids),
        "temperature": 0.0,
        "avg_logprob": round(segment.avg_log_prob, 6),
        # As Whisper computes it: text that repeats itself compresses well.
        "compression_ratio": round(len(encoded) / len(zlib.compress(encoded)), 6),
        "no_speech_prob": round(segment.no_speech_prob, 6),
        **_channel(segment),
    }


def alternatives(transcript: Transcript) -> dict[str, Any]:
    """The best texts, where they were asked for."""
    listed = [{"text": each.text, "score": round(each.score, 4)} for each in transcript.alternatives]
    return {"alternatives": listed} if listed else {}


def channels(transcript: Transcript) -> dict[str, Any]:
    """The recording's channels, where they were kept apart."""
    listed = [
        {"channel": each.number, "name": each.name, **({} if each.same_as is None else {"same_as": each.same_as})}
        for each in transcript.channels
    ]
    return {"channels": listed} if listed else {}


def notes(transcript: Transcript) -> dict[str, Any]:
    """What of the recording was transcribed, where that is not all of it as it is."""
    return {"notes": list(transcript.notes)} if transcript.notes else {}


def duration_usage(transcript: Transcript) -> dict[str, Any]:
    """Usage as OpenAI's API counts it: seconds of audio that were begun."""
    return {"type": "duration", "seconds": math.ceil(transcript.duration_s)}
