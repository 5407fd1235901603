"""Fixtures shared by all tests. The environment is set before any test module imports `handler.app`."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Two test processes on two cores: threads of their own would only take time from each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
from local import environment

environment.prepare()

import numpy as np
import pytest
import soundfile as sf

from handler.settings import Settings
from hark.recognizer import Recognizer
from hark.spec import ModelSpec
from local.event import context_for, http_event, reply_body

ROOT = Path(__file__).resolve().parent.parent
EVENTS = ROOT / "events"
DATA = Path(__file__).parent / "data"

# What is said in events/sample.wav and sample.ogg.
SPOKEN = "the train to the coast leaves at nine in the morning and the old man will wait for you at the station"

if TYPE_CHECKING:
    from tests.attention_files import AttentionFiles

Post = Callable[..., tuple[int, dict[str, str], Any]]


@pytest.fixture(scope="session")
def recognizer() -> Recognizer:
    """The model in models/."""
    return Recognizer(Settings.from_environment(os.environ).model_path)


@pytest.fixture(scope="session")
def readable() -> str:
    """The sample as people read it: the same for whoever transcribes it, whatever the punctuation model makes of it."""
    import hark

    found = hark.load().transcribe(EVENTS / "sample.wav")
    assert found.spoken == SPOKEN
    assert (found.text[:4], found.text[-9:]) == ("The ", " station.")
    return found.text


@pytest.fixture(scope="session")
def attention_files(tmp_path_factory: pytest.TempPathFactory) -> "AttentionFiles":
    """A tiny recogniser and its attention decoder, drawn and exported."""
    from tests.attention_files import write_files

    return write_files(tmp_path_factory.mktemp("attention"))


@pytest.fixture
def spec() -> ModelSpec:
    """A spec like the default model's."""
    return make_spec()


def make_spec(**changes: Any) -> ModelSpec:
    """Returns a spec like the default model's, with changes."""
    fields: dict[str, Any] = {
        "name": "test",
        "version": "1",
        "sample_rate_hz": 16000,
        "n_fft": 400,
        "window_samples": 400,
        "hop_samples": 160,
        "n_mels": 80,
        "f_min_hz": 20.0,
        "f_max_hz": 8000.0,
        "log_floor": 1e-6,
        "normalisation": "utterance",
        "labels": ("", " ", "'", *"abcdefghijklmnopqrstuvwxyz"),
        "blank": 0,
        "time_subsampling": 4,
        "max_window_s": 17.0,
    }
    return ModelSpec(**{**fields, **changes})


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """[samples] float32 at 16 kHz: the synthesised sample."""
    samples, _ = sf.read(EVENTS / "sample.wav", dtype="float32")
    return samples


def encode(samples: np.ndarray, sample_rate_hz: int, format_: str = "WAV", subtype: str | None = None) -> bytes:
    """Returns the bytes of an audio file."""
    buffer = io.BytesIO()
    sf.write(buffer, samples, sample_rate_hz, format=format_, subtype=subtype)
    return buffer.getvalue()


def invoke(event: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
    """Calls the handler; returns status, headers and the body, parsed where it is JSON."""
    from handler.app import lambda_handler

    context = context_for({"requestContext": {"requestId": "test"}, **{k: v for k, v in event.items() if v}})
    reply = lambda_handler(event, context)
    body: Any = reply_body(reply)
    headers = reply["headers"]
    if headers.get("Content-Type", "").startswith("application/json") and body:
        body = json.loads(body)
    return reply["statusCode"], headers, body


@pytest.fixture
def post() -> Post:
    """Posts to the handler: post(path, body, content_type) -> status, headers, body."""

    def call(path: str, body: bytes, content_type: str = "audio/wav") -> tuple[int, dict[str, str], Any]:
        return invoke(http_event("POST", path, {"content-type": content_type}, body))

    return call


def multipart(
    fields: dict[str, str] | list[tuple[str, str]], file: bytes | None, boundary: str = "hark-test"
) -> tuple[bytes, str]:
    """Returns a multipart body and its content type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (fields.items() if isinstance(fields, dict) else fields)
    ]
    if file is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        parts.append(head.encode() + file + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
