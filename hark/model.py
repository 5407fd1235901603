"""What a program has of Hark: a model that is loaded once, and transcribes whatever recording it is given."""

import dataclasses
import math
import mmap
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hark import alphabet, keywords, mapped, model_files, pipeline
from hark import audio as audio_files
from hark.alphabet import Alphabet
from hark.channels import stream as stream_apart
from hark.channels import transcribe_blocks as transcribe_apart
from hark.decoding import Decoders, Decoding, asked_for
from hark.errors import InvalidParameter, ModelError
from hark.hotwords import parted
from hark.keywords import Detection
from hark.pipeline import Timings
from hark.recognizer import Recognizer
from hark.spec import ModelSpec
from hark.transcript import Segment, Transcript
from hark.written import Writers

AnyPath = str | os.PathLike[str]
# A file by its path, the bytes of one, in memory or mapped, or [samples]; or [samples, channels] to be kept apart.
Audio = AnyPath | bytes | mmap.mmap | NDArray[Any]


class Model:
    """A speech recogniser. Safe to use from several threads, each call on one processor core.

    Args:
        path: a model that `export` made; by default the one that comes with Hark.
        language_model: a language model that `python -m training.language_model` made, for the beam search; by default
            the one beside the model (`it.lm.bin` for `it.onnx`) or, for English, the one that comes with Hark.
        punctuation: a punctuation model that `python -m export.punctuation` made, for readable text; by default the one
            beside the model (`it.punctuation.onnx`) or, for English, the one that comes with Hark. Without one, other
            languages have their sentences by pauses.

    Raises:
        hark.HarkError: a file is missing, or is no such model. That it is for another language is said when it is used.
    """

    def __init__(
        self,
        path: AnyPath | None = None,
        language_model: AnyPath | None = None,
        punctuation: AnyPath | None = None,
    ) -> None:
        model_path = Path(path or model_files.RECOGNISER)
        if language_model is not None and not Path(language_model).is_file():
            raise ModelError(f"There is no language model at {Path(language_model)}; name another file.")
        self._recognizer = Recognizer(model_path, "transcription")
        if punctuation is not None and not Path(punctuation).is_file():
            raise ModelError(f"There is no punctuation model at {Path(punctuation)}; name another file.")
        of_model = model_files.beside(model_path, self.spec.language, *map(_path, (language_model, punctuation)))
        self._decoders = Decoders(model_path, of_model[0])
        self._writers = Writers(of_model[1], self.spec)

    @property
    def spec(self) -> ModelSpec:
        """What the model says of itself: name, version, language, labels, what it was measured to do."""
        return self._recognizer.spec

    @property
    def language(self) -> str:
        """BCP 47 tag of the language that the model writes, such as "en"."""
        return self.spec.language

    @property
    def _letters(self) -> Alphabet:
        return alphabet.of(self.spec.labels, self.spec.language)

    def transcribe(
        self,
        audio: Audio,
        *,
        sample_rate: int | None = None,
        decoder: str = "",
        hotwords: str | Iterable[str] = (),
        alternatives: int = 0,
        text_style: str = "",
        channels: str = "",
        channel_names: Iterable[str] = (),
        word_alternatives: int = 0,
        progress: Callable[[float], object] | None = None,
    ) -> Transcript:
        """Transcribes a recording, however long, holding no more than some minutes of its sound at a time.

        Args:
            audio: the path of an audio file, the bytes of one, or [samples] of one channel as floating-point numbers
                with full scale at 1. WAV, FLAC, MP3, Ogg, M4A, MP4, AAC, WebM and more are read; see docs/api.md.
            sample_rate: of an array, in Hz; a file says its own.
            decoder: "joint", the default where the model has an attention decoder beside it; "beam", the default where
                there is just a language model; or "greedy".
            hotwords: words and names to listen for, as a list or with commas between them.
            alternatives: how many of the best texts to list in the transcript, 10 at most; needs the beam search.
            text_style: "written", the default, for sentences with punctuation, capitals and figures; "spoken" for the
                words as they were spoken, in lower case.
            channels: "mix", the default, or "separate": each is transcribed by itself, as in recordings of calls where
                each speaker has one. An array may then be [samples, channels].
            channel_names: who speaks in each channel, in order; "Channel 1", "Channel 2", ... by default.
            word_alternatives: how many to list, as `alternatives` of each word, of what it may be instead, 8 at most;
                needs the beam search, and takes several times as long.
            progress: called now and then with the seconds of the recording that were read so far.

        Returns:
            the transcript: its `text`, and its `segments` and `words` with `start`, `end` and `confidence`. Each word
            is there as it was spoken, as `word`, and as it is `written`. Where channels are kept apart, segments and
            words have a `channel`, from 1, and the text a line for each turn, with the name of who speaks.

        Raises:
            hark.HarkError: the recording cannot be read, or a value cannot be what it is. The message says what to do.
        """
        asked = _asked(
            *(self._letters, decoder, hotwords, alternatives, text_style, channels, channel_names, word_alternatives)
        )
        chosen, writer = self._decoders.decoder(asked, self.spec), self._writers.writer(asked)
        timings = Timings()
        notes: list[str] = []
        apart = asked.channels == "separate"
        blocks = _blocks(audio, sample_rate, self.spec.sample_rate_hz, notes, apart)
        if progress:
            blocks = _watched(blocks, self.spec.sample_rate_hz, progress)
        blocks = timings.each("decode", blocks)
        if apart:
            found = transcribe_apart(blocks, self._recognizer, timings, asked.channel_names, chosen, writer)
        else:
            found = pipeline.transcribe_blocks(blocks, self._recognizer, timings, chosen, writer)
        return dataclasses.replace(found, notes=(*notes, *found.notes))

    def stream(
        self,
        audio: Audio,
        *,
        sample_rate: int | None = None,
        decoder: str = "",
        hotwords: str | Iterable[str] = (),
        text_style: str = "",
        channels: str = "",
    ) -> Iterator[Segment]:
        """Yields the segments of a recording in order while it is being read, in memory that does not grow with it.

        They are those that `transcribe` finds. About three minutes of sound are read before the first of them comes.

        Args:
            audio: see `transcribe`, as for the rest.
            sample_rate: of an array, in Hz.
            decoder: "joint", "beam" or "greedy".
            hotwords: words and names to listen for.
            text_style: "written" or "spoken".
            channels: "mix" or "separate". What was said last in one of several channels comes when it is certain that
                nobody spoke earlier in another one.

        Raises:
            hark.HarkError: there is no such file, or a value cannot be what it is; and on the way, where what is read
                turns out to be no whole recording.
        """
        asked = _asked(self._letters, decoder, hotwords, 0, text_style, channels)
        chosen, writer = self._decoders.decoder(asked, self.spec), self._writers.writer(asked)
        apart = asked.channels == "separate"
        blocks = _blocks(audio, sample_rate, self.spec.sample_rate_hz, [], apart)
        stream = stream_apart if apart else pipeline.stream
        return stream(blocks, self._recognizer, Timings(), chosen, writer)


class KeywordModel:
    """Finds the words of a short list in recordings, without transcribing them. Safe to use from several threads.

    Args:
        path: a keyword model that `export` made; by default the one that comes with Hark.

    Raises:
        hark.HarkError: the file is missing, or is no such model.
    """

    def __init__(self, path: AnyPath | None = None) -> None:
        self._recognizer = Recognizer(Path(path or model_files.KEYWORDS), "keywords")

    @property
    def spec(self) -> ModelSpec:
        """What the model says of itself; the words it knows are among its `labels`."""
        return self._recognizer.spec

    def spot(self, audio: Audio, *, sample_rate: int | None = None) -> list[Detection]:
        """Returns the words said in a recording, in order: each `label` with its `start`, `end` and `score`.

        Args:
            audio: see `Model.transcribe`.
            sample_rate: of an array, in Hz.

        Raises:
            hark.HarkError: the recording cannot be read.
        """
        blocks = _blocks(audio, sample_rate, self.spec.sample_rate_hz, [])
        return keywords.spot_blocks(blocks, self._recognizer, Timings()).detections


def _asked(
    letters: Alphabet,
    decoder: str,
    hotwords: str | Iterable[str],
    alternatives: int,
    text_style: str,
    channels: str,
    channel_names: Iterable[str] = (),
    word_alternatives: int = 0,
) -> Decoding:
    hot = parted(hotwords) if isinstance(hotwords, str) else list(hotwords)
    if not all(isinstance(word, str) for word in hot):
        raise InvalidParameter("hotwords must be words: a list of strings, or one with commas.", param="hotwords")
    for name, count in (("alternatives", alternatives), ("word_alternatives", word_alternatives)):
        if not isinstance(count, int | np.integer):
            raise InvalidParameter(f"{name} must be a whole number, not {count!r}.", param=name)
    names = channel_names.split(",") if isinstance(channel_names, str) else channel_names
    return asked_for(decoder, hot, alternatives, text_style, channels, names, word_alternatives, letters=letters)


def load(
    model: AnyPath | None = None, *, language_model: AnyPath | None = None, punctuation: AnyPath | None = None
) -> Model:
    """Loads a speech recogniser: the one that comes with Hark, or another that `export` made.

    Args:
        model: the path of an .onnx file. The weights of its search are read from the .json file beside it, if any.
        language_model: the path of a language model for the beam search, in place of the one that comes with Hark.
        punctuation: the path of a punctuation model for readable text, in place of the one that comes with Hark.

    Raises:
        hark.HarkError: a file is missing, or is no such model.
    """
    return Model(model, language_model, punctuation)


def load_keywords(model: AnyPath | None = None) -> KeywordModel:
    """Loads a keyword model: the one that comes with Hark, or another that `export` made.

    Raises:
        hark.HarkError: the file is missing, or is no such model.
    """
    return KeywordModel(model)


def _path(named: AnyPath | None) -> Path | None:
    return None if named is None else Path(named)


def _blocks(
    audio: Audio, sample_rate: int | None, sample_rate_hz: int, notes: list[str], apart: bool = False
) -> Iterator[NDArray[np.float32]]:
    """Yields [samples] at the model's rate, or [samples, channels] that are kept apart.

    A file that is not there is found at once, what is wrong in it later.
    """
    if isinstance(audio, np.ndarray):
        if sample_rate is None:
            raise InvalidParameter("An array does not say its rate; give sample_rate, in Hz.", param="sample_rate")
        if not isinstance(sample_rate, int | np.integer) or sample_rate <= 0:
            raise InvalidParameter(
                f"sample_rate must be a whole number of samples a second, such as 16000, not {sample_rate!r}.",
                param="sample_rate",
            )
        of_array = audio_files.of_channels if apart else audio_files.of_samples
        return of_array(audio, sample_rate, sample_rate_hz)
    if sample_rate is not None:
        raise InvalidParameter("sample_rate is for arrays; a file says its own, so leave it out.", param="sample_rate")
    if not isinstance(audio, str | os.PathLike | bytes | mmap.mmap):
        raise InvalidParameter(
            f"audio is of the type {type(audio).__name__}; give the path of a file, its bytes or an array of samples.",
            param="audio",
        )
    data = audio if isinstance(audio, bytes | mmap.mmap) else mapped.whole(Path(audio))
    of_file = audio_files.channel_blocks if apart else audio_files.blocks
    return of_file(data, sample_rate_hz, math.inf, notes)


def _watched(
    blocks: Iterable[NDArray[np.float32]], sample_rate_hz: int, progress: Callable[[float], object]
) -> Iterator[NDArray[np.float32]]:
    samples = 0
    for block in blocks:
        yield block
        samples += len(block)
        progress(samples / sample_rate_hz)
