"""Fine-tunes the default model on a domain that is new to it: `python -m benchmarks.fine_tuning [--output FOLDER]`.

The domain is two hundred made-up product names in sentences that customers say. Speech for training and, in other
sentences, for measuring is synthesised (`training.synthesize`); training starts from `models/asr.fp16.ckpt`. Prints WER
of the sentences and the share of names recognised, before and after, by each decoder and as an endpoint decodes with
the files that the export puts beside the model. You would do the same with your own names.
"""

import argparse
import itertools
import random
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hark import model_files
from hark.command import command
from hark.decoding import Decoders, Decoding
from training import synthesize
from training.checkpoint import TorchRecognizer, load_checkpoint
from training.config import Config, CorpusConfig
from training.errors import CheckpointError
from training.evaluate import evaluate
from training.fit import fit
from training.manifest import read_manifest
from training.served import learnt_words, spec_of, twin

_BRANDS = ("vel", "zan", "mor", "tri", "kel", "lum", "bor", "fen", "dra", "pix"), (
    "ora", "ix", "ado", "ento", "ika", "ulan", "esta", "omi", "ard", "una",
)  # fmt: skip
_THINGS = (
    "kettle", "lamp", "blender", "toaster", "charger", "speaker", "mixer", "heater", "drill", "scanner",
    "monitor", "keyboard", "helmet", "bottle", "backpack", "stapler", "projector", "freezer", "tripod", "printer",
)  # fmt: skip
_TAUGHT = (
    "I would like to order the {}.",
    "Is the {} still in stock?",
    "My {} stopped working yesterday.",
    "Please send me two of the {}.",
    "How much is the {} today?",
    "The {} arrived without its cable.",
)
_ASKED = ("Can I return the {} next week?", "Does the {} come in blue?")


@dataclass(frozen=True)
class Score:
    """How well a model hears the domain.

    Attributes:
        wer: corpus-level word error rate of the sentences.
        names: share of the sentences whose product name is heard without a mistake.
    """

    wer: float
    names: float


def product_names(count: int, seed: int) -> list[str]:
    """Draws `count` different names, such as "velora kettle"."""
    rng = random.Random(seed)  # noqa: S311  # made-up names are no secrets
    brands = ["".join(parts) for parts in itertools.product(*_BRANDS)]
    names = [f"{brand} {thing}" for brand, thing in itertools.product(brands, _THINGS)]
    return rng.sample(names, count)


def sentences(names: Iterable[str], frames: Iterable[str]) -> list[str]:
    """Puts every name into every frame."""
    return [frame.format(name) for name, frame in itertools.product(names, frames)]


def scores(checkpoint: Path, manifest: Path, names: Iterable[str]) -> dict[str, Score]:
    """Transcribes the manifest with a checkpoint, by each decoder, and as an endpoint does that has its new words."""
    model, config = load_checkpoint(checkpoint)
    recognizer = TorchRecognizer(model, spec_of(model, config))
    language_model = model_files.LANGUAGE_MODEL
    decoders = Decoders(twin(recognizer.spec) or checkpoint, language_model)
    learnt = learnt_words(config, recognizer.spec, language_model)
    asked = {name: Decoding(name) for name in decoders.names}
    if learnt:
        asked |= {f"{decoders.default}, new words listened for": Decoding(decoders.default, learnt)}
    found = {}
    for name, decoding in asked.items():
        decoder = decoders.decoder(decoding, recognizer.spec)
        evaluation = evaluate(recognizer, read_manifest(manifest), decoder=decoder)
        heard = [
            any(name in reference and name in hypothesis for name in names)
            for reference, hypothesis in zip(evaluation.references, evaluation.hypotheses, strict=True)
        ]
        found[name] = Score(evaluation.rates.wer, sum(heard) / len(heard))
    return found


def fine_tuning_config(start: Path, folder: Path, steps: int) -> Config:
    """Returns the config of the checkpoint to start from, with a short run at a low learning rate on the folder."""
    config = load_checkpoint(start)[1]
    config.name, config.output_dir, config.init_from = "fine-tuned", str(folder / "runs"), str(start)
    config.data.train = [CorpusConfig(str(folder / "train" / "manifest.jsonl"))]
    config.data.dev, config.data.more_dev = str(folder / "dev" / "manifest.jsonl"), []
    config.data.cache_dir = str(folder / "cache")
    config.data.batch_seconds, config.data.shortest_first = 60.0, False
    # What the model learnt on and from need not be here.
    config.data.on_device, config.optim.teacher.folder = False, ""
    config.augment.noise.folder = config.augment.room.folder = ""
    config.optim.max_lr, config.optim.warmup_share = 3e-4, 0.1
    if config.model.encoder == "whisper":
        # A few hundred sentences have nothing to teach the encoder; its features, kept, make a step a tenth as long.
        config.optim.frozen, config.optim.max_lr = config.model.whisper.layers + 2, 1e-3
        config.data.encoded_copies = 2
    config.trainer.max_steps, config.trainer.validate_every_steps = steps, max(steps // 4, 1)
    return config


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/fine-tuning"))
    parser.add_argument("--start", type=Path, default=Path("models/asr.fp16.ckpt"))
    parser.add_argument("--names", type=int, default=200)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--engines", default="hibari", help="of training.synthesize")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    folder: Path = options.output
    names = product_names(options.names, options.seed)
    if not options.start.is_file():
        raise CheckpointError(f"There is no checkpoint {options.start} to start from.")
    for split, frames, seed in (("train", _TAUGHT, options.seed), ("dev", _ASKED, options.seed + 1)):
        text = folder / f"{split}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("\n".join(sentences(names, frames)) + "\n")
        wanted = ["--text", str(text), "--output", str(folder / split), "--engines", options.engines]
        if failed := synthesize.main([*wanted, "--seed", str(seed)]):
            return failed
    dev = folder / "dev" / "manifest.jsonl"
    before = scores(options.start, dev, names)
    since = time.monotonic()
    best = fit(fine_tuning_config(options.start, folder, options.steps))
    minutes = (time.monotonic() - since) / 60
    after = scores(best, dev, names)
    print(f"{len(names)} product names, {options.steps} steps in {minutes:.1f} min: {best}")
    for when, measured in (("before", before), ("after", after)):
        for decoder, each in measured.items():
            print(f"{when + ',':7} {decoder}: WER {each.wer:.3f}, names right {each.names:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
