"""Puts beside an exported recogniser what it is decoded with: what comes with Hark and fits it, and its new words."""

import dataclasses
import shutil
from pathlib import Path

from hark import model_files
from hark.attention import AttentionDecoder
from hark.decoding import Tuning
from hark.errors import ModelError
from hark.spec import ModelSpec
from training.config import Config
from training.served import learnt_words, twin


def add(model: Path, spec: ModelSpec, config: Config) -> None:
    """Copies the attention decoder that comes with Hark beside a model with the same encoder, and its search's weights.

    So a fine-tuned model is decoded jointly, as the released one is, and hears the words that it has learnt. An
    attention decoder that is there stays, and so do weights. What was done, or does not fit, is printed.

    Args:
        model: the file that was exported.
        spec: of it.
        config: of its training.

    Raises:
        ModelError: a file beside either model cannot be read.
    """
    own = model_files.attention_beside(model)
    if own.is_file():
        decoder = AttentionDecoder(own).spec
        try:
            decoder.check(spec, str(model))
        except ModelError as error:
            print(f"note: {own} is left as it is. {error}")
            return
    released = twin(spec)
    if released is None or released.resolve() == model.resolve():
        return
    if not own.is_file():
        part = own.with_suffix(".part")
        shutil.copyfile(model_files.attention_beside(released), part)
        part.replace(own)
        print(f"wrote {own}, a copy of the released one: it reads the same encoder")
    has_weights = model.with_suffix(".json").is_file()
    tuning = Tuning.beside(model) if has_weights else dataclasses.replace(Tuning.beside(released), measured={})
    words = learnt_words(config, spec, model_files.beside(model, spec.language)[0])
    if has_weights and tuning.words == words:
        return
    weights = dataclasses.replace(tuning, words=words).write(model)
    print(f"wrote {weights}: the weights of the search, and {len(words)} words that its language model does not know")
