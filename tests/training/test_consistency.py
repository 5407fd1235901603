"""Two masked views of each utterance must agree (CR-CTC)."""

from pathlib import Path

import pytest
import torch

from tests.training.toy import TINY, toy_config
from training import fit
from training.config import model_spec
from training.dataset import SpeechDataset, collate, training_utterances
from training.errors import ConfigError
from training.task import SpeechData, SpeechTask, consistency_loss


def test_views_that_agree_lie_nowhere_apart_and_padding_does_not_count() -> None:
    log_probs = torch.randn(1, 6, 5).log_softmax(-1).repeat(2, 1, 1)
    log_probs[1, 4:] = torch.randn(2, 5).log_softmax(-1)  # past the end
    assert consistency_loss(log_probs, torch.tensor([4, 4])) == pytest.approx(0, abs=1e-6)
    assert consistency_loss(log_probs, torch.tensor([6, 6])) > 0


def test_the_distance_is_the_mean_of_both_divergences() -> None:
    first, second = torch.tensor([0.75, 0.25]), torch.tensor([0.5, 0.5])
    both = (first * (first / second).log()).sum() + (second * (second / first).log()).sum()
    log_probs = torch.stack([first, second]).log()[:, None]
    assert consistency_loss(log_probs, torch.tensor([1, 1])) == pytest.approx(float(both) / 2)


def test_each_view_is_drawn_to_the_other_and_none_to_itself() -> None:
    log_probs = torch.randn(2, 3, 4, requires_grad=True)
    consistency_loss(log_probs, torch.tensor([3, 3])).backward()
    assert log_probs.grad is not None
    # What the divergence from a fixed p asks of log q is -p alone.
    assert log_probs.grad[0] == pytest.approx(-log_probs[1].exp().detach() / 2)


def test_views_follow_each_other_with_masks_of_their_own(tmp_path: Path) -> None:
    config = toy_config(tmp_path, augment__time_mask_share="0.5", augment__frequency_masks="2", **TINY)
    utterances, _ = training_utterances(config.data)
    dataset = SpeechDataset(utterances, model_spec(config), config.data.cache_dir, config.augment, views=2)
    batch = collate([dataset[0, 0], dataset[0, 1]])
    assert batch.texts == [text for text in dataset.texts[:2] for _ in range(2)]
    assert batch.lengths[0] == batch.lengths[1]
    first, second = batch.log_mel[0], batch.log_mel[1]
    differ = first != second
    assert differ.any()
    assert ((first == 0) | (second == 0))[differ].all()


def test_a_run_with_two_views_logs_how_far_apart_they_are(tmp_path: Path) -> None:
    config = toy_config(
        tmp_path, optim__consistency="0.2", trainer__max_steps="2", trainer__validate_every_steps="1", **TINY
    )
    assert SpeechData(config).steps(1) == 2
    task = SpeechTask(config)
    logged: dict[str, float] = {}
    task.log = lambda name, value, **_: logged.update({name: float(value.detach())})  # type: ignore[method-assign]
    data = SpeechData(config)
    data.setup("fit")
    task.training_step(next(iter(data.train_dataloader())), 0)
    assert logged["train/consistency"] > 0
    assert fit.fit(config, progress=False).is_file()


def test_a_batch_holds_as_much_audio_with_two_views_as_with_one(tmp_path: Path) -> None:
    sizes = []
    for consistency in ("0", "0.2"):
        data = SpeechData(toy_config(tmp_path, optim__consistency=consistency, data__batch_seconds="20", **TINY))
        data.setup("fit")
        sizes.append(max(batch.log_mel.shape[0] * batch.log_mel.shape[1] for batch in data.train_dataloader()))
    assert sizes[1] <= 1.2 * sizes[0]


def test_the_device_makes_one_view(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two views"):
        SpeechData(toy_config(tmp_path, optim__consistency="0.2", data__on_device="true", **TINY))
