"""The HTTP entry point: what it replies to good requests and to every kind of bad one."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from hark import written
from hark.punctuation import Punctuator
from hark.written import Writers
from local.event import http_event
from tests.conftest import EVENTS, ROOT, SPOKEN, Post, encode, invoke, multipart
from tests.patience import PATIENCE_S

RATE = 16000


def noise(seconds: float = 1.0, sample_rate_hz: int = RATE, channels: int = 1) -> np.ndarray:
    shape = (int(seconds * sample_rate_hz), channels)
    return np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)


def assert_error(body: Any, code: str) -> None:
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["code"] == code
    message = body["error"]["message"]
    assert message.endswith((".", ".'"))
    assert "\n" not in message
    assert "Traceback" not in message


def test_transcribe_replies_with_text_words_and_stage_times(post: Post, readable: str) -> None:
    status, headers, body = post("/transcribe", (EVENTS / "sample.wav").read_bytes())
    assert status == 200
    assert body["duration"] == pytest.approx(6.4, abs=0.01)
    assert body["text"] == readable
    assert readable == " ".join(word["written"] + word["punctuation"] for word in body["words"] if word["written"])
    assert " ".join(word["word"] for word in body["words"]) == SPOKEN
    ends = [0.0]
    for word in body["words"]:
        assert ends[-1] <= word["start"] < word["end"] <= body["duration"]
        assert 0 < word["confidence"] <= 1
        ends.append(word["end"])
    stages = [stage.split(";dur=")[0] for stage in headers["Server-Timing"].split(", ")]
    assert stages == ["decode", "segment", "features", "recognize", "ctc", "write"]


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs", "/", "/nowhere"])
def test_no_reply_may_be_taken_for_another_kind_of_file(path: str) -> None:
    _, headers, _ = invoke(http_event("GET", path, {}, b""))
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_all_routes_and_formats_give_the_same_text(post: Post) -> None:
    audio = (EVENTS / "sample.wav").read_bytes()
    text = post("/transcribe", audio)[2]["text"]
    body, content_type = multipart({"model": "whisper-1"}, audio)
    reply = post("/v1/audio/transcriptions", body, content_type)[2]
    assert reply == {"text": text, "usage": {"type": "duration", "seconds": 7}}
    body, content_type = multipart({"model": "whisper-1", "response_format": "text"}, audio)
    status, headers, reply = post("/v1/audio/transcriptions", body, content_type)
    assert (status, reply.decode()) == (200, text + "\n")
    assert headers["Content-Type"].startswith("text/plain")


def test_segments_hold_the_words_and_the_text(post: Post) -> None:
    body = post("/transcribe", (EVENTS / "sample.wav").read_bytes())[2]
    assert " ".join(segment["text"] for segment in body["segments"]) == body["text"]
    assert [segment["id"] for segment in body["segments"]] == list(range(len(body["segments"])))
    assert body["segments"][0]["start"] == body["words"][0]["start"]
    assert body["segments"][-1]["end"] == body["words"][-1]["end"]
    assert all(0 < segment["confidence"] <= 1 for segment in body["segments"])
    assert body["language"] == "en"


SEGMENT_FIELDS = {
    "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob",
}  # fmt: skip


@pytest.mark.parametrize(
    ("granularities", "listed"),
    [
        ([], {"segments"}),
        (["segment"], {"segments"}),
        (["word"], {"words"}),
        (["word", "segment"], {"words", "segments"}),
    ],
)
@pytest.mark.parametrize("route", ["form", "query"])
def test_verbose_json_lists_what_the_granularities_ask_for(
    post: Post, route: str, granularities: list[str], listed: set[str]
) -> None:
    fields = [("response_format", "verbose_json"), *(("timestamp_granularities[]", value) for value in granularities)]
    body = ask(post, route, fields)[2]
    assert set(body) == {"task", "language", "duration", "text", "usage"} | listed
    assert (body["task"], body["language"]) == ("transcribe", "english")
    for word in body.get("words", []):
        assert set(word) == {"word", "start", "end"}
    for segment in body.get("segments", []):
        assert set(segment) == SEGMENT_FIELDS
        assert segment["avg_logprob"] < 0
        assert 0 <= segment["no_speech_prob"] <= 1
        assert segment["compression_ratio"] > 0
        assert len(segment["tokens"]) > 20


def ask(post: Post, route: str, fields: list[tuple[str, str]]) -> tuple[int, dict[str, str], Any]:
    """Posts the sample with options, in a form or in the query."""
    audio = (EVENTS / "sample.wav").read_bytes()
    if route == "form":
        return post("/v1/audio/transcriptions", *multipart(fields, audio))
    return invoke(http_event("POST", "/transcribe", {"content-type": "audio/wav"}, audio, urlencode(fields)))


def test_both_routes_take_the_same_options(post: Post) -> None:
    for fields in (
        [("response_format", "json")],
        [("response_format", "json"), ("include[]", "logprobs")],
        [("response_format", "text")],
        [("response_format", "srt")],
        [("response_format", "vtt")],
        [("response_format", "verbose_json")],
        [("stream", "true")],
        [("language", "de")],
        [("response_format", "srt"), ("stream", "true")],
        [("text_style", "spoken"), ("response_format", "json")],
        [("text_style", "aloud")],
        [("response_format", "vtt"), ("max_line_length", "20"), ("max_lines", "3")],
        [("response_format", "vtt"), ("max_lines", "11")],
        [("max_lines", "3")],
    ):
        of_form, of_query = (ask(post, route, fields) for route in ("form", "query"))
        assert of_form[0] == of_query[0]
        assert of_form[1]["Content-Type"] == of_query[1]["Content-Type"]
        assert of_form[2] == of_query[2]


@pytest.mark.parametrize("style", ["written", "spoken"])
def test_logprobs_spell_what_was_spoken(post: Post, readable: str, style: str) -> None:
    body = ask(post, "form", [("include[]", "logprobs"), ("text_style", style)])[2]
    assert body["text"] == (readable if style == "written" else SPOKEN)
    assert "".join(entry["token"] for entry in body["logprobs"]).replace(" ", "") == SPOKEN.replace(" ", "")
    for entry in body["logprobs"]:
        assert entry["logprob"] <= 0
        assert bytes(entry["bytes"]).decode() == entry["token"]


def test_a_stream_is_a_delta_for_each_segment_and_the_whole_at_the_end(post: Post) -> None:
    status, headers, body = ask(post, "form", [("stream", "true"), ("include[]", "logprobs")])
    assert (status, headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    blocks = body.decode().split("\n\n")
    assert blocks.pop() == ""
    events = [json.loads(block.removeprefix("data: ")) for block in blocks]
    *deltas, done = events
    assert deltas
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert done["type"] == "transcript.text.done"
    assert "".join(event["delta"] for event in deltas) == done["text"]
    assert [entry for event in deltas for entry in event["logprobs"]] == done["logprobs"]
    usage = done["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_token_details"]["audio_tokens"] == usage["input_tokens"] == 160
    assert usage["output_tokens"] == len(done["logprobs"])


@pytest.mark.parametrize("route", ["form", "query"])
@pytest.mark.parametrize("style", ["", "written", "spoken"])
def test_every_format_is_in_the_text_style_that_is_asked_for(post: Post, readable: str, route: str, style: str) -> None:
    text = SPOKEN if style == "spoken" else readable

    def reply(*fields: tuple[str, str]) -> Any:
        status, _, body = ask(post, route, [*fields, ("text_style", style)])
        assert status == 200
        return body

    def listed(captions: bytes) -> str:
        lines = captions.decode().removeprefix("WEBVTT\n\n").splitlines()
        return " ".join(line for line in lines if line and "-->" not in line and not line.isdecimal())

    assert reply(("response_format", "text")).decode() == text + "\n"
    assert reply(("response_format", "json"))["text"] == text
    assert listed(reply(("response_format", "srt"))) == listed(reply(("response_format", "vtt"))) == text
    granularities = [("timestamp_granularities[]", name) for name in ("word", "segment")]
    verbose = reply(("response_format", "verbose_json"), *granularities)
    assert verbose["text"] == " ".join(segment["text"] for segment in verbose["segments"]) == text
    bare = text.translate(str.maketrans("", "", ".,?"))
    assert " ".join(word["word"] for word in verbose["words"]) == bare
    events = [json.loads(line[6:]) for line in reply(("stream", "true")).decode().splitlines() if line]
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["text"] == text
    best = reply(("alternatives", "3"), ("response_format", "json"))["alternatives"]
    assert best[0]["text"] == text
    assert len({each["text"] for each in best}) == len(best)
    assert (best[1]["text"] == best[1]["text"].lower()) is (style == "spoken")


def test_subtitles_have_lines_as_long_and_as_many_as_are_asked_for(post: Post, readable: str) -> None:
    fields = [("response_format", "srt"), ("max_line_length", "12"), ("max_lines", "3")]
    cues = [block.splitlines()[2:] for block in ask(post, "form", fields)[2].decode().split("\n\n")]
    assert max(map(len, cues)) <= 3
    assert max(len(line) for lines in cues for line in lines) <= 12
    assert " ".join(line for lines in cues for line in lines) == readable


def test_hot_words_and_those_of_a_prompt_keep_the_callers_spelling(post: Post) -> None:
    for field in (("hotwords", "COAST, staTion"), ("prompt", "Glossary: COAST, staTion")):
        text = ask(post, "form", [field])[2]["text"]
        assert {"COAST", "staTion"} <= set(text.strip(".").split())
        assert ask(post, "form", [field, ("text_style", "spoken")])[2]["text"] == SPOKEN


def test_without_a_punctuation_model_text_is_as_it_was_spoken(
    post: Post, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from handler import app

    monkeypatch.setattr(app, "writers", Writers(tmp_path / "none.onnx"))
    assert ask(post, "query", [])[2]["text"] == ask(post, "query", [("text_style", "spoken")])[2]["text"] == SPOKEN
    status, _, body = ask(post, "query", [("text_style", "written")])
    assert (status, body["error"]["param"]) == (422, "text_style")
    assert_error(body, "conflicting_parameters")


def test_the_punctuation_model_is_loaded_once_when_the_function_starts(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    from handler import app

    loaded: list[Path] = []

    class Watched(Punctuator):
        def __init__(self, path: Path) -> None:
            loaded.append(path)
            super().__init__(path)

    monkeypatch.setattr(written, "Punctuator", Watched)
    ask(post, "query", [])
    assert loaded == []  # at the start, before it was watched
    monkeypatch.setattr(app, "writers", Writers(app.settings.punctuation_path))
    app.writers.load()
    for _ in range(2):
        ask(post, "query", [])
        ask(post, "form", [("hotwords", "Ahab")])
    assert loaded == [app.settings.punctuation_path]


@pytest.mark.parametrize(("name", "stops"), [("damaged.onnx", True), ("none.onnx", False)])
def test_a_damaged_punctuation_model_stops_the_start_and_none_does_not(name: str, stops: bool, tmp_path: Path) -> None:
    (tmp_path / "damaged.onnx").write_bytes(b"no model")
    environment = {**os.environ, "HARK_PUNCTUATION": str(tmp_path / name)}
    done = subprocess.run(
        [sys.executable, "-c", "import handler.app"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=PATIENCE_S,
    )
    assert (done.returncode != 0) == stops, done.stderr
    assert ("damaged.onnx is not a usable model" in done.stderr) == stops


@pytest.mark.parametrize("format_", ["json", "text", "srt", "vtt", "verbose_json"])
def test_audio_without_words_makes_a_reply_of_every_format(post: Post, format_: str) -> None:
    form, content_type = multipart({"response_format": format_}, encode(np.zeros((1600, 1), np.float32), RATE))
    status, _, body = post("/v1/audio/transcriptions", form, content_type)
    assert status == 200
    if format_.endswith("json"):
        assert body["text"] == ""
    else:
        assert body.decode().strip() in ("", "WEBVTT")


def test_a_translation_is_refused_and_names_the_way_out(post: Post) -> None:
    form, content_type = multipart({"model": "whisper-1"}, encode(noise(), RATE))
    status, _, body = post("/v1/audio/translations", form, content_type)
    assert status == 400
    assert_error(body, "unsupported_operation")
    assert "/v1/audio/transcriptions" in body["error"]["message"]
    assert body["error"]["param"] == "model"


def test_the_deployed_model_is_listed_and_described() -> None:
    _, _, health = invoke(http_event("GET", "/health", {}, b""))
    status, _, models = invoke(http_event("GET", "/v1/models", {}, b""))
    assert (status, models["object"]) == (200, "list")
    (model,) = models["data"]
    listed = {"id": health["model"]["name"], "object": "model", "created": 0, "owned_by": "hark", "language": "en"}
    assert model == listed
    assert invoke(http_event("GET", f"/v1/models/{model['id']}", {}, b""))[2] == model


@pytest.mark.parametrize("name", ["whisper-2", "%3Cscript%3E", "x" * 3000])
def test_an_unknown_model_is_404_and_names_the_known_one(name: str) -> None:
    from handler import app

    status, _, body = invoke(http_event("GET", f"/v1/models/{name}", {}, b""))
    assert status == 404
    assert_error(body, "model_not_found")
    assert app.recognizer.spec.name in body["error"]["message"]
    assert len(body["error"]["message"]) < 300


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/openapi.json", "/docs"])
def test_head_is_get_without_the_body(path: str) -> None:
    got = invoke(http_event("GET", path, {}, b""))
    status, headers, body = invoke(http_event("HEAD", path, {}, b""))
    assert (status, headers, body) == (got[0], got[1], b"")


@pytest.mark.parametrize(("path", "allow"), [("/transcribe", "POST, OPTIONS"), ("/v1/models/x", "GET, HEAD, OPTIONS")])
def test_options_names_the_methods_of_a_path(path: str, allow: str) -> None:
    status, headers, body = invoke(http_event("OPTIONS", path, {}, b""))
    assert (status, headers["Allow"], body) == (204, allow, b"")


@pytest.mark.parametrize("query", ["a=1&" * 100, "response_format=%FF", "\ud800=1", "&&==&", "file=x"])
def test_a_query_that_makes_no_sense_is_refused_or_ignored(query: str) -> None:
    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, encode(noise(), RATE))
    status, _, body = invoke({**event, "rawQueryString": query})
    if query == "&&==&":
        assert_error(body, "invalid_parameter")
    assert status == 400
    json.dumps(body).encode()


def test_health_names_the_model_and_its_measured_error_rates() -> None:
    status, _, body = invoke(http_event("GET", "/health", {}, b""))
    assert status == 200
    assert body["status"] == "ok"
    assert body["model"]["name"]
    assert body["model"]["version"]
    results = json.loads((ROOT / "models" / "results.json").read_text())["models"]["asr"]["sets"]
    shown = ("wer", "cer", "words")
    assert body["model"]["measured"] == {
        name: {**{each: results[name]["joint"][each] for each in shown}, "decoder": "joint"}
        for name in ("test", "test_mic")
    }
    assert body["limits"] == {"body_bytes": 4_500_000, "audio_s": 3900.0}
    assert body["keywords"] is True


@pytest.mark.parametrize(
    "content_type", ["", "application/octet-stream", "application/x-www-form-urlencoded", "audio/x"]
)
def test_any_label_that_may_be_audio_is_tried(post: Post, content_type: str) -> None:
    assert post("/transcribe", encode(noise(), RATE), content_type)[0] == 200


@pytest.mark.parametrize("sample_rate_hz", [8000, 11025, 44100, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_every_rate_and_channel_count_is_transcribed(post: Post, sample_rate_hz: int, channels: int) -> None:
    status, _, body = post("/transcribe", encode(noise(0.5, sample_rate_hz, channels), sample_rate_hz))
    assert status == 200
    assert body["duration"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("seconds", [1 / RATE, 0.001, 0.02, 0.1])
def test_the_shortest_audio_is_transcribed(post: Post, seconds: float) -> None:
    assert post("/transcribe", encode(noise(seconds), RATE))[0] == 200


def test_silence_has_no_words(post: Post) -> None:
    status, _, body = post("/transcribe", encode(np.zeros((RATE * 3, 1), np.float32), RATE))
    assert status == 200
    assert (body["text"], body["words"], body["segments"]) == ("", [], [])


BAD_AUDIO = {
    "empty": (b"", "invalid_body"),
    "not audio": (b"these bytes are no recording", "invalid_audio"),
    "truncated": (encode(noise(), RATE)[:9000], "invalid_audio"),
    "zero samples": (encode(noise(0), RATE), "invalid_audio"),
    "NaN": (encode(np.full((RATE, 1), np.nan, np.float32), RATE, "WAV", "FLOAT"), "invalid_audio"),
    "4 kHz": (encode(noise(1, 4000), 4000), "invalid_audio"),
    "200 kHz": (encode(noise(0.1, 200000), 200000), "invalid_audio"),
    "too long": (encode(np.zeros((8000 * 3901, 1), np.float32), 8000, "FLAC"), "audio_too_long"),
}


@pytest.mark.parametrize("name", BAD_AUDIO)
def test_bad_audio_is_refused_on_both_routes(post: Post, name: str) -> None:
    audio, code = BAD_AUDIO[name]
    expected = 413 if code == "audio_too_long" else 400
    status, _, body = post("/transcribe", audio)
    assert status == expected
    assert_error(body, code)
    form, content_type = multipart({"model": "whisper-1"}, audio)
    status, _, body = post("/v1/audio/transcriptions", form, content_type)
    assert status == expected
    assert_error(body, code)


def test_a_recording_that_has_lost_its_line_ends_names_the_option_that_keeps_them(post: Post) -> None:
    recording = encode(noise(3), RATE, "FLAC")
    assert b"\n" in recording
    stripped = recording.replace(b"\n", b"").replace(b"\r", b"")
    status, _, body = post("/transcribe", stripped, "application/x-www-form-urlencoded")
    assert status == 400
    advice = "(curl's -d takes line ends out, and there is none here: write --data-binary)."
    assert body["error"]["message"].endswith(advice)
    # Nobody who labels a recording has used it so; and others have line ends.
    for audio, label in ((stripped, "audio/flac"), (recording[:9000], "application/x-www-form-urlencoded")):
        _, _, body = post("/transcribe", audio, label)
        assert "curl" not in body["error"]["message"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain; charset=utf-8", "multipart/form-data; boundary=x", "image/png"]
)
def test_a_content_type_that_is_not_audio_is_refused(post: Post, content_type: str) -> None:
    status, _, body = post("/transcribe", encode(noise(), RATE), content_type)
    assert status == 415
    assert_error(body, "unsupported_media_type")


@pytest.mark.parametrize("text", ["!!!", "UklGRg", "UklG Rg==", "é"])
def test_invalid_base64_is_refused(text: str) -> None:
    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, b"x")
    status, _, body = invoke({**event, "body": text, "isBase64Encoded": True})
    assert status == 400
    assert_error(body, "invalid_body")


def test_a_body_of_text_that_is_no_unicode_is_refused() -> None:
    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, b"x")
    status, _, body = invoke({**event, "body": "\ud800", "isBase64Encoded": False})
    assert status == 400
    assert_error(body, "invalid_audio")


@pytest.mark.parametrize(
    "path",
    ["/transcribe/more", "/v1/models/", "/v1/models/a/b", "/v1/chat/completions", "/%2e%2e/etc/passwd", "/HEALTH"],
)
def test_an_unknown_route_is_404(path: str) -> None:
    status, _, body = invoke(http_event("GET", path, {}, b""))
    assert status == 404
    assert_error(body, "unknown_url")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/transcribe", "POST"),
        ("PUT", "/v1/audio/transcriptions", "POST"),
        ("GET", "/v1/audio/translations", "POST"),
        ("DELETE", "/health", "GET, HEAD"),
        ("POST", "/v1/models/whisper-1", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_is_right(method: str, path: str, allow: str) -> None:
    status, headers, body = invoke(http_event(method, path, {}, b""))
    assert status == 405
    assert headers["Allow"] == allow
    assert_error(body, "method_not_allowed")


FORMS: dict[str, tuple[dict[str, str], bool, str, str | None]] = {
    "no file": ({"model": "whisper-1"}, False, "invalid_parameter", "file"),
    "unknown field": ({"colour": "red"}, True, "invalid_parameter", "colour"),
    "unknown format": ({"response_format": "vtt2"}, True, "invalid_parameter", "response_format"),
    "another language": ({"language": "de"}, True, "invalid_parameter", "language"),
    "speakers": ({"known_speaker_names[]": "agent"}, True, "invalid_parameter", "known_speaker_names"),
    "contradiction": ({"stream": "true", "response_format": "srt"}, True, "conflicting_parameters", "stream"),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_asks_for_what_is_not_there_is_refused_by_name(post: Post, name: str) -> None:
    fields, with_file, code, param = FORMS[name]
    form, content_type = multipart(fields, encode(noise(), RATE) if with_file else None)
    status, _, body = post("/v1/audio/transcriptions", form, content_type)
    assert status == (422 if code == "conflicting_parameters" else 400)
    assert_error(body, code)
    assert body["error"]["param"] == param


@pytest.mark.parametrize("charset", ["undefined", "utf\x008", "punycode", "idna"])
def test_the_charset_of_a_field_chooses_no_codec(post: Post, charset: str) -> None:
    body, content_type = multipart({"prompt": "a-" + "a" * 400_000}, encode(noise(), RATE))
    body = body.replace(b'name="prompt"', f'name="prompt"\r\nContent-Type: text/plain; charset="{charset}"'.encode())
    since = time.perf_counter()
    status, _, _ = post("/v1/audio/transcriptions", body, content_type)
    assert status == 200
    assert time.perf_counter() - since < 5


def test_a_reply_larger_than_lambda_sends_back_is_refused(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    from handler import app

    monkeypatch.setattr(app, "_MAX_REPLY_BYTES", 1000)
    status, _, body = ask(post, "/transcribe", [("stream", "true"), ("include", "logprobs")])
    assert status == 413
    assert_error(body, "reply_too_large")


def test_two_files_in_a_form_are_refused(post: Post) -> None:
    form, content_type = multipart({"file": "one"}, encode(noise(), RATE))
    status, _, body = post("/v1/audio/transcriptions", form, content_type)
    assert status == 400
    assert_error(body, "invalid_parameter")
    assert body["error"]["param"] == "file"


@pytest.mark.parametrize("cut", [5, 60, 200, 3000])
def test_a_form_that_is_cut_short_is_refused(post: Post, cut: int) -> None:
    form, content_type = multipart({"model": "whisper-1"}, encode(noise(), RATE))
    status, _, body = post("/v1/audio/transcriptions", form[:-cut], content_type)
    assert status == 400
    assert_error(body, "invalid_body")


@pytest.mark.parametrize("content_type", ["", "audio/wav", "multipart/form-data", "application/xml"])
def test_a_body_that_is_no_form_is_refused(post: Post, content_type: str) -> None:
    status, _, body = post("/v1/audio/transcriptions", encode(noise(), RATE), content_type)
    assert status == 415
    assert_error(body, "unsupported_media_type")


@pytest.mark.parametrize(
    "event",
    [{}, {"Records": []}, {"version": "1.0", "httpMethod": "GET"}, {"version": "2.0"}, {"requestContext": None}],
)
def test_an_event_that_is_not_an_http_api_event_is_refused(event: dict[str, Any]) -> None:
    status, _, body = invoke(event)
    assert status == 400
    assert_error(body, "not_an_http_event")


def test_a_fault_of_our_own_is_a_500_that_tells_nothing(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    from handler import app

    def fail(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(app, "transcribe", fail)
    status, _, body = post("/transcribe", encode(noise(), RATE))
    assert status == 500
    assert body == {"error": {"message": "The server failed; try again later.", "type": "server_error", "param": None,
                              "code": None}}  # fmt: skip


def test_a_server_that_publishes_no_metrics_keeps_none(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(250):  # Powertools publishes at a hundred values
        invoke(http_event("GET", "/health", {}, b""))
    assert capfd.readouterr().out == ""


AS_LAMBDA = """
import json, sys
from handler.app import lambda_handler
from local.event import context_for
for path in sys.argv[1:]:
    event = json.load(open(path))
    event["headers"]["authorization"] = "Bearer key-123"
    print("REPLY " + json.dumps(lambda_handler(event, context_for(event))))
"""


def test_the_log_holds_figures_and_neither_audio_nor_text_nor_headers() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POWERTOOLS_")}
    environment |= {"POWERTOOLS_TRACE_DISABLED": "true", "POWERTOOLS_LOG_LEVEL": "DEBUG"}
    environment |= {"POWERTOOLS_SERVICE_NAME": "mine"}
    events = [EVENTS / "transcribe.json", EVENTS / "transcriptions.json", EVENTS / "not-audio.json"]
    done = subprocess.run(
        [sys.executable, "-c", AS_LAMBDA, *map(str, events)],
        check=True, capture_output=True, text=True, env=environment, timeout=PATIENCE_S,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if not line.startswith("REPLY ")]
    replies = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("REPLY ")]
    logged = [json.loads(line) for line in lines]

    first, second = (line for line in logged if line.get("message") == "transcribed")
    assert first["audio_s"] == pytest.approx(6.4, abs=0.01)
    assert set(first["stages_ms"]) == {"decode", "segment", "features", "recognize", "ctc", "write"}
    assert first["real_time_factor"] > 0
    assert first["model_version"]
    assert first["function_request_id"]
    assert (first["cold_start"], second["cold_start"]) == (True, False)
    assert [line["code"] for line in logged if line.get("message") == "refused"] == ["invalid_audio"]

    measured = [line for line in logged if "_aws" in line]
    metrics = {metric["Name"] for line in measured for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert metrics == {
        *("ColdStart", "Requests", "AudioDuration", "ProcessingTime", "RealTimeFactor", "StageTime"),
        *("RefusedRequests", "Rejections"),
    }
    assert {line["stage"] for line in measured if "StageTime" in line} == {"form", *first["stages_ms"]}
    assert [line["kind"] for line in measured if "Rejections" in line] == ["invalid_audio"]
    assert {line["service"] for line in measured} == {"mine"}

    everything = "\n".join(lines) + done.stderr
    assert "key-123" not in everything
    assert "these bytes are no recording" not in everything
    for path, reply in zip(events, replies, strict=True):
        assert json.loads(path.read_text())["body"][:40] not in everything
        if text := json.loads(reply["body"]).get("text"):
            assert text not in everything
