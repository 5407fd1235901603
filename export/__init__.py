"""Checkpoint -> ONNX file that is proven equal to what was trained."""

from hark.command import explain_missing_packages

explain_missing_packages()
