"""Manifests, the audio cache, batches and configs: right where they are right, refused by name where not."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch

from tests.conftest import DATA, make_spec
from tests.training.toy import SMALL, TINY, toy_config
from training import audio_cache
from training.audio_cache import AudioCache, cached_audio
from training.config import AugmentConfig, Config, CorpusConfig, model_spec
from training.config_files import config_from_dict, config_to_dict, load_config
from training.dataset import BucketSampler, SpeechDataset, collate, training_utterances
from training.errors import ConfigError, ManifestError
from training.manifest import Utterance, read_manifest, write_manifest
from training.task import SpeechData


def test_a_manifest_survives_being_written_and_read(tmp_path: Path) -> None:
    audio = tmp_path / "a" / "x.wav"
    utterances = [Utterance(audio, 1.5, "Ünï", {"speaker": "s"}), Utterance(Path("/elsewhere/y.wav"), 2.0, "b")]
    write_manifest(tmp_path / "m.jsonl", utterances)
    assert read_manifest(tmp_path / "m.jsonl") == utterances
    assert json.loads((tmp_path / "m.jsonl").read_text().splitlines()[0])["audio_filepath"] == "a/x.wav"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "m.jsonl:2 is not a JSON object"),
        ("[1]", "m.jsonl:2 is not a JSON object"),
        ('{"duration": 1, "text": "a"}', "m.jsonl:2 lacks the field 'audio_filepath'"),
        ('{"audio_filepath": "a.wav", "text": "a"}', "m.jsonl:2 lacks the field 'duration'"),
        ('{"audio_filepath": "a.wav", "duration": 0, "text": "a"}', "m.jsonl:2: duration"),
        ('{"audio_filepath": "a.wav", "duration": true, "text": "a"}', "m.jsonl:2: duration"),
        ('{"audio_filepath": "a.wav", "duration": "1", "text": "a"}', "m.jsonl:2: duration"),
        ('{"audio_filepath": "a.wav", "duration": 1, "text": 5}', "m.jsonl:2: audio_filepath and text"),
    ],
)
def test_a_bad_manifest_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    good = '{"audio_filepath": "a.wav", "duration": 1, "text": "a"}'
    (tmp_path / "m.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(ManifestError) as caught:
        read_manifest(tmp_path / "m.jsonl")
    assert message in str(caught.value)


def test_a_manifest_from_windows_is_read(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "new.wav").touch()
    (tmp_path / "clips" / "back\\slash.wav").touch()
    paths = ("clips\\\\new.wav", "clips\\new.wav", "clips/back\\\\slash.wav", "\\data\\clips\\x.wav")
    lines = [f'{{"audio_filepath": "{path}", "duration": 1, "text": "a \\u0062"}}' for path in paths]
    (tmp_path / "m.jsonl").write_text("\r\n".join(lines), encoding="utf-8-sig")
    utterances = read_manifest(tmp_path / "m.jsonl")
    assert [each.audio_path for each in utterances] == [
        tmp_path / "clips" / "new.wav",
        tmp_path / "clips" / "new.wav",
        tmp_path / "clips" / "back\\slash.wav",  # which is a name here, and the file is there
        Path("/data/clips/x.wav"),
    ]
    assert {each.text for each in utterances} == {"a b"}


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_or_missing_manifest_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.jsonl").write_text(content)
    with pytest.raises(ManifestError, match="no utterance"):
        read_manifest(tmp_path / "m.jsonl")
    with pytest.raises(ManifestError, match="There is no manifest "):
        read_manifest(tmp_path / "none.jsonl")


def wav(path: Path, seconds: float, sample_rate_hz: int = 16000) -> Utterance:
    samples = np.random.default_rng(0).normal(0, 0.1, int(seconds * sample_rate_hz)).astype(np.float32)
    sf.write(path, samples, sample_rate_hz)
    return Utterance(path, seconds, "a b")


def test_the_cache_returns_decoded_samples_and_is_used_again(tmp_path: Path) -> None:
    utterances = [wav(tmp_path / "a.wav", 1.0), wav(tmp_path / "b.wav", 0.5, 44100)]
    first = AudioCache(utterances, 16000, tmp_path / "cache")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    again = AudioCache(utterances, 16000, tmp_path / "cache")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == files
    assert len(first) == 2
    assert [len(again[i]) for i in range(2)] == [16000, 8000]
    np.testing.assert_allclose(first[0], sf.read(tmp_path / "a.wav", dtype="float32")[0], atol=1e-4)


def test_several_caches_are_read_as_one_and_each_is_used_again_by_itself(tmp_path: Path) -> None:
    recordings = [wav(tmp_path / f"{i}.wav", 0.1 * (i + 1)) for i in range(3)]
    both = cached_audio([recordings[:2], recordings[2:]], 16000, tmp_path / "cache")
    alone = AudioCache(recordings, 16000, tmp_path / "alone")
    assert both.offsets == alone.offsets == [0, 1600, 4800, 9600]
    assert len(both) == 3
    np.testing.assert_array_equal(both.pcm, alone.pcm)
    for index in range(3):
        np.testing.assert_array_equal(both[index], alone[index])
    recordings[0].audio_path.write_bytes(recordings[1].audio_path.read_bytes())
    again = cached_audio([recordings[:2], recordings[2:]], 16000, tmp_path / "cache")
    assert again.parts[0].path != both.parts[0].path
    assert again.parts[1].path == both.parts[1].path
    assert again.name != both.name
    assert cached_audio([recordings[2:]], 16000, tmp_path / "cache").name == again.parts[1].path.name


def test_what_an_epoch_never_takes_is_not_read(tmp_path: Path) -> None:
    config = toy_config(tmp_path).data
    write_manifest(tmp_path / "m.jsonl", [wav(tmp_path / f"{i}.wav", 1.0) for i in range(2)])
    first, second = (json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines())
    lines = [json.dumps({**line, "text": "a", "corpus": name}) for line, name in ((first, "one"), (second, "two"))]
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    config.train = [CorpusConfig(str(tmp_path / "m.jsonl"), repeat=0, repeat_by_corpus={"two": 0.5})]
    utterances, repeats = training_utterances(config)
    assert [each.extra["corpus"] for each in utterances] == ["two"]
    assert repeats == [0.5]
    config.train[0].repeat_by_corpus = {}
    with pytest.raises(ManifestError, match="names no utterance"):
        training_utterances(config)


def test_a_changed_recording_makes_a_new_cache(tmp_path: Path) -> None:
    utterance = wav(tmp_path / "a.wav", 1.0)
    AudioCache([utterance], 16000, tmp_path / "cache")
    wav(tmp_path / "a.wav", 2.0)
    assert len(AudioCache([utterance], 16000, tmp_path / "cache")[0]) == 32000


def test_missing_and_unreadable_recordings_are_named_and_leave_no_cache(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"gone\.wav"):
        AudioCache([Utterance(tmp_path / "gone.wav", 1, "a")], 16000, tmp_path / "cache")
    (tmp_path / "bad.wav").write_bytes(b"nothing")
    with pytest.raises(ManifestError, match=r"bad\.wav"):
        AudioCache([wav(tmp_path / "a.wav", 1.0), Utterance(tmp_path / "bad.wav", 1, "a")], 16000, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))


def test_a_transcript_outside_the_alphabet_is_refused_by_name(tmp_path: Path) -> None:
    utterance = wav(tmp_path / "a.wav", 1.0)
    with pytest.raises(ManifestError, match=r"a\.wav .* ж"):
        SpeechDataset([Utterance(utterance.audio_path, 1.0, "жa")], make_spec(), str(tmp_path))


def durations(count: int = 500) -> list[float]:
    return np.random.default_rng(0).uniform(0.5, 15, count).tolist()


def test_batches_hold_each_utterance_once_within_the_budget() -> None:
    lengths = durations()
    for epoch in (0, 1, 2):
        plan = BucketSampler(lengths, [1.0] * 500, 60.0, seed=1).plan(epoch)
        assert sorted(index for batch in plan for _, index in batch) == list(range(500))
        assert all(key == epoch for batch in plan for key, _ in batch)
        for batch in plan:
            assert len(batch) == 1 or max(lengths[i] for _, i in batch) * len(batch) <= 60.0
        padded = sum(max(lengths[i] for _, i in batch) * len(batch) for batch in plan)
        assert padded < 1.15 * sum(lengths)  # bucketing leaves little padding


def test_the_plan_depends_on_seed_and_epoch_alone() -> None:
    def plan(seed: int, epoch: int) -> list[list[tuple[int, int]]]:
        return BucketSampler(durations(), [1.0] * 500, 60.0, seed).plan(epoch)

    assert plan(1, 3) == plan(1, 3)
    assert plan(1, 3) != plan(1, 4)
    assert plan(1, 3) != plan(2, 3)


def test_the_first_epoch_can_go_from_short_to_long() -> None:
    lengths = durations()
    sampler = BucketSampler(lengths, [1.0] * 500, 60.0, seed=1, shortest_first=True)
    order = [lengths[i] for batch in sampler.plan(0) for _, i in batch]
    assert order == sorted(order)
    assert [lengths[i] for batch in sampler.plan(1) for _, i in batch] != order


def test_repeats_oversample_and_fractions_take_turns() -> None:
    sampler = BucketSampler([1.0] * 300, [2.0] * 100 + [0.5] * 100 + [0.0] * 100, 10.0, seed=1)
    taken = [[i for batch in sampler.plan(epoch) for _, i in batch] for epoch in (0, 1)]
    for epoch in taken:
        assert all(epoch.count(i) == 2 for i in range(100))
        assert 30 < sum(100 <= i < 200 for i in epoch) < 70
        assert max(epoch) < 200
    assert sorted(i for epoch in taken for i in epoch if i >= 100) == list(range(100, 200))


def test_processes_share_a_plan_without_overlap() -> None:
    samplers = [BucketSampler(durations(), [1.0] * 500, 60.0, 1, rank=rank, processes=3) for rank in range(3)]
    shares = [list(sampler) for sampler in samplers]
    assert len({len(share) for share in shares}) == 1
    seen = [key for share in shares for batch in share for key in batch]
    assert len(seen) == len(set(seen))


def test_augmentation_depends_on_seed_epoch_and_utterance_alone(tmp_path: Path) -> None:
    utterances = read_manifest(DATA / "manifest.jsonl")

    def item(seed: int, epoch: int, index: int) -> torch.Tensor:
        dataset = SpeechDataset(utterances, make_spec(), str(tmp_path), AugmentConfig(speed_change=0.1), seed)
        dataset[(0, 5)]  # what came before does not matter
        return dataset[(epoch, index)][0]

    torch.testing.assert_close(item(1, 2, 3), item(1, 2, 3))
    assert not torch.equal(item(1, 2, 3), item(1, 3, 3))
    assert not torch.equal(item(1, 2, 3), item(2, 2, 3))


def test_collate_pads_and_joins(tmp_path: Path) -> None:
    dataset = SpeechDataset(read_manifest(DATA / "manifest.jsonl"), make_spec(), str(tmp_path))
    batch = collate([dataset[(0, 0)], dataset[(0, 1)]])
    # Rounded up, so that batches of nearly the same length have the same shape.
    assert batch.log_mel.shape == (2, math.ceil(int(batch.lengths.max()) / 32) * 32, 80)
    assert batch.texts == ["open the door", "we have two dogs"]
    assert batch.target_lengths.tolist() == [13, 16]
    assert len(batch.targets) == 29
    short = int(batch.lengths.argmin())
    assert (batch.log_mel[short, batch.lengths[short] :] == 0).all()


def test_utterances_outside_the_length_limits_are_left_out(tmp_path: Path) -> None:
    config = toy_config(tmp_path, data__min_duration_s="1.9", data__max_duration_s="2.1").data
    kept, repeats = training_utterances(config)
    assert 0 < len(kept) < 12
    assert all(1.9 <= utterance.duration_s <= 2.1 for utterance in kept)
    assert len(repeats) == len(kept)
    config.train[0].repeat_by_corpus = {"synth": 3.0, "other": 9.0}
    assert set(training_utterances(config)[1]) == {3.0}
    config.min_duration_s = 100
    with pytest.raises(ManifestError, match="no utterance within"):
        training_utterances(config)


def test_recordings_that_cannot_be_learnt_from_are_counted_with_their_reason(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF, or so it says")
    good = wav(tmp_path / "good.wav", 2.0)
    listed = [
        good,
        replace(good, text="\u0436"),
        replace(good, text="[laughter]"),
        replace(good, text="a" * 60),  # 59 blanks between them are needed as well
        wav(tmp_path / "long.wav", 30.0),
        replace(good, audio_path=tmp_path / "gone.wav"),
        replace(good, audio_path=tmp_path / "broken.wav"),
    ]
    write_manifest(tmp_path / "m.jsonl", listed)
    config = toy_config(tmp_path, **TINY)
    config.data.train = [CorpusConfig(str(tmp_path / "m.jsonl"))]
    data = SpeechData(config)
    data.prepare_data()
    for _ in range(2):  # Lightning sets the data up once for training and once more to validate
        data.setup("fit")
        assert [utterance.audio_path.name for utterance in data.train] == ["good.wav"]
        assert len(data.train_items) == len(data.repeats) == len(data.train_items.audio) == 1
    np.testing.assert_array_equal(data.train_items.audio[0], AudioCache([good], 16000, tmp_path / "cache")[0])
    by_reason = data.left_out.by_reason
    reasons = {reason: [Path(each.partition(":")[0]).name for each in named] for reason, named in by_reason.items()}
    assert reasons == {
        "with characters that the model has no label for": ["good.wav"],
        "without a word in the text": ["good.wav"],
        "with more text than fits": ["good.wav"],
        "above data.max_duration_s, 17 s,": ["long.wav"],
        "with audio that is missing or cannot be read": ["gone.wav", "broken.wav"],
    }
    assert len(data.left_out) == 6
    data.left_out.write(tmp_path / "left-out.txt")
    assert len((tmp_path / "left-out.txt").read_text().splitlines()) == 11
    assert any("1 recording with characters" in note and "\u0436" in note for note in data.left_out.notes())


def test_a_recording_that_was_left_out_is_taken_once_it_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    utterances = [wav(tmp_path / "a.wav", 1.0), wav(tmp_path / "b.wav", 2.0)]
    read = audio_cache._read
    monkeypatch.setattr(
        audio_cache,
        "_read",
        lambda path, sample_rate_hz: "no" if path.name == "b.wav" else read(path, sample_rate_hz),
    )
    first = AudioCache(utterances, 16000, tmp_path / "cache", leave_out=True)
    assert (len(first), first.refused) == (1, {tmp_path / "b.wav": "no"})
    with pytest.raises(ManifestError, match=r"b\.wav: no"):
        AudioCache(utterances, 16000, tmp_path / "cache")
    monkeypatch.undo()
    second = AudioCache(utterances, 16000, tmp_path / "cache")
    assert [len(second[i]) for i in range(2)] == [16000, 32000]
    assert second.name != first.name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "\u0436"}, "that can be learnt: 1 recording with characters that the model has no label for"),
        ({"text": "..."}, "1 recording without a word in the text"),
        ({"audio_path": Path("/none/gone.wav")}, "1 recording with audio that is missing or cannot be read"),
    ],
)
def test_a_run_that_can_learn_nothing_does_not_start(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    write_manifest(tmp_path / "m.jsonl", [replace(wav(tmp_path / "good.wav", 2.0), **change)])
    config = toy_config(tmp_path, **TINY)
    config.data.train = [CorpusConfig(str(tmp_path / "m.jsonl"))]
    with pytest.raises(ManifestError, match=message) as caught:
        SpeechData(config).setup("fit")
    assert "\n" not in str(caught.value)


def test_a_dev_set_without_texts_is_refused_by_name(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [replace(wav(tmp_path / "good.wav", 2.0), text="[noise]")])
    config = toy_config(tmp_path, data__dev=str(tmp_path / "m.jsonl"))
    with pytest.raises(ManifestError, match=r"m\.jsonl has no text"):
        SpeechData(config)


def test_a_config_survives_the_checkpoint() -> None:
    config = load_config(SMALL, ["optim.max_lr=0.5"])
    assert config.optim.max_lr == 0.5
    assert config_from_dict(config_to_dict(config)) == config
    assert model_spec(config).time_subsampling == 4


@pytest.mark.parametrize(
    "change",
    [
        {"name": "${oc.env:STRANGERS_TEST_SECRET}"},
        {"training_data": "speech, ${oc.env:STRANGERS_TEST_SECRET} and more"},
        {"labels": ["", "a", "${oc.env:STRANGERS_TEST_SECRET}"]},
        {"data": {"dev": "${oc.env:STRANGERS_TEST_SECRET}"}},
        {"data": {"train": [{"manifest": "${oc.decode:${oc.env:STRANGERS_TEST_SECRET}}"}]}},
        {"stages": [{"optim": {"max_lr": "${oc.env:STRANGERS_TEST_SECRET}"}}]},
        {"stages": [{"${oc.env:STRANGERS_TEST_SECRET}": 1}]},
        {"version": "${name}"},
    ],
)
def test_a_strangers_checkpoint_reads_nothing_of_the_environment(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGERS_TEST_SECRET", "hidden")
    config = config_to_dict(Config(name="toy"))
    for name, value in change.items():
        config[name] = {**config[name], **value} if isinstance(value, dict) else value
    with pytest.raises(ConfigError, match="is not resolved here") as caught:
        config_from_dict(config)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "values", ["name: ${oc.env:HOME}", None, [], 3, ["name"], {"name": 3, "colour": "red"}, {1: 2}]
)
def test_a_checkpoints_config_that_is_none_is_refused(values: Any) -> None:
    with pytest.raises(ConfigError, match="The checkpoint's config cannot be used"):
        config_from_dict(values)


def test_a_config_of_ones_own_may_read_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_TEST_NAME", "mine")
    (tmp_path / "own.yaml").write_text("name: ${oc.env:OWN_TEST_NAME}\ndata: {train: [{manifest: a}], dev: b}\n")
    config = load_config(tmp_path / "own.yaml")
    assert config.name == "mine"
    assert config_from_dict(config_to_dict(config)) == config


@pytest.mark.parametrize(
    "override", ["optim.speed=1", "optim.max_lr=fast", "model.rnn_layers=two", "colour=red", "data.train=5"]
)
def test_an_unknown_field_or_a_wrong_type_is_refused(override: str) -> None:
    with pytest.raises(ConfigError, match=r"small\.yaml cannot be used"):
        load_config(SMALL, [override])


def test_a_missing_config_is_named() -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load_config("none.yaml")
