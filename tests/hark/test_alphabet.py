"""Writing words in a model's letters: case, accents and marks by the rules of languages."""

import pytest

from hark import alphabet, hotwords
from hark.alphabet import Alphabet
from hark.errors import InvalidParameter

_LATIN = "abcdefghijklmnopqrstuvwxyz"
ALPHABETS = {
    "en": Alphabet(("", " ", "'", *_LATIN)),
    "it": Alphabet(("", " ", "'", *_LATIN, *"àèéìòù"), "it"),
    "fr": Alphabet(("", " ", "'", "-", *_LATIN, *"àâçéèêëîïôûùüÿœ"), "fr"),
    "de": Alphabet(("", " ", *_LATIN, *"äöü"), "de"),
    "tr": Alphabet(("", " ", *"abcçdefgğhıijklmnoöprsştuüvyz"), "tr"),
    "el": Alphabet(("", " ", *"αάβγδεέζηήθιίϊΐκλμνξοόπρσςτυύϋΰφχψωώ"), "el"),
    "el-unaccented": Alphabet(("", " ", *"αβγδεζηθικλμνξοπρστυφχψω"), "el"),
    "ru": Alphabet(("", " ", *"абвгдежзийклмнопрстуфхцчшщъыьэюя"), "ru"),
    "he": Alphabet(("", " ", *"אבגדהוזחטיכלמנסעפצקרשתךםןףץ"), "he"),
    "ar": Alphabet(("", " ", *"ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىي"), "ar"),
    "hi": Alphabet(("", " ", *dict.fromkeys("नमस्तेदुनियाक़")), "hi"),
    "ko": Alphabet(("", " ", *"안녕하세요"), "ko"),
}


@pytest.mark.parametrize(
    ("name", "typed", "spelt"),
    [
        ("en", "Straße", "strasse"), ("en", "İstanbul", "istanbul"), ("en", "Moby-Dick", "moby dick"),
        ("it", "un po'", "un po'"), ("it", "L\u2019Uomo", "l'uomo"), ("it", "'Perché'", "perché"),
        ("it", "E\u0300", "è"),
        ("it", "Ñandú", "nandu"),
        ("fr", "Aix-en-Provence", "aix-en-provence"), ("fr", "Œuvre", "œuvre"),
        ("de", "Größe Straße", "grösse strasse"), ("tr", "IĞDIR", "ığdır"), ("tr", "İzmir", "izmir"),
        ("el", "ΟΔΥΣΣΕΥΣ", "οδυσσευς"), ("el-unaccented", "Οδυσσεύς", "οδυσσευσ"),
        ("ru", "Ёлка Йод", "елка йод"), ("he", "שָׁלוֹם", "שלום"),
         ("he", "תל־אביב", "תל אביב"),
        ("ar", "مَرْحَبًا", "مرحبا"),
        ("ar", "الســلام", "السلام"), ("hi", "नमस्ते दुनिया", "नमस्ते दुनिया"), ("hi", "\u0958", "\u0915\u093c"),
        ("ko", "\u110b\u1161\u11ab\u1102\u1167\u11bc", "안녕"), ("en", "ＡＢＣ", "abc"),
    ],
)  # fmt: skip
def test_words_are_written_as_the_model_does(name: str, typed: str, spelt: str) -> None:
    made = ALPHABETS[name]
    assert made.spelt(typed) == spelt
    assert made.spelt(spelt) == spelt
    assert made.can_spell(spelt)
    assert hotwords.checked([typed], made)


@pytest.mark.parametrize(
    ("name", "typed"),
    [("en", "жук"), ("en", "R2"), ("en", "Æ"), ("ru", "Ahab"), ("he", "ahab"), ("ko", "한"), ("hi", "काम \u0916"),
     ("it", "tre & quattro"), ("tr", "w"), ("en", "a;b"), ("ar", "ب١")],
)  # fmt: skip
def test_what_the_model_cannot_spell_is_refused_by_name(name: str, typed: str) -> None:
    with pytest.raises(InvalidParameter, match=r"cannot be spelt with [A-Z][a-z]+ letters") as caught:
        hotwords.checked([typed], ALPHABETS[name])
    assert typed in str(caught.value)


def test_the_message_names_the_language() -> None:
    with pytest.raises(InvalidParameter, match="with Hebrew letters"):
        hotwords.checked(["ahab"], ALPHABETS["he"])


def test_a_model_with_capitals_keeps_them() -> None:
    cased = Alphabet(("", " ", *_LATIN, *_LATIN.upper()))
    assert cased.spelt("Captain Ahab") == "Captain Ahab"
    assert cased.spelt("Zoë") == "Zoe"


@pytest.mark.parametrize(
    ("word", "language", "written"),
    [("'tis", "en", "'Tis"), ("istanbul", "tr", "İstanbul"), ("ışık", "tr", "Işık"), ("ijsland", "nl", "IJsland"),
     ("άγιος", "el", "Άγιος"), ("שלום", "he", "שלום"), ("საქართველო", "ka", "საქართველო"),
     ("дом", "ru", "Дом"), ("", "en", ""),
     ("éa", "fr", "Éa"), ("\u01c6ep", "hr", "\u01c5ep"), ("नमस्ते", "hi", "नमस्ते"), ("'", "en", "'")],
)  # fmt: skip
def test_sentences_begin_with_capitals_where_the_script_has_them(word: str, language: str, written: str) -> None:
    assert alphabet.capitalised(word, language) == written


@pytest.mark.parametrize(
    ("text", "labels"),
    [("l'uomo", [" l'", "uomo"]), ("uomo", ["uomo"]), ("auomo", ["a", "uomo"]), ("la", None), ("ab", None)],
)
def test_subwords_that_are_missing_spell_nothing(text: str, labels: list[str] | None) -> None:
    names = ("", " l'", "uomo", "a")
    found = Alphabet(names).spell(text)
    spelt = None if found is None else [names[each] for each in found]
    assert spelt == labels


def test_the_longest_subword_that_fits_comes_first_and_texts_are_joined_again() -> None:
    names = ("", " ", " the", " th", "e", "r", "t", "h", " s", "ea")
    made = Alphabet(names)
    labels = made.spell("the three sea")
    assert labels is not None
    assert [names[each] for each in labels] == [" the", " th", "r", "e", "e", " s", "ea"]
    assert alphabet.joined(names[each] for each in labels) == "the three sea"
    assert made.spell("") == []


def test_letters_are_spelt_one_by_one() -> None:
    assert ALPHABETS["he"].spell("שלום") == [22, 13, 7, 25]
    assert ALPHABETS["en"].spell("é") is None


def test_letters_and_marks_are_joined_in_nfc() -> None:
    assert alphabet.joined(["e", "\u0301", " ", " ", "a"]) == "é a"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("Это говорит Измаил о Квикеге.", ["Измаил", "Квикеге"]), ("Глоссарий: Ахав, Квикег", ["Ахав", "Квикег"]),
     ("été comme hiver, il parle à Élodie et à Zoé.", ["Élodie", "Zoé"]),
     ("المعجم: أخاب، إسماعيل", ["أخاب", "إسماعيل"]),
     ("هذا نص طويل عن رجل في سفينة كبيرة جدا.", []), ("यह एक लंबा वाक्य है जिसमें कोई नाम नहीं है।", [])],
)  # fmt: skip
def test_prompts_of_other_languages_name_hot_words_too(prompt: str, words: list[str]) -> None:
    everything = Alphabet(tuple(dict.fromkeys(["", " ", *prompt.lower()])), "und")
    assert hotwords.of_prompt(prompt, everything) == words


def test_lists_have_the_commas_of_their_script() -> None:
    assert hotwords.listed(["أخاب، إسماعيل", "白鯨、船長", "a,b"]) == ["أخاب", "إسماعيل", "白鯨", "船長", "a", "b"]
