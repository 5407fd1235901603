"""The figures show what the model, the recordings and the logs say; what cannot be drawn is one sentence."""

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from torch.utils.tensorboard import SummaryWriter

from hark.features import log_mel, mel_filters
from hark.pipeline import Timings, transcribe
from hark.recognizer import Recognizer
from hark.segments import split
from hark.spec import MEL_SCALES, NORMALISATIONS
from tests.conftest import DATA, EVENTS, ROOT, encode, make_spec
from tests.patience import PATIENCE_S
from tests.training.toy import SMALL
from training import evaluate, inspect
from training.augment import Samples
from training.config import AugmentConfig, RoomConfig, model_spec
from training.config_files import load_config
from training.manifest import read_manifest
from training.plots import augmentation, curves, emissions, error_rates, style

MANIFEST = DATA / "manifest.jsonl"
# Drawn noise and simulated rooms: the recorded ones of small.yaml are not in the repository.
NO_FOLDERS = ["augment.noise.folder=''", "augment.room.folder=''"]
SAMPLE = EVENTS / "sample.wav"


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def drawn(figure: Figure) -> FigureCanvasAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


# How all figures look


@pytest.mark.parametrize("scale", MEL_SCALES)
def test_mel_bands_are_marked_by_their_frequency(scale: str) -> None:
    spec = make_spec(mel_scale=scale)
    filters = mel_filters(spec.sample_rate_hz, spec.n_fft, spec.n_mels, spec.f_min_hz, spec.f_max_hz, scale)
    peaks_hz = filters.argmax(axis=0) * spec.sample_rate_hz / spec.n_fft
    high = np.arange(40, 80)  # where a band is wider than the bins of the transform
    np.testing.assert_allclose(style.mel_position(peaks_hz, spec)[high], high + 0.5, atol=0.5)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_colours_are_explained_whatever_the_normalisation(normalisation: str) -> None:
    spec, figure = make_spec(normalisation=normalisation), Figure()
    mel = log_mel(np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32), spec)
    axes = figure.subplots()
    image = style.draw_log_mel(axes, mel, spec, style.colour_range(mel, spec))
    style.log_mel_bar(figure, image, axes, spec)
    assert figure.axes[1].get_ylabel().startswith("log-mel (")


def test_colours_can_be_told_apart_without_colour() -> None:
    # The first two are drawn together most: their lightness must differ.
    first, second = (np.dot(to_rgb(colour), [0.2126, 0.7152, 0.0722]) for colour in (style.BLUE, style.VERMILION))
    assert abs(first - second) > 0.05
    assert len(set(style.COLOURS)) == len(style.COLOURS)


# Augmentation


@pytest.fixture(scope="module")
def panels() -> dict[str, augmentation.Panel]:
    changes = ["augment.speed_change=0.1", "augment.tempo_change=0.1", "augment.tract_change=0"]
    config = load_config(SMALL, NO_FOLDERS + changes)
    utterance = read_manifest(MANIFEST)[3]
    return {
        panel.name: panel
        for panel in augmentation.augmented(utterance, config.augment, model_spec(config), inspect._SEED)
    }


def test_each_kind_of_augmentation_is_shown_alone_and_all_together(panels: dict[str, augmentation.Panel]) -> None:
    assert list(panels) == [
        "as it is", "edges", "speed", "room", "noise", "band", "codec", "tempo", "vocal tract", "masks", "all together",
    ]  # fmt: skip
    plain = panels["as it is"].log_mel
    for name in ("room", "noise", "band", "codec", "masks"):
        assert panels[name].log_mel.shape == plain.shape
        assert not np.allclose(panels[name].log_mel, plain)
    for name in ("speed", "tempo"):
        assert len(panels[name].log_mel) != len(plain)
    assert len(panels["edges"].log_mel) <= len(plain)
    np.testing.assert_allclose(panels["vocal tract"].log_mel, plain, atol=1e-3)  # off in this config


def test_the_first_panel_is_what_a_model_is_fed(panels: dict[str, augmentation.Panel]) -> None:
    from hark.audio import decode

    spec = model_spec(load_config(SMALL))
    samples = decode(read_manifest(MANIFEST)[3].audio_path.read_bytes(), spec.sample_rate_hz, 60.0)
    np.testing.assert_allclose(panels["as it is"].log_mel, log_mel(samples, spec), atol=1e-2)


def test_only_masks_hide_whole_bands_and_frames(panels: dict[str, augmentation.Panel]) -> None:
    masked = panels["masks"].log_mel == 0
    assert masked.all(axis=0).any()
    assert masked.all(axis=1).any()
    assert not (panels["noise"].log_mel == 0).all(axis=1).any()


def test_probabilities_are_certain_and_the_config_is_left_as_it_is() -> None:
    config = AugmentConfig(room=RoomConfig(0.25))
    kinds = {kind.name: kind for kind in augmentation.kinds(config)}
    everything = kinds["all together"].config
    parts = (everything.edges, everything.room, everything.noise, everything.band, everything.codec)
    assert [part.probability for part in parts] == [1.0] * 5
    assert kinds["room"].config.room.probability == 1
    assert kinds["room"].config.noise.probability == 0
    assert kinds["room"].config.time_masks == 0
    assert "for 25 % of utterances" in kinds["room"].settings
    assert "off in this config" in kinds["noise"].settings
    assert config.room.probability == 0.25


def test_augmentation_is_drawn_over_seconds_and_frequencies(panels: dict[str, augmentation.Panel]) -> None:
    spec = make_spec()
    figure = augmentation.draw(list(panels.values()), "x" * 300, spec)
    drawn(figure)
    grid = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in grid] == list(panels)
    assert [axes.get_xlabel() for axes in grid[-2:]] == ["time (s)"] * 2
    assert figure._supylabel.get_text() == "mel band frequency (Hz)"  # type: ignore[attr-defined]
    for axes, panel in zip(grid, panels.values(), strict=True):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), panel.log_mel.T)
        left, right, *_ = image.get_extent()
        assert right - left == pytest.approx(len(panel.log_mel) * 0.01)
    ticks = dict(zip([label.get_text() for label in grid[0].get_yticklabels()], grid[0].get_yticks(), strict=True))
    assert ticks["1000"] == pytest.approx(float(style.mel_position(np.array(1000.0), spec)))
    assert figure._suptitle.get_window_extent().width < figure.bbox.width  # type: ignore[attr-defined]


# Emissions


@pytest.fixture(scope="module")
def long_speech() -> bytes:
    """All synthesised utterances in a row: longer than the model takes at once."""
    from hark.audio import decode

    parts: list[Samples] = [decode(u.audio_path.read_bytes(), 16000, 60.0) for u in read_manifest(MANIFEST)]
    return encode(np.concatenate(parts), 16000)


def drawn_emissions(data: bytes, recognizer: Recognizer, start_s: float | None = None) -> Figure:
    windows, heard = emissions.listen(data, recognizer)
    part_s = emissions.shown_part(heard.duration_s, start_s, None)
    return emissions.draw(windows, heard, recognizer.spec, part_s, "title")


def test_emissions_show_spectrogram_probabilities_and_words_over_one_time(recognizer: Recognizer) -> None:
    data = SAMPLE.read_bytes()
    figure = drawn_emissions(data, recognizer)
    drawn(figure)
    mel, labels, words = figure.axes[:3]
    assert [axes.get_ylabel() for axes in (mel, labels, words)] == ["mel band frequency (Hz)", "label", "words"]
    assert words.get_xlabel() == "time (s)"
    heard = transcribe(data, recognizer, 60.0, Timings())
    assert mel.get_xlim() == labels.get_xlim() == words.get_xlim() == pytest.approx((0, heard.duration_s))
    # The panels lie exactly under one another, colour bars or not.
    assert mel.get_position().x0 == labels.get_position().x0 == words.get_position().x0
    assert mel.get_position().x1 == labels.get_position().x1 == words.get_position().x1
    assert " ".join(texts(words)) == heard.text
    assert [text.get_position()[0] for text in words.texts] == [word.start_s for word in heard.words]
    patches: Any = words.patches
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in patches]
    np.testing.assert_allclose(bars, [(word.start_s, word.end_s) for word in heard.words])


def test_the_heat_map_holds_the_models_probabilities(recognizer: Recognizer) -> None:
    import soundfile as sf

    samples, _ = sf.read(SAMPLE, dtype="float32")
    spec = recognizer.spec
    ((start, end),) = split(samples, spec.sample_rate_hz, spec.max_window_s)
    (expected,) = recognizer.run([log_mel(samples[start:end], spec)])
    labels = drawn_emissions(SAMPLE.read_bytes(), recognizer).axes[1]
    shown = np.asarray(labels.images[0].get_array())
    np.testing.assert_allclose(shown.sum(axis=0), 1, atol=1e-3)
    np.testing.assert_allclose(shown[0], np.exp(expected)[:, spec.blank], atol=1e-6)
    names = [label.get_text() for label in labels.get_yticklabels()]
    assert names[0] == "blank"
    assert names[names.index("a") :] == list("abcdefghijklmnopqrstuvwxyz")
    np.testing.assert_allclose(shown[names.index("e")], np.exp(expected)[:, spec.labels.index("e")], atol=1e-6)
    start_s, end_s, *_ = labels.images[0].get_extent()
    assert start_s == start / spec.sample_rate_hz
    seconds_a_frame = (end_s - start_s) / shown.shape[1]
    assert seconds_a_frame == pytest.approx(1 / spec.output_frames_per_second)


def test_a_long_recording_is_shown_window_by_window(recognizer: Recognizer, long_speech: bytes) -> None:
    figure = drawn_emissions(long_speech, recognizer)
    mel, labels, words = figure.axes[:3]
    assert len(mel.images) == len(labels.images) >= 2
    starts_s = [image.get_extent()[0] for image in labels.images]
    lengths_s = [image.get_extent()[1] - image.get_extent()[0] for image in labels.images]
    assert max(lengths_s) <= recognizer.spec.max_window_s + 0.1
    for axes in (mel, labels, words):
        assert [line.get_xdata()[0] for line in axes.lines[-len(starts_s) + 1 :]] == starts_s[1:]  # type: ignore[index]


def test_words_do_not_overlap(recognizer: Recognizer, long_speech: bytes) -> None:
    figure = drawn_emissions(long_speech, recognizer)
    renderer = drawn(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[2].texts]
    assert len(boxes) > 20
    assert not [i for i, box in enumerate(boxes) if any(box.overlaps(other) for other in boxes[i + 1 :])]


def test_only_the_part_asked_for_is_shown(recognizer: Recognizer, long_speech: bytes) -> None:
    assert emissions.shown_part(100.0, None, None) == (0.0, 30.0)
    assert emissions.shown_part(100.0, 90.0, None) == (90.0, 100.0)
    assert emissions.shown_part(100.0, 3.0, 4.0) == (3.0, 4.0)
    for start_s, end_s in ((100.0, None), (5.0, 5.0), (-1.0, 2.0)):
        with pytest.raises(emissions.PlotError, match="nothing from"):
            emissions.shown_part(100.0, start_s, end_s)
    words = drawn_emissions(long_speech, recognizer, start_s=10.0).axes[2]
    assert words.get_xlim()[0] == 10.0
    patches: Any = words.patches
    assert all(bar.get_x() + bar.get_width() > 10 for bar in patches)


def test_silence_is_drawn_without_words(recognizer: Recognizer) -> None:
    figure = drawn_emissions(encode(np.zeros(16000, np.float32), 16000), recognizer)
    drawn(figure)
    assert texts(figure.axes[2]) == []


# Learning curves

START = 1_000_000.0


def write_logs(folder: Path, points: list[tuple[int, float, dict[str, float]]], start: float = START) -> None:
    """Writes (step, seconds since the start, values by tag) as one session of a run."""
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        for step, seconds, values in points:
            for tag, value in values.items():
                writer.add_scalar(tag, value, step, walltime=start + seconds)


def session(first: int, last: int, speed: float = 100.0) -> list[tuple[int, float, dict[str, float]]]:
    """A session that logs every 10 steps, each of which takes 1 s, and validates every 50, which takes 30 s."""
    points: list[tuple[int, float, dict[str, float]]] = []
    for step in range(first, last + 1, 10):
        seconds = (step - first) + 30 * ((step - 1) // 50 - (first - 1) // 50)
        values = {"train/loss": 3 / step, "lr-AdamW": step / 1000, "train/audio_s_per_s": speed}
        points.append((step, seconds, values))
        if step % 50 == 0:
            points.append((step, seconds + 30, {"dev/loss": 2 / step, "dev/wer": 1 / step, "dev/cer": 0.5 / step}))
    return points


def test_curves_show_what_was_logged_of_each_run(tmp_path: Path) -> None:
    write_logs(tmp_path / "first", session(10, 200))
    write_logs(tmp_path / "second", session(10, 100))
    runs = [curves.read_run(tmp_path / "first"), curves.read_run(tmp_path / "second")]
    figure = curves.draw(runs)
    drawn(figure)
    training, rates, dev, rate = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "training loss", "dev error rates", "dev loss", "learning rate",
    ]  # fmt: skip
    assert dev.get_xlabel() == rate.get_xlabel() == "optimiser step"
    assert training.get_ylabel() == "loss per character (nats)"
    assert [len(axes.lines) for axes in figure.axes] == [4, 4, 2, 2]  # as logged and smoothed; WER and CER
    lines: list[tuple[Any, Any]] = [
        (training.lines[0].get_data(), [range(10, 201, 10), 3 / np.arange(10, 201, 10)]),
        (rates.lines[0].get_data(), [[50, 100, 150, 200], 1 / np.array([50, 100, 150, 200])]),
        (rates.lines[1].get_ydata(), 0.5 / np.array([50, 100, 150, 200])),
        (rate.lines[1].get_ydata(), np.arange(10, 101, 10) / 1000),
    ]
    for line, expected in lines:
        np.testing.assert_allclose(line, expected)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["first: best dev WER 0.005 at step 200", "second: best dev WER 0.010 at step 100"]
    colours = [line.get_color() for line in dev.lines]
    assert len(set(colours)) == 2
    assert [line.get_color() for line in figure.legends[0].get_lines()] == colours


def test_stages_are_named_with_their_run(tmp_path: Path) -> None:
    for run in ("first", "second"):
        write_logs(tmp_path / run / "stage-1", session(10, 50))
    folders = (tmp_path / "first" / "stage-1", tmp_path / "second" / "stage-1" / "tensorboard")
    assert [curves.read_run(folder).name for folder in folders] == ["first, stage-1", "second, stage-1"]


def test_a_resumed_run_is_one_curve(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_logs(folder, session(10, 130))  # killed on the way from the checkpoint of step 100 to that of 150
    write_logs(
        folder, [(s, t, {k: v + 1 for k, v in values.items()}) for s, t, values in session(110, 200)], START + 1e5
    )
    run = curves.read_run(folder)
    loss = run.series["train/loss"]
    np.testing.assert_array_equal(loss.steps, range(10, 201, 10))
    np.testing.assert_allclose(loss.values[:10], 3 / np.arange(10, 101, 10), rtol=1e-6)
    np.testing.assert_allclose(loss.values[10:], 1 + 3 / np.arange(110, 201, 10), rtol=1e-6)
    assert (np.diff(loss.elapsed_h) > 0).all()
    assert loss.elapsed_h[-1] < 0.2  # the day between is not training


def test_hours_are_those_of_the_clock_or_of_the_audio(tmp_path: Path) -> None:
    write_logs(tmp_path / "run", session(10, 200))
    run = curves.read_run(tmp_path / "run")
    wers = run.series["dev/wer"]
    np.testing.assert_allclose(run.x(wers, "time") * 3600, [70, 150, 230, 310], rtol=1e-6)
    # 10 s between points at 100 seconds of audio a second, validations left out.
    loss = run.series["train/loss"]
    np.testing.assert_allclose(np.diff(run.x(loss, "audio")) * 3600, 1000, rtol=1e-6)
    figure = curves.draw([run], "audio")
    assert figure.axes[-1].get_xlabel() == "audio heard (h, estimated)"
    assert curves.draw([run], "time").axes[-1].get_xlabel() == "training time (h)"


def test_smoothing_keeps_what_is_constant_and_starts_at_the_first_value() -> None:
    np.testing.assert_allclose(curves.smooth(np.full(50, 3.0)), 3.0)
    noise = np.random.default_rng(0).standard_normal(500)
    assert curves.smooth(noise)[0] == noise[0]
    assert curves.smooth(noise).std() < noise.std() / 2


def test_what_a_run_did_not_log_is_said(tmp_path: Path) -> None:
    write_logs(tmp_path / "run", [(10, 0.0, {"train/loss": 1.0})])
    figure = curves.draw([curves.read_run(tmp_path / "run")])
    assert [texts(axes) for axes in figure.axes] == [[], ["not logged"], ["not logged"], ["not logged"]]
    assert figure.legends[0].get_texts()[0].get_text() == "run"


def test_the_folder_of_the_logs_itself_will_do(tmp_path: Path) -> None:
    write_logs(tmp_path / "mine", session(10, 50))
    assert curves.read_run(tmp_path / "mine" / "tensorboard").name == curves.read_run(tmp_path / "mine").name == "mine"


# Errors


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "dozen.json"
    assert evaluate.main([str(MANIFEST), "--json", str(path)]) == 0
    return path


def test_bars_are_as_long_as_the_wer_and_say_how_many_words_they_stand_for(report_file: Path) -> None:
    report = error_rates.read_report(report_file)
    figure = error_rates.draw(report, "title")
    drawn(figure)
    speakers, lengths = figure.axes
    assert lengths.get_xlabel() == "WER (word errors / words)"
    for axes, groups in ((speakers, report["by_speaker"]), (lengths, report["by_length"])):
        bars = axes.containers[0]
        np.testing.assert_allclose([bar.get_width() for bar in bars], [group["wer"] for group in groups])
        assert [label.get_text() for label in axes.get_yticklabels()] == [group["name"] for group in groups]
        assert texts(axes) == ["words", *(f"{group['words']:,}" for group in groups)]
        assert axes.lines[0].get_xdata()[0] == report["wer"]  # type: ignore[index]
    assert sum(int(text) for text in texts(lengths)[1:]) == report["words"]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert f"all {report['words']} words: {report['wer']:.3f}" in legend[0]
    assert legend[1:] == ["WER of the group", "its 95 % interval"]


def many_speakers(number: int) -> list[dict[str, Any]]:
    return [
        {"name": f"speaker {i}", "words": 1000 + i, "wer": i / 100, "wer_low": i / 110, "wer_high": i / 90}
        for i in range(number)
    ]


def test_of_many_speakers_those_with_the_highest_wer_are_shown(report_file: Path) -> None:
    silent = {"name": "silent", "words": 0, "wer": None, "wer_low": None, "wer_high": None}
    lonely = {"name": "lonely", "words": 3, "wer": 0.99, "wer_low": None, "wer_high": None}
    report = {**json.loads(report_file.read_text()), "by_speaker": [*many_speakers(50), silent, lonely]}
    speakers = error_rates.draw(report, "title").axes[0]
    names = [label.get_text() for label in speakers.get_yticklabels()]
    assert names == ["lonely", *(f"speaker {i}" for i in range(49, 20, -1))]
    assert speakers.get_title(loc="left") == "by speaker, the 30 of 51 with the highest WER"


def test_names_and_numbers_of_a_full_figure_do_not_overlap(report_file: Path) -> None:
    report = {**json.loads(report_file.read_text()), "by_speaker": many_speakers(60)}
    figure = error_rates.draw(report, "title")
    renderer = drawn(figure).get_renderer()
    for axes in figure.axes:
        for written in (axes.texts, axes.get_yticklabels()):
            boxes = [text.get_window_extent(renderer) for text in written]
            assert not any(box.overlaps(other) for box, other in pairwise(boxes))


# The command


def test_each_subcommand_says_what_it_wrote(
    tmp_path: Path, report_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_logs(tmp_path / "mine", session(10, 50))
    write_logs(tmp_path / "other", session(10, 50))
    config, model = str(SMALL.resolve()), str(ROOT / "models" / "asr.onnx")
    monkeypatch.chdir(tmp_path)
    commands = {
        "03-augmentation.png": ["augmentation", str(MANIFEST), "--config", config, *NO_FOLDERS, "--index", "3"],
        "sample-emissions.png": ["emissions", str(SAMPLE), "--model", model],
        "mine-curves.png": ["curves", "mine"],
        "curves.png": ["curves", "mine", "other", "--x", "time"],
        "dozen-errors.png": ["errors", str(report_file)],
        "new/folder/figure.png": ["errors", str(report_file), "--output", "new/folder/figure.png"],
    }
    for name, arguments in commands.items():
        assert inspect.main(arguments) == 0
        assert capsys.readouterr().out == f"wrote {name}\n"
        picture = imread(tmp_path / name)
        assert min(picture.shape[:2]) > 400
        assert picture.std() > 0.05  # something is on it


def test_augmentation_is_drawn_where_a_configs_folders_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(SMALL.resolve())
    monkeypatch.chdir(tmp_path)
    fields = ["augment.codec.probability=0", "augment.tempo_change=0.3"]
    for arguments in (
        [str(MANIFEST), *fields, "--config", config],
        ["--config", config, str(MANIFEST), *fields],
        [str(MANIFEST), "--config", config, *fields],
    ):
        assert inspect.main(["augmentation", *arguments]) == 0
        printed = capsys.readouterr()
        assert printed.out == "wrote 00-augmentation.png\n"
        assert printed.err.splitlines() == [
            "note: There is no folder data/noise; augmentation takes generated noise.",
            "note: There is no folder data/rir; augmentation takes simulated rooms.",
        ]
    with pytest.raises(SystemExit):
        inspect.main(["augmentation", str(MANIFEST), "--config", config, "--colour"])
    with pytest.raises(SystemExit):
        inspect.main(["curves", str(tmp_path), "--x", "step", "augment.tempo_change=0.3"])


def test_a_checkpoint_is_heard_as_an_exported_model_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figure.png"
    weights = str(ROOT / "models" / "asr.fp16.ckpt")
    assert inspect.main(["emissions", str(DATA / "00.ogg"), "--model", weights, "--output", str(path)]) == 0
    assert path.is_file()


def test_what_cannot_be_drawn_is_one_clear_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    write_logs(tmp_path / "slow", [(10, 0.0, {"train/loss": 1.0})])
    (tmp_path / "bad.onnx").write_bytes(b"garbage")
    (tmp_path / "bad.ckpt").write_bytes(b"garbage")
    (tmp_path / "bad.wav").write_bytes(b"garbage")
    (tmp_path / "bad.json").write_text("garbage")
    (tmp_path / "other.json").write_text('{"wer": 1}')
    (tmp_path / "list.json").write_text("[1]")
    manifest, sample, no_noise = str(MANIFEST), str(SAMPLE), "augment.noise.folder=nowhere"
    for arguments, said in {
        ("augmentation", "nowhere.jsonl"): "There is no manifest nowhere.jsonl;",
        ("augmentation", manifest, "--config", "nowhere.yaml"): "There is no config nowhere.yaml;",
        ("augmentation", manifest, "--config", str(SMALL), "augment.volume=11"): "Key 'volume' not in",
        (
            "augmentation",
            manifest,
            "--config",
            str(SMALL),
            no_noise,
            NO_FOLDERS[1],
        ): "There is no folder nowhere",
        ("augmentation", manifest, "--index", "12"): "has utterances 0 to 11, and no 12",
        ("emissions", "nowhere.wav"): "nowhere.wav cannot be read",
        ("emissions", str(tmp_path / "bad.wav")): "bad.wav cannot be read",
        ("emissions", sample, "--model", "nowhere.onnx"): "no model file at nowhere.onnx",
        ("emissions", sample, "--model", "nowhere.ckpt"): "There is no checkpoint nowhere.ckpt;",
        ("emissions", sample, "--model", str(tmp_path / "bad.onnx")): "bad.onnx is not a usable model",
        ("emissions", sample, "--model", str(tmp_path / "bad.ckpt")): "bad.ckpt cannot be read",
        ("emissions", sample, "--start", "60"): "the recording has 6.",
        ("curves", "nowhere"): "no run folder nowhere",
        ("curves", str(tmp_path / "empty")): "empty has no TensorBoard logs",
        ("curves", str(tmp_path / "slow"), "--x", "audio"): "too little of train/audio_s_per_s",
        ("errors", "nowhere.json"): "nowhere.json cannot be read",
        ("errors", str(tmp_path / "bad.json")): "bad.json is not JSON",
        ("errors", str(tmp_path / "other.json")): "other.json is not a report",
        ("errors", str(tmp_path / "list.json")): "list.json is not a report",
    }.items():
        assert inspect.main(list(arguments)) == 1, arguments
        *notes, line = capsys.readouterr().err.splitlines()
        assert all(note.startswith("note: ") for note in notes)  # of data that is not here
        assert re.fullmatch(r"error: .*\.", line), line
        assert said in line


def test_a_figure_that_cannot_be_written_is_said(
    report_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect.main(["errors", str(report_file), "--output", str(tmp_path)]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_the_standard_librarys_inspect_stays_itself() -> None:
    code = "import training.inspect, inspect; print(inspect.signature(training.inspect.main))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=PATIENCE_S)
    assert "arguments" in done.stdout
    command = [sys.executable, "-m", "training.inspect", "--help"]
    assert (
        "SUBCOMMAND" in subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout
    )
