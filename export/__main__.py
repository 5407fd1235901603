r"""Exports a checkpoint: `python -m export CHECKPOINT [--dev MANIFEST ...] [--output FILE] [--precision int8]`.

Traces the network, proves the graph equal to it, reduces its precision, measures it beside fp32 on the dev manifests,
as served, and fits word times, confidences and the threshold for noise (`export.calibrate`). Only then the file is
written, with the spec and the measured figures in its metadata. A model with the released one's encoder, such as a
fine-tuned one, gets the released attention decoder and the weights of its search beside it (`export.companions`).

int8 is the smallest and fastest. fp16 stores the weights in half precision and computes in fp32: for networks of
convolutions, which int8 leaves in fp32. mixed is int8, with fp16 for the rest. For a keyword model nothing is fitted:

    python -m export runs/hark-keywords/best.ckpt --dev data/keywords-dev.jsonl --output models/keywords.onnx \
        --precision mixed
"""

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export import companions
from export.calibrate import calibrated
from export.convolutions import unfold_convolutions
from export.errors import ProofError
from export.graph import trace, write_spec
from export.halve import halve
from export.keywords import measure_keywords
from export.masks import fold_mask
from export.proof import prove_dynamic, prove_equal
from export.quantise import quantise
from hark.command import command
from hark.recognizer import Recognizer
from training.checkpoint import load_checkpoint, save_weights
from training.evaluate import evaluate
from training.manifest import Utterance, read_manifests
from training.served import spec_of

# Largest loss against fp32, in WER (or accuracy) on the dev manifests; a file that loses more is refused.
MAX_WER_LOSS = 0.005
# On a small set this many words are chance, whatever share of it they are.
_CHANCE_WORDS = 3


def export(
    checkpoint: Path, dev: Sequence[Path], output: Path, precision: str, max_wer_loss: float = MAX_WER_LOSS
) -> None:
    """Makes, proves and writes the model file; prints the figures.

    Raises:
        ProofError: the graph is not the network, or less precision costs too much accuracy. No file is written.
        HarkError: the checkpoint or the manifest cannot be used.
    """
    model, config = load_checkpoint(checkpoint)
    spec = spec_of(model, config)
    utterances = read_manifests(dev)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{checkpoint}: {spec.name} {spec.version}, {parameters:,} parameters")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
        work = Path(folder)
        fp32 = work / "fp32.onnx"
        trace(unfold_convolutions(model), spec, fp32)
        fold_mask(fp32)
        prove_dynamic(fp32, spec)
        parity = prove_equal(model, fp32, spec)
        print(f"equal to PyTorch at {parity.cases} sizes, largest difference {parity.largest_difference:.1e}")
        write_spec(fp32, spec)
        files = {"fp32": fp32}
        if precision != "fp32":
            smaller = work / f"{precision}.onnx"
            if precision == "fp16":
                halve(fp32, smaller)
            else:
                quantise(fp32, smaller, work)
            if precision == "mixed":
                halve(smaller, smaller)
            prove_dynamic(smaller, spec)
            write_spec(smaller, spec)
            files[precision] = smaller
        chosen = files[precision]
        measure = measure_keywords if spec.task == "keywords" else measure_transcripts
        figures = {
            **measure(files, precision, utterances, max_wer_loss),
            "on": ", ".join(path.name for path in dev),
            "precision": precision,
        }
        fitted = spec if spec.task == "keywords" else calibrated(Recognizer(chosen), utterances)
        write_spec(chosen, dataclasses.replace(fitted, measured=figures))
        Recognizer(chosen)  # as the handler reads the finished file
        chosen.replace(output)
    print(f"wrote {output}")
    companions.add(output, spec, config)


def measure_transcripts(
    files: dict[str, Path], chosen: str, utterances: Sequence[Utterance], max_loss: float
) -> dict[str, Any]:
    """As `export.keywords.measure_keywords`, for models that transcribe."""
    measured = {name: evaluate(Recognizer(file), utterances) for name, file in files.items()}
    for name, evaluation in measured.items():
        rates, size = evaluation.rates, files[name].stat().st_size
        print(
            f"{name}  greedy WER {rates.wer:.4f}  CER {rates.cer:.4f}  {size:,} bytes  "
            f"real-time factor {evaluation.real_time_factor:.4f}"
        )
    loss = measured[chosen].rates.wer - measured["fp32"].rates.wer
    words = measured[chosen].rates.words
    if loss > max(max_loss, _CHANCE_WORDS / max(words, 1)) + 1e-9:  # the rates were rounded
        raise ProofError(
            f"{chosen} has a WER {loss:.4f} higher than fp32 on {words} words; at most {max_loss} is accepted. Measure "
            "on more recordings (--dev), or accept more with --max-wer-loss."
        )
    fp32 = measured["fp32"].rates
    return {**measured[chosen].summary(), "fp32_wer": round(fp32.wer, 5), "fp32_cer": round(fp32.cer, 5)}


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--dev", type=Path, nargs="+", default=[Path("data/dev.jsonl")], help="manifests to measure on")
    parser.add_argument("--output", type=Path, default=Path("models/asr.onnx"))
    parser.add_argument("--precision", choices=["int8", "fp16", "mixed", "fp32"], default="int8")
    parser.add_argument("--weights", type=Path, help="also write the weights in half precision here, to fine-tune from")
    parser.add_argument("--max-wer-loss", type=float, default=MAX_WER_LOSS, help="against fp32, or of accuracy")
    options = parser.parse_args(arguments)
    export(options.checkpoint, options.dev, options.output, options.precision, options.max_wer_loss)
    if options.weights:
        save_weights(options.checkpoint, options.weights)
        print(f"wrote {options.weights}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
