"""Which decoder answers whom, and what the endpoint makes of it."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler import app
from handler.settings import Settings, SettingsError
from hark import confidence
from hark.beam import BeamSearch, Weights
from hark.decoding import GREEDY, Beam, Decoders, Decoding, Tuning
from hark.errors import InvalidParameter, ModelError
from hark.joint import Joint
from hark.joint_scores import JointWeights
from hark.language_model import LanguageModel
from hark.pipeline import Timings, transcribe_samples
from hark.recognizer import Recognizer
from local.event import http_event
from tests.attention_files import AttentionFiles
from tests.conftest import EVENTS, ROOT, Post, invoke, make_spec, multipart
from training import language_model

SPEECH = (EVENTS / "sample.wav").read_bytes()
SPEC = make_spec()
TEXT = ["the train to the coast leaves at nine in the morning", "the old man will wait for you at the station"] * 3


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small language model."""
    made = tmp_path_factory.mktemp("lm") / "lm.bin"
    language_model.make(TEXT, made, 2_000_000, 1, {})
    return made


def decoders_with(path: Path, decoder: str = "greedy") -> Decoders:
    return Decoders(app.settings.model_path, path, decoder)


@pytest.mark.parametrize(
    ("asked", "default", "searches"),
    [
        (Decoding(), "greedy", False),
        (Decoding(), "beam", True),
        (Decoding("greedy"), "beam", False),
        (Decoding("beam"), "greedy", True),
        (Decoding(hotwords=("ahab",)), "greedy", True),
        (Decoding(alternatives=1), "greedy", True),
        (Decoding(prompted=("ahab",)), "greedy", True),
        (Decoding("greedy", prompted=("ahab",)), "greedy", False),
    ],
)
def test_who_needs_a_search_gets_one(path: Path, asked: Decoding, default: str, searches: bool) -> None:
    assert isinstance(decoders_with(path, default).decoder(asked, SPEC), Beam) is searches


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (Decoding("beam"), "decoder"),
        (Decoding("beam", ("ahab",), alternatives=3), "decoder"),
        (Decoding(hotwords=("ahab",)), "hotwords"),
        (Decoding(alternatives=3), "alternatives"),
    ],
)
def test_without_a_language_model_a_search_is_refused_by_name(tmp_path: Path, asked: Decoding, param: str) -> None:
    decoders = decoders_with(tmp_path / "none.bin")
    for refuse in (lambda: decoders.check(asked), lambda: decoders.decoder(asked, SPEC)):
        with pytest.raises(InvalidParameter, match="no language model") as caught:
            refuse()
        assert caught.value.param == param


@pytest.mark.parametrize("default", ["greedy", "beam"])
@pytest.mark.parametrize("asked", [Decoding(), Decoding("greedy"), Decoding(prompted=("ahab",))])
def test_without_a_language_model_all_others_are_decoded_greedily(
    tmp_path: Path, asked: Decoding, default: str
) -> None:
    assert decoders_with(tmp_path / "none.bin", default).decoder(asked, SPEC) is GREEDY


def test_what_is_asked_for_survives_a_record() -> None:
    asked = Decoding("beam", ("ahab", "moby dick"), ("pip",), 3)
    assert Decoding.from_json(json.loads(json.dumps(asked.to_json()))) == asked
    assert Decoding.from_json({"decoder": "beam", "of a newer version": 1}) == Decoding("beam")
    assert Decoding.from_json({}) == Decoding()


def test_the_weights_beside_an_acoustic_model_are_those_of_the_search(tmp_path: Path) -> None:
    model = tmp_path / "asr.onnx"
    assert Tuning.beside(model) == Tuning()
    tuning = Tuning(Weights(alpha=0.9, beam=7), {"bias": 1.0}, {"wer": 0.1}, JointWeights(0.7, word=0.5), {"bias": 2.0})
    assert tuning.write(model) == tmp_path / "asr.json"
    assert Tuning.beside(model) == tuning
    assert "words" not in json.loads((tmp_path / "asr.json").read_text())
    learnt = dataclasses.replace(tuning, words=("velora", "zanix"))
    learnt.write(model)
    assert Tuning.beside(model) == learnt


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"format": 2}',
        *(
            f'{{"format": 1, "weights": {weights}}}'
            for weights in (
                '{"gamma": 1}', '{"alpha": NaN}', '{"alpha": "1"}', '{"beta": 1e999}', f'{{"beta": {10**400}}}',
                '{"beam": 1.5}', '{"beam": 0}', '{"beam": 1000000000}', '{"hotword_beam": true}', '{"beam_width": 0}',
                '{"label_width": -7}', "[]", "null",
            )
        ),
        *(
            f'{{"format": 1, "weights": {{}}, {rest}}}'
            for rest in (
                '"word_confidence": []', '"word_confidence": {"warmth": 1}', '"word_confidence": {"bias": NaN}',
                '"word_confidence": {"bias": "1"}', '"measured": []', '"measured": {"sets": []}',
                '"measured": {"sets": {"test": []}}', '"measured": {"sets": {"test": {"beam": 0.1}}}', '"colour": 1',
                '"joint": []', '"joint": {"gamma": 1}', '"joint": {"attention": NaN}', '"joint": {"candidates": 0}',
                '"joint": {"variants": 1.5}', '"joint": {"candidates": 1000000000}', '"joint": {"language": "1"}',
                '"words": 3', '"words": [3]', '"words": [""]', f'"words": ["{"a" * 51}"]',
                f'"words": {json.dumps(["a"] * 301)}',
                '"joint_confidence": {"warmth": 1}', '"joint_confidence": {"bias": NaN}',
            )
        ),
    ],
)  # fmt: skip
def test_weights_that_cannot_be_read_are_refused_with_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "asr.json").write_text(content)
    with pytest.raises(ModelError, match=r"asr\.json cannot be read .* make it with"):
        Tuning.beside(tmp_path / "asr.onnx")


@pytest.fixture
def damaged(path: Path, tmp_path: Path) -> Path:
    """A language model that is cut short."""
    made = tmp_path / "damaged.bin"
    made.write_bytes(path.read_bytes()[:-1])
    return made


def test_a_damaged_language_model_is_found_at_the_start_by_whom_it_is_for(damaged: Path, path: Path) -> None:
    decoders_with(path, "beam").load(SPEC)
    decoders_with(damaged, "greedy").load(SPEC)
    with pytest.raises(ModelError, match=r"damaged\.bin is cut short or damaged; .*HARK_DECODER=greedy"):
        decoders_with(damaged, "beam").load(SPEC)


@pytest.mark.parametrize("asked", [Decoding(), Decoding("greedy"), Decoding(prompted=("ahab",))])
def test_whoever_decodes_greedily_needs_no_language_model(damaged: Path, asked: Decoding) -> None:
    assert decoders_with(damaged).decoder(asked, SPEC) is GREEDY


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (Decoding("beam"), "decoder"),
        (Decoding(hotwords=("ahab",), prompted=("pip",)), "hotwords"),
        (Decoding(alternatives=2), "alternatives"),
    ],
)
def test_a_search_with_a_damaged_language_model_is_refused_by_name(damaged: Path, asked: Decoding, param: str) -> None:
    with pytest.raises(InvalidParameter, match="no language model") as caught:
        decoders_with(damaged).decoder(asked, SPEC)
    assert caught.value.param == param


def test_damaged_weights_are_found_at_the_start_by_whom_they_are_for(path: Path, tmp_path: Path) -> None:
    (tmp_path / "asr.json").write_text('{"format": 1, "weights": {"alpha": NaN}}')
    greedy, beam = (Decoders(tmp_path / "asr.onnx", path, decoder) for decoder in ("greedy", "beam"))
    greedy.load(SPEC)
    assert greedy.error_rates(SPEC) == {}
    with pytest.raises(ModelError, match=r"asr\.json cannot be read"):
        beam.load(SPEC)


@pytest.mark.parametrize(("decoder", "code"), [("beam", 1), ("greedy", 0)])
def test_an_endpoint_with_a_damaged_language_model_starts_only_if_it_decodes_greedily(
    damaged: Path, decoder: str, code: int
) -> None:
    environment = {**os.environ, "HARK_LM": str(damaged), "HARK_DECODER": decoder}
    command = [sys.executable, "-c", "import handler.app"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == code
    assert ("hark.errors.ModelError: The language model" in done.stderr) is bool(code)


@pytest.fixture
def pair(attention_files: AttentionFiles, tmp_path: Path) -> Path:
    """A recogniser with its attention decoder beside it, in a folder of the test's own."""
    for file in (attention_files.recognizer, attention_files.attention):
        shutil.copy(file, tmp_path)
    return tmp_path / "asr.onnx"


@pytest.mark.parametrize(
    ("wanted", "language_model", "attention", "expected"),
    [
        ("joint", True, True, "joint"),
        ("joint", True, False, "beam"),
        ("joint", False, True, "greedy"),  # a search is where its candidates come from
        ("joint", False, False, "greedy"),
        ("beam", True, True, "beam"),
        ("beam", False, True, "greedy"),
        ("greedy", True, True, "greedy"),
    ],
)
def test_who_names_no_decoder_gets_the_best_that_there_are_files_for(
    pair: Path, path: Path, wanted: str, language_model: bool, attention: bool, expected: str
) -> None:
    if not attention:
        pair.with_name("asr.attention.onnx").unlink()
    spec = Recognizer(pair).spec
    decoders = Decoders(pair, path if language_model else pair.with_name("none.bin"), wanted)
    decoders.load(spec)
    assert decoders.default == expected
    kinds: dict[str, type] = {"joint": Joint, "beam": Beam, "greedy": type(GREEDY)}
    assert type(decoders.decoder(Decoding(), spec)) is kinds[expected]
    # A decoder that is named is that one, whatever the default is.
    for name in (
        "greedy",
        *(("beam",) if language_model else ()),
        *(("joint",) if language_model and attention else ()),
    ):
        decoders.check(Decoding(name))
        assert type(decoders.decoder(Decoding(name), spec)) is kinds[name]


def test_hot_words_and_alternatives_are_decoded_jointly_where_that_is_the_default(pair: Path, path: Path) -> None:
    spec = Recognizer(pair).spec
    asked = (Decoding(hotwords=("ahab",)), Decoding(alternatives=2), Decoding(prompted=("ahab",)), Decoding("joint"))
    for each in asked:
        assert type(Decoders(pair, path).decoder(each, spec)) is Joint
        assert type(Decoders(pair, path, "beam").decoder(each, spec)) is (Joint if each.decoder else Beam)


def test_without_an_attention_decoder_joint_decoding_is_refused_by_name(path: Path, tmp_path: Path) -> None:
    decoders = Decoders(tmp_path / "asr.onnx", path)
    for refuse in (lambda: decoders.check(Decoding("joint")), lambda: decoders.decoder(Decoding("joint"), SPEC)):
        with pytest.raises(InvalidParameter, match=r"no attention decoder here.*set decoder to beam") as caught:
            refuse()
        assert caught.value.param == "decoder"
    without_either = Decoders(tmp_path / "asr.onnx", tmp_path / "none.bin")
    with pytest.raises(InvalidParameter, match="no language model"):
        without_either.check(Decoding("joint"))


def spoilt(pair: Path, how: str) -> None:
    """Makes the attention decoder one that cannot be used."""
    file = pair.with_name("asr.attention.onnx")
    if how == "damaged":
        file.write_bytes(file.read_bytes()[:-1000])
    elif how == "of another kind":
        shutil.copy(pair, file)
    else:
        shutil.copy(app.settings.model_path, pair)  # whose features it does not read


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("damaged", r"asr\.attention\.onnx is not a usable model"),
        ("of another kind", r"asr\.attention\.onnx is no attention decoder; make one with"),
        ("of another recogniser", r"reads the features of another encoder than .*asr\.onnx has; .*HARK_DECODER=beam"),
    ],
)
def test_an_attention_decoder_that_cannot_be_used_stops_whom_it_is_for(
    pair: Path, path: Path, how: str, message: str
) -> None:
    spoilt(pair, how)
    spec = Recognizer(pair).spec
    with pytest.raises(ModelError, match=message) as caught:
        Decoders(pair, path).load(spec)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=message):
        Decoders(pair, path).decoder(Decoding(), spec)
    for default in ("beam", "greedy"):
        decoders = Decoders(pair, path, default)
        decoders.load(spec)
        assert type(decoders.decoder(Decoding(hotwords=("ahab",)), spec)) is Beam
        # It started without, so what it cannot do is the request's mistake.
        with pytest.raises(InvalidParameter, match="no attention decoder here"):
            decoders.decoder(Decoding("joint"), spec)


@pytest.mark.parametrize(
    ("how", "decoder", "code"),
    [("damaged", "", 1), ("of another recogniser", "joint", 1), ("damaged", "beam", 0), ("damaged", "greedy", 0)],
)
def test_an_endpoint_with_an_unusable_attention_decoder_starts_only_without_it(
    pair: Path, how: str, decoder: str, code: int
) -> None:
    spoilt(pair, how)
    environment = {**os.environ, "HARK_MODEL": str(pair), "HARK_DECODER": decoder}
    command = [sys.executable, "-c", "import handler.app"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == code, done.stderr
    assert ("hark.errors.ModelError: " in done.stderr) is bool(code)


def asked_by_query(query: str) -> tuple[int, dict[str, str], Any]:
    return invoke(http_event("POST", "/transcribe", {"content-type": "audio/wav"}, SPEECH, query))


def test_an_endpoint_decodes_jointly_with_hot_words_prompts_and_alternatives(
    pair: Path, monkeypatch: pytest.MonkeyPatch, post: Post
) -> None:
    recognizer = Recognizer(pair)
    monkeypatch.setattr(app, "recognizer", recognizer)
    monkeypatch.setattr(app, "decoders", Decoders(pair, app.settings.language_model_path))
    seen: list[str] = []
    for fields in ({}, {"decoder": "joint"}, {"hotwords": "Quackenbush"}, {"prompt": "Glossary: Quackenbush"}):
        body, content_type = multipart({"model": "whisper-1", "text_style": "spoken", **fields}, SPEECH)
        status, _, reply = post("/v1/audio/transcriptions", body, content_type)
        assert status == 200, reply
        seen.append(reply["text"])
    assert seen[0] == seen[1]
    status, _, reply = asked_by_query("decoder=joint&alternatives=3&text_style=spoken")
    assert status == 200
    texts = [each["text"] for each in reply["alternatives"]]
    assert len(set(texts)) == len(texts) == 3
    assert texts[0] == reply["text"]
    assert all(0 <= word["confidence"] <= 1 for word in reply["words"])
    status, _, reply = asked_by_query("decoder=greedy&hotwords=ahab")
    assert (status, reply["error"]["param"]) == (422, "hotwords")


def test_an_endpoint_without_an_attention_decoder_refuses_joint_decoding(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.with_name("asr.attention.onnx").unlink()
    monkeypatch.setattr(app, "recognizer", Recognizer(pair))
    monkeypatch.setattr(app, "decoders", Decoders(pair, app.settings.language_model_path))
    status, _, reply = asked_by_query("decoder=joint")
    assert (status, reply["error"]["param"]) == (400, "decoder")
    assert "no attention decoder here" in reply["error"]["message"]
    assert asked_by_query("")[0] == 200


STEPS: tuple[Any, ...] = (float("nan"), float("inf"), 0, -0.1, 1.1, "0.1", None, [])
LENGTHS: tuple[Any, ...] = ({}, [], None)
ABOUTS: tuple[Any, ...] = ([], None, "text")


@pytest.mark.parametrize(
    "change",
    [
        *({"step": step} for step in STEPS),
        *({"lengths": lengths} for lengths in LENGTHS),
        *({"lengths": {"node_masks": length}} for length in (-1, 1.5, "1", 10**30, None)),
        *({"about": about} for about in ABOUTS),
    ],
)
def test_a_language_model_whose_header_is_damaged_is_refused(
    path: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    data = path.read_bytes()
    length = int.from_bytes(data[8:12], "little")
    header = json.loads(data[12 : 12 + length])
    if change.get("lengths"):
        change = {"lengths": {**header["lengths"], **change["lengths"]}}
    changed = json.dumps({**header, **change}).encode()
    # What follows is at the same place as before: the arrays begin at multiples of 64 bytes.
    gap = b" " * (-(12 + len(changed)) % 64)
    changed += gap
    made = tmp_path / "changed.bin"
    made.write_bytes(data[:8] + len(changed).to_bytes(4, "little") + changed + data[-(-(12 + length) // 64) * 64 :])
    with pytest.raises(ModelError, match="damaged"):
        LanguageModel(made)


def test_any_byte_of_a_language_model_may_be_wrong(path: Path, tmp_path: Path) -> None:
    """It is refused, or it is read and searched with; nothing else happens."""
    draw = np.random.default_rng(22)
    data = path.read_bytes()
    header = 12 + int.from_bytes(data[8:12], "little")
    labels = ("", " ", *"abcdefghijklmnopqrstuvwxyz")
    log_probs = np.log(draw.dirichlet(np.ones(len(labels)), 30)).astype(np.float32)
    refused = 0
    for number in range(120):
        changed = bytearray(data)
        # A third each: in the header, anywhere, and a piece that is missing.
        at = int(draw.integers(header if number % 3 == 0 else len(data)))
        if number % 3 < 2:
            changed[at] = int(draw.integers(256))
        else:
            del changed[at : at + int(draw.integers(1, 100))]
        made = tmp_path / f"{number}.bin"
        made.write_bytes(changed)
        try:
            model = LanguageModel(made)
        except ModelError:
            refused += 1
        else:
            assert BeamSearch(labels, 0, Weights(), model)(log_probs)
    assert refused > 40


def test_the_decoder_of_the_endpoint_is_a_setting() -> None:
    assert Settings.from_environment({}).decoder == "joint"
    assert Settings.from_environment({"HARK_DECODER": "beam", "HARK_LM": "a.bin"}).language_model_path == Path("a.bin")
    with pytest.raises(SettingsError, match="HARK_DECODER must be greedy or beam or joint"):
        Settings.from_environment({"HARK_DECODER": "viterbi"})


def test_where_both_find_the_same_text_they_find_it_in_the_same_frames(recognizer: Recognizer, speech: Any) -> None:
    spec = recognizer.spec
    search = Beam(BeamSearch(spec.labels, spec.blank, Weights(beam=20)), 0)
    greedy, beam = (transcribe_samples(speech, recognizer, Timings(), decoder) for decoder in (GREEDY, search))
    pairs = list(zip(greedy.words, beam.words, strict=True))
    same = [ours.word == theirs.word for ours, theirs in pairs]
    # Where a word begins and ends depends on its neighbours, too.
    alike = [pair for i, pair in enumerate(pairs) if all(same[max(i - 1, 0) : i + 2])]
    assert len(alike) > 0.6 * len(pairs)
    for ours, theirs in alike:
        assert (ours.start_s, ours.end_s) == (theirs.start_s, theirs.end_s)
        assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-3)


def test_a_letter_the_language_model_chose_is_as_sure_as_it_was_heard(path: Path) -> None:
    rows = np.full((2 * len("the train"), len(SPEC.labels)), 1e-6)
    rows[1::2, SPEC.blank] = 1.0
    for at, character in enumerate("the drain"):
        rows[2 * at, SPEC.labels.index(character)] = 1.0
    rows[8, SPEC.labels.index("d")], rows[8, SPEC.labels.index("t")] = 0.7, 0.3
    log_probs = np.log(rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
    search = Beam(BeamSearch(SPEC.labels, SPEC.blank, Weights(alpha=1.0), LanguageModel(path)))
    tokens, _ = search(log_probs, SPEC)
    assert "".join(SPEC.labels[label] for label in tokens.labels) == "the train"
    assert tokens.starts.tolist() == list(range(0, 18, 2))
    assert tokens.ends.tolist() == list(range(1, 19, 2))
    expected = np.ones(9)
    expected[4] = 0.3
    np.testing.assert_allclose(tokens.confidences, expected, atol=1e-3)


def test_confidences_of_a_search_have_weights_of_their_own(recognizer: Recognizer, speech: Any) -> None:
    spec = recognizer.spec
    search = BeamSearch(spec.labels, spec.blank, Weights(beam=20))
    sure = Beam(search, 0, {"bias": 50.0})
    words = transcribe_samples(speech, recognizer, Timings(), sure).words
    assert {word.confidence for word in words} == {1.0}
    assert confidence.logistic(np.array([50.0]))[0] == 1


def form_and_query(post: Post, fields: list[tuple[str, str]]) -> list[tuple[int, Any]]:
    """What both routes reply to the same options."""
    from urllib.parse import urlencode

    from local.event import http_event
    from tests.conftest import invoke

    body, content_type = multipart([*fields, ("response_format", "verbose_json")], SPEECH)
    form = post("/v1/audio/transcriptions", body, content_type)
    query = urlencode([*fields, ("response_format", "verbose_json")])
    raw = invoke(http_event("POST", "/transcribe", {"content-type": "audio/wav"}, SPEECH, query))
    return [(form[0], form[2]), (raw[0], raw[2])]


@pytest.fixture
def searching(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint with the small language model."""
    monkeypatch.setattr(app, "decoders", decoders_with(path))


@pytest.mark.usefixtures("searching")
def test_a_form_and_a_query_are_decoded_alike(post: Post) -> None:
    fields = [("decoder", "beam"), ("hotwords[]", "coast"), ("alternatives", "3"), ("prompt", "Glossary: a, b")]
    (status, form), (raw_status, raw) = form_and_query(post, fields)
    assert (status, raw_status) == (200, 200)
    assert form == raw
    assert form["text"] == form["alternatives"][0]["text"]
    assert len({each["text"] for each in form["alternatives"]}) == 3
    scores = [each["score"] for each in form["alternatives"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("word", ["coast", "cost"])
def test_a_search_writes_what_the_language_model_knows(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Whichever of the two greedy decoding finds."""
    made = tmp_path / "lm.bin"
    language_model.make([line.replace("coast", word) for line in TEXT], made, 2_000_000, 1, {})
    monkeypatch.setattr(app, "decoders", decoders_with(made))
    reply = form_and_query(post, [("decoder", "beam"), ("text_style", "spoken")])[0][1]
    assert f"to the {word} leaves at nine" in reply["text"]


@pytest.mark.usefixtures("searching")
def test_without_options_the_reply_stays_harks_own_and_lists_alternatives(post: Post) -> None:
    from local.event import http_event
    from tests.conftest import invoke

    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, SPEECH, "alternatives=2&decoder=beam")
    status, _, reply = invoke(event)
    assert status == 200
    assert reply["alternatives"][0]["text"] == reply["text"]
    assert {"words", "segments", "model"} <= set(reply)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("decoder", "viterbi")], "decoder"),
        ([("hotwords", "R2D2")], "hotwords"),
        ([("alternatives", "11")], "alternatives"),
    ],
)
def test_options_that_cannot_be_are_refused_on_both_routes(
    post: Post, fields: list[tuple[str, str]], param: str
) -> None:
    for status, reply in form_and_query(post, fields):
        assert (status, reply["error"]["code"], reply["error"]["param"]) == (400, "invalid_parameter", param)


def test_an_endpoint_without_a_language_model_says_so_and_takes_prompts(
    post: Post, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(app, "decoders", decoders_with(tmp_path / "none.bin"))
    for status, reply in form_and_query(post, [("decoder", "beam")]):
        assert (status, reply["error"]["param"]) == (400, "decoder")
        assert "no language model" in reply["error"]["message"]
    assert [status for status, _ in form_and_query(post, [("prompt", "Glossary: Ahab, Pip")])] == [200, 200]


@pytest.mark.usefixtures("searching")
def test_silence_has_one_text_the_empty_one(post: Post) -> None:
    from local.event import http_event
    from tests.conftest import encode, invoke

    silence = encode(np.zeros(16_000, np.float32), 16_000)
    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, silence, "alternatives=3")
    assert invoke(event)[2]["alternatives"] == [{"text": "", "score": 0.0}]


@pytest.mark.parametrize(("decoder", "loaded"), [("beam", "True"), ("greedy", "False")])
def test_the_language_model_is_opened_at_the_start_by_whom_it_is_for(decoder: str, loaded: str) -> None:
    program = (
        "import handler.app as app; from hark.decoding import Decoding\n"
        "app.decoders.decoder(Decoding('greedy'), app.recognizer.spec)\n"
        "print('_loaded' in vars(app.decoders))"
    )
    environment = {**os.environ, "HARK_DECODER": decoder}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.stdout.strip() == loaded


def test_the_language_model_that_comes_with_hark_is_small_and_can_be_read() -> None:
    path = Settings.language_model_path
    assert path.stat().st_size <= 16e6
    model = LanguageModel(path)
    assert model.words > 40_000


@pytest.mark.parametrize("name", ["asr", "small"])
def test_each_recogniser_comes_with_weights_of_its_own(name: str) -> None:
    path = ROOT / "models" / f"{name}.onnx"
    spec, tuning = Recognizer(path).spec, Tuning.beside(path)
    assert tuning.weights.beam == 100
    assert tuning.measured["model"] == f"{spec.name} {spec.version}"
