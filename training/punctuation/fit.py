"""Trains the network that punctuates: `python -m training.punctuation.fit --text FILE ... --dev FILE ...`.

    python -m training.punctuation.books data/text/sentences.txt.gz --output data/books
    python -m training.punctuation.heard data/train.jsonl --output data/heard.jsonl
    python -m training.punctuation.fit --text data/books/train/*.txt --dev data/books/dev/*.txt \
        --heard data/heard.jsonl --output runs/punctuation

A text is a file of sentences, as written, in their order; a sentence or a paragraph a line, and may be gzipped. Texts
are held out whole, never by the sentence: a book's names would tell. `--heard` has recordings as the recogniser hears
them (`training.punctuation.heard`): pauses and errors are drawn from it. Without, the network learns from words alone.

In two processes, each on a share of the cores, put `OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m` in place of
`python -m`; a step then learns from two batches.

The checkpoint with the best mean F1 on the dev texts is kept: `best.ckpt`. The same command continues an interrupted
run from `last.ckpt`.
"""

import argparse
import dataclasses
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hark.command import command
from hark.punctuation import LOWER, UNKNOWN_ROW, PunctuationSpec, packed
from training import processes
from training.errors import CheckpointError
from training.half_precision import autocast
from training.lines import read_lines
from training.punctuation import errors as recogniser_errors
from training.punctuation import pauses as speakers_pauses
from training.punctuation.checkpoint import load_checkpoint
from training.punctuation.data import Batch, Conditions, Source, batches
from training.punctuation.heard import read_heard
from training.punctuation.labels import Labelled, mixed_case, read_texts, small_words
from training.punctuation.network import PunctuationNetwork, Shape
from training.punctuation.scores import Score, scores
from training.punctuation.vectors import choose_vocabulary, read_vectors, reduced
from training.text import normalise

# Between the classes of gaps, in seconds.
GAP_EDGES_S = (0.075, 0.12, 0.18, 0.25, 0.33, 0.45, 0.6, 0.85, 1.3, 2.5)
# How much a wrong case counts beside a wrong mark.
_CASE_WEIGHT = 0.5


@dataclass
class Schedule:
    """How the network learns.

    Attributes:
        epochs: how often it reads all texts.
        max_lr: highest learning rate, of one cycle.
        batch: passages in a step.
        weight_decay: of AdamW.
        seed: of everything that is drawn.
    """

    epochs: int = 6
    max_lr: float = 3e-3
    batch: int = 64
    weight_decay: float = 0.01
    seed: int = 0


def read_names(paths: Sequence[Path]) -> list[str]:
    """Reads lists of names, one a line, as they are spoken; those of several words are left out."""
    names = (normalise(line) for path in paths for line in read_lines(path))
    return sorted({name for name in names if re.fullmatch("[a-z]{3,}", name)})


def _without(names: Sequence[str], texts: Sequence[Labelled]) -> list[str]:
    """Leaves out names that are words, too."""
    words = {word for text in texts for word, case in zip(text.words, text.cases, strict=True) if case == LOWER}
    return [name for name in names if name not in words]


def loss_of(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Returns the cross-entropy of marks and cases."""
    marks, cases = network(batch.rows, batch.gaps)
    of_marks = nn.functional.nll_loss(marks.float().flatten(0, 1), batch.marks.flatten())
    of_cases = nn.functional.nll_loss(cases.float().flatten(0, 1), batch.cases.flatten())
    return of_marks + _CASE_WEIGHT * of_cases


@torch.no_grad()
def measure(network: nn.Module, dev: Sequence[Batch]) -> dict[str, Score]:
    """Restores the dev passages and scores them."""
    network.eval()
    found = [[scored.argmax(2) for scored in network(batch.rows, batch.gaps)] for batch in dev]
    network.train()
    joined = [
        np.concatenate([part.flatten().numpy() for part in parts])
        for parts in (
            [marks for marks, _ in found],
            [cases for _, cases in found],
            [batch.marks for batch in dev],
            [batch.cases for batch in dev],
        )
    ]
    return scores(*joined)


def fit(
    texts: Sequence[Labelled],
    dev: Sequence[Labelled],
    heard: Path | None,
    names: Sequence[str],
    vectors: Mapping[str, NDArray[np.float32]],
    spec: PunctuationSpec,
    shape: Shape,
    conditions: Conditions,
    schedule: Schedule,
    output: Path,
    init_from: Path | None = None,
) -> None:
    """Trains, measures after each epoch and keeps checkpoints in `output`."""
    rank, shares = processes.numbered()
    torch.manual_seed(schedule.seed)
    utterances = read_heard(heard) if heard else []
    pauses = speakers_pauses.measured(utterances) if utterances else None
    errors = recogniser_errors.measured(utterances) if utterances else None
    network = PunctuationNetwork(shape, spec.table_rows, len(spec.gap_edges_s) + 2)
    if init_from:
        begun, begun_spec = load_checkpoint(init_from)
        if begun_spec.vocabulary != spec.vocabulary or begun.table.weight.shape != network.table.weight.shape:
            raise CheckpointError(f"{init_from} has another vocabulary; go on with the texts that it was trained on.")
        network.load_state_dict(begun.state_dict())
    else:
        _begin_with(network, vectors, spec)
    optimiser = torch.optim.AdamW(network.parameters(), schedule.max_lr, weight_decay=schedule.weight_decay)
    source = Source(texts, conditions, pauses, errors, names)
    # A short batch now and then is one more.
    steps = int(source.steps(schedule.batch) * (1 + conditions.short_share)) // shares
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.max_lr, total_steps=schedule.epochs * steps)
    first, best = 0, 0.0
    output.mkdir(parents=True, exist_ok=True)
    last = output / "last.ckpt"
    if last.exists():
        saved = torch.load(last, weights_only=True)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        cycle.load_state_dict(saved["cycle"])
        first, best = saved["epoch"], saved["best"]
    clean = Source(dev, dataclasses.replace(conditions, error_rates=(0.0,), short_share=0.0), pauses)
    dev_batches = list(batches(clean, schedule.batch, spec, np.random.default_rng(schedule.seed)))
    for epoch in range(first, schedule.epochs):
        rng = np.random.default_rng((schedule.seed, epoch))
        since, total, count = time.monotonic(), 0.0, 0
        own = islice(batches(source, schedule.batch, spec, rng), rank, None, shares)
        for batch in islice(own, max(steps, 1)):
            with autocast():
                loss = loss_of(network, batch)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            processes.average_gradients(network, shares)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            if cycle.last_epoch < cycle.total_steps - 1:
                cycle.step()
            total, count = total + loss.item(), count + 1
            if count % 100 == 0 and rank == 0:
                print(f"  {count}/{steps} loss {total / count:.4f} {time.monotonic() - since:.0f} s", flush=True)
        if rank:
            continue
        measured = measure(network, dev_batches)
        mean = sum(score.f1 for score in measured.values()) / len(measured)
        figures = "  ".join(f"{name} {score.f1:.3f}" for name, score in measured.items())
        print(
            f"epoch {epoch + 1}: loss {total / count:.4f}  F1 {figures}  {time.monotonic() - since:.0f} s", flush=True
        )
        saved = {"network": network.state_dict(), "spec": spec.to_json(), "shape": dataclasses.asdict(shape)}
        if mean > best:
            best = mean
            torch.save(saved, output / "best.ckpt")
        state = {"optimiser": optimiser.state_dict(), "cycle": cycle.state_dict(), "epoch": epoch + 1, "best": best}
        torch.save({**saved, **state}, last)


def _begin_with(network: PunctuationNetwork, vectors: Mapping[str, NDArray[np.float32]], spec: PunctuationSpec) -> None:
    """Puts word vectors into the table; the word as a whole then counts as much as all of its parts."""
    with torch.no_grad():
        network.table.weight[UNKNOWN_ROW] = 0
        for word, row in zip(vectors, spec.rows(list(vectors))[:, 0].tolist(), strict=True):
            if row != UNKNOWN_ROW:
                network.table.weight[row] = torch.from_numpy(vectors[word])


def _numbers(kind: type) -> dict[str, int | float]:
    """Returns the fields of a dataclass that are numbers, with their defaults."""
    return {each.name: each.default for each in dataclasses.fields(kind) if isinstance(each.default, int | float)}


def _chosen(kind: type, options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in _numbers(kind)}


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, nargs="+", required=True)
    parser.add_argument("--dev", type=Path, nargs="+", required=True)
    parser.add_argument("--heard", type=Path)
    parser.add_argument("--vectors", type=Path, help="word vectors to begin with, see training.punctuation.vectors")
    parser.add_argument("--vocabulary", type=int, default=40_000, help="words with vectors of their own")
    parser.add_argument("--affix-rows", type=int, default=6000, help="vectors of beginnings and endings")
    parser.add_argument("--names", type=Path, nargs="+", default=[], help="lists of names, one a line")
    parser.add_argument("--init-from", type=Path, help="a checkpoint of the same texts to go on from, in a new cycle")
    parser.add_argument("--output", type=Path, default=Path("runs/punctuation"))
    parser.add_argument("--name", default="hark-punctuation")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--training-data", default="")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    for kind in (Shape, Conditions, Schedule):
        for name, default in _numbers(kind).items():
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    processes.join()
    texts, dev = read_texts(options.text), read_texts(options.dev)
    print(f"{sum(map(len, texts)):,} words to learn from, {sum(map(len, dev)):,} to measure on", flush=True)
    vectors = read_vectors(options.vectors) if options.vectors else {}
    vocabulary = choose_vocabulary((text.words for text in texts), vectors, options.vocabulary)
    spec = PunctuationSpec(
        options.name,
        options.version,
        packed(vocabulary),
        options.affix_rows,
        GAP_EDGES_S,
        mixed_case(texts),
        small=tuple(small_words(texts)),
        training_data=options.training_data,
    )
    fit(
        texts,
        dev,
        options.heard,
        _without(read_names(options.names), texts),
        reduced(vectors, vocabulary, options.embedding),
        spec,
        Shape(**_chosen(Shape, options)),
        Conditions(**_chosen(Conditions, options)),
        Schedule(**_chosen(Schedule, options)),
        options.output,
        options.init_from,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
