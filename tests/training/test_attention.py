"""An attention decoder starts from Whisper's, whoever wrote it, and learns what is said."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hark.subwords import Subwords
from tests.attention_files import KEPT, drawn_decoder
from tests.conftest import DATA
from tests.training import whisper_decoder_files as files
from tests.training.toy import NO_AUGMENTATION, TINY_WHISPER, toy_config
from training.attention import fit as attention_fit
from training.attention import learners
from training.attention.checkpoint import Checkpoint, Vocabulary, digest_of, load_checkpoint
from training.attention.fit import Schedule, count_words
from training.attention.generate import generate
from training.attention.learners import Reader, Together, loss_of, targets_of
from training.attention.network import AttentionDecoder, Shape
from training.attention.pretrained import load_decoder
from training.checkpoint import checkpoint_of
from training.checkpoint import load_checkpoint as load_recognizer
from training.config import Config, CorpusConfig, model_spec
from training.dataset import Batch
from training.errors import CheckpointError
from training.network import build
from training.task import SpeechData
from training.whisper import WhisperCtc, WhisperEncoder

KINDS = pytest.mark.parametrize("kind", ["transformers", "OpenAI", "CTranslate2"])
COUNTS = {"the": 50, "thing": 30, "and": 20, "an": 5, "can't": 5, "her": 1}


def _by_hand(weights: files.Weights, rows: list[int], features: np.ndarray, tokens: list[int]) -> np.ndarray:
    """[frames, size] and tokens -> [tokens, ids], in double precision and one head and one token at a time."""
    w = {name: value.double().numpy() for name, value in weights.items()}
    table, head = w["tokens.weight"][rows], files.SIZE // files.HEADS

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", np.zeros(1))

    def attend(x: np.ndarray, seen: np.ndarray, name: str, causal: bool) -> np.ndarray:
        query, keys, values = linear(x, f"{name}.query"), linear(seen, f"{name}.key"), linear(seen, f"{name}.value")
        mixed = np.zeros_like(query)
        for i in range(len(x)):
            last = i + 1 if causal else len(seen)
            for part in (slice(of * head, (of + 1) * head) for of in range(files.HEADS)):
                scores = np.exp(keys[:last, part] @ query[i, part] / math.sqrt(head))
                mixed[i, part] = scores / scores.sum() @ values[:last, part]
        return linear(mixed, f"{name}.output")

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    x = table[tokens] + w["positions"][: len(tokens)]
    for i in range(files.LAYERS):
        block = f"blocks.{i}"
        normed = norm(x, f"{block}.said_norm")
        x = x + attend(normed, normed, f"{block}.said", causal=True)
        x = x + attend(norm(x, f"{block}.heard_norm"), features, f"{block}.heard", causal=False)
        x = x + linear(gelu(linear(norm(x, f"{block}.norm"), f"{block}.widen")), f"{block}.narrow")
    scores = norm(x, "norm") @ table.T
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


@KINDS
def test_the_decoder_is_whispers_whoever_wrote_it(kind: str, tmp_path: Path) -> None:
    weights = files.draw()
    found = load_decoder(str(files.write_decoder(kind, tmp_path / "whisper", weights)))
    network, subwords = found.reduced(COUNTS, 34, 20)
    assert (found.start, found.end) == (("<|startoftranscript|>", "<|notimestamps|>"), "<|endoftext|>")
    rows = [files.SUBWORDS.index(token.replace(" ", "\u0120")) for token in subwords.tokens]
    rows += [len(files.SUBWORDS) + files.MARKS.index(mark) for mark in (*found.start, found.end)]
    assert network.shape == Shape(files.SIZE, files.HEADS, files.LAYERS, 34 + 3, 20)
    for name, value in network.state_dict().items():
        chosen = {"tokens.weight": rows, "positions": list(range(20))}.get(name)
        assert torch.equal(value, weights[name].float() if chosen is None else weights[name].float()[chosen]), name
    features = torch.randn(1, 7, 2 * files.SIZE, generator=torch.Generator().manual_seed(1))
    tokens = [34, 35, 0, 5, 9]
    with torch.no_grad():
        log_probs = network.eval()(features, torch.tensor([7]), torch.tensor([tokens]))[0]
    expected = _by_hand(weights, rows, features[0].reshape(14, files.SIZE).double().numpy(), tokens)
    np.testing.assert_allclose(log_probs.numpy(), expected, atol=1e-3)


def test_the_vocabulary_is_lower_case_english_in_the_order_of_its_learning(tmp_path: Path) -> None:
    found = load_decoder(str(files.write_decoder("transformers", tmp_path / "whisper", files.draw())))
    assert found.joined == (
        "'", *"abcdefghijklmnopqrstuvwxyz", " ", "th", " t", "he", " the", "in", "'t", "an", "ing", " and", "er"
    )  # fmt: skip
    _, few = found.reduced(COUNTS, 30, 20)
    # Of the rest, what these words need most; "ing" is a part of "thing" only together with "th".
    assert set(few.tokens) - set("' abcdefghijklmnopqrstuvwxyz") == {" the", "th"} or len(few) == 30
    assert few.text(few.ids("the thing can't") or ()) == "the thing can't"
    _, everything = found.reduced(COUNTS, 5000, 20)
    assert everything.tokens == found.joined


def test_a_model_for_many_languages_is_told_that_it_hears_english(tmp_path: Path) -> None:
    marks = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|transcribe|>", "<|notimestamps|>")
    folder = files.write_decoder("transformers", tmp_path / "whisper", files.draw(tokens=51865))
    files.write_vocabulary(folder, files.tokenizer(marks=marks))
    found = load_decoder(str(folder))
    assert found.start == ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")
    _, subwords = found.reduced(COUNTS, 34, 20)
    assert len(subwords) == 34


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("no vocabulary", r"no tokenizer\.json beside it"),
        ("damaged vocabulary", "cannot be read"),
        ("another vocabulary", "cannot be read"),
        ("no marks", r"no <\|startoftranscript\|>, <\|notimestamps\|>: is it Whisper's"),
        ("no letters", "has no 'q' among its tokens: is it Whisper's"),
        ("fewer tokens", r"fewer tokens than its tokenizer\.json"),
        ("empty folder", "cannot be read"),
        ("damaged tensors", "cannot be read"),
        ("encoder alone", "cannot be read"),
        ("CTranslate2 cut short", "cannot be read"),
        ("CTranslate2 quantised", "quantised"),
        ("another .pt", "not one of OpenAI's"),
        ("other layers", "other layers than Whisper's"),
    ],
)
def test_what_is_no_whisper_decoder_is_refused(case: str, message: str, tmp_path: Path) -> None:
    kind = {"CT": "CTranslate2", "an": "OpenAI"}.get(case[:2], "transformers")
    kind = "transformers" if case == "another vocabulary" else kind
    weights = files.draw(tokens=20) if case == "fewer tokens" else files.draw()
    if case == "other layers":
        weights = {
            name: torch.zeros(3, files.SIZE) if "widen.weight" in name else each for name, each in weights.items()
        }
    source = files.write_decoder(kind, tmp_path / "whisper", weights)
    folder = tmp_path / "whisper"
    match case:
        case "no vocabulary":
            (folder / "tokenizer.json").unlink()
        case "damaged vocabulary":
            (folder / "tokenizer.json").write_text('{"model": ')
        case "another vocabulary":
            files.write_vocabulary(folder, {"model": {"vocab": []}, "added_tokens": []})
        case "no marks":
            files.write_vocabulary(folder, files.tokenizer(marks=("<|endoftext|>",)))
        case "no letters":
            files.write_vocabulary(folder, files.tokenizer(tuple(each for each in files.SUBWORDS if each != "q")))
        case "empty folder":
            for file in folder.iterdir():
                file.unlink()
        case "damaged tensors":
            (folder / "model.safetensors").write_bytes(b"?" * 100)
        case "encoder alone":
            from safetensors.torch import save_file

            save_file({"model.encoder.conv1.weight": torch.zeros(1)}, folder / "model.safetensors")
        case "CTranslate2 cut short":
            (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:-3000])
        case "CTranslate2 quantised":
            whole = {**weights, "tokens.weight": weights["tokens.weight"].to(torch.int8)}
            files.write_decoder(kind, folder, whole)
        case "another .pt":
            torch.save({"weights": torch.zeros(3)}, source)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_decoder(str(source)).reduced(COUNTS, 34, 20)
    assert "\n" not in str(caught.value)


def test_words_are_counted_as_the_decoder_will_write_them(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The cat -- the CAT's mat. 'tis 3 o'clock'\n''\n")
    counts = count_words([text], ["the cat"])
    assert counts == {"the": 2 + 3, "cat": 1 + 3, "cat's": 1, "mat": 1, "tis": 1, "o'clock": 1}


def test_what_is_read_and_what_is_written_are_one_token_apart() -> None:
    _, vocabulary = drawn_decoder()
    spelt = {text: vocabulary.subwords.ids(text) or [] for text in ("the train", "a")}
    read, write = targets_of([*spelt, ""], vocabulary, 96)
    starts, end = vocabulary.start, vocabulary.end
    longest = len(starts) + max(map(len, spelt.values()))
    assert read.shape == write.shape == (3, longest)
    for row, ids in enumerate([*spelt.values(), []]):
        known = len(starts) + len(ids)
        assert read[row, :known].tolist() == [*starts, *ids]
        assert set(read[row, known:].tolist()) <= {end}
        # Of the marks that begin a text only the last one is followed by what is learnt.
        assert write[row, : len(starts) - 1].tolist() == [-100] * (len(starts) - 1)
        assert write[row, len(starts) - 1 : known].tolist() == [*ids, end]
        assert set(write[row, known:].tolist()) <= {-100}


def test_a_text_that_is_too_long_ends_early() -> None:
    _, vocabulary = drawn_decoder()
    read, write = targets_of(["x" * 200, "a"], vocabulary, 10)
    assert read.shape == (2, 10)
    assert vocabulary.end not in write[0].tolist()
    assert write[1].tolist().count(vocabulary.end) == 1


def batch_of(texts: list[str], lengths: list[int], frames: int, seed: int = 0) -> Batch:
    features = torch.randn(len(texts), 30, 32, generator=torch.Generator().manual_seed(seed))[:, :frames]
    return Batch(features, torch.tensor(lengths), torch.zeros(0), torch.zeros(len(texts)), texts)


def test_padding_and_neighbours_change_no_loss() -> None:
    network, vocabulary = drawn_decoder()
    texts, lengths = ["the station and the train", "a", "it's in"], [30, 4, 9]
    alone = []
    for i, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        whole = batch_of(texts, lengths, 30)
        one = dataclasses.replace(
            whole, log_mel=whole.log_mel[i : i + 1, :length], lengths=torch.tensor([length]), texts=[text]
        )
        tokens = len(vocabulary.subwords.ids(text) or []) + 1
        alone.append((loss_of(network, one, vocabulary, 0.1).item(), tokens))
    together = loss_of(network, batch_of(texts, lengths, 30), vocabulary, 0.1).item()
    expected = sum(loss * tokens for loss, tokens in alone) / sum(tokens for _, tokens in alone)
    assert together == pytest.approx(expected, rel=1e-4)


def test_smoothing_is_of_what_the_loss_is_said_to_be() -> None:
    network, vocabulary = drawn_decoder()
    batch = batch_of(["the train"], [20], 20)
    read, write = targets_of(batch.texts, vocabulary, network.shape.positions)
    with torch.no_grad():
        log_probs = network(batch.log_mel, batch.lengths, read)
        expected = torch.nn.functional.cross_entropy(
            log_probs.flatten(0, 1), write.flatten(), ignore_index=-100, label_smoothing=0.2
        )
        assert loss_of(network, batch, vocabulary, 0.2).item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of four utterances."""
    manifest = tmp_path_factory.mktemp("few") / "few.jsonl"
    lines = [json.loads(line) for line in (DATA / "manifest.jsonl").read_text().splitlines()[:4]]
    for each in lines:
        each["audio_filepath"] = str(DATA / each["audio_filepath"])
    manifest.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return manifest


def toy(folder: Path, manifest: Path) -> Config:
    config = toy_config(
        folder, **TINY_WHISPER, **NO_AUGMENTATION, data__dev=str(manifest), data__shortest_first="false"
    )
    config.data.train = [CorpusConfig(str(manifest))]
    return config


def encoder_of(config: Config) -> WhisperEncoder:
    torch.manual_seed(0)
    spec = model_spec(config)
    model = build(config.model, spec.feature_size, len(spec.labels)).eval()
    assert isinstance(model, WhisperCtc)
    return model.encoder


@pytest.fixture(scope="module")
def heard(few: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, SpeechData, str]:
    """A config, its batches of features, and the digest of what computed them."""
    config = toy(tmp_path_factory.mktemp("toy"), few)
    encoder = encoder_of(config)
    return config, attention_fit._data(config, encoder), digest_of(encoder)


def started(encoder: str = "", seed: int = 5) -> Checkpoint:
    network, vocabulary = drawn_decoder(size=32, seed=seed)
    return Checkpoint(network, vocabulary, encoder, "toy", "1", "four sentences")


QUICK = Schedule(steps=120, max_lr=4e-3, weight_decay=0.0, dropout=0.0, smoothing=0.0, validate_every=60)


def reader(checkpoint: Checkpoint) -> Reader:
    return Reader(checkpoint, QUICK.smoothing)


def test_a_few_utterances_are_learnt_by_heart(
    heard: tuple[Config, SpeechData, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, data, digest = heard
    attention_fit.fit(config, reader(started(digest)), data, QUICK, tmp_path / "run")
    assert "step 120: WER of the dev sets 0.0000" in capsys.readouterr().out
    learnt = load_checkpoint(tmp_path / "run" / "best.ckpt")
    assert (learnt.encoder, learnt.name, learnt.version, learnt.training_data) == (digest, "toy", "1", "four sentences")
    [loader] = data.val_dataloader()
    for batch in loader:
        found = generate(learnt.network, batch.log_mel, batch.lengths, learnt.vocabulary, 40)
        assert found == list(batch.texts)
    # Half as precise, as it is published, it is the same decoder.
    content = learnt.content()
    content["attention_decoder"] = {name: each.half() for name, each in content["attention_decoder"].items()}
    torch.save(content, tmp_path / "half.ckpt")
    halved = load_checkpoint(tmp_path / "half.ckpt")
    for name, value in halved.network.state_dict().items():
        torch.testing.assert_close(value, learnt.network.state_dict()[name], atol=2e-3, rtol=2e-3)


def test_a_run_that_was_interrupted_goes_on_as_if_it_had_not_been(
    heard: tuple[Config, SpeechData, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, data, digest = heard
    schedule = dataclasses.replace(QUICK, steps=8, validate_every=4)
    attention_fit.fit(config, reader(started(digest)), data, schedule, tmp_path / "whole")

    class Stopped(Exception):
        pass

    steps = 0

    def stop(*arguments: Any) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps > 6:
            raise Stopped
        return loss_of(*arguments)

    monkeypatch.setattr(learners, "loss_of", stop)
    with pytest.raises(Stopped):
        attention_fit.fit(config, reader(started(digest)), data, schedule, tmp_path / "parts")
    monkeypatch.undo()
    attention_fit.fit(config, reader(started(digest, seed=99)), data, schedule, tmp_path / "parts")
    whole, parts = (torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 8
    for name, value in whole["learner"].items():
        torch.testing.assert_close(parts["learner"][name], value, atol=1e-5, rtol=1e-4)
    assert not [file for file in (tmp_path / "parts").iterdir() if file.name.startswith(".")]


def test_only_its_own_run_is_gone_on_with(heard: tuple[Config, SpeechData, str], tmp_path: Path) -> None:
    config, data, digest = heard
    schedule = dataclasses.replace(QUICK, steps=2, validate_every=2)
    attention_fit.fit(config, reader(started(digest)), data, schedule, tmp_path)
    for checkpoint, changed in (
        (started("0123456789ab"), schedule),
        (started(digest), dataclasses.replace(schedule, steps=4)),
    ):
        with pytest.raises(CheckpointError, match=r"last\.ckpt is of a run with other settings; remove it"):
            attention_fit.fit(config, reader(checkpoint), data, changed, tmp_path)
    (tmp_path / "last.ckpt").write_bytes(b"cut short")
    with pytest.raises(CheckpointError, match=r"last\.ckpt is of no run that could go on; remove it"):
        attention_fit.fit(config, reader(started(digest)), data, schedule, tmp_path)


def test_a_loss_that_is_no_number_ends_the_run(heard: tuple[Config, SpeechData, str], tmp_path: Path) -> None:
    config, data, digest = heard
    broken = started(digest)
    with torch.no_grad():
        broken.network.norm.weight.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="loss of step 1 is nan; lower the learning rate"):
        attention_fit.fit(config, reader(broken), data, QUICK, tmp_path)
    assert not list(tmp_path.glob("*.ckpt"))


def together(config: Config, ctc_weight: float = 1.0) -> Together:
    encoder = encoder_of(config)
    model = build(config.model, model_spec(config).feature_size, len(model_spec(config).labels))
    assert isinstance(model, WhisperCtc)
    model.encoder.load_state_dict(encoder.state_dict())
    model.encoder.freeze(config.optim.frozen)
    return Together(started(digest_of(encoder)), QUICK.smoothing, model, config, ctc_weight)


def test_the_loss_of_learning_together_is_the_sum_of_both(few: Path, tmp_path: Path) -> None:
    config = toy(tmp_path, few)
    data = attention_fit._data(config, None)
    batch = next(iter(data.train_dataloader()))
    learner = together(config, 0.5).eval()
    with torch.no_grad():
        heard = learner.heard(batch)
        alone = loss_of(learner.network, heard, learner.vocabulary, QUICK.smoothing)
        log_probs, lengths = learner.model(batch.log_mel, batch.lengths)
        spelt = torch.nn.functional.ctc_loss(
            log_probs.transpose(0, 1), batch.targets, lengths, batch.target_lengths, learner.spec.blank, "sum"
        )
        expected = alone + 0.5 * spelt / sum(map(len, batch.texts))
        assert learner.loss(batch).item() == pytest.approx(expected.item(), rel=1e-5)


def test_encoder_head_and_decoder_learn_together(few: Path, tmp_path: Path) -> None:
    config = toy(tmp_path, few)
    config.optim.frozen, config.optim.encoder_lr_share = 1, 0.5
    data = attention_fit._data(config, None)
    learner = together(config)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    schedule = dataclasses.replace(QUICK, steps=6, validate_every=6, ctc_weight=1.0)
    attention_fit.fit(config, learner, data, schedule, tmp_path / "run")
    stayed = {name for name, value in learner.state_dict().items() if torch.equal(value, before[name])}
    assert stayed == {name for name in before if name.startswith(("model.encoder.conv1", "model.encoder.conv2"))}
    decoder = load_checkpoint(tmp_path / "run" / "best.ckpt")
    recognizer, kept = load_recognizer(tmp_path / "run" / "best.recognizer.ckpt")
    assert isinstance(recognizer, WhisperCtc)
    assert decoder.encoder == digest_of(recognizer.encoder) != learner.checkpoint.encoder
    assert kept.model == config.model
    # Interrupted and gone on with, it is the same run.
    attention_fit.fit(config, together(config), data, schedule, tmp_path / "run")


@pytest.fixture
def commanded(few: Path, tmp_path: Path) -> tuple[list[str], Config, WhisperCtc]:
    """Arguments of the command, and the recogniser they name."""
    config = toy(tmp_path, few)
    torch.manual_seed(0)
    spec = model_spec(config)
    model = build(config.model, spec.feature_size, len(spec.labels)).eval()
    assert isinstance(model, WhisperCtc)
    torch.save(checkpoint_of(model, config), tmp_path / "recognizer.ckpt")
    overrides = {**TINY_WHISPER, **NO_AUGMENTATION, "data__cache_dir": str(tmp_path / "cache"), "data__dev": str(few)}
    for name in ("augment__noise__folder", "augment__room__folder"):
        overrides[name] = "''"
    overrides |= {"data__train": f"[{{manifest: {few}}}]", "data__workers": "0", "data__batch_seconds": "10"}
    arguments = [
        "training/configs/small.yaml",
        *(f"{name.replace('__', '.')}={each}" for name, each in overrides.items()),
    ]
    more = {"recognizer": tmp_path / "recognizer.ckpt", "output": tmp_path / "run", "steps": 2, "validate-every": 2}
    return [*arguments, *(part for name, each in more.items() for part in (f"--{name}", str(each)))], config, model


def test_the_command_starts_from_whispers_decoder_and_goes_on_from_a_checkpoint(
    commanded: tuple[list[str], Config, WhisperCtc], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, _, model = commanded
    monkeypatch.setattr(attention_fit, "POSITIONS", 40)
    monkeypatch.setattr(files, "SIZE", 32)
    folder = files.write_decoder("transformers", tmp_path / "whisper", files.draw())
    (tmp_path / "text.txt").write_text("the thing and the other\n" * 3)
    named = ["--name", "mine", "--version", "2", "--training-data", "mine alone"]
    text = ["--text", str(tmp_path / "text.txt")]
    assert attention_fit.main([*arguments, *named, *text, "--init-from", str(folder)]) == 0
    made = load_checkpoint(tmp_path / "run" / "best.ckpt")
    assert (made.name, made.version, made.training_data) == ("mine", "2", "mine alone")
    assert made.encoder == digest_of(model.encoder)
    assert made.network.shape.positions == 40
    again = [*arguments, "--output", str(tmp_path / "second"), "--init-from", str(tmp_path / "run" / "best.ckpt")]
    assert attention_fit.main(again) == 0
    assert (
        load_checkpoint(tmp_path / "second" / "best.ckpt").vocabulary.subwords.tokens == made.vocabulary.subwords.tokens
    )


def test_the_command_teaches_the_recogniser_as_well(
    commanded: tuple[list[str], Config, WhisperCtc], tmp_path: Path
) -> None:
    arguments, _, model = commanded
    torch.save(started(digest_of(model.encoder)).content(), tmp_path / "start.ckpt")
    more = ["--init-from", str(tmp_path / "start.ckpt"), "--ctc-weight", "1.5"]
    assert attention_fit.main([*arguments, *more]) == 0
    recognizer, _ = load_recognizer(tmp_path / "run" / "best.recognizer.ckpt")
    assert isinstance(recognizer, WhisperCtc)
    assert load_checkpoint(tmp_path / "run" / "best.ckpt").encoder == digest_of(recognizer.encoder)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("another network", "has no Whisper encoder"),
        ("joined inside", r"joins frames before the last block \(model\.whisper\.joined_before\)"),
        ("other features", "has other features than"),
        ("another encoder", "reads the features of another encoder than"),
        ("no checkpoint", "is no checkpoint of an attention decoder"),
        ("no model", "cannot be read as a Whisper model"),
    ],
)
def test_the_command_says_what_does_not_belong_together(
    commanded: tuple[list[str], Config, WhisperCtc],
    case: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments, config, _ = commanded
    arguments = [*arguments, "--init-from", str(tmp_path)]
    match case:
        case "another network" | "joined inside":
            kind = "rnn" if case == "another network" else "whisper"
            shape = dataclasses.replace(config.model.whisper, joined_before=1)
            changed = dataclasses.replace(config.model, encoder=kind, whisper=shape)
            other = dataclasses.replace(config, model=changed)
            spec = model_spec(other)
            network = build(other.model, spec.feature_size, len(spec.labels))
            torch.save(checkpoint_of(network, other), tmp_path / "recognizer.ckpt")
        case "other features":
            arguments = [
                "features.log_floor=1e-9" if each.startswith("features.log_floor") else each for each in arguments
            ]
        case "another encoder":
            torch.save(started("0123456789ab").content(), tmp_path / "start.ckpt")
            arguments[-1] = str(tmp_path / "start.ckpt")
        case "no checkpoint":
            torch.save({"weights": 3}, tmp_path / "start.ckpt")
            arguments[-1] = str(tmp_path / "start.ckpt")
    assert attention_fit.main(arguments) == 1
    error = capsys.readouterr().err
    assert message.replace("\\", "") in error
    assert len(error.strip().splitlines()) == 1


def test_the_digest_tells_encoders_apart_and_not_precisions(few: Path, tmp_path: Path) -> None:
    encoder = encoder_of(toy(tmp_path, few))
    digest = digest_of(encoder)
    assert len(digest) == 12
    assert digest_of(encoder.half()) == digest_of(encoder.float()) == digest
    with torch.no_grad():
        encoder.norm.bias[0] += 0.01
    assert digest_of(encoder) != digest


def test_generation_leaves_out_marks_and_ends_each_text_by_itself() -> None:
    network, vocabulary = drawn_decoder()
    batch = batch_of(["", "", ""], [30, 4, 9], 30)
    together = generate(network, batch.log_mel, batch.lengths, vocabulary, 12)
    for i, text in enumerate(together):
        length = int(batch.lengths[i])
        [alone] = generate(network, batch.log_mel[i : i + 1, :length], batch.lengths[i : i + 1], vocabulary, 12)
        assert alone == text
        assert set(text) <= set("".join(KEPT))


def test_a_vocabulary_has_its_marks_after_its_subwords() -> None:
    vocabulary = Vocabulary(Subwords(("a", "b"), ("a", "b")), ("<s>", "<t>", "<e>"))
    assert (vocabulary.start, vocabulary.end) == ([2, 3], 4)
    assert AttentionDecoder(Shape(8, 2, 1, 5, 9)).shape.tokens == 5
