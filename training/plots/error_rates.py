"""WER by speaker and by length of utterance, from the report that `training.evaluate --json` writes."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.plots.errors import PlotError
from training.plots.report_file import read_json
from training.plots.style import BLUE, GREY, SMALL, VERMILION, plain

# More bars than this cannot be read; the speakers with the highest WER are shown.
_MOST_BARS = 30
_BAR_INCHES = 0.32


def read_report(path: Path) -> dict[str, Any]:
    """Reads an evaluation's report.

    Raises:
        PlotError: the file is missing or is no such report.
    """
    report = read_json(path)
    try:
        _ = report["wer"], report["words"], report["wer_interval"]
        for group in (*report["by_speaker"], *report["by_length"]):
            _ = [group[name] for name in ("name", "words", "wer", "wer_low", "wer_high")]
    except (KeyError, TypeError) as error:
        raise PlotError(f"{path} is not a report of `python -m training.evaluate --json`: it lacks {error}.") from error
    checked: dict[str, Any] = report
    return checked


def draw(report: dict[str, Any], title: str) -> Figure:
    """Draws a bar a group, as long as its WER, with its 95 % interval and the number of its words."""
    spoken = [group for group in report["by_speaker"] if group["wer"] is not None]
    speakers = sorted(spoken, key=lambda group: -group["wer"])[:_MOST_BARS]
    lengths = [group for group in report["by_length"] if group["wer"] is not None]
    heights = [len(speakers) + 0.5, len(lengths) + 0.5]
    figure = Figure(figsize=(10, 2.6 + _BAR_INCHES * sum(heights)), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    chosen = f", the {len(speakers)} of {len(spoken)} with the highest WER" if len(speakers) < len(spoken) else ""
    _draw_bars(upper, speakers, report, f"by speaker{chosen}")
    _draw_bars(lower, lengths, report, "by length of utterance")
    lower.set_xlabel("WER (word errors / words)")
    lower.set_xlim(left=0)
    figure.suptitle(title, fontsize=11)
    handles, names = upper.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=SMALL)
    return figure


def _draw_bars(axes: Axes, groups: list[dict[str, Any]], report: dict[str, Any], heading: str) -> None:
    plain(axes)
    axes.grid(visible=False, axis="y")
    if interval := report["wer_interval"]:
        axes.axvspan(interval["low"], interval["high"], color=VERMILION, alpha=0.2, linewidth=0)
    axes.axvline(report["wer"], color=VERMILION, linestyle="--", linewidth=1.4, label=_corpus_label(report))
    places = range(len(groups))
    wers = [group["wer"] for group in groups]
    axes.barh(places, wers, height=0.62, color=BLUE, alpha=0.75, label="WER of the group")
    known = [(place, group) for place, group in enumerate(groups) if group["wer_low"] is not None]
    if known:
        axes.errorbar(
            [group["wer"] for _, group in known],
            [place for place, _ in known],
            # Rounded figures may cross by their last digit.
            xerr=[
                [max(group["wer"] - group["wer_low"], 0.0) for _, group in known],
                [max(group["wer_high"] - group["wer"], 0.0) for _, group in known],
            ],
            fmt="none",
            ecolor="black",
            elinewidth=1,
            capsize=3,
            label="its 95 % interval",
        )
    beside = axes.get_yaxis_transform()
    axes.text(1.08, -0.7, "words", transform=beside, ha="right", va="bottom", fontsize=SMALL, color=GREY)
    for place, group in enumerate(groups):
        axes.text(1.08, place, f"{group['words']:,}", transform=beside, ha="right", va="center", fontsize=SMALL)
    axes.set_yticks(places, [group["name"] for group in groups])
    axes.set_ylim(len(groups) - 0.5, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelbottom=True)
    axes.set_title(heading, loc="left", fontsize=10, fontweight="bold")


def _corpus_label(report: dict[str, Any]) -> str:
    interval = report["wer_interval"]
    band = f", 95 % {interval['low']:.3f} to {interval['high']:.3f}" if interval else ""
    return f"all {report['words']:,} words: {report['wer']:.3f}{band}"
