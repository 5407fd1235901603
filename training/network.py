"""Builds the network that a config names.

Every network has `forward` (log-mel spectrograms -> log-probabilities) and `LABELLED`: the weights with an entry for
each label, as name -> (axis, how often the labels repeat along it). One that transcribes also has, for training,
`encode` (every layer's output), `label` (a layer's output -> log-probabilities), `middle` (the layer with the middle
CTC loss) and `LABELS_MIDDLE` (whether `label` serves that layer too; if not, training gives it a head of its own).
"""

from training.config import ModelConfig
from training.conformer import Conformer
from training.errors import ConfigError
from training.keywords.model import RawGru, SeparableCnn
from training.keywords.whisper import WhisperClassifier
from training.model import DeepSpeech2
from training.whisper import POOLING, WhisperCtc

Transcriber = DeepSpeech2 | Conformer | WhisperCtc
Classifier = SeparableCnn | RawGru | WhisperClassifier
Network = Transcriber | Classifier
_NETWORKS: dict[str, type[DeepSpeech2] | type[Conformer] | type[WhisperCtc] | type[SeparableCnn] | type[RawGru]] = {
    "rnn": DeepSpeech2,
    "conformer": Conformer,
    "whisper": WhisperCtc,
    "separable": SeparableCnn,
    "gru": RawGru,
}


def build(config: ModelConfig, n_inputs: int, n_labels: int) -> Network:
    """Makes the network with random weights; a frame of its input has `n_inputs` numbers.

    Raises:
        ConfigError: there is no such network, or its numbers contradict each other.
    """
    if config.encoder not in _NETWORKS:
        raise ConfigError(f"model.encoder must be one of {', '.join(_NETWORKS)}, not {config.encoder!r}.")
    if config.encoder == "whisper" and config.whisper.head == POOLING:
        return WhisperClassifier(config, n_inputs, n_labels)
    return _NETWORKS[config.encoder](config, n_inputs, n_labels)
