"""hibari: a distilled Kokoro voice of 8 MB, about a hundred times faster than real time on one core."""

import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from hark.languages import ENGLISH
from training.synthesis.engine import Plan, draw_factor, require_english, require_modules

# What hibari takes; beyond it speaks no differently.
_SLOWEST, _FASTEST = 0.5, 2.0


class Hibari:
    """One American voice, which the warp turns into others. Reproducible to the sample: its noise is seeded."""

    name = "hibari"
    license = "Apache-2.0"

    def __init__(self, language: str = ENGLISH) -> None:
        require_english(self.name, language)
        require_modules(self.name, "hibari")

    @cached_property
    def _model(self) -> Any:
        from hibari import Hibari as Model

        return Model(threads=1)

    def voices(self) -> Sequence[str]:
        """The voice in the package; the others are downloads, and no engine here reaches the network."""
        return ("heart",)

    def plan(self, rng: random.Random, voices: Sequence[str]) -> Plan:
        """Draws tempo and warp."""
        return Plan(
            voice=rng.choice(voices),
            rate=draw_factor(rng, 0.8, 1.25),
            warp=draw_factor(rng, 0.8, 1.15, unchanged=0.2),
            settings={"seed": rng.getrandbits(32)},
        )

    def speak(self, text: str, plan: Plan) -> tuple[np.ndarray, int]:
        """Speaks; [samples] float32 at 24 kHz."""
        speed = min(_FASTEST, max(_SLOWEST, plan.pace))
        return self._model(text, speed=speed, seed=plan.settings["seed"]), self._model.sample_rate
