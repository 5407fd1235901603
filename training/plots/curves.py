"""Learning curves of one or more runs, from their TensorBoard logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

from training.plots.errors import PlotError
from training.plots.style import COLOURS, GREY, SMALL, plain

# The x axes there are, and what is written beneath them.
X_AXES = {"step": "optimiser step", "time": "training time (h)", "audio": "audio heard (h, estimated)"}
# What the hours of audio are estimated from, and how many points of it that takes.
_SPEED, _FEWEST_SPEEDS = "train/audio_s_per_s", 2
# The training loss is smoothed over this share of a run, but over no fewer points.
_SMOOTHED_SHARE, _SMOOTHED_POINTS = 0.02, 5
_LINES: tuple[Literal["-", "--", ":"], ...] = ("-", "--", ":")


@dataclass(frozen=True)
class Series:
    """What a run logged under one tag.

    Attributes:
        steps: [points] optimiser steps.
        elapsed_h: [points] hours since the run started, without those between its end and its resumption.
        values: [points].
    """

    steps: NDArray[np.int64]
    elapsed_h: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """A run's name and what it logged, by tag."""

    name: str
    series: dict[str, Series]

    def x(self, series: Series, axis: str) -> NDArray[np.float64]:
        """Returns where a series' points lie on one of `X_AXES`.

        Raises:
            PlotError: the run did not log what the axis needs.
        """
        if axis == "step":
            return series.steps.astype(np.float64)
        if axis == "time":
            return series.elapsed_h
        speed = self.series.get(_SPEED)
        if speed is None or len(speed.values) < _FEWEST_SPEEDS:
            raise PlotError(f"The logs of {self.name} have too little of {_SPEED}; take another x axis, such as step.")
        heard_h = np.cumsum(speed.values * self._trained_h(speed))
        return np.interp(series.elapsed_h, np.r_[0, speed.elapsed_h], np.r_[0, heard_h])

    def _trained_h(self, speed: Series) -> NDArray[np.float64]:
        """Returns the hours of training before each point; of a gap that holds a validation, what is usual."""
        gaps_h = np.diff(speed.elapsed_h, prepend=0.0)
        if (dev := self.series.get("dev/loss")) is not None:
            before = np.searchsorted(dev.elapsed_h, speed.elapsed_h)
            gaps_h[np.diff(before, prepend=0) > 0] = np.median(gaps_h)
        return gaps_h


def read_run(folder: Path) -> Run:
    """Reads the logs in a run's folder, or in one of TensorBoard's.

    A resumed run has a file for each time it was started; steps it went through twice count as they were the last time.

    Raises:
        PlotError: the folder is missing or has no logs with figures in them.
    """
    if not folder.is_dir():
        raise PlotError(f"There is no run folder {folder}.")
    sessions = []
    for path in folder.rglob("events.out.tfevents.*"):
        events = EventAccumulator(str(path), size_guidance={SCALARS: 0}).Reload()
        if tags := events.Tags()[SCALARS]:
            session = {tag: events.Scalars(tag) for tag in tags}
            first = min(points[0].wall_time for points in session.values())
            sessions.append((min(events.FirstEventTimestamp(), first), session))
    if not sessions:
        raise PlotError(f"The folder {folder} has no TensorBoard logs with figures in them; name the folder of a run.")
    points: dict[str, list[tuple[int, float, float]]] = {}
    elapsed_s = 0.0
    for started, session in sorted(sessions, key=lambda session: session[0]):
        first_step = min(events[0].step for events in session.values())
        points = {tag: [point for point in logged if point[0] < first_step] for tag, logged in points.items()}
        for tag, events in session.items():
            points.setdefault(tag, []).extend((e.step, e.wall_time - started + elapsed_s, e.value) for e in events)
        elapsed_s += max(events[-1].wall_time for events in session.values()) - started
    series = {}
    for tag, logged in points.items():
        steps, seconds, values = map(np.array, zip(*logged, strict=True)) if logged else ([np.zeros(0)] * 3)
        series[tag] = Series(steps.astype(np.int64), seconds / 3600, values.astype(np.float64))
    named = folder.resolve()
    named = named.parent if named.name == "tensorboard" else named
    # The stages of a run (`training.stages`) are called alike in every run.
    name = f"{named.parent.name}, {named.name}" if named.name.startswith("stage-") else named.name
    return Run(name, series)


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Averages [points] with those before them, older ones counting less; the first are not drawn towards 0."""
    keep = 1 - 1 / max(_SMOOTHED_POINTS, _SMOOTHED_SHARE * len(values))
    averages = np.zeros(len(values))
    total = weight = 0.0
    for i, value in enumerate(values):
        total, weight = keep * total + value, keep * weight + 1
        averages[i] = total / weight
    return averages


def draw(runs: Sequence[Run], axis: str = "step") -> Figure:
    """Draws loss, error rates and learning rate of runs over one of `X_AXES`."""
    figure = Figure(figsize=(12, 7.6), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True)
    (training, rates), (dev, learning_rate) = grid
    handles = []
    for number, run in enumerate(runs):
        colour = COLOURS[number % len(COLOURS)]
        line = _LINES[number // len(COLOURS) % len(_LINES)]
        if series := run.series.get("train/loss"):
            x = run.x(series, axis)
            training.plot(x, series.values, color=colour, alpha=0.25, linewidth=0.8)
            training.plot(x, smooth(series.values), line, color=colour, linewidth=1.8)
        if series := run.series.get("dev/loss"):
            dev.plot(run.x(series, axis), series.values, line, color=colour, marker="o", markersize=4)
        for tag, marker, face in (("dev/wer", "o", colour), ("dev/cer", "s", "white")):
            if series := run.series.get(tag):
                x = run.x(series, axis)
                rates.plot(x, series.values, line, color=colour, marker=marker, markersize=4.5, markerfacecolor=face)
        for tag in (tag for tag in run.series if tag.startswith("lr-")):
            series = run.series[tag]
            learning_rate.plot(run.x(series, axis), series.values, line, color=colour)
        handles.append(Line2D([], [], color=colour, linestyle=line, linewidth=2, label=_label(run)))
    _finish(training, "training loss", "loss per character (nats)")
    _finish(dev, "dev loss", "loss per character (nats)")
    _finish(rates, "dev error rates", "errors / words or characters")
    _finish(learning_rate, "learning rate", "learning rate")
    training.set_title("line: smoothed; faint: as logged", loc="right", fontsize=SMALL, color=GREY)
    rates.set_ylim(bottom=0)
    learning_rate.set_ylim(bottom=0)
    learning_rate.yaxis.set_major_formatter(ticker.FuncFormatter(lambda rate, _: f"{rate:g}"))
    kinds = [
        Line2D([], [], color=GREY, marker="o", markersize=4.5, label="WER"),
        Line2D([], [], color=GREY, marker="s", markersize=4.5, markerfacecolor="white", label="CER"),
    ]
    rates.legend(handles=kinds, fontsize=SMALL, frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    for axes in grid[-1]:
        axes.set_xlabel(X_AXES[axis])
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 2), frameon=False)
    return figure


def _label(run: Run) -> str:
    wers = run.series.get("dev/wer")
    if not wers or not len(wers.values):
        return run.name
    best = int(wers.values.argmin())
    return f"{run.name}: best dev WER {wers.values[best]:.3f} at step {wers.steps[best]}"


def _finish(axes: Axes, title: str, y_label: str) -> None:
    plain(axes)
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set_ylabel(y_label)
    axes.tick_params(labelbottom=True)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(7))
    if not axes.lines:
        axes.text(0.5, 0.5, "not logged", transform=axes.transAxes, ha="center", color=GREY)
