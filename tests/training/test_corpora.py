"""Importers: each corpus in its true layout makes one exact manifest; what cannot be used is named, never lost."""

import hashlib
import json
import os
import re
import tarfile
import urllib.error
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from tests.hark.media_files import encode_media
from training.corpora.__main__ import main
from training.manifest import read_manifest
from training.torchaudio_guard import torchaudio

RATE_HZ = 16000


def audio(path: Path, seconds: float = 0.5) -> Path:
    """Writes noise in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(len(path.name)).normal(0, 0.1, round(seconds * RATE_HZ)).astype(np.float32)
    # Opus is a codec within Ogg, which soundfile does not tell from the suffix.
    kind: dict[str, Any] = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
    sf.write(path, samples, RATE_HZ, **kind)
    return path


def text(path: Path, lines: Iterable[str], encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return path


def imported(tmp_path: Path, *arguments: str | Path, status: int = 0) -> list[dict[str, Any]]:
    """Runs the command line; returns the manifest's lines as they are in the file."""
    output = tmp_path / "manifest.jsonl"
    assert main([*map(str, arguments), "--output", str(output)]) == status
    assert len(read_manifest(output)) == len(output.read_text("utf-8").splitlines())
    return [json.loads(line) for line in output.read_text("utf-8").splitlines()]


def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Runs the command line, which must write nothing; returns what it says."""
    output = tmp_path / "manifest.jsonl"
    assert main([*map(str, arguments), "--output", str(output)]) == 1
    assert not output.exists()
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.strip()


# LibriSpeech


def make_librispeech(root: Path) -> Path:
    folder = root / "LibriSpeech"
    text(folder / "README.TXT", ["LibriSpeech"])
    text(folder / "dev-clean/84/121123/84-121123.trans.txt", ["84-121123-0000 GO DO YOU HEAR", "84-121123-0001 BUT NO"])
    audio(folder / "dev-clean/84/121123/84-121123-0000.flac", 1.25)
    audio(folder / "dev-clean/84/121123/84-121123-0001.flac", 0.5)
    text(folder / "train-clean-100/19/198/19-198.trans.txt", ["19-198-0000 NORTHANGER ABBEY"])
    audio(folder / "train-clean-100/19/198/19-198-0000.flac", 0.75)
    return folder


def libri_line(subset: str, name: str, duration: float, words: str) -> dict[str, Any]:
    speaker, chapter, _ = name.split("-")
    return {
        "audio_filepath": f"LibriSpeech/{subset}/{speaker}/{chapter}/{name}.flac",
        "duration": duration,
        "text": words,
        "speaker": f"librispeech-{speaker}",
        "corpus": f"LibriSpeech {subset}",
        "license": "CC BY 4.0",
    }


LIBRI_DEV = [
    libri_line("dev-clean", "84-121123-0000", 1.25, "GO DO YOU HEAR"),
    libri_line("dev-clean", "84-121123-0001", 0.5, "BUT NO"),
]
LIBRI_TRAIN = [libri_line("train-clean-100", "19-198-0000", 0.75, "NORTHANGER ABBEY")]


def test_librispeech_makes_one_exact_manifest_and_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_librispeech(tmp_path)
    assert imported(tmp_path, "librispeech", tmp_path) == LIBRI_DEV + LIBRI_TRAIN
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'manifest.jsonl'}: 3 utterances, 0.00 h, speakers: 2\n"
    assert "error" not in said.err


@pytest.mark.parametrize("source", [".", "LibriSpeech"])
def test_librispeech_is_found_from_its_folder_and_the_one_above(tmp_path: Path, source: str) -> None:
    make_librispeech(tmp_path)
    assert imported(tmp_path, "librispeech", tmp_path / source) == LIBRI_DEV + LIBRI_TRAIN
    assert imported(tmp_path, "librispeech", tmp_path / source, "--subset", "dev-clean") == LIBRI_DEV


def test_a_subset_of_librispeech_is_found_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_librispeech(tmp_path)
    assert imported(tmp_path, "librispeech", folder / "dev-clean") == LIBRI_DEV
    monkeypatch.chdir(folder / "dev-clean")
    assert imported(tmp_path, "librispeech", ".") == LIBRI_DEV


def test_several_subsets_of_librispeech_go_into_one_manifest_in_the_order_asked_for(tmp_path: Path) -> None:
    make_librispeech(tmp_path)
    options = ("--subset", "train-clean-100", "--subset", "dev-clean")
    assert imported(tmp_path, "librispeech", tmp_path, *options) == LIBRI_TRAIN + LIBRI_DEV


def test_a_librispeech_subset_that_is_not_there_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_librispeech(tmp_path)
    said = refused(tmp_path, capsys, "librispeech", tmp_path, "--subset", "test-clean")
    assert said == f"error: {tmp_path} has no subset test-clean; it has dev-clean, train-clean-100."


def test_librispeech_names_what_lacks_its_other_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chapter = make_librispeech(tmp_path) / "dev-clean/84/121123"
    (chapter / "84-121123-0000.flac").unlink()
    audio(chapter / "84-121123-0002.flac")
    text(chapter / "84-121123.trans.txt", ["84-121123-0000 GO DO YOU HEAR", "", "84-121123-0001"])
    assert imported(tmp_path, "librispeech", tmp_path, status=1) == LIBRI_TRAIN
    assert capsys.readouterr().err.splitlines()[-4:] == [
        f"{chapter / '84-121123-0002.flac'}: its chapter's .trans.txt has no transcript for it.",
        f"{chapter / '84-121123-0000.flac'}: the file is missing.",
        f"{chapter / '84-121123-0001.flac'}: its transcript is empty.",
        "error: 3 left out, named above.",
    ]


def serve_librispeech(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, members: int | None = None
) -> list[tuple[str, str | None]]:
    """Puts a local archive where torchaudio would fetch one: patches `download_url_to_file` of its LibriSpeech module.

    Everything behind the fetch is torchaudio's own: the choice of the archive, unpacking, the layout. With `members`
    the unpacking (its `_extract_tar`) breaks off after so many members, as when the disk is full.
    """
    module = torchaudio.datasets.librispeech
    make_librispeech(tmp_path / "server")
    fetched: list[tuple[str, str | None]] = []

    def fetch(url: str, destination: str, hash_prefix: str | None = None) -> None:
        fetched.append((url, hash_prefix))
        with tarfile.open(destination, "w:gz") as tar:
            for name in ("README.TXT", "dev-clean"):
                tar.add(tmp_path / "server/LibriSpeech" / name, f"LibriSpeech/{name}")

    def extract_some(archive: str) -> None:
        with tarfile.open(archive) as tar:
            for member in tar.getmembers()[:members]:
                tar.extract(member, os.path.dirname(archive))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "download_url_to_file", fetch)
    if members is not None:
        monkeypatch.setattr(module, "_extract_tar", extract_some)
    return fetched


def test_a_subset_of_librispeech_is_downloaded_checked_and_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = serve_librispeech(monkeypatch, tmp_path)
    root = tmp_path / "new" / "data"
    lines = imported(tmp_path, "librispeech", root, "--download", "dev-clean")
    assert lines == [{**line, "audio_filepath": f"new/data/{line['audio_filepath']}"} for line in LIBRI_DEV]
    ((url, digest),) = fetched
    assert url.endswith("/dev-clean.tar.gz")
    assert digest is not None
    assert len(digest) == 2 * hashlib.sha256().digest_size
    assert [path.name for path in root.iterdir()] == ["LibriSpeech"]


def test_a_downloaded_subset_is_not_downloaded_again_and_others_beside_it_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = serve_librispeech(monkeypatch, tmp_path)
    make_librispeech(tmp_path)
    assert imported(tmp_path, "librispeech", tmp_path, "--download", "dev-clean") == LIBRI_DEV
    assert fetched == []


def test_a_download_that_breaks_off_in_unpacking_is_finished_by_the_next_without_fetching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    with monkeypatch.context() as full:
        fetched = serve_librispeech(full, tmp_path, members=6)
        said = refused(tmp_path, capsys, "librispeech", root, "--download", "dev-clean")
        assert said.startswith(f"error: LibriSpeech dev-clean cannot be downloaded to {root}: ")
        assert "No space left" in said
        assert len(fetched) == 1
    assert not (root / "LibriSpeech").exists()  # a half-unpacked subset would be taken for the whole
    fetched = serve_librispeech(monkeypatch, tmp_path)
    lines = imported(tmp_path, "librispeech", root, "--download", "dev-clean")
    assert [line["text"] for line in lines] == [line["text"] for line in LIBRI_DEV]
    assert fetched == []


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("no route to host"), RuntimeError("invalid hash value"), TimeoutError("timed out")]
)
def test_a_download_that_fails_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torchaudio.datasets.librispeech, "download_url_to_file", fail)
    said = refused(tmp_path, capsys, "librispeech", tmp_path, "--download", "dev-clean")
    assert said == f"error: LibriSpeech dev-clean cannot be downloaded to {tmp_path}: {error}."


def test_a_subset_that_librispeech_does_not_have_is_refused_with_those_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(tmp_path, capsys, "librispeech", tmp_path, "--download", "dev-cleen")
    assert said.startswith("error: LibriSpeech has no subset 'dev-cleen': ")
    assert "'dev-clean', 'dev-other'" in said
    assert list(tmp_path.iterdir()) == []


# Common Voice

COLUMNS = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccent\tlocale"


def make_common_voice(folder: Path) -> Path:
    rows = [
        "aaaa\tcommon_voice_en_1.mp3\tShe said, it is late.\t2\t0\t\t\t\ten",
        'bbbb\tcommon_voice_en_2.mp3\t"Go on,\t2\t0\t\t\t\ten',
        "bbbb\tcommon_voice_en_3.mp3\tit\u2028isn't far.\t2\t0\t\t\t\ten",
    ]
    text(folder / "validated.tsv", [COLUMNS, *rows])
    text(folder / "train.tsv", [COLUMNS, *rows[1:]])
    text(folder / "dev.tsv", [COLUMNS, rows[0]])
    text(folder / "test.tsv", [COLUMNS])
    for i, seconds in enumerate([1.0, 1.5, 0.9], 1):
        audio(folder / f"clips/common_voice_en_{i}.mp3", seconds)
    return folder


def voice_line(number: int, duration: float, words: str, speaker: str) -> dict[str, Any]:
    return {
        "audio_filepath": f"clips/common_voice_en_{number}.mp3",
        "duration": duration,
        "text": words,
        "speaker": f"commonvoice-{speaker}",
        "corpus": "Common Voice (en)",
        "license": "CC0",
        "language": "en",
    }


VOICE = [
    voice_line(1, 1.0, "She said, it is late.", "aaaa"),
    voice_line(2, 1.5, '"Go on,', "bbbb"),
    voice_line(3, 0.9, "it isn't far.", "bbbb"),
]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], VOICE[1:]),
        (["--split", "train"], VOICE[1:]),
        (["--split", "dev"], VOICE[:1]),
        (["--split", "validated"], VOICE),
    ],
)
def test_each_split_of_common_voice_makes_one_exact_manifest(
    tmp_path: Path, options: list[str], expected: list[dict[str, Any]]
) -> None:
    make_common_voice(tmp_path)
    assert imported(tmp_path, "commonvoice", tmp_path, *options) == expected


def test_old_releases_without_locale_and_extensions_are_read(tmp_path: Path) -> None:
    audio(tmp_path / "clips/a1.mp3")
    text(tmp_path / "train.tsv", ["client_id\tpath\tsentence", "\ta1\tHello."])
    assert imported(tmp_path, "commonvoice", tmp_path) == [
        {
            "audio_filepath": "clips/a1.mp3",
            "duration": 0.5,
            "text": "Hello.",
            "corpus": "Common Voice",
            "license": "CC0",
        }
    ]


@pytest.mark.parametrize(
    ("locale", "language"),
    [("it", "it"), ("ka", "ka"), ("zh-CN", "zh-CN"), ("sv-SE", "sv-SE"), ("rm-sursilv", "rm-sursilv")],
)
def test_any_locale_of_common_voice_says_its_language(tmp_path: Path, locale: str, language: str) -> None:
    folder = tmp_path / "cv-corpus-21.0" / locale
    audio(folder / "clips/a.mp3")
    columns = "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tdown_votes\tlocale"
    text(folder / "train.tsv", [columns, f"s\ta.mp3\tx\tÈ così.\t\t2\t0\t{locale}"])
    [line] = imported(tmp_path, "commonvoice", folder)
    assert (line["language"], line["text"]) == (language, "È così.")
    text(folder / "train.tsv", ["client_id\tpath\tsentence", "s\ta.mp3\tÈ così."])
    [line] = imported(tmp_path, "commonvoice", folder)
    assert line["language"] == language


def test_common_voice_names_missing_clips_and_broken_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_common_voice(tmp_path)
    (tmp_path / "clips/common_voice_en_2.mp3").unlink()
    with (tmp_path / "train.tsv").open("a") as file:
        file.write("cccc\tcommon_voice_en_1.mp3\tcut off\n")
    assert imported(tmp_path, "commonvoice", tmp_path, status=1) == VOICE[2:]
    assert capsys.readouterr().err.splitlines()[-3:] == [
        f"{tmp_path / 'train.tsv'}:4: 3 columns instead of 9.",
        f"{tmp_path / 'clips/common_voice_en_2.mp3'}: the file is missing.",
        "error: 2 left out, named above.",
    ]


def test_a_split_without_utterances_writes_no_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_common_voice(tmp_path)
    said = refused(tmp_path, capsys, "commonvoice", tmp_path, "--split", "test")
    manifest = tmp_path / "manifest.jsonl"
    assert said.splitlines()[-1] == f"error: {tmp_path} has no utterance that can be used; {manifest} is not written."


def test_a_table_without_the_columns_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_common_voice(tmp_path)
    text(tmp_path / "train.tsv", ["client_id\tfile\ttext", "a\tb\tc"])
    said = refused(tmp_path, capsys, "commonvoice", tmp_path)
    expected = "has no column path or sentence in its first line; it has: client_id, file, text."
    assert said == f"error: {tmp_path / 'train.tsv'} {expected}"


# LJ Speech


def test_lj_speech_makes_one_exact_manifest_of_spelt_out_texts(tmp_path: Path) -> None:
    text(
        tmp_path / "metadata.csv",
        ['LJ001-0001|"In 1811,|"In eighteen eleven,', "LJ001-0002|plain|", "", "LJ001-0003|only one text"],
    )
    for i in (1, 2, 3):
        audio(tmp_path / f"wavs/LJ001-000{i}.wav", i / 2)
    assert imported(tmp_path, "ljspeech", tmp_path) == [
        {
            "audio_filepath": f"wavs/LJ001-000{i}.wav",
            "duration": i / 2,
            "text": words,
            "speaker": "ljspeech-LJ",
            "corpus": "LJ Speech",
            "license": "public domain",
        }
        for i, words in enumerate(['"In eighteen eleven,', "plain", "only one text"], 1)
    ]


def test_lj_speech_names_lines_with_other_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text(tmp_path / "metadata.csv", ["LJ001-0001", "LJ001-0002|a|b|c", "LJ001-0003|a|b"])
    audio(tmp_path / "wavs/LJ001-0003.wav")
    assert len(imported(tmp_path, "ljspeech", tmp_path, status=1)) == 1
    assert capsys.readouterr().err.splitlines()[-3:] == [
        f"{tmp_path / 'metadata.csv'}:1: 1 columns instead of 2 or 3.",
        f"{tmp_path / 'metadata.csv'}:2: 4 columns instead of 2 or 3.",
        "error: 2 left out, named above.",
    ]


def test_text_that_is_not_utf8_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text(tmp_path / "metadata.csv", ["LJ001-0001|caf\xe9"], "latin-1")
    (tmp_path / "wavs").mkdir()
    said = refused(tmp_path, capsys, "ljspeech", tmp_path)
    assert said.startswith(f"error: {tmp_path / 'metadata.csv'} cannot be read: 'utf-8' codec can't decode byte 0xe9")


# Speech Commands


def make_speech_commands(folder: Path) -> Path:
    for name in ("yes/aaaa_nohash_0", "yes/aaaa_nohash_1", "yes/bbbb_nohash_0", "no/cccc_nohash_0", "no/odd"):
        audio(folder / f"{name}.wav", 1.0)
    audio(folder / "_background_noise_/running_tap.wav", 2.0)
    audio(folder / "yes/._aaaa_nohash_0.wav")  # what macOS packs beside every file
    text(folder / "validation_list.txt", ["yes/bbbb_nohash_0.wav"])
    text(folder / "testing_list.txt", ["./no/cccc_nohash_0.wav"])
    return folder


def command_line(name: str, speaker: str | None) -> dict[str, Any]:
    return {
        "audio_filepath": f"{name}.wav",
        "duration": 1.0,
        "text": name.split("/")[0],
        **({"speaker": f"speechcommands-{speaker}"} if speaker else {}),
        "corpus": "Speech Commands",
        "license": "CC BY 4.0",
    }


COMMANDS_TRAIN = [
    command_line("no/odd", None),
    command_line("yes/aaaa_nohash_0", "aaaa"),
    command_line("yes/aaaa_nohash_1", "aaaa"),
]
COMMANDS_VALIDATION = [command_line("yes/bbbb_nohash_0", "bbbb")]
COMMANDS_TEST = [command_line("no/cccc_nohash_0", "cccc")]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", COMMANDS_TRAIN),
        ("validation", COMMANDS_VALIDATION),
        ("test", COMMANDS_TEST),
        ("all", [*COMMANDS_TEST, *COMMANDS_TRAIN, *COMMANDS_VALIDATION]),
    ],
)
def test_each_split_of_speech_commands_makes_one_exact_manifest(
    tmp_path: Path, split: str, expected: list[dict[str, Any]]
) -> None:
    make_speech_commands(tmp_path)
    assert imported(tmp_path, "speechcommands", tmp_path, "--split", split) == expected


def test_the_splits_of_speech_commands_share_nothing(tmp_path: Path) -> None:
    make_speech_commands(tmp_path)
    names = [
        line["audio_filepath"]
        for split in ("train", "validation", "test")
        for line in imported(tmp_path, "speechcommands", tmp_path, "--split", split)
    ]
    assert len(set(names)) == len(names) == 5


@pytest.mark.parametrize(
    ("split", "speakers"),
    [
        ("train", ["0a7c2a8d", "988e2f9a"]),
        ("validation", ["026290a7", "060cd039"]),  # as in the corpus's own validation_list.txt
        ("test", ["bb05582b"]),  # and testing_list.txt
    ],
)
def test_without_lists_the_speakers_hash_decides(tmp_path: Path, split: str, speakers: list[str]) -> None:
    for speaker in ("0a7c2a8d", "988e2f9a", "026290a7", "060cd039", "bb05582b"):
        for number in range(2):
            audio(tmp_path / f"yes/{speaker}_nohash_{number}.wav", 1.0)
    lines = imported(tmp_path, "speechcommands", tmp_path, "--split", split)
    assert {line["speaker"].removeprefix("speechcommands-") for line in lines} == set(speakers)
    assert len(lines) == 2 * len(speakers)


def test_one_list_without_the_other_is_no_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_speech_commands(tmp_path)
    (tmp_path / "testing_list.txt").unlink()
    assert "expected <word>/*.wav and, or neither," in refused(tmp_path, capsys, "speechcommands", tmp_path)


def test_what_a_split_lists_but_lacks_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_speech_commands(tmp_path)
    text(tmp_path / "validation_list.txt", ["yes/bbbb_nohash_0.wav", "yes/gone_nohash_0.wav"])
    options = ("--split", "validation")
    assert imported(tmp_path, "speechcommands", tmp_path, *options, status=1) == COMMANDS_VALIDATION
    assert f"{tmp_path / 'yes/gone_nohash_0.wav'}: the file is missing." in capsys.readouterr().err


# One's own recordings


def own_line(
    path: str, words: str, speaker: str | None, corpus: str, duration: float = 0.5, licence: str = "unknown"
) -> dict[str, Any]:
    return {
        "audio_filepath": path,
        "duration": duration,
        "text": words,
        **({"speaker": speaker} if speaker else {}),
        "corpus": corpus,
        "license": licence,
    }


def test_a_folder_of_audio_and_texts_makes_one_exact_manifest(tmp_path: Path) -> None:
    names = ("top.WAV", "ann/a.b.mp3", "ann/deep/c.flac", "bob/d.ogg", "bob/e.opus", "bob/f.aiff")
    for name in names:
        path = audio(tmp_path / "mine" / name)
        text(path.with_suffix(".txt"), [f"Words of {path.stem},", "on two lines."])
    text(tmp_path / "mine/bob/d.txt", ["Ünï"], "utf-8-sig")
    (tmp_path / "carl").mkdir()
    text(audio(tmp_path / "carl/g.wav").with_suffix(".txt"), ["linked"])
    (tmp_path / "mine/carl").symlink_to(tmp_path / "carl")
    text(audio(tmp_path / "mine/.trash/h.wav").with_suffix(".txt"), ["thrown away"])
    assert imported(tmp_path, "folder", tmp_path / "mine") == [
        own_line("mine/ann/a.b.mp3", "Words of a.b, on two lines.", "ann", "mine"),
        own_line("mine/ann/deep/c.flac", "Words of c, on two lines.", "ann", "mine"),
        own_line("mine/bob/d.ogg", "Ünï", "bob", "mine"),
        own_line("mine/bob/e.opus", "Words of e, on two lines.", "bob", "mine"),
        own_line("mine/bob/f.aiff", "Words of f, on two lines.", "bob", "mine"),
        own_line("carl/g.wav", "linked", "carl", "mine"),  # manifests name files, not links
        own_line("mine/top.WAV", "Words of top, on two lines.", None, "mine"),
    ]


def test_a_folder_names_everything_it_leaves_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine"
    for name in ("good", "textless", "empty", "broken", "mute", "latin"):
        audio(mine / f"{name}.wav")
        text(mine / f"{name}.txt", ["words"])
    (mine / "textless.txt").unlink()
    text(mine / "empty.txt", ["", " "])
    (mine / "broken.wav").write_bytes(b"RIFF, or so it says")
    sf.write(mine / "mute.wav", np.zeros(0, np.float32), RATE_HZ)
    text(mine / "latin.txt", ["caf\xe9"], "latin-1")
    (mine / "phone.m4a").write_bytes(b"not for anybody")
    (mine / "alone.txt").write_text("words")
    text(mine / "phone.txt", ["words"])
    assert imported(tmp_path, "folder", mine, status=1) == [own_line("mine/good.wav", "words", None, "mine")]
    said = capsys.readouterr().err.splitlines()[-8:]
    assert said[0].startswith(f"{mine / 'latin.txt'} cannot be read: 'utf-8' codec can't decode byte 0xe9")
    assert said[1:3] == [
        f"{mine / 'textless.wav'}: there is no textless.txt beside it.",
        f"{mine / 'alone.txt'}: there is no audio file of that name that can be read beside it.",
    ]
    assert said[3].startswith(f"{mine / 'broken.wav'}: The audio ")
    assert said[4:6] == [
        f"{mine / 'empty.wav'}: its transcript is empty.",
        f"{mine / 'mute.wav'}: there is no audio in it, or it is cut short.",
    ]
    assert said[6].startswith(f"{mine / 'phone.m4a'}: The audio ")
    assert said[7] == "error: 7 left out, named above."


def test_recordings_of_phones_and_browsers_are_imported_with_their_lengths(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (2 * 48_000, 1)).astype(np.float32)
    made = {
        "phone.m4a": "m4a, index at the end",
        "browser.webm": "WebM, live",
        "raw.aac": "ADTS AAC",
        "camera.mov": "QuickTime with PCM",
    }
    for name, kind in made.items():
        (tmp_path / name).write_bytes(encode_media(samples, 48_000, kind))
        text((tmp_path / name).with_suffix(".txt"), ["words"])
    lines = imported(tmp_path, "folder", tmp_path)
    assert [line["audio_filepath"] for line in lines] == sorted(made)
    assert [line["duration"] for line in lines] == pytest.approx([2.0] * len(made), abs=0.1)


def test_a_table_from_windows_names_its_files_with_backslashes(tmp_path: Path) -> None:
    audio(tmp_path / "clips/new.wav")
    text(tmp_path / "table.csv", ["audio,text", "clips\\new.wav,words"], "utf-8-sig")
    [line] = imported(tmp_path, "folder", tmp_path / "table.csv")
    assert line["audio_filepath"] == "clips/new.wav"


def test_a_file_whose_header_does_not_know_its_length_is_decoded_for_it(tmp_path: Path) -> None:
    for name in ("piped", "good"):
        text(audio(tmp_path / f"{name}.flac").with_suffix(".txt"), ["words"])
    data = bytearray((tmp_path / "piped.flac").read_bytes())
    # STREAMINFO follows the four bytes of magic and four of its own header; its total of samples ends at byte 18.
    data[8 + 13] &= 0xF0
    data[8 + 14 : 8 + 18] = bytes(4)
    (tmp_path / "piped.flac").write_bytes(data)
    assert [line["duration"] for line in imported(tmp_path, "folder", tmp_path)] == pytest.approx([0.5, 0.5], abs=0.01)


@pytest.mark.parametrize(
    ("name", "rows", "encoding"),
    [
        ("list.csv", ["audio,text,speaker", 'a.wav,"Well, ""no"".",ann', "sub/b.wav,Yes.,"], "utf-8-sig"),
        ("list.tsv", ["speaker\taudio\ttext", 'ann\ta.wav\tWell, "no".', "\tsub/b.wav\tYes."], "utf-8"),
    ],
)
def test_a_table_makes_one_exact_manifest(tmp_path: Path, name: str, rows: list[str], encoding: str) -> None:
    audio(tmp_path / "mine/a.wav")
    audio(tmp_path / "mine/sub/b.wav", 0.25)
    table = text(tmp_path / "mine" / name, rows, encoding)
    options = ("--corpus", "Calls", "--license", "private")
    assert imported(tmp_path, "folder", table, *options) == [
        own_line("mine/a.wav", 'Well, "no".', "ann", "Calls", licence="private"),
        own_line("mine/sub/b.wav", "Yes.", "sub", "Calls", 0.25, "private"),
    ]


def test_a_table_may_name_audio_elsewhere_and_leave_speakers_out(tmp_path: Path) -> None:
    audio(tmp_path / "else/a.wav")
    table = text(tmp_path / "mine/list.csv", ["audio,text", f"{tmp_path / 'else/a.wav'},Yes."])
    assert imported(tmp_path, "folder", table) == [own_line("else/a.wav", "Yes.", None, "mine")]


def test_a_table_with_a_quotation_mark_that_nothing_closes_is_refused_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = text(tmp_path / "list.csv", ["audio,text", 'a.wav,"Well', "b.wav,Yes."])
    said = refused(tmp_path, capsys, "folder", table)
    assert said.startswith(f"error: {table}:3 is not a table row: ")


def test_a_table_that_is_not_utf8_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = text(tmp_path / "list.csv", ["audio,text", "a.wav,caf\xe9"], "latin-1")
    assert refused(tmp_path, capsys, "folder", table).startswith(f"error: {table} cannot be read: 'utf-8' codec")


# Corpora of many languages


@pytest.mark.parametrize(("name", "suffix"), [("mls_italian", ".flac"), ("mls_italian_opus", ".opus")])
def test_a_language_of_mls_makes_one_exact_manifest(tmp_path: Path, name: str, suffix: str) -> None:
    folder = tmp_path / name
    rows = ["643_529_000000\til gatto dorme", "643_529_000001\tè tardi", "10_20_000000\tsenza voce"]
    text(folder / "dev/transcripts.txt", rows)
    text(folder / "dev/segments.txt", ["643_529_000000\thttp://example.org/a.mp3\t1.0\t2.0"])
    for speaker, book, number in (("643", "529", "000000"), ("643", "529", "000001"), ("10", "20", "000000")):
        audio(folder / f"dev/audio/{speaker}/{book}/{speaker}_{book}_{number}{suffix}", 0.5)
    lines = imported(tmp_path, "mls", folder, "--split", "dev")
    assert lines[1] == {
        "audio_filepath": f"{name}/dev/audio/643/529/643_529_000001{suffix}",
        "duration": 0.5,
        "text": "è tardi",
        "speaker": "mls-643",
        "corpus": "MLS dev",
        "license": "CC BY 4.0",
        "language": "it",
    }
    assert [line["speaker"] for line in lines] == ["mls-643", "mls-643", "mls-10"]


def test_mls_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mls_polish"
    text(folder / "train/transcripts.txt", ["1_2_3\ttak", "1_2_4\tnie", "odd\ttak"])
    audio(folder / "train/audio/1/2/1_2_3.flac")
    assert [line["language"] for line in imported(tmp_path, "mls", folder, status=1)] == ["pl"]
    assert capsys.readouterr().err.splitlines()[-3:] == [
        f"{folder / 'train/transcripts.txt'}:3: 'odd' is not speaker_book_number.",
        f"{folder / 'train/audio/1/2/1_2_4.flac'}: the file is missing.",
        "error: 2 left out, named above.",
    ]


@pytest.mark.parametrize(("name", "language"), [("it", "it"), ("en_accented", "en"), ("ro", "ro")])
def test_a_language_of_voxpopuli_makes_one_exact_manifest(tmp_path: Path, name: str, language: str) -> None:
    folder = tmp_path / "transcribed_data" / name
    columns = "id\traw_text\tnormalized_text\tspeaker_id\tsplit\tgender\tis_gold_transcript\taccent"
    first, second = "20171113-0900-PLENARY-12-it_1", "20090112-0900-PLENARY-3-it_2"
    rows = [
        f"{first}\tSignora, è tardi.\tsignora è tardi\t96998\tdev\tmale\tFalse\tNone",
        f"{second}\t\tgrazie a tutti\tNone\tdev\tfemale\tTrue\tNone",
    ]
    text(folder / "asr_dev.tsv", [columns, *rows])
    audio(folder / f"2017/{first}.ogg", 1.0)
    audio(folder / f"2009/{second}.ogg", 0.5)
    shared = {"corpus": "VoxPopuli", "license": "CC0", "language": language}
    where = f"transcribed_data/{name}"
    assert imported(tmp_path, "voxpopuli", folder, "--split", "dev") == [
        {
            "audio_filepath": f"{where}/2017/{first}.ogg",
            "duration": 1.0,
            "text": "Signora, è tardi.",
            "speaker": "voxpopuli-96998",
            **shared,
        },
        {"audio_filepath": f"{where}/2009/{second}.ogg", "duration": 0.5, "text": "grazie a tutti", **shared},
    ]


@pytest.mark.parametrize(
    ("name", "language"), [("it_it", "it-IT"), ("es_419", "es-419"), ("cmn_hans_cn", "zh-Hans-CN"), ("ka_ge", "ka-GE")]
)
@pytest.mark.parametrize("unpacked", ["audio/test", "test"])
def test_a_language_of_fleurs_makes_one_exact_manifest(tmp_path: Path, name: str, language: str, unpacked: str) -> None:
    folder = tmp_path / name
    # Quotation marks that are never closed are the sentences' own.
    text(
        folder / "test.tsv",
        ['1904\t10.wav\tIl "gatto dorme.\til gatto dorme\ti l | g a t t o |\t8000\tMALE', "broken\trow"],
    )
    audio(folder / unpacked / "10.wav", 0.5)
    [line] = imported(tmp_path, "fleurs", folder, "--split", "test", status=1)
    assert line == {
        "audio_filepath": f"{name}/{unpacked}/10.wav",
        "duration": 0.5,
        "text": 'Il "gatto dorme.',
        "corpus": "FLEURS test",
        "license": "CC BY 4.0",
        "language": language,
    }


def test_a_language_of_m_ailabs_makes_one_exact_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "it_IT"
    book = folder / "by_book/female/lisa_caputo/malavoglia"
    text(book / "metadata.csv", ["m_01_f000001|Nel 1860|Nel mille ottocento sessanta", "m_01_f000002|Sì|", "odd"])
    audio(book / "wavs/m_01_f000001.wav", 0.75)
    audio(book / "wavs/m_01_f000002.wav", 0.5)
    mixed = folder / "by_book/mix/novelle"
    text(mixed / "metadata.csv", ["n_01_f000001|Ciao|Ciao"])
    audio(mixed / "wavs/n_01_f000001.wav", 0.5)
    lines = imported(tmp_path, "mailabs", folder, status=1)
    assert lines[0] == {
        "audio_filepath": "it_IT/by_book/female/lisa_caputo/malavoglia/wavs/m_01_f000001.wav",
        "duration": 0.75,
        "text": "Nel mille ottocento sessanta",
        "speaker": "mailabs-it_IT-lisa_caputo",
        "corpus": "M-AILABS",
        "license": "M-AILABS",
        "language": "it-IT",
    }
    assert [(line["text"], line.get("speaker")) for line in lines[1:]] == [
        ("Sì", "mailabs-it_IT-lisa_caputo"),
        ("Ciao", None),
    ]
    assert f"{book / 'metadata.csv'}:3: 1 columns instead of 2 or 3." in capsys.readouterr().err


@pytest.mark.parametrize(("name", "language"), [("en_UK", "en-GB"), ("uk_UK", "uk"), ("de_DE", "de-DE")])
def test_countries_of_m_ailabs_are_those_of_bcp_47(tmp_path: Path, name: str, language: str) -> None:
    book = tmp_path / name / "by_book/male/x/y"
    text(book / "metadata.csv", ["a|A|A"])
    audio(book / "wavs/a.wav")
    assert imported(tmp_path, "mailabs", tmp_path / name)[0]["language"] == language


def test_your_own_recordings_say_a_language_if_you_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text(audio(tmp_path / "mine/a.wav").with_suffix(".txt"), ["ciao"])
    assert imported(tmp_path, "folder", tmp_path / "mine", "--language", "Italian")[0]["language"] == "it"
    assert "language" not in imported(tmp_path, "folder", tmp_path / "mine")[0]
    (tmp_path / "manifest.jsonl").unlink()
    capsys.readouterr()
    assert "is no language" in refused(tmp_path, capsys, "folder", tmp_path / "mine", "--language", "?")


# All of them

LAYOUTS = {
    "librispeech": ("LibriSpeech", "LibriSpeech/<subset>/<speaker>/<chapter>/*.trans.txt in it"),
    "commonvoice": ("a language of Common Voice", "train.tsv and the folder clips in it"),
    "ljspeech": ("LJ Speech", "metadata.csv and the folder wavs in it"),
    "mls": ("a language of Multilingual LibriSpeech", "train/transcripts.txt and the folder train/audio in it"),
    "voxpopuli": ("a language of VoxPopuli", "asr_train.tsv in it, as in <root>/transcribed_data/<language>"),
    "fleurs": ("a language of FLEURS", "train.tsv and audio/train, the unpacked train.tar.gz, in it"),
    "mailabs": (
        "a language of M-AILABS",
        "by_book/<female, male or mix>/.../<book>/metadata.csv and wavs in it",
    ),
    "speechcommands": (
        "Speech Commands",
        "<word>/*.wav and, or neither, validation_list.txt and testing_list.txt in it",
    ),
    "folder": ("a folder of recordings", "audio files with a .txt of the same name beside each, or a .csv or .tsv"),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_source_that_is_not_the_corpus_gets_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    corpus, expected = LAYOUTS[kind]
    (tmp_path / "some/thing").mkdir(parents=True)
    source = tmp_path / "some"
    assert refused(tmp_path, capsys, kind, source) == f"error: {source} is not {corpus}: expected {expected}."
    absent = tmp_path / "absent"
    assert refused(tmp_path, capsys, kind, absent) == f"error: {absent} does not exist: expected {expected}."


def test_when_nothing_can_be_used_everything_is_named_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text(audio(tmp_path / "a.wav").with_suffix(".txt"), [""])
    said = refused(tmp_path, capsys, "folder", tmp_path).splitlines()
    assert said[-2] == f"{tmp_path / 'a.wav'}: its transcript is empty."
    assert said[-1].startswith(f"error: {tmp_path} has no utterance that can be used")


def test_a_manifest_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text(audio(tmp_path / "a.wav").with_suffix(".txt"), ["words"])
    assert main(["folder", str(tmp_path), "--output", str(tmp_path)]) == 1
    assert re.search("^error: .*: Is a directory$", capsys.readouterr().err, re.MULTILINE)


def test_the_order_of_a_manifest_does_not_depend_on_threads(tmp_path: Path) -> None:
    for i in range(60):
        text(audio(tmp_path / f"mine/{i:02}.wav", 0.02 + i / 1000).with_suffix(".txt"), [f"number {i}"])
    lines = imported(tmp_path, "folder", tmp_path / "mine")
    assert [line["audio_filepath"] for line in lines] == [f"mine/{i:02}.wav" for i in range(60)]
    assert [line["duration"] for line in lines] == [round(0.02 + i / 1000, 3) for i in range(60)]
