"""Recognisers of other languages, for tests: the small one that comes with Hark, with other labels."""

import dataclasses
from pathlib import Path
from typing import Any

import onnx

from hark import model_files
from hark.model_metadata import spec_of
from hark.spec import METADATA_KEY, ModelSpec

SMALL = model_files.FOLDER / "small.onnx"
HEBREW = ("", " ", *"אבגדהוזחטיכלמנסעפצקרשתךםןףץ")


def relabelled(path: Path, **changes: Any) -> ModelSpec:
    """Writes a copy of the small model whose spec has changes, and returns the spec."""
    spec = dataclasses.replace(spec_of(SMALL), **changes)
    model = onnx.load(str(SMALL))
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = spec.to_json()
    onnx.save(model, str(path))
    return spec
