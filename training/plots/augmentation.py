"""An utterance's log-mel spectrogram as it is, after each kind of augmentation alone, and after all of them."""

from dataclasses import dataclass, replace
from textwrap import shorten

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hark.audio import decode
from hark.errors import RequestError
from hark.spec import ModelSpec
from training.config import AugmentConfig
from training.dataset import Augment
from training.errors import ManifestError
from training.features import LogMel
from training.manifest import Utterance
from training.plots.style import GREY, SMALL, colour_range, draw_log_mel, log_mel_bar

_OFF = AugmentConfig(frequency_masks=0, time_masks=0)
_COLUMNS = 2
_ROW_INCHES = 1.7


@dataclass(frozen=True)
class Kind:
    """A kind of augmentation, made certain.

    Attributes:
        name: what it is called.
        settings: its settings in words.
        config: with this kind alone, at probability 1.
    """

    name: str
    settings: str
    config: AugmentConfig


@dataclass(frozen=True)
class Panel:
    """A log-mel spectrogram, [frames, n_mels], and what was done to get it."""

    name: str
    settings: str
    log_mel: NDArray[np.float32]


def kinds(config: AugmentConfig) -> list[Kind]:
    """Takes a config's augmentation apart, in the order it is applied; all of it together comes last."""
    room, noise = replace(config.room, probability=1.0), replace(config.noise, probability=1.0)
    band, codec = replace(config.band, probability=1.0), replace(config.codec, probability=1.0)
    edges = replace(config.edges, probability=1.0)
    masks = replace(
        _OFF,
        frequency_masks=config.frequency_masks,
        frequency_mask_bands=config.frequency_mask_bands,
        time_masks=config.time_masks,
        time_masks_per_s=config.time_masks_per_s,
        time_mask_frames=config.time_mask_frames,
        time_mask_share=config.time_mask_share,
    )
    more = f" and {config.time_masks_per_s:g} more a second" if config.time_masks_per_s else ""
    level = f"and up to {config.gain_db:g} dB louder or softer" if config.gain_db else ""
    return [
        Kind(
            "edges",
            f"{_span(edges.kept_s)} s of silence at most, {_share(config.edges.probability)}",
            replace(_OFF, edges=edges),
        ),
        Kind("speed", _change(config.speed_change), replace(_OFF, speed_change=config.speed_change)),
        Kind(
            "room",
            f"T60 {_span(room.decay_s)} s, {_share(config.room.probability)}",
            replace(_OFF, room=room),
        ),
        Kind(
            "noise",
            f"{_span(noise.snr_db)} dB below the speech, {_share(config.noise.probability)}",
            replace(_OFF, noise=noise),
        ),
        Kind(
            "band",
            f"nothing above {_span(band.cutoff_hz)} Hz, {_share(config.band.probability)}",
            replace(_OFF, band=band),
        ),
        Kind(
            "codec",
            f"{', '.join(dict.fromkeys(codec.names))}, {_share(config.codec.probability)}",
            replace(_OFF, codec=codec),
        ),
        Kind("tempo", _change(config.tempo_change), replace(_OFF, tempo_change=config.tempo_change)),
        Kind("vocal tract", _change(config.tract_change), replace(_OFF, tract_change=config.tract_change)),
        Kind("masks", f"{config.frequency_masks} over bands, {config.time_masks}{more} over time", masks),
        Kind("all together", level, replace(config, edges=edges, room=room, noise=noise, band=band, codec=codec)),
    ]


def _change(share: float) -> str:
    return f"up to {share * 100:g} % either way" if share else "off in this config"


def _share(probability: float) -> str:
    return f"for {probability * 100:g} % of utterances" if probability else "off in this config"


def _span(limits: list[float]) -> str:
    return " to ".join(f"{limit:g}" for limit in limits)


def augmented(utterance: Utterance, config: AugmentConfig, spec: ModelSpec, seed: int) -> list[Panel]:
    """Augments an utterance in every way.

    Args:
        utterance: whose recording is read.
        config: ranges and sources; its probabilities count as 1.
        spec: of the features.
        seed: another one draws other augmentation.

    Raises:
        ManifestError: the recording cannot be read.
        ConfigError: as `training.augment.WaveformAugment`.
    """
    try:
        samples = decode(utterance.audio_path.read_bytes(), spec.sample_rate_hz, float("inf"))
    except OSError as error:
        raise ManifestError(f"{utterance.audio_path} cannot be read: {error}.") from error
    except RequestError as error:
        raise ManifestError(f"{utterance.audio_path} cannot be read: {error}") from error
    panels = [Panel("as it is", "", LogMel(spec)(torch.from_numpy(samples)).numpy())]
    for kind in kinds(config):
        log_mel = Augment(kind.config, spec)(samples, np.random.default_rng(seed))
        panels.append(Panel(kind.name, kind.settings, log_mel.numpy()))
    return panels


def draw(panels: list[Panel], title: str, spec: ModelSpec) -> Figure:
    """Draws the spectrograms on one scale of time, frequency and colour."""
    rows = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(13, 1 + _ROW_INCHES * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    colours = colour_range(panels[0].log_mel, spec)
    for axes, panel in zip(grid.flat, panels, strict=False):
        image = draw_log_mel(axes, panel.log_mel, spec, colours)
        axes.set_title(panel.name, loc="left", fontsize=10, fontweight="bold")
        axes.set_title(panel.settings, loc="right", fontsize=SMALL, color=GREY)
        axes.set_facecolor("#EEEEEE")
    hop_s = spec.hop_samples / spec.sample_rate_hz
    grid[0, 0].set_xlim(0, max(len(panel.log_mel) for panel in panels) * hop_s)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid.flat[len(panels) - _COLUMNS : len(panels)]:
        axes.set_xlabel("time (s)")
        axes.tick_params(labelbottom=True)  # which a shared axis has in the last row alone
    figure.supylabel("mel band frequency (Hz)", fontsize=10)
    figure.suptitle(shorten(title, 130, placeholder=" ..."), fontsize=11)
    log_mel_bar(figure, image, list(grid.flat), spec)
    return figure
