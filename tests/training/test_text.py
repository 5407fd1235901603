"""Transcripts as their sources wrote them become the alphabet of the model."""

import random
import re
import time
from pathlib import Path

import pytest

from training.text import ENGLISH_LABELS, decode, encode, normalise


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("HUGH'S WRITTEN A PART", "hugh's written a part"),
        ("'Partner,' said Wegg, 'I propose'", "partner said wegg i propose"),
        ("‘Don’t,’ she said.", "don't she said"),
        ("the boys' room", "the boys room"),
        ("Mr. Smith and Mrs Jones met Dr. No", "mister smith and missus jones met doctor no"),
        ("to-night -- at 9", "to night at nine"),
        ("in 1866, 21 men", "in eighteen sixty six twenty one men"),
        ("1,234 things", "one thousand two hundred and thirty four things"),
        ("the 3rd of 4", "the third of four"),
        ("3.14 & 50%", "three point one four and fifty percent"),
        ("$5 or $1,000", "five dollars or one thousand dollars"),
        ("café naïve Æsop", "cafe naive æsop"),
        ("  many \n spaces\t", "many spaces"),
        ("", ""),
        ("?!...", ""),
    ],
)
def test_normalise_writes_what_is_spoken(written: str, spoken: str) -> None:
    assert normalise(written) == spoken


def cases() -> list[tuple[str, str, str]]:
    """Kind, written, spoken; `\\uXXXX` stands for what an editor would not show."""
    lines = Path(__file__).with_name("text_cases.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return [(kind, re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), text), said) for kind, text, said in rows]


@pytest.mark.parametrize(("kind", "written", "spoken"), cases())
def test_normalise_writes_what_people_say(kind: str, written: str, spoken: str) -> None:
    assert normalise(written) == spoken
    assert normalise(spoken) == spoken


@pytest.mark.parametrize(
    "form", ["{}", "{}th", "{}s", "${}", "${}.50", "{}%", "{}km", "-{}", "1/{}", "{}:30", "#{}", "{}-{}"]
)
def test_numbers_of_any_length_are_read(form: str) -> None:
    for digits in ("9" * 400, "1" + "0" * 399, "1," + ",".join(["000"] * 200)):
        words = normalise(form.format(digits, digits))
        assert words
        assert re.fullmatch("[a-z ]+", words)


def test_nothing_makes_a_traceback_and_only_letters_are_left() -> None:
    rng = random.Random(5)
    signs = "0123456789.,:/-'$\u20ac\u00a3%#@()[]{}<>*&; IVXLCDMabcdefstmkKMB"
    signs += '\u00bd\u00b2\u2116\u2122\u2103\u2013\u00ad\u200b\u0663\n"=+~^_'
    for _ in range(3000):
        plain = "".join(rng.choice(signs) for _ in range(rng.randint(1, 40)))
        wild = "".join(
            chr(rng.choice((rng.randrange(0x250), rng.randrange(0x2000, 0xD800), rng.randrange(0x10000, 0x110000))))
            for _ in range(20)
        )
        for text in (plain, wild):
            assert all(c.isalpha() or c in "' " for c in normalise(text)), text


@pytest.mark.parametrize(
    "sign", ["9", "I", "(", "[", "* ", "<a ", "1-", "1,000", "a.", "a@", "&a", "St. ", "A ", "-", "1:", "IV "]
)
def test_long_texts_take_no_more_than_their_length(sign: str) -> None:
    def seconds(times: int) -> float:
        start = time.process_time()
        normalise(sign * times)
        return time.process_time() - start

    assert seconds(8000) < 20 * seconds(1000) + 0.1


def test_normalise_is_idempotent() -> None:
    for text in ("Mr. O'Neill's 2nd café, 1999!", "it's 5 o'clock"):
        assert normalise(normalise(text)) == normalise(text)


def test_decode_undoes_encode() -> None:
    text = "it's a quick brown fox"
    assert decode(encode(text, ENGLISH_LABELS), ENGLISH_LABELS) == text


def test_a_character_without_a_label_is_named() -> None:
    with pytest.raises(ValueError, match="'æ'"):
        encode("æsop", ENGLISH_LABELS)
