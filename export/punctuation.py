r"""Exports a punctuation model: `python -m export.punctuation CHECKPOINT --dev FILE ... [--output FILE]`.

    python -m export.punctuation runs/punctuation/best.ckpt --dev data/books/dev/*.txt

Balances precision and recall on the dev texts (`export.balance`), traces the network, proves the graph equal to it,
makes it int8 and measures both. Only a file that loses next to nothing is written, with the spec and the measured
figures in its metadata.
"""

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

import training.punctuation
from export.balance import balance, scored
from export.errors import ProofError
from export.graph import write_graph, write_metadata
from export.quantise import to_int8
from hark.command import command
from hark.punctuation import INPUT_NAMES, METADATA_KEY, OUTPUT_NAMES, ROWS, PunctuationSpec, Punctuator
from hark.recognizer import open_session
from training.punctuation import pauses as speakers_pauses
from training.punctuation.checkpoint import load_checkpoint
from training.punctuation.evaluate import mean_f1, of_model, on_texts
from training.punctuation.heard import read_heard
from training.punctuation.labels import Labelled, read_texts
from training.punctuation.network import PunctuationNetwork
from training.punctuation.pauses import Pauses

LEXICON = Path(training.punctuation.__file__).with_name("lexicon.txt")
# Largest difference of a log-probability between the network and its graph.
_TOLERANCE = 1e-4
# Largest loss of mean F1 to int8.
MAX_LOSS = 0.005
# The recurrences, what follows them, and the table.
_QUANTISED = ("LSTM", "MatMul", "Gather")
# Words in the passages that the graph is proved with; the example that it is traced with has others.
_PROOF_WORDS = (1, 2, 7, 64, 224)
_EXAMPLE_WORDS = 11


def trace(network: PunctuationNetwork, spec: PunctuationSpec, path: Path) -> None:
    """Writes the network as an fp32 ONNX file: [1, words, rows] and [1, words] in, [1, words, ...] out."""
    axes = {name: {1: "words"} for name in (*INPUT_NAMES, *OUTPUT_NAMES)}
    write_graph(network, inputs(spec, _EXAMPLE_WORDS, 0), path, INPUT_NAMES, OUTPUT_NAMES, axes)


def inputs(spec: PunctuationSpec, words: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws the input for one passage."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(spec.table_rows, size=(1, words, ROWS)).astype(np.int32)
    gaps = rng.integers(len(spec.gap_edges_s) + 2, size=(1, words)).astype(np.int32)
    return torch.from_numpy(rows), torch.from_numpy(gaps)


def prove(network: PunctuationNetwork, spec: PunctuationSpec, path: Path) -> float:
    """Compares a graph with the network on passages of several lengths.

    Returns:
        the largest difference of a log-probability.

    Raises:
        ProofError: it is too large.
    """
    session, largest = open_session(path), 0.0
    for words in _PROOF_WORDS:
        drawn = inputs(spec, words, words)
        with torch.no_grad():
            expected = network(*drawn)
        found = session.run(OUTPUT_NAMES, dict(zip(INPUT_NAMES, (part.numpy() for part in drawn), strict=True)))
        largest = max(largest, *(float(np.abs(a.numpy() - b).max()) for a, b in zip(expected, found, strict=True)))
    if largest > _TOLERANCE:
        raise ProofError(f"{path} differs from the network by {largest:.1e}; at most {_TOLERANCE} is accepted.")
    return largest


def _balance(
    network: PunctuationNetwork, spec: PunctuationSpec, dev: Sequence[Labelled], pauses: Pauses | None, file: Path
) -> None:
    """Adds to the network's last layer what makes F1 the highest on the dev texts; `file` is for its graph."""
    trace(network, spec, file)
    write_metadata(file, METADATA_KEY, spec.to_json())
    punctuator = Punctuator(file)
    conditions = [scored(punctuator, dev, None), *([scored(punctuator, dev, pauses)] if pauses else [])]
    mark_bias, case_bias = balance(conditions)
    with torch.no_grad():
        network.marks.bias.add_(torch.from_numpy(mark_bias))
        network.cases.bias.add_(torch.from_numpy(case_bias))
    print(f"added to the scores of marks {mark_bias.tolist()}, of cases {case_bias.tolist()}")


def export(
    checkpoint: Path,
    dev: Sequence[Labelled],
    on: str,
    output: Path,
    pauses: Pauses | None = None,
    lexicon: Iterable[str] = (),
    max_loss: float = MAX_LOSS,
) -> None:
    """Makes, proves and writes the model file; prints the figures.

    Args:
        checkpoint: what `training.punctuation.fit` wrote.
        dev: texts to measure on.
        on: what they are called.
        output: the file.
        pauses: to draw for the texts, which are measured without.
        lexicon: words as they are always written.
        max_loss: of mean F1, to int8.

    Raises:
        ProofError: the graph is not the network, or int8 loses too much. No file is written.
        HarkError: the checkpoint cannot be used.
    """
    network, spec = load_checkpoint(checkpoint)
    spec = dataclasses.replace(spec, lexicon={form.lower(): form for form in lexicon})
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print(f"{checkpoint}: {spec.name} {spec.version}, {parameters:,} parameters")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
        work = Path(folder)
        files = {"fp32": work / "fp32.onnx", "int8": work / "int8.onnx"}
        _balance(network, spec, dev, pauses, files["fp32"])
        trace(network, spec, files["fp32"])
        largest = prove(network, spec, files["fp32"])
        print(f"equal to PyTorch at {len(_PROOF_WORDS)} lengths, largest difference {largest:.1e}")
        to_int8(files["fp32"], files["int8"], work, _QUANTISED)
        measured = {}
        for name, file in files.items():
            write_metadata(file, METADATA_KEY, spec.to_json())
            measured[name] = on_texts(of_model(Punctuator(file)), dev, None)
            figures = "  ".join(f"{kind} {score.f1:.4f}" for kind, score in measured[name].items())
            print(f"{name}  F1: {figures}  {file.stat().st_size:,} bytes")
        loss = mean_f1(measured["fp32"]) - mean_f1(measured["int8"])
        if loss > max_loss:
            raise ProofError(f"int8 has a mean F1 {loss:.4f} lower than fp32; at most {max_loss} is accepted.")
        figures_of = {kind: round(score.f1, 4) for kind, score in measured["int8"].items()}
        final = dataclasses.replace(spec, measured={"f1": figures_of, "on": on, "precision": "int8"})
        write_metadata(files["int8"], METADATA_KEY, final.to_json())
        Punctuator(files["int8"])  # as Hark reads the finished file
        files["int8"].replace(output)
    print(f"wrote {output}")


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--dev", type=Path, nargs="+", required=True, help="texts to measure on")
    parser.add_argument("--output", type=Path, default=Path("models/punctuation.onnx"))
    parser.add_argument("--heard", type=Path, help="recordings to draw pauses from, see training.punctuation.heard")
    parser.add_argument("--lexicon", type=Path, default=LEXICON, help="words as they are always written, one a line")
    parser.add_argument("--max-loss", type=float, default=MAX_LOSS, help="of mean F1, against fp32")
    options = parser.parse_args(arguments)
    lexicon = options.lexicon.read_text(encoding="utf-8").split()
    pauses = speakers_pauses.measured(read_heard(options.heard)) if options.heard else None
    on = ", ".join(path.name for path in options.dev)
    export(options.checkpoint, read_texts(options.dev), on, options.output, pauses, lexicon, options.max_loss)
    return 0


if __name__ == "__main__":
    sys.exit(main())
