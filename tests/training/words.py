"""Words small enough for a test: three that are tones, others that are none of them, and a run that learns them."""

from pathlib import Path

import numpy as np
import soundfile as sf

from training.config import Config, CorpusConfig
from training.config_files import load_config
from training.manifest import Utterance, write_manifest

KEYWORDS = Path("training/configs/keywords-small.yaml")
RATE_HZ = 16000
# Each word is a chord that moves; the last two are none of the model's.
WORDS = {"yes": (400, 900), "no": (900, 400), "stop": (1800, 1800), "banana": (300, 2500), "apple": (3000, 600)}
LABELS = ["yes", "no", "stop", "unknown", "silence"]
_TIMES = 6


def spoken(word: str, seed: int, seconds: float = 0.5) -> np.ndarray:
    """Returns [samples] of a word; each seed makes another voice."""
    rng = np.random.default_rng([seed, len(word)])
    first_hz, last_hz = np.array(WORDS[word]) * rng.uniform(0.95, 1.05)
    hz = np.linspace(first_hz, last_hz, int(seconds * RATE_HZ))
    samples = 0.3 * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * np.hanning(len(hz))
    return (samples + rng.normal(0, 0.002, len(samples))).astype(np.float32)


def make_words(folder: Path, first_seed: int = 0) -> Path:
    """Writes recordings of all words and a manifest; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    utterances = []
    for word in WORDS:
        for seed in range(first_seed, first_seed + _TIMES):
            path = folder / f"{word}-{seed}.wav"
            samples = spoken(word, seed, 0.3 + 0.1 * (seed % 4))
            sf.write(path, samples, RATE_HZ)
            extra = {"speaker": f"tone-{seed}", "corpus": "tones", "license": "MIT"}
            utterances.append(Utterance(path, len(samples) / RATE_HZ, word, extra))
    write_manifest(folder / "manifest.jsonl", utterances)
    return folder / "manifest.jsonl"


def word_config(folder: Path, **overrides: str) -> Config:
    """Returns a config whose data and output lie in `folder`; overrides use "__" for the dot."""
    config = load_config(
        KEYWORDS,
        [
            "name=toy",
            f"output_dir={folder}",
            f"labels={LABELS}",  # quoted, since yes and no are truth values in YAML
            f"data.cache_dir={folder / 'cache'}",
            f"data.dev={make_words(folder / 'dev', first_seed=100)}",
            "data.batch_seconds=17",
            "data.workers=0",
            "data.silence_share=0.15",
            "augment.noise.folder=''",
            "augment.room.folder=''",
            # Tones are told apart by their frequency alone.
            "augment={speed_change: 0.02, tract_change: 0.02, band: {probability: 0}}",
            "model.separable={channels: 24, dilations: [1]}",
            "trainer.accelerator=cpu",
            "trainer.devices=1",
            "trainer.precision=32-true",
            "trainer.average_last=0",
            "trainer.max_epochs=80",
            "optim.max_lr=3e-3",
            *(f"{name.replace('__', '.')}={value}" for name, value in overrides.items()),
        ],
    )
    config.data.train = [CorpusConfig(str(make_words(folder / "train")))]
    return config
