"""Keys: their form, the header they travel in, and the comparison with what is stored of them."""

import hmac
import json

import pytest

from handler import keys
from handler.keys import Keyring, KeyringError, StoredKey

# Of the right form, and the same in every process of a test run: tests are named after them.
KEY = "hark_" + "k" * 43
OTHER = "hark_" + "o" * 43
RING = Keyring.of([("alice", KEY), ("bob", OTHER)])


def test_a_generated_key_has_256_random_bits_and_is_sent_as_it_is() -> None:
    made = {keys.generate() for _ in range(1000)}
    assert len(made) == 1000
    for key in made:
        assert len(key) == len("hark_") + 43
        assert keys.bearer(f"Bearer {key}") == key


def test_every_key_is_known_by_its_name() -> None:
    assert RING.name_of(f"Bearer {KEY}") == "alice"
    assert RING.name_of(f"Bearer {OTHER}") == "bob"


def test_a_key_of_another_stack_is_no_key_here() -> None:
    assert Keyring.of([("alice", OTHER)]).name_of(f"Bearer {KEY}") is None


def test_what_is_stored_holds_no_key_and_is_read_back() -> None:
    text = RING.to_json()
    assert KEY not in text
    assert Keyring.parse(text) == RING
    assert json.loads(text)["keys"][0] == {"name": "alice", "sha256": keys.digest(KEY)}


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        KEY,
        f"Basic {KEY}",
        f"Bearer{KEY}",
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY}x",
        f"Bearer {KEY.upper()}",
        f"Bearer {keys.digest(KEY)}",
        f"Bearer {KEY}, Bearer {KEY}",  # as a gateway joins two headers
        f"Bearer wrong, Bearer {KEY}",
        f"Bearer {KEY},",
        f"Bearer {KEY} {KEY}",
        f"Bearer {KEY}\n",
        f"Bearer {KEY}\r\nX: y",
        f"Bearer {KEY}\0",
        f"Bearer\t{KEY}",
        f"Bearer\u00a0{KEY}",
        f"\u212aearer {KEY}",
        f"Bearer {KEY}\u200b",
        f"Bearer k\u00e9y{KEY}",
        f"Bearer {KEY.replace('h', chr(0xFF48), 1)}",  # a full-width letter, which some would normalise
        f"Bearer \ud800{KEY}",  # half of a character, which JSON can hold
        "Bearer " + "a" * 100_000,
        "Bearer " + " " * 100_000 + KEY + "\n",
    ],
)
def test_any_other_header_lets_nobody_in(authorization: str) -> None:
    assert RING.name_of(authorization) is None


@pytest.mark.parametrize("authorization", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY} "])
def test_the_scheme_is_read_in_any_case_and_the_key_only_in_its_own(authorization: str) -> None:
    assert RING.name_of(authorization) == "alice"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '"keys"',
        '{"keys": null}',
        '{"keys": [null]}',
        '{"keys": [{}]}',
        '{"keys": [{"name": "a"}]}',
        '{"keys": [{"name": "a", "sha256": null}]}',
        '{"keys": [{"name": 1, "sha256": "%s"}]}' % ("0" * 64),
        '{"keys": [{"name": "", "sha256": "%s"}]}' % ("0" * 64),
        '{"keys": [{"name": "a b", "sha256": "%s"}]}' % ("0" * 64),
        '{"keys": [{"name": "a", "sha256": "%s"}]}' % ("0" * 63),
        '{"keys": [{"name": "a", "sha256": "%s"}]}' % ("A" * 64),
        '{"keys": [{"name": "a", "sha256": "%s\\n"}]}' % ("0" * 64),
        json.dumps({"keys": [{"name": "a", "sha256": digit * 64} for digit in "01"]}),
        json.dumps({"keys": KEY}),
        "{" + '"keys":[' * 100_000,
        json.dumps({"keys": [{"name": f"k{i}", "sha256": "0" * 64} for i in range(401)]}),
        RING.to_json()[:-1],
        KEY,
    ],
)
def test_malformed_stored_keys_are_refused_whole_and_not_repeated(text: str) -> None:
    with pytest.raises(KeyringError) as caught:
        Keyring.parse(text)
    assert KEY not in repr(caught.value)
    assert caught.value.__context__ is None


def test_no_keys_let_nobody_in() -> None:
    assert Keyring.parse('{"keys": []}').name_of(f"Bearer {KEY}") is None


def test_the_hash_of_nothing_among_the_stored_ones_lets_nobody_in() -> None:
    ring = Keyring((StoredKey("empty", keys.digest("")),))
    assert ring.name_of("") is None
    assert ring.name_of("Bearer ") is None


@pytest.mark.parametrize("authorization", [f"Bearer {KEY}", f"Bearer {OTHER}", "Bearer wrong", ""])
def test_every_stored_key_is_compared_in_constant_time_whichever_is_right(
    authorization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, compare = [], hmac.compare_digest

    def spy(a: str, b: str) -> bool:
        compared.append((len(a), b))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    RING.name_of(authorization)
    assert compared == [(64, key.sha256) for key in RING.keys]


LIMITED = StoredKey("guest", keys.digest(KEY), 1_900_000_000, ("/v1/audio/*",), 60)


def test_limits_are_stored_and_read_back_and_only_where_there_are_any() -> None:
    ring = Keyring((LIMITED, StoredKey("alice", keys.digest(OTHER))))
    assert Keyring.parse(ring.to_json()) == ring
    limited, free = json.loads(ring.to_json())["keys"]
    assert limited["expires"] == "2030-03-17T17:46:40Z"
    assert set(free) == {"name", "sha256"}


@pytest.mark.parametrize(
    "limit",
    [
        {"expires": "tomorrow"},
        {"expires": 5},
        {"expires": None},
        {"expires": "2030-03-17T17:46:40"},  # of which time zone?
        {"routes": "/v1/*"},
        {"routes": ["v1"]},
        {"routes": ["/*x"]},
        {"routes": [1]},
        {"routes": ["/a"] * 11},
        {"minutes_per_day": "60"},
        {"minutes_per_day": 0},
        {"minutes_per_day": -1},
        {"minutes_per_day": True},
        {"minutes_per_day": 1e9},
        {"minuts_per_day": 60},
    ],
)
def test_a_limit_that_is_not_understood_is_not_taken_for_none(limit: dict[str, object]) -> None:
    entry = {"name": "guest", "sha256": keys.digest(KEY), **limit}
    with pytest.raises(KeyringError):
        Keyring.parse(json.dumps({"keys": [entry]}))


def test_a_day_counts_to_its_end() -> None:
    assert keys.moment(keys.seconds("2027-01-31")) == "2027-02-01T00:00:00Z"
    assert keys.moment(keys.seconds("2027-01-31T01:00:00+01:00")) == "2027-01-31T00:00:00Z"
