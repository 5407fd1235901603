"""Cuts words out of sentences for a keyword model: `python -m training.keywords.cut CONFIG MANIFEST --output FOLDER`.

There are few recordings of single words, but many of sentences with their texts. A transcription model finds the place
of each word of a text. FOLDER gets the words of the config's labels as separate recordings with a manifest, and other
words for "unknown". Words whose place is uncertain are left out.

    python -m training.keywords.cut training/configs/keywords.yaml data/train.jsonl --output data/keywords-cut
"""

import argparse
import math
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from tqdm import tqdm

from hark.audio import decode
from hark.command import command
from hark.ctc import align, words
from hark.errors import RequestError
from hark.features import log_mel
from hark.recognizer import Recognizer
from hark.spec import SILENCE, UNKNOWN
from hark.word_times import spans_s
from training.config_files import load_config
from training.errors import ManifestError
from training.keywords.text import SAME_SOUND
from training.manifest import Utterance, read_manifest, write_manifest
from training.text import encode, normalise, unknown_characters

# Words are placed to about 50 ms (`models/MODEL_CARD.md`): this much before and after may belong to them.
_MARGIN_S = 0.05
_SHORTEST_LETTERS = 3
# Attention over minutes needs much memory, and longer recordings are no sentences.
_LONGEST_S = 35.0


@dataclass(frozen=True)
class Cut:
    """A word within an utterance.

    Attributes:
        word: as its text has it.
        utterance: index of the utterance.
        place: which word of the utterance's text it is.
    """

    word: str
    utterance: int
    place: int


def choose(texts: Sequence[str], keywords: Sequence[str], most: int, others: int, seed: int) -> list[Cut]:
    """Draws which words to cut out.

    Args:
        texts: normalised text of each utterance.
        keywords: the words of the model.
        most: how often a keyword is taken at most.
        others: how many other words to take; none that sounds like a keyword, and none twice before all are taken once.
        seed: of the random choices.
    """
    rng = random.Random(seed)
    by_word: dict[str, list[Cut]] = defaultdict(list)
    for index, text in enumerate(texts):
        for place, word in enumerate(text.split()):
            by_word[word].append(Cut(word, index, place))
    for cuts in by_word.values():
        rng.shuffle(cuts)
    chosen = [cut for word in keywords for cut in by_word[word][:most]]
    rest = sorted(word for word in by_word if _is_other(word, keywords))
    rng.shuffle(rest)
    turn = 0
    while others > 0 and rest:
        rest = [word for word in rest if turn < len(by_word[word])]
        chosen += [by_word[word][turn] for word in rest[:others]]
        others -= len(rest[:others])
        turn += 1
    return chosen


def _is_other(word: str, keywords: Sequence[str]) -> bool:
    # "fours" and "four's" are too similar to "four".
    near = {word, word.removesuffix("s"), word.removesuffix("'s")}
    return len(word) >= _SHORTEST_LETTERS and word not in SAME_SOUND and not near & set(keywords)


def cut_out(
    recognizer: Recognizer, samples: NDArray[np.float32], text: str, least_confidence: float
) -> list[NDArray[np.float32] | None]:
    """Finds the words of a text.

    Args:
        recognizer: of a transcription model.
        samples: [samples] at the model's rate.
        text: normalised, of the model's characters.
        least_confidence: geometric mean of the probabilities of a word's letters below which it counts as not found.

    Returns:
        [samples] of each word, in order; None for what was not found.
    """
    spec = recognizer.spec
    (log_probs,) = recognizer.run([log_mel(samples, spec)])
    try:
        tokens = align(log_probs, encode(text, list(spec.labels)), spec.blank)
    except ValueError:  # too many letters for so short a recording
        return [None] * len(text.split())
    places = words(tokens, spec.labels)
    pieces: list[NDArray[np.float32] | None] = []
    for place, (start_s, end_s) in zip(places, spans_s(tokens, places, np.zeros((0, 2)), spec), strict=True):
        sure = tokens.log_probs[place].mean() >= math.log(least_confidence)
        start, end = ((start_s - _MARGIN_S) * spec.sample_rate_hz, (end_s + _MARGIN_S) * spec.sample_rate_hz)
        pieces.append(samples[max(round(start), 0) : round(end)] if sure else None)
    return pieces


def cut_all(
    utterances: Sequence[Utterance], cuts: Sequence[Cut], recognizer: Recognizer, least_confidence: float, folder: Path
) -> list[Utterance]:
    """Writes the words that are found to files below `folder`; returns them as utterances.

    Raises:
        ManifestError: a recording cannot be read.
    """
    wanted: dict[int, list[Cut]] = defaultdict(list)
    for cut in cuts:
        wanted[cut.utterance].append(cut)
    rate_hz = recognizer.spec.sample_rate_hz
    written = []
    for index in tqdm(sorted(wanted), desc="cutting", disable=None):
        utterance = utterances[index]
        try:
            samples = decode(utterance.audio_path.read_bytes(), rate_hz, max_duration_s=_LONGEST_S)
        except (OSError, RequestError) as error:
            raise ManifestError(f"{utterance.audio_path} cannot be read: {error}") from error
        pieces = cut_out(recognizer, samples, normalise(utterance.text), least_confidence)
        for cut in sorted(wanted[index], key=lambda cut: cut.place):
            piece = pieces[cut.place]
            if piece is None:
                continue
            path = folder / "audio" / cut.word / f"{index}-{cut.place}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            sf.write(path, piece, rate_hz)
            written.append(Utterance(path, len(piece) / rate_hz, cut.word, utterance.extra))
    return written


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="of the keyword model")
    parser.add_argument("manifest", type=Path, help="of sentences")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--model", type=Path, default=Path("models/asr.onnx"), help="(default: %(default)s)")
    parser.add_argument("--most", type=int, default=200, help="of a word at most (default: %(default)s)")
    parser.add_argument("--others", type=int, default=2000, help="other words (default: %(default)s)")
    parser.add_argument(
        "--least-confidence", type=float, default=0.3, help="below it a word is left out (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args(arguments)
    keywords = [label for label in load_config(options.config).labels if label not in (UNKNOWN, SILENCE)]
    recognizer = Recognizer(options.model, "transcription")
    labels = list(recognizer.spec.labels)
    utterances = [
        utterance
        for utterance in read_manifest(options.manifest)
        if utterance.duration_s <= _LONGEST_S and not unknown_characters(normalise(utterance.text), labels)
    ]
    texts = [normalise(utterance.text) for utterance in utterances]
    cuts = choose(texts, keywords, options.most, options.others, options.seed)
    written = cut_all(utterances, cuts, recognizer, options.least_confidence, options.output)
    if not written:
        raise ManifestError(f"No word of the config's labels was found in {options.manifest}.")
    write_manifest(options.output / "manifest.jsonl", written)
    known = sum(utterance.text in keywords for utterance in written)
    print(
        f"{options.output / 'manifest.jsonl'}: {known:,} recordings of the model's words and {len(written) - known:,} "
        f"of others, of {len(cuts):,} looked for"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
