"""Optional data that a config names and that is missing: left out with a note, unless the command line named it."""

from pathlib import Path

import pytest

from tests.conftest import DATA
from training.augment import recordings
from training.config import Config, CorpusConfig
from training.config_files import load_config
from training.errors import ConfigError
from training.missing_data import leave_out_missing

CONFIGS = sorted(Path("training/configs").glob("*.yaml"))
TRAIN = f"data.train=[{{manifest: {DATA / 'manifest.jsonl'}}}]"
DEV = f"data.dev={DATA / 'manifest.jsonl'}"


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Config:
    """The default recipe with two manifests, in a folder without any data."""
    config = load_config("training/configs/base.yaml")
    config.data.train = [CorpusConfig("data/train.jsonl"), CorpusConfig("data/synthetic.jsonl", optional=True)]
    config.data.more_dev = ["data/dev_mic.jsonl"]
    config.augment.noise.probability, config.augment.room.probability = 0.2, 0.0
    monkeypatch.chdir(tmp_path)
    return config


def test_what_is_optional_and_missing_is_left_out_and_said(base: Config, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.jsonl").touch()
    assert leave_out_missing(base) == [
        "There is no data/synthetic.jsonl; training goes on without it.",
        "There is no data/dev_mic.jsonl; the checkpoint is chosen without it.",
        "There is no folder data/noise; augmentation takes generated noise.",
    ]
    assert [corpus.manifest for corpus in base.data.train] == ["data/train.jsonl"]
    assert base.data.more_dev == []
    assert base.augment.noise.probability == 0.2
    assert base.augment.noise.folder == base.augment.room.folder == ""


def test_what_is_there_stays(base: Config, tmp_path: Path) -> None:
    for folder in ("data/noise", "data/rir"):
        (tmp_path / folder).mkdir(parents=True)
    for manifest in ("train", "synthetic", "dev", "dev_mic"):
        (tmp_path / f"data/{manifest}.jsonl").touch()
    assert leave_out_missing(base) == []
    assert len(base.data.train) == 2
    assert base.data.more_dev == ["data/dev_mic.jsonl"]
    assert (base.augment.noise.folder, base.augment.room.folder) == ("data/noise", "data/rir")


def test_a_manifest_that_is_not_optional_stays_and_is_missed_later(base: Config) -> None:
    leave_out_missing(base)
    assert [corpus.manifest for corpus in base.data.train] == ["data/train.jsonl"]


@pytest.mark.parametrize("part", ["noise", "room"])
def test_a_folder_named_on_the_command_line_must_be_there(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = [f"augment.{part}.folder=no/such/folder"]
    config = load_config("training/configs/base.yaml", overrides)
    with pytest.raises(ConfigError, match=f"no/such/folder; with augment.{part}.folder=none"):
        leave_out_missing(config, overrides)


def test_a_dev_set_named_on_the_command_line_must_be_there() -> None:
    overrides = ["data.more_dev=[no/such.jsonl]"]
    config = load_config("training/configs/base.yaml", overrides)
    leave_out_missing(config, overrides)
    assert config.data.more_dev == ["no/such.jsonl"]


@pytest.mark.parametrize("nothing", ["none", "", "''"])
def test_a_folder_can_be_taken_out_of_a_config(nothing: str, base: Config) -> None:
    overrides = [f"augment.noise.folder={nothing}", "augment.room.folder=none", "data.more_dev=[]"]
    config = load_config(DATA.parents[1] / "training/configs/base.yaml", overrides)
    assert [note for note in leave_out_missing(config, overrides) if "folder" in note] == []
    assert recordings(config.augment.noise.folder, 16000) == ()


def test_nothing_to_learn_from_at_all_is_an_error(base: Config) -> None:
    for corpus in base.data.train:
        corpus.optional = True
    with pytest.raises(ConfigError, match="None of the manifests in data"):
        leave_out_missing(base)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_runs_on_one_manifest_to_learn_from_and_one_to_choose_on(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(path)
    monkeypatch.chdir(tmp_path)
    leave_out_missing(config)
    assert len(config.data.train) == 1
    assert not config.data.more_dev
    assert config.augment.noise.folder == config.augment.room.folder == ""
