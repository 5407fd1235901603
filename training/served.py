"""How a checkpoint is served: what its file says of it, whose attention decoder it can use, which words it brings."""

import dataclasses
from collections import Counter
from pathlib import Path

from hark import hotwords, model_files
from hark.attention import AttentionDecoder
from hark.decoding import MOST_LEARNT
from hark.errors import ModelError
from hark.language_model import LanguageModel
from hark.spec import ModelSpec
from training.attention.checkpoint import digest_of
from training.config import Config, model_spec
from training.manifest import read_manifest
from training.network import Network
from training.normaliser import normaliser
from training.whisper import WhisperCtc


def spec_of(model: Network, config: Config) -> ModelSpec:
    """Returns the spec of a network, with its encoder's digest where an attention decoder could read its features."""
    spec = model_spec(config)
    if isinstance(model, WhisperCtc) and model.encoder.join is None:  # else its frames are no pairs of Whisper's
        return dataclasses.replace(spec, encoder=digest_of(model.encoder))
    return spec


def twin(spec: ModelSpec, released: Path = model_files.RECOGNISER) -> Path | None:
    """Returns the recogniser that comes with Hark if a model has its encoder, as after fine-tuning; else None.

    Then its attention decoder reads this model's features, and the weights of its search fit.

    Args:
        spec: of the model, with its encoder.
        released: the recogniser that comes with Hark.

    Raises:
        ModelError: the attention decoder that comes with Hark cannot be read.
    """
    attention = model_files.attention_beside(released)
    if not attention.is_file():
        return None
    decoder = AttentionDecoder(attention).spec
    try:
        decoder.check(spec, str(released))
    except ModelError:
        return None
    return released


def learnt_words(config: Config, spec: ModelSpec, language_model: Path) -> tuple[str, ...]:
    """Returns the words of a model's training texts that a language model does not know, at most `MOST_LEARNT`.

    Those come first that make up most of a manifest: names in a few sentences of one's own before those in hours of
    other speech, which is there so that nothing is forgotten.

    A search finds such words unlikely, and an attention decoder that has not learnt them, too, however well the network
    hears them; so whoever searches has to listen for them (`Tuning.words`).

    Args:
        config: of the training run. What it names and is not here any more is passed over.
        spec: of the model.
        language_model: its file, which need not be there.

    Raises:
        ManifestError: a manifest cannot be read.
        ModelError: the language model cannot be read.
    """
    manifests = [Path(corpus.manifest) for corpus in config.data.train if corpus.repeat > 0]
    manifests = [manifest for manifest in manifests if manifest.is_file()]
    if not manifests or not language_model.is_file():
        return ()
    normalised, known = normaliser(spec.language, spec.labels), LanguageModel(language_model)
    shares: dict[str, float] = {}
    for manifest in manifests:
        counts = Counter(word for each in read_manifest(manifest) for word in normalised(each.text).split())
        for word, count in counts.items():
            if len(word) <= hotwords.LONGEST and known.number(word) < 0:
                shares[word] = max(shares.get(word, 0.0), count / counts.total())
    return tuple(sorted(shares, key=lambda word: -shares[word])[:MOST_LEARNT])
