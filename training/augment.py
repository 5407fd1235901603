"""Waveform augmentation: makes speech sound like other speakers, rooms, microphones and transmission lines.

Each kind has its part of `training.config.AugmentConfig` and is off at probability or range 0. All randomness comes
from the generator that is passed in. Augmentation that is cheaper on the spectrogram (vocal-tract warp, tempo,
SpecAugment) is in `training.features`.
"""

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray

from hark import vad
from hark.audio import decode
from hark.errors import RequestError
from training.config import AugmentConfig, CodecConfig, NoiseConfig, RoomConfig
from training.errors import ConfigError
from training.torchaudio_guard import torchaudio

Samples = NDArray[np.float32]

# How a config says that it names no folder.
NO_FOLDER = ("", "none")
# Lower limit of a level, so that silence has one in dB.
SILENCE = 1e-8
# Signals are padded to a multiple of this length for Fourier transforms.
FAST_LENGTH = 4096
# Compression of those encoders that have a choice: 0 loses nothing, 1 has the fewest bits. LAME fails at 1 itself.
_COMPRESSION = (0.5, 0.99)
# Name -> (container, subtype, sample rate or None for the recording's own), as soundfile writes them.
CODECS: dict[str, tuple[str, str, int | None]] = {
    "mp3": ("MP3", "MPEG_LAYER_III", None),
    "opus": ("OGG", "OPUS", None),
    "vorbis": ("OGG", "VORBIS", None),
    "gsm": ("WAV", "GSM610", 8000),
    "ulaw": ("WAV", "ULAW", 8000),
}


class WaveformAugment:
    """Applies, in the order in which sound travels: edges, speed, room, noise, microphone band, level, codec.

    Raises:
        ConfigError: a folder of noise or room responses is missing or has no audio, or a codec is unknown.
    """

    def __init__(self, config: AugmentConfig, sample_rate_hz: int) -> None:
        self.config = config
        self.sample_rate_hz = sample_rate_hz
        if unknown := set(config.codec.names) - set(CODECS):
            raise ConfigError(f"augment.codec.names has {', '.join(sorted(unknown))}; known are {', '.join(CODECS)}.")
        self.noises = recordings(config.noise.folder, sample_rate_hz) if config.noise.probability else ()
        self.responses = recordings(config.room.folder, sample_rate_hz) if config.room.probability else ()

    def __call__(self, samples: Samples, rng: np.random.Generator) -> Samples:
        """[samples] -> [other number of samples]."""
        config, rate = self.config, self.sample_rate_hz
        if rng.random() < config.edges.probability:
            samples = shorten_edges(samples, rate, between(config.edges.kept_s, rng), between(config.edges.kept_s, rng))
        if config.speed_change:
            samples = change_speed(samples, rate, rng.uniform(1 - config.speed_change, 1 + config.speed_change))
        if rng.random() < config.room.probability:
            samples = reverberate(samples, self._response(config.room, rng))
        if rng.random() < config.noise.probability:
            samples = self._add_noise(samples, config.noise, rng)
        if rng.random() < config.band.probability:
            samples = limit_band(samples, rate, between(config.band.cutoff_hz, rng))
        if config.gain_db:
            samples = change_gain(samples, rng.uniform(-config.gain_db, config.gain_db))
        if rng.random() < config.codec.probability:
            samples = self._transmit(samples, config.codec, rng)
        return samples

    def _response(self, config: RoomConfig, rng: np.random.Generator) -> Samples:
        if self.responses and rng.random() >= config.simulated_share:
            return self.responses[rng.integers(len(self.responses))]
        decay_s, direct_db = between(config.decay_s, rng), between(config.direct_db, rng)
        return simulate_room(decay_s, direct_db, self.sample_rate_hz, rng)

    def _add_noise(self, samples: Samples, config: NoiseConfig, rng: np.random.Generator) -> Samples:
        if self.noises and rng.random() >= config.coloured_share:
            noise = stretch_of(self.noises[rng.integers(len(self.noises))], len(samples), rng)
        else:
            noise = coloured_noise(len(samples), rng.uniform(-1.0, 2.0), rng)
        return mix(samples, noise, between(config.snr_db, rng))

    def _transmit(self, samples: Samples, config: CodecConfig, rng: np.random.Generator) -> Samples:
        name = config.names[rng.integers(len(config.names))]
        return transmit(samples, self.sample_rate_hz, name, rng.uniform(*_COMPRESSION))


def shorten_edges(samples: Samples, sample_rate_hz: int, lead_s: float, tail_s: float) -> Samples:
    """Shortens the silence before and after the speech in [samples] to these lengths.

    Recognition cuts recordings like this (`hark.segments`), and so do people. Corpora have half a second or more, and a
    network that knows nothing else recognises the first and the last word badly.
    """
    first_s, end_s = spoken_span_s(samples, sample_rate_hz)
    return samples[max(0, round((first_s - lead_s) * sample_rate_hz)) : round((end_s + tail_s) * sample_rate_hz)]


def spoken_span_s(samples: Samples, sample_rate_hz: int) -> tuple[float, float]:
    """Returns where speech in [samples] begins and ends; the whole length if there is none."""
    spoken = np.flatnonzero(vad.is_speech(vad.excess_db(vad.levels_db(samples, sample_rate_hz))))
    if not len(spoken):
        return 0.0, len(samples) / sample_rate_hz
    return float(spoken[0] * vad.STEP_S), float((spoken[-1] + 1) * vad.STEP_S)


def change_speed(samples: Samples, sample_rate_hz: int, speed: float) -> Samples:
    """Plays [samples] `speed` times as fast, which changes pitch and formants: it sounds like another speaker.

    Source: Ko et al., "Audio Augmentation for Speech Recognition" (Interspeech 2015), with a continuous range.
    """
    changed: Samples = soxr.resample(samples, sample_rate_hz * speed, sample_rate_hz, quality="MQ")
    return changed


def reverberate(samples: Samples, response: Samples) -> Samples:
    """Adds a room's reverberation to [samples]; length, level and the time of the direct sound stay."""
    onset = int(np.abs(response).argmax())
    # A transform whose length has large prime factors takes many times as long.
    silence = -(len(samples) + len(response) - 1) % FAST_LENGTH
    padded = torch.from_numpy(np.pad(samples, (0, silence)))
    wet = torchaudio.functional.fftconvolve(padded, torch.from_numpy(response)).numpy()
    wet = wet[onset : onset + len(samples)]
    scaled: Samples = wet * np.float32(_level(samples) / max(_level(wet), SILENCE))
    return scaled


def simulate_room(decay_s: float, direct_db: float, sample_rate_hz: int, rng: np.random.Generator) -> Samples:
    """Draws a room response: the direct sound, then noise that decays by 60 dB in `decay_s`.

    Args:
        decay_s: reverberation time T60.
        direct_db: energy of the direct sound over that of all reflections.
        sample_rate_hz: of the response.
        rng: draws the reflections.

    Source: Polack's statistical model, as in Habets, "Single- and multi-microphone speech dereverberation" (2007).
    """
    time_s = np.arange(max(int(decay_s * sample_rate_hz), 2)) / sample_rate_hz
    tail = rng.standard_normal(len(time_s)) * np.exp(-3 * np.log(10) / decay_s * time_s)
    tail[: int(rng.uniform(0.001, 0.01) * sample_rate_hz)] = 0  # before the first reflection arrives
    tail *= 10 ** (-direct_db / 20) / max(float(np.linalg.norm(tail)), SILENCE)
    tail[0] = 1.0
    response: Samples = tail.astype(np.float32)
    return response


def coloured_noise(length: int, slope: float, rng: np.random.Generator) -> Samples:
    """[length] samples of noise whose power falls as 1 / frequency ** slope: -1 blue, 0 white, 1 pink, 2 brown."""
    padded = length + -length % FAST_LENGTH
    spectrum = rng.standard_normal((padded // 2 + 1, 2)) @ np.array([1, 1j])
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** (-slope / 2)
    noise: Samples = np.fft.irfft(spectrum)[:length].astype(np.float32)
    return noise


def mix(samples: Samples, noise: Samples, snr_db: float) -> Samples:
    """Adds noise of the same length, `snr_db` below the speech."""
    factor = _level(samples) / max(_level(noise), SILENCE) * 10 ** (-snr_db / 20)
    mixed: Samples = samples + noise * np.float32(factor)
    return mixed


def limit_band(samples: Samples, sample_rate_hz: int, cutoff_hz: float) -> Samples:
    """Removes frequencies above `cutoff_hz`, as a telephone line or a cheap microphone does."""
    narrow = soxr.resample(samples, sample_rate_hz, 2 * cutoff_hz, quality="MQ")
    wide: Samples = soxr.resample(narrow, 2 * cutoff_hz, sample_rate_hz, quality="MQ")
    return wide


def change_gain(samples: Samples, gain_db: float) -> Samples:
    """Makes [samples] louder or quieter, and clips them at full scale as a recorder does."""
    louder: Samples = np.clip(samples * np.float32(10 ** (gain_db / 20)), -1, 1)
    return louder


def transmit(samples: Samples, sample_rate_hz: int, codec: str, compression: float) -> Samples:
    """Encodes and decodes [samples] with one of `CODECS`; `compression` 0..1 is libsndfile's compression level."""
    container, subtype, codec_rate_hz = CODECS[codec]
    rate_hz = codec_rate_hz or sample_rate_hz
    sent = soxr.resample(samples, sample_rate_hz, rate_hz, quality="MQ")
    level = compression if codec_rate_hz is None else None
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", samplerate=rate_hz, channels=1, format=container, subtype=subtype, compression_level=level
    ) as file:
        file.write(np.clip(sent, -1, 1))
    buffer.seek(0)
    received, _ = soundfile.read(buffer, dtype="float32")
    back: Samples = soxr.resample(received, rate_hz, sample_rate_hz, quality="MQ")
    return back


def between(limits: list[float], rng: np.random.Generator) -> float:
    """Draws a number between two limits."""
    low, high = limits
    return float(rng.uniform(low, high))


def _level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples), dtype=np.float64))) if len(samples) else 0.0


def stretch_of(recording: Samples, length: int, rng: np.random.Generator) -> Samples:
    """Cuts [length] samples out of a recording at a random place; one that is too short is repeated."""
    start = int(rng.integers(len(recording)))
    return np.take(recording, np.arange(start, start + length), mode="wrap")


@lru_cache
def recordings(folder: str, sample_rate_hz: int) -> tuple[Samples, ...]:
    """Decodes every audio file below a folder; returns nothing where no folder is named.

    Raises:
        ConfigError: the folder does not exist, or has no audio in it.
    """
    if folder in NO_FOLDER:
        return ()
    if not Path(folder).is_dir():
        raise ConfigError(
            f"There is no folder {folder}, which augment names; set its `folder` to none to train without it."
        )
    decoded = []
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            try:
                decoded.append(decode(path.read_bytes(), sample_rate_hz, max_duration_s=float("inf")))
            except RequestError:
                continue  # a licence, a list of sources
    if not decoded:
        raise ConfigError(f"The folder {folder}, which augment names, has no audio in it that can be read.")
    return tuple(decoded)
