"""Checkpoint -> ONNX file that is proven equal to what was trained."""
