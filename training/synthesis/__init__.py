"""Text -> speech with freely licensed engines that run offline; `training.synthesize` is the command line.

One module for each engine, all with the protocol of `engine.py`; `sound.py` makes recordings of their output.
"""
