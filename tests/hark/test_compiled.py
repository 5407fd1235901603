"""Decoding in C against decoding in NumPy: the same, to the last bit."""

import dataclasses
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hark import beam, compiled, ctc
from hark.beam import BeamSearch, Hypothesis, Weights
from hark.errors import ModelError
from hark.language_model import LETTERS, LanguageModel, arrays_of, format_of
from training import language_model

LABELS = ("", " ", "'", *"abcdefghijklmnopqrstuvwxyz")
TEXT = ["the cat sat on the mat"] * 20 + ["the dog sat on the cat", "a cat and a dog", "it's a dog's life"] * 5
HOT = ["zuq", "zuq vix", "cat", "a dog", "naïve"]

built = pytest.mark.skipif(compiled.library() is None, reason="not compiled: `make hark/native/libhark.so`")


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    path = tmp_path_factory.mktemp("lm") / "lm.bin"
    language_model.make(TEXT, path, 2_000_000, 1, {})
    return LanguageModel(path)


@pytest.fixture
def anew() -> Iterator[None]:
    """Looks for the library again, in the test and after it."""
    compiled.library.cache_clear()
    yield
    compiled.library.cache_clear()


def searched(search: BeamSearch, log_probs: np.ndarray, in_c: bool) -> list[Hypothesis]:
    compiled_search = search._compiled
    assert compiled_search
    try:
        if not in_c:
            search._compiled = None
        return search(log_probs, 10)
    finally:
        search._compiled = compiled_search


def emission(rng: np.random.Generator, frames: int, doubt: float) -> np.ndarray:
    """Log-probabilities of a text of `TEXT`, as unsure as `doubt` says, with frames of which one label is certain."""
    text = str(rng.choice(TEXT))
    path = [label for character in text for label in (LABELS.index(character), *[0] * rng.integers(0, 3))]
    shares = rng.dirichlet(np.full(len(LABELS), 0.05), frames) * doubt + 1e-9
    shares[np.arange(frames), np.resize(path, frames)] += 1 - doubt
    shares[rng.random(frames) < 0.3] = np.eye(len(LABELS))[0] + 1e-7
    return np.log(shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


@built
@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(0, 60),
    doubt=st.sampled_from([0.1, 0.5, 0.9]),
    beam=st.sampled_from([1, 2, 7, 50, 1000]),
    width=st.sampled_from([3.0, 14.0, 1e9]),
    label_width=st.sampled_from([2.0, 7.0, 12.0]),
    beta=st.sampled_from([-0.25, 0.0, 1.5]),
    with_model=st.booleans(),
    with_hot=st.booleans(),
)
def test_both_find_the_same_with_the_same_scores(
    small_model: LanguageModel,
    seed: int,
    frames: int,
    doubt: float,
    beam: int,
    width: float,
    label_width: float,
    beta: float,
    with_model: bool,
    with_hot: bool,
) -> None:
    weights = Weights(alpha=0.7, beta=beta, beam=beam, hotword_beam=beam, beam_width=width, label_width=label_width)
    search = BeamSearch(LABELS, 0, weights, small_model if with_model else None, HOT if with_hot else [])
    log_probs = emission(np.random.default_rng(seed), frames, doubt)
    assert searched(search, log_probs, in_c=True) == searched(search, log_probs, in_c=False)


@built
@pytest.mark.parametrize("labels", [("", "a"), ("a", "b", ""), ("", *"act")])
def test_other_alphabets_are_searched_alike(labels: tuple[str, ...], small_model: LanguageModel) -> None:
    rng = np.random.default_rng(7)
    for model in (None, small_model):
        search = BeamSearch(labels, labels.index(""), Weights(alpha=0.5, beam=9), model, ["cat"])
        for _ in range(20):
            log_probs = np.log(rng.dirichlet(np.full(len(labels), 0.4), 30) + 1e-9).astype(np.float32)
            assert searched(search, log_probs, in_c=True) == searched(search, log_probs, in_c=False)


@built
def test_labels_that_cannot_be_are_searched_alike(small_model: LanguageModel) -> None:
    log_probs = np.full((12, len(LABELS)), -np.inf, np.float32)
    log_probs[np.arange(12), np.resize([LABELS.index(letter) for letter in "cat "], 12)] = 0.0
    search = BeamSearch(LABELS, 0, Weights(), small_model)
    assert searched(search, log_probs, in_c=True) == searched(search, log_probs, in_c=False)


@built
@pytest.mark.parametrize("beam", [1, 2, 7])
def test_of_equals_both_keep_the_same(beam: int, small_model: LanguageModel) -> None:
    rng = np.random.default_rng(beam)
    for model in (None, small_model):
        search = BeamSearch(LABELS, 0, Weights(alpha=0.5, beta=0.5, beam=beam, label_width=9.0), model)
        for _ in range(30):
            log_probs = -rng.integers(0, 8, (15, len(LABELS))).astype(np.float32) / 2
            assert searched(search, log_probs, in_c=True) == searched(search, log_probs, in_c=False)


def text_score(search: BeamSearch, labels: tuple[int, ...], in_c: bool) -> float:
    """What is known of a text, by one of the two."""
    compiled_search = search._compiled
    try:
        if not in_c:
            search._compiled = None
        return search.text_score(labels)
    finally:
        search._compiled = compiled_search


@pytest.mark.parametrize("in_c", [pytest.param(True, marks=built), False])
@pytest.mark.parametrize("hot", [[], HOT])
@pytest.mark.parametrize("with_model", [True, False])
def test_what_is_known_of_a_text_is_what_the_search_counted(
    small_model: LanguageModel, in_c: bool, hot: list[str], with_model: bool
) -> None:
    weights = Weights(alpha=0.7, beta=0.3, beam=60, hotword_beam=60, beam_width=1e9, label_width=1e9)
    search = BeamSearch(LABELS, 0, weights, small_model if with_model else None, hot)
    rng = np.random.default_rng(11)
    texts = [emission(rng, 40, doubt) for doubt in (0.1, 0.6, 0.9)]
    for text in ("zuq vix", "the zuq", "a dog a dog", "zuq vixen", "cat"):  # with hot words, whole and begun
        shares = np.full((2 * len(text), len(LABELS)), 1e-4)
        shares[np.arange(0, 2 * len(text), 2), [LABELS.index(character) for character in text]] = 1.0
        shares[1::2, 0] = 1.0
        texts.append(np.log(shares / shares.sum(axis=1, keepdims=True)).astype(np.float32))
    losses = []
    for log_probs in texts:
        for found in searched(search, log_probs, in_c) if search._compiled else search(log_probs, 10):
            # All of a text's score but what was heard. A search that drops paths has heard less of it.
            lost = ctc.log_prob(log_probs, found.labels, 0) + text_score(search, found.labels, in_c) - found.score
            assert lost > -1e-6
            losses.append(lost)
    assert np.median(losses) < 0.01


@built
@settings(max_examples=100, deadline=None)
@given(
    text=st.text(alphabet=" 'acdgnoqstuvxz", max_size=30) | st.sampled_from([*TEXT, "zuq vix", "a dog", "zuq vix zuq"]),
    with_hot=st.booleans(),
    with_model=st.booleans(),
)
def test_in_c_as_much_is_known_of_a_text_as_in_numpy(
    small_model: LanguageModel, text: str, with_hot: bool, with_model: bool
) -> None:
    search = BeamSearch(
        LABELS, 0, Weights(alpha=0.7, beta=-0.4), small_model if with_model else None, HOT if with_hot else []
    )
    labels = tuple(LABELS.index(character) for character in text)
    assert text_score(search, labels, in_c=True) == pytest.approx(text_score(search, labels, in_c=False), abs=1e-9)


@pytest.mark.parametrize("label", [-1, 0, len(LABELS)])
def test_nothing_is_known_of_a_text_of_other_labels(small_model: LanguageModel, label: int) -> None:
    with pytest.raises(ValueError, match="no blank"):
        BeamSearch(LABELS, 0, Weights(), small_model).text_score((3, label))


@pytest.mark.parametrize("bad", [np.full((3, len(LABELS)), np.nan), np.zeros((3, 5)), np.zeros(len(LABELS))])
def test_what_are_no_log_probabilities_is_refused(bad: np.ndarray, small_model: LanguageModel) -> None:
    with pytest.raises(ValueError, match=r"29 labels"):
        BeamSearch(LABELS, 0, Weights(), small_model)(bad.astype(np.float32))


@pytest.mark.parametrize(
    "weights", [{"beam": 0}, {"hotword_beam": -1}, {"alpha": float("nan")}, {"beta": float("inf")}]
)
def test_weights_by_which_nothing_can_be_found_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Weights(**weights)  # type: ignore[arg-type]


@pytest.mark.parametrize("label", [-1, 4])
def test_a_text_of_other_labels_is_not_aligned(label: int) -> None:
    with pytest.raises(ValueError, match="among 4 labels"):
        ctc.align(np.zeros((5, 4), np.float32), [1, label], 0)


@built
def test_threads_search_at_once(small_model: LanguageModel) -> None:
    search = BeamSearch(LABELS, 0, Weights(), small_model, HOT)
    emissions = [emission(np.random.default_rng(seed), 80, 0.6) for seed in range(8)]
    expected = [search(log_probs, 5) for log_probs in emissions]
    found: list[list[Hypothesis] | None] = [None] * len(emissions)

    def work(number: int) -> None:
        for _ in range(20):
            found[number] = search(emissions[number], 5)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(emissions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


@built
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 40), text=st.lists(st.integers(1, 3), min_size=1))
def test_both_align_alike(seed: int, frames: int, text: list[int]) -> None:
    log_probs = np.log(np.random.default_rng(seed).dirichlet(np.full(4, 0.3), frames) + 1e-9).astype(np.float32)
    states = np.zeros(2 * len(text) + 1, np.intp)
    states[1::2] = text
    plain, fast = ctc._path(log_probs, states), ctc._compiled_path(log_probs, states)
    assert (plain is None) == (fast is None)
    if plain is not None and fast is not None:
        np.testing.assert_array_equal(plain, fast)


def test_without_the_library_numpy_decodes(
    small_model: LanguageModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, anew: None
) -> None:
    monkeypatch.setattr(compiled, "PATH", tmp_path / "libhark.so")
    search = BeamSearch(LABELS, 0, Weights(), small_model)
    assert search._compiled is None
    log_probs = emission(np.random.default_rng(1), 40, 0.3)
    best = search(log_probs)[0]
    assert len(ctc.align(log_probs, best.labels, 0).labels) == len(best.labels) > 0


def test_a_library_for_another_machine_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, anew: None
) -> None:
    (tmp_path / "libhark.so").write_bytes(b"\x7fELF of something else")
    monkeypatch.setattr(compiled, "PATH", tmp_path / "libhark.so")
    assert compiled.library() is None


@built
def test_a_library_of_another_version_is_left_alone(monkeypatch: pytest.MonkeyPatch, anew: None) -> None:
    monkeypatch.setattr(compiled, "_VERSION", compiled._VERSION + 1)
    assert compiled.library() is None


def test_source_and_reader_are_of_one_version() -> None:
    source = (Path(beam.__file__).parent / "native" / "beam.c").read_text()
    assert re.findall(r"^#define VERSION (\d+)$", source, re.MULTILINE) == [str(compiled._VERSION)]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, "shorter") for name in arrays_of(format_of(LETTERS))),
        *((name, "shorter") for name in ("node_letters", "node_children")),
        *((name, "other numbers") for name in ("node_masks", "bigram_counts", "trigram_counts", "node_children")),
        ("node_letters", "another letter"),
    ],
)
def test_a_language_model_whose_numbers_lead_elsewhere_is_refused(
    name: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiled search trusts them."""
    path = tmp_path / "lm.bin"
    write = language_model.write

    def damaged(path: Path, arrays: dict[str, np.ndarray], *about: object) -> int:
        changed = {each: array.copy() for each, array in arrays.items()}
        if damage == "shorter":
            changed[name] = changed[name][:-1]
        else:
            changed[name].reshape(-1)[-1] += 1 if damage == "other numbers" else 1000
        return write(path, changed, *about)  # type: ignore[arg-type]

    monkeypatch.setattr(language_model, "write", damaged)
    letters = LETTERS if name in arrays_of(format_of(LETTERS)) else LETTERS + "é"
    language_model.make(TEXT, path, 4_000_000, 1, {}, letters=letters)
    with pytest.raises(ModelError, match="damaged"):
        LanguageModel(path)


def test_weights_reach_the_library_by_their_names() -> None:
    """A new field of `Weights` has to be in `beam.c` too, or left out on purpose."""
    source = (Path(beam.__file__).parent / "native" / "beam.c").read_text()
    for field in dataclasses.fields(Weights):
        assert field.name == "hotword_beam" or re.search(rf"\b{field.name};", source)
