"""Recognisers that give recordings their texts: Whisper models, and models exported by Hark."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from hark import model_files
from hark.decoding import Decoders, Decoding
from hark.languages import ENGLISH
from hark.pipeline import Timings, transcribe_samples
from hark.recognizer import Recognizer
from training.errors import LabellingError
from training.labelling.recordings import RATE_HZ

# One pass at temperature 0: further passes at higher temperatures are random, and audio that needs them cannot be
# trusted. No timestamps: a piece is an utterance. Pieces without speech are reported, not left out, so that the reason
# can be saved.
_WHISPER = {
    "beam_size": 5,
    "temperature": 0.0,
    "without_timestamps": True,
    "condition_on_previous_text": False,
    "no_speech_threshold": None,
}
# Without these characters Whisper has to write numbers as they are spoken: "655" may also be "six five five".
_UNSPOKEN = frozenset("0123456789$%£")
_AS_DEFAULT = -1  # stands for the tokens that Whisper suppresses anyway, such as brackets and notes


@dataclass(frozen=True)
class Heard:
    """A recogniser's text of a piece and its own figures about it.

    Attributes:
        text: as the recogniser wrote it.
        confidence: geometric mean of its tokens' probabilities, 0 to 1; 1 if unknown.
        no_speech: probability that nobody speaks, 0 to 1.
        compression: length of the text over its compressed length; repetitive text compresses well.
    """

    text: str
    confidence: float = 1.0
    no_speech: float = 0.0
    compression: float = 0.0


class Transcriber(Protocol):
    """A recogniser; `name` stands in manifests as `labelled_by`."""

    name: str

    def transcribe(self, samples: NDArray[np.float32]) -> Heard:
        """[samples] mono float32 at 16 kHz -> what is said."""


class Whisper:
    """A Whisper model, run by faster-whisper in the fastest precision the device has.

    Args:
        model: a name of faster-whisper's, such as "small.en", or a folder that CTranslate2's converter made.
        threads: of the processor.
        language: BCP 47 tag of what is spoken.

    Raises:
        LabellingError: faster-whisper is not installed, there is no such model, or it does not know the language.
    """

    def __init__(self, model: str, threads: int, language: str = ENGLISH) -> None:
        self._language = language.partition("-")[0]
        if self._language != ENGLISH and model.endswith(".en"):
            raise LabellingError(f"The Whisper model {model} knows English only; name one without .en for {language}.")
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise LabellingError(
                "faster-whisper is not installed: pip install 'path/to/hark[pseudo-label]'."
            ) from error
        self.name = f"whisper {Path(model).name}"
        try:
            self._model: Any = WhisperModel(model, compute_type="auto", cpu_threads=threads)
        except Exception as error:  # CTranslate2's, the hub's and the tokenizer's share no base class
            raise LabellingError(f"The Whisper model {model} cannot be opened: {error}") from error
        words = ((token, i) for token, i in self._model.hf_tokenizer.get_vocab().items() if not token.startswith("<|"))
        self._suppressed = [_AS_DEFAULT, *sorted(i for token, i in words if _UNSPOKEN & set(token))]

    def transcribe(self, samples: NDArray[np.float32]) -> Heard:
        """As `Transcriber` has it.

        Raises:
            LabellingError: the device failed, perhaps for lack of memory, or the model does not know the language.
        """
        try:
            asked = {"language": self._language, "suppress_tokens": self._suppressed, **_WHISPER}
            segments = list(self._model.transcribe(samples, **asked)[0])
        except ValueError as error:  # of a language that it does not know
            raise LabellingError(f"{self.name} cannot transcribe {self._language}: {error}") from error
        except RuntimeError as error:
            raise LabellingError(f"{self.name} failed: {error}.") from error
        if not segments:
            return Heard("", no_speech=1.0)
        tokens = [max(len(segment.tokens), 1) for segment in segments]
        log_prob = np.average([segment.avg_logprob for segment in segments], weights=tokens)
        return Heard(
            " ".join(" ".join(segment.text for segment in segments).split()),
            math.exp(log_prob),
            max(segment.no_speech_prob for segment in segments),
            max(segment.compression_ratio for segment in segments),
        )


class Hark:
    """An exported model with an endpoint's default decoder: with the language model, if there is one.

    Args:
        path: an .onnx file.

    Raises:
        hark.errors.ModelError: it cannot be read, or is a keyword model.
    """

    def __init__(self, path: Path) -> None:
        self._recognizer = Recognizer(path, "transcription")
        spec = self._recognizer.spec
        self.name = f"{spec.name} {spec.version}"
        language_model, _ = model_files.beside(path, spec.language)
        self._decoder = Decoders(path, language_model).decoder(Decoding(), spec)

    def transcribe(self, samples: NDArray[np.float32]) -> Heard:
        """As `Transcriber` has it."""
        samples = soxr.resample(samples, RATE_HZ, self._recognizer.spec.sample_rate_hz, quality="HQ")
        return Heard(transcribe_samples(samples, self._recognizer, Timings(), self._decoder).text)


def open_transcriber(model: str, threads: int, language: str = ENGLISH) -> Transcriber:
    """Opens a Whisper model, or, by its suffix, an exported .onnx; `language` is for the former.

    Raises:
        HarkError: see `Whisper` and `Hark`.
    """
    return Hark(Path(model)) if model.endswith(".onnx") else Whisper(model, threads, language)
