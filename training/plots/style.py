"""How the figures look alike, and the log-mel spectrogram that two of them show."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from hark.features import to_mel
from hark.spec import ModelSpec
from training.plots.errors import PlotError

# Told apart by people of every colour vision. Source: Okabe and Ito, "Color Universal Design" (2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
BLUE, VERMILION = COLOURS[:2]
GREY = "#5F5F5F"
SMALL = 8.5
_DOTS_PER_INCH = 150
# Where a mel axis has its ticks: far enough apart for low panels.
_MEL_TICKS_HZ = (100, 500, 1000, 2000, 4000, 8000)
# Bands normalised to mean 0 and deviation 1 lie within.
_DEVIATIONS = 2.5


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, and the folder it lies in where there is none.

    Raises:
        PlotError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", dpi=_DOTS_PER_INCH)
    except OSError as error:
        raise PlotError(f"The figure {path} cannot be written: {error}.") from error


def plain(axes: Axes) -> None:
    """Takes the frame's upper and right lines away and puts a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)


def mel_position(frequency_hz: NDArray[np.float64], spec: ModelSpec) -> NDArray[np.float64]:
    """Returns where frequencies lie on an axis on which mel band i covers i to i + 1."""
    lowest, highest, wanted = (
        to_mel(np.asarray(hz, np.float64), spec.mel_scale) for hz in (spec.f_min_hz, spec.f_max_hz, frequency_hz)
    )
    # A band peaks where its neighbours end, so that n bands have n + 1 steps between the edges.
    positions: NDArray[np.float64] = (wanted - lowest) / (highest - lowest) * (spec.n_mels + 1) - 0.5
    return positions


# What the colours mean, by `ModelSpec.normalisation`.
_LABELS = {
    "utterance": "log-mel (deviations\nfrom band mean)",
    "peak": "log-mel (steps of 15 dB\nabove silence)",
    "whisper": "log-mel (steps of 40 dB)",
    "none": "log-mel (ln energy)",
}


def colour_range(log_mel: NDArray[np.float32], spec: ModelSpec) -> Normalize:
    """Returns the values between which a log-mel spectrogram's colours run."""
    if spec.normalisation == "utterance":
        return Normalize(-_DEVIATIONS, _DEVIATIONS)
    low, high = np.percentile(log_mel, [2, 99.5])
    return Normalize(float(low), float(high))


def draw_log_mel(
    axes: Axes, log_mel: NDArray[np.float32], spec: ModelSpec, colours: Normalize, start_s: float = 0.0
) -> AxesImage:
    """Draws [frames, n_mels] over time in seconds, with mel bands marked by their frequency in Hz."""
    hop_s = spec.hop_samples / spec.sample_rate_hz
    # Frames are centred on multiples of the hop.
    left, right = start_s - hop_s / 2, start_s + (len(log_mel) - 0.5) * hop_s
    image = axes.imshow(
        log_mel.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        norm=colours,
        extent=(left, right, 0, spec.n_mels),
    )
    shown = [hz for hz in _MEL_TICKS_HZ if spec.f_min_hz <= hz <= spec.f_max_hz]
    axes.set_yticks(mel_position(np.array(shown, float), spec), [f"{hz}" for hz in shown], fontsize=SMALL)
    return image


def log_mel_bar(figure: Figure, image: ScalarMappable, axes: Sequence[Axes] | Axes, spec: ModelSpec) -> None:
    """Adds the bar that says what a log-mel spectrogram's colours mean."""
    label = _LABELS[spec.normalisation]
    thickness = {"aspect": 18} if isinstance(axes, Axes) else {"aspect": 60, "shrink": 0.5}
    bar = figure.colorbar(image, ax=axes, label=label, extend="both", extendfrac=0.03, pad=0.01, **thickness)
    bar.ax.yaxis.set_major_locator(ticker.MaxNLocator(5))
