"""The training configuration: its fields, their defaults and what they mean; `training.config_files` reads it."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from hark.languages import ENGLISH
from hark.spec import NO_BLANK, ModelSpec
from training.text import ENGLISH_LABELS

# `model.encoder: whisper` halves the number of frames twice: in its second convolution, and where it joins pairs.
WHISPER_STRIDES = (2, 2)
WHISPER_SUBSAMPLING = WHISPER_STRIDES[0] * WHISPER_STRIDES[1]


@dataclass
class FeatureConfig:
    """The network's input. The fields are those of `hark.spec.ModelSpec`, which calls `kind` `feature_kind`."""

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
        heads: attention heads; `size` must be a multiple of twice this number.
        expansion: width of the feed-forward layers, in multiples of `size`.
        kernel: width of a convolution in frames of 80 ms; odd.
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
        channels: channels of the convolutions over time.
        kernel: width of a convolution in frames of 40 ms; odd.
        dilations: one for each residual block of two convolutions: the distance between those frames.
    """

    channels: int = 96
    kernel: int = 7
    dilations: list[int] = field(default_factory=lambda: [1, 1, 1])


@dataclass
class WhisperConfig:
    """The shape of a Whisper encoder and of its head; see `training.whisper` and `training.keywords.whisper`.

    Attributes:
        layers: how many transformer blocks to keep, starting with the first; tiny has 4, base 6, small 12.
        size: width of the encoder; tiny 384, base 512, small 768.
        heads: attention heads; Whisper's are 64 wide each.
        joined_before: pairs of frames are joined before this block, counted from 0, which leaves 25 frames a second;
            with the value of `layers` they are joined after the last block.
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
        encoder: "rnn" for the network that the fields from `residual_blocks` to `rnn_size` describe, "conformer" or
            "whisper"; for keywords "separable", "whisper" with the head "pooling", or "gru" for recurrences alone.
        conformer, whisper, separable: the shapes of these encoders.
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
    """Shortens the silence before and after the speech.

    Attributes:
        probability: share of the utterances that are cut.
        kept_s: the least and the most silence that is left on each side.
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
        coloured_share: share of these that gets generated noise, from blue to brown, instead of a recording.
        snr_db: lowest and highest signal-to-noise ratio.
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
        simulated_share: share of these that gets a simulated room instead of a recorded one.
        decay_s: shortest and longest T60 of a simulated room.
        direct_db: lowest and highest ratio of direct sound to reflections in it.
    """

    probability: float = 0.0
    folder: str = ""
    simulated_share: float = 0.7
    decay_s: list[float] = field(default_factory=lambda: [0.1, 0.8])
    direct_db: list[float] = field(default_factory=lambda: [-3.0, 15.0])


@dataclass
class BandConfig:
    """Narrow-band lines and microphones: nothing above a cutoff between these two; a telephone has 3400 Hz."""

    probability: float = 0.0
    cutoff_hz: list[float] = field(default_factory=lambda: [3400.0, 7500.0])


@dataclass
class CodecConfig:
    """Lossy codecs, by the names in `training.augment.CODECS`."""

    probability: float = 0.0
    names: list[str] = field(default_factory=lambda: ["mp3", "opus", "vorbis", "gsm", "ulaw"])


@dataclass
class AugmentConfig:
    """How the utterances of the training set are changed.

    Attributes:
        speed_change: largest change of speed, as a share, which moves pitch and formants too.
        tempo_change: largest change of tempo, as a share, without a change of pitch and formants.
        tract_change: largest change of the formants, as a share, without a change of pitch and tempo.
        colour_db: standard deviation of a gain that varies smoothly with frequency, as microphones' gains do.
            Normalisation over the utterance removes it again; normalisation by the peak does not.
        gain_db: largest change of the level.
        edges, noise, room, band, codec: see their classes.
        frequency_masks, frequency_mask_bands: number and largest width of SpecAugment's masks over bands.
        time_masks, time_masks_per_s: number of its masks over time, and how many more there are for each second.
        time_mask_frames: largest width of a mask over time.
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
    """A training manifest and how often an epoch takes its utterances.

    Attributes:
        manifest: path of the manifest.
        repeat: how often an epoch takes each; 0.5 takes a different half in each epoch, 0 leaves all out.
        repeat_by_corpus: other numbers for lines whose `corpus` starts with the key; the first key that fits counts.
        encoded_copies: `data.encoded_copies` for this manifest; 0 takes that value.
        optional: where the manifest is missing, the run goes on without it and says so.
    """

    manifest: str = MISSING
    repeat: float = 1.0
    repeat_by_corpus: dict[str, float] = field(default_factory=dict)
    encoded_copies: int = 0
    optional: bool = False


@dataclass
class DataConfig:
    """Where utterances come from and how batches are made of them.

    Attributes:
        train: manifests to train on.
        dev: manifest that chooses the checkpoint.
        more_dev: further ones; then the mean error rate on all of them chooses. Those that a config file
            names and that do not exist are left out with a note.
        batch_seconds: padded seconds of audio in a batch.
        min_duration_s, max_duration_s: utterances outside are left out of training. The window of a keyword
            model has `max_duration_s`: longer recordings are cut.
        silence_share: share of a keyword model's training examples that is noise in which nobody speaks.
        shortest_first: take the first epoch in order of length, which steadies the first steps of CTC (SortaGrad).
        workers: processes that prepare batches; 0 prepares them in the training process.
        on_device: keep all audio in the memory of the device that trains, and make and augment batches there. For GPUs,
            which otherwise wait for the processor. Codecs are not possible.
        encoded_copies: where the whole encoder is frozen (`optim.frozen`), how often each recording is augmented and
            encoded; the epochs take these copies in turn.
        cache_dir: where decoded audio and the features of a frozen encoder are kept between runs.
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
    """A larger model whose features the network also learns to predict; see `training.teacher`.

    Attributes:
        folder: a Whisper model, as a folder, file or name like those of `init_from`; empty for none. Needs
            `data.on_device`.
        layers: blocks of the Conformer, counted from 0, that predict the features; the last is best left to the
            characters. For `model.encoder: whisper` it is always the encoder's output.
        share: share of a batch's utterances that the teacher processes; it takes as long as the network itself.
        weight: weight, beside the CTC loss, of the mean squared error of the features, each scaled to a variance of 1.
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
        warmup_share: share of the steps in which the learning rate rises.
        anneal: "cos" or "linear".
        clip_norm: gradients are scaled down to this global norm.
        middle_ctc: share of the loss that is CTC over the middle layer; a head of its own for it is not part of the
            model. Source: Lee and Watanabe, "Intermediate Loss Regularization for CTC" (ICASSP 2021).
        consistency: weight, beside the CTC losses, of the difference between the labels of two differently masked views
            of each utterance; 0 makes one view. Source: Yao et al., "CR-CTC: Consistency regularization on CTC for
            improved speech recognition" (ICLR 2025), where it is 0.2.
        label_smoothing: share of the probability that a keyword model's targets give to all labels alike.
        unknown_excess: how much more often `unknown` occurs in a keyword model's training set than in use, as the
            logarithm of the ratio; the model makes up for it.
        frozen: how many stages of the encoder of `model.encoder: whisper` stay as they are, counted from its input: the
            convolutions, then each block, then the last norm. With all of them frozen (blocks + 2), its features are
            computed once and kept.
        encoder_lr_share: the encoder's learning rate as a share of the head's.
        layer_decay: the learning rate of each stage of the encoder as a share of the next one's.
        teacher: see its class.
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
    """Settings of Lightning's trainer.

    Attributes:
        max_epochs: length of the run and of the learning rate cycle.
        max_steps: if above 0, the length in optimiser steps instead.
        precision: Lightning's name for it, such as "32-true", "bf16-mixed" or "16-mixed"; "auto" takes half precision
            where the hardware is fast at it.
        accelerator, devices, nodes: Lightning's; "auto" takes what is there. Under torchrun its numbers count.
        accumulate: batches for each optimiser step.
        validate_every_steps: batches between validations, or a few less so that the last one is at the end of the run;
            0 validates after each epoch.
        average_last: how many of the last validations' weights to average at the end of the run; 0 for none.
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
        name, version, training_data: what the model's spec says about it.
        seed: of initial weights, batches, augmentation and dropout.
        output_dir: the run's files go to `name` in this folder.
        init_from: a checkpoint whose weights the run starts from, with a new schedule; `--resume` continues a run. For
            `model.encoder: whisper` also a Whisper model, whose encoder it starts from; see `training.pretrained`.
        task: "transcription" or "keywords".
        stages: runs that follow each other, each given by the fields it changes. The first starts from `init_from`, the
            others from the best weights of the one before; see `training.stages`.
        language: BCP 47 tag of what is spoken. Texts are written by the rules of this language (`training.normaliser`).
        alphabet: its letters, in lower case, in place of `labels`; `python -m training.alphabet` proposes one. Neither
            is needed for English and the languages whose table in `training/languages` has the letters.
        subwords: how many labels the model has, if they are to be subwords beside letters; they are learnt from the
            texts of the training manifests. 0 for letters alone. See `training.subword_labels`.
        labels: the model's output characters, with "" for the CTC blank; or the keywords, "unknown" and "silence".
    """

    name: str = MISSING
    version: str = "1"
    training_data: str = ""
    seed: int = 1
    output_dir: str = "runs"
    init_from: str = ""
    task: str = "transcription"
    stages: list[Any] = field(default_factory=list)
    language: str = ENGLISH
    alphabet: str = ""
    subwords: int = 0
    labels: list[str] = field(default_factory=lambda: list(ENGLISH_LABELS))
    features: FeatureConfig = field(default_factory=FeatureConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


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
        language=config.language,
        training_data=config.training_data,
        measured=measured or {},
    )
