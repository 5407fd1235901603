"""Errors of the export."""

from hark.errors import HarkError


class ProofError(HarkError):
    """The exported model does not do what the trained one does; no file was written."""
