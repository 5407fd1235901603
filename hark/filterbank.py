"""Samples -> the energy in each band of each of their frames, for the features and the search for speech.

`native/filterbank.c` computes the same in a quarter of NumPy's time (see `hark.compiled`), but for rounding: two
Fourier transforms in single precision differ by some ten-millionths of the strongest part of a spectrum.
"""

import ctypes
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hark import compiled

# Frames per DFT call: large enough to amortise NumPy's overhead, small enough to stay in a core's cache.
_CHUNK_FRAMES = 128
# Bands computed in one matrix product: with more there are more zeros in it, with fewer more calls.
_BANDS_AT_ONCE = 16
# Prime factors of the transforms that `filterbank.c` can do.
_PRIMES = (2, 3, 5)


class _Filters(NamedTuple):
    """Some neighbouring bands of a filter bank, and the part of the spectrum they see.

    Attributes:
        parts: of the spectrum, real and imaginary parts in turn.
        bands: of the bank.
        shares: [parts, bands] of the square of each part that goes into each band.
    """

    parts: slice
    bands: slice
    shares: NDArray[np.float32]


class _Bank(ctypes.Structure):
    """As in `filterbank.c`."""

    _fields_ = compiled.fields("window roots first_bins bounds shares", "size bands")


class Bands:
    """What frames are analysed with. Safe to use from several threads.

    Args:
        window: [size] what a frame is multiplied with before its transform.
        filters: [size // 2 + 1, bands] the share of the power in each bin of the spectrum that goes into each band.
    """

    def __init__(self, window: NDArray[np.float32], filters: NDArray[np.float32]) -> None:
        bins = len(window) // 2 + 1
        if len(filters) != bins:
            raise ValueError(f"the spectrum of {len(window)} samples has {bins} bins, not {len(filters)}")
        self._window = np.ascontiguousarray(window, np.float32)
        self._bands = filters.shape[1]
        self._library = compiled.library() if can_transform(len(window)) else None
        if self._library:
            # The library reads these arrays where they lie, so they have to live as long as this does.
            self._arrays = _tables(self._window, filters)
            addresses = {name: compiled.address(array) for name, array in self._arrays.items()}
            self._bank = _Bank(**addresses, size=len(window), bands=self._bands)
        else:
            self._groups = _groups(filters)

    def energies(self, samples: NDArray[np.float32], hop: int, frames: int | None = None) -> NDArray[np.float32]:
        """Computes the energy in each band of each frame.

        What is found in a frame does not depend on the others.

        Args:
            samples: [samples], at least one frame of them.
            hop: samples from the beginning of a frame to that of the next.
            frames: how many there are; all that fit by default.

        Returns:
            [frames, bands].

        Raises:
            ValueError: there are not so many, or frames do not follow each other.
        """
        if hop < 1:
            raise ValueError(f"frames are a sample apart at least, not {hop}")
        most = max(0, 1 + (len(samples) - len(self._window)) // hop)
        frames = most if frames is None else frames
        if not 0 <= frames <= most:
            raise ValueError(f"{len(samples)} samples have {most} frames, not {frames}")
        samples = np.require(samples, np.float32, ["C", "A"])
        energies = np.empty((frames, self._bands), np.float32)
        if not self._library:
            self._with_numpy(samples, hop, energies)
        elif not self._library.hark_band_energies(
            compiled.address(samples), frames, hop, ctypes.addressof(self._bank), compiled.address(energies)
        ):
            raise MemoryError("not enough memory for a Fourier transform")
        return energies

    def _with_numpy(self, samples: NDArray[np.float32], hop: int, energies: NDArray[np.float32]) -> None:
        """Fills [frames, bands]."""
        size, width = len(self._window), samples.itemsize
        # As NumPy's `sliding_window_view` with a step, without its checks, which cost a tenth of a millisecond.
        frames: NDArray[np.float32] = np.ndarray(
            (len(energies), size), np.float32, samples.data, 0, (hop * width, width)
        )
        # The same few arrays for all chunks: they stay in the cache.
        windowed = np.empty((_CHUNK_FRAMES, size), np.float32)
        spectrum = np.empty((_CHUNK_FRAMES, size // 2 + 1), np.complex64)
        squares = spectrum.view(np.float32)  # of real and imaginary parts in turn
        for start in range(0, len(frames), _CHUNK_FRAMES):
            count = len(frames[start : start + _CHUNK_FRAMES])
            np.multiply(frames[start : start + count], self._window, out=windowed[:count])
            # NumPy's stubs know of no transform in single precision.
            np.fft.rfft(windowed[:count], out=spectrum[:count])  # type: ignore[arg-type]
            np.square(squares[:count], out=squares[:count])
            for filters in self._groups:
                np.matmul(
                    squares[:count, filters.parts], filters.shares, out=energies[start : start + count, filters.bands]
                )


def _groups(filters: NDArray[np.float32]) -> list[_Filters]:
    """Returns the filters a few bands at a time, without most of the zeros that nearly all of them is."""
    groups = []
    for first in range(0, filters.shape[1], _BANDS_AT_ONCE):
        bands = slice(first, min(first + _BANDS_AT_ONCE, filters.shape[1]))
        bins = np.flatnonzero(filters[:, bands].any(axis=1))
        seen = slice(int(bins[0]), int(bins[-1]) + 1) if len(bins) else slice(0, 0)
        groups.append(_Filters(slice(2 * seen.start, 2 * seen.stop), bands, np.repeat(filters[seen, bands], 2, axis=0)))
    return groups


def _tables(window: NDArray[np.float32], filters: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Returns the arrays of `filterbank.c`'s `Bank`, where what a filter sees goes from its first share to its last."""
    turns = 2 * np.pi / len(window) * np.arange(len(window))
    some = filters.T != 0
    # Whatever lies at or after the first share, and at or before the last; nothing where there is none.
    seen = np.logical_or.accumulate(some, axis=1) & np.logical_or.accumulate(some[:, ::-1], axis=1)[:, ::-1]
    return {
        "window": window,
        "roots": np.stack([np.cos(turns), -np.sin(turns)], axis=1).astype(np.float32),
        "first_bins": seen.argmax(axis=1).astype(np.int64),
        "bounds": np.r_[0, seen.sum(axis=1).cumsum()].astype(np.int64),
        "shares": filters.T[seen].astype(np.float32),
    }


def can_transform(size: int) -> bool:
    """Tells whether `filterbank.c` can transform frames of this size."""
    if size < 2 or size % 2:
        return False
    for prime in _PRIMES:
        while size % prime == 0:
            size //= prime
    return size == 1
