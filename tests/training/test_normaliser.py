"""Texts of any language are written as they are spoken, in the letters of a model."""

import random
import time
import unicodedata
from pathlib import Path

import pytest
import yaml

from training.errors import ConfigError
from training.language_rules import FOLDER, Rules, checked_tag, rules_of
from training.normaliser import Normaliser, figures_hint, normaliser
from training.text import ENGLISH_LABELS, decode, encode, normalise, unknown_characters

WITH_TABLES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
GEORGIAN = "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ"
HINDI = "अआइईउऊएऐओऔकखगघचछजझटठडढणतथदधनपफबभमयरलवशषसहािीुूेैोौंः्ँ़"
THAI = "กขคงจฉชซญดตถทธนบปผฝพฟภมยรลวศสหอฮะัาำิีึืุูเแโใไ็่้๊๋์ๆ"
RUSSIAN_OF_32 = "абвгдежзийклмнопрстуфхцчшщъыьэюя"


def labels(letters: str) -> tuple[str, ...]:
    return ("", " ", *letters)


def of(language: str, letters: str = "") -> Normaliser:
    return normaliser(language, labels(letters or rules_of(language).letters))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        # Numbers, by the language's marks for decimals and thousands
        ("it", "21 litri, 3,5 % e", "ventuno litri tre virgola cinque per cento e"),
        ("it", "1.234 euro", "milleduecentotrentaquattro euro"),
        ("it", "10 000 lire, 1.500.000 e -5", "diecimila lire un milione e cinquecentomila e meno cinque"),
        ("it", "tel. 0123", "tel zero uno due tre"),
        ("es", "1.ª vez, el 3º: 3,14", "primera vez el tercero tres coma uno cuatro"),
        ("es", "€5, $1.000 y 5,00 €", "cinco euros mil dólares y cinco coma cero cero euros"),
        ("fr", "le 1er, la 21e et 99 €", "le premier la vingt et unième et quatre-vingt-dix-neuf euros"),
        ("de", "1984 und 2.500.000", "neunzehnhundertvierundachtzig und zwei millionen fünfhunderttausend"),
        ("pt-BR", "R$ 5,00 por 1.234", "cinco reais por mil duzentos e trinta e quatro"),
        ("pl", "3,14 i 21", "trzy przecinek jeden cztery i dwadzieścia jeden"),
        ("ru", "№ 5: 21%", "номер пять двадцать один процентов"),
        ("ar", "٢١ كتاب", "واحد و عشرون كتاب"),
        ("nb", "25 og 3,5", "tjuefem og tre komma fem"),
        ("id", "25 %", "dua puluh lima persen"),
        ("vi", "25 NGƯỜI", "hai mươi lăm người"),
        ("el", "25 χρόνια, 123", "είκοσι πέντε χρόνια ένα δύο τρία"),
        ("ro", "ŞTIINŢĂ şi 25", "știință și douăzeci și cinci"),
        # Small letters
        ("tr", "İSTANBUL IŞIK", "istanbul ışık"),
        ("tr", "I\u0307zmir, Ankara'da", "izmir ankarada"),
        ("az", "İLK QIZ", "ilk qız"),
        ("it", "\u0130stanbul È CITTÀ", "istanbul è città"),
        ("el", "Ο ΟΔΥΣΣΕΥΣ, ΣΟΦΟΣ", "ο οδυσσευς σοφος"),
        ("el", "οδοσ ςοφια", "οδος σοφια"),
        ("de", "STRAẞE, Straße", "straße straße"),
        ("ka", "ᲒᲐᲛᲐᲠᲯᲝᲑᲐ", "გამარჯობა"),
        # Letters that a language has are no accents to be folded; others are
        ("ru", "Ёжик и ЙОД", "ёжик и йод"),
        ("es", "El NIÑO vergüenza", "el niño vergüenza"),
        ("it", "naïve, ﬁno, Łódź", "naive fino lódz"),
        ("uk", "їжак, ґанок", "їжак ґанок"),
        ("sv", "Åsa är på ön", "åsa är på ön"),
        ("it", "perche\u0301", "perché"),
        # Apostrophes and hyphens are letters where they are
        ("it", "L’acqua, un po' di 'vino' e l’«olio»", "l'acqua un po' di vino e l' olio"),
        ("fr", "Est-ce que l’œuvre -- peut-être - ‘oui’ ?", "est-ce que l'œuvre peut-être oui"),
        ("ca", "Col·laborar, intel•ligent, paraŀlel, vint-i-un", "col·laborar intel·ligent paral·lel vint-i-un"),
        ("nl", "'s Avonds is 't 'koud'", "'s avonds is 't koud"),
        ("uk", "П’ять м'ячів", "п'ять м'ячів"),
        ("es", "auto-escuela, d'Artagnan", "auto escuela d artagnan"),
        ("ru", "кто-то", "кто-то"),
        # Signs and abbreviations
        ("it", "Sig. Rossi & figli, ecc.", "signor rossi e figli eccetera"),
        ("de", "z.B. Dr. Müller, 5 km", "zum beispiel doktor müller fünf kilometer"),
        ("it", "<b>ciao</b> [risate] &amp; via", "ciao e via"),
        # Right to left: vowel points and presentation forms are left out, letters stay in the order they are read
        ("ar", "السَّلامُ ﻻ كـتاب", "السلام لا كتاب"),
        ("he", 'שָׁלוֹם, צה״ל, צה"ל', "שלום צהל צהל"),
        ("fa", "كتاب\u200cها", "کتاب ها"),
    ],
)  # fmt: skip
def test_texts_are_written_as_they_are_spoken(language: str, written: str, spoken: str) -> None:
    letters = GEORGIAN if language == "ka" else ""
    write = of(language, letters)
    assert write(written) == spoken.replace("l' olio", "l olio")
    assert write(spoken) == spoken.replace("l' olio", "l olio")


@pytest.mark.parametrize(
    ("language", "letters", "written", "spoken"),
    [
        ("hi", HINDI, "नमस्ते, क़लम!", "नमस्ते क़लम"),
        ("th", THAI, "สวัสดีครับ 21", "สวัสดีครับ ยี่สิบเอ็ด"),
        ("ru", RUSSIAN_OF_32, "Ёж и йод", "еж и йод"),
        ("de", "abcdefghijklmnopqrstuvwxyz", "Übergröße, Fußgänger", "uebergroesse fussgaenger"),
        ("yo", "abdeẹfghijklmnoọprsṣtuwy \u0301\u0300", "Ẹ̀kọ́ ẸKỌ", "ẹ\u0300kọ\u0301 ẹkọ"),
        ("hy", "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև", "ԵՎ և", "եվ և"),
        ("hy", "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ", "և", "եւ"),
        ("uk", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюяʼ", "П'ять", "пʼять"),
        ("fa", "آابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی\u200c", "می\u200cخواهم", "می\u200cخواهم"),
        ("el", "αβγδεζηθικλμνξοπρστυφχψω", "Άνθρωπος", "ανθρωποσ"),
        ("en", "abcdefghijklmnopqrstuvwxyzé'", "2 cafés, naïve Mr. Æsop", "two cafés naive mister æsop"),
        ("it", "abcdefghijklmnopqrstuvwxyzàèéìòù0123456789", "nel 1984", "nel 1984"),
    ],
)
def test_what_an_alphabet_has_stays_and_what_it_lacks_is_folded(
    language: str, letters: str, written: str, spoken: str
) -> None:
    write = of(language, unicodedata.normalize("NFC", letters))
    assert write(written) == unicodedata.normalize("NFC", spoken)
    assert write(write(written)) == write(written)


def test_alphabets_without_a_space_have_none_between_words() -> None:
    assert normaliser("ja", ("", *"あいうえおかきくけこ"))("あい、うえ お") == "あいうえお"


def test_english_is_what_it_was() -> None:
    assert normaliser("en") is normaliser("en-GB", tuple(ENGLISH_LABELS)) is normalise


@pytest.mark.parametrize("language", WITH_TABLES)
def test_tables_are_sound(language: str) -> None:
    rules = rules_of(language)
    assert checked_tag(language) == language
    letters = rules.letters
    assert len(set(letters)) == len(letters)
    assert unicodedata.is_normalized("NFC", letters)
    if not letters:
        return
    assert all(letter in (of(language).lower(letter), "ς") for letter in letters)
    write = of(language)
    for text in (*rules.spoken.values(), *rules.numbers.values(), *rules.edges, rules.point):
        assert write(text) == text
        assert not unknown_characters(write(text), labels(letters))
    assert all(key == key.lower() for key in rules.spoken)
    for sign, words in rules.spoken.items():
        beside = letters[0]
        assert write(f"{beside} {sign} {beside}") == f"{beside} {words} {beside}"


@pytest.mark.parametrize("language", [language for language in WITH_TABLES if rules_of(language).letters])
def test_all_that_is_written_can_be_spelt_and_stays_as_it_is(language: str) -> None:
    rng = random.Random(7)
    letters = rules_of(language).letters
    write = of(language)
    signs = letters + letters.upper() + " 0123456789.,:;-'’%&€$()\"«»\u00a0—" + "".join(rules_of(language).ordinals)
    for _ in range(300):
        text = "".join(rng.choice(signs) for _ in range(rng.randint(1, 40)))
        spoken = write(text)
        assert write(spoken) == spoken, text
        unknown = unknown_characters(spoken, labels(letters))
        assert all(map(str.isdigit, unknown)), (text, spoken, unknown)


def test_numbers_of_any_length_are_read_in_every_language() -> None:
    for language in WITH_TABLES:
        write = of(language, rules_of(language).letters or GEORGIAN)
        if not write.reads_numbers or not rules_of(language).letters:
            continue
        for figures in ("9" * 400, "1" + "0" * 40, "007", "1.234.567", "1,234,567", "3.5", "3,5", "-1", "0", "1 000"):
            assert not any(map(str.isdigit, write(figures))), (language, figures, write(figures))


@pytest.mark.parametrize(
    "sign", ["9", "(", "* ", "1-", "1.000", "a'", "'", "-", "sig.", "1º", " 000", "€1", "é ", "<a "]
)
def test_long_texts_take_no_more_than_their_length(sign: str) -> None:
    write = of("it")

    def seconds(times: int) -> float:
        start = time.process_time()
        write(sign * times)
        return time.process_time() - start

    assert seconds(8000) < 20 * seconds(1000) + 0.1


def test_figures_stay_where_nobody_reads_them_and_the_reason_says_so() -> None:
    write = of("ka", GEORGIAN)
    assert write("5 კაცი") == "5 კაცი"
    hint = figures_hint({"5"}, "ka", labels(GEORGIAN))
    assert "no figures are read in ka" in hint
    assert "training/languages/ka.yaml" in hint
    assert figures_hint({"x"}, "ka", labels(GEORGIAN)) == ""
    assert figures_hint({"5"}, "it", labels(rules_of("it").letters)) == ""


def test_a_table_of_ones_own_is_found_by_its_name(tmp_path: Path) -> None:
    table = {
        "letters": GEORGIAN,
        "numbers": {0: "ნული", 1: "ერთი", 2: "ორი", 5: "ხუთი", 10: "ათი"},
        "spoken": {"%": "პროცენტი"},
        "point": "მთელი",
    }
    (tmp_path / "ka.yaml").write_text(yaml.safe_dump(table, allow_unicode=True), encoding="utf-8")
    write = normaliser("ka", labels(GEORGIAN), tmp_path)
    assert write("10% და 5, 2,5") == "ათი პროცენტი და ხუთი ორი მთელი ხუთი"
    assert write("12") == "ერთი ორი"  # one by one, as there is no word for it
    assert write("3") == "3"


def test_a_region_has_its_own_table_or_that_of_its_language(tmp_path: Path) -> None:
    (tmp_path / "xx.yaml").write_text("letters: ab")
    (tmp_path / "xx-YY.yaml").write_text("letters: abc")
    assert rules_of("xx-YY", tmp_path).letters == "abc"
    assert rules_of("xx-ZZ", tmp_path).letters == rules_of("xx", tmp_path).letters == "ab"
    assert rules_of("zz", tmp_path) == Rules("zz")
    assert "ђ" not in rules_of("sr-Latn-RS").letters
    assert "ђ" in rules_of("sr-Cyrl-RS").letters


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("lettrs: abc", "has the field 'lettrs'"),
        ("- a", "is no table"),
        ("spoken: {no: si}", "put it between quotation marks"),  # no is a truth value in YAML
        ("letters: [", "cannot be read"),
        ("years: yes please", "should be true or false"),
        ("ordinals: {º: o}", "cannot be used"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "xx.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as raised:
        rules_of("xx", tmp_path)
    assert "xx.yaml" in str(raised.value)


def test_subwords_are_spelt_with_the_longest_first_and_read_back() -> None:
    subwords = (*ENGLISH_LABELS, " the", "th", "ing", " s")
    ids = encode("the singer", subwords)
    assert [subwords[i] for i in ids] == [" the", " s", "ing", "e", "r"]
    assert decode(ids, subwords) == "the singer"
    assert encode("", subwords) == []
    assert unknown_characters("thé", subwords) == {"é"}
