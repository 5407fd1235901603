"""Batches made where the network is, held against what is made of one utterance at a time."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.training.toy import NO_AUGMENTATION, TINY_CONFORMER, TINY_WHISPER, batch_maker, toy_config
from training.augment import change_speed as change_speed_of_one
from training.augment import shorten_edges
from training.batch_augment import BatchAugment, change_speed, limit_band
from training.config import model_spec
from training.dataset import collate
from training.errors import ConfigError
from training.features import WarpedLogMel, draw_gains
from training.fit import fit
from training.task import SpeechData

RATE_HZ = 16000


def _tone(duration_s: float, hz: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(duration_s * RATE_HZ)) / RATE_HZ)).astype(np.float32)


@pytest.mark.parametrize("shape", [{}, TINY_WHISPER], ids=["over the utterance", "Whisper's"])
def test_without_augmentation_a_batch_is_what_is_collated_of_its_utterances(
    shape: dict[str, str], tmp_path: Path
) -> None:
    maker = batch_maker(toy_config(tmp_path, **shape, **NO_AUGMENTATION))
    keys = [(0, index) for index in (5, 2, 0, 7)]
    made = maker(keys)
    expected = collate([maker.dataset[key] for key in keys])
    assert made.texts == expected.texts
    assert torch.equal(made.lengths, expected.lengths)
    assert torch.equal(made.targets, expected.targets)
    assert torch.equal(made.target_lengths, expected.target_lengths)
    assert made.log_mel.shape == expected.log_mel.shape
    torch.testing.assert_close(made.log_mel, expected.log_mel, atol=2e-3, rtol=0)


def test_a_batch_depends_on_seed_and_epoch_and_its_utterances_alone(tmp_path: Path) -> None:
    config = toy_config(tmp_path, augment__noise__probability="1", augment__codec__probability="0")
    keys = [(3, 1), (3, 4)]
    first = batch_maker(config)(keys)
    torch.rand(5)
    again = batch_maker(config)(keys)
    assert torch.equal(first.log_mel, again.log_mel)
    assert not torch.equal(first.lengths, batch_maker(config)([(4, 1), (4, 4)]).lengths)


def test_making_a_batch_leaves_the_trainings_own_draws_alone(tmp_path: Path) -> None:
    maker = batch_maker(toy_config(tmp_path, augment__noise__probability="1", augment__codec__probability="0"))
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    maker([(0, 0)])
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("speed", [0.88, 1.0, 1.12])
def test_speed_is_changed_as_by_soxr(speed: float) -> None:
    samples = _tone(1.0, 440) + _tone(1.0, 3000)
    changed, lengths = change_speed(torch.from_numpy(samples)[None], [len(samples)], [speed])
    expected = change_speed_of_one(samples, RATE_HZ, speed)
    assert abs(lengths[0] - len(expected)) <= 1
    inner = slice(200, len(expected) - 200)
    np.testing.assert_allclose(changed[0, : len(expected)].numpy()[inner], expected[inner], atol=0.01)


def test_speeds_and_lengths_differ_within_a_batch() -> None:
    short, long = _tone(0.5, 440), _tone(1.0, 440)
    batch = torch.zeros(2, len(long))
    batch[0, : len(short)], batch[1] = torch.from_numpy(short), torch.from_numpy(long)
    changed, lengths = change_speed(batch, [len(short), len(long)], [0.9, 1.1])
    assert lengths == [round(len(short) / 0.9), round(len(long) / 1.1)]
    assert changed[0, lengths[0] :].abs().max() == 0
    alone, _ = change_speed(torch.from_numpy(short)[None], [len(short)], [0.9])
    torch.testing.assert_close(changed[0, : lengths[0]], alone[0])


def test_what_is_above_the_band_is_gone_and_what_is_within_stays() -> None:
    low, high = torch.from_numpy(_tone(1.0, 1000)), torch.from_numpy(_tone(1.0, 6000))
    limited = limit_band(torch.stack([low + high, low + high]), RATE_HZ, [3400.0, 7500.0])
    inner = slice(500, -500)  # the edges of the tones have frequencies of their own
    assert (limited[0] - low)[inner].abs().max() < 0.02
    assert (limited[1] - low - high)[inner].abs().max() < 0.02


@pytest.mark.parametrize("shape", [{}, TINY_WHISPER], ids=["over the utterance", "Whisper's"])
def test_tempo_tract_and_microphone_are_those_of_one_utterance(shape: dict[str, str], tmp_path: Path) -> None:
    config = toy_config(tmp_path, **shape, augment__codec__probability="0", augment__colour_db="4")
    spec = model_spec(config)
    augment, warped = BatchAugment(config.augment, spec), WarpedLogMel(spec, config.augment)
    rng = np.random.default_rng(1)
    batch = torch.from_numpy(rng.standard_normal((3, 16000)).astype(np.float32) * 0.1)
    lengths, hops, banks, colours = [16000, 9000, 300], [150, 175, 160], [3, 20, 40], rng.normal(0, 1, (3, 5))
    for row, length in enumerate(lengths):
        batch[row, length:] = 0
    fixed = [
        _Fixed(hop / spec.hop_samples, bank, colour) for hop, bank, colour in zip(hops, banks, colours, strict=True)
    ]
    gains = np.stack([draw_gains(4, spec.n_mels, each) for each in fixed])  # type: ignore[arg-type]
    assert gains.std() > 0.1
    log_mel, frames = augment.log_mel(batch, lengths, hops, banks, gains)
    for row, (length, draws) in enumerate(zip(lengths, fixed, strict=True)):
        expected = warped.draw(batch[row, :length], draws)  # type: ignore[arg-type]
        assert int(frames[row]) == len(expected)
        torch.testing.assert_close(log_mel[row, : len(expected)], expected, atol=2e-3, rtol=0)
        assert log_mel[row, len(expected) :].abs().sum() == 0


def test_each_utterance_has_a_microphone_of_its_own_and_nothing_else_changes_for_it(tmp_path: Path) -> None:
    plain, coloured = (
        BatchAugment(config.augment, model_spec(config))
        for config in (
            toy_config(tmp_path, augment__codec__probability="0", augment__colour_db=db) for db in ("0", "4")
        )
    )
    draws = [[augment.draw(2.0, np.random.default_rng(seed)) for seed in range(2)] for augment in (plain, coloured)]
    assert all((draw.gains == 1).all() for draw in draws[0])
    assert not np.allclose(draws[1][0].gains, draws[1][1].gains)
    for without, given in zip(*draws, strict=True):
        for name, value in vars(without).items():
            if name != "gains":
                np.testing.assert_array_equal(value, vars(given)[name])


class _Fixed:
    """A generator that draws what it is told to."""

    def __init__(self, tempo: float, bank: int, colour: np.ndarray) -> None:
        self.tempo, self.bank, self.colour = tempo, bank, colour

    def uniform(self, _low: float, _high: float) -> float:
        return self.tempo

    def integers(self, _high: int) -> int:
        return self.bank

    def normal(self, _mean: float, deviation: float, _count: int) -> np.ndarray:
        return self.colour * deviation


def test_noise_has_the_level_drawn_and_stays_within_the_utterance(tmp_path: Path) -> None:
    config = toy_config(
        tmp_path,
        **{**NO_AUGMENTATION, "augment__noise__probability": "1"},
        augment__noise__snr_db="[10,10]",
    )
    augment = BatchAugment(config.augment, model_spec(config))
    batch = torch.zeros(2, 16000)
    batch[0], batch[1, :8000] = torch.from_numpy(_tone(1.0, 440)), torch.from_numpy(_tone(0.5, 440))
    draws = [augment.draw(1.0, np.random.default_rng(seed)) for seed in range(2)]
    noisy = augment._add_noise(batch, draws, [16000, 8000], [0, 1])
    noise = noisy - batch
    assert noise[1, 8000:].abs().max() == 0
    ratio_db = 20 * torch.log10(batch.norm(dim=1) / noise.norm(dim=1))
    torch.testing.assert_close(ratio_db, torch.full((2,), 10.0), atol=1e-3, rtol=0)


def test_recorded_noise_and_rooms_are_taken_and_go_round(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for name, length in (("noise", 3000), ("room", 800)):
        (tmp_path / name).mkdir()
        recording = rng.standard_normal(length).astype(np.float32) * (
            np.exp(-np.arange(length) / 100) if name == "room" else 0.1
        )
        if name == "room":
            recording[50] = 1.0
        soundfile.write(tmp_path / name / "1.wav", np.clip(recording, -1, 1), RATE_HZ, subtype="FLOAT")
    config = toy_config(
        tmp_path,
        **{**NO_AUGMENTATION, "augment__noise__probability": "1", "augment__room__probability": "1"},
        augment__noise__coloured_share="0",
        augment__room__simulated_share="0",
    )
    config.augment.noise.folder, config.augment.room.folder = str(tmp_path / "noise"), str(tmp_path / "room")
    augment = BatchAugment(config.augment, model_spec(config))
    draws = [augment.draw(1.0, np.random.default_rng(seed)) for seed in range(2)]
    batch = torch.from_numpy(np.stack([_tone(1.0, 440), _tone(1.0, 500)]))
    noise = augment._add_noise(batch, draws, [16000, 16000], [0, 1]) - batch
    torch.testing.assert_close(
        noise[:, :3000] / noise[:, :3000].norm(dim=1, keepdim=True),
        noise[:, 3000:6000] / noise[:, 3000:6000].norm(dim=1, keepdim=True),
    )
    click = torch.zeros(2, 16000)
    click[:, 1000] = 1.0
    wet = augment._reverberate(click, draws, [16000, 16000], [0, 1])
    assert wet.abs().argmax(1).tolist() == [1000, 1000]
    torch.testing.assert_close(wet.norm(dim=1), click.norm(dim=1))
    assert (wet[:, 1001:1400].norm(dim=1) > 0.1).all()


def test_a_simulated_room_decays_and_keeps_the_direct_sound_in_place(tmp_path: Path) -> None:
    config = toy_config(tmp_path, **{**NO_AUGMENTATION, "augment__room__probability": "1"})
    augment = BatchAugment(config.augment, model_spec(config))
    response = augment._simulated([(0.3, 5.0, 0.002), (0.1, 0.0, 0.01)], torch.zeros(2, 10))
    assert response.shape == (2, 4800)
    assert response[:, 0].tolist() == [1.0, 1.0]
    assert response[0, 1:32].abs().max() == 0
    assert response[1, 1600:].abs().max() == 0
    tail_db = 20 * torch.log10(response[:, 1:].norm(dim=1))
    torch.testing.assert_close(tail_db, torch.tensor([-5.0, 0.0]), atol=1e-3, rtol=0)


def test_masks_have_the_widths_configured(tmp_path: Path) -> None:
    config = toy_config(tmp_path, augment__codec__probability="0")
    augment = BatchAugment(config.augment, model_spec(config))
    frames = torch.tensor([400, 100])
    draws = [augment.draw(seconds, np.random.default_rng(seed)) for seed, seconds in ((1, 4.0), (2, 1.0))]
    masked = augment._masked(torch.zeros(2, 416, 80), frames, draws)
    for row, n_frames in enumerate(frames.tolist()):
        bands = masked[row].all(0)
        assert 0 < int(bands.sum()) <= config.augment.frequency_masks * config.augment.frequency_mask_bands
        times = masked[row].all(1)
        count = config.augment.time_masks + int(config.augment.time_masks_per_s * n_frames / 100)
        widest = min(config.augment.time_mask_frames, int(n_frames * config.augment.time_mask_share))
        assert 0 < int(times.sum()) <= count * widest
        assert not times[n_frames:].any()


def test_silence_is_cut_at_the_edges_as_of_one_utterance(tmp_path: Path) -> None:
    config = toy_config(
        tmp_path, **{**NO_AUGMENTATION, "augment__edges__probability": "1"}, augment__edges__kept_s="[0.1,0.1]"
    )
    maker = batch_maker(config)
    made = maker([(0, 3)])
    expected = shorten_edges(maker.dataset.audio[3], RATE_HZ, 0.1, 0.1)
    assert made.clean is not None
    assert abs(made.clean.shape[1] - len(expected)) <= 1
    assert made.clean.shape[1] < len(maker.dataset.audio[3])


@pytest.mark.parametrize("shape", [TINY_CONFORMER, TINY_WHISPER], ids=["conformer", "whisper"])
def test_a_run_learns_from_batches_made_on_the_device(shape: dict[str, str], tmp_path: Path) -> None:
    config = toy_config(
        tmp_path,
        **shape,
        data__on_device="true",
        augment__codec__probability="0",
        trainer__max_epochs="2",
    )
    assert fit(config, progress=False).is_file()


def test_what_cannot_be_done_on_the_device_is_said(tmp_path: Path) -> None:
    config = toy_config(tmp_path, augment__codec__probability="0.1")
    with pytest.raises(ConfigError, match=r"augment\.codec\.probability=0"):
        BatchAugment(config.augment, model_spec(config))
    config = toy_config(tmp_path, augment__codec__probability="0", features__normalisation="none")
    with pytest.raises(ConfigError, match="normalised over the utterance"):
        BatchAugment(config.augment, model_spec(config))
    with pytest.raises(ConfigError, match=r"data\.on_device=true"):
        SpeechData(toy_config(tmp_path, optim__teacher__folder="somewhere"))
