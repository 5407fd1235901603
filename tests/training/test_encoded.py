"""Features of a frozen encoder are what it gives, made once, and made anew where anything they depend on changed."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.toy import NO_AUGMENTATION, TINY_WHISPER, toy_config
from training import fit
from training.config import Config, CorpusConfig, model_spec
from training.dataset import SpeechDataset, training_utterances
from training.encoded import Chained, EncodedDataset
from training.network import build
from training.task import SpeechData
from training.whisper import WhisperCtc, WhisperEncoder

CPU = torch.device("cpu")


def _encoder(config: Config, seed: int = 1) -> WhisperEncoder:
    torch.manual_seed(seed)
    model = build(config.model, config.features.n_mels, len(config.labels))
    assert isinstance(model, WhisperCtc)
    model.encoder.freeze(len(model.encoder.stages))
    return model.encoder


def _dataset(config: Config) -> SpeechDataset:
    utterances, _ = training_utterances(config.data)
    return SpeechDataset(utterances, model_spec(config), config.data.cache_dir, config.augment, config.seed)


def _encoded(config: Config, copies: int = 1, **settings: object) -> EncodedDataset:
    items = EncodedDataset(_dataset(config), _encoder(config), config.data.cache_dir, copies, **settings)  # type: ignore[arg-type]
    items.encode(CPU)
    return items


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return toy_config(tmp_path, **TINY_WHISPER, augment__codec__probability="0")


@pytest.fixture
def forwards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by how many utterances went through an encoder, each time."""
    counted: list[int] = []
    forward = WhisperEncoder.forward

    def counting(self: WhisperEncoder, log_mel: torch.Tensor, lengths: torch.Tensor) -> tuple:
        counted.append(len(lengths))
        return forward(self, log_mel, lengths)

    monkeypatch.setattr(WhisperEncoder, "forward", counting)
    return counted


def test_items_are_what_the_encoder_makes_of_each_utterance_alone(config: Config) -> None:
    items, encoder = _encoded(config), _encoder(config).eval()
    plain = _dataset(config)
    assert len(items) == len(plain) == 12
    for index in range(len(items)):
        features, ids, text = items[0, index]
        log_mel, expected_ids, expected_text = plain[0, index]
        expected, lengths = encoder(log_mel[None], torch.tensor([len(log_mel)]))
        assert (ids, text) == (expected_ids, expected_text)
        assert features.shape == (int(lengths), encoder.output_size)
        assert features.dtype == torch.float32
        torch.testing.assert_close(features, expected[0], atol=2e-3, rtol=1e-3)


def test_what_was_encoded_is_read_by_the_next_run(config: Config, forwards: list[int]) -> None:
    first = _encoded(config)
    assert sum(forwards) == 12
    forwards.clear()
    again = _encoded(config)
    assert forwards == []
    assert torch.equal(first[0, 5][0], again[0, 5][0])


@pytest.mark.parametrize(
    "change", ["a weight", "where pairs are joined", "the augmentation", "the seed", "the features", "the recordings"]
)
def test_what_features_depend_on_makes_others(change: str, config: Config) -> None:
    if change == "where pairs are joined":
        config.model.whisper.joined_before = 0
    first = EncodedDataset(_dataset(config), _encoder(config), config.data.cache_dir)
    encoder = _encoder(config)
    match change:
        case "a weight":
            with torch.no_grad():
                encoder.norm.bias[0] += 1e-3
        case "where pairs are joined":
            config.model.whisper.joined_before = 1
            encoder = _encoder(config)
        case "the augmentation":
            config.augment.gain_db = 3.0
        case "the seed":
            config.seed += 1
        case "the features":
            config.features.log_floor = 1e-9
        case "the recordings":
            config.data.max_duration_s = 2.0
    assert EncodedDataset(_dataset(config), encoder, config.data.cache_dir).path != first.path


def test_what_features_do_not_depend_on_makes_no_others(config: Config) -> None:
    first = EncodedDataset(_dataset(config), _encoder(config), config.data.cache_dir)
    config.name, config.optim.max_lr = "other", 1.0
    other = EncodedDataset(_dataset(config), _encoder(config), config.data.cache_dir, copies=3)
    assert other.path == first.path


def test_an_interrupted_encoding_is_taken_up_where_it_was(
    config: Config, forwards: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _encoded(config)
    expected = [whole[0, index][0] for index in range(len(whole))]
    for file in whole.path.glob("*"):
        file.unlink()
    forwards.clear()
    replaced = 0
    replace = Path.replace

    def crash(self: Path, target: Path) -> Path:
        nonlocal replaced
        replaced += 1
        if replaced == 6:  # between the values and the lengths of the third part
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            _encoded(config)
    assert sum(forwards) == 3
    resumed = _encoded(config)
    assert sum(forwards) == 3 + 10
    for index, features in enumerate(expected):
        assert torch.equal(resumed[0, index][0], features)


def test_copies_are_augmented_each_anew_and_taken_in_turn(config: Config) -> None:
    items = _encoded(config, copies=2)
    [first, second, third] = [items[epoch, 4][0] for epoch in range(3)]
    assert first.shape != second.shape or not torch.equal(first, second)
    assert torch.equal(first, third)


def test_masks_are_drawn_for_each_epoch_and_leave_the_trainings_own_draws_alone(config: Config) -> None:
    masks = dataclasses.replace(config.augment, frequency_masks=0, time_masks=2, time_mask_frames=8)
    items, plain = _encoded(config, masks=masks), _encoded(config)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, second = items[0, 4][0], items[1, 4][0]
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, items[0, 4][0])
    assert not torch.equal(first, second)
    whole = plain[0, 4][0]
    for masked in (first, second):
        hidden = (masked == 0).all(1)
        assert 0 < int(hidden.sum()) <= masks.time_masks * masks.time_mask_frames
        assert torch.equal(masked[~hidden], whole[~hidden])


def test_processes_share_the_encoding(config: Config, forwards: list[int]) -> None:
    alone = _encoded(config)
    expected = [alone[0, index][0] for index in range(len(alone))]
    for file in alone.path.glob("*"):
        file.unlink()
    forwards.clear()
    pair = [EncodedDataset(_dataset(config), _encoder(config), config.data.cache_dir) for _ in range(2)]
    pair[0].encode(CPU, 0, 2)
    assert sum(forwards) == 6
    pair[1].encode(CPU, 1, 2)
    assert sum(forwards) == 12
    for index, features in enumerate(expected):
        assert torch.equal(pair[index % 2][0, index][0], features)


def test_what_another_process_left_half_written_is_not_in_the_way(config: Config) -> None:
    path = _encoded(config).path
    for file in path.glob("0-1.*"):
        file.rename(path / f"{os.getpid() + 1}-{file.name}")
    items = _encoded(config)
    assert np.isfinite(items[0, 1][0].numpy()).all()


def test_a_run_on_a_frozen_encoder_changes_its_head_alone_and_encodes_once(config: Config, forwards: list[int]) -> None:
    config.optim.frozen, config.trainer.max_epochs, config.data.encoded_copies = 4, 3, 2
    best = fit.fit(config, progress=False)
    assert sum(forwards) == (2 + 1) * 12  # two copies to learn from, and the dev set
    weights = torch.load(best, weights_only=True)["state_dict"]
    torch.manual_seed(config.seed)
    fresh = build(config.model, config.features.n_mels, len(config.labels)).state_dict()
    moved = {name for name, value in fresh.items() if not torch.equal(value, weights[f"model.{name}"])}
    assert moved
    assert all(name.startswith("head.") for name in moved)


def test_what_a_head_learnt_from_features_holds_for_recordings(tmp_path: Path) -> None:
    # A figure on the dev set, and the same from the whole network on the same recordings.
    settings = {**TINY_WHISPER, **NO_AUGMENTATION, "trainer__max_epochs": "1"}
    frozen = toy_config(tmp_path / "frozen", **settings, optim__frozen="4", optim__max_lr="1e-12")
    whole = toy_config(tmp_path / "whole", **settings, optim__max_lr="1e-12")
    seen = []

    class Losses(fit.L.Callback):
        def on_validation_end(self, trainer: fit.L.Trainer, *_: object) -> None:
            seen.append(float(trainer.callback_metrics["dev/loss"]))

    for config in (frozen, whole):
        fit.fit(config, progress=False, callbacks=[Losses()])
    assert seen[0] == pytest.approx(seen[1], rel=1e-3)


def test_manifests_keep_their_features_each_by_itself(config: Config, forwards: list[int]) -> None:
    first, second = (_encoded(config), _encoded(config, copies=2))
    chained = Chained([first, second])
    assert len(chained) == 24
    assert torch.equal(chained[1, 3][0], first[1, 3][0])
    assert torch.equal(chained[1, 12 + 3][0], second[1, 3][0])  # the second copy
    assert chained[1, 12 + 3][2] == second[1, 3][2]


def test_another_manifest_in_a_run_has_only_itself_encoded(tmp_path: Path, forwards: list[int]) -> None:
    config = toy_config(tmp_path, **TINY_WHISPER, augment__codec__probability="0")
    encoder = _encoder(config)
    SpeechData(config, encoder).setup("fit")
    forwards.clear()
    config.data.train.append(CorpusConfig(manifest=config.data.dev, encoded_copies=2))
    data = SpeechData(config, encoder)
    data.setup("fit")
    assert sum(forwards) == len(data.dev[0])  # the second copy: these recordings were in the run before
    assert len(data.train_items) == len(data.train)


def test_each_manifest_is_decoded_once_whether_an_encoder_is_frozen_or_not(tmp_path: Path) -> None:
    config = toy_config(tmp_path, **TINY_WHISPER, augment__codec__probability="0")
    config.data.train.append(CorpusConfig(manifest=config.data.dev))
    for encoder in (None, _encoder(config)):
        data = SpeechData(config, encoder)
        data.prepare_data()
        data.setup("fit")
        # All three name the same recordings, which are decoded together nowhere.
        (cache,) = (tmp_path / "cache").glob("*.json")
        assert len(json.loads(cache.read_text())) == 12 + 1
