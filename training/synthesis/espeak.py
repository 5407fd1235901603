"""eSpeak NG: a formant synthesiser; robotic, but with accents that no other engine has, and in a hundred languages.

For English best a few percent; for a language that nothing else speaks, enough to try everything out.
"""

import random
from collections.abc import Sequence

import numpy as np

from hark.languages import ENGLISH
from training.synthesis.engine import Plan, SynthesisError, draw_factor
from training.synthesis.program import ask, find_program, speak_with

_WORDS_PER_MINUTE = 160
# On eSpeak's scale of 0 to 99 the middle is the voice's own; the ends are about an octave apart.
_PITCH_MIDDLE = 50
# Effects, and copies of other voices, rather than speakers.
_EFFECTS = (
    "AnxiousAndy", "Demonic", "Mr", "RicishayMax", "Storm", "Tweaky", "UniRobot", "anikaRobot", "announcer", "croak",
    "fast", "iven", "kaukovalta", "klatt", "robosoft", "whisper",
)  # fmt: skip


class Espeak:
    """Every accent with every variant of the synthesiser's throat. Reproducible to the sample: it draws nothing."""

    name = "espeak"
    license = "GPL-3.0-or-later (engine)"

    def __init__(self, language: str = ENGLISH) -> None:
        self._program = find_program(self.name, "espeak-ng", "espeak-ng")
        # An unknown variant is not refused: eSpeak would speak with its standard voice.
        spoken = {tag for tag, file in self._listed(language.lower()) if not file.startswith("mb/")} - {"variant"}
        # Of a language with a region, that region's; of one without, all accents.
        accents = sorted({language.lower()} & spoken if "-" in language and language.lower() in spoken else spoken)
        variants = sorted(file.removeprefix("!v/") for _, file in self._listed("variant"))
        self._voices = tuple(f"{a}+{v}" for a in accents for v in variants if not v.startswith(_EFFECTS))
        if not self._voices:
            raise SynthesisError(
                f"The engine espeak has no voice for {language}: apt-get install espeak-ng-data, or leave it out of "
                "--engines."
            )

    def _listed(self, language: str) -> list[tuple[str, str]]:
        rows = [row.split() for row in ask(self._program, f"--voices={language}").splitlines()[1:]]
        return [(row[1], row[4]) for row in rows]

    def voices(self) -> Sequence[str]:
        """Accents and variants, as in `en-us+f1` or `it+m3`."""
        return self._voices

    def plan(self, rng: random.Random, voices: Sequence[str]) -> Plan:
        """Draws accent and variant, tempo and pitch."""
        return Plan(voice=rng.choice(voices), rate=draw_factor(rng, 0.8, 1.25), pitch=draw_factor(rng, 0.8, 1.25, 0.3))

    def speak(self, text: str, plan: Plan) -> tuple[np.ndarray, int]:
        """Speaks; [samples] float32 at 22.05 kHz."""
        speed = str(round(_WORDS_PER_MINUTE * plan.pace))
        pitch = str(round(_PITCH_MIDDLE * plan.pitch))
        return speak_with(
            lambda source, target: [
                self._program, "-v", plan.voice, "-s", speed, "-p", pitch, "-f", source, "-w", target,
            ],
            text,
        )  # fmt: skip
