"""The training configuration: typed, read from YAML, overridden from the command line, unknown fields refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hark.spec import NO_BLANK, ModelSpec
from training.errors import ConfigError
from training.text import ENGLISH_LABELS

# What `model.encoder: whisper` leaves of its input frames: its second convolution halves them, and so does joining.
WHISPER_STRIDES = (2, 2)
WHISPER_SUBSAMPLING = WHISPER_STRIDES[0] * WHISPER_STRIDES[1]


@dataclass
class FeatureConfig:
    """What the network sees; the fields are those of `hark.spec.ModelSpec`, where `kind` is `feature_kind`."""

    kind: str = "log_mel"
    sample_rate_hz: int = 16000
    n_fft: int = 400
    window_samples: int = 400
    hop_samples: int = 160
    n_mels: int = 80
    n_mfcc: int = 0
    f_min_hz: float = 20.0
    f_max_hz: float = 8000.0
    log_floor: float = 1e-6
    normalisation: str = "utterance"
    mel_scale: str = "htk"
    mel_norm: str = "none"


@dataclass
class ConformerConfig:
    """The encoder of `training.conformer.Conformer`.

    Attributes:
        layers: number of blocks.
        size: width of the encoder.
        heads: of the attention; `size` is a multiple of twice as many.
        expansion: how many times `size` wide the feed-forward layers are.
        kernel: frames of 80 ms that a convolution sees; odd.
    """

    layers: int = 6
    size: int = 224
    heads: int = 7
    expansion: int = 4
    kernel: int = 15


@dataclass
class SeparableConfig:
    """The classifier of `training.keywords.model.SeparableCnn`.

    Attributes:
        channels: of the convolutions over time.
        kernel: frames of 40 ms that a convolution sees; odd.
        dilations: distance between those frames in each residual block of two convolutions, of which they say how many
            there are.
    """

    channels: int = 96
    kernel: int = 7
    dilations: list[int] = field(default_factory=lambda: [1, 1, 1])


@dataclass
class WhisperConfig:
    """A Whisper encoder's shape, and what reads it: `training.whisper.WhisperCtc` or `training.keywords.whisper`.

    Attributes:
        layers: how many transformer blocks to keep, from the first on; tiny has 4, base 6, small 12.
        size: width of the encoder; tiny 384, base 512, small 768.
        heads: of the attention; Whisper's are 64 wide each.
        joined_before: pairs of frames go on as one before this block, counted from 0, so from there on at 25 frames a
            second; `layers` joins them after the last.
        head: "linear", "lstm" for bidirectional layers of `rnn_size` units, or "conformer" for blocks as
            `model.conformer` has them; for keywords "pooling", with convolutions of `rnn_size` channels.
        head_layers: how many layers or blocks the head has.
    """

    layers: int = 4
    size: int = 384
    heads: int = 6
    joined_before: int = 4
    head: str = "lstm"
    head_layers: int = 2


@dataclass
class ModelConfig:
    """A network: see `training.model`, `training.conformer`, `training.whisper` and `training.keywords.model`.

    Attributes:
        conv_channels: channels of the convolutions and the residual blocks.
        conv_strides: [time, mel] stride of each 3 x 3 convolution before the residual blocks.
        residual_blocks: number of residual blocks, two 3 x 3 convolutions each.
        rnn: "lstm" or "gru".
        rnn_layers: number of bidirectional layers.
        rnn_size: units per direction; also the width of the projection before the first layer.
        dropout: probability, everywhere.
        encoder: "rnn" for what the fields from `residual_blocks` to `rnn_size` say, "conformer" or "whisper"; for
            keywords "separable", "whisper" with the head "pooling", or "gru" for recurrences alone.
        conformer, whisper, separable: what these look like.
    """

    conv_channels: int = 32
    conv_strides: list[list[int]] = field(default_factory=lambda: [[2, 2], [2, 2]])
    residual_blocks: int = 1
    rnn: str = "lstm"
    rnn_layers: int = 3
    rnn_size: int = 256
    dropout: float = 0.1
    encoder: str = "rnn"
    conformer: ConformerConfig = field(default_factory=ConformerConfig)
    whisper: WhisperConfig = field(default_factory=WhisperConfig)
    separable: SeparableConfig = field(default_factory=SeparableConfig)


@dataclass
class EdgesConfig:
    """Silence before and after what is said, cut short.

    Attributes:
        probability: share of the utterances that are cut.
        kept_s: the least and the most that is left on either side.
    """

    probability: float = 0.0
    kept_s: list[float] = field(default_factory=lambda: [0.15, 0.6])


@dataclass
class NoiseConfig:
    """Background noise.

    Attributes:
        probability: share of the utterances that get it.
        folder: recordings of noise; "none" for generated noise alone. One that a config file names and that does not
            exist is left out with a note.
        coloured_share: share that gets drawn noise, from blue to brown, instead of a recording.
        snr_db: lowest and highest level of the speech over the noise.
    """

    probability: float = 0.0
    folder: str = ""
    coloured_share: float = 0.3
    snr_db: list[float] = field(default_factory=lambda: [5.0, 30.0])


@dataclass
class RoomConfig:
    """Reverberation.

    Attributes:
        probability: share of the utterances that get it.
        folder: recorded room responses; "none" for simulated ones alone. One that a config file names and that does not
            exist is left out with a note.
        simulated_share: share that gets a simulated room instead of a recorded one.
        decay_s: shortest and longest T60 of a simulated room.
        direct_db: lowest and highest energy of its direct sound over its reflections.
    """

    probability: float = 0.0
    folder: str = ""
    simulated_share: float = 0.7
    decay_s: list[float] = field(default_factory=lambda: [0.1, 0.8])
    direct_db: list[float] = field(default_factory=lambda: [-3.0, 15.0])


@dataclass
class BandConfig:
    """Narrow lines and microphones: nothing above a cutoff drawn between two; 3400 Hz is the telephone's."""

    probability: float = 0.0
    cutoff_hz: list[float] = field(default_factory=lambda: [3400.0, 7500.0])


@dataclass
class CodecConfig:
    """Lossy codecs, by the names in `training.augment.CODECS`."""

    probability: float = 0.0
    names: list[str] = field(default_factory=lambda: ["mp3", "opus", "vorbis", "gsm", "ulaw"])


@dataclass
class AugmentConfig:
    """What is done to an utterance before it is learnt from.

    Attributes:
        speed_change: the recording is played up to this share slower or faster, pitch and formants with it.
        tempo_change: it is spoken up to this share slower or faster, pitch and formants as they are.
        tract_change: formants move up or down by up to this share, pitch and tempo as they are.
        colour_db: standard deviation of a gain that differs smoothly by frequency, as microphones' does. Normalisation
            over the utterance takes it away again; that by the peak does not.
        gain_db: it is made up to this much louder or softer.
        edges, noise, room, band, codec: see there.
        frequency_masks, frequency_mask_bands: SpecAugment's masks over bands, how many and how wide at most.
        time_masks, time_masks_per_s: its masks over time, how many, and how many more for each second.
        time_mask_frames: how wide they are at most.
        time_mask_share: no time mask covers more of an utterance than this.
    """

    speed_change: float = 0.0
    tempo_change: float = 0.0
    tract_change: float = 0.0
    colour_db: float = 0.0
    gain_db: float = 0.0
    edges: EdgesConfig = field(default_factory=EdgesConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    room: RoomConfig = field(default_factory=RoomConfig)
    band: BandConfig = field(default_factory=BandConfig)
    codec: CodecConfig = field(default_factory=CodecConfig)
    frequency_masks: int = 2
    frequency_mask_bands: int = 15
    time_masks: int = 2
    time_masks_per_s: float = 0.0
    time_mask_frames: int = 50
    time_mask_share: float = 0.1


@dataclass
class CorpusConfig:
    """A manifest and how often an epoch goes through it.

    Attributes:
        manifest: path of the manifest.
        repeat: passes an epoch makes; 0.5 takes a different half of it each epoch, 0 leaves it out.
        repeat_by_corpus: other numbers for lines whose `corpus` starts with the key.
        encoded_copies: as `data.encoded_copies`, for this manifest; 0 for that.
        optional: a run goes on without the manifest where it is missing, and says so.
    """

    manifest: str = MISSING
    repeat: float = 1.0
    repeat_by_corpus: dict[str, float] = field(default_factory=dict)
    encoded_copies: int = 0
    optional: bool = False


@dataclass
class DataConfig:
    """Where utterances come from and how they are put together.

    Attributes:
        train: manifests to learn from.
        dev: manifest to choose the checkpoint on.
        more_dev: further ones; what counts is the mean of the error rates on all of them. Those that a config file
            names and that do not exist are left out with a note.
        batch_seconds: padded seconds of audio in a batch.
        min_duration_s, max_duration_s: utterances outside are left out of training. A keyword model hears
            `max_duration_s` at once: of what is longer, a part.
        silence_share: of what a keyword model learns from, so much is noise in which nobody speaks.
        shortest_first: start with an epoch in order of length, which steadies the first steps of CTC (SortaGrad).
        workers: processes that prepare batches; 0 prepares them in the training process.
        on_device: keep all audio in the memory of the device that trains, and make and augment batches there: for GPUs,
            which else wait for the processor. Without codecs.
        encoded_copies: where the whole encoder is frozen (`optim.frozen`), how often each recording is augmented and
            encoded; the epochs take these copies in turn.
        cache_dir: where decoded audio, and what a frozen encoder makes of it, is kept between runs.
    """

    train: list[CorpusConfig] = field(default_factory=list)
    dev: str = MISSING
    more_dev: list[str] = field(default_factory=list)
    batch_seconds: float = 240.0
    min_duration_s: float = 0.3
    max_duration_s: float = 17.0
    silence_share: float = 0.0
    shortest_first: bool = True
    workers: int = 0
    on_device: bool = False
    encoded_copies: int = 1
    cache_dir: str = ".cache/audio"


@dataclass
class TeacherConfig:
    """A larger model whose features are to be told from the audio, too; see `training.teacher`.

    Attributes:
        folder: a Whisper model, its folder, file or name, as `init_from` has them; empty for none. Needs
            `data.on_device`.
        layers: blocks of the Conformer, counted from 0, that tell its features. The last is best left to characters. Of
            `model.encoder: whisper` it is the encoder's output.
        share: of a batch's utterances that it hears; it takes as long as the network itself.
        weight: of the mean squared error of its features, each scaled to a variance of 1, beside the CTC loss.
    """

    folder: str = ""
    layers: list[int] = field(default_factory=lambda: [2, 4])
    share: float = 1.0
    weight: float = 1.0


@dataclass
class OptimConfig:
    """AdamW or Muon under OneCycleLR; see `training.optimiser`.

    Attributes:
        name: "adamw" or "muon".
        max_lr: learning rate at the peak of the cycle.
        warmup_share: share of the steps that rise to it.
        anneal: "cos" or "linear".
        clip_norm: gradients are scaled down to this global norm.
        middle_ctc: share of the loss that CTC over the middle layer has; a head that only this needs is not part of the
            model. Source: Lee and Watanabe, "Intermediate Loss Regularization for CTC" (ICASSP 2021).
        consistency: weight of how far the labels of two differently masked views of each utterance lie apart, beside
            their CTC losses; 0 makes one view. Source: Yao et al., "CR-CTC: Consistency regularization on CTC for
            improved speech recognition" (ICLR 2025), where it is 0.2.
        label_smoothing: share of its certainty that a keyword model gives to all labels alike.
        unknown_excess: how much likelier `unknown` is among what a keyword model learns from than where somebody says a
            word for it to be known, as a logarithm; that much less likely it comes out.
        frozen: of the encoder of `model.encoder: whisper`, so many stages from below stay as they are: its
            convolutions, then each block, then the last norm. With all of them frozen (blocks + 2), its features are
            computed once and kept.
        encoder_lr_share: the encoder's learning rate is this share of the head's.
        layer_decay: of the encoder's stages, each learns so much more slowly than the one above it.
        teacher: see there.
    """

    name: str = "adamw"
    max_lr: float = 2e-3
    weight_decay: float = 0.01
    warmup_share: float = 0.15
    anneal: str = "cos"
    clip_norm: float = 1.0
    middle_ctc: float = 0.0
    consistency: float = 0.0
    label_smoothing: float = 0.0
    unknown_excess: float = 0.0
    frozen: int = 0
    encoder_lr_share: float = 1.0
    layer_decay: float = 1.0
    teacher: TeacherConfig = field(default_factory=TeacherConfig)


@dataclass
class TrainerConfig:
    """Lightning's trainer.

    Attributes:
        max_epochs: the length of the run, and of the learning rate cycle.
        max_steps: if above 0, a run of this many optimiser steps instead.
        precision: Lightning's name for it, such as "32-true", "bf16-mixed" or "16-mixed"; "auto" takes half precision
            where the hardware has it.
        accelerator, devices, nodes: Lightning's; "auto" takes what is there. Under torchrun its numbers count.
        accumulate: batches to an optimiser step.
        validate_every_steps: batches between validations, or a few less so that the last falls on the end of the run; 0
            validates after each epoch.
        average_last: the run ends with the mean of the weights at so many of the last validations; 0 makes none.
    """

    max_epochs: int = 20
    max_steps: int = -1
    precision: str = "auto"
    accelerator: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    accumulate: int = 1
    validate_every_steps: int = 0
    average_last: int = 5


@dataclass
class Config:
    """One training run.

    Attributes:
        name, version, training_data: what the model's spec says of it.
        seed: decides initial weights, batches, augmentation and dropout.
        output_dir: the run's files go to a folder of its name in here.
        init_from: a checkpoint whose weights the run starts from, with a schedule of its own; unlike `--resume`. For
            `model.encoder: whisper` also a Whisper model, whose encoder it starts from; see `training.pretrained`.
        task: "transcription" or "keywords".
        stages: runs that follow each other, each as what it changes of this config. The first starts as `init_from`
            says, each of the others from the best weights of the one before; see `training.stages`.
        labels: the model's output characters, "" for the CTC blank; or the keywords, with "unknown" and "silence".
    """

    name: str = MISSING
    version: str = "1"
    training_data: str = ""
    seed: int = 1
    output_dir: str = "runs"
    init_from: str = ""
    task: str = "transcription"
    stages: list[Any] = field(default_factory=list)
    labels: list[str] = field(default_factory=lambda: list(ENGLISH_LABELS))
    features: FeatureConfig = field(default_factory=FeatureConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


def load_config(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Reads a YAML config and applies overrides such as `optim.max_lr=1e-3` or `augment.noise.folder=none`.

    Raises:
        ConfigError: the file is missing, or a field is unknown, missing or of the wrong type.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.load(path), dotlist(overrides or []))
        config = OmegaConf.to_object(merged)
    except OSError as error:
        raise ConfigError(f"The config {path} cannot be read: {error}.") from error
    except (OmegaConfBaseException, ValueError) as error:
        raise ConfigError(f"The config {path} cannot be used: {str(error).splitlines()[0]}.") from error
    assert isinstance(config, Config)
    return config


def dotlist(overrides: Sequence[str]) -> DictConfig:
    """Parses overrides; `field=` with nothing after it, which is what a shell leaves of `field=''`, is empty text."""
    return OmegaConf.from_dotlist([f"{each}''" if each.endswith("=") else each for each in overrides])


def config_to_dict(config: Config) -> dict[str, Any]:
    """Returns the config as plain Python values, as kept in checkpoints."""
    return OmegaConf.to_container(OmegaConf.structured(config))  # type: ignore[return-value]


def config_from_dict(values: dict[str, Any]) -> Config:
    """Reads what `config_to_dict` returned."""
    try:
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(values)))
    except OmegaConfBaseException as error:
        raise ConfigError(f"The checkpoint's config cannot be used: {str(error).splitlines()[0]}.") from error
    assert isinstance(config, Config)
    return config


def model_spec(config: Config, measured: dict[str, Any] | None = None) -> ModelSpec:
    """Makes the spec of the model this config trains.

    Raises:
        hark.errors.ModelError: the feature settings contradict each other.
    """
    features = config.features
    is_keywords = config.task == "keywords"
    subsampling = 1
    for time_stride, _ in config.model.conv_strides:
        subsampling *= time_stride
    if config.model.encoder == "whisper":
        subsampling = WHISPER_SUBSAMPLING
    return ModelSpec(
        name=config.name,
        version=config.version,
        sample_rate_hz=features.sample_rate_hz,
        n_fft=features.n_fft,
        window_samples=features.window_samples,
        hop_samples=features.hop_samples,
        n_mels=features.n_mels,
        f_min_hz=features.f_min_hz,
        f_max_hz=features.f_max_hz,
        log_floor=features.log_floor,
        normalisation=features.normalisation,
        labels=tuple(config.labels),
        blank=NO_BLANK if is_keywords else config.labels.index(""),
        time_subsampling=1 if is_keywords else subsampling,
        max_window_s=config.data.max_duration_s,
        task=config.task,
        feature_kind=features.kind,
        n_mfcc=features.n_mfcc,
        mel_scale=features.mel_scale,
        mel_norm=features.mel_norm,
        unknown_excess=config.optim.unknown_excess if is_keywords else 0.0,
        training_data=config.training_data,
        measured=measured or {},
    )
