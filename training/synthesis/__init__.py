"""Text -> speech with freely licensed engines that run offline; `training.synthesize` is the command line.

One module an engine, all behind the protocol of `engine.py`; `sound.py` makes a recording of what an engine said.
"""
