"""What a request asks for, as form fields of OpenAI's transcription API or as query parameters of the same names.

Source: OpenAI, "Create transcription". Whatever a caller sends and this API does not do would silently not happen, so
it is refused by name; what has no effect on a model that hears one language and decodes without drawing is accepted.
`decoder`, `hotwords`, `alternatives`, `text_style`, `max_line_length` and `max_lines` are Hark's own.
"""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace

from hark import cues, hotwords
from hark.cues import Layout
from hark.decoding import DECODERS, MOST_ALTERNATIVES, TEXT_STYLES, Decoding
from hark.errors import ConflictingParameters, InvalidParameter
from hark.language_model import LETTERS

RESPONSE_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
GRANULARITIES = ("word", "segment")

# Fields that may be sent several times, with or without the brackets that clients put behind their names, and how
# often.
_LISTS = {"timestamp_granularities": len(GRANULARITIES), "include": 1, "languages": 16, "hotwords": 16}
_SCALARS = frozenset({
    *("model", "language", "prompt", "response_format", "temperature", "stream", "chunking_strategy"),
    *("decoder", "alternatives", "text_style", "max_line_length", "max_lines"),
})  # fmt: skip
# Fields of the published API that ask for what the model cannot do.
_CANNOT = {
    "known_speaker_names": "Speakers are not told apart",
    "known_speaker_references": "Speakers are not told apart",
    "keywords": "Words to listen for are sent as hotwords here",
}
# No glossary is in what comes after.
_PROMPT_CHARACTERS = 4000
_SPELLABLE = frozenset(LETTERS + " ")
# English in any of its spellings: en, EN, en-US, en_GB, English.
_ENGLISH = re.compile(r"(en|eng|english)([-_][a-z0-9]+)*", re.IGNORECASE | re.ASCII)
_SHOWN_CHARACTERS = 64


@dataclass(frozen=True)
class Options:
    """What is asked for.

    Attributes:
        response_format: one of `RESPONSE_FORMATS`, or None for the route's own.
        granularities: what `verbose_json` lists, a subset of `GRANULARITIES`.
        logprobs: whether `json` lists the tokens' log-probabilities.
        stream: whether the reply is a stream of server-sent events.
        decoding: how the recording is to be decoded.
        layout: how much a subtitle holds.
    """

    response_format: str | None = None
    granularities: frozenset[str] = frozenset({"segment"})
    logprobs: bool = False
    stream: bool = False
    decoding: Decoding = field(default_factory=Decoding)
    layout: Layout = cues.DEFAULT

    @property
    def is_default(self) -> bool:
        """Whether nothing is said of the reply's form."""
        return replace(self, decoding=Decoding()) == Options()


def parse(fields: Iterable[tuple[str, str]]) -> Options:
    """Reads (name, value) pairs; an empty value is as if the field were not sent.

    `model` may name any model, since existing code names OpenAI's; the deployed one answers. `temperature` has no
    meaning for CTC and is accepted without effect; of `prompt` count the hot words in it, see
    `hark.hotwords.of_prompt`.

    Raises:
        InvalidParameter: a field is unknown, has a value it cannot have, or asks for what this API does not do.
        ConflictingParameters: fields that are right alone contradict each other.
    """
    values = _group(fields)
    _check_language([*values.get("language", []), *values.get("languages", [])], values)
    _check_temperature(_one(values, "temperature"))
    if _one(values, "chunking_strategy") not in ("", "auto"):
        raise InvalidParameter(
            "chunking_strategy can only be 'auto': recordings are cut where the speaker pauses.",
            param="chunking_strategy",
        )
    options = Options(
        response_format=_response_format(_one(values, "response_format")),
        granularities=_choices(values, "timestamp_granularities", GRANULARITIES) or Options.granularities,
        logprobs=bool(_choices(values, "include", ("logprobs",))),
        stream=_stream(_one(values, "stream")),
        decoding=_decoding(values),
        layout=cues.layout(_number(values, "max_line_length"), _number(values, "max_lines")),
    )
    _check_together(options, values)
    return options


def _group(fields: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for sent_name, value in fields:
        name = sent_name.removesuffix("[]")
        if name in _CANNOT:
            raise InvalidParameter(f"{_CANNOT[name]}; leave {name} out.", param=name)
        if name not in _LISTS and sent_name not in _SCALARS:
            shown = sent_name[:_SHOWN_CHARACTERS]
            raise InvalidParameter(f"The field {shown!r} is not supported; leave it out.", param=shown)
        values.setdefault(name, []).append(value)
        most = _LISTS.get(name, 1)
        if len(values[name]) > most:
            raise InvalidParameter(f"{name} is given too often; send {most} at most.", param=name)
    # Browsers' forms send what nobody filled in as empty.
    filled = {name: [value for value in several if value] for name, several in values.items()}
    return {name: several for name, several in filled.items() if several}


def _one(values: dict[str, list[str]], name: str) -> str:
    return values.get(name, [""])[0]


def _choices(values: dict[str, list[str]], name: str, allowed: tuple[str, ...]) -> frozenset[str]:
    chosen = frozenset(values.get(name, []))
    for value in sorted(chosen - set(allowed)):
        raise InvalidParameter(
            f"{name} cannot be {value[:_SHOWN_CHARACTERS]!r}; use {' or '.join(allowed)}.", param=name
        )
    return chosen


def _response_format(value: str) -> str | None:
    if value and value not in RESPONSE_FORMATS:
        raise InvalidParameter(
            f"response_format {value[:_SHOWN_CHARACTERS]!r} is not supported; use {', '.join(RESPONSE_FORMATS)}.",
            param="response_format",
        )
    return value or None


def _stream(value: str) -> bool:
    if value.lower() not in ("true", "false", ""):
        raise InvalidParameter("stream must be true or false.", param="stream")
    return value.lower() == "true"


def _decoding(values: dict[str, list[str]]) -> Decoding:
    decoder = _one(values, "decoder")
    if decoder and decoder not in DECODERS:
        raise InvalidParameter(f"decoder must be {' or '.join(DECODERS)}.", param="decoder")
    style = _one(values, "text_style")
    if style and style not in TEXT_STYLES:
        raise InvalidParameter(f"text_style must be {' or '.join(TEXT_STYLES)}.", param="text_style")
    listed = [word.strip() for value in values.get("hotwords", []) for word in value.split(",") if word.strip()]
    in_prompt = hotwords.of_prompt(_one(values, "prompt")[:_PROMPT_CHARACTERS])
    prompted = (hotwords.spelt(word) for word in in_prompt)
    return Decoding(
        decoder=decoder,
        hotwords=hotwords.checked(listed),
        prompted=tuple(dict.fromkeys(word for word in prompted if set(word) <= _SPELLABLE)),
        alternatives=_alternatives(_one(values, "alternatives")),
        spellings=tuple(dict.fromkeys([*in_prompt, *listed])),
        text_style=style,
    )


def _number(values: dict[str, list[str]], name: str) -> int | None:
    """Returns a field's number; -1 for what is none, which nothing takes."""
    value = _one(values, name)
    return int(value) if re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) else -1 if value else None


def _alternatives(value: str) -> int:
    if not value:
        return 0
    if not re.fullmatch(r"[0-9]{1,3}", value, re.ASCII) or not 1 <= int(value) <= MOST_ALTERNATIVES:
        raise InvalidParameter(f"alternatives must be a number from 1 to {MOST_ALTERNATIVES}.", param="alternatives")
    return int(value)


def _check_language(languages: list[str], values: dict[str, list[str]]) -> None:
    if languages and not any(_ENGLISH.fullmatch(language) for language in languages):
        name = "language" if "language" in values else "languages"
        raise InvalidParameter(f"The model knows English only; set {name} to 'en' or leave it out.", param=name)


def _check_temperature(value: str) -> None:
    try:
        right = 0 <= float(value or 0) <= 1
    except ValueError:
        right = False
    if not right:
        raise InvalidParameter("temperature must be a number from 0 to 1; it has no effect.", param="temperature")


def _check_together(options: Options, given: Container[str]) -> None:
    if "timestamp_granularities" in given and options.response_format != "verbose_json":
        raise ConflictingParameters(
            "timestamp_granularities needs response_format verbose_json; set it, or leave the granularities out.",
            param="timestamp_granularities",
        )
    for param in ("max_line_length", "max_lines"):
        if param in given and options.response_format not in ("srt", "vtt"):
            raise ConflictingParameters(
                f"{param} needs response_format srt or vtt; set it, or leave {param} out.", param=param
            )
    if options.logprobs and options.response_format not in (None, "json"):
        raise ConflictingParameters(
            "include logprobs needs response_format json; set it, or leave include out.", param="include"
        )
    asked = options.decoding
    if asked.decoder == "greedy" and (asked.hotwords or asked.alternatives):
        param = "hotwords" if asked.hotwords else "alternatives"
        raise ConflictingParameters(f"{param} need a search; set decoder to beam, or leave it out.", param=param)
    if asked.alternatives and (options.stream or options.response_format not in (None, "json", "verbose_json")):
        raise ConflictingParameters(
            "alternatives need response_format json or verbose_json, and no stream; set it, or leave them out.",
            param="alternatives",
        )
    if options.stream and options.response_format not in (None, "json", "text"):
        raise ConflictingParameters(
            f"A stream has no {options.response_format}; leave stream out, or set response_format to json.",
            param="stream",
        )
