r"""Trains an attention decoder: `python -m training.attention.fit CONFIG [field=value ...] --text FILE ...`.

    python -m training.attention.fit training/configs/base.yaml --recognizer models/asr.fp16.ckpt \
        --init-from whisper-tiny.en --text data/text/sentences.txt.gz

`--recognizer` has a Whisper encoder (`training/configs/base.yaml`), and `--init-from` is the model whose decoder is to
read its features. The decoder keeps the subwords that the texts and the transcripts need most, and
learns to write lower case without punctuation, as the recogniser does. It learns from the config's manifests, on
features that the encoder computes once (`training.encoded`).

With `--ctc-weight 1` or the like the recogniser learns beside it, by CTC, but for `optim.frozen` stages of its encoder;
`optim.encoder_lr_share` and `optim.layer_decay` say how fast. `best.recognizer.ckpt` then belongs to `best.ckpt`.

In two processes, each on a share of the cores, put `OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m` in place of
`python -m`; a step then learns from two batches.

The checkpoint with the lowest mean word error rate of the dev sets is kept: `best.ckpt`. The same command continues an
interrupted run from `last.ckpt`.
"""

import argparse
import dataclasses
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hark.command import command
from training import processes
from training.attention.checkpoint import Checkpoint, Vocabulary, digest_of, load_checkpoint
from training.attention.generate import generate
from training.attention.learners import Reader, Together
from training.attention.pretrained import load_decoder
from training.checkpoint import load_checkpoint as load_recognizer
from training.config import Config
from training.config_files import load_config
from training.dataset import Batch
from training.errors import CheckpointError
from training.half_precision import autocast
from training.lines import read_lines
from training.metrics import error_rates
from training.missing_data import leave_out_missing
from training.optimiser import configure
from training.task import SpeechData
from training.whisper import WhisperCtc, WhisperEncoder

# Subwords and positions of a decoder; with seven thousand a word of English has 1.2 of them.
SUBWORDS = 7000
POSITIONS = 256
# A transcript's word counts as much as this many of a text's: the decoder has to spell it in any case.
_TRANSCRIPTS_COUNT = 3
_WORD = re.compile("[a-z']*[a-z][a-z']*")
_SETTLED = ("shape", "joined", "kept", "marks", "encoder")


@dataclass(frozen=True)
class Schedule:
    """How the decoder learns.

    Attributes:
        steps: of the optimiser.
        max_lr: highest learning rate, after the first twentieth of the steps; it falls to 0.
        weight_decay: of AdamW.
        dropout: of what each part of a layer adds.
        smoothing: of the labels.
        validate_every: steps.
        ctc_weight: of the recogniser's loss per character, beside the decoder's per subword; 0 leaves the recogniser as
            it is.
    """

    steps: int = 1500
    max_lr: float = 1e-4
    weight_decay: float = 0.01
    dropout: float = 0.1
    smoothing: float = 0.1
    validate_every: int = 250
    ctc_weight: float = 0.0


def count_words(texts: Iterable[Path], transcripts: Iterable[str]) -> Counter[str]:
    """Counts the words of text files and transcripts."""
    counts: Counter[str] = Counter()
    for path in texts:
        for line in read_lines(path):
            counts.update(_words(line))
    for transcript in transcripts:
        for word in _words(transcript):
            counts[word] += _TRANSCRIPTS_COUNT
    return counts


def _words(text: str) -> Iterator[str]:
    for found in _WORD.findall(text.lower()):
        if word := found.strip("'"):
            yield word


def measure(learner: Reader, data: SpeechData) -> list[float]:
    """Returns the word error rate of the decoder alone on each dev set."""
    learner.eval()
    rates = []
    for loader in data.val_dataloader():
        heard, said = [], []
        for batch in loader:
            said += batch.texts
            with torch.inference_mode(), autocast():
                read = learner.heard(batch)
            most = learner.network.shape.positions - 8
            heard += generate(learner.network, read.log_mel.float(), read.lengths, learner.vocabulary, most)
        rates.append(error_rates(said, heard).wer or 0.0)
    learner.train()
    return rates


def fit(config: Config, learner: Reader, data: SpeechData, schedule: Schedule, output: Path) -> None:
    """Trains, measures now and then and keeps checkpoints in `output`."""
    rank, count = processes.numbered()
    torch.manual_seed(config.seed + rank)
    for module in learner.network.modules():
        if isinstance(module, nn.Dropout):
            module.p = schedule.dropout
    learner.train()
    optim = dataclasses.replace(
        config.optim,
        name="adamw",
        max_lr=schedule.max_lr,
        weight_decay=schedule.weight_decay,
        warmup_share=0.05,
        anneal="linear",
    )
    configured: Any = configure(learner, optim, schedule.steps + 1)
    optimiser, cycle = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    first, best = 0, float("inf")
    last = output / "last.ckpt"
    output.mkdir(parents=True, exist_ok=True)
    if last.exists():
        try:
            saved = torch.load(last, weights_only=True)
            same = all(saved[name] == value for name, value in _described(learner.checkpoint).items())
            learner.load_state_dict(saved["learner"])
            optimiser.load_state_dict(saved["optimiser"])
            cycle.load_state_dict(saved["cycle"])
            first, best = saved["step"], saved["best"]
        except Exception as error:  # torch raises many kinds for files that are none
            raise CheckpointError(
                f"{last} is of no run that could go on; remove it, or name another --output."
            ) from error
        if not same or cycle.total_steps != schedule.steps + 1:
            raise CheckpointError(f"{last} is of a run with other settings; remove it, or name another --output.")
    since, total = time.monotonic(), 0.0
    for step, batch in zip(range(first, schedule.steps), _batches(data, rank, count, first), strict=False):
        with autocast():
            loss = learner.loss(batch)
        if not torch.isfinite(loss):
            raise CheckpointError(f"The loss of step {step + 1} is {loss.item()}; lower the learning rate.")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        processes.average_gradients(learner, count)
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimiser.step()
        cycle.step()
        total += loss.item()
        done = step + 1
        if rank == 0 and done % 50 == 0:
            print(f"  {done}/{schedule.steps} loss {total / 50:.4f}  {time.monotonic() - since:.0f} s", flush=True)
            total = 0.0
        if done % schedule.validate_every and done != schedule.steps:
            continue
        if rank == 0:
            rates = measure(learner, data)
            mean = sum(rates) / len(rates)
            shown = "  ".join(f"{rate:.4f}" for rate in rates)
            print(f"step {done}: WER of the dev sets {shown}  {time.monotonic() - since:.0f} s", flush=True)
            if mean < best:
                best = mean
                for ending, content in learner.checkpoints().items():
                    _save(content, output / f"best{ending}.ckpt")
            state = {"optimiser": optimiser.state_dict(), "cycle": cycle.state_dict(), "step": done, "best": best}
            _save({**_described(learner.checkpoint), **state, "learner": learner.state_dict()}, last)
        processes.wait()


def _described(checkpoint: Checkpoint) -> dict[str, Any]:
    """What must not change while a run goes on."""
    return {name: value for name, value in checkpoint.content().items() if name in _SETTLED}


def _save(content: dict[str, Any], path: Path) -> None:
    """Writes a checkpoint; whoever is stopped meanwhile has the one from before."""
    unfinished = path.with_name(f".{path.name}")
    torch.save(content, unfinished)
    unfinished.replace(path)


def _batches(data: SpeechData, rank: int, count: int, done: int) -> Iterator[Batch]:
    """Yields this process's batches, epoch after epoch, but for the first `done`."""
    epoch = 0
    while True:
        loader = data.train_dataloader()
        sampler = loader.batch_sampler
        sampler.rank, sampler.processes = rank, count  # type: ignore[union-attr]
        sampler.set_epoch(epoch)  # type: ignore[union-attr]
        here = len(loader)
        if done >= here:
            done -= here
        else:
            sampler.skip(done)  # type: ignore[union-attr]
            yield from loader
            done = 0
        epoch += 1


def _data(config: Config, encoder: WhisperEncoder | None) -> SpeechData:
    """Returns the batches; each process computes a share of the features of an encoder that are missing."""
    rank, _ = processes.numbered()
    data = SpeechData(config, encoder)
    if rank == 0:
        data.prepare_data()
    processes.wait()
    with autocast():
        data.setup("fit")
    return data


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="names the recordings and how they are augmented")
    parser.add_argument("overrides", nargs="*", metavar="field=value", help="in the config")
    parser.add_argument("--recognizer", type=Path, default=Path("models/asr.fp16.ckpt"), help="with a Whisper encoder")
    parser.add_argument("--init-from", default="whisper-tiny.en", help="a Whisper model, or a decoder's checkpoint")
    parser.add_argument("--text", type=Path, nargs="+", default=[], help="texts that the vocabulary is chosen by")
    parser.add_argument("--output", type=Path, default=Path("runs/attention"))
    parser.add_argument("--name", default="hark-attention")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--training-data", default="")
    for each in dataclasses.fields(Schedule):
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=type(each.default), default=each.default)
    options = parser.parse_intermixed_args(arguments)
    processes.join()
    config = load_config(options.config, ["data.shortest_first=false", *options.overrides])
    for note in leave_out_missing(config, options.overrides):
        if processes.numbered()[0] == 0:
            print(note, file=sys.stderr)
    recognizer, trained = load_recognizer(options.recognizer)
    if not isinstance(recognizer, WhisperCtc):
        raise CheckpointError(
            f"{options.recognizer} has no Whisper encoder, whose features a Whisper decoder could read."
        )
    if recognizer.encoder.join is not None:
        raise CheckpointError(
            f"{options.recognizer} joins frames before the last block (model.whisper.joined_before), and a Whisper "
            "decoder reads what is there before they are joined."
        )
    if trained.features != config.features:
        raise CheckpointError(f"{options.recognizer} has other features than {options.config}; take the one's over.")
    schedule = Schedule(**{each.name: getattr(options, each.name) for each in dataclasses.fields(Schedule)})
    data = _data(config, None if schedule.ctc_weight else recognizer.encoder)
    encoder = digest_of(recognizer.encoder)
    if Path(options.init_from).suffix == ".ckpt":
        start = load_checkpoint(options.init_from)
        if start.encoder != encoder:
            raise CheckpointError(
                f"{options.init_from} reads the features of another encoder than {options.recognizer} has."
            )
    else:
        decoder = load_decoder(options.init_from)
        counts = count_words(options.text, (utterance.text for utterance in data.train))
        network, subwords = decoder.reduced(counts, SUBWORDS, POSITIONS)
        start = Checkpoint(network, Vocabulary(subwords, (*decoder.start, decoder.end)), encoder, "", "", "")
    named = dataclasses.replace(start, name=options.name, version=options.version, training_data=options.training_data)
    learner = Reader(named, schedule.smoothing)
    if schedule.ctc_weight:
        recognizer.encoder.freeze(config.optim.frozen)
        learner = Together(named, schedule.smoothing, recognizer, trained, schedule.ctc_weight)
    fit(config, learner, data, schedule, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
