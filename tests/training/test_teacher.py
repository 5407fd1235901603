"""The teacher is Whisper's encoder as CTranslate2 runs it, and its features are learnt at the right time."""

from pathlib import Path

import pytest
import torch

from tests.training import whisper_files
from tests.training.toy import NO_AUGMENTATION, TINY, TINY_CONFORMER, TINY_WHISPER, batch_maker, toy_config
from tests.training.whisper_files import write_ctranslate2, write_openai, write_transformers
from training import teacher
from training.checkpoint import load_checkpoint
from training.distillation import Hints
from training.errors import CheckpointError, ConfigError
from training.features import LogMel
from training.fit import fit
from training.task import SpeechTask

SIZE = whisper_files.SIZE


@pytest.fixture
def whisper(tmp_path: Path) -> Path:
    return write_ctranslate2(tmp_path / "whisper", whisper_files.weights())


def test_a_teacher_hears_each_of_a_batch_as_whisper_does(whisper: Path) -> None:
    loaded = teacher.load(str(whisper))
    samples = torch.randn(2, 16000, generator=torch.Generator().manual_seed(1)) * torch.tensor([[0.1], [0.01]])
    features = loaded(samples)
    assert features.shape == (2, 50, SIZE)
    assert not features.requires_grad
    spec = loaded.log_mel.spec
    assert (spec.normalisation, spec.mel_scale, spec.mel_norm, spec.log_floor) == ("whisper", "slaney", "slaney", 1e-10)
    for row in range(2):
        log_mel = LogMel(spec)(samples[row])[:-1]
        alone, _ = loaded.encoder.transform(log_mel[None], torch.tensor([100]))
        torch.testing.assert_close(features[row], alone[0], atol=1e-5, rtol=0)


def test_a_teacher_is_read_from_every_kind_of_file(whisper: Path, tmp_path: Path) -> None:
    model = whisper_files.weights()
    others = [write_transformers(tmp_path / "folder", model), write_openai(tmp_path / "tiny.pt", model)]
    samples = torch.randn(1, 8000, generator=torch.Generator().manual_seed(1)) * 0.1
    expected = teacher.load(str(whisper))(samples)
    for source in others:
        torch.testing.assert_close(teacher.load(str(source))(samples), expected)


def test_a_teacher_may_have_more_bands_than_the_network(tmp_path: Path) -> None:
    folder = write_ctranslate2(tmp_path / "large", whisper_files.weights(bands=128))
    assert teacher.load(str(folder))(torch.zeros(1, 16000)).shape == (1, 50, SIZE)


def test_what_is_no_teacher_is_refused(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "gone.pt"):
        with pytest.raises(CheckpointError):
            teacher.load(str(source))


def test_hints_are_nothing_once_the_features_are_told_and_one_where_nothing_is(whisper: Path, tmp_path: Path) -> None:
    config = toy_config(tmp_path, **{**NO_AUGMENTATION, **TINY_CONFORMER, "data__on_device": "true"})
    config.optim.teacher.folder, config.optim.teacher.layers = str(whisper), [0]
    hints = Hints(config.optim.teacher, config)
    batch = batch_maker(config)([(0, 1), (0, 6)])
    lengths = (batch.lengths + 3) // 4
    frames = int(lengths.max()) + int(lengths.max()) % 2
    assert batch.clean is not None
    assert batch.hops is not None
    features = hints._features(batch.clean, batch.hops, frames)
    # The teacher's frames are 20 ms apart, the network's output 40 ms.
    encoder = teacher.load(str(whisper))
    heard = encoder(torch.nn.functional.pad(batch.clean, (0, 16000)))
    torch.testing.assert_close(features, heard[:, : 2 * frames : 2])
    inside = torch.arange(frames) < lengths[:, None]
    deviation, mean = torch.std_mean(features[inside], 0)
    with torch.no_grad():
        hints.heads[0] = torch.nn.Identity()
        told = ((features - mean) / deviation).unflatten(1, (-1, 2)).flatten(2)
        assert float(hints([told], lengths, batch)) < 1e-9
        assert float(hints([0 * told], lengths, batch)) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("joined_before", ["0", "2"])
def test_of_a_whisper_network_each_frame_of_the_encoder_tells_one_of_the_teacher(
    joined_before: str, whisper: Path, tmp_path: Path
) -> None:
    settings = {**NO_AUGMENTATION, **TINY_WHISPER, "model__whisper__joined_before": joined_before}
    config = toy_config(tmp_path, **settings, data__on_device="true", optim__teacher__folder=str(whisper))
    task = SpeechTask(config)
    assert task.hints
    batch = batch_maker(config)([(0, 1), (0, 6)])
    assert batch.clean is not None
    assert batch.hops is not None
    layers, lengths = task.model.encode(batch.log_mel, batch.lengths)
    [head] = task.hints.heads
    assert isinstance(head, torch.nn.Linear)
    assert (head.in_features, head.out_features) == (layers[0].shape[2], SIZE)
    task.hints(layers, lengths, batch).backward()
    assert all(weight.grad is not None for weight in task.model.encoder.parameters())
    wanted = task.hints._features(batch.clean, batch.hops, layers[0].shape[1])
    deviation, mean = torch.std_mean(wanted[torch.arange(wanted.shape[1]) < lengths[:, None]], 0)
    with torch.no_grad():
        task.hints.heads[0] = torch.nn.Identity()
        told = (wanted - mean) / deviation
        assert float(task.hints([told, layers[1]], lengths, batch)) < 1e-9


def test_hints_follow_the_tempo(whisper: Path, tmp_path: Path) -> None:
    config = toy_config(tmp_path, **{**NO_AUGMENTATION, **TINY_CONFORMER, "data__on_device": "true"})
    config.optim.teacher.folder, config.optim.teacher.layers = str(whisper), [0]
    hints = Hints(config.optim.teacher, config)
    clean = torch.randn(1, 16000, generator=torch.Generator().manual_seed(2)) * 0.1
    slow = hints._features(clean, torch.tensor([80]), 20)
    usual = hints._features(clean, torch.tensor([160]), 10)
    torch.testing.assert_close(slow[:, ::2], usual)


@pytest.mark.parametrize(
    "shape", [pytest.param(TINY_CONFORMER, id="conformer"), pytest.param(TINY_WHISPER, id="whisper")]
)
def test_a_run_learns_from_a_teacher_of_which_nothing_is_left_in_its_model(
    shape: dict[str, str], whisper: Path, tmp_path: Path
) -> None:
    overrides = {**shape, "data__on_device": "true", "augment__codec__probability": "0"}
    config = toy_config(tmp_path, **overrides, trainer__max_epochs="2")
    config.optim.teacher.folder, config.optim.teacher.layers = str(whisper), [0, 1]
    best = fit(config, progress=False)
    names = torch.load(best, weights_only=True)["state_dict"]
    assert not any("teacher" in name for name in names)
    assert sum("conv1.weight" in name for name in names) == (shape is TINY_WHISPER)
    assert any("hints.heads" in name for name in names)
    model, _ = load_checkpoint(best)
    assert not any("hints" in name for name in model.state_dict())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"optim__teacher__layers": "[0,7]"}, r"optim\.teacher\.layers"),
        ({"features__sample_rate_hz": "8000"}, "16000 Hz"),
        ({"data__max_duration_s": "28"}, r"data\.max_duration_s as long as 34 s"),
    ],
)
def test_what_does_not_go_with_a_teacher_is_said(
    overrides: dict[str, str], message: str, whisper: Path, tmp_path: Path
) -> None:
    config = toy_config(tmp_path, **TINY_CONFORMER, **{"optim__teacher__layers": "[0]", **overrides})
    config.optim.teacher.folder = str(whisper)
    with pytest.raises(ConfigError, match=message):
        Hints(config.optim.teacher, config)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        pytest.param(TINY, "conformer or whisper", id="rnn"),
        pytest.param({**TINY_WHISPER, "optim__frozen": "4"}, r"optim\.frozen freezes all", id="frozen"),
    ],
)
def test_what_has_nothing_to_learn_from_a_teacher_is_said(
    shape: dict[str, str], message: str, whisper: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        SpeechTask(toy_config(tmp_path, **shape, optim__teacher__folder=str(whisper)))
