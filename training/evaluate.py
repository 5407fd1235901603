"""Measures a model on a manifest, as it is served: `python -m training.evaluate MANIFEST [--model FILE] [--json FILE]`.

FILE is an exported .onnx (default: models/asr.onnx) or a checkpoint. Prints the utterances with the most word errors,
reference over hypothesis; tables of WER and CER by corpus, speaker and length; and the figures of the whole manifest:
corpus-level WER with a 95 % interval, CER, kinds of error, real-time factor. The decoder is that of an endpoint with
these files, unless `--decoder` names another: joint where an attention decoder lies beside FILE, or FILE is a
checkpoint with the released model's encoder; else a beam search, and greedy without a language model. `--hotwords`
makes words likelier. `--json` writes all figures and every transcript, which `python -m training.inspect errors` draws.

The interval is a percentile bootstrap over utterances (Bisani and Ney, ICASSP 2004), with a fixed seed. It says how
much the choice of utterances matters, not how the model would do on speakers that the manifest does not have.

For a keyword model it prints recall and precision of every label, the most frequent confusions, and the accuracy with
its 95 % interval; `python -m training.inspect confusion` draws the file that `--json` writes.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hark import hotwords, model_files
from hark.command import command
from hark.decoding import DECODERS, GREEDY, Decoder, Decoders, Decoding
from hark.errors import RequestError
from hark.pipeline import Runner, Timings, transcribe
from hark.punctuation import Punctuator
from hark.recognizer import Recognizer
from hark.transcript import Transcript
from training.checkpoint import TorchRecognizer, load_checkpoint
from training.errors import ManifestError
from training.keywords.report import evaluate_keywords
from training.manifest import Utterance, read_manifest
from training.metrics import ErrorCounts, ErrorRates, corpus_rates, count_errors
from training.normaliser import is_english, normaliser
from training.punctuation.evaluate import of_model, on_heard
from training.punctuation.heard import heard_in
from training.punctuation.scores import Score
from training.report import Result, as_json, as_text, make_report
from training.served import learnt_words, spec_of, twin


@dataclass(frozen=True)
class Evaluation:
    """A model's results on a manifest.

    Attributes:
        results: one for each utterance, in the manifest's order.
        processing_s: seconds of wall time from bytes to text, for all utterances.
        transcripts: what was heard, in the same order, as it was spoken.
    """

    results: list[Result]
    processing_s: float
    transcripts: list[Transcript] = field(default_factory=list)

    @property
    def counts(self) -> list[ErrorCounts]:
        """Errors of each utterance."""
        return [result.errors for result in self.results]

    @property
    def rates(self) -> ErrorRates:
        """Corpus-level WER and CER."""
        return corpus_rates(self.counts)

    @property
    def references(self) -> list[str]:
        """Normalised transcripts."""
        return [result.reference for result in self.results]

    @property
    def hypotheses(self) -> list[str]:
        """What was recognised."""
        return [result.hypothesis for result in self.results]

    @property
    def audio_s(self) -> float:
        """Seconds of audio."""
        return sum(result.duration_s for result in self.results)

    @property
    def real_time_factor(self) -> float:
        """Seconds of processing per second of audio."""
        return self.processing_s / self.audio_s

    def summary(self) -> dict[str, float | int]:
        """The figures as plain numbers."""
        return {
            **{name: round(value, 5) for name, value in asdict(self.rates).items()},
            "utterances": len(self.results),
            "hours": round(self.audio_s / 3600, 3),
        }


def evaluate(
    recognizer: Runner, utterances: Sequence[Utterance], progress: bool = True, decoder: Decoder = GREEDY
) -> Evaluation:
    """Transcribes every utterance from its file and compares with its transcript.

    Raises:
        ManifestError: a recording cannot be read, or no utterance has words to compare with.
    """
    normalised = normaliser(recognizer.spec.language, recognizer.spec.labels)
    references = [normalised(utterance.text) for utterance in utterances]
    if not any(references):
        raise ManifestError("No utterance of the manifest has a word in its text, so there is nothing to compare with.")
    timings = Timings()
    transcripts = []
    for utterance in tqdm(utterances, desc="evaluating", disable=None if progress else True, leave=False):
        try:
            transcript = transcribe(
                utterance.audio_path.read_bytes(), recognizer, float("inf"), timings, decoder=decoder
            )
        except (OSError, RequestError) as error:
            raise ManifestError(f"{utterance.audio_path} cannot be evaluated: {error}") from error
        transcripts.append(transcript)
    hypotheses = [transcript.text for transcript in transcripts]
    durations_s = [transcript.duration_s for transcript in transcripts]
    counts = count_errors(references, hypotheses)
    results = map(Result, utterances, references, hypotheses, durations_s, counts)
    return Evaluation(list(results), timings.total_ms / 1000, transcripts)


def readable(evaluation: Evaluation, punctuation: Path) -> tuple[dict[str, Score], int]:
    """Scores the punctuation and capitals of readable text on the utterances whose texts have any.

    Returns:
        F1 and its parts by kind, and the number of these utterances; nothing where there is no model or no such text.

    Raises:
        ModelError: the model cannot be read.
    """
    pairs = zip(evaluation.results, evaluation.transcripts, strict=True)
    heard = [heard_in(transcript, result.utterance.text) for result, transcript in pairs]
    marked = [each for each in heard if each.words and any(each.reference.marks)]
    if not marked or not punctuation.is_file():
        return {}, 0
    return on_heard(of_model(Punctuator(punctuation)), marked), len(marked)


def load_runner(path: Path) -> Runner:
    """Opens an exported model or a checkpoint.

    Raises:
        HarkError: the file is missing or cannot be read as either.
    """
    if path.suffix == ".onnx":
        return Recognizer(path)
    model, config = load_checkpoint(path)
    return TorchRecognizer(model, spec_of(model, config), config)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"), help="an .onnx file or a checkpoint")
    parser.add_argument(
        "--decoder",
        choices=DECODERS,
        help="(default: what an endpoint with these files does: joint, beam without an attention decoder beside the "
        "model, greedy without a language model)",
    )
    parser.add_argument(
        "--language-model", type=Path, help="for the beam search (default: that beside the model; for English Hark's)"
    )
    parser.add_argument("--punctuation", type=Path, default=model_files.PUNCTUATION, help="for readable text")
    parser.add_argument("--hotwords", default="", metavar="WORDS", help="for the beam search, separated by commas")
    parser.add_argument("--json", type=Path, help="write figures and transcripts here")
    parser.add_argument("--worst", type=int, default=5, metavar="N", help="utterances to show (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.json and not options.json.parent.is_dir():
        raise ManifestError(f"There is no folder {options.json.parent} to write {options.json.name} to.")
    utterances = read_manifest(options.manifest)
    runner = load_runner(options.model)
    if runner.spec.task == "keywords":
        return _evaluate_keywords(runner, utterances, options)
    if options.language_model is None:
        options.language_model, _ = model_files.beside(options.model, runner.spec.language)
    # Beside a checkpoint there is nothing yet: `export` puts the same there.
    released = twin(runner.spec) if isinstance(runner, TorchRecognizer) else None
    beside = released or options.model
    decoders = Decoders(beside, options.language_model)
    if options.decoder is None:
        options.decoder = _default_decoder(options, decoders)
    hot = hotwords.checked(options.hotwords.split(","))
    if isinstance(runner, TorchRecognizer) and runner.config and released and options.decoder != "greedy":
        hot += learnt_words(runner.config, runner.spec, options.language_model)
    asked = Decoding(options.decoder, hot)
    evaluation = evaluate(runner, utterances, decoder=decoders.decoder(asked, runner.spec))
    report = make_report(evaluation.results)
    print(as_text(report, options.worst))
    rates = evaluation.rates
    print(
        f"\n{options.model} on {options.manifest}, {options.decoder}\n"
        f"WER {rates.wer:.4f} ({rates.words} words)   CER {rates.cer:.4f} ({rates.characters} characters)   "
        f"real-time factor {evaluation.real_time_factor:.4f}"
    )
    scored, count = readable(evaluation, options.punctuation) if is_english(runner.spec.language) else ({}, 0)
    if scored:
        shown = "   ".join(f"{kind} {score.f1:.3f}" for kind, score in scored.items())
        print(f"readable text, F1: {shown}   ({count} utterances whose texts have punctuation)")
    figures = {
        "decoder": options.decoder,
        **evaluation.summary(),
        **({"readable_f1": {kind: round(score.f1, 5) for kind, score in scored.items()}} if scored else {}),
        "real_time_factor": round(evaluation.real_time_factor, 5),
        **as_json(report),
    }
    return _write(figures, options)


def _default_decoder(options: argparse.Namespace, decoders: Decoders) -> str:
    """Returns the default decoder of an endpoint with these files; prints a note if that is greedy."""
    if options.language_model.is_file():
        return decoders.default
    if options.hotwords:  # hot words without a language model are an error
        return "beam"
    print(f"note: There is no language model {options.language_model}; decoding is greedy.", file=sys.stderr)
    return "greedy"


def _evaluate_keywords(runner: Runner, utterances: list[Utterance], options: argparse.Namespace) -> int:
    evaluation = evaluate_keywords(runner, utterances)
    print(f"{evaluation.as_text()}\n{options.model} on {options.manifest}")
    return _write(evaluation.as_json(), options)


def _write(figures: dict[str, Any], options: argparse.Namespace) -> int:
    if not options.json:
        return 0
    named = {"model": str(options.model), "manifest": str(options.manifest), **figures}
    try:
        options.json.write_text(json.dumps(named, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"error: {options.json} cannot be written: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
