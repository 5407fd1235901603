"""Properties of the network that starts from a Whisper encoder: nobody else changes an utterance's output."""

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.conftest import DATA
from tests.training.toy import TINY_WHISPER, toy_config
from training.config import ConformerConfig, ModelConfig, WhisperConfig, model_spec
from training.config_files import load_config
from training.errors import ConfigError
from training.manifest import read_manifest, write_manifest
from training.network import build
from training.task import SpeechData, SpeechTask
from training.whisper import HEADS, WhisperCtc, join_pairs, sinusoids

BANDS, LABELS, LAYERS = 20, 7, 2
SHAPES = {
    f"{head}, joined before {joined}": ModelConfig(
        rnn_size=12,
        encoder="whisper",
        whisper=WhisperConfig(layers=LAYERS, size=32, heads=2, joined_before=joined, head=head, head_layers=2),
    )
    for head in HEADS
    for joined in range(LAYERS + 1)
}
for shape in SHAPES.values():
    shape.conformer.size, shape.conformer.heads, shape.conformer.kernel = 16, 2, 5
EVERY_SHAPE = pytest.mark.parametrize("name", SHAPES)


def network(name: str) -> WhisperCtc:
    torch.manual_seed(0)
    model = build(SHAPES[name], BANDS, LABELS)
    assert isinstance(model, WhisperCtc)
    return model.eval()


@EVERY_SHAPE
def test_output_length_is_what_the_spec_says(name: str) -> None:
    model = network(name)
    subsampling = model_spec(load_config("training/configs/base.yaml")).time_subsampling
    for frames in range(1, 34):
        log_probs, lengths = model(torch.randn(1, frames, BANDS), torch.tensor([frames]))
        assert log_probs.shape == (1, int(lengths), LABELS)
        assert int(lengths) == -(-frames // subsampling)
        assert log_probs.isfinite().all()


@EVERY_SHAPE
@pytest.mark.parametrize("junk", [0.0, 1e4])
def test_padding_does_not_change_an_utterance(name: str, junk: float) -> None:
    model, generator = network(name), torch.Generator().manual_seed(1)
    for frames in (1, 2, 3, 4, 5, 6, 7, 8, 33, 100):
        utterance = torch.randn(1, frames, BANDS, generator=generator)
        padded = torch.cat([utterance, torch.full((1, 61, BANDS), junk)], dim=1)
        alone, length = model(utterance, torch.tensor([frames]))
        within, padded_length = model(padded, torch.tensor([frames]))
        assert torch.equal(length, padded_length)
        torch.testing.assert_close(within[:, : int(length)], alone, atol=1e-5, rtol=0)


@EVERY_SHAPE
def test_batch_neighbours_do_not_change_an_utterance(name: str) -> None:
    model, generator = network(name), torch.Generator().manual_seed(2)
    lengths = [90, 41, 7, 64]
    utterances = [torch.randn(length, BANDS, generator=generator) for length in lengths]
    together, frames = model(torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True), torch.tensor(lengths))
    for i, utterance in enumerate(utterances):
        alone, _ = model(utterance[None], torch.tensor([lengths[i]]))
        torch.testing.assert_close(together[i, : frames[i]], alone[0], atol=1e-5, rtol=0)


@EVERY_SHAPE
def test_gradients_do_not_depend_on_padding(name: str) -> None:
    utterance = torch.randn(1, 40, BANDS, generator=torch.Generator().manual_seed(3))
    gradients = []
    for padded in (utterance, torch.cat([utterance, torch.ones(1, 30, BANDS)], dim=1)):
        model = network(name)
        log_probs, length = model(padded, torch.tensor([40]))
        log_probs[:, : int(length), 1].sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@EVERY_SHAPE
def test_the_last_frame_reaches_the_first_and_the_first_the_last(name: str) -> None:
    model = network(name)
    utterance = torch.randn(1, 41, BANDS)
    before, _ = model(utterance, torch.tensor([41]))
    for frame, output in ((40, 0), (0, -1)):
        changed = utterance.clone()
        changed[0, frame] += 1
        after, _ = model(changed, torch.tensor([41]))
        assert not torch.equal(before[0, output], after[0, output])


def test_half_a_minute_is_heard_alone_and_in_a_padded_batch_and_no_more() -> None:
    model = network("linear, joined before 2")
    utterance = torch.randn(1, 3001, BANDS)
    alone, length = model(utterance, torch.tensor([3001]))
    assert int(length) == 751
    # Batches are padded to a multiple of 32 frames.
    within, _ = model(torch.nn.functional.pad(utterance, (0, 0, 0, 7)), torch.tensor([3001]))
    torch.testing.assert_close(within[:, :751], alone, atol=1e-5, rtol=0)
    with pytest.raises(ConfigError, match="30 s"):
        model(torch.randn(1, 3100, BANDS), torch.tensor([3100]))


def test_positions_are_whispers() -> None:
    positions = sinusoids(1500, 384)
    assert positions.shape == (1500, 384)
    # The first sine turns a whole radian with each frame, the last a ten-thousandth of it.
    torch.testing.assert_close(positions[100, 0], torch.tensor(100.0).sin(), atol=1e-4, rtol=0)
    torch.testing.assert_close(positions[100, 191], torch.tensor(0.01).sin(), atol=1e-6, rtol=0)
    torch.testing.assert_close(positions[100, 192], torch.tensor(100.0).cos(), atol=1e-4, rtol=0)


def test_joined_pairs_stand_side_by_side_and_a_last_odd_frame_beside_nothing() -> None:
    hidden = torch.arange(1.0, 11.0).view(1, 5, 2)
    joined, lengths = join_pairs(hidden, torch.tensor([3]))
    assert lengths.tolist() == [2]
    assert joined[0, :2].tolist() == [[1, 2, 3, 4], [5, 6, 0, 0]]


def test_pairs_joined_within_begin_as_their_mean() -> None:
    join = network("linear, joined before 1").encoder.join
    assert join is not None
    pair = torch.randn(1, 64)
    torch.testing.assert_close(join(pair), (pair[:, :32] + pair[:, 32:]) / 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 30, "heads": 4}, r"model\.whisper\.size must be even and a multiple of model\.whisper\.heads"),
        ({"size": 9, "heads": 3}, r"model\.whisper\.size must be even"),
        ({"joined_before": 3}, r"model\.whisper\.joined_before must be between 0 and model\.whisper\.layers \(2\)"),
        ({"joined_before": -1}, r"model\.whisper\.joined_before"),
        ({"head": "gru"}, r"model\.whisper\.head must be one of linear, lstm, conformer"),
        ({"head_layers": 0}, r"model\.whisper\.head_layers"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(changes: dict, message: str) -> None:
    shape = WhisperConfig(**{"layers": 2, "size": 32, "heads": 2, "joined_before": 2, **changes})
    with pytest.raises(ConfigError, match=message):
        build(ModelConfig(encoder="whisper", whisper=shape), BANDS, LABELS)


@pytest.mark.parametrize("joined", range(LAYERS + 1))
@pytest.mark.parametrize("frozen", range(LAYERS + 3))
def test_frozen_stages_neither_learn_nor_drop_anything_out(joined: int, frozen: int) -> None:
    model = network(f"lstm, joined before {joined}").train()
    model.encoder.freeze(frozen)
    model.train()
    for i, stage in enumerate(model.encoder.stages):
        parameters = [parameter for module in stage for parameter in module.parameters()]
        assert {parameter.requires_grad for parameter in parameters} == {i >= frozen}
        assert all(module.training == (i >= frozen) for part in stage for module in part.modules())
    assert model.encoder.is_frozen == (frozen == LAYERS + 2)
    assert all(parameter.requires_grad for parameter in model.head.parameters())


def test_every_weight_of_the_encoder_is_of_one_stage() -> None:
    for joined in range(LAYERS + 1):
        encoder = network(f"linear, joined before {joined}").encoder
        staged = [id(value) for stage in encoder.stages for module in stage for value in module.parameters()]
        assert sorted(staged) == sorted(map(id, encoder.parameters()))


def test_heads_that_cannot_share_a_head_of_conformer_blocks_are_refused() -> None:
    shape = WhisperConfig(layers=1, size=32, heads=2, joined_before=1, head="conformer")
    with pytest.raises(ConfigError, match=r"model\.conformer\.size must be a multiple of model\.conformer\.heads"):
        build(ModelConfig(encoder="whisper", whisper=shape, conformer=ConformerConfig(size=30, heads=4)), BANDS, LABELS)


def test_recordings_longer_than_half_a_minute_are_refused_before_a_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lower data\.max_duration_s"):
        SpeechData(toy_config(tmp_path, **TINY_WHISPER, data__max_duration_s="29"))
    shortest = read_manifest(DATA / "manifest.jsonl")[0]
    write_manifest(tmp_path / "long.jsonl", [shortest, dataclasses.replace(shortest, duration_s=31.0)])
    with pytest.raises(ConfigError, match=r"long\.jsonl has an utterance of 31 s"):
        SpeechData(toy_config(tmp_path, **TINY_WHISPER, data__dev=str(tmp_path / "long.jsonl")))


def test_more_frozen_stages_than_there_are_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"optim\.frozen must be between 0 and 4"):
        SpeechTask(toy_config(tmp_path, **TINY_WHISPER, optim__frozen="5"))


def test_the_default_is_small_enough_to_deploy() -> None:
    config = load_config("training/configs/base.yaml")
    model = build(config.model, config.features.n_mels, len(config.labels))
    assert sum(parameter.numel() for parameter in model.parameters()) < 13_000_000  # bytes, in int8
