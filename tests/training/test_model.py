"""Properties of the network: size, lengths, and that nobody else changes an utterance's output."""

import pytest
import torch

from training.config import ModelConfig, load_config
from training.errors import ConfigError
from training.model import DeepSpeech2, output_lengths

BANDS, LABELS = 20, 7
SHAPES = {
    "lstm, 4x": ModelConfig(4, [[2, 2], [2, 2]], 1, "lstm", 2, 12, 0.1),
    "gru, 2x": ModelConfig(4, [[2, 2]], 2, "gru", 3, 12, 0.1),
    "lstm, 3x": ModelConfig(3, [[3, 1], [1, 2]], 0, "lstm", 1, 8, 0.0),
}


def network(name: str) -> DeepSpeech2:
    torch.manual_seed(0)
    return DeepSpeech2(SHAPES[name], BANDS, LABELS).eval()


def test_seed_is_the_tutorials_network() -> None:
    config = load_config("training/configs/seed.yaml")
    model = DeepSpeech2(config.model, config.features.n_mels, len(config.labels))
    assert sum(parameter.numel() for parameter in model.parameters()) == 23_705_373


def test_default_is_small_enough_to_deploy() -> None:
    config = load_config("training/configs/small.yaml")
    model = DeepSpeech2(config.model, config.features.n_mels, len(config.labels))
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
        DeepSpeech2(ModelConfig(rnn="transformer"), BANDS, LABELS)
