"""Flite: four older English voices of Carnegie Mellon, fast and clear."""

import random
from collections.abc import Sequence

import numpy as np

from hark.languages import ENGLISH
from training.synthesis.engine import Plan, SynthesisError, draw_factor, require_english
from training.synthesis.program import ask, find_program, speak_with

# All English at 16 kHz; `flite -lv` also lists kal at 8 kHz and awb_time, which only tells the time.
_VOICES = ("slt", "rms", "awb", "kal16")


class Flite:
    """Voices that the pitch and the warp turn into others. Reproducible to the sample: it draws nothing."""

    name = "flite"
    license = "MIT-Festival"

    def __init__(self, language: str = ENGLISH) -> None:
        require_english(self.name, language)
        self._program = find_program(self.name, "flite", "flite")
        # A voice that Flite lacks is not refused: it would speak with another.
        listed = ask(self._program, "-lv").split()
        self._voices = tuple(voice for voice in _VOICES if voice in listed)
        if not self._voices:
            raise SynthesisError(f"The engine flite has none of the voices {', '.join(_VOICES)} built in.")

    def voices(self) -> Sequence[str]:
        """The built-in voices that speak any text."""
        return self._voices

    def plan(self, rng: random.Random, voices: Sequence[str]) -> Plan:
        """Draws voice, tempo, pitch and warp."""
        return Plan(
            voice=rng.choice(voices),
            rate=draw_factor(rng, 0.8, 1.2),
            pitch=draw_factor(rng, 0.85, 1.2, unchanged=0.4),
            warp=draw_factor(rng, 0.88, 1.14, unchanged=0.3),
        )

    def speak(self, text: str, plan: Plan) -> tuple[np.ndarray, int]:
        """Speaks; [samples] float32 at 16 kHz."""
        settings = ["--setf", f"duration_stretch={1 / plan.pace:.3f}", "--setf", f"f0_shift={plan.pitch}"]
        return speak_with(
            lambda source, target: [self._program, "-voice", plan.voice, *settings, "-f", source, "-o", target], text
        )
