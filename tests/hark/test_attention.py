"""An attention decoder answers as its network does, whatever else it reads at once, and a damaged one is refused."""

import base64
import dataclasses
import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from export.graph import write_metadata
from hark.attention import AttentionDecoder, Heard
from hark.attention_spec import METADATA_KEY, AttentionSpec
from hark.errors import ModelError
from tests.attention_files import KEPT, POSITIONS, SIZE, AttentionFiles
from tests.conftest import make_spec

TEXTS = ["the train", "the station and the train", "", "a", "it's the other thing", "x" * 40]


@pytest.fixture(scope="module")
def exact(attention_files: AttentionFiles) -> AttentionDecoder:
    """The decoder in fp32."""
    return AttentionDecoder(attention_files.exact)


@pytest.fixture(scope="module")
def int8(attention_files: AttentionFiles) -> AttentionDecoder:
    """The decoder as it is served."""
    return AttentionDecoder(attention_files.attention)


def features_of(frames: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((frames, 2 * SIZE)).astype(np.float32)


def by_network(files: AttentionFiles, features: np.ndarray, text: str) -> np.ndarray:
    """[subwords + 1] log-probabilities of a text and its end, by the PyTorch network."""
    vocabulary = files.vocabulary
    ids = vocabulary.subwords.ids(text)
    assert ids is not None
    tokens = torch.tensor([[*vocabulary.start, *ids]])
    with torch.no_grad():
        log_probs = files.network(torch.from_numpy(features)[None], torch.tensor([len(features)]), tokens)[0]
    of_text = log_probs[len(vocabulary.start) - 1 :]
    return of_text.gather(1, torch.tensor([*ids, vocabulary.end])[:, None])[:, 0].numpy()


def test_opinions_are_those_of_the_network(attention_files: AttentionFiles, exact: AttentionDecoder) -> None:
    for frames in (1, 2, 20, 61):
        features = features_of(frames, frames)
        for text, opinion in zip(TEXTS, exact.opinions(exact.hear(features), TEXTS), strict=True):
            assert opinion
            assert exact.spec.subwords.text(opinion.ids) == text
            np.testing.assert_allclose(opinion.log_probs, by_network(attention_files, features, text), atol=1e-4)


def test_int8_is_of_nearly_the_same_opinion(exact: AttentionDecoder, int8: AttentionDecoder) -> None:
    features = features_of()
    pairs = zip(exact.opinions(exact.hear(features), TEXTS), int8.opinions(int8.hear(features), TEXTS), strict=True)
    for one, other in pairs:
        assert one
        assert other
        assert np.abs(one.log_probs - other.log_probs).mean() < 0.5


def test_other_texts_read_at_once_change_nothing(exact: AttentionDecoder, int8: AttentionDecoder) -> None:
    for decoder, tolerance in ((exact, 1e-4), (int8, 0.6)):
        heard = decoder.hear(features_of())
        for text, together in zip(TEXTS, decoder.opinions(heard, TEXTS), strict=True):
            [alone] = decoder.opinions(heard, [text])
            assert alone == together
            # int8 activations are scaled to all that is read at once.
            np.testing.assert_allclose(alone.log_probs, together.log_probs, atol=tolerance)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_was_read_goes_on_otherwise_as_if_it_were_read_whole(
    attention_files: AttentionFiles, exact: AttentionDecoder, text: str
) -> None:
    features, ids_of = features_of(30), exact.spec.subwords.ids
    heard, reading = exact.hear(features), exact.read(exact.hear(features), text)
    assert reading
    np.testing.assert_allclose(reading.opinion.log_probs, by_network(attention_files, features, text), atol=1e-4)
    ids = [*reading.opinion.ids]
    for place in {0, len(ids) // 2, len(ids)}:
        ways = [ids_of("other things") or [], ids_of("a") or [], [*(ids_of("it's") or []), exact.spec.end]]
        for way, said in zip(ways, exact.instead(heard, reading, place, ways), strict=True):
            ended = way[-1] == exact.spec.end
            whole = exact.run(
                ("log_probs",), features[None, :1], np.array([[*exact.spec.start, *ids[:place], *way]]),
                exact._past(1), exact._past(1), heard.keys, heard.values, heard.frames,
            )[0][0, exact.spec.starts + place - 1 :]  # fmt: skip
            assert len(said) == len(way)
            assert ended == (way is ways[-1])
            np.testing.assert_allclose(said, whole[np.arange(len(way)), way], atol=1e-4)


def test_the_likely_beginnings_of_a_word_are_those_of_the_network(exact: AttentionDecoder) -> None:
    reading = exact.read(exact.hear(features_of(30)), "the train")
    assert reading
    for place in range(3):
        found = exact.likely(reading, place, 3)
        best = np.argsort(-reading.following[place, : len(exact.spec.kept)])[:3]
        tokens = [exact.spec.subwords.tokens[each] for each in best]
        assert found == [each.strip() for each in tokens if each.startswith(" ") and each.strip()]
        there = reading.following[place, [*reading.opinion.ids, exact.spec.end][place]]
        for each in exact.likely(reading, place, 20, 0.5):
            assert reading.following[place, exact.spec.subwords.tokens.index(f" {each}")] >= there - 0.5


def test_a_text_that_cannot_be_read_has_no_reading(exact: AttentionDecoder) -> None:
    heard = exact.hear(features_of(30))
    assert exact.read(heard, "naïve") is None
    assert exact.read(heard, "x" * (POSITIONS - exact.spec.starts - 1)) is not None
    assert exact.read(heard, "x" * (POSITIONS - exact.spec.starts)) is None


def test_what_was_heard_matters(exact: AttentionDecoder) -> None:
    one, other = (exact.opinions(exact.hear(features_of(seed=seed)), TEXTS[:1])[0] for seed in (1, 2))
    assert one
    assert other
    assert abs(one.log_probs.sum() - other.log_probs.sum()) > 0.1


def test_a_text_that_cannot_be_read_has_no_opinion_and_its_neighbours_have(exact: AttentionDecoder) -> None:
    heard = exact.hear(features_of())
    longest = "x" * (POSITIONS - exact.spec.starts - 1)
    found = exact.opinions(heard, ["the", "naïve", longest, f"{longest}x", "the 3"])
    assert [each is not None for each in found] == [True, False, True, False, False]
    assert found[2]
    assert len(found[2].ids) == POSITIONS - exact.spec.starts
    assert exact.opinions(heard, ["naïve"]) == [None]
    assert exact.opinions(heard, []) == []


@pytest.mark.parametrize("seed", range(6))
def test_it_writes_the_same_with_any_draft(exact: AttentionDecoder, seed: int) -> None:
    heard = exact.hear(features_of(25, seed))
    alone = exact.write(heard, 1.0)
    text = exact.spec.subwords.text(alone.ids)
    words = text.split()
    drafts = [
        text,
        f"{text} and the train",
        " ".join(words[: len(words) // 2]),
        " ".join(reversed(words)),
        " ".join(["the", *words]),
        " ".join(words[1:]),
        "the train is on the station",
        "naïve",
        "x" * 300,
    ]
    for draft in drafts:
        found = exact.write(heard, 1.0, draft)
        assert found.ids == alone.ids, draft
        np.testing.assert_allclose(found.log_probs, alone.log_probs, atol=1e-4)


def test_what_it_writes_is_the_likeliest_token_again_and_again(
    attention_files: AttentionFiles, exact: AttentionDecoder
) -> None:
    features, vocabulary = features_of(30, 4), attention_files.vocabulary
    written = exact.write(exact.hear(features), 1.0)
    tokens = torch.tensor([[*vocabulary.start, *written.ids]])
    with torch.no_grad():
        log_probs = attention_files.network(torch.from_numpy(features)[None], torch.tensor([30]), tokens)[0]
    log_probs[:, vocabulary.start] = -torch.inf  # which cannot follow
    best = log_probs.argmax(1)[len(vocabulary.start) - 1 :].tolist()
    assert best[: len(written.ids)] == list(written.ids)
    assert set(written.ids) <= set(range(len(KEPT)))


@pytest.mark.parametrize(("seconds", "most"), [(0.0, 8), (1.0, 17), (2.5, 30), (1000.0, POSITIONS - 2)])
def test_a_decoder_that_runs_away_ends_at_the_limit(
    attention_files: AttentionFiles, tmp_path: Path, seconds: float, most: int
) -> None:
    graph = onnx.load(attention_files.exact)
    # The end is never likely: a large negative number is added to its log-probability.
    never = np.zeros(len(KEPT) + 3, np.float32)
    never[-1] = -1e6
    graph.graph.initializer.append(onnx.numpy_helper.from_array(never, "never"))
    [last] = [node for node in graph.graph.node if "log_probs" in node.output]
    last.output[:] = ["before"]
    graph.graph.node.append(onnx.helper.make_node("Add", ["before", "never"], ["log_probs"]))
    onnx.save(graph, tmp_path / "endless.onnx")
    endless = AttentionDecoder(tmp_path / "endless.onnx")
    heard = endless.hear(features_of())
    for draft in ("", "the train " * 100):
        written = endless.write(heard, seconds, draft)
        assert len(written.ids) == most
        assert len(written.log_probs) == most + 1
        assert written.log_probs.sum() < -1e5  # which costs it everything


def test_a_spec_survives_the_way_through_json(attention_files: AttentionFiles, exact: AttentionDecoder) -> None:
    spec = exact.spec
    assert AttentionSpec.from_json(spec.to_json()) == spec
    assert spec.subwords.tokens == attention_files.vocabulary.subwords.tokens
    assert spec.subwords.joined == attention_files.vocabulary.subwords.joined
    assert (spec.start, spec.end) == (attention_files.vocabulary.start, attention_files.vocabulary.end)
    other = dataclasses.replace(spec, training_data="ümläute", language="de")
    assert AttentionSpec.from_json(other.to_json()) == other


def packed(lines: str) -> str:
    return base64.b64encode(zlib.compress(lines.encode())).decode()


CHANGES: list[dict[str, Any]] = [
    *({name: value} for name in ("starts", "layers", "heads", "size", "positions")
      for value in (0, -1, "2", 1.5, None, [2], True)),
    {"heads": 3},
    {"positions": 2},
    {"name": 3},
    {"encoder": None},
    {"warmth": 1},
    {"joined": ""},
    {"joined": "not base64!"},
    {"joined": base64.b64encode(b"not compressed").decode()},
    {"joined": 3},
    {"joined": packed("")},
    {"joined": packed("-a")},
    {"joined": packed("+a\n+b\n+ab\n+a")},
    {"joined": packed("+a\n+b\n\n+ab")},
    {"joined": base64.b64encode(zlib.compress(b"+\xff")).decode()},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_spec_that_contradicts_itself_is_refused(exact: AttentionDecoder, change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="export it again") as caught:
        AttentionSpec.from_json(json.dumps({**json.loads(exact.spec.to_json()), **change}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "3", '"a"', "[" * 100_000, '{"joined": ' + "[" * 100_000])
def test_a_spec_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="no readable spec; export it again"):
        AttentionSpec.from_json(text)


def test_subwords_in_another_order_than_that_of_their_learning_are_refused(exact: AttentionDecoder) -> None:
    # The ids would be others after the way through JSON.
    with pytest.raises(ModelError, match="cannot be right"):
        dataclasses.replace(exact.spec, kept=exact.spec.kept[::-1])


def test_the_features_of_another_encoder_are_refused(exact: AttentionDecoder) -> None:
    exact.spec.check(make_spec(encoder=exact.spec.encoder), "asr.onnx")
    for encoder in ("", "0123456789ab"):
        with pytest.raises(ModelError, match=r"tiny 1 reads the features of another encoder than asr\.onnx has; .*"):
            exact.spec.check(make_spec(encoder=encoder), "asr.onnx")
    bare = dataclasses.replace(exact.spec, encoder="")
    with pytest.raises(ModelError, match="another encoder"):
        bare.check(make_spec(), "asr.onnx")
    with pytest.raises(ModelError, match=r"tiny 1 writes English, and it\.onnx Italian"):
        exact.spec.check(make_spec(encoder=exact.spec.encoder, language="it"), "it.onnx")


def changed_spec(**changes: Any) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        spec = AttentionDecoder(path).spec
        write_metadata(path, METADATA_KEY, dataclasses.replace(spec, **changes).to_json())

    return change


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def without_metadata(path: Path) -> None:
    graph = onnx.load(path)
    del graph.metadata_props[:]
    onnx.save(graph, path)


def with_another_output(path: Path) -> None:
    graph = onnx.load(path)
    graph.graph.output[2].name = "scores"
    [last] = [node for node in graph.graph.node if "log_probs" in node.output]
    last.output[:] = ["scores"]
    onnx.save(graph, path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "There is no attention decoder at"),
        (lambda path: path.write_bytes(b""), "not a usable model"),
        (lambda path: path.write_bytes(b"not a model"), "not a usable model"),
        (cut, "not a usable model"),
        (without_metadata, "is no attention decoder"),
        (with_another_output, "is no attention decoder"),
        (lambda path: write_metadata(path, METADATA_KEY, "{}"), "no readable spec"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"nothing", b"no\xff\xfeing")), "is damaged"),
        (changed_spec(size=8), "does not fit its network"),
        (changed_spec(heads=4), "does not fit its network"),
        (changed_spec(layers=1), "does not fit its network"),
        (changed_spec(layers=3), "does not fit its network"),
        (changed_spec(starts=1), "does not fit its network"),
        (changed_spec(starts=9), "does not fit its network"),
        (changed_spec(kept=KEPT[:-1]), "does not fit its network"),
        (changed_spec(positions=POSITIONS + 1), "does not fit its network"),
        (changed_spec(positions=4000), "does not fit its network"),
    ],
)
@pytest.mark.parametrize("kind", ["exact", "attention"])
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    attention_files: AttentionFiles, tmp_path: Path, kind: str, damage: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "asr.attention.onnx"
    shutil.copy(getattr(attention_files, kind), path)
    damage(path)
    with pytest.raises(ModelError, match=message) as caught:
        AttentionDecoder(path)
    assert "\n" not in str(caught.value)


def test_a_recogniser_is_no_attention_decoder(attention_files: AttentionFiles) -> None:
    with pytest.raises(ModelError, match=r"asr\.onnx is no attention decoder; make one with"):
        AttentionDecoder(attention_files.recognizer)


def test_what_was_heard_has_the_shape_that_it_says(int8: AttentionDecoder) -> None:
    heard = int8.hear(features_of(13))
    assert isinstance(heard, Heard)
    assert heard.keys.shape == heard.values.shape == (int8.spec.layers, 1, int8.spec.heads, 26, 8)
    assert heard.frames.tolist() == [13]
