"""Checkpoint -> ONNX file that is proven equal to the trained network."""

from hark.command import explain_missing_packages

explain_missing_packages()
