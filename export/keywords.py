"""Measures keyword models for the export."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.errors import ProofError
from hark.recognizer import Recognizer
from training.keywords.report import evaluate_keywords
from training.manifest import Utterance


def measure_keywords(
    files: dict[str, Path], chosen: str, utterances: Sequence[Utterance], max_loss: float
) -> dict[str, Any]:
    """Measures exported files (precision -> path) as they are served, and prints the figures.

    Returns:
        The figures of the chosen precision, for the spec.

    Raises:
        ProofError: its accuracy is more than `max_loss` below that of fp32.
    """
    measured = {name: evaluate_keywords(Recognizer(file), utterances) for name, file in files.items()}
    for name, evaluation in measured.items():
        low, high = evaluation.interval
        print(
            f"{name}  accuracy {evaluation.accuracy:.4f} ({low:.4f} to {high:.4f})  "
            f"{files[name].stat().st_size:,} bytes  real-time factor {evaluation.processing_s / evaluation.audio_s:.4f}"
        )
    loss = measured["fp32"].accuracy - measured[chosen].accuracy
    if loss > max_loss:
        raise ProofError(f"{chosen} has an accuracy {loss:.4f} lower than fp32; at most {max_loss} is accepted.")
    return {**measured[chosen].summary(), "fp32_accuracy": round(measured["fp32"].accuracy, 5)}
