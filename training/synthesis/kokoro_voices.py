"""Any number of speakers out of Kokoro's stock voices; nothing here needs the model.

A voice is an array [510, 256]: a style vector for each number of phonemes. The first half of the vector is the timbre,
which the decoder hears, the second the prosody, which durations, pitch and energy follow; either may come from another
voice (StyleTTS 2, Li et al., 2023, section 3).
"""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from math import sqrt
from pathlib import Path

import numpy as np

from training.synthesis.engine import Plan, SynthesisError, draw_factor

DEFAULT_FOLDER = Path(".cache/package/voices")
GET_VOICES = (
    "mkdir -p .cache && npm pack kokoro-js@1.2.1 --pack-destination .cache && "
    "tar xzf .cache/kokoro-js-1.2.1.tgz -C .cache package/voices"
)
MOST_PHONEMES, STYLE, TIMBRE = 510, 256, 128

# A name starts with the letter of its language: American and British English, then others.
_LETTERS = {"en": ("a", "b"), "es": ("e",), "fr": ("f",), "hi": ("h",), "it": ("i",), "pt": ("p",)}
_ENGLISH = _LETTERS["en"]
# Whispered, or acting; Chinese voices lose English consonants.
_UNFIT = ("af_nicole", "am_santa", "em_santa", "pm_santa", "zf_", "zm_")
# Of a hundred lines: 30 by a stock voice, 20 by a blend, the rest by a draw from the Gaussian; 40 of the latter two
# with voices of other languages among them.
_STOCK, _BLEND, _FOREIGN = 0.3, 0.2, 0.4
# A language with fewer voices than this borrows timbres from all; half or more of the prosody stays a native's.
_FEW, _NATIVE_PROSODY = 5, 0.5
_LIGHTEST = 0.15

Weights = dict[str, float]


def stock_voices(folder: Path) -> tuple[str, ...]:
    """Returns the names of the voices in a folder that are fit for training, sorted.

    Raises:
        SynthesisError: there is none; the message says where they are to be had.
    """
    voices = tuple(sorted(path.stem for path in folder.glob("*.bin") if not path.stem.startswith(_UNFIT)))
    if not voices:
        raise SynthesisError(
            f"The engine kokoro finds no voices (*.bin) in {folder}: get them with `{GET_VOICES}`, "
            "name their folder with --kokoro-voices, or leave kokoro out of --engines."
        )
    return voices


@cache
def read_voice(path: Path) -> np.ndarray:
    """Reads a stock voice, [510, 256] float32.

    Raises:
        SynthesisError: the file is of another size.
    """
    values = np.fromfile(path, np.float32)
    if values.size != MOST_PHONEMES * STYLE:
        raise SynthesisError(
            f"{path} is no Kokoro voice: it holds {values.size} numbers, not {MOST_PHONEMES} x {STYLE}."
        )
    return values.reshape(MOST_PHONEMES, STYLE)


def native_letters(language: str) -> tuple[str, ...]:
    """Returns what the names of a language's voices start with.

    Raises:
        SynthesisError: Kokoro does not speak the language well enough to learn from.
    """
    letters = _LETTERS.get(language.partition("-")[0])
    if letters is None:
        spoken = ", ".join(_LETTERS)
        raise SynthesisError(f"The engine kokoro speaks {spoken}, not {language}: leave it out of --engines.")
    return letters


def draw_speaker(rng: random.Random, voices: Sequence[str], natives: tuple[str, ...] = _ENGLISH) -> Plan:
    """Draws a speaker, tempo and, at times, a warp.

    The accent is that of a native voice among those given; voices of other languages bring other timbres.

    Args:
        rng: where the draw comes from.
        voices: the stock voices.
        natives: what the names of the language's own voices start with.

    Returns:
        A plan with the settings `timbre` and `prosody`, weights of stock voices, and `british`.
    """
    native = [voice for voice in voices if voice.startswith(natives)] or list(voices)
    accent = rng.choice(native)
    few = natives != _ENGLISH and len(native) < _FEW
    pool = list(voices) if rng.random() < _FOREIGN or few else native
    kind = rng.random()
    if kind < _STOCK or len(pool) == 1:
        name, timbre, prosody = accent, {accent: 1.0}, {accent: 1.0}
    elif kind < _STOCK + _BLEND:
        name = f"blend-{rng.getrandbits(32):08x}"
        timbre, prosody = (convex_weights(rng.sample(pool, min(len(pool), rng.choice((2, 3)))), rng) for _ in range(2))
    else:
        name = f"drawn-{rng.getrandbits(32):08x}"
        spread = rng.uniform(0.85, 1.15)
        timbre, prosody = (gaussian_weights(pool, rng, spread) for _ in range(2))
    if few and prosody != {accent: 1.0}:
        share = rng.uniform(_NATIVE_PROSODY, 1.0)
        others = {voice: weight * (1 - share) for voice, weight in prosody.items()}
        prosody = {**others, accent: others.get(accent, 0.0) + share}
    return Plan(
        voice=name,
        rate=draw_factor(rng, 0.8, 1.25, unchanged=0.3),
        warp=draw_factor(rng, 0.92, 1.1, unchanged=0.7),
        settings={"timbre": timbre, "prosody": prosody, "british": accent.startswith("b")},
    )


def convex_weights(voices: Sequence[str], rng: random.Random) -> Weights:
    """Draws weights above 0 that sum to 1, none so light that its voice is not heard."""
    shares = [rng.random() + _LIGHTEST for _ in voices]
    return {voice: share / sum(shares) for voice, share in zip(voices, shares, strict=True)}


def gaussian_weights(voices: Sequence[str], rng: random.Random, spread: float = 1.0) -> Weights:
    """Draws weights whose `blend` is a draw from the Gaussian with the voices' mean and covariance.

    With N voices v_i and independent standard normal g_i, mean + sum(g_i (v_i - mean)) / sqrt(N - 1) has the sample
    covariance; what multiplies v_i in it is 1 / N + (g_i - mean of g) / sqrt(N - 1). The weights sum to 1.

    Args:
        voices: two or more.
        rng: where the draw comes from.
        spread: factor on the standard deviation.
    """
    count = len(voices)
    normal = [rng.gauss(0, 1) for _ in voices]
    mean = sum(normal) / count
    return {v: 1 / count + spread * (g - mean) / sqrt(count - 1) for v, g in zip(voices, normal, strict=True)}


def blend(vectors: Mapping[str, np.ndarray], timbre: Weights, prosody: Weights) -> np.ndarray:
    """Sums weighted voices, timbre and prosody each by its own weights.

    Args:
        vectors: name -> [phonemes, 256].
        timbre: weights for the first half of the style vectors.
        prosody: weights for the second half.

    Returns:
        [phonemes, 256] float32.
    """
    first = sum(weight * vectors[voice][:, :TIMBRE] for voice, weight in timbre.items())
    second = sum(weight * vectors[voice][:, TIMBRE:] for voice, weight in prosody.items())
    return np.concatenate([first, second], axis=1).astype(np.float32)


def speaker_style(folder: Path, plan: Plan, phonemes: int) -> np.ndarray:
    """Returns a planned speaker's style for a line of so many phonemes, 1 to 510: [1, 256] float32."""
    timbre, prosody = plan.settings["timbre"], plan.settings["prosody"]
    stock = {name: read_voice(folder / f"{name}.bin")[[phonemes - 1]] for name in {*timbre, *prosody}}
    return blend(stock, timbre, prosody)
