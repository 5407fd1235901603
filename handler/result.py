"""What became of a recording, as it is stored beside it: a transcript, or why there is none.

A transcript is kept whole, so that every format can be made of it later, by the same code that renders the reply of
the synchronous routes.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from handler.s3_events import Arrival
from hark import formats
from hark.errors import LaidAside, RequestError
from hark.spec import ModelSpec
from hark.transcript import Alternative, Channel, Segment, Transcript, Word
from hark.word_alternatives import WordAlternative

# What can become of a recording.
COMPLETED, FAILED, EXPIRED, DELETED = "completed", "failed", "expired", "deleted"


@dataclass(frozen=True)
class Stored:
    """A transcript and the spec of the model that made it, which may since have been replaced."""

    transcript: Transcript
    spec: ModelSpec


def completed(arrival: Arrival, now: int, transcript: Transcript, spec: ModelSpec) -> dict[str, Any]:
    """The content of a result object: what a reader wants, and what `stored` needs beyond it."""
    return {
        "status": COMPLETED,
        "source": _source(arrival),
        "finished_at": now,
        "transcript": formats.full(transcript, spec),
        "exact": {
            "duration_s": transcript.duration_s,
            "scores": [each.score for each in transcript.alternatives],
            "spoken": [each.spoken for each in transcript.alternatives],
            "tokens": [
                {
                    "ids": list(segment.token_ids),
                    "log_probs": list(segment.token_log_probs),
                    "words": len(segment.words),
                }
                for segment in transcript.segments
            ],
            "spec": spec.to_json(),
        },
    }


def failed(arrival: Arrival, now: int, error: RequestError) -> dict[str, Any]:
    """The content of a result object that says what is wrong with the recording."""
    return {"status": FAILED, "source": _source(arrival), "finished_at": now, "error": error.body()["error"]}


def expired(bucket: str, key: str, now: int, error: RequestError) -> dict[str, Any]:
    """The content of a result object of a job whose recording never came."""
    return {**failed(Arrival(bucket, key, "", 0), now, error), "status": EXPIRED}


def deleted(bucket: str, key: str, now: int) -> dict[str, Any]:
    """The content of a result object that stands where another was, or would be, lest one be written there later."""
    return {"status": DELETED, "source": _source(Arrival(bucket, key, "", 0)), "finished_at": now}


def may_be_redriven(content: dict[str, Any]) -> bool:
    """Says whether a result is of a failure that was the server's, and that may have been mended."""
    return bool(content["status"] == FAILED and content["error"]["code"] == LaidAside.code)


def is_of(content: dict[str, Any], arrival: Arrival) -> bool:
    """Says whether a result is that of these very bytes."""
    return bool(content["source"] == _source(arrival))


def stored(content: dict[str, Any]) -> Stored:
    """Reads a completed result back; the transcript equals the one it was made of."""
    exact = content["exact"]
    # Words of channels that were kept apart are stored in order of time; each channel's segments have its own.
    words: dict[int | None, deque[Word]] = {}
    for word in content["transcript"]["words"]:
        words.setdefault(word.get("channel"), deque()).append(
            Word(
                word["word"],
                word["start"],
                word["end"],
                word["confidence"],
                word.get("written"),
                word.get("punctuation", ""),
                word.get("channel"),
                tuple(
                    WordAlternative(each["text"], each["words"], each["score"]) for each in word.get("alternatives", ())
                ),
            )
        )
    segments = tuple(
        Segment(
            tuple(words[segment.get("channel")].popleft() for _ in range(_words_of(segment, tokens))),
            tuple(tokens["ids"]),
            tuple(tokens["log_probs"]),
        )
        for segment, tokens in zip(content["transcript"]["segments"], exact["tokens"], strict=True)
    )
    # Results of before there were any list none.
    texts = (each["text"] for each in content["transcript"].get("alternatives", []))
    scores = exact.get("scores", [])
    alternatives = tuple(map(Alternative, texts, scores, exact.get("spoken", [None] * len(scores))))
    notes = tuple(content["transcript"].get("notes", ()))
    channels = tuple(
        Channel(each["channel"], each["name"], each.get("same_as"))
        for each in content["transcript"].get("channels", ())
    )
    transcript = Transcript(segments, exact["duration_s"], alternatives, notes, channels)
    return Stored(transcript, ModelSpec.from_json(exact["spec"]))


def _words_of(segment: dict[str, Any], tokens: dict[str, Any]) -> int:
    """Returns how many words a segment has; of results from before text was readable, those that its text shows."""
    return int(tokens.get("words") or len(segment["text"].split(" ")))


def _source(arrival: Arrival) -> dict[str, str]:
    return {"bucket": arrival.bucket, "key": arrival.key, "etag": arrival.etag}
