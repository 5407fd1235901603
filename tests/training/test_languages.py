"""Runs in other languages than English: labels, texts, language models, subwords."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from omegaconf import OmegaConf

from hark.language_model import LanguageModel
from tests.conftest import ROOT
from tests.training.toy import SMALL, TINY, toy_config
from training import check, language_model, stages
from training.checkpoint import load_checkpoint
from training.config import CorpusConfig, model_spec
from training.config_files import config_from_dict, config_to_dict, load_config
from training.dataset import SpeechDataset
from training.errors import ConfigError, ManifestError
from training.language_rules import rules_of
from training.manifest import Utterance, write_manifest
from training.subword_labels import learn
from training.task import SpeechData
from training.text import ENGLISH_LABELS, decode, encode

ITALIAN = ["", " ", *rules_of("it").letters]


def utterances(folder: Path, *texts: str, **extra: str) -> Path:
    """Writes noise with these texts, and a manifest; returns its path."""
    made = []
    for number, text in enumerate(texts):
        path = folder / f"{number}.wav"
        folder.mkdir(parents=True, exist_ok=True)
        sf.write(path, np.random.default_rng(number).normal(0, 0.1, 32000).astype(np.float32), 16000)
        made.append(Utterance(path, 2.0, text, extra))
    write_manifest(folder / "manifest.jsonl", made)
    return folder / "manifest.jsonl"


def test_a_language_brings_its_letters() -> None:
    assert load_config(SMALL, ["language=it"]).labels == ITALIAN
    assert load_config(SMALL, ["language=Italian"]).language == "it"
    assert load_config(SMALL, ["language=PT_br"]).language == "pt-BR"
    assert load_config(SMALL, ["language=en-GB"]).labels == list(ENGLISH_LABELS)
    assert load_config(SMALL).language == "en"


def test_an_alphabet_names_the_labels_in_nfc() -> None:
    config = load_config(SMALL, ["language=ka", "alphabet=აბგ"])
    assert config.labels == ["", " ", "ა", "ბ", "გ"]
    assert load_config(SMALL, ["language=it", "alphabet=abe\u0300"]).labels == ["", " ", "a", "b", "è"]
    spec = model_spec(config)
    assert (spec.language, spec.labels, spec.blank) == ("ka", ("", " ", "ა", "ბ", "გ"), 0)
    assert config_from_dict(config_to_dict(config)).labels == config.labels


def test_the_config_that_a_run_leaves_can_be_read_again(tmp_path: Path) -> None:
    config = load_config(SMALL, ["language=ka", "alphabet=აბგ"])
    config.labels = [*config.labels, " აბ"]
    OmegaConf.save(OmegaConf.structured(config), tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["language=ka"], "no alphabet for ka"),
        (["language='not a language'"], "is no language"),
        (["language=it", "alphabet=abc", "labels=['', ' ', a]"], "either alphabet or labels"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(SMALL, overrides)


def italian(folder: Path, manifest: Path, **overrides: str) -> SpeechData:
    config = toy_config(folder, language="it", **overrides)
    config.data.train, config.data.dev = [CorpusConfig(str(manifest))], str(manifest)
    return SpeechData(config)


def test_texts_are_written_in_the_language_of_the_run(tmp_path: Path) -> None:
    manifest = utterances(tmp_path, "L’acqua è a 21 °C, perché no?", language="it-IT")
    data = italian(tmp_path, manifest)
    data.setup("fit")
    dataset = data.dev_items[0]
    assert isinstance(dataset, SpeechDataset)
    assert dataset.texts == ["l'acqua è a ventuno gradi celsius perché no"]
    assert decode(dataset.label_ids(0), data.spec.labels) == dataset.texts[0]


def test_recordings_of_another_language_and_without_labels_are_left_out(tmp_path: Path) -> None:
    good = utterances(tmp_path / "a", "ciao", language="it")
    bad = utterances(tmp_path / "b", "hola", language="es")
    odd = utterances(tmp_path / "c", "東京")
    config = toy_config(tmp_path, language="it")
    config.data.train = [CorpusConfig(str(path)) for path in (good, bad, odd)]
    config.data.dev = str(good)
    data = SpeechData(config)
    assert [utterance.text for utterance in data.train] == ["ciao"]
    notes = " ".join(data.left_out.notes())
    assert "in another language than the config's left out" in notes
    assert "no label for left out" in notes


def test_figures_that_nobody_reads_are_named_with_what_to_do(tmp_path: Path) -> None:
    manifest = utterances(tmp_path, "ა 5", "ა ბ")
    config = toy_config(tmp_path, language="ka", alphabet="აბ")
    config.data.train, config.data.dev = [CorpusConfig(str(manifest))], str(manifest)
    data = SpeechData(config)
    assert "5 in 'ა 5' (no figures are read in ka" in data.left_out.notes()[0]
    with pytest.raises(ManifestError, match=r"no figures are read in ka: spell them out, or give numbers"):
        data.setup("fit")


def test_check_goes_by_the_language_of_the_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "it.yaml"
    OmegaConf.save(OmegaConf.create({"name": "x", "language": "it", "data": {"dev": "x"}}), config)
    manifest = utterances(tmp_path / "a", "Perché no, città: 5", language="it")
    assert check.main([str(manifest), "--labels", str(config)]) == 0
    manifest = utterances(tmp_path / "b", "Perché no", "東京", language="es")
    assert check.main([str(manifest), "--labels", str(config)]) == 1
    printed = capsys.readouterr().out
    assert "another language" in printed
    assert "no label for 京 東" in printed
    manifest = utterances(tmp_path / "c", "El niño: 5", language="es")
    for labels in (["--labels", str(config)], []):
        assert check.main([str(manifest), *labels, "--language", "es"]) == 0


def test_a_language_model_has_the_language_and_the_letters_of_a_recogniser(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("L’acqua è fredda. Costa 5 euro!\nPerché l’acqua è fredda?\n", encoding="utf-8")
    output = tmp_path / "lm.bin"
    assert language_model.main(["--text", str(text), "--output", str(output), "--language", "it"]) == 0
    model = LanguageModel(output)
    assert (model.language, set(model.letters)) == ("it", set(rules_of("it").letters))
    for word in ("l'acqua", "è", "cinque", "perché"):
        assert model.number(word) >= 0, word
    of = ["--config", str(ROOT / "training/configs/language.yaml"), "--language", "es"]
    assert language_model.main(["--text", str(text), "--output", str(output), *of]) == 0
    model = LanguageModel(output)
    assert (model.language, set(model.letters)) == ("es", set(rules_of("es").letters))
    config = tmp_path / "ka.yaml"
    OmegaConf.save(OmegaConf.create({"name": "x", "language": "ka", "alphabet": "აბგდ", "data": {"dev": "x"}}), config)
    text.write_text("აბა დაბა\nაბა გ\n", encoding="utf-8")
    assert language_model.main(["--text", str(text), "--output", str(output), "--config", str(config)]) == 0
    model = LanguageModel(output)
    assert (model.language, model.letters) == ("ka", "აბგდ")
    assert model.number("აბა") >= 0
    assert model.number("ბაბა") == -1


def test_a_published_model_in_another_alphabet_is_mixed_in(tmp_path: Path) -> None:
    arpa = tmp_path / "it.arpa"
    arpa.write_text(
        "\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-1.0\tPERCHÉ\t-0.3\n-1.0\tcittà\t-0.3\n-2.0\tпока\n\n"
        "\\2-grams:\n-0.5\tperché\tcittà\n\n\\end\\\n",
        encoding="utf-8",
    )
    text = tmp_path / "text"
    text.write_text("perché no\n" * 3, encoding="utf-8")
    output = tmp_path / "lm.bin"
    arguments = ["--text", str(text), "--output", str(output), "--language", "it", "--published", str(arpa)]
    assert language_model.main(arguments) == 0
    model = LanguageModel(output)
    assert model.number("città") >= 0
    assert model.number("пока") == -1


def test_subwords_are_learnt_and_spell_what_letters_spell() -> None:
    texts = ["la nazione e la stazione", "la relazione della nazione", "una lezione di azione"] * 4
    labels = learn(texts, ITALIAN, len(ITALIAN) + 12)
    assert labels[: len(ITALIAN)] == ITALIAN
    assert len(labels) == len(set(labels)) == len(ITALIAN) + 12
    assert any(label.startswith(" ") and len(label) > 1 for label in labels)
    for text in (*texts, "perché no"):
        ids = encode(text, labels)
        assert decode(ids, labels) == text
    assert len(encode(texts[0], labels)) < len(texts[0]) - 4


def test_a_run_learns_with_subwords_and_goes_on_with_those_of_its_checkpoint(tmp_path: Path) -> None:
    manifest = utterances(tmp_path, "la nazione", "la stazione", "nazione e stazione")
    overrides = {**TINY, "language": "it", "subwords": "50", "trainer__max_steps": "1", "optim__max_lr": "1e-3"}
    config = toy_config(tmp_path, **overrides)
    config.data.train, config.data.dev = [CorpusConfig(str(manifest))], str(manifest)
    best = stages.run(config, progress=False)
    labels = load_checkpoint(best)[1].labels
    assert len(labels) == 50
    assert max(map(len, labels)) > 1
    other = utterances(tmp_path / "other", "tutt'altro", "qualcos'altro")
    config = toy_config(tmp_path, **{**overrides, "name": "second", "init_from": str(best)})
    config.data.train, config.data.dev = [CorpusConfig(str(other))], str(other)
    assert load_checkpoint(stages.run(config, progress=False))[1].labels == labels


@pytest.mark.parametrize(
    ("texts", "count", "said"), [(["la"], 5, "must be more than"), (["東京"], 60, "no text in the alphabet")]
)
def test_subwords_that_cannot_be_learnt_are_refused(texts: list[str], count: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        learn(texts, ITALIAN, count)
