"""`channels=separate` over HTTP: who speaks is in every format, as players and clients read it."""

import io
import json
import re
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
import soundfile as sf
import webvtt

import hark
from handler import options
from handler.result import completed, stored
from handler.s3_events import Arrival
from hark import subtitles
from hark.errors import ConflictingParameters, InvalidParameter
from tests.conftest import DATA, SPOKEN, Post, encode, make_spec, multipart

RATE = 16_000
SEPARATE = [("channels", "separate")]
NAMES = [("channel_names[]", "Agent"), ("channel_names[]", "Tom & <Jerry>")]


@pytest.fixture(scope="module")
def call(speech: np.ndarray) -> bytes:
    """A WAV file: two speakers, of whom the second begins while the first still speaks."""
    answer = np.concatenate([sf.read(DATA / f"{number:02}.ogg", dtype="float32")[0] for number in (5, 8)])
    samples = np.zeros((13 * RATE, 2), np.float32)
    samples[: len(speech), 0] = speech
    samples[8 * RATE : 8 * RATE + len(answer), 0] = answer
    samples[4 * RATE : 4 * RATE + len(answer), 1] = answer
    return encode(samples, RATE)


def ask(post: Post, route: str, recording: bytes, fields: list[tuple[str, str]]) -> Any:
    if route == "form":
        body, content_type = multipart(fields, recording)
        status, _, content = post("/v1/audio/transcriptions", body, content_type)
    else:
        from local.event import http_event
        from tests.conftest import invoke

        event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, recording, urlencode(fields))
        status, _, content = invoke(event)
    assert status == 200, content
    return content.decode() if isinstance(content, bytes) else content


def turns(text: str) -> list[tuple[str, str]]:
    return [tuple(line.split(": ", 1)) for line in text.rstrip("\n").split("\n")]  # type: ignore[misc]


@pytest.mark.parametrize("route", ["form", "query"])
def test_text_has_a_line_for_each_turn(post: Post, call: bytes, route: str) -> None:
    text = ask(post, route, call, [*SEPARATE, ("response_format", "text")])
    assert text.endswith("\n")
    names = [name for name, _ in turns(text)]
    assert set(names) == {"Channel 1", "Channel 2"}
    assert all(one != other for one, other in pairwise(names))
    for format_ in ("json", "verbose_json"):
        assert ask(post, route, call, [*SEPARATE, ("response_format", format_)])["text"] + "\n" == text
    named = ask(post, route, call, [*SEPARATE, *NAMES, ("response_format", "text")])
    assert named == text.replace("Channel 1", "Agent").replace("Channel 2", "Tom & <Jerry>")


def test_hark_s_own_format_has_the_channel_of_words_and_segments(post: Post, call: bytes) -> None:
    found = ask(post, "query", call, [*SEPARATE, ("text_style", "spoken")])
    first = " ".join(word["word"] for word in found["words"] if word["channel"] == 1)
    assert first.startswith(SPOKEN)
    assert [word["start"] for word in found["words"]] == sorted(word["start"] for word in found["words"])
    assert [segment["id"] for segment in found["segments"]] == list(range(len(found["segments"])))
    for segment in found["segments"]:
        inside = [w for w in found["words"] if w["channel"] == segment["channel"]]
        inside = [w["word"] for w in inside if segment["start"] <= w["start"] <= w["end"] <= segment["end"]]
        assert segment["text"] == " ".join(inside)
    assert found["channels"] == [{"channel": 1, "name": "Channel 1"}, {"channel": 2, "name": "Channel 2"}]
    assert list(found)[-2:] == ["channels", "model"]


def test_words_of_verbose_json_have_their_channel(post: Post, call: bytes) -> None:
    fields = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word,segment")]
    found = ask(post, "form", call, [*SEPARATE, *fields])
    starts = [word["start"] for word in found["words"]]
    assert starts == sorted(starts)
    for number in (1, 2):
        spans = [s for s in found["segments"] if s["channel"] == number]
        assert len([w for w in found["words"] if w["channel"] == number]) == sum(
            len(s["text"].split(" ")) for s in spans
        )


def test_srt_says_who_speaks_in_each_subtitle(post: Post, call: bytes) -> None:
    text = ask(post, "form", call, [*SEPARATE, *NAMES, ("response_format", "srt")])
    read = webvtt.from_buffer(io.StringIO(text), format="srt").captions
    said = {"Agent": "", "Tom & <Jerry>": ""}
    for caption in read:
        assert len(caption.lines) <= 2
        assert all(len(line) <= 42 for line in caption.lines)
        name, words = " ".join(caption.lines).split(": ", 1)
        said[name] += words + " "
    assert turns(ask(post, "form", call, [*SEPARATE, *NAMES, ("response_format", "text")])) != []
    whole = ask(post, "query", call, SEPARATE)
    for name, number in (("Agent", 1), ("Tom & <Jerry>", 2)):
        assert said[name].split() == [w for s in whole["segments"] if s["channel"] == number for w in s["text"].split()]
    starts = [caption.start_in_seconds for caption in read]
    assert starts == sorted(starts)


def test_vtt_names_the_voice(post: Post, call: bytes) -> None:
    text = ask(post, "form", call, [*SEPARATE, *NAMES, ("response_format", "vtt")])
    read = webvtt.from_buffer(io.StringIO(text), format="vtt", strict=True).captions
    assert {caption.voice for caption in read} == {"Agent", "Tom &amp; &lt;Jerry&gt;"}
    cues = text.split("\n\n")[1:]
    assert all(
        re.fullmatch(r"[^\n]+ --> [^\n]+\n<v (Agent|Tom &amp; &lt;Jerry&gt;)>[^<>]+</v>\n?", cue) for cue in cues
    )
    assert "Agent:" not in text


def test_subtitles_of_one_channel_never_overlap_and_those_of_two_do(model: hark.Model, call: bytes) -> None:
    cues = subtitles.lay_out(model.transcribe(call, channels="separate"))
    overlaps = 0
    for i, one in enumerate(cues):
        for other in cues[i + 1 :]:
            if other.start_ms < one.end_ms:
                overlaps += 1
                assert one.speaker != other.speaker
    assert overlaps


@pytest.fixture(scope="module")
def model() -> hark.Model:
    return hark.load()


@pytest.mark.parametrize(("line", "lines"), [(10, 1), (10, 2), (20, 1), (30, 3), (200, 1)])
def test_a_name_does_not_crowd_out_the_text(model: hark.Model, call: bytes, line: int, lines: int) -> None:
    from hark import cues

    for names in (["A", "B"], ["Somebody with a name of nearly fifty characters.", ""]):
        found = model.transcribe(call, channels="separate", channel_names=names)
        for cue in subtitles.lay_out(found, cues.layout(line, lines), named=True):
            alone = cue.lines[0] == f"{cue.speaker}:"
            assert alone or cue.lines[0].startswith(f"{cue.speaker}: ")
            assert alone or len(cue.speaker) < line / 2
            text = cue.lines[1:] if alone else cue.lines
            assert 1 <= len(text) <= lines
            assert all(len(each) <= line for each in text)


def test_the_deltas_of_a_stream_give_the_text(post: Post, call: bytes) -> None:
    body = ask(post, "form", call, [*SEPARATE, *NAMES, ("stream", "true")])
    events = [json.loads(line.removeprefix("data: ")) for line in body.strip().split("\n\n")]
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["text"]
    assert events[-1]["text"] + "\n" == ask(post, "form", call, [*SEPARATE, *NAMES, ("response_format", "text")])


def test_notes_tell_what_was_found(post: Post, speech: np.ndarray) -> None:
    dual = ask(post, "query", encode(np.stack([speech, speech], axis=1), RATE), SEPARATE)
    assert dual["channels"][1] == {"channel": 2, "name": "Channel 2", "same_as": 1}
    assert dual["notes"] == ["Channel 2 is the same as channel 1, and was transcribed once."]
    assert dual["text"] == ask(post, "query", encode(speech, RATE), [])["text"]
    mono = ask(post, "form", encode(speech, RATE), [*SEPARATE, *NAMES])
    assert mono["notes"] == ["The recording has one channel; there was nothing to keep apart."]
    assert mono["text"] == dual["text"]


def test_mixing_is_what_it_was(post: Post, call: bytes) -> None:
    assert ask(post, "query", call, [("channels", "mix")]) == ask(post, "query", call, [])


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (NAMES, ("Agent", "Tom & <Jerry>")),
        ([("channel_names", " Agent "), ("channel_names", "Bob")], ("Agent", "Bob")),
        ([("channel_names[]", ""), ("channel_names[]", "Bob")], ("", "Bob")),
        ([("channel_names[1]", "Bob"), ("channel_names[0]", "Ann")], ("Ann", "Bob")),
        ([("channel_names[2]", "Eve")], ("", "", "Eve")),
        ([("channel_names[]", "")], ()),
        ([("channel_names[]", "Li, Ann"), ("channel_names[]", "Łukasz 🎤")], ("Li, Ann", "Łukasz 🎤")),
    ],
)
def test_names_belong_to_the_channels_in_order(fields: list[tuple[str, str]], names: tuple[str, ...]) -> None:
    asked = options.parse([*SEPARATE, *fields])
    assert (asked.decoding.channels, asked.decoding.channel_names) == ("separate", names)
    assert asked.is_default


@pytest.mark.parametrize(
    ("fields", "param", "kind"),
    [
        ([("channels", "left")], "channels", InvalidParameter),
        ([("channels[]", "separate")], "channels[]", InvalidParameter),
        ([("channels", "mix"), ("channels", "mix")], "channels", InvalidParameter),
        (NAMES, "channel_names", ConflictingParameters),
        ([*NAMES, ("channels", "mix")], "channel_names", ConflictingParameters),
        ([*SEPARATE, ("alternatives", "2")], "alternatives", ConflictingParameters),
        ([*SEPARATE, *[("channel_names[]", "a")] * 17], "channel_names", InvalidParameter),
        ([*SEPARATE, ("channel_names[999]", "a")], "channel_names", InvalidParameter),
        *(
            ([*SEPARATE, ("channel_names", name)], "channel_names", InvalidParameter)
            for name in ("a" * 51, "a\nb", "a\rb", "a\x00", "a\u2028b", "\u202ea")
        ),
    ],
)
def test_what_cannot_be_is_refused(fields: list[tuple[str, str]], param: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        options.parse(fields)
    assert caught.value.param == param  # type: ignore[attr-defined]


def test_a_stored_transcript_of_channels_comes_back_as_it_was(model: hark.Model, call: bytes) -> None:
    spec = make_spec()
    arrival = Arrival("bucket", "uploads/job_a", "etag", 100)
    for style in ("written", "spoken"):
        found = model.transcribe(call, channels="separate", channel_names=["Ann"], text_style=style)
        kept = stored(json.loads(json.dumps(completed(arrival, 1, found, spec)))).transcript
        assert kept == found
        assert kept.text == found.text
        assert subtitles.srt(kept) == subtitles.srt(found)
