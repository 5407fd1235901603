"""What a model hears in a recording: log-mel spectrogram, probabilities of its labels, decoded words, over one time."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from hark import audio, ctc, features, segments, transcript
from hark.pipeline import Runner
from hark.spec import ModelSpec
from hark.transcript import Transcript, Word
from training.plots.errors import PlotError
from training.plots.style import GREY, SMALL, VERMILION, colour_range, draw_log_mel, log_mel_bar

# A recording longer than this is shown from its start, unless the caller says which part.
LONGEST_S = 30.0
# Wide enough for the words of quick speech, yet no wider than image viewers open.
_INCHES_PER_S, _LEAST_INCHES, _MOST_INCHES = 1.5, 11.0, 48.0
# What axis labels and colour bars take of a figure's width.
_MARGIN_INCHES = 2.2
_WORD_POINTS = 9.5
_WORD_GAP_POINTS = 6.0
# Below 1, so that a label that is second best can be seen.
_GAMMA = 0.5
_SHOWN_AS = {" ": "\u2423"}


@dataclass(frozen=True)
class Window:
    """A stretch of the recording that went through the network at once.

    Attributes:
        start_s: where it starts.
        log_mel: [frames, n_mels].
        probabilities: [output frames, labels].
    """

    start_s: float
    log_mel: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def listen(data: bytes, runner: Runner) -> tuple[list[Window], Transcript]:
    """Goes the way of `hark.pipeline.transcribe`, greedily, and keeps what it passes, what is taken for noise too.

    Raises:
        hark.errors.RequestError: the bytes are no audio that can be used.
    """
    spec = runner.spec
    samples = audio.decode(data, spec.sample_rate_hz, float("inf"))
    # Where nobody speaks there are no windows: the start is shown, as what it is.
    cuts = list(segments.windows([samples], spec.sample_rate_hz, spec.max_window_s)) or [
        segments.Window(0, samples[: int(spec.max_window_s * spec.sample_rate_hz)])
    ]
    log_mels = [features.log_mel(cut.samples, spec) for cut in cuts]
    log_probs = runner.run(log_mels)
    starts_s = [cut.start / spec.sample_rate_hz for cut in cuts]
    tokens = [ctc.greedy(window, spec.blank) for window in log_probs]
    pieces = map(transcript.DecodedWindow, starts_s, tokens, [cut.silences_s for cut in cuts])
    transcribed = transcript.build(list(pieces), spec, len(samples) / spec.sample_rate_hz)
    windows = map(Window, starts_s, log_mels, map(np.exp, log_probs))
    return list(windows), transcribed


def shown_part(duration_s: float, start_s: float | None, end_s: float | None) -> tuple[float, float]:
    """Returns which part of a recording to show, in seconds.

    Raises:
        PlotError: the part lies outside the recording or has no length.
    """
    start_s = start_s or 0.0
    end_s = min(duration_s, start_s + LONGEST_S if end_s is None else end_s)
    if not 0 <= start_s < end_s:
        raise PlotError(f"There is nothing from {start_s:g} to {end_s:g} s: the recording has {duration_s:.2f} s.")
    return start_s, end_s


def draw(
    windows: list[Window], transcribed: Transcript, spec: ModelSpec, part_s: tuple[float, float], title: str
) -> Figure:
    """Draws the part of a recording between two times in seconds."""
    seconds = part_s[1] - part_s[0]
    width = min(max(_INCHES_PER_S * seconds + _MARGIN_INCHES, _LEAST_INCHES), _MOST_INCHES)
    words = [word for word in transcribed.words if word.end_s > part_s[0] and word.start_s < part_s[1]]
    lanes = _lanes(words, seconds / (width - _MARGIN_INCHES))
    heights = [2.0, 0.155 * len(spec.labels), 0.35 * (max(lanes, default=0) + 1) + 0.15]
    figure = Figure(figsize=(width, sum(heights) + 1.4), layout="constrained")
    mel_axes, label_axes, word_axes = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    mel_colours = colour_range(np.concatenate([window.log_mel for window in windows]), spec)
    for window in windows:
        image = draw_log_mel(mel_axes, window.log_mel, spec, mel_colours, window.start_s)
    mel_axes.set_ylabel("mel band frequency (Hz)")
    log_mel_bar(figure, image, mel_axes, spec)
    colours = PowerNorm(_GAMMA, 0, 1)
    _draw_labels(label_axes, windows, spec, colours)
    bar = figure.colorbar(label_axes.images[0], ax=label_axes, label="probability", pad=0.01, fraction=0.05, aspect=35)
    bar.set_ticks([0, 0.05, 0.2, 0.5, 1], labels=["0", "0.05", "0.2", "0.5", "1"])
    _draw_words(word_axes, words, lanes, colours, label_axes.images[0].get_cmap())
    word_axes.set_xlabel("time (s)")
    word_axes.set_xlim(*part_s)
    for start_s in (window.start_s for window in windows[1:]):
        for axes in (mel_axes, label_axes, word_axes):
            axes.axvline(start_s, color=GREY, linestyle=":", linewidth=1)
    figure.suptitle(title, fontsize=11)
    return figure


def _draw_labels(axes: Axes, windows: list[Window], spec: ModelSpec, colours: Normalize) -> None:
    """Draws the heat map, the blank at the bottom and apart."""
    order = [spec.blank, *(i for i in range(len(spec.labels)) if i != spec.blank)]
    frame_s = 1 / spec.output_frames_per_second
    for window in windows:
        end_s = window.start_s + len(window.probabilities) * frame_s
        axes.imshow(
            window.probabilities[:, order].T,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            cmap="Blues",
            norm=colours,
            extent=(window.start_s, end_s, -0.5, len(order) - 0.5),
        )
    axes.set_ylim(-0.5, len(order) - 0.5)
    names = ["blank", *(_SHOWN_AS.get(spec.labels[i], spec.labels[i]) for i in order[1:])]
    axes.set_yticks(range(len(order)), names, fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    blank = axes.get_yticklabels()[0]
    blank.set_color(VERMILION)
    blank.set_fontweight("bold")
    axes.axhline(0.5, color=VERMILION, linewidth=1)
    axes.set_ylabel("label")


def _lanes(words: list[Word], seconds_per_inch: float) -> list[int]:
    """Gives each word the lowest lane in which what is written of the one before it leaves room."""
    ends_s: list[float] = []
    lanes = []
    for word in words:
        inches = (TextPath((0, 0), word.word, size=_WORD_POINTS).get_extents().width + _WORD_GAP_POINTS) / 72
        lane = next((i for i, end_s in enumerate(ends_s) if end_s <= word.start_s), len(ends_s))
        ends_s[lane : lane + 1] = [max(word.start_s + inches * seconds_per_inch, word.end_s)]
        lanes.append(lane)
    return lanes


def _draw_words(axes: Axes, words: list[Word], lanes: list[int], colours: Normalize, shades: Colormap) -> None:
    """Writes each word from where it starts, over a bar as long as it lasts, in the colour of its confidence."""
    for word, lane in zip(words, lanes, strict=True):
        length_s = word.end_s - word.start_s
        bar = Rectangle((word.start_s, -lane - 0.92), length_s, 0.22, edgecolor=GREY, linewidth=0.6)
        bar.set_facecolor(shades(float(colours(word.confidence))))
        axes.add_patch(bar)
        axes.text(word.start_s, -lane - 0.62, word.word, fontsize=_WORD_POINTS, va="bottom", clip_on=True)
    axes.set_ylim(-max(lanes, default=0) - 1.1, 0.1)
    axes.set_yticks([])
    axes.set_ylabel("words")
    axes.spines[["top", "right", "left"]].set_visible(False)
