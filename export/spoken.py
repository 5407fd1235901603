"""Speech with known word boundaries: hibari's, from the durations of phonemes that its network predicts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import hibari
import numpy as np
import onnx
import onnxruntime as ort
import soxr
from hibari import dsp
from numpy.typing import NDArray

# Sentences are spoken at these speeds in turn, as people speak at different speeds.
_SPEEDS = (1.0, 0.85, 1.15)
_SEED = 0
# Share of the loudest hundredth of a second: 35 dB below it.
_FAINT = 10**-3.5


@dataclass(frozen=True)
class Spoken:
    """An utterance and where its words are.

    Attributes:
        samples: [samples] mono float32.
        words: the written words.
        spans_s: [words, 2], start and end of each word in seconds.
    """

    samples: NDArray[np.float32]
    words: list[str]
    spans_s: NDArray[np.float64]


def speak(texts: Iterable[str], sample_rate_hz: int) -> Iterator[Spoken]:
    """Speaks normalised texts, except those that the engine reads as more or fewer words than are written."""
    engine = hibari.Hibari()
    session = _with_durations(engine.model_path)
    for i, text in enumerate(texts):
        words = text.split()
        for phonemes in engine.phonemize(text)[:1]:
            matches = list(re.finditer(r"\S+", phonemes))
            if len(matches) != len(words) or any(character not in engine.vocab for character in phonemes):
                continue
            feed = {
                "ids": np.asarray([engine.ids(phonemes)], np.int64),
                "speed": np.asarray([_SPEEDS[i % len(_SPEEDS)]], np.float32),
            }
            *parameters, durations = session.run(None, feed)
            audio = dsp.synth(*(each[0] for each in parameters), np.random.default_rng(_SEED))
            # The first and the last phoneme are silence; some of it is also part of the last sound.
            ends_s = np.cumsum(durations.ravel()) / durations.sum() * len(audio) / dsp.SR
            spans_s = np.array([[ends_s[match.start()], ends_s[match.end()]] for match in matches])
            spans_s[-1, 1] = np.clip(_sound_end_s(audio), spans_s[-1, 0], spans_s[-1, 1])
            yield Spoken(soxr.resample(audio, dsp.SR, sample_rate_hz, quality="HQ"), words, spans_s)


def _sound_end_s(audio: NDArray[np.float32]) -> float:
    """Returns where the last sound ends that is not faint."""
    step = dsp.SR // 100
    powers = np.square(audio[: len(audio) // step * step].reshape(-1, step)).mean(axis=1)
    return float(np.flatnonzero(powers > powers.max() * _FAINT).max(initial=0) + 1) / 100


def _with_durations(path: str) -> ort.InferenceSession:
    """Loads hibari's network so that it tells how long each phoneme is: what its only running sum adds up, in 25 ms."""
    graph = onnx.load(path)
    (total,) = [node for node in graph.graph.node if node.op_type == "CumSum"]
    graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(total.input[0]))
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
