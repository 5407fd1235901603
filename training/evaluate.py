"""Measures a model on a manifest, as it is served: `python -m training.evaluate MANIFEST [--model FILE] [--json FILE]`.

FILE is an exported .onnx (default: models/asr.onnx) or a checkpoint. Prints corpus-level WER and CER, the real-time
factor, and the utterances with the most word errors, reference over hypothesis.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import jiwer
from tqdm import tqdm

from handler.errors import HarkError, RequestError
from handler.pipeline import Runner, Timings, transcribe
from handler.recognizer import Recognizer
from training.checkpoint import TorchRecognizer, load_checkpoint
from training.config import model_spec
from training.errors import ManifestError
from training.manifest import Utterance, read_manifest
from training.metrics import ErrorRates, error_rates
from training.text import normalise

_WORST = 5


@dataclass(frozen=True)
class Evaluation:
    """What a model did on a manifest.

    Attributes:
        rates: corpus-level WER and CER.
        references, hypotheses: normalised transcripts, one an utterance.
        audio_s: seconds of audio.
        processing_s: seconds of wall time from bytes to text.
    """

    rates: ErrorRates
    references: list[str]
    hypotheses: list[str]
    audio_s: float
    processing_s: float

    @property
    def real_time_factor(self) -> float:
        """Seconds of processing per second of audio."""
        return self.processing_s / self.audio_s

    def summary(self) -> dict[str, float | int]:
        """The figures as plain numbers."""
        return {
            **{name: round(value, 5) for name, value in asdict(self.rates).items()},
            "utterances": len(self.references),
            "hours": round(self.audio_s / 3600, 3),
        }


def evaluate(recognizer: Runner, utterances: Sequence[Utterance], progress: bool = True) -> Evaluation:
    """Transcribes every utterance from its file and compares with its transcript.

    Raises:
        ManifestError: a recording cannot be read.
    """
    timings, audio_s = Timings(), 0.0
    references, hypotheses = [], []
    for utterance in tqdm(utterances, desc="evaluating", disable=None if progress else True, leave=False):
        try:
            transcript = transcribe(utterance.audio_path.read_bytes(), recognizer, float("inf"), timings)
        except (OSError, RequestError) as error:
            raise ManifestError(f"{utterance.audio_path} cannot be evaluated: {error}") from error
        references.append(normalise(utterance.text))
        hypotheses.append(transcript.text)
        audio_s += transcript.duration_s
    return Evaluation(error_rates(references, hypotheses), references, hypotheses, audio_s, timings.total_ms / 1000)


def load_runner(path: Path) -> Runner:
    """Opens an exported model or a checkpoint."""
    if path.suffix == ".onnx":
        return Recognizer(path)
    model, config = load_checkpoint(path)
    return TorchRecognizer(model, model_spec(config))


def worst(evaluation: Evaluation, utterances: Sequence[Utterance]) -> list[str]:
    """Describes the utterances with the most word errors."""

    def errors(i: int) -> int:
        if not evaluation.references[i]:
            return len(evaluation.hypotheses[i].split())
        words = jiwer.process_words(evaluation.references[i], evaluation.hypotheses[i])
        return words.substitutions + words.deletions + words.insertions

    ranked = sorted(((errors(i), i) for i in range(len(utterances))), key=lambda pair: (-pair[0], pair[1]))
    return [
        f"{utterances[i].audio_path.name}: {count} errors\n"
        f"  reference   {evaluation.references[i]}\n  hypothesis  {evaluation.hypotheses[i]}"
        for count, i in ranked[:_WORST]
        if count
    ]


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"), help="an .onnx file or a checkpoint")
    parser.add_argument("--json", type=Path, help="write figures and transcripts here")
    options = parser.parse_args(arguments)
    try:
        utterances = read_manifest(options.manifest)
        evaluation = evaluate(load_runner(options.model), utterances)
    except HarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rates = evaluation.rates
    print("\n".join(worst(evaluation, utterances)))
    print(
        f"\n{options.model} on {options.manifest}: {len(utterances)} utterances, {evaluation.audio_s / 3600:.2f} h\n"
        f"WER {rates.wer:.4f} ({rates.words} words)   CER {rates.cer:.4f} ({rates.characters} characters)   "
        f"real-time factor {evaluation.real_time_factor:.4f}"
    )
    if options.json:
        pairs = zip(utterances, evaluation.references, evaluation.hypotheses, strict=True)
        rows = [{"audio_filepath": str(u.audio_path), "text": r, "pred_text": h} for u, r, h in pairs]
        report = {**evaluation.summary(), "real_time_factor": evaluation.real_time_factor, "results": rows}
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
