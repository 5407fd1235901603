"""Measures the models on manifests as they are served: `python -m benchmarks.error_rates MANIFEST ...`.

Every model transcribes every manifest with each decoder that it has files for. All figures go to models/results.json.
From there they go

- as tables between the marks of models/MODEL_CARD.md, in the order of the manifests: name first those that chose
  nothing, then those that chose a checkpoint or weights;
- for sets whose names begin with "test", beside each model (models/asr.json), where an endpoint finds its own
  error rates for `GET /health` and the web page.

Without manifests nothing is measured, and the figures of models/results.json are written again.

    python -m benchmarks.error_rates data/test.jsonl data/test_mic.jsonl data/dev.jsonl data/dev_mic.jsonl
    python -m benchmarks.error_rates
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.conditions import machine, model_name
from benchmarks.decoders import decoder_named
from benchmarks.documents import write_block
from hark import model_files
from hark.command import command
from hark.decoding import Decoders, Tuning
from hark.recognizer import Recognizer
from training.evaluate import evaluate
from training.manifest import read_manifest
from training.report import as_json, make_report

RESULTS = Path("models/results.json")
CARD = Path("models/MODEL_CARD.md")
# What an endpoint says about its own error rates: of the sets that chose nothing, these figures.
_TEST = "test"
_SHOWN = ("wer", "cer", "words")


def measure(manifests: Sequence[Path], models: Sequence[Path]) -> dict[str, Any]:
    """Returns figures as model -> manifest -> decoder, by the names of the files without suffix."""
    models_measured: dict[str, Any] = {}
    for model in models:
        recognizer = Recognizer(model)
        # The one that an endpoint uses by default comes first.
        decoders = tuple(reversed(Decoders(model, model_files.LANGUAGE_MODEL).names))
        sets: dict[str, Any] = {}
        for manifest in manifests:
            utterances = read_manifest(manifest)
            evaluations = {
                name: evaluate(recognizer, utterances, decoder=decoder_named(name, recognizer.spec, model))
                for name in decoders
            }
            sets[name_of(manifest)] = {
                name: {
                    **each.summary(),
                    "real_time_factor": round(each.real_time_factor, 5),
                    "by_corpus": as_json(make_report(each.results))["by_corpus"],
                }
                for name, each in evaluations.items()
            }
        models_measured[model.stem] = {"model": model_name(recognizer), "bytes": model.stat().st_size, "sets": sets}
    return {"machine": machine(), "models": models_measured}


def name_of(manifest: Path) -> str:
    """Returns what a set is called: its file without suffix, or its folder, as `training.synthesize` makes them."""
    return manifest.resolve().parent.name if manifest.stem == "manifest" else manifest.stem


def write_beside(model: Path, figures: dict[str, Any]) -> None:
    """Writes the error rates of the test sets beside a model, where `hark.decoding.Tuning` reads them.

    Args:
        model: its file.
        figures: what `measure` returned for it.

    Raises:
        ModelError: the file that is there cannot be read.
    """
    tuning = Tuning.beside(model)
    of_this_model = tuning.measured.get("model") == figures["model"]
    sets = {
        name: {decoder: {key: rates[key] for key in _SHOWN} for decoder, rates in of_decoders.items()}
        for name, of_decoders in figures["sets"].items()
        if name.startswith(_TEST)
    }
    measured = {**(tuning.measured if of_this_model else {}), "model": figures["model"], "sets": sets}
    dataclasses.replace(tuning, measured=measured).write(model)


def tables(results: dict[str, Any]) -> str:
    """Returns word (and character) error rates by set, and by corpus, as Markdown."""
    models = results["models"]
    columns = [(model, decoder) for model in models for decoder in next(iter(models[model]["sets"].values()))]
    names = [f"{models[model]['model']}, {decoder}" for model, decoder in columns]
    lines = [_row(["set", "words", *names]), _row(["---"] * (2 + len(names)))]
    sets = next(iter(models.values()))["sets"]
    for name, of_decoders in sets.items():
        cells = [models[model]["sets"][name][decoder] for model, decoder in columns]
        rates = [f"{cell['wer']:.3f} ({cell['cer']:.3f})" for cell in cells]
        lines.append(_row([name, next(iter(of_decoders.values()))["words"], *rates]))
    lines += ["", _row(["corpus", "words", *names]), _row(["---"] * (2 + len(names)))]
    for name, of_decoders in sets.items():
        for place, corpus in enumerate(next(iter(of_decoders.values()))["by_corpus"]):
            cells = [models[model]["sets"][name][decoder]["by_corpus"][place]["wer"] for model, decoder in columns]
            lines.append(_row([f"{name}: {corpus['name']}", corpus["words"], *(f"{cell:.3f}" for cell in cells)]))
    return "\n".join(lines)


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", metavar="MANIFEST", type=Path, nargs="*")
    parser.add_argument("--model", type=Path, nargs="+", default=[Path("models/asr.onnx"), Path("models/small.onnx")])
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=CARD, help="a document with the two marks")
    options = parser.parse_args(arguments)
    if options.manifest:
        results = measure(options.manifest, options.model)
        options.results.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        results = json.loads(options.results.read_text(encoding="utf-8"))
    for model in options.model:
        if model.stem in results["models"]:
            write_beside(model, results["models"][model.stem])
    write_block(options.output, "benchmarks.error_rates", tables(results))
    print(tables(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
