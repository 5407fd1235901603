"""What a keyword model takes for what, from the report that `training.evaluate --json` writes."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from training.plots.errors import PlotError
from training.plots.report_file import read_json
from training.plots.style import SMALL

_CELL_INCHES = 0.27
# Cells darker than this have light figures.
_DARK = 0.55


def read_report(path: Path) -> dict[str, Any]:
    """Reads a keyword model's report.

    Raises:
        PlotError: the file is missing or is no such report.
    """
    report = read_json(path)
    try:
        square = np.shape(report["confusion"]) == (len(report["labels"]),) * 2
        _ = report["accuracy"], report["accuracy_interval"]["low"], report["accuracy_interval"]["high"]
    except (KeyError, TypeError, ValueError) as error:
        raise PlotError(
            f"{path} is not a keyword model's report of `python -m training.evaluate --json`: it lacks {error}."
        ) from error
    if not square:
        raise PlotError(f"{path} is damaged: its confusion matrix has not one row and column a label.")
    checked: dict[str, Any] = report
    return checked


def draw(report: dict[str, Any], title: str) -> Figure:
    """Draws the share of what was said, a row, that was heard as each label, a column, and how many there were."""
    counts = np.array(report["confusion"])
    said, recognised = counts.sum(axis=1), counts.sum(axis=0)
    rows = np.flatnonzero(said)
    columns = np.flatnonzero(said + recognised)
    shown = counts[np.ix_(rows, columns)]
    shares = shown / said[rows][:, None]
    figure = Figure(figsize=(2.6 + _CELL_INCHES * len(columns), 2.2 + _CELL_INCHES * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", norm=Normalize(0, 1), aspect="auto")
    for row, column in np.argwhere(shown):
        colour = "white" if shares[row, column] > _DARK else "black"
        axes.text(column, row, f"{shown[row, column]}", ha="center", va="center", fontsize=6.5, color=colour)
    labels = report["labels"]
    axes.set_xticks(range(len(columns)), [labels[i] for i in columns], rotation=90, fontsize=SMALL)
    axes.set_yticks(range(len(rows)), [f"{labels[i]} ({said[i]})" for i in rows], fontsize=SMALL)
    axes.tick_params(length=0)
    axes.set_xlabel("heard")
    axes.set_ylabel("said (how often)")
    interval = report["accuracy_interval"]
    axes.set_title(
        f"{title}\naccuracy {report['accuracy']:.4f}, 95 % {interval['low']:.4f} to {interval['high']:.4f}", fontsize=10
    )
    return figure
