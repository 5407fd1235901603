"""Alphabets: what texts consist of, which letters are proposed, and what a model with them could not learn."""

import json
import re
from pathlib import Path

import pytest
import yaml

from training import alphabet
from training.errors import ConfigError
from training.labels import alphabet_labels
from training.language_rules import rules_of

GEORGIAN = [
    "გამარჯობა, როგორ ხარ?", "დღეს კარგი ამინდია", "მე მიყვარს საქართველო", "ეს არის წიგნი 5 ლარად",
    "ის ამბობს: კარგად", "ჩემი სახელია ნინო",
]  # fmt: skip


def manifest(path: Path, texts: list[str], language: str = "") -> Path:
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            line = {"audio_filepath": f"{number}.wav", "duration": 2.0, "text": text}
            file.write(json.dumps({**line, **({"language": language} if language else {})}, ensure_ascii=False) + "\n")
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert alphabet.main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def proposed(printed: str) -> dict[str, str]:
    """The lines for a config, read as YAML."""
    return yaml.safe_load("\n".join(re.findall(r"^(?:language|alphabet): .*$", printed, re.MULTILINE)))


def row(printed: str, character: str) -> str:
    return next(line for line in printed.splitlines() if line.startswith(f"{character} "))


def test_an_alphabet_is_proposed_from_texts_of_a_language_without_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = said(capsys, manifest(tmp_path / "ka.jsonl", GEORGIAN * 3, "ka"))
    lines = proposed(printed)
    assert lines["language"] == "ka"
    assert set(lines["alphabet"]) == {c for c in "".join(GEORGIAN) if "ა" <= c <= "ჰ"}
    assert list(lines["alphabet"]) == sorted(lines["alphabet"])
    assert "cannot be read" in row(printed, "5")
    assert "3 of 18 utterances would be left out:" in printed
    assert "no label for 5 (no figures are read in ka: spell them out" in printed


def test_what_is_rare_or_of_another_script_is_no_letter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [*["кто там живёт"] * 400, "naïve", "кӯ", "кӯ"]
    printed = said(capsys, manifest(tmp_path / "x.jsonl", texts), "--language", "mn")
    assert set(proposed(printed)["alphabet"]) == set("ктоамживёт")
    assert "folded to к" not in printed
    assert "no label" in row(printed, "n")
    # A letter with an accent that the alphabet lacks is folded to one that it has.
    assert "no label" in row(printed, "ӯ")


def test_marks_that_are_letters_stay_apart_from_the_letter_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = said(capsys, manifest(tmp_path / "x.jsonl", ["ọ̀rọ̀ ẹ̀kọ́ àti ọmọ"] * 5), "--language", "yo")
    labels = alphabet_labels(proposed(printed)["alphabet"])
    assert {"\u0300", "\u0301", "ọ", "ẹ", "à"} <= set(labels)
    assert "0 of 5 utterances would be left out." in printed
    hindi = said(capsys, manifest(tmp_path / "h.jsonl", ["नमस्ते दुनिया ज़रा"] * 5), "--language", "hi")
    assert set("नमस्तेदुनियाज़र") <= set(alphabet_labels(proposed(hindi)["alphabet"]))
    assert "0 of 5 utterances would be left out." in hindi


def test_vowel_points_that_are_written_now_and_then_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [*["سلام عليكم ورحمة الله وبركاته"] * 30, "السَّلام"]
    printed = said(capsys, manifest(tmp_path / "x.jsonl", texts), "--language", "ug")
    assert not {"\u064e", "\u0651"} & set(proposed(printed)["alphabet"])
    assert "0 of 31 utterances would be left out." in printed
    assert "left out (arabic fatha)" in printed


def test_a_table_s_alphabet_is_taken_and_the_rest_is_folded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["L’acqua è un po' fredda: 5 €", "naïve ﬁno a Łódź", "«sì» 東京"]
    printed = said(capsys, manifest(tmp_path / "it.jsonl", texts), "--language", "it-CH")
    assert proposed(printed) == {"language": "it-CH", "alphabet": rules_of("it").letters}
    for character, fate in {
        "è": "letter", "L": "letter", "’": "folded to '", "ï": "folded to i", "ﬁ": "folded to fi", "Ł": "folded to l",
        "5": "read as a number", "€": "spoken", "«": "dropped", "東": "no label",
    }.items():  # fmt: skip
        assert fate in row(printed, character), character
    assert "1 of 3 utterances would be left out:" in printed
    assert "2.wav: no label for 京 東" in printed


def test_another_alphabet_is_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = manifest(tmp_path / "de.jsonl", ["Größe", "Fuß"], "de")
    printed = said(capsys, path, "--alphabet", "abcdefghijklmnopqrstuvwxyz")
    assert "28 labels" in printed
    assert "folded to oe" in row(printed, "ö")
    assert "0 of 2 utterances" in printed


def test_english_keeps_its_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = said(capsys, manifest(tmp_path / "en.jsonl", ["It's 5 o'clock"]))
    assert proposed(printed) == {"language": "en", "alphabet": "'abcdefghijklmnopqrstuvwxyz"}


def test_manifests_of_several_languages_need_to_be_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [manifest(tmp_path / f"{tag}.jsonl", ["a"], tag) for tag in ("it", "es-419")]
    assert alphabet.main([*map(str, paths)]) == 1
    assert "The manifests are in es-419, it; say which" in capsys.readouterr().err
    assert alphabet.main([str(paths[0]), "--language", "?"]) == 1
    assert "is no language" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("letters", "said"), [("aba", "a more than once"), ("aB", "capitals B"), ("e\u0301é", "é more")]
)
def test_an_alphabet_that_cannot_be_is_refused(letters: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        alphabet_labels(letters)
