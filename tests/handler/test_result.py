"""Results as they are stored: what comes back is what was put there, and what earlier versions stored is read, too."""

import json
from typing import Any

import pytest

from handler.result import completed, stored
from handler.s3_events import Arrival
from hark.transcript import Alternative, Segment, Transcript, Word
from hark.word_alternatives import WordAlternative
from tests.conftest import make_spec

ARRIVAL = Arrival("bucket", "uploads/job_a", "etag", 100)
SPEC = make_spec()


def segment(*words: Word) -> Segment:
    ids = tuple(range(3, 3 + len(words)))
    return Segment(words, ids, tuple(-0.1 * label for label in ids))


READABLE = Transcript(
    (
        segment(
            Word("at", 0.1, 0.3, 0.9, "At", ""),
            Word("nine", 0.4, 0.6, 0.8, "9:30 a.m.", ","),
            Word("thirty", 0.7, 0.9, 0.7, "", ""),
            Word("a", 1.0, 1.1, 0.7, "", ""),
            Word("m", 1.2, 1.3, 0.7, "", ""),
            Word("i", 1.4, 1.5, 0.6, "I", "", None, (WordAlternative("eye", 1, -0.5), WordAlternative("", 2, -2.25))),
            Word("left", 1.6, 1.9, 0.9, "left", "."),
        ),
        segment(Word("why", 3.0, 3.4, 0.9, "Why", "?")),
    ),
    4.123,
    (Alternative("At 9:30 a.m., I left. Why?", -1.5, "at nine thirty a m i left why"), Alternative("", -2.5, "")),
    ("Sound track 2 of 2 was transcribed.",),
)


def kept(transcript: Transcript) -> dict[str, Any]:
    """What lies in the bucket, as JSON."""
    content: dict[str, Any] = json.loads(json.dumps(completed(ARRIVAL, 1, transcript, SPEC)))
    return content


@pytest.mark.parametrize("transcript", [READABLE, READABLE.as_spoken(), Transcript((), 1.0)])
def test_a_transcript_comes_back_as_it_was(transcript: Transcript) -> None:
    found = stored(kept(transcript))
    assert (found.transcript, found.spec) == (transcript, SPEC)


def test_a_stored_transcript_can_be_had_as_it_was_spoken() -> None:
    found = stored(kept(READABLE)).transcript.as_spoken()
    assert found.text == found.spoken == "at nine thirty a m i left why"
    assert [each.text for each in found.alternatives] == ["at nine thirty a m i left why", ""]
    assert found.as_spoken() == found


def test_results_of_before_text_was_readable_are_read() -> None:
    spoken = READABLE.as_spoken()
    content = kept(spoken)
    del content["exact"]["spoken"]
    for tokens in content["exact"]["tokens"]:
        del tokens["words"]
    bare = {"word", "start", "end", "confidence"}
    assert all(set(word) - {"alternatives"} == bare for word in content["transcript"]["words"])
    assert stored(content).transcript == spoken
    # The first of them had no alternatives.
    del content["exact"]["scores"], content["transcript"]["alternatives"]
    assert stored(content).transcript.segments == spoken.segments
