"""Puts beside an exported recogniser what it is decoded with, where what comes with Hark fits it."""

import dataclasses
import shutil
from pathlib import Path

from hark import model_files
from hark.attention import AttentionDecoder
from hark.decoding import Tuning
from hark.spec import ModelSpec
from training.served import twin


def add(model: Path, spec: ModelSpec) -> None:
    """Copies the attention decoder that comes with Hark beside a model with the same encoder, and its search's weights.

    So a fine-tuned model is decoded jointly, as the released one is. What is there already stays; what was done, or
    does not fit, is printed.

    Args:
        model: the file that was exported.
        spec: of it.

    Raises:
        ModelError: a file beside either model cannot be read.
    """
    own = model_files.attention_beside(model)
    if own.is_file():
        if AttentionDecoder(own).spec.encoder != spec.encoder:
            print(
                f"note: {own} reads the features of another encoder, so {model} cannot be decoded jointly: remove it, "
                "or train one for this encoder (docs/training.md)."
            )
        return
    released = twin(spec)
    if released is None or released.resolve() == model.resolve():
        return
    part = own.with_suffix(".part")
    shutil.copyfile(model_files.attention_beside(released), part)
    part.replace(own)
    print(f"wrote {own}, a copy of the released one: it reads the same encoder")
    if not model.with_suffix(".json").is_file():
        weights = dataclasses.replace(Tuning.beside(released), measured={}).write(model)
        print(f"wrote {weights}: the weights of the released model's search")
