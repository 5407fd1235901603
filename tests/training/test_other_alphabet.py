"""Another alphabet than the Latin one, from a dozen recordings to subtitles: train, export, serve."""

import http.client
import json
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import soundfile as sf

from export.__main__ import main as export
from hark.spec import ModelSpec
from tests.patience import PATIENCE_S
from tests.server import serve
from tests.training.toy import NO_AUGMENTATION, toy_config
from training import alphabet, fit, language_model
from training.checkpoint import load_checkpoint
from training.config import Config, CorpusConfig, model_spec
from training.manifest import Utterance, write_manifest

RATE_HZ = 16000
LANGUAGE = "ka"
# Nothing here is in Latin letters; each word is in several sentences.
SENTENCES = [
    "დედა წიგნს კითხულობს", "მამა სახლში არის", "ბავშვი ბაღში თამაშობს", "დედა ბაღში არის", "მამა წიგნს კითხულობს",
    "ბავშვი სახლში არის", "დედა სახლში თამაშობს", "მამა ბაღში არის", "ბავშვი წიგნს კითხულობს", "დედა არის სახლში",
    "მამა ბაღში თამაშობს", "ბავშვი ბაღში არის",
]  # fmt: skip
LETTERS = sorted(set("".join(SENTENCES)) - {" "})
# The silence at both ends is as much as a window keeps.
_LETTER_S, _PAUSE_S, _EDGE_S = 0.09, 0.16, 0.3


def spoken(text: str, seed: int) -> np.ndarray:
    """[samples] of a text: each letter is a chord of its own, and words are apart."""
    rng = np.random.default_rng(seed)
    parts = [np.zeros(int(_EDGE_S * RATE_HZ))]
    times = np.arange(int(_LETTER_S * RATE_HZ)) / RATE_HZ
    for letter in text:
        if letter == " ":
            parts.append(np.zeros(int(_PAUSE_S * RATE_HZ)))
            continue
        low, high = divmod(LETTERS.index(letter), 5)
        chord = [300 * 1.28**low, 1900 * 1.25**high]
        parts.append(sum(np.sin(2 * np.pi * hz * times) for hz in chord) * np.hanning(len(times)))
    samples = np.concatenate([*parts, np.zeros(int(_EDGE_S * RATE_HZ))])
    return (0.2 * samples + rng.normal(0, 0.001, len(samples))).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ka")


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Path:
    utterances = []
    for number, text in enumerate(SENTENCES):
        path = folder / f"{number:02}.wav"
        samples = spoken(text, number)
        sf.write(path, samples, RATE_HZ)
        # As a source would write it: with a capital of headlines, marks and quotation marks.
        written = f"„{text.upper()}“!" if number % 2 else f"{text}."
        utterances.append(Utterance(path, len(samples) / RATE_HZ, written, {"language": LANGUAGE}))
    write_manifest(folder / "train.jsonl", utterances)
    return folder / "train.jsonl"


@pytest.fixture(scope="module")
def checkpoint(folder: Path, manifest: Path) -> Path:
    """Trained on the dozen until they are learnt by heart."""
    letters = alphabet.propose(alphabet.count(SENTENCES * 3, alphabet.rules_of(LANGUAGE)), alphabet.rules_of(LANGUAGE))
    config: Config = toy_config(
        folder,
        language=LANGUAGE,
        alphabet=letters,
        model__encoder="rnn",
        model__conv_channels="8",
        model__rnn_size="96",
        model__rnn_layers="1",
        model__residual_blocks="0",
        model__dropout="0",
        **NO_AUGMENTATION,
        optim__name="adamw",
        optim__max_lr="8e-3",
        optim__anneal="cos",
        data__batch_seconds="15",
        trainer__max_epochs="150",
        trainer__validate_every_steps="150",
    )
    config.data.train, config.data.dev = [CorpusConfig(str(manifest))], str(manifest)
    return fit.fit(config, progress=False)


@pytest.fixture(scope="module")
def model(folder: Path, manifest: Path, checkpoint: Path) -> Path:
    path = folder / "ka.onnx"
    assert export([str(checkpoint), "--dev", str(manifest), "--output", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def words(folder: Path, checkpoint: Path) -> Path:
    """A language model of the sentences, for the labels of the model."""
    config = folder / "toy" / "config.yaml"  # which the run has written
    text, path = folder / "text.txt", folder / "lm.bin"
    text.write_text("\n".join(f"{sentence}." for sentence in SENTENCES), encoding="utf-8")
    assert language_model.main(["--text", str(text), "--output", str(path), "--config", str(config)]) == 0
    return path


def test_the_checkpoint_knows_its_language_and_letters(checkpoint: Path) -> None:
    spec: ModelSpec = model_spec(load_checkpoint(checkpoint)[1])
    assert spec.language == LANGUAGE
    assert spec.labels == ("", " ", *LETTERS)


def post(port: int, audio: bytes, **options: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        connection.request("POST", f"/transcribe?{urlencode(options)}", audio, {"Content-Type": "audio/wav"})
        reply = connection.getresponse()
        return reply.status, reply.read().decode()


def test_a_dozen_sentences_are_served_in_their_letters(
    folder: Path, model: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARK_MODEL", str(model))
    monkeypatch.setenv("HARK_LM", str(words))
    with serve() as server:
        for number, sentence in enumerate(SENTENCES):
            audio = (folder / f"{number:02}.wav").read_bytes()
            for decoder in ("beam", "greedy") if number < 4 else ("beam",):
                status, body = post(server.port, audio, language=LANGUAGE, decoder=decoder, text_style="spoken")
                reply = json.loads(body)
                assert (status, reply["text"], reply["language"]) == (200, sentence, LANGUAGE), decoder
                assert [word["word"] for word in reply["words"]] == sentence.split()
                starts = [word["start"] for word in reply["words"]]
                assert starts == sorted(starts)
                assert abs(starts[0] - _EDGE_S) < 0.2
        status, subtitles = post(server.port, audio, response_format="srt", text_style="spoken")
        assert status == 200
        assert subtitles.splitlines()[0] == "1"
        assert "-->" in subtitles.splitlines()[1]
        assert " ".join(subtitles.splitlines()[2:]).strip() == SENTENCES[-1]
        status, refused = post(server.port, audio, language="en")
        assert status == 400
        assert LANGUAGE in refused or "georgian" in refused
