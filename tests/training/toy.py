"""A training run small enough for a test: the dozen synthesised utterances and a little network."""

from pathlib import Path

from tests.conftest import DATA
from training.batch_augment import BatchAugment
from training.config import Config, CorpusConfig, model_spec
from training.config_files import load_config
from training.dataset import SpeechDataset, training_utterances
from training.device_data import BatchMaker

SMALL = Path("training/configs/small.yaml")


def toy_config(folder: Path, **overrides: str) -> Config:
    """Returns a config whose output goes to `folder`; overrides use "__" for the dot."""
    config = load_config(
        SMALL,
        [
            "name=toy",
            f"output_dir={folder}",
            f"data.cache_dir={folder / 'cache'}",
            f"data.dev={DATA / 'manifest.jsonl'}",
            "data.batch_seconds=10",
            "data.workers=0",
            "augment.noise.folder=''",
            "augment.room.folder=''",
            "optim.middle_ctc=0",
            "trainer.validate_every_steps=0",
            "trainer.accelerator=cpu",
            "trainer.devices=1",
            "trainer.precision=32-true",
            "trainer.average_last=0",
            *(f"{name.replace('__', '.')}={value}" for name, value in overrides.items()),
        ],
    )
    config.data.train = [CorpusConfig(str(DATA / "manifest.jsonl"))]
    return config


def batch_maker(config: Config) -> BatchMaker:
    """Returns what makes the batches of a run where its network is."""
    spec = model_spec(config)
    dataset = SpeechDataset(training_utterances(config.data)[0], spec, config.data.cache_dir)
    return BatchMaker(dataset, BatchAugment(config.augment, spec), config.seed)


TINY = {
    "model__encoder": "rnn",
    "model__rnn_size": "24",
    "model__conv_channels": "4",
    "model__rnn_layers": "2",
    "optim__name": "adamw",
}
TINY_CONFORMER = {
    "model__encoder": "conformer",
    "model__conv_channels": "4",
    **{f"model__conformer__{name}": value for name, value in {"layers": "2", "size": "24", "heads": "2"}.items()},
}
# Features and a network such as those of Whisper models, whose weights can be read into it.
TINY_WHISPER = {
    **{
        f"features__{name}": value
        for name, value in {
            "f_min_hz": "0",
            "log_floor": "1e-10",
            "normalisation": "whisper",
            "mel_scale": "slaney",
            "mel_norm": "slaney",
        }.items()
    },
    "model__encoder": "whisper",
    **{
        f"model__whisper__{name}": value
        for name, value in {
            "layers": "2",
            "size": "32",
            "heads": "2",
            "joined_before": "2",
            "head": "lstm",
            "head_layers": "1",
        }.items()
    },
    "model__rnn_size": "16",
    "optim__name": "adamw",
}
NO_AUGMENTATION = {
    f"augment__{name}": "0"
    for name in (
        *("speed_change", "tempo_change", "tract_change", "gain_db", "frequency_masks", "time_masks"),
        *(f"{kind}__probability" for kind in ("edges", "noise", "room", "band", "codec")),
        "time_masks_per_s",
    )
}
