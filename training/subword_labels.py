"""Labels of more than one letter, learnt from texts by sentencepiece (byte-pair encoding).

A network that writes subwords has fewer of them to write than letters: worth it where speech has more letters than the
network has frames (25 a second), as in German with slow subsampling, and where a letter sounds differently in other
company, as in English. It has more labels to tell apart, which takes more hours of speech to learn. A language model
that spells with letters serves both.

Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (ACL 2016); Kudo and Richardson,
"SentencePiece" (EMNLP 2018).
"""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from training.checkpoint import load_checkpoint
from training.config import Config
from training.errors import ConfigError
from training.manifest import read_manifests
from training.normaliser import normaliser
from training.pretrained import is_pretrained
from training.text import unknown_characters

# How sentencepiece writes the space that begins a word.
_SPACE = "\u2581"


def labels_of(config: Config) -> list[str]:
    """Returns the labels of a run with `subwords`: those of the checkpoint that it starts from, or newly learnt ones.

    Raises:
        ConfigError: as `learn`.
        ManifestError: a training manifest cannot be read.
        CheckpointError: the checkpoint cannot be read.
    """
    if Path(config.init_from).is_file() and not is_pretrained(config.init_from):
        labels = load_checkpoint(config.init_from)[1].labels
        if any(len(label) > 1 for label in labels):
            return labels
    written = normaliser(config.language, tuple(config.labels))
    texts = (written(each.text) for each in read_manifests(corpus.manifest for corpus in config.data.train))
    return learn(texts, config.labels, config.subwords)


def learn(texts: Iterable[str], letters: Sequence[str], count: int) -> list[str]:
    """Learns subwords.

    Args:
        texts: normalised transcripts; those with other characters are passed over.
        letters: labels of single letters, which stay, so that every word can be spelt.
        count: how many labels there are to be, the blank and the letters included.

    Returns:
        The letters, then the subwords, those that begin a word with the space before them; fewer than `count` where the
        texts have no more.

    Raises:
        ConfigError: `count` has no room for subwords, or no text is left.
    """
    import sentencepiece  # which few runs need

    if " " not in letters or count <= len(letters):
        raise ConfigError(f"subwords must be more than the {len(letters)} letters, which are labels too; not {count}.")
    known = [text for text in texts if text and not unknown_characters(text, letters)]
    if not known:
        raise ConfigError("The training manifests have no text in the alphabet to learn subwords from.")
    model = io.BytesIO()
    # The mark for what is unknown comes first, and every character of the texts is there.
    others = 1 + len(set("".join(known)) | {" "})
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(known),
        model_writer=model,
        model_type="bpe",
        vocab_size=others + count - len(letters),
        character_coverage=1.0,
        normalization_rule_name="identity",
        hard_vocab_limit=False,
        bos_id=-1,
        eos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    learnt = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [learnt.id_to_piece(i).replace(_SPACE, " ") for i in range(1, learnt.get_piece_size())]
    return [*letters, *dict.fromkeys(piece for piece in pieces if piece not in letters)][:count]
