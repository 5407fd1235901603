"""Hark beside other recognisers that run offline on a CPU, on the same clips: `python -m benchmarks.peers`."""
