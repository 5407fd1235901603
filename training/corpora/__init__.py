"""Importers: a corpus as its makers publish it -> a manifest. `python -m training.corpora --help` lists them."""
