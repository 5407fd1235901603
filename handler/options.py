"""What a request asks for, as form fields of OpenAI's transcription API or as query parameters of the same names.

Source: OpenAI, "Create transcription". Whatever a caller sends and this API does not do would silently not happen, so
it is refused by name; what has no effect on a model that hears one language and decodes without drawing is accepted,
and so is what programs for other servers of this API send with every request (docs/clients.md lists it).
`decoder`, `hotwords`, `alternatives`, `word_alternatives`, `text_style`, `channels`, `channel_names`, `max_line_length`
and `max_lines` are Hark's own.
"""

import json
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from hark import alphabet, cues, hotwords, languages
from hark.alphabet import ENGLISH_ALPHABET, Alphabet
from hark.cues import Layout
from hark.decoding import (
    DECODERS,
    MOST_ALTERNATIVES,
    MOST_NAMES,
    MOST_WORD_ALTERNATIVES,
    TEXT_STYLES,
    Decoding,
    checked_channels,
)
from hark.errors import ConflictingParameters, InvalidParameter
from hark.spec import ModelSpec

RESPONSE_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
GRANULARITIES = ("word", "segment")

# Fields that may be sent several times, with or without the brackets that clients put behind their names, and how
# often.
_LISTS = {
    "timestamp_granularities": len(GRANULARITIES),
    "include": 1,
    "languages": 16,
    "hotwords": hotwords.MOST,
    "channel_names": MOST_NAMES,
}
_SCALARS = frozenset({
    *("model", "language", "prompt", "response_format", "temperature", "stream", "chunking_strategy"),
    *("decoder", "alternatives", "word_alternatives", "text_style", "channels", "max_line_length", "max_lines"),
})  # fmt: skip
_KNOWN = frozenset({*_LISTS, *_SCALARS, "keywords"})
# Fields of the published API that ask for what the model cannot do.
_CANNOT = {
    "known_speaker_names": "Speakers are not told apart",
    "known_speaker_references": "Speakers are not told apart",
}
# What people send for a field whose name they remember otherwise; and how alike names are that are typed wrong.
_MEANT = {"format": "response_format", "output_format": "response_format", "words": "hotwords", "lang": "language"}
_CLOSE = 0.75
# Other names of fields: the published API calls hot words keywords.
_ALIASES = {"keywords": "hotwords"}
# What programs that were written for other servers send with every request, and what they may say: that which is about
# nothing that is heard here, or is done anyway.
WITHOUT_EFFECT = {
    "user": "any text",
    "api-version": "any text",
    "task": "transcribe",
    "vad_filter": "true or false",
    "word_timestamps": "true or false",
    "condition_on_previous_text": "true or false",
    "diarize": "false",
    "diarization": "false",
    "beam_size": "a number",
    "best_of": "a number",
    "batch_size": "a number",
    "temperature_inc": "a number",
}
_LARGEST_NUMBER = 1e9
_KNOWN = _SCALARS | set(_LISTS) | set(_ALIASES) | set(_CANNOT) | set(WITHOUT_EFFECT)
# How recordings are to be cut is decided here; what the published API's clients say of it has no effect.
_CHUNKING = ("auto", "server_vad")
_CHUNKING_NUMBERS = ("prefix_padding_ms", "silence_duration_ms", "threshold")
_CHUNKING_CHARACTERS = 512
# A name with the brackets that clients put behind that of a list: name[], name[0].
_BRACKETS = re.compile(r"([^\[\]]{1,64})\[[0-9]{0,3}\]", re.ASCII)
# No glossary is in what comes after.
_PROMPT_CHARACTERS = 4000
_SHOWN_CHARACTERS = 64
# All choices of a list together are shorter.
_CHOICE_CHARACTERS = 128


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
        model: the name of the model that answers; "" where nobody said which there are.
    """

    response_format: str | None = None
    granularities: frozenset[str] = frozenset({"segment"})
    logprobs: bool = False
    stream: bool = False
    decoding: Decoding = field(default_factory=Decoding)
    layout: Layout = cues.DEFAULT
    model: str = ""

    @property
    def is_default(self) -> bool:
        """Whether nothing is said of the reply's form."""
        return replace(self, decoding=Decoding(), model="") == Options()


def base_name(sent_name: str) -> str:
    """Returns a field's name without the brackets of a list."""
    match = _BRACKETS.fullmatch(sent_name)
    return match[1] if match else sent_name


def is_known(sent_name: str) -> bool:
    """Says whether a field has a meaning here, if only that of one to be refused."""
    return sent_name.partition("[")[0] in _KNOWN


class Meant(Protocol):
    """Says which of the deployed models a request means."""

    def __call__(self, model: str, languages: Sequence[str], param: str) -> ModelSpec:
        """Returns its spec; see `hark.model_choice.Choice.model`."""


def parse(
    fields: Iterable[tuple[str, str]], query: Iterable[tuple[str, str]] = (), meant: Meant | None = None
) -> Options:
    """Reads (name, value) pairs; an empty value is as if the field were not sent.

    `model` may name any model, since existing code names OpenAI's: where it is none of those that are deployed, the
    language chooses. `temperature` has no meaning for CTC and is accepted without effect; of `prompt` count the hot
    words in it, see `hark.hotwords.of_prompt`.

    Args:
        fields: of a form, or of the query of a request that has no form.
        query: of a request that has a form.
        meant: says which model answers; None for an English one.

    Raises:
        InvalidParameter: a field is unknown, has a value it cannot have, or asks for what this API does not do.
        ConflictingParameters: fields that are right alone contradict each other, or are not the same in the query.
    """
    values = _group(fields)
    for name, there in _group(query).items():
        if values.setdefault(name, there) != there:
            raise ConflictingParameters(
                f"{name} in the query is not what it is in the form; send it in one of them.", param=name
            )
    asked = [*values.get("language", []), *values.get("languages", [])]
    param = "languages" if "languages" in values and "language" not in values else "language"
    spec = meant(_one(values, "model"), asked, param) if meant else None
    if spec is None and asked:
        _check_english(asked, param)
    _check_temperature(_one(values, "temperature"))
    options = Options(
        response_format=_response_format(_one(values, "response_format")),
        granularities=_choices(values, "timestamp_granularities", GRANULARITIES) or Options.granularities,
        logprobs=bool(_choices(values, "include", ("logprobs",))),
        stream=_stream(_one(values, "stream")),
        decoding=_decoding(values, alphabet.of(spec.labels, spec.language) if spec else ENGLISH_ALPHABET),
        layout=cues.layout(_number(values, "max_line_length"), _number(values, "max_lines")),
        model=spec.name if spec else "",
    )
    _check_together(options, values)
    return options


def instead_of(name: str, known: Iterable[str]) -> str:
    """Says which known field a caller who sent an unknown one may have meant, as part of a sentence, if any."""
    from difflib import get_close_matches  # seldom needed

    known = sorted(known)
    meant = _MEANT.get(name)
    near = [meant] if meant in known else get_close_matches(name, known, 1, _CLOSE)
    return f"send {near[0]} instead, or " if near else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _group(fields: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for sent_name, value in fields:
        base = base_name(sent_name)
        name = _ALIASES.get(base, base)
        if name in _CANNOT:
            raise InvalidParameter(f"{_CANNOT[name]}; leave {name} out.", param=name)
        if sent_name.partition("[")[0] == "chunking_strategy":
            _check_chunking(sent_name, value)
            continue
        if sent_name in WITHOUT_EFFECT:
            _check_without_effect(sent_name, value)
            continue
        if name not in _LISTS and sent_name not in _SCALARS:
            shown = sent_name[:_SHOWN_CHARACTERS]
            raise InvalidParameter(
                f"The field {shown!r} is not supported; {instead_of(name, _KNOWN)}leave it out.", param=shown
            )
        values.setdefault(name, []).append(value)
        most = _LISTS.get(name, 1)
        if name == "channel_names":
            _number_name(values[name], sent_name)
        if len(values[name]) > most:
            raise InvalidParameter(
                f"{name} is given more than {_times(most)}; send it {_times(most)} at most.", param=name
            )
    # Browsers' forms send what nobody filled in as empty; of channels' names, an empty one keeps the place of one.
    filled = {
        name: [value for value in several if value or name == "channel_names"] for name, several in values.items()
    }
    return {name: several for name, several in filled.items() if any(several)}


def _number_name(names: list[str], sent_name: str) -> None:
    """Puts the last of the names where the number in the field's brackets, if there is one, says that it belongs."""
    number = re.search(r"\[([0-9]+)\]", sent_name, re.ASCII)
    if number is None:
        return
    at, name = int(number[1]), names.pop()
    if at >= _LISTS["channel_names"]:
        raise InvalidParameter(f"There is no channel for {sent_name}; the first is [0].", param="channel_names")
    names.extend([""] * (at + 1 - len(names)))
    names[at] = name


def _check_chunking(sent_name: str, value: str) -> None:
    """Refuses other ways to cut than those of the published API: `auto`, or an object as JSON or field by field."""
    if not value:
        return
    within = sent_name.removeprefix("chunking_strategy")
    members: dict[str, Any] = {"type": value} if within in ("", "[type]") else {within[1:-1]: value}
    if not within and value.startswith("{"):
        try:
            members = json.loads(value) if len(value) <= _CHUNKING_CHARACTERS else {}
        except (ValueError, RecursionError):
            members = {}
    numbers = [str(member) for name, member in members.items() if name in _CHUNKING_NUMBERS]
    if (
        members
        and within in ("", "[type]", *(f"[{name}]" for name in _CHUNKING_NUMBERS))
        and set(members) <= {"type", *_CHUNKING_NUMBERS}
        and members.get("type", "auto") in _CHUNKING
        and all(_is_number(number, _LARGEST_NUMBER) for number in numbers)
    ):
        return
    raise InvalidParameter(
        "chunking_strategy can only be 'auto' or 'server_vad': recordings are cut where the speaker pauses.",
        param="chunking_strategy",
    )


def _check_without_effect(name: str, value: str) -> None:
    allowed = WITHOUT_EFFECT[name]
    if allowed == "any text" or not value:
        return
    right = _is_number(value, _LARGEST_NUMBER) if allowed == "a number" else value.lower() in allowed.split(" or ")
    if not right:
        raise InvalidParameter(f"{name} can only be {allowed} here, and has no effect; leave it out.", param=name)


def _is_number(value: str, most: float) -> bool:
    """Says whether text is a number from 0 to `most`; longer text than any is not even read."""
    try:
        return len(value) <= _SHOWN_CHARACTERS and 0 <= float(value) <= most
    except ValueError:
        return False


def _one(values: dict[str, list[str]], name: str) -> str:
    return values.get(name, [""])[0]


def _choices(values: dict[str, list[str]], name: str, allowed: tuple[str, ...]) -> frozenset[str]:
    # Several may come in one value, as "word,segment", or as a program writes a list into a form.
    items = (
        item.strip(" '\"")
        for value in values.get(name, [])
        for item in value[:_CHOICE_CHARACTERS].strip(" []").split(",")
    )
    chosen = frozenset(items)
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


def _decoding(values: dict[str, list[str]], letters: Alphabet) -> Decoding:
    decoder = _one(values, "decoder")
    if decoder and decoder not in DECODERS:
        raise InvalidParameter(f"decoder must be {' or '.join(DECODERS)}.", param="decoder")
    style = _one(values, "text_style")
    if style and style not in TEXT_STYLES:
        raise InvalidParameter(f"text_style must be {' or '.join(TEXT_STYLES)}.", param="text_style")
    listed = hotwords.listed(values.get("hotwords", []))
    in_prompt = hotwords.of_prompt(_one(values, "prompt")[:_PROMPT_CHARACTERS], letters)
    prompted = (hotwords.spelt(word, letters) for word in in_prompt)
    alternatives, channels = _count(values, "alternatives", MOST_ALTERNATIVES), _one(values, "channels")
    return Decoding(
        decoder=decoder,
        hotwords=hotwords.checked(listed, letters),
        prompted=tuple(dict.fromkeys(filter(letters.can_spell, prompted))),
        alternatives=alternatives,
        spellings=tuple(dict.fromkeys([*in_prompt, *listed])),
        text_style=style,
        channels=channels,
        channel_names=checked_channels(channels, values.get("channel_names", []), alternatives),
        word_alternatives=_count(values, "word_alternatives", MOST_WORD_ALTERNATIVES),
    )


def _number(values: dict[str, list[str]], name: str) -> int | None:
    """Returns a field's number; -1 for what is none, which nothing takes."""
    value = _one(values, name)
    return int(value) if re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) else -1 if value else None


def _count(values: dict[str, list[str]], name: str, most: int) -> int:
    value = _one(values, name)
    if not value:
        return 0
    if not re.fullmatch(r"[0-9]{1,3}", value, re.ASCII) or not 1 <= int(value) <= most:
        raise InvalidParameter(f"{name} must be a number from 1 to {most}.", param=name)
    return int(value)


def _check_english(asked: Sequence[str], param: str) -> None:
    if languages.best(asked, [languages.ENGLISH]) is None:
        raise InvalidParameter(f"The model knows English only; set {param} to 'en' or leave it out.", param=param)


def _check_temperature(value: str) -> None:
    if value and not _is_number(value, 1.0):
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
    if asked.decoder == "greedy" and (asked.hotwords or asked.alternatives or asked.word_alternatives):
        param = "hotwords" if asked.hotwords else "alternatives" if asked.alternatives else "word_alternatives"
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
