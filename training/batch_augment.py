"""Augmentation of whole batches on the device that trains, as `training.augment` and `training.features` define it.

A GPU trains about fifty times as fast as the processor cores beside it augment. Here everything is done to all
utterances of a batch at once. Random numbers are drawn on the host, from one generator for each utterance; only the
samples of generated noise and of simulated rooms come from the device's generator.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hark.features import MIN_DEVIATION
from hark.spec import ModelSpec
from training.augment import FAST_LENGTH, SILENCE, between, recordings
from training.config import AugmentConfig
from training.dataset import PADDED_TO
from training.errors import ConfigError
from training.features import WarpedLogMel, draw_gains, whisper_normalised
from training.lengths import frame_mask

# Neighbours on each side from which a value between samples is interpolated, and the number of places between two.
_REACH = 8
_PHASES = 512
# Width of the edge over which a narrow band fades out.
_EDGE_HZ = 100.0


@dataclass
class Draw:
    """How one utterance is augmented; None for what does not happen.

    Attributes:
        kept_s: silence left before and after the speech.
        speed, hop, bank: speed, samples between frames (the tempo), and the vocal tract's filter bank.
        room: number of the recorded response, or -1 for a simulated one; its `decay_s`, its `direct_db`, and the time
            of its first reflection.
        noise: number of the recording, or -1 for generated noise; where it starts, 0..1, or its slope; and the SNR.
        cutoff_hz: top of the band.
        gain: factor.
        gains: [n_mels], added to the log-power of each band, as a microphone would.
        frequency_masks, time_masks: [masks, 2], start as a share of the whole, width as a share of the widest allowed.
    """

    kept_s: tuple[float, float] | None
    speed: float
    hop: int
    bank: int
    room: tuple[int, float, float, float] | None
    noise: tuple[int, float, float] | None
    cutoff_hz: float | None
    gain: float
    frequency_masks: NDArray[np.float64]
    time_masks: NDArray[np.float64]
    gains: NDArray[np.float32]


class BatchAugment(nn.Module):
    """All augmentation of a training set's utterances: padded samples -> masked log-mel spectrograms.

    Raises:
        ConfigError: the features or the augmentation are of a kind that cannot be made here.
    """

    window: Tensor
    banks: Tensor
    noise: Tensor
    responses: Tensor

    def __init__(self, config: AugmentConfig, spec: ModelSpec) -> None:
        super().__init__()
        if spec.feature_kind != "log_mel" or spec.n_mfcc or spec.normalisation not in ("utterance", "whisper"):
            raise ConfigError(
                "data.on_device makes only log-mel spectrograms, normalised over the utterance or as Whisper's are."
            )
        if config.codec.probability:
            raise ConfigError("Codecs run on the processor: set augment.codec.probability=0 or data.on_device=false.")
        self.config, self.spec, self.rate_hz = config, spec, spec.sample_rate_hz
        log_mel = WarpedLogMel(spec, config)
        banks = log_mel.banks or [log_mel.mel.mel_scale.fb]
        noises = recordings(config.noise.folder, self.rate_hz) if config.noise.probability else ()
        responses = recordings(config.room.folder, self.rate_hz) if config.room.probability else ()
        window = torch.hann_window(spec.window_samples)
        outside = spec.n_fft - spec.window_samples
        self.register_buffer("window", nn.functional.pad(window, (outside // 2, outside - outside // 2)), False)
        self.register_buffer("banks", torch.stack(list(banks)), False)
        self.register_buffer("noise", torch.from_numpy(np.concatenate(noises or [np.zeros(1, np.float32)])), False)
        self.noise_lengths = np.array([len(noise) for noise in noises], np.int64)
        self.noise_starts = np.cumsum(self.noise_lengths) - self.noise_lengths
        # From the direct sound on: before it there is only the recording's own noise.
        direct = [torch.from_numpy(response[int(np.abs(response).argmax()) :]) for response in responses]
        padded = nn.utils.rnn.pad_sequence(direct or [torch.ones(1)], batch_first=True)
        self.register_buffer("responses", padded, False)
        self.n_responses = len(responses)

    def draw(self, duration_s: float, rng: np.random.Generator) -> Draw:
        """Draws the augmentation of an utterance of this length."""
        config = self.config
        lead_s, tail_s = (between(config.edges.kept_s, rng) for _ in range(2))
        edges, room, noise, band = rng.random(4)
        n_time_masks = config.time_masks + int(config.time_masks_per_s * duration_s)
        return Draw(
            kept_s=(lead_s, tail_s) if edges < config.edges.probability else None,
            speed=rng.uniform(1 - config.speed_change, 1 + config.speed_change),
            hop=round(self.spec.hop_samples * rng.uniform(1 - config.tempo_change, 1 + config.tempo_change)),
            bank=int(rng.integers(len(self.banks))),
            room=self._draw_room(rng) if room < config.room.probability else None,
            noise=self._draw_noise(rng) if noise < config.noise.probability else None,
            cutoff_hz=between(config.band.cutoff_hz, rng) if band < config.band.probability else None,
            gain=10 ** (rng.uniform(-config.gain_db, config.gain_db) / 20),
            frequency_masks=rng.random((config.frequency_masks, 2)),
            time_masks=rng.random((n_time_masks, 2)),
            gains=draw_gains(config.colour_db, self.spec.n_mels, rng),
        )

    def _draw_room(self, rng: np.random.Generator) -> tuple[int, float, float, float]:
        config = self.config.room
        recorded = self.n_responses and rng.random() >= config.simulated_share
        number = int(rng.integers(self.n_responses)) if recorded else -1
        return number, between(config.decay_s, rng), between(config.direct_db, rng), rng.uniform(0.001, 0.01)

    def _draw_noise(self, rng: np.random.Generator) -> tuple[int, float, float]:
        config = self.config.noise
        recorded = len(self.noise_lengths) and rng.random() >= config.coloured_share
        snr_db = between(config.snr_db, rng)
        if recorded:
            return int(rng.integers(len(self.noise_lengths))), rng.random(), snr_db
        return -1, rng.uniform(-1.0, 2.0), snr_db

    def forward(self, samples: Tensor, lengths: Sequence[int], draws: Sequence[Draw]) -> tuple[Tensor, Tensor, Tensor]:
        """Makes a batch's spectrograms; silence at the edges must be cut already.

        Args:
            samples: [batch, samples], zeros after each utterance's end.
            lengths: number of samples of each utterance.
            draws: one for each utterance.

        Returns:
            log_mel: [batch, frames, n_mels].
            frames: [batch] int64, number of frames of each.
            clean: [batch, samples], as recorded except for the speed.
        """
        samples, lengths = change_speed(samples, lengths, [draw.speed for draw in draws])
        clean = samples
        changed = clean
        if rows := [row for row, draw in enumerate(draws) if draw.room]:
            changed = _replace(
                changed, rows, self._reverberate(changed[rows], [draws[row] for row in rows], lengths, rows)
            )
        if rows := [row for row, draw in enumerate(draws) if draw.noise]:
            changed = _replace(
                changed, rows, self._add_noise(changed[rows], [draws[row] for row in rows], lengths, rows)
            )
        if rows := [row for row, draw in enumerate(draws) if draw.cutoff_hz]:
            cutoffs_hz = [draws[row].cutoff_hz or 0.0 for row in rows]
            changed = _replace(changed, rows, limit_band(changed[rows], self.rate_hz, cutoffs_hz))
        changed = (changed * _column([draw.gain for draw in draws], changed)).clamp(-1, 1)
        hops, banks, gains = zip(*((draw.hop, draw.bank, draw.gains) for draw in draws), strict=True)
        log_mel, frames = self.log_mel(changed, lengths, hops, banks, np.stack(gains))
        return log_mel.masked_fill(self._masked(log_mel, frames, draws), 0.0), frames, clean

    def log_mel(
        self,
        samples: Tensor,
        lengths: Sequence[int],
        hops: Sequence[int],
        banks: Sequence[int],
        gains: NDArray[np.float32],
    ) -> tuple[Tensor, Tensor]:
        """[batch, samples] -> [batch, frames, n_mels], normalised, 0 after each one's end; [batch] frames."""
        spec = self.spec
        frames = torch.tensor([1 + max(n, spec.n_fft) // hop for n, hop in zip(lengths, hops, strict=True)])
        padded = _reflected(samples, [max(n, spec.n_fft) for n in lengths], spec.n_fft // 2)
        longest = int(frames.max()) + -int(frames.max()) % PADDED_TO
        starts = torch.arange(longest)[None, :] * torch.tensor(list(hops))[:, None]
        places = starts.clamp_max(padded.shape[1] - spec.n_fft).to(samples.device)[:, :, None]
        places = places + torch.arange(spec.n_fft, device=samples.device)
        cut = padded.gather(1, places.flatten(1)).view(places.shape) * self.window
        power = torch.view_as_real(torch.fft.rfft(cut)).square().sum(-1)
        mel = power @ self.banks[torch.tensor(list(banks), device=samples.device)]
        mel = mel * torch.from_numpy(gains).to(samples.device)[:, None, :]
        log_mel = mel.clamp_min(spec.log_floor).log()
        frames = frames.to(samples.device)
        inside = frame_mask(frames, longest)[:, :, None]
        if spec.normalisation == "whisper":
            peak = log_mel.masked_fill(~inside, -torch.inf).amax((1, 2), keepdim=True)
            return whisper_normalised(log_mel, peak) * inside, frames
        count = frames[:, None, None]
        centred = (log_mel - (log_mel * inside).sum(1, keepdim=True) / count) * inside
        deviation = (centred.square().sum(1, keepdim=True) / count).sqrt().clamp_min(MIN_DEVIATION)
        return centred / deviation, frames

    def _reverberate(self, samples: Tensor, draws: Sequence[Draw], lengths: Sequence[int], rows: list[int]) -> Tensor:
        rooms = [draw.room for draw in draws if draw.room]
        response = self._simulated([room[1:] for room in rooms], samples)
        if recorded := [i for i, room in enumerate(rooms) if room[0] >= 0]:
            known = self.responses[[rooms[i][0] for i in recorded]]
            response = nn.functional.pad(response, (0, max(known.shape[1] - response.shape[1], 0)))
            response[recorded] = nn.functional.pad(known, (0, response.shape[1] - known.shape[1]))
        size = samples.shape[1] + response.shape[1]
        size += -size % FAST_LENGTH
        wet = torch.fft.irfft(torch.fft.rfft(samples, size) * torch.fft.rfft(response, size), size)
        wet = wet[:, : samples.shape[1]] * _inside(samples, [lengths[row] for row in rows])
        scaled: Tensor = wet * (_level(samples) / _level(wet))
        return scaled

    def _simulated(self, rooms: Sequence[tuple[float, float, float]], like: Tensor) -> Tensor:
        """[rooms, samples] of responses by Polack's model; see `training.augment.simulate_room`."""
        decay_s, direct_db, first_s = (_column([room[i] for room in rooms], like) for i in range(3))
        samples = max(int(max(room[0] for room in rooms) * self.rate_hz), 2)
        time_s = torch.arange(samples, device=like.device) / self.rate_hz
        tail: Tensor = torch.randn(len(rooms), samples, device=like.device) * (-3 * np.log(10) / decay_s * time_s).exp()
        tail = tail * ((time_s >= first_s) & (time_s < decay_s))
        tail = tail * 10 ** (-direct_db / 20) / tail.norm(dim=1, keepdim=True).clamp_min(SILENCE)
        tail[:, 0] = 1.0
        return tail

    def _add_noise(self, samples: Tensor, draws: Sequence[Draw], lengths: Sequence[int], rows: list[int]) -> Tensor:
        chosen = [draw.noise for draw in draws if draw.noise]
        noise = _coloured([slope for _, slope, _ in chosen], samples)
        if recorded := [i for i, (number, _, _) in enumerate(chosen) if number >= 0]:
            noise[recorded] = self._stretches([chosen[i][0] for i in recorded], [chosen[i][1] for i in recorded], noise)
        inside = _inside(samples, [lengths[row] for row in rows])
        noise = noise * inside
        snr = 10 ** (-_column([snr_db for _, _, snr_db in chosen], samples) / 20)
        return samples + noise * (_level(samples) / _level(noise) * snr)

    def _stretches(self, numbers: list[int], starts: list[float], like: Tensor) -> Tensor:
        """[len(numbers), samples] of recorded noises; one that is too short is repeated."""
        lengths, offsets = self.noise_lengths[numbers], self.noise_starts[numbers]
        first = torch.from_numpy((np.array(starts) * lengths).astype(np.int64)).to(like.device)
        places = first[:, None] + torch.arange(like.shape[1], device=like.device)
        places = places % torch.from_numpy(lengths).to(like.device)[:, None]
        stretches: Tensor = self.noise[places + torch.from_numpy(offsets).to(like.device)[:, None]]
        return stretches

    def _masked(self, log_mel: Tensor, frames: Tensor, draws: Sequence[Draw]) -> Tensor:
        """[batch, frames, n_mels] bool: the cells that SpecAugment hides; see `training.features.SpecAugment`."""
        config, device = self.config, log_mel.device
        bands = torch.from_numpy(np.stack([draw.frequency_masks for draw in draws])).to(device)
        by_band = _spans(bands, torch.full_like(frames, config.frequency_mask_bands), self.spec.n_mels)
        most = max(len(draw.time_masks) for draw in draws)
        times = np.zeros((len(draws), most, 2))
        for row, draw in enumerate(draws):
            times[row, : len(draw.time_masks)] = draw.time_masks
        widest = (frames * config.time_mask_share).long().clamp_max(config.time_mask_frames)
        by_time = _spans(torch.from_numpy(times).to(device), widest, log_mel.shape[1], frames)
        return by_time[:, :, None] | by_band[:, None, :]


def change_speed(samples: Tensor, lengths: Sequence[int], speeds: Sequence[float]) -> tuple[Tensor, list[int]]:
    """Plays each row of [batch, samples] at its own speed; returns it with the new lengths.

    Band-limited interpolation with a Hann-windowed sinc. At higher speeds the highest frequencies, where speech has
    little energy, are mirrored and not removed. Source: Smith, "Digital Audio Resampling Home Page" (2002).
    """
    new = [max(round(n / speed), 1) for n, speed in zip(lengths, speeds, strict=True)]
    if all(speed == 1 for speed in speeds):
        return samples, list(lengths)
    # In double precision: in single precision, places after a few seconds are off by a thirtieth of a sample.
    speed = torch.tensor(list(speeds), dtype=torch.float64, device=samples.device)[:, None]
    places = torch.arange(max(new), dtype=torch.float64, device=samples.device) * speed
    before = places.long()
    phase = ((places - before) * _PHASES).long()
    before = before.clamp_max(samples.shape[1])
    padded = nn.functional.pad(samples, (_REACH - 1, _REACH + 1))
    total = torch.zeros_like(phase, dtype=samples.dtype)
    for tap, weights in enumerate(_sinc_weights(samples.device)):
        # The samples from this tap on, so that one index serves all taps.
        total.addcmul_(padded[:, tap:].gather(1, before), weights[phase])
    return total * _inside(total, new), new


@cache
def _sinc_weights(device: torch.device) -> Tensor:
    """[taps, phases]: the weight of each neighbour, for places between two samples."""
    places = (torch.arange(_PHASES, device=device) + 0.5) / _PHASES
    distances = places - torch.arange(1 - _REACH, _REACH + 1, device=device)[:, None]
    weights: Tensor = distances.sinc() * (distances * (np.pi / (2 * _REACH))).cos().square()
    return weights


def limit_band(samples: Tensor, sample_rate_hz: int, cutoffs_hz: Sequence[float]) -> Tensor:
    """Removes what is above each row's cutoff."""
    size = samples.shape[1] + -samples.shape[1] % FAST_LENGTH
    frequencies_hz = torch.fft.rfftfreq(size, 1 / sample_rate_hz, device=samples.device)
    passed = ((_column(cutoffs_hz, samples) - frequencies_hz) / _EDGE_HZ).clamp(0, 1)
    limited: Tensor = torch.fft.irfft(torch.fft.rfft(samples, size) * passed, size)[:, : samples.shape[1]]
    return limited


def _coloured(slopes: Sequence[float], like: Tensor) -> Tensor:
    """[len(slopes), samples]; see `training.augment.coloured_noise`."""
    size = like.shape[1] + -like.shape[1] % FAST_LENGTH
    spectrum = torch.randn(len(slopes), size // 2 + 1, 2, device=like.device)
    steps = torch.arange(size // 2 + 1, device=like.device).clamp_min(1)
    shaped = torch.view_as_complex(spectrum) * steps ** (-_column(slopes, like) / 2)
    noise: Tensor = torch.fft.irfft(shaped, size)[:, : like.shape[1]]
    return noise


def _reflected(samples: Tensor, lengths: Sequence[int], margin: int) -> Tensor:
    """[batch, samples] -> [batch, margin + samples + margin], each row mirrored at its own start and end."""
    short = max(max(lengths) - samples.shape[1], 0)
    samples = nn.functional.pad(samples, (0, short))
    ends = torch.tensor(list(lengths), device=samples.device)[:, None] - 1
    places = torch.arange(-margin, samples.shape[1] + margin, device=samples.device).abs().expand(len(samples), -1)
    places = torch.where(places > ends, 2 * ends - places, places).clamp_min(0)
    return samples.gather(1, places)


def _spans(drawn: Tensor, widest: Tensor, size: int, sizes: Tensor | None = None) -> Tensor:
    """[batch, masks, 2] of shares, [batch] -> [batch, size] bool: within any of the masks."""
    sizes = torch.full_like(widest, size) if sizes is None else sizes
    width = (drawn[:, :, 1] * widest[:, None]).long()
    start = (drawn[:, :, 0] * (sizes[:, None] - drawn[:, :, 1] * widest[:, None])).long()
    places = torch.arange(size, device=drawn.device)
    spans = (places >= start[:, :, None]) & (places < (start + width)[:, :, None])
    return spans.any(1)


def _replace(samples: Tensor, rows: list[int], by: Tensor) -> Tensor:
    return samples.index_copy(0, torch.tensor(rows, device=samples.device), by)


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float32, device=like.device)[:, None]


def _inside(samples: Tensor, lengths: Sequence[int]) -> Tensor:
    ends = torch.tensor(list(lengths), device=samples.device)
    return frame_mask(ends, samples.shape[1]).to(samples.dtype)


def _level(samples: Tensor) -> Tensor:
    """[batch, samples] -> [batch, 1], not divided by the length: only ratios of rows of equal length are used."""
    level: Tensor = samples.norm(dim=1, keepdim=True).clamp_min(SILENCE)
    return level
