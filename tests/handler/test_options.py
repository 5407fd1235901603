"""What a request asks for: the same fields, in a form and in a query, with the same refusals."""

import json
from typing import Any

import pytest

from handler import options
from handler.options import Options
from hark.cues import Layout
from hark.decoding import Decoding
from hark.errors import ConflictingParameters, InvalidParameter


def test_without_fields_the_defaults_hold() -> None:
    assert options.parse([]) == Options(None, frozenset({"segment"}), False, False)


@pytest.mark.parametrize("response_format", options.RESPONSE_FORMATS)
def test_every_format_of_the_published_api_is_known(response_format: str) -> None:
    assert options.parse([("response_format", response_format)]).response_format == response_format


@pytest.mark.parametrize("name", ["timestamp_granularities", "timestamp_granularities[]"])
@pytest.mark.parametrize("values", [["word"], ["segment"], ["word", "segment"]])
def test_granularities_come_in_both_spellings(name: str, values: list[str]) -> None:
    fields = [("response_format", "verbose_json"), *((name, value) for value in values)]
    assert options.parse(fields).granularities == set(values)


@pytest.mark.parametrize(
    "fields",
    [
        [("timestamp_granularities[0]", "word"), ("timestamp_granularities[1]", "segment")],
        [("timestamp_granularities", "word,segment")],
        [("timestamp_granularities[]", "segment, word")],
        [("timestamp_granularities", '["word", "segment"]')],
        [("timestamp_granularities", "['word', 'segment']")],
    ],
)
def test_granularities_come_as_lists_are_written_into_forms(fields: list[tuple[str, str]]) -> None:
    assert options.parse([("response_format", "verbose_json"), *fields]).granularities == {"word", "segment"}


@pytest.mark.parametrize("name", ["include", "include[]", "include[0]"])
def test_logprobs_are_included_on_demand(name: str) -> None:
    assert options.parse([(name, "logprobs")]).logprobs


@pytest.mark.parametrize(("value", "stream"), [("true", True), ("True", True), ("false", False), ("", False)])
def test_stream_is_true_or_false(value: str, stream: bool) -> None:
    assert options.parse([("stream", value)]).stream is stream


@pytest.mark.parametrize("language", ["en", "EN", "en-US", "en_GB", "eng", "English", "en-Latn-US", "", "auto", "Auto"])
def test_english_is_known_by_every_name(language: str) -> None:
    assert options.parse([("language", language)]) == Options()


@pytest.mark.parametrize(
    "fields",
    [
        [("model", "whisper-1")],
        [("model", "a model that nobody knows")],
        [("prompt", "Sie hören es.")],
        [("temperature", "0")],
        [("temperature", "0.7")],
        [("temperature", "1")],
        [("chunking_strategy", "auto")],
        [("chunking_strategy", "server_vad")],
        [("chunking_strategy", '{"type": "server_vad", "silence_duration_ms": 500, "threshold": 0.5}')],
        [("chunking_strategy[type]", "auto")],
        [
            ("chunking_strategy[type]", "server_vad"),
            ("chunking_strategy[prefix_padding_ms]", "300"),
            ("chunking_strategy[silence_duration_ms]", "200"),
            ("chunking_strategy[threshold]", "0.5"),
        ],
        [("languages[]", "de"), ("languages[]", "en")],
        [("languages[0]", "de"), ("languages[1]", "auto")],
        [("user", "somebody"), ("task", "transcribe"), ("vad_filter", "True"), ("word_timestamps", "false")],
        [("beam_size", "5"), ("best_of", "5"), ("batch_size", "16"), ("temperature_inc", "0.2")],
        [("condition_on_previous_text", "TRUE"), ("diarize", "false"), ("diarization", "False")],
        [("api-version", "2024-06-01")],
        [(name, "") for name in options.WITHOUT_EFFECT],
    ],
)
def test_what_has_no_effect_is_accepted(fields: list[tuple[str, str]]) -> None:
    assert options.parse(fields) == Options()


@pytest.mark.parametrize(
    "name",
    ["model", "language", "languages[]", "prompt", "response_format", "temperature", "stream", "chunking_strategy",
     "timestamp_granularities[]", "include[]", "decoder", "hotwords", "hotwords[]", "alternatives",
     "word_alternatives", "text_style", "channels", "channel_names[]", "max_line_length", "max_lines"],
)  # fmt: skip
def test_an_empty_field_is_as_if_it_was_not_sent(name: str) -> None:
    assert options.parse([(name, "")]) == Options()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("colour", "red")], "colour"),
        ([("model[]", "whisper-1")], "model[]"),
        ([("response_format", "diarized_json")], "response_format"),
        ([("response_format", "JSON")], "response_format"),
        ([("timestamp_granularities[]", "letter"), ("response_format", "verbose_json")], "timestamp_granularities"),
        ([("include[]", "tokens")], "include"),
        ([("language", "pt-BR")], "language"),
        ([("language", "enx")], "language"),
        ([("language", "en-")], "language"),
        ([("languages[]", "de"), ("languages[]", "fr")], "languages"),
        ([("temperature", "1.1")], "temperature"),
        ([("temperature", "-0.1")], "temperature"),
        ([("temperature", "nan")], "temperature"),
        ([("temperature", "warm")], "temperature"),
        ([("stream", "yes")], "stream"),
        ([("chunking_strategy", "every second")], "chunking_strategy"),
        ([("chunking_strategy", '{"type": "speakers"}')], "chunking_strategy"),
        ([("chunking_strategy", '{"type": "server_vad", "threshold": "high"}')], "chunking_strategy"),
        ([("chunking_strategy", '{"type": "server_vad", "colour": 1}')], "chunking_strategy"),
        ([("chunking_strategy", '{"type": []}')], "chunking_strategy"),
        ([("chunking_strategy", "{}")], "chunking_strategy"),
        ([("chunking_strategy", "[]")], "chunking_strategy"),
        ([("chunking_strategy", "{" * 100_000)], "chunking_strategy"),
        ([("chunking_strategy[type]", "speakers")], "chunking_strategy"),
        ([("chunking_strategy[threshold]", "high")], "chunking_strategy"),
        ([("chunking_strategy[colour]", "red")], "chunking_strategy"),
        ([("chunking_strategy[", "auto")], "chunking_strategy"),
        ([("chunking_strategys", "auto")], "chunking_strategys"),
        ([("hotwords[x]", "Ahab")], "hotwords[x]"),
        ([("hotwords[0][1]", "Ahab")], "hotwords[0][1]"),
        ([("language[0]", "en")], "language[0]"),
        ([("task", "translate")], "task"),
        ([("vad_filter", "maybe")], "vad_filter"),
        ([("beam_size", "wide")], "beam_size"),
        ([("diarize", "true")], "diarize"),
        ([("diarization", "1")], "diarization"),
        ([("best_of", "-1")], "best_of"),
        ([("batch_size", "1e10")], "batch_size"),
        ([("temperature_inc", "nan")], "temperature_inc"),
        ([("user[]", "me")], "user[]"),
        ([("language", "auto-de")], "language"),
        ([("language", "en" + "-a" * 1000)], "language"),
        ([("hotwords", "," * 20_000)], "hotwords"),
        ([("known_speaker_names[]", "agent")], "known_speaker_names"),
        ([("known_speaker_references[]", "data:audio/wav;base64,UklG")], "known_speaker_references"),
        ([("keywords[]", "R2D2")], "hotwords"),
        ([("decoder", "viterbi")], "decoder"),
        ([("decoder[]", "beam")], "decoder[]"),
        ([("hotwords", "R2D2")], "hotwords"),
        ([("hotwords", "Ahab, \u0416")], "hotwords"),
        ([("hotwords", "a" * 51)], "hotwords"),
        ([("hotwords", ",".join(f"{a}{b}" for a in "abcdefghijk" for b in "abcdefghij"))], "hotwords"),
        ([("hotwords[]", "Ahab")] * 101, "hotwords"),
        ([("hotwords[]", "Ahab")] * 51 + [("keywords[]", "Ahab")] * 50, "hotwords"),
        *(([("alternatives", value)], "alternatives") for value in ("0", "11", "-1", "2.5", "many", "1e1", "\u0663")),
        *(([("word_alternatives", value)], "word_alternatives") for value in ("0", "9", "-1", "2.5", "all")),
        *(([("text_style", value)], "text_style") for value in ("WRITTEN", "plain", "\u0663")),
        ([("text_style[]", "spoken")], "text_style[]"),
        *(
            ([(name, value), ("response_format", "srt")], name)
            for name in ("max_line_length", "max_lines")
            for value in ("0", "201", "-1", "2.5", "many", "1e1", "\u0663", "9" * 5000)
        ),
        ([("max_line_length", "9"), ("response_format", "vtt")], "max_line_length"),
        ([("max_lines", "2"), ("max_lines", "2"), ("response_format", "vtt")], "max_lines"),
        ([("language", "en"), ("language", "en")], "language"),
        ([("response_format", "json"), ("response_format", "text")], "response_format"),
        ([("timestamp_granularities[]", "word")] * 3, "timestamp_granularities"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(fields: list[tuple[str, str]], param: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        options.parse(fields)
    assert caught.value.param == param
    assert param.split("[")[0] in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities"),
        ({"timestamp_granularities": "segment", "response_format": "srt"}, "timestamp_granularities"),
        ({"include[]": "logprobs", "response_format": "verbose_json"}, "include"),
        ({"include": "logprobs", "response_format": "text"}, "include"),
        ({"stream": "true", "response_format": "verbose_json"}, "stream"),
        ({"stream": "true", "response_format": "vtt"}, "stream"),
        ({"decoder": "greedy", "hotwords": "Ahab"}, "hotwords"),
        ({"decoder": "greedy", "alternatives": "3"}, "alternatives"),
        ({"decoder": "greedy", "word_alternatives": "3"}, "word_alternatives"),
        ({"alternatives": "3", "response_format": "srt"}, "alternatives"),
        ({"alternatives": "3", "response_format": "text"}, "alternatives"),
        ({"alternatives": "3", "stream": "true"}, "alternatives"),
        ({"max_line_length": "30"}, "max_line_length"),
        ({"max_lines": "2", "response_format": "text"}, "max_lines"),
        ({"max_line_length": "42", "response_format": "verbose_json"}, "max_line_length"),
        ({"max_lines": "1", "stream": "true"}, "max_lines"),
    ],
)
def test_fields_that_contradict_each_other_are_refused_as_such(fields: dict[str, str], param: str) -> None:
    with pytest.raises(ConflictingParameters) as caught:
        options.parse(fields.items())
    assert (caught.value.status, caught.value.param) == (422, param)


def test_hot_words_come_in_lists_and_with_commas_as_the_model_spells_them() -> None:
    fields = [
        ("hotwords", "Ahab, Moby-Dick,,"),
        ("hotwords[]", "O\u2019Brien"),
        ("hotwords", "Zoë"),
        ("hotwords", "ahab"),
    ]
    assert options.parse(fields).decoding == Decoding(
        hotwords=("ahab", "moby dick", "o'brien", "zoe"),
        spellings=("Ahab", "Moby-Dick", "O\u2019Brien", "Zoë", "ahab"),
    )


def test_as_many_hot_words_as_are_allowed_are() -> None:
    words = [f"{a}{b}" for a in "abcdefghij" for b in "abcdefghij"]
    assert len(options.parse([("hotwords", ",".join(words))]).decoding.hotwords) == 100


def test_names_in_a_prompt_are_hot_words_and_those_that_cannot_be_spelt_are_left_out() -> None:
    asked = options.parse([("prompt", "Glossary: Ahab, R2D2, \u0416\u0443\u043a, Queequeg")]).decoding
    assert asked.prompted == ("ahab", "queequeg")
    assert {"Ahab", "Queequeg"} <= set(asked.spellings)
    assert not asked.hotwords


def test_what_is_said_of_decoding_is_not_said_of_the_reply() -> None:
    assert options.parse([("decoder", "beam"), ("alternatives", "2"), ("hotwords", "Ahab")]).is_default
    assert not options.parse([("decoder", "beam"), ("response_format", "json")]).is_default


def test_a_text_style_is_no_form_of_the_reply() -> None:
    for style in ("written", "spoken"):
        asked = options.parse([("text_style", style)])
        assert asked.is_default
        assert asked.decoding == Decoding(text_style=style)
    assert not options.parse([("text_style", "spoken"), ("response_format", "text")]).is_default


def test_subtitles_hold_what_is_asked_for_and_else_two_lines_of_42_characters() -> None:
    srt, length, lines = ("response_format", "srt"), ("max_line_length", "32"), ("max_lines", "3")
    assert options.parse([srt]).layout == Layout(42, 2)
    assert options.parse([srt, length]).layout == Layout(32, 2)
    assert options.parse([srt, lines]).layout == Layout(42, 3)
    assert options.parse([srt, length, lines]).layout == Layout(32, 3)


def test_how_a_job_is_decoded_survives_being_stored() -> None:
    fields = [("hotwords", "van der Meer"), ("text_style", "spoken"), ("decoder", "beam"), ("alternatives", "2")]
    asked = options.parse(fields).decoding
    assert Decoding.from_json(json.loads(json.dumps(asked.to_json()))) == asked
    old = {"decoder": "beam", "hotwords": ["ahab"], "prompted": [], "alternatives": 0}
    assert Decoding.from_json(old) == Decoding("beam", ("ahab",))


def test_a_prompt_of_any_length_is_read_in_no_time() -> None:
    import time

    since = time.process_time()
    for prompt in ("a-" * 200_000, "A. " * 100_000, '"' * 300_000, "A," * 100_000):
        options.parse([("prompt", prompt)])
    assert time.process_time() - since < 2


def test_a_refusal_repeats_only_the_start_of_what_was_sent() -> None:
    def message(fields: dict[str, Any]) -> str:
        with pytest.raises(InvalidParameter) as caught:
            options.parse(fields.items())
        return str(caught.value)

    for name in ("response_format", "timestamp_granularities[]", "include", "hotwords", "text_style", "max_lines"):
        assert len(message({name: "x" * 10_000})) < 250
    assert len(message({"x" * 10_000: "1"})) < 250


@pytest.mark.parametrize("name", ["keywords", "keywords[]", "keywords[0]", "hotwords[0]"])
def test_the_published_api_calls_hot_words_keywords(name: str) -> None:
    decoding = options.parse([(name, "Quackenbush"), ("hotwords[]", "Ahab")]).decoding
    assert decoding.hotwords == ("quackenbush", "ahab")
    assert decoding.spellings == ("Quackenbush", "Ahab")


def test_as_many_hot_words_as_there_may_be_come_one_by_one() -> None:
    words = [f"{a}{b}" for a in "abcdefghij" for b in "abcdefghij"]
    assert options.parse([("keywords[]", word) for word in words]).decoding.hotwords == tuple(words)


@pytest.mark.parametrize(
    ("form", "query"),
    [
        ([], [("response_format", "srt"), ("language", "en")]),
        ([("response_format", "srt")], [("language", "en")]),
        ([("response_format", "srt")], [("response_format", "srt")]),
        ([("response_format", "srt")], [("response_format", "")]),
        ([("response_format", "")], [("response_format", "srt")]),
    ],
)
def test_a_query_beside_a_form_counts_as_its_fields(form: list[tuple[str, str]], query: list[tuple[str, str]]) -> None:
    assert options.parse(form, query).response_format == "srt"


@pytest.mark.parametrize(
    ("form", "query", "param"),
    [
        ([("response_format", "srt")], [("response_format", "vtt")], "response_format"),
        ([("language", "en")], [("language", "de")], "language"),
        ([("hotwords[]", "Ahab")], [("keywords[]", "Starbuck")], "hotwords"),
        ([("response_format", "json")], [("max_lines", "2")], "max_lines"),
    ],
)
def test_a_query_that_contradicts_the_form_is_refused(
    form: list[tuple[str, str]], query: list[tuple[str, str]], param: str
) -> None:
    with pytest.raises(ConflictingParameters) as caught:
        options.parse(form, query)
    assert caught.value.param == param


def test_a_query_has_no_fields_that_a_form_has_not() -> None:
    with pytest.raises(InvalidParameter) as caught:
        options.parse([], [("colour", "red")])
    assert caught.value.param == "colour"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("hotword", "hotwords"), ("format", "response_format"), ("response_fromat", "response_format"),
        ("modle", "model"), ("timestamp_granularity[]", "timestamp_granularities"), ("lang", "language"),
    ],
)  # fmt: skip
def test_an_unknown_field_names_the_one_that_may_be_meant(sent: str, meant: str) -> None:
    with pytest.raises(InvalidParameter, match=f"is not supported; send {meant} instead, or leave it out"):
        options.parse([(sent, "1")])


def test_an_unknown_field_like_no_other_is_to_be_left_out() -> None:
    with pytest.raises(InvalidParameter, match="The field 'colour' is not supported; leave it out"):
        options.parse([("colour", "red")])


def test_a_field_that_comes_twice_says_how_often_it_may() -> None:
    with pytest.raises(InvalidParameter, match="alternatives is given more than once; send it once at most"):
        options.parse([("alternatives", "2"), ("alternatives", "3")])
