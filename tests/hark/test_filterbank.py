"""Energies in bands, in C and in NumPy: those of a transform in double precision, frame by frame."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hark import compiled
from hark.features import mel_filters
from hark.filterbank import Bands, can_transform

# Of the strongest energy of a frame: what single precision cannot tell from nothing.
PRECISION = 1e-6
built = pytest.mark.skipif(compiled.library() is None, reason="not compiled: `make hark/native/libhark.so`")
either = pytest.mark.parametrize("in_c", [pytest.param(True, marks=built), False], ids=["C", "NumPy"])
# Every size up to one that has each of the factors, then those of speech at 8 to 48 kHz, and odd and large ones.
SIZES = [*range(1, 61), 80, 200, 256, 400, 441, 480, 512, 800, 882, 960, 1024, 1103, 1200, 1536, 2048, 4096]


@pytest.fixture
def bands(in_c: bool, monkeypatch: pytest.MonkeyPatch) -> type[Bands]:
    if not in_c:
        monkeypatch.setattr(compiled, "library", lambda: None)
    return Bands


def random_bank(rng: np.random.Generator, size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A window, and filters of which some see nothing, some one bin, and some have a hole."""
    filters = rng.random((size // 2 + 1, count)).astype(np.float32)
    lowest, highest = np.sort(rng.integers(0, len(filters) + 1, (2, count)), axis=0)
    bins = np.arange(len(filters))[:, None]
    return rng.random(size).astype(np.float32), filters * ((bins >= lowest) & (bins < highest)) * (bins % 7 != 3)


def exact(samples: np.ndarray, hop: int, window: np.ndarray, filters: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), len(window))[::hop]
    return np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 @ filters.astype(np.float64)


@either
@pytest.mark.parametrize("size", SIZES)
def test_energies_are_those_of_an_exact_transform(bands: type[Bands], size: int) -> None:
    rng = np.random.default_rng(size)
    window, filters = random_bank(rng, size, 9)
    hop = max(1, size // 3)
    samples = rng.standard_normal(size + 10 * hop + hop // 2).astype(np.float32)
    expected = exact(samples, hop, window, filters)
    found = bands(window, filters).energies(samples, hop)
    assert found.shape == expected.shape == (11, 9)
    assert found.dtype == np.float32
    strongest = exact(samples, hop, window, np.ones_like(filters)).max()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=PRECISION * strongest)


@built
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([size for size in SIZES if can_transform(size)]),
    hop=st.integers(1, 700),
    frames=st.integers(0, 20),
    count=st.integers(0, 30),
)
@example(seed=0, size=400, hop=160, frames=0, count=80)
@settings(max_examples=60, deadline=None)
def test_c_and_numpy_agree(seed: int, size: int, hop: int, frames: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    window, filters = random_bank(rng, size, count)
    samples = rng.standard_normal(max(0, (frames - 1) * hop + size)).astype(np.float32)
    in_c = Bands(window, filters)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "library", lambda: None)
        in_numpy = Bands(window, filters)
    found, expected = (each.energies(samples, hop, frames) for each in (in_c, in_numpy))
    strongest = (window.sum() * np.abs(samples).max(initial=0)) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=PRECISION * strongest)


@built
@pytest.mark.parametrize("filters", [(20.0, 8000.0), (0.0, 8000.0, "slaney", "slaney")], ids=["HTK", "Slaney"])
def test_a_frame_is_the_same_to_the_last_bit_wherever_it_lies_and_whatever_is_beside_it(filters: tuple) -> None:
    rng = np.random.default_rng(4)
    bands = Bands(np.hanning(400).astype(np.float32), mel_filters(16000, 400, 80, *filters))
    samples = rng.standard_normal(400 + 12 * 400).astype(np.float32) * np.repeat(10.0 ** -np.arange(13), 400).astype(
        "f4"
    )
    together = bands.energies(samples, 400)
    for frame, found in enumerate(together):
        np.testing.assert_array_equal(found, bands.energies(samples[400 * frame :][:400], 400)[0])


@either
def test_frames_beyond_the_samples_are_refused(bands: type[Bands]) -> None:
    asked = bands(np.ones(4, np.float32), np.ones((3, 2), np.float32))
    assert asked.energies(np.ones(9, np.float32), 2).shape == (3, 2)
    assert asked.energies(np.ones(9, np.float32), 2, 1).shape == (1, 2)
    assert asked.energies(np.ones(3, np.float32), 2).shape == (0, 2)
    for frames in (4, -1):
        with pytest.raises(ValueError, match="9 samples have 3 frames, not"):
            asked.energies(np.ones(9, np.float32), 2, frames)


@either
def test_frames_that_do_not_follow_each_other_are_refused(bands: type[Bands]) -> None:
    for hop in (0, -2):
        with pytest.raises(ValueError, match="a sample apart at least"):
            bands(np.ones(4, np.float32), np.ones((3, 2), np.float32)).energies(np.ones(3, np.float32), hop)


@either
def test_what_is_no_number_stays_in_its_frame(bands: type[Bands]) -> None:
    samples = np.random.default_rng(6).standard_normal(8 * 400).astype(np.float32)
    asked = bands(np.hanning(400).astype(np.float32), mel_filters(16000, 400, 20, 20.0, 8000.0))
    clean = asked.energies(samples, 400)
    samples[2 * 400 + 7], samples[5 * 400 + 3] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        found = asked.energies(samples, 400)
    assert np.flatnonzero(~np.isfinite(found).all(axis=1)).tolist() == [2, 5]
    others = [0, 1, 3, 4, 6, 7]
    np.testing.assert_allclose(found[others], clean[others], rtol=1e-6)


def test_filters_of_another_transform_are_refused() -> None:
    with pytest.raises(ValueError, match="the spectrum of 400 samples has 201 bins, not 257"):
        Bands(np.ones(400, np.float32), np.ones((257, 3), np.float32))


@either
def test_samples_are_read_as_they_look_however_they_lie(bands: type[Bands]) -> None:
    every = np.random.default_rng(5).standard_normal(4000).astype(np.float32)
    asked = bands(np.hanning(400).astype(np.float32), mel_filters(16000, 400, 20, 20.0, 8000.0))
    half = every[::2].copy()
    expected = asked.energies(half, 160)
    misaligned = np.frombuffer(b"?" + half.tobytes(), np.float32, offset=1)
    half.flags.writeable = False
    different: list[Any] = [every[::2], misaligned, half, half.astype(np.float64)]
    for samples in different:
        np.testing.assert_array_equal(asked.energies(samples, 160), expected)


@built
def test_where_there_is_no_memory_left_it_says_so() -> None:
    bands = Bands(np.ones(4, np.float32), np.ones((3, 2), np.float32))
    bands._bank.size = 2**48
    with pytest.raises(MemoryError, match="Fourier transform"):
        bands.energies(np.ones(9, np.float32), 2)


@built
def test_threads_may_share_what_frames_are_analysed_with() -> None:
    asked = Bands(np.hanning(400).astype(np.float32), mel_filters(16000, 400, 80, 20.0, 8000.0))
    all_samples = np.random.default_rng(7).standard_normal((4, 16000)).astype(np.float32)
    expected = [asked.energies(samples, 160) for samples in all_samples]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: asked.energies(all_samples[i % 4], 160), range(40)))
    for i, energies in enumerate(found):
        np.testing.assert_array_equal(energies, expected[i % 4])
