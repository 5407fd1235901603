"""The protocol of an engine: names of voices, a random plan for a line, and speech by that plan."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from hark.errors import HarkError
from hark.languages import ENGLISH


class SynthesisError(HarkError):
    """An engine is missing, a line cannot be spoken, or options contradict each other."""


@dataclass(frozen=True)
class Plan:
    """How a line is spoken; picklable, and made of plain values.

    Attributes:
        voice: name of one voice of the engine, stock or made.
        rate: tempo of the recording; 1 is the engine's own.
        pitch: factor on the fundamental frequency that the engine itself applies.
        warp: factor on all frequencies, fundamental and formants alike, as of a shorter or longer vocal tract. It is
            applied by resampling afterwards, which shortens the speech by the same factor.
        settings: of this engine only.
    """

    voice: str
    rate: float = 1.0
    pitch: float = 1.0
    warp: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pace(self) -> float:
        """The engine's tempo that gives `rate` after the warp."""
        return self.rate / self.warp

    @property
    def speaker(self) -> str:
        """The speaker that listeners would hear: the voice, with pitch and warp where they change it."""
        pitch = f"-p{self.pitch:.2f}" if self.pitch != 1 else ""
        warp = f"-w{self.warp:.2f}" if self.warp != 1 else ""
        return self.voice + pitch + warp


class Engine(Protocol):
    """A speech engine. Its constructor checks that it is installed; models are loaded when it first speaks.

    Attributes:
        name: for `--engines`.
        license: SPDX names of the licences, with what each is for in brackets where voice and engine differ. A
            program's licence covers its output only where that is derived from it (GPL 3, section 2).
    """

    name: str
    license: str

    def voices(self) -> Sequence[str]:
        """Returns the names of the stock voices, always in the same order."""

    def plan(self, rng: random.Random, voices: Sequence[str]) -> Plan:
        """Draws a plan from some of the stock voices; the same state of `rng` gives the same plan."""

    def speak(self, text: str, plan: Plan) -> tuple[np.ndarray, int]:
        """Speaks at `plan.pace`, the warp not yet applied.

        Returns:
            [samples] float32, and their rate in Hz.

        Raises:
            Exception: whatever the engine raises; the caller reports it with the line.
        """


def draw_factor(rng: random.Random, low: float, high: float, unchanged: float = 0.0) -> float:
    """Draws a factor from [low, high] in steps of 0.01, or 1 with the probability `unchanged`."""
    factor = rng.uniform(low, high)
    return 1.0 if rng.random() < unchanged else round(factor, 2)


def require_english(engine: str, language: str) -> None:
    """Refuses a language that an engine does not speak.

    Raises:
        SynthesisError: it is not English.
    """
    if language.partition("-")[0] != ENGLISH:
        raise SynthesisError(f"The engine {engine} speaks English, not {language}: leave it out of --engines.")


def require_modules(engine: str, *modules: str) -> None:
    """Checks that Python packages are installed, without the time that importing them takes.

    Raises:
        SynthesisError: one is missing; the message says what to install.
    """
    if any(find_spec(module) is None for module in modules):
        raise SynthesisError(
            f"The engine {engine} is not installed: pip install 'path/to/hark[synthesize]', or leave it out of "
            "--engines."
        )
