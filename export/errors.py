"""Errors of the export."""

from handler.errors import HarkError


class ProofError(HarkError):
    """The exported model does not do what the trained one does; no file was written."""
