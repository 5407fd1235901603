"""Keyword models: what they learn from, that they learn it, and what is said of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from export import __main__ as export_command
from hark.recognizer import Recognizer
from tests.training import whisper_files
from tests.training.whisper_files import write_transformers
from tests.training.words import LABELS, WORDS, make_words, spoken, word_config
from training import evaluate, fit, inspect
from training.checkpoint import load_checkpoint
from training.config import Config, model_spec
from training.config_files import load_config
from training.dataset import joined
from training.errors import ConfigError, ManifestError
from training.keywords import split, text
from training.keywords.data import KeywordBatch, KeywordData, KeywordDataset, label_of, place, training_words, trim
from training.keywords.report import evaluate_keywords, wilson
from training.keywords.task import KeywordTask
from training.keywords.whisper import WhisperClassifier
from training.manifest import Utterance, read_manifest
from training.network import build
from training.pretrained import load_pretrained
from training.task import SpeechTask

pytestmark = pytest.mark.xdist_group("keywords")  # one run of the fixtures serves all

TINY_WHISPER = {
    "features": "{n_mels: 80, f_min_hz: 0, log_floor: 1e-10, normalisation: whisper, mel_scale: slaney}",
    "features__mel_norm": "slaney",
    "model__encoder": "whisper",
    "model__whisper": "{layers: 1, size: 32, heads: 2, joined_before: 1, head: pooling, head_layers: 1}",
    "model__rnn_size": "16",
}
SHAPES = {
    "separable": {},
    "two dilations": {"model__separable": "{channels: 16, kernel: 3, dilations: [1, 2]}"},
    "gru on samples": {"model": "{encoder: gru, rnn_size: 8, rnn_layers: 2}", "features__kind": "samples"},
    "whisper": TINY_WHISPER,
    "mfcc": {"features__kind": "mfcc", "features__n_mfcc": "13"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_neither_padding_nor_neighbours_change_an_utterance(shape: str, tmp_path: Path) -> None:
    config = word_config(tmp_path, **SHAPES[shape])
    torch.manual_seed(0)
    size = model_spec(config).feature_size
    model = build(config.model, size, len(LABELS)).eval()
    lengths = [101, 40, 1, 77]
    batch = torch.randn(len(lengths), 130, size)
    with torch.inference_mode():
        together, ones = model(batch, torch.tensor(lengths))
        assert together.shape == (4, 1, len(LABELS))
        assert ones.tolist() == [1, 1, 1, 1]
        for i, length in enumerate(lengths):
            alone, _ = model(batch[i : i + 1, :length], torch.tensor([length]))
            torch.testing.assert_close(together[i], alone[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Yes.", "yes"),
        ("banana", "unknown"),
        ("how are you", "unknown"),
        ("yes, I do", None),
        ("unknown", "unknown"),
        ("...", "silence"),
        ("", "silence"),
    ],
)
def test_a_text_has_the_label_of_its_word(text: str, label: str | None) -> None:
    assert label_of(text, LABELS) == label


def test_a_recording_is_placed_where_it_is_told_to() -> None:
    word = np.ones(4, np.float32)
    assert place(word, 6, 0).tolist() == [1, 1, 1, 1, 0, 0]
    assert place(word, 6, 0.5).tolist() == [0, 1, 1, 1, 1, 0]
    assert place(word, 6, 1).tolist() == [0, 0, 1, 1, 1, 1]
    assert place(np.arange(6.0, dtype=np.float32), 4, 0.5).tolist() == [1, 2, 3, 4]


def test_sentences_with_a_word_of_the_model_are_left_out(tmp_path: Path) -> None:
    config = word_config(tmp_path)
    manifest = tmp_path / "train" / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    extra = [json.dumps({**json.loads(lines[0]), "text": text}) for text in ("oh yes indeed", "oh well indeed")]
    manifest.write_text("\n".join([*lines, *extra]))
    texts = [utterance.text for utterance in joined(training_words(config.data, LABELS))[0]]
    assert "oh well indeed" in texts
    assert "oh yes indeed" not in texts


def test_recordings_that_cannot_be_read_or_labelled_are_left_out_and_counted(tmp_path: Path) -> None:
    config = word_config(tmp_path)
    manifest = tmp_path / "train" / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    (tmp_path / "train" / "broken.wav").write_bytes(b"RIFF, or so it says")
    changes: list[dict[str, str]] = [{"text": "oh yes indeed"}, {"audio_filepath": "broken.wav"}]
    manifest.write_text("\n".join([*(json.dumps({**json.loads(lines[0]), **each}) for each in changes), *lines]))
    data = KeywordData(config)
    data.prepare_data()
    for _ in range(2):
        data.setup("fit")
        assert len(data.train) == len(data.repeats) == len(data.train_set.audio) == len(lines)
        assert len(data.train_set) == len(lines) + data.silences
    assert {reason: len(named) for reason, named in data.left_out.by_reason.items()} == {
        "with a word of the model among others": 1,
        "with audio that is missing or cannot be read": 1,
    }


def test_items_depend_on_seed_epoch_and_index_alone_and_are_of_one_length(tmp_path: Path) -> None:
    config = word_config(tmp_path)
    utterances = read_manifest(config.data.train[0].manifest)
    spec = model_spec(config)

    def dataset() -> KeywordDataset:
        return KeywordDataset(utterances, spec, config.data.cache_dir, config.augment, seed=3, silences=2)

    one, other = dataset(), dataset()
    assert len(one) == len(utterances) + 2
    for key in ((0, 0), (1, 0), (0, len(one) - 1)):
        torch.testing.assert_close(one[key][0], other[key][0])
        assert one[key][0].shape == (101, spec.n_mels)
    assert not torch.equal(one[0, 0][0], one[1, 0][0])
    assert [LABELS[one[0, i][1]] for i in (0, len(one) - 1)] == ["yes", "silence"]


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    def run(name: str, epochs: str, resume: Path | None = None) -> None:
        steps = {"trainer__max_epochs": epochs, "trainer__max_steps": "-1"}
        fit.fit(word_config(tmp_path / name, **steps), resume, progress=False)

    class Killed(Exception):
        pass

    run("whole", "4")
    config = word_config(tmp_path / "parted", trainer__max_epochs="4")

    class Kill(fit.L.Callback):
        def on_train_epoch_start(self, trainer: fit.L.Trainer, *_: object) -> None:
            if trainer.current_epoch == 2:
                raise Killed

    with pytest.raises(Killed):
        fit.fit(config, progress=False, callbacks=[Kill()])
    fit.fit(config, tmp_path / "parted/toy/last.ckpt", progress=False)
    whole, parted = (load_checkpoint(tmp_path / name / "toy/last.ckpt")[0].state_dict() for name in ("whole", "parted"))
    for name, value in whole.items():
        torch.testing.assert_close(parted[name], value, atol=1e-6, rtol=0)


def test_a_head_is_taught_above_an_encoder_that_stays_as_it_was_published(tmp_path: Path) -> None:
    published = write_transformers(tmp_path / "whisper", whisper_files.weights(layers=1))
    frozen = {"init_from": str(published), "optim__frozen": "3", "data__encoded_copies": "2"}
    config = word_config(tmp_path, **TINY_WHISPER, **frozen, trainer__max_epochs="4", optim__max_lr="2e-2")
    checkpoint = fit.fit(config, progress=False)
    model, _ = load_checkpoint(checkpoint)
    for name, value in load_pretrained(str(published)).weights.items():
        assert torch.equal(model.state_dict()[f"encoder.{name}"], value)
    output = tmp_path / "toy.onnx"
    export_command.export(checkpoint, [Path(config.data.dev)], output, "mixed", max_wer_loss=1)
    spec = Recognizer(output).spec
    trained = evaluate_keywords(evaluate.load_runner(checkpoint), read_manifest(config.data.dev), progress=False)
    assert (spec.measured["precision"], spec.measured["fp32_accuracy"]) == ("mixed", round(trained.accuracy, 5))


def test_encoded_items_are_those_of_the_recordings_and_silence_has_its_label(tmp_path: Path) -> None:
    unmasked = {"augment__frequency_masks": "0", "augment__time_masks": "0"}
    config = word_config(tmp_path, **TINY_WHISPER, **unmasked, optim__frozen="3")
    task = KeywordTask(config)
    assert isinstance(task.model, WhisperClassifier)
    data = KeywordData(config, task.model.encoder)
    data.setup("fit")
    for index in (0, len(data.train_items) - 1):
        features, label = data.train_items[1, index]
        log_mel, plain_label = data.train_set[0, index]  # the only copy there is
        expected, _ = task.model.encoder(log_mel[None], torch.tensor([len(log_mel)]))
        torch.testing.assert_close(features, expected[0], atol=2e-3, rtol=1e-3)
        assert label == plain_label
    assert label == LABELS.index("silence")


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path]:
    """A run over the tones, and its best checkpoint."""
    config = word_config(tmp_path_factory.mktemp("words"))
    return config, fit.fit(config, progress=False)


@pytest.fixture(scope="module")
def exported(learnt: tuple[Config, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, exported."""
    config, checkpoint = learnt
    output = tmp_path_factory.mktemp("exported") / "toy.onnx"
    arguments = [str(checkpoint), "--dev", config.data.dev, "--output", str(output), "--precision", "fp32"]
    assert export_command.main(arguments) == 0
    return output


def test_tones_are_learnt_and_told_from_others_by_the_exported_file(
    learnt: tuple[Config, Path], exported: Path
) -> None:
    spec = Recognizer(exported).spec
    assert (spec.task, spec.labels, spec.blank) == ("keywords", tuple(LABELS), -1)
    assert spec.measured["accuracy"] >= 0.9
    assert spec.measured["utterances"] == 30
    served = evaluate_keywords(Recognizer(exported), read_manifest(learnt[0].data.dev), progress=False)
    trained = evaluate_keywords(evaluate.load_runner(learnt[1]), read_manifest(learnt[0].data.dev), progress=False)
    assert served.accuracy == spec.measured["accuracy"]
    assert served.confusion.tolist() == trained.confusion.tolist()


def test_int8_is_exported_too_and_says_so(learnt: tuple[Config, Path], tmp_path: Path) -> None:
    config, checkpoint = learnt
    export_command.export(checkpoint, [Path(config.data.dev)], tmp_path / "int8.onnx", "int8", max_wer_loss=1)
    assert Recognizer(tmp_path / "int8.onnx").spec.measured["precision"] == "int8"


def test_evaluate_prints_and_writes_what_inspect_draws(
    learnt: tuple[Config, Path], exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    assert evaluate.main([learnt[0].data.dev, "--model", str(exported), "--json", str(report)]) == 0
    said = capsys.readouterr().out
    assert "yes             6" in said
    assert "95 %" in said
    figures = json.loads(report.read_text())
    assert np.sum(figures["confusion"]) == figures["utterances"] == 30
    assert figures["by_corpus"]["tones"]["all"] == 30
    assert inspect.main(["confusion", str(report), "--output", str(tmp_path / "confusion.png")]) == 0
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_report_cannot_be_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text('{"wer": 0.1}')
    assert inspect.main(["confusion", str(tmp_path / "other.json")]) == 1
    assert "is not a keyword model's report" in capsys.readouterr().err


def test_the_figure_shows_every_word_and_count(exported: Path, learnt: tuple[Config, Path]) -> None:
    from training.plots import confusion

    evaluation = evaluate_keywords(Recognizer(exported), read_manifest(learnt[0].data.dev), progress=False)
    (axes,) = confusion.draw(evaluation.as_json(), "toy").axes
    assert [label.get_text() for label in axes.get_yticklabels()][:3] == ["yes (6)", "no (6)", "stop (6)"]
    assert sum(int(text.get_text()) for text in axes.texts) == 30


def test_wilsons_interval_is_the_published_one() -> None:
    # 0 of 20 and 10 of 20, as Newcombe (1998) and every table have them.
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert wilson(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)


def test_a_network_for_the_other_task_is_refused(tmp_path: Path) -> None:
    config = word_config(tmp_path)
    config.task = "transcription"
    config.labels = ["", "a"]
    with pytest.raises(ConfigError, match="is for task: keywords"):
        SpeechTask(config)
    with pytest.raises(ConfigError, match="is not for task: keywords"):
        fit.fit(word_config(tmp_path, model__encoder="conformer"), progress=False)
    with pytest.raises(ConfigError, match="task must be"):
        fit.fit(word_config(tmp_path, task="singing"), progress=False)


# Bytes of a weight: int8 where it is Whisper's, else half precision. The keyword model may take 6 MB, the others one.
@pytest.mark.parametrize(
    ("name", "bytes_each", "most"),
    [("keywords", 1, 6_000_000), ("keywords-small", 2, 1_000_000), ("keywords-seed", 2, 1_000_000)],
)
def test_the_configs_have_the_35_words_and_are_no_larger_than_they_may_be(
    name: str, bytes_each: int, most: int
) -> None:
    config = load_config(f"training/configs/{name}.yaml")
    assert len(set(config.labels) - {"unknown", "silence"}) == 35
    model = build(config.model, model_spec(config).feature_size, len(config.labels))
    assert sum(parameter.numel() for parameter in model.parameters()) * bytes_each < most


def utterance(speaker: str, corpus: str) -> Utterance:
    return Utterance(Path(f"{speaker}.wav"), 1.0, "yes", {"speaker": speaker, "corpus": corpus})


def test_named_speakers_and_those_of_the_published_rule_are_held_out() -> None:
    # 026290a7 is in the corpus's validation list, bb05582b in its test list.
    commands = [
        utterance(f"keywords-{name}", "Speech Commands subset") for name in ("026290a7", "bb05582b", "0a7c2a8d")
    ]
    digits = [utterance(f"digits-{name}", "Free Spoken Digit Dataset") for name in ("theo", "026290a7")]
    kept, held_out = split.split([*commands, *digits], ["digits-theo"])
    assert [each.extra["speaker"] for each in held_out] == ["keywords-026290a7", "keywords-bb05582b", "digits-theo"]
    assert [each.extra["speaker"] for each in kept] == ["keywords-0a7c2a8d", "digits-026290a7"]
    with pytest.raises(ManifestError, match="no speaker digits-nobody"):
        split.split(digits, ["digits-nobody"])
    with pytest.raises(ManifestError, match="one side"):
        split.split(digits, [])
    with pytest.raises(ManifestError, match="Too little is held out"):
        split.halves(digits[:1], [])


def test_each_person_is_in_one_half_but_for_the_one_who_said_most() -> None:
    people = [utterance(f"person-{i % 20}", "sentences") for i in range(60)]
    digits = [
        Utterance(Path(f"{i}.wav"), 1.0, "one", {"speaker": "digits-theo", "corpus": "digits"}) for i in range(40)
    ]
    dev, test = split.halves([*people, *digits], ["digits-theo"])
    who_chooses, who_judges = ({each.extra["speaker"] for each in half} for half in (dev, test))
    assert who_chooses & who_judges == {"digits-theo"}
    assert len(dev) + len(test) == 100
    assert min(len(who_chooses), len(who_judges)) > 5
    # Where more are held out, everything stays on its side.
    assert split.halves(digits, ["digits-theo"])[0] == [each for each in dev if each in digits]


def test_the_split_command_writes_all_manifests(tmp_path: Path) -> None:
    manifest, others = make_words(tmp_path / "all"), make_words(tmp_path / "others", first_seed=50)
    names = ("train", "dev", "test")
    outputs = [part for name in names for part in (f"--{name}", str(tmp_path / f"{name}.jsonl"))]
    arguments = [str(manifest), "--dev-speaker", "tone-3", "--held-out", str(others), *outputs]
    assert split.main(arguments) == 0
    train, dev, test = (read_manifest(tmp_path / f"{name}.jsonl") for name in names)
    assert len(train) == 5 * len(WORDS)
    assert len(dev) + len(test) == 7 * len(WORDS)
    assert {each.extra["speaker"] for each in train} == {f"tone-{i}" for i in (0, 1, 2, 4, 5)}


def test_the_words_of_this_test_are_words() -> None:
    assert {len(spoken(word, 0)) for word in WORDS} == {8000}


def test_the_text_to_synthesize_has_every_word_and_others_that_sound_like_none(tmp_path: Path) -> None:
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("She ate four apples and stopped.\nApples, apples: follow the fellow to the hour.\n")
    output = tmp_path / "words.txt"
    arguments = ["training/configs/keywords.yaml", str(sentences), "--output", str(output), "--rounds", "4"]
    assert text.main(arguments) == 0
    lines = output.read_text().splitlines()
    assert len(lines) == 4 * (35 + 15)
    said = [line.strip(".!?").lower() for line in lines]
    words = set(load_config("training/configs/keywords.yaml").labels) - {"unknown", "silence"}
    assert all(said.count(word) == 4 for word in words)
    assert "apples" in said
    assert not {"ate", "to", "hour", "unknown", "silence"} & set(said)
    assert {line[-1] for line in lines} >= {".", "!", "?"}
    assert text.main([arguments[0], str(tmp_path / "none.txt"), "--output", str(output)]) == 1


def test_the_rarest_words_are_written_alone_and_without_other_text(tmp_path: Path) -> None:
    manifest, output = make_words(tmp_path / "all"), tmp_path / "rare.txt"
    arguments = ["training/configs/keywords.yaml", "--output", str(output), "--rounds", "2"]
    assert text.main([*arguments, "--rarest", "33", "--counted", str(manifest)]) == 0
    said = [line.strip(".!?").lower() for line in output.read_text().splitlines()]
    words = set(load_config("training/configs/keywords.yaml").labels) - {"unknown", "silence"}
    assert len(said) == 2 * 33
    assert len(set(said)) == 33
    assert set(said) <= words
    assert len({"yes", "no", "stop"} & set(said)) == 1  # these three are recorded, equally often
    assert text.main(arguments) == 0  # without sentences, "unknown" is what sounds similar
    assert len(output.read_text().splitlines()) == 2 * (35 + 15)
    with pytest.raises(SystemExit):
        text.main([*arguments, "--rarest", "33"])


def test_the_recipe_runs_on_recordings_of_single_words_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, config = make_words(tmp_path / "all"), Path("training/configs/keywords-small.yaml").resolve()
    speakers = ["--dev-speaker", "tone-3", "--dev-speaker", "tone-4"]
    monkeypatch.chdir(tmp_path)
    names = [part for name in ("train", "dev", "test") for part in (f"--{name}", f"data/keywords-{name}.jsonl")]
    assert split.main([str(manifest), *speakers, *names]) == 0
    tiny = ["model.separable={channels: 8, dilations: [1]}", "trainer.max_steps=2", "trainer.validate_every_steps=1"]
    quick = ["data.workers=0", "trainer.accelerator=cpu", "trainer.devices=1", "name=mine"]
    assert fit.main([str(config), *tiny, *quick]) == 0
    assert evaluate.main(["data/keywords-test.jsonl", "--model", "runs/mine/best.ckpt"]) == 0


def test_a_recording_loses_its_quiet_ends_but_for_a_margin() -> None:
    samples = np.concatenate([np.full(3200, 0.001), np.full(1600, 0.5), np.full(4800, 0.01)]).astype(np.float32)
    np.testing.assert_array_equal(trim(samples, (0.1, 0.1), (0, 0)), samples[3200:4800])
    np.testing.assert_array_equal(trim(samples, (0.1, 0.1), (400, 160)), samples[2800:4960])
    np.testing.assert_array_equal(trim(samples, (0.1, 0.01), (0, 0)), samples[3200:])
    silent = np.zeros(500, np.float32)
    np.testing.assert_array_equal(trim(silent, (0.1, 0.1), (10, 10)), silent)
    np.testing.assert_array_equal(trim(silent[:90], (0.1, 0.1), (10, 10)), silent[:90])


def test_what_is_too_often_unknown_in_training_is_so_much_less_likely_in_use(tmp_path: Path) -> None:
    config = word_config(tmp_path, optim__unknown_excess="2.0")
    task = KeywordTask(config)
    task.log = lambda *_, **__: None  # type: ignore[method-assign]
    labels = torch.tensor([LABELS.index("yes"), LABELS.index("unknown")])
    batch = KeywordBatch(torch.randn(2, 101, config.features.n_mels), torch.tensor([101, 101]), labels)
    task.eval()
    log_probs = task.model(batch.features, batch.lengths)[0][:, 0]
    log_probs[:, LABELS.index("unknown")] += 2.0
    torch.testing.assert_close(task.training_step(batch, 0), task.loss(log_probs, labels))
