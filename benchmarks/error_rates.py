"""Measures the models on manifests as they are served: `python -m benchmarks.error_rates MANIFEST ...`.

Every model transcribes every manifest with both decoders. The figures go to models/results.json, from where documents
take them, and as tables between the marks of models/MODEL_CARD.md. Manifests named first stand first: those that
chose nothing, then those that chose a checkpoint or a weight.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.conditions import machine, model_name
from benchmarks.decoders import decoder_named
from benchmarks.documents import write_block
from hark.command import command
from hark.decoding import DECODERS
from hark.recognizer import Recognizer
from training.evaluate import evaluate
from training.manifest import read_manifest
from training.report import as_json, make_report

RESULTS = Path("models/results.json")
CARD = Path("models/MODEL_CARD.md")
# As an endpoint decodes by default first.
_DECODERS = tuple(reversed(DECODERS))


def measure(manifests: Sequence[Path], models: Sequence[Path]) -> dict[str, Any]:
    """Returns figures as model -> manifest -> decoder, by the names of the files without suffix."""
    models_measured: dict[str, Any] = {}
    for model in models:
        recognizer = Recognizer(model)
        sets: dict[str, Any] = {}
        for manifest in manifests:
            utterances = read_manifest(manifest)
            found = {
                name: evaluate(recognizer, utterances, decoder=decoder_named(name, recognizer.spec, model))
                for name in _DECODERS
            }
            sets[manifest.stem] = {
                name: {
                    **each.summary(),
                    "real_time_factor": round(each.real_time_factor, 5),
                    "by_corpus": as_json(make_report(each.results))["by_corpus"],
                }
                for name, each in found.items()
            }
        models_measured[model.stem] = {"model": model_name(recognizer), "bytes": model.stat().st_size, "sets": sets}
    return {"machine": machine(), "models": models_measured}


def tables(results: dict[str, Any]) -> str:
    """Returns word (and character) error rates by set, and by corpus, as Markdown."""
    models = results["models"]
    columns = [(model, decoder) for model in models for decoder in _DECODERS]
    names = [f"{models[model]['model']}, {decoder}" for model, decoder in columns]
    lines = [_row(["manifest", "words", *names]), _row(["---"] * (2 + len(names)))]
    sets = next(iter(models.values()))["sets"]
    for name, of_decoders in sets.items():
        cells = [models[model]["sets"][name][decoder] for model, decoder in columns]
        rates = [f"{cell['wer']:.3f} ({cell['cer']:.3f})" for cell in cells]
        lines.append(_row([f"{name}.jsonl", of_decoders[_DECODERS[0]]["words"], *rates]))
    lines += ["", _row(["corpus", "words", *names]), _row(["---"] * (2 + len(names)))]
    for name, of_decoders in sets.items():
        for place, corpus in enumerate(of_decoders[_DECODERS[0]]["by_corpus"]):
            cells = [models[model]["sets"][name][decoder]["by_corpus"][place]["wer"] for model, decoder in columns]
            lines.append(_row([f"{name}: {corpus['name']}", corpus["words"], *(f"{cell:.3f}" for cell in cells)]))
    return "\n".join(lines)


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, nargs="+", default=[Path("models/asr.onnx"), Path("models/small.onnx")])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=CARD, help="a document with the two marks")
    options = parser.parse_args(arguments)
    results = measure(options.manifest, options.model)
    options.results.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_block(options.output, "benchmarks.error_rates", tables(results))
    print(tables(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
