"""Each augmentation does what it says, is off when switched off, and depends on its generator alone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from tests.conftest import ROOT, make_spec
from training import augment
from training.augment import WaveformAugment
from training.config import AugmentConfig, BandConfig, CodecConfig, EdgesConfig, NoiseConfig, RoomConfig
from training.errors import ConfigError
from training.features import LogMel, SpecAugment, WarpedLogMel

RATE = 16000


def tone(frequency_hz: float, seconds: float = 1.0) -> augment.Samples:
    times = np.arange(int(seconds * RATE)) / RATE
    return (0.1 * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def strongest_hz(samples: augment.Samples) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples))


def band_level(samples: augment.Samples, low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(spectrum[(frequencies >= low_hz) & (frequencies < high_hz)].sum())


def noise(seed: int, seconds: float = 1.0) -> augment.Samples:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


EVERYTHING = AugmentConfig(
    speed_change=0.1,
    tempo_change=0.1,
    tract_change=0.1,
    gain_db=10,
    edges=EdgesConfig(1.0),
    noise=NoiseConfig(1.0),
    room=RoomConfig(1.0),
    band=BandConfig(1.0),
    codec=CodecConfig(1.0),
)


@pytest.mark.parametrize("silence_s", [1.0, 0.1])
def test_silence_at_the_edges_is_cut_to_what_is_kept_and_never_made_longer(silence_s: float) -> None:
    speech, rate = sf.read(ROOT / "events" / "sample.wav", dtype="float32")
    found = np.flatnonzero(np.abs(speech) > 0.01)
    spoken = speech[found[0] : found[-1]]
    silence = 1e-4 * noise(1, silence_s)
    cut = augment.shorten_edges(np.concatenate([silence, spoken, silence]), rate, 0.2, 0.4)
    # Voice activity detection is blurred by some hundredths of a second.
    expected_s = len(spoken) / rate + min(silence_s, 0.2) + min(silence_s, 0.4)
    assert len(cut) / rate == pytest.approx(expected_s, abs=0.15)
    loudest = int(np.abs(spoken).argmax())
    assert spoken[loudest] in cut


def test_of_silence_alone_nothing_is_cut() -> None:
    silence = np.zeros(RATE, np.float32)
    assert len(augment.shorten_edges(silence, RATE, 0.2, 0.2)) == RATE


def test_speed_changes_length_and_pitch_together() -> None:
    changed = augment.change_speed(tone(1000), RATE, 1.1)
    assert len(changed) == pytest.approx(RATE / 1.1, abs=2)
    assert strongest_hz(changed) == pytest.approx(1100, rel=0.01)


def test_noise_is_mixed_at_the_ratio_asked_for() -> None:
    speech, background = tone(500), noise(1)
    added = augment.mix(speech, background, 12.0) - speech
    measured_db = 20 * np.log10(np.linalg.norm(speech) / np.linalg.norm(added))
    assert measured_db == pytest.approx(12.0, abs=0.01)


def test_noise_on_silence_stays_finite() -> None:
    silence = np.zeros(RATE, np.float32)
    assert np.isfinite(augment.mix(silence, noise(1), 5.0)).all()
    assert np.isfinite(augment.mix(tone(500), silence, 5.0)).all()
    assert np.isfinite(
        augment.reverberate(silence, augment.simulate_room(0.3, 0, RATE, np.random.default_rng(1)))
    ).all()


@pytest.mark.parametrize(("slope", "sign"), [(-1.0, -1), (0.0, 0), (2.0, 1)])
def test_coloured_noise_falls_or_rises_with_frequency(slope: float, sign: int) -> None:
    drawn = augment.coloured_noise(RATE, slope, np.random.default_rng(3))
    assert len(drawn) == RATE
    fall = np.log(band_level(drawn, 500, 1500) / band_level(drawn, 5000, 6000))
    assert (abs(fall) < 0.3) if sign == 0 else (np.sign(fall) == sign and abs(fall) > 1)


def test_a_room_keeps_length_level_and_place_of_the_direct_sound() -> None:
    click = np.zeros(RATE, np.float32)
    click[4000] = 0.5
    response = augment.simulate_room(0.4, 3.0, RATE, np.random.default_rng(5))
    wet = augment.reverberate(click, response)
    assert len(wet) == len(click)
    assert np.abs(wet).argmax() == 4000
    assert np.linalg.norm(wet) == pytest.approx(0.5, rel=1e-3)
    assert np.abs(wet[:4000]).max() < 1e-6  # nothing sounds before its cause


def test_a_simulated_room_decays_by_60_db_in_the_time_asked_for() -> None:
    tail = augment.simulate_room(0.5, -20.0, RATE, np.random.default_rng(7))
    early, late = tail[800:1600], tail[5600:6400]  # 0.3 s apart
    fall_db = 20 * np.log10(np.linalg.norm(early) / np.linalg.norm(late))
    assert fall_db == pytest.approx(60 * 0.3 / 0.5, abs=3)


def test_a_recorded_response_is_used_where_it_is_named(tmp_path: Path) -> None:
    response = np.zeros(3200, np.float32)
    response[[100, 1700]] = 1.0, 0.5
    sf.write(tmp_path / "room.wav", response, RATE)
    (tmp_path / "LICENCE.txt").write_text("not audio")
    room = RoomConfig(1.0, str(tmp_path), simulated_share=0.0)
    click = np.zeros(RATE, np.float32)
    click[2000] = 1.0
    wet = WaveformAugment(AugmentConfig(room=room), RATE)(click, np.random.default_rng(1))
    assert np.flatnonzero(np.abs(wet) > 0.1).tolist() == [2000, 3600]


def test_a_narrow_band_has_nothing_above_its_cutoff() -> None:
    narrow = augment.limit_band(noise(2), RATE, 3400)
    assert len(narrow) == RATE
    assert band_level(narrow, 4000, 8000) < 1e-4 * band_level(narrow, 300, 3000)


def test_gain_clips_as_a_recorder_does() -> None:
    assert np.abs(augment.change_gain(tone(500), 40)).max() == 1.0
    assert np.abs(augment.change_gain(tone(500), -20)).max() == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("codec", list(augment.CODECS))
def test_every_codec_changes_speech_and_keeps_its_pitch_and_length(codec: str) -> None:
    sent = tone(500) + 0.01 * noise(4)
    received = augment.transmit(sent, RATE, codec, 0.9)
    assert abs(len(received) - len(sent)) < 0.15 * RATE
    assert strongest_hz(received) == pytest.approx(500, abs=3)
    n = min(len(sent), len(received))
    assert not np.allclose(sent[:n], received[:n], atol=1e-5)


@pytest.mark.parametrize("codec", augment.CODECS)
def test_no_draw_is_more_than_a_codec_can_do(codec: str) -> None:
    for compression in augment._COMPRESSION:
        assert len(augment.transmit(noise(4), RATE, codec, compression))


def test_everything_at_once_depends_on_the_generator_alone() -> None:
    waveform = WaveformAugment(EVERYTHING, RATE)
    speech = tone(300, 2.0) + noise(6, 2.0)
    first, again, other = (waveform(speech, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len(first) != len(other) or not np.allclose(first, other)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()


def test_switched_off_it_leaves_the_recording_as_it_is() -> None:
    speech = noise(8)
    np.testing.assert_array_equal(WaveformAugment(AugmentConfig(), RATE)(speech, np.random.default_rng(1)), speech)
    spec = make_spec()
    unwarped = WarpedLogMel(spec, AugmentConfig()).draw(torch.from_numpy(speech), np.random.default_rng(1))
    torch.testing.assert_close(unwarped, LogMel(spec)(torch.from_numpy(speech)))


def test_tempo_changes_length_and_not_pitch() -> None:
    spec = make_spec()
    log_mel = WarpedLogMel(spec, AugmentConfig(tempo_change=0.2))
    samples = torch.from_numpy(tone(1000, 2.0) + 0.001 * noise(9, 2.0))
    lengths = {len(log_mel.draw(samples, np.random.default_rng(seed))) for seed in range(30)}
    assert min(lengths) < 180
    assert max(lengths) > 220


def test_a_shorter_vocal_tract_moves_formants_up_and_keeps_length() -> None:
    spec = make_spec(normalisation="none")
    log_mel = WarpedLogMel(spec, AugmentConfig(tract_change=0.2))
    power = torch.from_numpy(tone(1000))
    peaks = []
    for bank, stretch in zip(log_mel.banks, log_mel.stretches, strict=True):
        spectrum = torch.stft(power, 400, 160, 400, torch.hann_window(400), return_complex=True).abs().square()
        peaks.append((stretch, int((spectrum.T @ bank).sum(0).argmax())))
    bands = [band for _, band in sorted(peaks)]
    assert bands == sorted(bands)
    assert bands[-1] - bands[0] >= 8
    assert all(bank.min() >= 0 and bank.sum(0).min() > 0 for bank in log_mel.banks)


def test_masks_are_as_many_and_as_wide_as_configured() -> None:
    config = AugmentConfig(
        frequency_masks=2, frequency_mask_bands=10, time_masks=2, time_mask_frames=30, time_mask_share=0.1
    )
    log_mel = torch.ones(200, 80)
    widest_bands = widest_frames = 0
    for seed in range(200):
        torch.manual_seed(seed)
        masked = SpecAugment(config, 100.0)(log_mel)
        assert masked.shape == log_mel.shape
        bands, frames = (masked == 0).all(0).sum().item(), (masked == 0).all(1).sum().item()
        widest_bands, widest_frames = max(widest_bands, bands), max(widest_frames, frames)
    assert 10 < widest_bands <= 20
    assert 20 < widest_frames <= 40  # 30 frames are capped at a tenth of 200, twice


def test_longer_utterances_get_more_time_masks() -> None:
    config = AugmentConfig(
        frequency_masks=0, time_masks=0, time_masks_per_s=1.0, time_mask_frames=10, time_mask_share=1
    )
    torch.manual_seed(1)
    masks = SpecAugment(config, 100.0)
    masked = [sum((masks(torch.ones(frames, 80)) == 0).all(1).sum().item() for _ in range(50)) for frames in (90, 800)]
    assert masked[0] == 0
    assert masked[1] / 50 == pytest.approx(8 * 4.5, rel=0.25)  # 0 to 9 frames each


def test_a_folder_without_audio_and_an_unknown_codec_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no audio"):
        WaveformAugment(AugmentConfig(noise=NoiseConfig(0.5, str(tmp_path))), RATE)
    with pytest.raises(ConfigError, match=r"no folder .*gone"):
        WaveformAugment(AugmentConfig(room=RoomConfig(0.5, str(tmp_path / "gone"))), RATE)
    with pytest.raises(ConfigError, match="cassette"):
        WaveformAugment(AugmentConfig(codec=CodecConfig(0.5, ["cassette"])), RATE)


def test_a_microphones_colour_differs_by_band_and_the_normalisation_over_the_utterance_takes_it_away() -> None:
    samples = torch.from_numpy(np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32))
    config = AugmentConfig(colour_db=6)
    plain = LogMel(make_spec(normalisation="none"))(samples)
    coloured = WarpedLogMel(make_spec(normalisation="none"), config).draw(samples, np.random.default_rng(2))
    gains_db = 10 / np.log(10) * (coloured - plain).numpy()
    assert 3 < gains_db.mean(axis=0).std() < 12
    assert gains_db.std(axis=0).max() < 0.01  # the same all the time
    assert np.abs(np.diff(gains_db.mean(axis=0))).max() < 2  # and smooth
    spec = make_spec()
    drawn = WarpedLogMel(spec, config).draw(samples, np.random.default_rng(2))
    torch.testing.assert_close(drawn, LogMel(spec)(samples), atol=1e-3, rtol=1e-3)
