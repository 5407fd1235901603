"""How log-probabilities become text: greedily, by a beam search with a language model and hot words, or jointly.

Joint decoding (`hark.joint`) lets an attention decoder choose among what the search finds, and add to it. What can be
done depends on what is there: without a language model everything is decoded greedily, without an attention decoder
nothing jointly, and the rest is refused.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hark import alphabet, ctc, hotwords, languages, model_files, word_alternatives
from hark.alphabet import ENGLISH_ALPHABET, Alphabet
from hark.attention import AttentionDecoder
from hark.beam import BeamSearch, Weights
from hark.ctc import Tokens
from hark.errors import ConflictingParameters, InvalidParameter, ModelError
from hark.joint import Joint
from hark.joint_scores import JointWeights
from hark.language_model import LanguageModel
from hark.spec import CONFIDENCE_FEATURES, ModelSpec
from hark.transcript import Alternative

# From the fastest to the best, each of which needs a further file.
DECODERS = ("greedy", "beam", "joint")
# Of those that can be done here, the last up to this one answers who names none.
DEFAULT_DECODER = "joint"
_WEIGHTS_FORMAT = 1
# No search is better for more hypotheses than this, and one that asks for a billion would never end.
_WIDEST_BEAM = 10_000
# Of words that a model has learnt, the most frequent: each is a word that may be found where another was said.
MOST_LEARNT = 300
MOST_ALTERNATIVES = 10
MOST_WORD_ALTERNATIVES = word_alternatives.MOST
# Readable text, with punctuation, capitals and figures; or the words as they were spoken.
TEXT_STYLES = ("written", "spoken")
# Channels are mixed down to one, or kept apart: each transcribed by itself.
CHANNELS = ("mix", "separate")
# Names of those who speak in them stand in lines of text and in subtitles.
MOST_NAMES = 16
# In one line, whose direction no name turns round.
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]{0,50}")


@dataclass(frozen=True)
class Decoding:
    """What is asked for.

    Attributes:
        decoder: one of `DECODERS`; "" for the default.
        hotwords: words to listen for, as `hark.hotwords.spelt` writes them.
        prompted: the same, found in a prompt: of no effect where they cannot have any.
        alternatives: how many of the best texts are wanted; 0 for the best one alone, not listed.
        spellings: hot words, and those of a prompt, as the caller writes them.
        text_style: one of `TEXT_STYLES`; "" for the default.
        channels: one of `CHANNELS`; "" for the default.
        channel_names: who speaks in each channel, in order; "" where that is not said.
        word_alternatives: how many are wanted of what each word may be instead; 0 for none.
    """

    decoder: str = ""
    hotwords: tuple[str, ...] = ()
    prompted: tuple[str, ...] = ()
    alternatives: int = 0
    spellings: tuple[str, ...] = ()
    text_style: str = ""
    channels: str = ""
    channel_names: tuple[str, ...] = ()
    word_alternatives: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns what `from_json` reads."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Decoding":
        """Reads what `to_json` wrote; fields of a newer version are left out."""
        known: dict[str, Any] = {}
        for name in (each.name for each in dataclasses.fields(cls) if each.name in content):
            value = content[name]
            known[name] = tuple(value) if isinstance(value, list) else value
        return cls(**known)


def asked_for(
    decoder: str = "",
    hot: Iterable[str] = (),
    alternatives: int = 0,
    text_style: str = "",
    channels: str = "",
    channel_names: Iterable[str] = (),
    word_alternatives: int = 0,
    *,
    letters: Alphabet = ENGLISH_ALPHABET,
) -> Decoding:
    """Makes a `Decoding` of what a person typed or a program passed.

    Args:
        decoder: one of `DECODERS`; "" for the default.
        hot: words to listen for, as people write them.
        alternatives: how many of the best texts are wanted; 0 for the best one alone, not listed.
        text_style: one of `TEXT_STYLES`; "" for the default.
        channels: one of `CHANNELS`; "" for the default.
        channel_names: who speaks in each channel, in order; "" where that is not said.
        word_alternatives: how many are wanted of what each word may be instead; 0 for none.
        letters: of the model.

    Raises:
        InvalidParameter: a value cannot be what it is.
        ConflictingParameters: values that are right alone contradict each other.
    """
    if decoder and decoder not in DECODERS:
        raise InvalidParameter(f"decoder must be {' or '.join(DECODERS)}, not {decoder!r}.", param="decoder")
    if not 0 <= alternatives <= MOST_ALTERNATIVES:
        raise InvalidParameter(f"alternatives must be a number from 1 to {MOST_ALTERNATIVES}.", param="alternatives")
    if not 0 <= word_alternatives <= MOST_WORD_ALTERNATIVES:
        raise InvalidParameter(
            f"word_alternatives must be a number from 1 to {MOST_WORD_ALTERNATIVES}.", param="word_alternatives"
        )
    if text_style and text_style not in TEXT_STYLES:
        raise InvalidParameter(
            f"text_style must be {' or '.join(TEXT_STYLES)}, not {text_style!r}.", param="text_style"
        )
    as_written = tuple(word.strip() for word in hot if word.strip())
    words = hotwords.checked(as_written, letters)
    if decoder == "greedy" and (words or alternatives or word_alternatives):
        param = "hotwords" if words else "alternatives" if alternatives else "word_alternatives"
        raise ConflictingParameters(f"{param} need a search; set decoder to beam, or leave it out.", param=param)
    names = checked_channels(channels, channel_names, alternatives)
    return Decoding(decoder, words, (), alternatives, as_written, text_style, channels, names, word_alternatives)


def checked_channels(channels: str, names: Iterable[str], alternatives: int) -> tuple[str, ...]:
    """Returns the names of channels as they are shown.

    Args:
        channels: one of `CHANNELS`; "" for the default.
        names: who speaks in each channel, in order; "" where that is not said.
        alternatives: how many of the best texts are wanted.

    Raises:
        InvalidParameter: a value cannot be what it is.
        ConflictingParameters: there are names of channels that are mixed, or the best of several texts at once.
    """
    if channels and channels not in CHANNELS:
        raise InvalidParameter(f"channels must be {' or '.join(CHANNELS)}, not {channels[:64]!r}.", param="channels")
    names = tuple(names)
    if len(names) > MOST_NAMES:
        raise InvalidParameter(f"There are more than {MOST_NAMES} names of channels.", param="channel_names")
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidParameter(
                "channel_names must be names of at most 50 characters, without line ends and control characters.",
                param="channel_names",
            )
    if any(names) and channels != "separate":
        raise ConflictingParameters(
            "channel_names need channels kept apart; set channels to separate, or leave the names out.",
            param="channel_names",
        )
    if alternatives and channels == "separate":
        raise ConflictingParameters(
            "alternatives are of one text, and channels that are kept apart have one each; leave one of the two out.",
            param="alternatives",
        )
    return tuple(name.strip() for name in names)


class Decoder(Protocol):
    """A way to decode.

    Attributes:
        reads_features: whether it needs the encoder's features, too.
        word_confidence: weights of `hark.spec.CONFIDENCE_FEATURES` for its words; none for the model's own.
        alternatives: how many of the best texts are wanted.
    """

    reads_features: bool
    word_confidence: Mapping[str, float]
    alternatives: int

    def __call__(
        self, log_probs: NDArray[np.float32], spec: ModelSpec, features: NDArray[np.float32] | None = None
    ) -> tuple[Tokens, tuple[Alternative, ...]]:
        """Decodes [frames, labels] log-probabilities of one window: its tokens, and the best texts if wanted.

        `features` are the encoder's, [frames, size], for a decoder that reads them.
        """


class Greedy:
    """The best label of every frame."""

    reads_features = False

    def __init__(self) -> None:
        self.word_confidence: Mapping[str, float] = {}
        self.alternatives = 0

    def __call__(
        self,
        log_probs: NDArray[np.float32],
        spec: ModelSpec,
        features: NDArray[np.float32] | None = None,  # noqa: ARG002  # those of `Decoder`
    ) -> tuple[Tokens, tuple[Alternative, ...]]:
        """Decodes a window; it knows of no other text."""
        return ctc.greedy(log_probs, spec.blank), ()


GREEDY = Greedy()


class Beam:
    """A beam search.

    Args:
        search: for the model's labels.
        alternatives: how many texts to return beside the tokens.
        word_confidence: see `Decoder`.
        word_alternatives: how many to list of what each word may be instead.
    """

    reads_features = False

    def __init__(
        self,
        search: BeamSearch,
        alternatives: int = 0,
        word_confidence: Mapping[str, float] | None = None,
        word_alternatives: int = 0,
    ) -> None:
        self._search = search
        self._word_alternatives = word_alternatives
        self.alternatives = alternatives
        self.word_confidence = word_confidence or {}

    def __call__(
        self,
        log_probs: NDArray[np.float32],
        spec: ModelSpec,
        features: NDArray[np.float32] | None = None,  # noqa: ARG002  # those of `Decoder`
    ) -> tuple[Tokens, tuple[Alternative, ...]]:
        """Decodes a window; its tokens are those of the best text, on the likeliest path that spells it."""
        hypotheses = self._search(log_probs, max(self.alternatives, 1))
        tokens = ctc.align(log_probs, hypotheses[0].labels, spec.blank)
        if self._word_alternatives and hypotheses[0].labels:
            best, *others = self._search.texts(log_probs)
            scores = self._search.change_scores(
                best.split(), word_alternatives.changes(best.split(), others), log_probs
            )
            instead = word_alternatives.best(best.split(), scores, self._word_alternatives)
            tokens = dataclasses.replace(tokens, instead=instead)
        if not self.alternatives:
            return tokens, ()
        texts = (" ".join("".join(spec.labels[label] for label in each.labels).split()) for each in hypotheses)
        return tokens, tuple(Alternative(text, each.score) for text, each in zip(texts, hypotheses, strict=True))


@dataclass(frozen=True)
class Tuning:
    """What was found for a language model and an acoustic one together, by `python -m benchmarks.decoding`.

    It lies beside the acoustic model, in a file of the same name that ends in .json, since it changes with every
    acoustic model while the language model stays.

    Attributes:
        weights: of the search.
        word_confidence: weights of `hark.spec.CONFIDENCE_FEATURES` for words that the beam search found.
        measured: `model`, whose figures these are; `wer`, `cer` and `held_out_wer` on the recordings that chose the
            weights; and `sets`, which `python -m benchmarks.error_rates` adds: each test set's figures by decoder.
        joint: weights of joint decoding.
        joint_confidence: as `word_confidence`, for words that joint decoding found.
        words: what the acoustic model has learnt and the language model does not know, such as the names it was
            fine-tuned on, as its labels spell them. Searches listen for them as for hot words.
    """

    weights: Weights = field(default_factory=Weights)
    word_confidence: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    joint: JointWeights = field(default_factory=JointWeights)
    joint_confidence: Mapping[str, float] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError where no recording could be decoded by it."""
        weights, beams = self.weights, (self.weights.beam, self.weights.hotword_beam)
        if not all(type(beam) is int and beam <= _WIDEST_BEAM for beam in beams):
            raise ValueError(f"beams are whole numbers up to {_WIDEST_BEAM}")
        if min(weights.beam_width, weights.label_width) <= 0:
            raise ValueError("widths are above 0")
        for confidence in (self.word_confidence, self.joint_confidence):
            if not set(confidence) <= set(CONFIDENCE_FEATURES) or not all(
                isinstance(weight, float | int) and math.isfinite(weight) for weight in confidence.values()
            ):
                raise ValueError("word_confidence has a finite number for each of its features")
        if len(self.words) > MOST_LEARNT or not all(
            isinstance(word, str) and 0 < len(word) <= hotwords.LONGEST for word in self.words
        ):
            raise ValueError(f"words are at most {MOST_LEARNT} of at most {hotwords.LONGEST} letters")
        figures_of_sets = self.measured.get("sets", {}).values()
        if not all(isinstance(figures, dict) for of_set in figures_of_sets for figures in of_set.values()):
            raise ValueError("measured has figures for each set and decoder")

    @classmethod
    def beside(cls, model: Path) -> "Tuning":
        """Reads the file that lies beside an acoustic model; defaults where there is none.

        Raises:
            ModelError: it cannot be read, or is of another format.
        """
        path = model.with_suffix(".json")
        if not path.is_file():
            return cls()
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("format") != _WEIGHTS_FORMAT:
                raise ValueError("another format")
            content["weights"] = Weights(**content["weights"])
            if "joint" in content:
                content["joint"] = JointWeights(**content["joint"])
            content["words"] = tuple(content.get("words", ()))
            return cls(**content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ModelError(
                f"{path} cannot be read ({error}); make it with `python -m benchmarks.decoding`."
            ) from error

    def error_rates(self, spec: ModelSpec, decoder: str) -> dict[str, dict[str, Any]]:
        """Returns the error rates of a model with one of `DECODERS`, by the names of the test sets.

        Empty if this model was not measured: the file may be left over from an earlier model.
        """
        if self.measured.get("model") != f"{spec.name} {spec.version}":
            return {}
        sets = self.measured.get("sets", {})
        return {name: {**figures[decoder], "decoder": decoder} for name, figures in sets.items() if decoder in figures}

    def write(self, model: Path) -> Path:
        """Writes the file that `beside` reads, and returns where it is."""
        path = model.with_suffix(".json")
        content = {"format": _WEIGHTS_FORMAT, **dataclasses.asdict(self)}
        if not self.words:  # as the format had it first
            del content["words"]
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return path


class Decoders:
    """The decoders of an acoustic model. What they need is loaded when it is first asked for, or by `load`.

    Args:
        model_path: the acoustic model, beside which the weights of its search lie, and its attention decoder.
        language_model_path: need not be there.
        default: one of `DECODERS`, for who names none; the last one up to it that can be done here.
    """

    def __init__(self, model_path: Path, language_model_path: Path, default: str = DEFAULT_DECODER) -> None:
        self._path, self._model_path, self._default = language_model_path, model_path, default
        self._attention_path = model_files.attention_beside(model_path)
        # The last search and what it was made for: most recordings ask for what the one before did.
        self._made: tuple[tuple[object, ...], BeamSearch] | None = None

    @cached_property
    def _loaded(self) -> tuple[LanguageModel, Tuning]:
        return LanguageModel(self._path), Tuning.beside(self._model_path)

    @cached_property
    def attention(self) -> AttentionDecoder:
        """The attention decoder, which is loaded when it is first asked for."""
        return AttentionDecoder(self._attention_path)

    @property
    def default(self) -> str:
        """What answers who names no decoder."""
        if self._default == "greedy" or not self._path.is_file():
            return "greedy"
        return self._default if self._attention_path.is_file() else "beam"

    @property
    def names(self) -> tuple[str, ...]:
        """Those of `DECODERS` that can be done with the files that are here."""
        files = (self._path.is_file(), self._path.is_file() and self._attention_path.is_file())
        return (DECODERS[0], *(name for name, there in zip(DECODERS[1:], files, strict=True) if there))

    def load(self, spec: ModelSpec) -> None:
        """Loads what the default decoder needs, so that a file that cannot be read is found at the start.

        Raises:
            ModelError: the language model, the attention decoder, or the file beside the acoustic model cannot be
                read, or the attention decoder belongs to another model.
        """
        if self.default != "greedy":
            self._check_language(spec)
        if self.default == "joint":
            self.attention.spec.check(spec, str(self._model_path))

    def _check_language(self, spec: ModelSpec) -> None:
        """Looks at whether the language model is of the language that the model writes.

        Raises:
            ModelError: it is not, or cannot be read.
        """
        of_words = self._loaded[0].language
        if not languages.answers(of_words, spec.language):
            raise ModelError(
                f"The language model {self._path} is for {languages.name(of_words).title()}, and {spec.name} writes "
                f"{languages.name(spec.language).title()}; name another one (HARK_LM for the endpoint), or put it "
                f"beside the model as {self._model_path.with_suffix('.lm.bin').name}."
            )

    def error_rates(self, spec: ModelSpec) -> dict[str, dict[str, Any]]:
        """Returns the error rates of the model with its default decoder, as `Tuning.error_rates` does.

        Raises:
            ModelError: the file beside the model cannot be read.
        """
        try:
            return Tuning.beside(self._model_path).error_rates(spec, self.default)
        except ModelError:
            if self._default != "greedy":
                raise
            return {}  # whoever decodes greedily does without the file

    def check(self, asked: Decoding) -> None:
        """Looks at whether what is asked for can be done, without loading anything.

        Raises:
            InvalidParameter: there is no language model, and a search was asked for, or no attention decoder.
        """
        if self._searches(asked) and not self._path.is_file():
            raise _nothing_to_search_with(asked)
        if asked.decoder == "joint" and not self._attention_path.is_file():
            raise _nothing_to_decode_jointly_with()

    def decoder(self, asked: Decoding, spec: ModelSpec) -> Decoder:
        """Returns what decodes as is asked for.

        Raises:
            InvalidParameter: see `check`; also where the language model cannot be read and the default is "greedy", or
                the attention decoder cannot be used and the default does without it.
            ModelError: the language model or the attention decoder cannot be used, and the default needs it.
        """
        self.check(asked)
        # A prompt that names nobody, and one that comes where there is nothing to search with, changes nothing.
        prompted = bool(asked.prompted) and asked.decoder != "greedy" and self._path.is_file()
        searches = self._searches(asked) or prompted
        if not searches and (asked.decoder or self.default) == "greedy":
            return GREEDY
        try:
            self._check_language(spec)
            language_model, tuning = self._loaded
        except ModelError as error:
            if self._default != "greedy":
                raise
            # Whoever runs this decodes greedily, which needs none. A prompt asks for no search.
            if not self._searches(asked):
                return GREEDY
            raise _nothing_to_search_with(asked) from error
        letters = alphabet.of(spec.labels, spec.language)
        learnt = (word for word in tuning.words if letters.spell(word) is not None)
        hot = tuple(dict.fromkeys([*asked.hotwords, *asked.prompted, *learnt]))
        wanted = (spec.labels, spec.blank, hot)
        made = self._made  # read once: another thread may put another one there
        if not made or made[0] != wanted:
            made = wanted, BeamSearch(spec.labels, spec.blank, tuning.weights, language_model, hot)
            self._made = made
        if (asked.decoder or self.default) != "joint":
            return Beam(made[1], asked.alternatives, tuning.word_confidence, asked.word_alternatives)
        try:
            self.attention.spec.check(spec, str(self._model_path))
        except ModelError as error:
            if self._default == "joint":
                raise
            # Whoever runs this decodes without it, and it started although it cannot be used.
            raise _nothing_to_decode_jointly_with() from error
        return Joint(
            *(made[1], self.attention, tuning.joint, hot, asked.alternatives, tuning.joint_confidence),
            word_alternatives=asked.word_alternatives,
        )

    @staticmethod
    def _searches(asked: Decoding) -> bool:
        listed = asked.alternatives or asked.word_alternatives
        return asked.decoder in DECODERS[1:] or bool(asked.hotwords) or listed > 0


def _nothing_to_search_with(asked: Decoding) -> InvalidParameter:
    wanted = {name: getattr(asked, name) for name in ("decoder", "hotwords", "alternatives", "word_alternatives")}
    param = next(name for name, value in wanted.items() if value)
    return InvalidParameter(
        f"There is no language model here, so nothing can be searched; leave {param} out.", param=param
    )


def _nothing_to_decode_jointly_with() -> InvalidParameter:
    return InvalidParameter(
        "There is no attention decoder here, so nothing can be decoded jointly; set decoder to beam, or leave it out.",
        param="decoder",
    )
