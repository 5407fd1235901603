"""Where a channel holds nothing but what another one holds, too: dual mono, a leaking line, an echo, a loud headset.

Half a second of a channel is compared with a second and a half of another one around it. Where it is a copy, a short
filter makes it of the other one, but for noise: louder or quieter, later or earlier, inverted, muffled. Of the voices
of two people a filter makes next to nothing, so nobody's words are taken for a copy. Where somebody speaks into a copy,
more is left of it than noise, and it is heard.

Source: the normalised cross-correlation and the least-squares filter of echo cancellers (ITU-T G.168).
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import permutations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hark import vad

# What is decided on at once. A sound of speech takes less, and a word more.
BLOCK_S = 0.5
# Echoes come back within this, and recorders start their channels within this of each other.
_FURTHEST_S = 0.5
# What is below half of this is compared: voices differ there, and above there is more noise. What is lower than voices
# is taken away: hum may be the same in all channels, and whatever changes slowly is like all that does.
_RATE_HZ, _LOWEST_HZ = 4_000, 100
_EMPHASIS = 0.95
# The filter, of which a part lies before the delay at which it fits best: rooms, telephones and codecs smear sounds.
_TAPS, _TAPS_BEFORE = 24, 6
# Keeps its equations solvable where the original has nothing in some band.
_LITTLE = 1e-3
# No filter is looked for where less than this of the energy fits as it is.
_FIRST_LOOK = 0.1
# A filter that explains this share of the energy has found a copy. Of two people's voices, it explains a fifth in one
# block of a hundred, and 0.45 at most in 500.
_COPY = 0.6
# Where noise covers a copy, this will do at the delay that copies have in these channels.
_COVERED_COPY = 0.25
# The end of a word is like many others; copies that last no longer are known by a delay that longer ones have, too.
_BRIEF_S = 0.125
# Such a delay has been found so often, and in so many of all cases; it is the same within so many samples.
_SEEN_TIMES, _SEEN_SHARE, _SAME_DELAY = 5, 0.5, 8
_AS_WELL = 0.8
# What is neither explained nor noise, as a share of the energy: above this, somebody speaks into the copy.
_OWN = 0.4
# Channels that are as loud as each other within this may each be the copy: the second is, and of nothing else.
_CLOSE, _CLOSE_OWN = 4.0, 0.1
# What cannot be told from noise is a copy where it is not so much louder than copies are, and they could be heard.
_LOUDER, _AUDIBLE = 2.0, 0.2
# A channel that has so much less energy than another one, -60 dB, always and at the time, holds what codecs leak.
_LEAK = 1e-6
# What is so much fainter than the loudest of its channel, -50 dB, is no speech.
_FAINT = 1e-5
# Noise is what the energy falls below a tenth of the time, as voices do between sounds; by chance it is twice that.
_FRAME_S, _NOISE_SHARE, _NOISE_SPREAD = 0.025, 0.1, 2.0
# A copy that differs from what it is of by less than this factor in energy, 12 dB, is dual mono, where there is so much
# of it that all else is lost in noise.
_DUAL, _DUAL_SHARE = 16.0, 0.9
# Less energy than this, a sample, is the rounding of zeros.
_NOTHING = 1e-14


@dataclass(frozen=True)
class _Block:
    """A block of a channel, and what lies around it, within reach of copies.

    Attributes:
        samples: of the block.
        energy: of the block.
        spectrum: of the block.
        around: the block with what lies before and behind it.
        around_spectrum: of that.
        energies: of each block that lies in it, by where it begins.
    """

    samples: NDArray[np.float32]
    energy: float
    spectrum: NDArray[np.complexfloating]
    around: NDArray[np.float32]
    around_spectrum: NDArray[np.complexfloating]
    energies: NDArray[np.float64]

    @classmethod
    def of(cls, around: NDArray[np.float32], reach: int) -> "_Block":
        """Makes one of what lies around it."""
        samples = around[reach : len(around) - reach]
        size = 1 << (len(around) - 1).bit_length()
        total = np.cumsum(np.concatenate([np.zeros(1), np.square(around, dtype=np.float64)]))
        energies = total[len(samples) :] - total[: -len(samples)]
        spectra = np.fft.rfft(samples, size), np.fft.rfft(around, size)
        return cls(samples, float(np.dot(samples, samples)), spectra[0], around, spectra[1], energies)


@dataclass(frozen=True)
class _Likeness:
    """How well a filter makes a block of one channel from another one.

    Attributes:
        delay: by how many samples the block comes later, and a constant.
        explained: the share of the block's energy that the filter makes.
        is_brief: whether the block holds so little that this may be by chance.
        is_own: whether there is something else in the block than that and noise, or it is the original.
    """

    delay: int = 0
    explained: float = 0.0
    is_brief: bool = False
    is_own: bool = False


_UNLIKE, _ORIGINAL = _Likeness(), _Likeness(is_own=True)


@dataclass
class _Copies:
    """What was found so far of the copies that a channel has of another one.

    Attributes:
        delays: how often each was found, in `_SAME_DELAY`.
        gains: the energy of each, without noise, by that of what it is of.
    """

    delays: Counter[int] = field(default_factory=Counter)
    gains: list[float] = field(default_factory=list)

    def times(self, delay: int) -> int:
        """Returns how often a delay was found, or nearly that."""
        about = delay // _SAME_DELAY
        return sum(self.delays[each] for each in (about - 1, about, about + 1))

    def usual_delay(self) -> int | None:
        """Returns the delay that copies have, in samples; None if there is no such delay."""
        if not self.delays:
            return None
        delay = self.delays.most_common(1)[0][0] * _SAME_DELAY
        times = self.times(delay)
        return delay if times >= _SEEN_TIMES and times >= _SEEN_SHARE * self.delays.total() else None

    def likely_delay(self, fits: NDArray[np.float64]) -> int:
        """Returns the delay that fits best, or the usual one if that fits about as well: vowels repeat themselves."""
        best, usual = int(fits.argmax()), self.usual_delay()
        if usual is None:
            return best
        first = max(0, usual - _SAME_DELAY)
        near = first + int(fits[first : usual + 2 * _SAME_DELAY].argmax())
        return near if fits[near] > _AS_WELL * fits[best] else best

    @property
    def gain(self) -> float:
        """The usual energy of a copy, by that of what it is of."""
        return float(np.median(self.gains))


class Crosstalk:
    """Finds copies in a recording that is handed over piece by piece.

    Args:
        sample_rate_hz: rate of the samples.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._every = max(1, round(sample_rate_hz / _RATE_HZ))
        rate_hz = sample_rate_hz / self._every
        self._smooth = np.hanning(3 * self._every + 1)[1:-1].astype(np.float32) / np.float32(1.5 * self._every)
        low = np.hanning(round(rate_hz / _LOWEST_HZ) | 1)[1:-1]
        high = -low / low.sum()
        high[len(high) // 2] += 1
        self._high = (np.r_[high, 0] - _EMPHASIS * np.r_[0, high]).astype(np.float32)
        self._block, self._frame = round(BLOCK_S * rate_hz), round(_FRAME_S * rate_hz)
        self._reach = round(_FURTHEST_S * rate_hz) + _TAPS
        # Of each channel, thinned out: from so far before the next block as copies reach.
        self._held: list[NDArray[np.float32]] = []
        self._rest: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []  # what filters still need
        self._copied: list[list[int]] = []  # of each channel and block: the number of the channel it repeats, or 0
        self._leaked: list[list[bool]] = []  # ... and whether it is so quiet that nobody can have meant it
        self._active: list[int] = []  # blocks with more than noise
        self._copies: defaultdict[tuple[int, int], _Copies] = defaultdict(_Copies)  # by copy and original
        self._second: dict[tuple[int, int], int] = {}  # of two channels as loud as each other: which one is the copy

    def add(self, channels: list[NDArray[np.float32]], last: bool) -> None:
        """Takes [samples] of each channel, all as long; nothing comes after the last. Channels may be added."""
        held = len(self._held[0]) if self._held else self._reach
        rest = [len(each) for each in self._rest[0]] if self._rest else [len(self._smooth) // 2, len(self._high) // 2]
        done = len(self._copied[0]) if self._copied else 0
        for number, samples in enumerate(channels):
            if number == len(self._held):
                self._held.append(np.zeros(held, np.float32))
                self._rest.append((np.zeros(rest[0], np.float32), np.zeros(rest[1], np.float32)))
                self._copied.append([0] * done)
                self._leaked.append([False] * done)
                self._active.append(0)
            self._take(number, samples)
        there = len(self._held[0]) - self._reach
        blocks = max(0, there - self._reach) // self._block
        if last:  # what does not fill a block goes into one with zeros behind it
            blocks = -(-there // self._block)
            missing = blocks * self._block + self._reach - there
            self._held = [np.pad(each, (0, missing)) for each in self._held]
        starts = range(self._reach, self._reach + blocks * self._block, self._block)
        noises = [self._noise(each[self._reach :][:there]) for each in self._held]
        peaks = [max((self._energy(number, at) for at in starts), default=0.0) for number in range(len(channels))]
        leasts = [
            max(_NOISE_SPREAD * noise, _FAINT * peak, _NOTHING * self._block)
            for noise, peak in zip(noises, peaks, strict=True)
        ]
        found = [self._compare(block * self._block, noises, leasts, peaks) for block in range(blocks)]
        for block, likenesses in enumerate(found):
            self._decide(block * self._block, noises, likenesses)
        self._held = [each[blocks * self._block :] for each in self._held]

    def left_out(self, channel: int) -> NDArray[np.bool_]:
        """Returns [steps of `vad.STEP_S`] of what was judged so far: where channel 0, 1, ... repeats another one."""
        blocks = (np.array(self._copied[channel], np.int64) > 0) | np.array(self._leaked[channel], np.bool_)
        return np.repeat(blocks, round(BLOCK_S / vad.STEP_S))

    def copied_s(self, channel: int) -> dict[int, float]:
        """Returns for how many seconds a channel repeats which others, all from 0; those it repeats most come first."""
        counts = Counter(each - 1 for each in self._copied[channel] if each)
        return {original: count * BLOCK_S for original, count in counts.most_common()}

    def same_as(self, channel: int) -> int | None:
        """Returns which channel it is that a channel has the sound of, about as loud, and hardly anything else."""
        for original, seconds in self.copied_s(channel).items():
            dual = 1 / _DUAL < self._copies[channel, original].gain < _DUAL
            return original if dual and seconds >= _DUAL_SHARE * BLOCK_S * self._active[channel] else None
        return None

    def _take(self, number: int, samples: NDArray[np.float32]) -> None:
        samples = np.concatenate([self._rest[number][0], samples])
        thinned = _filtered(samples, self._smooth)[:: self._every]
        low_too = np.concatenate([self._rest[number][1], thinned])
        kept = _filtered(low_too, self._high)
        self._rest[number] = samples[len(thinned) * self._every :], low_too[len(kept) :]
        self._held[number] = np.concatenate([self._held[number], kept])

    def _noise(self, samples: NDArray[np.float32]) -> float:
        """Returns the energy of a block of noise."""
        frames = samples[: len(samples) // self._frame * self._frame].reshape(-1, self._frame)
        if not len(frames):
            return 0.0
        at = int(_NOISE_SHARE * (len(frames) - 1))
        return float(np.partition(np.einsum("ij,ij->i", frames, frames), at)[at]) * self._block / self._frame

    def _compare(
        self, at: int, noises: list[float], leasts: list[float], peaks: list[float]
    ) -> dict[tuple[int, int], _Likeness]:
        """Compares the blocks of all channels that begin at `at`, in samples of what is held behind the reach.

        Returns:
            how well one channel is made of another, by both, where there is more energy in them than the least.
        """
        energies = [self._energy(number, self._reach + at) for number in range(len(self._held))]
        leak = _LEAK * max(energies)
        faint = [peak < _LEAK * max(peaks) for peak in peaks]
        blocks = {}
        for number, (energy, least) in enumerate(zip(energies, leasts, strict=True)):
            leaks = faint[number] and 0 < energy < leak
            self._leaked[number].append(leaks)
            if not leaks and energy > least:
                self._active[number] += 1
                blocks[number] = _Block.of(self._held[number][at:][: self._block + 2 * self._reach], self._reach)
        return {pair: self._likeness(*pair, blocks, noises[pair[0]]) for pair in permutations(blocks, 2)}

    def _likeness(self, second: int, first: int, blocks: dict[int, _Block], noise: float) -> _Likeness:
        """Looks for the filter that makes the block of the second channel from the first one."""
        block, other = blocks[second], blocks[first]
        if block.energy > _CLOSE * other.energies.max():
            return _ORIGINAL
        size = 2 * (len(block.spectrum) - 1)
        products = np.fft.irfft(np.conj(block.spectrum) * other.around_spectrum, size)[: len(other.energies)]
        fits = products.astype(np.float64) ** 2 / np.maximum(other.energies * block.energy, _NOTHING**2)
        fits[:_TAPS] = fits[len(fits) - _TAPS :] = 0
        fits[other.energies * _CLOSE < block.energy] = 0  # nobody's copy is so much louder
        copies = self._copies[second, first]
        delay = copies.likely_delay(fits)
        if fits[delay] < _FIRST_LOOK:
            return _UNLIKE
        pair = min(second, first), max(second, first)
        is_close = float(other.energies[delay]) < _CLOSE * block.energy
        if is_close and self._second.get(pair, pair[1]) != second:
            return _ORIGINAL
        # BLAS takes no views whose rows overlap.
        seen = sliding_window_view(other.around[delay - (_TAPS - _TAPS_BEFORE) :], _TAPS)[: self._block].copy()
        powers = (seen.T @ seen).astype(np.float64)
        powers += (_LITTLE * np.trace(powers) / _TAPS + _NOTHING) * np.eye(_TAPS)
        taps = np.linalg.solve(powers, (block.samples @ seen).astype(np.float64)).astype(np.float32)
        rest = block.samples - seen @ taps
        left = float(np.dot(rest, rest))
        explained, own = 1 - left / block.energy, max(0.0, left - _NOISE_SPREAD * noise) / block.energy
        if explained < _COVERED_COPY:
            return _UNLIKE
        if own > (_CLOSE_OWN if is_close else _OWN):
            return _ORIGINAL
        is_brief = self._lasts(block.samples) < _BRIEF_S
        if not is_brief:
            # Two channels of one level do not take turns to be the copy.
            self._second[pair] = second
            copies.delays[delay // _SAME_DELAY] += 1
            copies.gains.append(max(block.energy - noise, 0.0) / float(other.energies[delay]))
        return _Likeness(delay, explained, is_brief)

    def _decide(self, at: int, noises: list[float], likenesses: dict[tuple[int, int], _Likeness]) -> None:
        """Says of a block of each channel whether it is a copy, and of which other one."""
        originals: dict[int, list[int]] = {}
        for pair, copies in self._copies.items():
            if not copies.delays:
                continue
            likeness, usual = likenesses.get(pair, _UNLIKE), copies.usual_delay()
            is_copy = likeness.explained >= _COPY
            if likeness.is_brief:
                is_copy &= copies.times(likeness.delay) > 0
            if usual is not None and likeness.explained:
                is_copy |= abs(likeness.delay - usual) <= 2 * _SAME_DELAY
            elif usual is not None and not likeness.is_own:
                is_copy = self._is_no_louder(*pair, at, usual, noises[pair[0]])
            if is_copy:
                originals.setdefault(pair[0], []).append(pair[1])
        for number in range(len(self._held)):
            # Of channels that copy each other one stays: of whichever are left when the last of them is looked at.
            left = [each for each in originals.get(number, ()) if each >= number or not self._copied[each][-1]]
            self._copied[number].append(left[0] + 1 if left else 0)

    def _is_no_louder(self, second: int, first: int, at: int, delay: int, noise: float) -> bool:
        """Says whether a block that noise covers is as loud as the copy that must be in it."""
        copy = self._copies[second, first].gain * self._energy(first, at + delay)
        return (
            copy > _AUDIBLE * noise and self._energy(second, self._reach + at) < _NOISE_SPREAD * noise + _LOUDER * copy
        )

    def _lasts(self, samples: NDArray[np.float32]) -> float:
        """Returns for how many seconds the sound of a block would last if it had the same energy all the time."""
        frames = samples[: len(samples) // self._frame * self._frame].reshape(-1, self._frame)
        energies = np.einsum("ij,ij->i", frames, frames)
        return float(energies.sum() ** 2 / max(float(np.dot(energies, energies)), _NOTHING**2)) * _FRAME_S

    def _energy(self, number: int, at: int) -> float:
        block = self._held[number][at:][: self._block]
        return float(np.dot(block, block))


def _filtered(samples: NDArray[np.float32], taps: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.convolve(samples, taps, "valid") if len(samples) >= len(taps) else samples[:0]
