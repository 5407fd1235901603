"""Properties of the network: size, lengths, and that nobody else changes an utterance's output."""

import pytest
import torch

from training.config import ConformerConfig, ModelConfig, WhisperConfig
from training.config_files import load_config
from training.conformer import ChannelDropout
from training.errors import ConfigError
from training.lengths import output_lengths
from training.network import Network, build

BANDS, LABELS = 20, 7
SHAPES = {
    "lstm, 4x": ModelConfig(4, [[2, 2], [2, 2]], 1, "lstm", 2, 12, 0.1),
    "gru, 2x": ModelConfig(4, [[2, 2]], 2, "gru", 3, 12, 0.1),
    "lstm, 3x": ModelConfig(3, [[3, 1], [1, 2]], 0, "lstm", 1, 8, 0.0),
    "conformer, 4x": ModelConfig(4, encoder="conformer", conformer=ConformerConfig(3, 16, 2, 2, 5)),
    # Strides are for the other encoders: Whisper's own stay what they are.
    "whisper, 4x": ModelConfig(
        4, [[3, 1]], rnn_size=8, encoder="whisper", whisper=WhisperConfig(2, 16, 2, 1, head_layers=1)
    ),
    "conformer, 2x": ModelConfig(4, [[2, 2]], encoder="conformer", conformer=ConformerConfig(2, 16, 4, 3, 3)),
}


def network(name: str) -> Network:
    torch.manual_seed(0)
    return build(SHAPES[name], BANDS, LABELS).eval()


def test_seed_is_the_tutorials_network() -> None:
    config = load_config("training/configs/seed.yaml")
    model = build(config.model, config.features.n_mels, len(config.labels))
    assert sum(parameter.numel() for parameter in model.parameters()) == 23_705_373


def test_default_is_small_enough_to_deploy() -> None:
    config = load_config("training/configs/small.yaml")
    model = build(config.model, config.features.n_mels, len(config.labels))
    assert sum(parameter.numel() for parameter in model.parameters()) < 8_000_000  # bytes, in int8


@pytest.mark.parametrize("name", SHAPES)
def test_output_length_is_what_the_network_gives(name: str) -> None:
    model = network(name)
    for frames in range(1, 60):
        log_probs, lengths = model(torch.randn(1, frames, BANDS), torch.tensor([frames]))
        assert log_probs.shape == (1, int(lengths), LABELS)
        assert int(lengths) == int(output_lengths(torch.tensor([frames]), SHAPES[name]))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("junk", [0.0, 1.0, 1e4])
def test_padding_does_not_change_an_utterance(name: str, junk: float) -> None:
    model, generator = network(name), torch.Generator().manual_seed(1)
    for frames in (1, 2, 5, 33, 100):
        utterance = torch.randn(1, frames, BANDS, generator=generator)
        padded = torch.cat([utterance, torch.full((1, 61, BANDS), junk)], dim=1)
        alone, length = model(utterance, torch.tensor([frames]))
        within, padded_length = model(padded, torch.tensor([frames]))
        assert torch.equal(length, padded_length)
        torch.testing.assert_close(within[:, : int(length)], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SHAPES)
def test_batch_neighbours_do_not_change_an_utterance(name: str) -> None:
    model, generator = network(name), torch.Generator().manual_seed(2)
    lengths = [90, 41, 7, 64]
    utterances = [torch.randn(length, BANDS, generator=generator) for length in lengths]
    together, frames = model(torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True), torch.tensor(lengths))
    for i, utterance in enumerate(utterances):
        alone, _ = model(utterance[None], torch.tensor([lengths[i]]))
        torch.testing.assert_close(together[i, : frames[i]], alone[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SHAPES)
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


@pytest.mark.parametrize("name", SHAPES)
def test_the_last_frame_reaches_the_first_and_the_first_the_last(name: str) -> None:
    model = network(name)
    utterance = torch.randn(1, 40, BANDS)
    before, _ = model(utterance, torch.tensor([40]))
    for frame, output in ((39, 0), (0, -1)):
        changed = utterance.clone()
        changed[0, frame] += 1
        after, _ = model(changed, torch.tensor([40]))
        assert not torch.equal(before[0, output], after[0, output])


def test_an_unknown_recurrence_is_refused() -> None:
    with pytest.raises(ConfigError, match="rnn must be one of lstm, gru"):
        build(ModelConfig(rnn="transformer"), BANDS, LABELS)


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="encoder must be one of rnn, conformer"):
        build(ModelConfig(encoder="transformer"), BANDS, LABELS)


def test_a_width_that_heads_cannot_share_is_refused() -> None:
    shape = ConformerConfig(size=30, heads=4)
    with pytest.raises(ConfigError, match="multiple of twice"):
        build(ModelConfig(encoder="conformer", conformer=shape), BANDS, LABELS)


def test_what_the_middle_layer_says_is_fed_back() -> None:
    model, log_mel = network("conformer, 4x"), torch.randn(1, 40, BANDS)
    before, _ = model(log_mel, torch.tensor([40]))
    with torch.no_grad():
        assert isinstance(model.feedback, torch.nn.Linear)
        model.feedback.weight.mul_(3.0)
    after, _ = model(log_mel, torch.tensor([40]))
    assert not torch.allclose(before, after)


def test_dropped_channels_are_dropped_in_every_frame_and_the_rest_made_up_for() -> None:
    dropout = ChannelDropout(0.25).train()
    torch.manual_seed(0)
    dropped = dropout(torch.ones(400, 3, 50))
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert torch.equal(dropped[:, 0], dropped[:, 2])
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)
    assert torch.equal(dropout.eval()(dropped), dropped)
