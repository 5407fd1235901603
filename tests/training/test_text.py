"""Transcripts as their sources wrote them become the alphabet of the model."""

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


def test_normalise_is_idempotent() -> None:
    for text in ("Mr. O'Neill's 2nd café, 1999!", "it's 5 o'clock"):
        assert normalise(normalise(text)) == normalise(text)


def test_decode_undoes_encode() -> None:
    text = "it's a quick brown fox"
    assert decode(encode(text, ENGLISH_LABELS), ENGLISH_LABELS) == text


def test_a_character_without_a_label_is_named() -> None:
    with pytest.raises(ValueError, match="'æ'"):
        encode("æsop", ENGLISH_LABELS)
