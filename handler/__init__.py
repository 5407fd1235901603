"""What Lambda runs: bytes of audio in, a transcript out, with NumPy and ONNX Runtime only."""
